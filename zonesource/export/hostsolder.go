package export

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// OlderLine is a name in a line of others above the block: who reads the first line of a name
// alone never comes to the block.
type OlderLine struct {
	Number int // of the line, from 1
	Name   string
	Addr   string
}

// LeftName is a name of others that was in one line with one of the block, and keeps its address, which is none of
// that one now.
type LeftName struct {
	OlderLine
	Beside string // the name of the block
}

// aboveBlock is where the block begins in a hosts file: at the end where there is none.
func aboveBlock(text []byte) int {
	at := 0
	for line := range bytes.Lines(text) {
		if string(bytes.TrimSpace(line)) == beginMark {
			return at
		}
		at += len(line)
	}
	return len(text)
}

// entry is one line of a hosts file.
type entry struct {
	addr  string
	names []string
}

// parseEntry reads one line; no names where it is none of an address.
func parseEntry(line []byte) entry {
	text, _, _ := strings.Cut(string(line), "#")
	fields := strings.Fields(text)
	if len(fields) < 2 {
		return entry{}
	}
	address, _, _ := strings.Cut(fields[0], "%")
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return entry{}
	}
	return entry{addr.String(), fields[1:]}
}

// namesOfBlock are the addresses of each name of a block.
func namesOfBlock(block []byte) map[string][]string {
	names := map[string][]string{}
	for line := range bytes.Lines(block) {
		e := parseEntry(line)
		for _, n := range e.names {
			names[n] = append(names[n], e.addr)
		}
	}
	return names
}

// NamesOf are the names of a block of [Hosts], in order.
func NamesOf(block []byte) []string { return slices.Sorted(maps.Keys(namesOfBlock(block))) }

// olderLines are the names of the block in lines of others above it, with addresses that the
// block doesn't give them.
func olderLines(text, block []byte) []OlderLine {
	names := namesOfBlock(block)
	var older []OlderLine
	number := 0
	for line := range bytes.Lines(text[:aboveBlock(text)]) {
		number++
		e := parseEntry(line)
		for _, n := range e.names {
			ours := names[strings.ToLower(n)]
			if len(ours) > 0 && !slices.Contains(ours, e.addr) {
				older = append(older, OlderLine{number, n, e.addr})
			}
		}
	}
	return older
}

// adoptNames takes the names of the block out of the lines of others above it. A line that has
// no other name goes, of all others the rest stays.
func adoptNames(text, block []byte) (out []byte, left []LeftName) {
	names := namesOfBlock(block)
	above := aboveBlock(text)
	number := 0
	for line := range bytes.Lines(text[:above]) {
		number++
		e := parseEntry(line)
		isOurs := func(n string) bool { return len(names[strings.ToLower(n)]) > 0 }
		others := slices.DeleteFunc(slices.Clone(e.names), isOurs)
		if len(others) == len(e.names) {
			out = append(out, line...)
			continue
		}
		if len(others) > 0 {
			out = append(out, withoutNames(line, isOurs)...)
		}
		beside := e.names[slices.IndexFunc(e.names, isOurs)]
		for _, n := range others {
			if !slices.Contains(names[strings.ToLower(beside)], e.addr) {
				left = append(left, LeftName{OlderLine{number, n, e.addr}, beside})
			}
		}
	}
	return append(out, text[above:]...), left
}

// withoutNames is a line without some of its names and the blanks before them.
func withoutNames(line []byte, isOurs func(string) bool) []byte {
	text, comment, commented := strings.Cut(string(line), "#")
	var out strings.Builder
	const blank = " \t\r\n\v\f"
	for first := true; text != ""; first = false {
		word := strings.TrimLeft(text, blank)
		gap := text[:len(text)-len(word)]
		end := strings.IndexAny(word, blank)
		if end < 0 {
			end = len(word)
		}
		text = word[end:]
		if first || word[:end] == "" || !isOurs(word[:end]) {
			out.WriteString(gap + word[:end])
		}
	}
	if commented {
		out.WriteString("#" + comment)
	}
	return []byte(out.String())
}
