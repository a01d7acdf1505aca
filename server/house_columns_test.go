package server

import (
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxColumns is how wide a line may be; a tab counts as one column.
const maxColumns = 120

// TestHouseColumns: no line is wider than can be read beside another file. What Go can't break is left out: the text of
// raw strings, and the tags of fields.
func TestHouseColumns(t *testing.T) {
	for _, s := range sourceFiles(t) {
		text, err := os.ReadFile(filepath.Join("..", s.path))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range wideLines(text) {
			t.Errorf("%s:%d: wider than %d columns", s.path, line, maxColumns)
		}
	}
}

// wideLines returns the numbers of the lines that are too wide.
func wideLines(text []byte) []int {
	unbreakable := map[int]bool{}
	set := token.NewFileSet()
	file := set.AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, 0)
	before := token.ILLEGAL
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			break
		}
		if tok == token.STRING && literal[0] == '`' {
			first := file.Line(pos)
			lines := strings.Count(literal, "\n")
			// A string that follows a type is the tag of a field.
			if lines > 0 || before == token.IDENT || before == token.RBRACK || before == token.RBRACE {
				for i := range lines + 1 {
					unbreakable[first+i] = true
				}
			}
		}
		before = tok
	}
	var wide []int
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > maxColumns && !unbreakable[number] {
			wide = append(wide, number)
		}
	}
	return wide
}

func TestWideLines(t *testing.T) {
	long := strings.Repeat("x", maxColumns)
	for _, tt := range []struct {
		name, text string
		want       int
	}{
		{"as wide as may be", "package p\n//" + long[2:] + "\n", 0},
		{"a comment", "package p\n//" + long + "\n", 1},
		{"letters of several octets", "package p\n//" + strings.Repeat("é", maxColumns-2) + "\n", 0},
		{"a string", "package p\n\nvar s = \"" + long + "\"\n", 1},
		{"a raw string of one line", "package p\n\nvar s = `" + long + "`\n", 1},
		{"a raw string of several", "package p\n\nvar s = `\n" + long + long + "\n`\n", 0},
		{"a tag", "package p\n\ntype t struct {\n\ta string `" + long + "`\n}\n", 0},
	} {
		got := wideLines([]byte(tt.text))
		if len(got) != tt.want {
			t.Errorf("%s: wide are the lines %d", tt.name, got)
		}
	}
}
