package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeNames: the files that README.md names exist, and declare what it says they do.
func TestReadmeNames(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z0-9_]+(?:/[a-z0-9_]+)*\\.go)`(?: `([A-Za-z0-9]+)`)?").FindAllStringSubmatch(
		string(text), -1)
	if len(named) < 30 {
		t.Errorf("only %d files named", len(named))
	}
	for _, m := range named {
		path := filepath.Join("../..", m[1])
		if !strings.Contains(m[1], "/") { // doc.go, which each package has
			path = m[1]
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Errorf("%s: %v", m[1], err)
			continue
		}
		if m[2] != "" && !declares(file, m[2]) {
			t.Errorf("%s declares no %s", m[1], m[2])
		}
	}
}

// declares reports whether a file declares a function, a method or a type of that name.
func declares(file *ast.File, name string) bool {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.Name == name {
				return true
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				typ, ok := s.(*ast.TypeSpec)
				if ok && typ.Name.Name == name {
					return true
				}
			}
		}
	}
	return false
}

// TestReadmeWays: each way is a list whose hops begin with a file, one a line.
func TestReadmeWays(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	hop := regexp.MustCompile("^[0-9]+\\. `[a-z0-9_/]+\\.go`(?: `[A-Za-z0-9]+`)?: .*[.?]\n$")
	for _, way := range []string{"query", "record"} {
		_, section, found := strings.Cut(string(text), "\n## The way of a "+way+"\n\n")
		if !found {
			t.Fatalf("no way of a %s", way)
		}
		list, _, _ := strings.Cut(section, "\n\n")
		hops := 0
		for line := range strings.Lines(list + "\n") {
			hops++
			if !hop.MatchString(line) {
				t.Errorf("no hop: %s", line)
			}
		}
		if hops < 10 {
			t.Errorf("the way of a %s has %d hops", way, hops)
		}
	}
}
