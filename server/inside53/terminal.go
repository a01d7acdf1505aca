package main

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"inside53/resolver"
)

// terminal is what is known of where output goes. The zero value is a file or a pipe: no
// colours, as wide as lines are.
type terminal struct {
	colours bool
	width   int // columns; 0 for no bound
	boxes   bool
}

// terminalOf says what a stream can show. Colours are off where NO_COLOR says so (no-color.org)
// or the terminal has none.
func terminalOf(stream any, getenv func(string) string) terminal {
	if !isTerminal(stream) {
		return terminal{}
	}
	t := terminal{boxes: isUTF8(getenv), width: columns(stream)}
	t.colours = getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	wanted, err := strconv.Atoi(getenv("COLUMNS"))
	if err == nil && wanted > 0 {
		t.width = wanted
	}
	return t
}

// isUTF8 looks at the locale as POSIX orders it.
func isUTF8(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		value := strings.ToUpper(getenv(name))
		if value != "" {
			return strings.Contains(value, "UTF-8") || strings.Contains(value, "UTF8")
		}
	}
	return false
}

// style is how a text is shown (ECMA-48, SGR): by the first sixteen colours, which people set
// as they can read them.
type style string

const (
	bold   style = "1"
	faint  style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

// paint shows a text in a style, where there are colours.
func (t terminal) paint(s style, text string) string {
	if !t.colours || text == "" || s == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// drawing is how explanations are drawn here.
func (t terminal) drawing(depth int) resolver.Drawing {
	d := resolver.Drawing{Boxes: t.boxes, Width: t.width, Depth: depth}
	if t.colours {
		styles := map[resolver.Paint]style{
			resolver.Title: bold, resolver.Decisive: bold + ";" + green, resolver.Vain: faint, resolver.Good: green,
			resolver.Bad: red, resolver.Aside: faint,
		}
		d.Paint = func(kind resolver.Paint, text string) string { return t.paint(styles[kind], text) }
	}
	return d
}

// table prints rows in columns. On a terminal a head is bold, lines that begin with + or - are
// green or red, and lines that are too wide go on below their last column.
func (c console) table(rows [][]string) error {
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = io.WriteString(w, strings.TrimRight(strings.Join(row, "\t"), "\t")+"\n")
	}
	err := w.Flush()
	if err != nil {
		return err
	}
	t := terminalOf(c.out, os.Getenv)
	out := text.String()
	if t != (terminal{}) {
		out = t.table(out, len(rows) > 0 && isHead(rows[0]))
	}
	_, err = io.WriteString(c.out, out)
	return err
}

// isHead reports whether a row is the head of a table: words in capitals.
func isHead(row []string) bool {
	for _, cell := range row {
		if cell == "" || strings.ContainsFunc(cell, unicode.IsLower) {
			return false
		}
	}
	return len(row) > 1
}

// table is what a table of fixed columns looks like on a terminal.
func (t terminal) table(text string, hasHead bool) string {
	var out strings.Builder
	indent := strings.Repeat(" ", t.lastColumn(text))
	number := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		s := style("")
		switch {
		case number == 0 && hasHead:
			s = bold
		case strings.HasPrefix(line, "+"):
			s = green
		case strings.HasPrefix(line, "- "):
			s = red
		}
		for _, part := range t.fold(line, indent) {
			out.WriteString(t.paint(s, part) + "\n")
		}
		number++
	}
	return out.String()
}

// lastColumn is where the last column of the first line begins, in columns; a few where that
// leaves too little room.
func (t terminal) lastColumn(text string) int {
	first, _, _ := strings.Cut(text, "\n")
	at := strings.LastIndex(first, "  ") + 2
	if at < 2 || utf8.RuneCountInString(first[:at]) > t.width*3/5 {
		return 4
	}
	return utf8.RuneCountInString(first[:at])
}

// fold breaks a line that is wider than the terminal, between words where there are any.
func (t terminal) fold(line, indent string) []string {
	runes := []rune(line)
	if t.width <= len(indent)+10 || len(runes) <= t.width {
		return []string{line}
	}
	var out []string
	for len(runes) > t.width {
		at := t.width
		for i := t.width; i > max(len(indent), t.width/2); i-- {
			if runes[i] == ' ' {
				at = i
				break
			}
		}
		out = append(out, strings.TrimRight(string(runes[:at]), " "))
		runes = []rune(indent + strings.TrimLeft(string(runes[at:]), " "))
	}
	return append(out, string(runes))
}
