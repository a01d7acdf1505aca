package config

import (
	"bytes"
	"regexp"
)

// bareStar is a * that YAML takes for an alias.
var bareStar = regexp.MustCompile(`(^|[\[,:\s-])\*([\],\s]|$)`)

// explainSyntax says in other words what the parser means by message, where it is one
// of the faults that people make: its words are about tokens.
func explainSyntax(message string, data []byte, line int) string {
	text := sourceLine(data, line)
	switch {
	case bareStar.Match(text):
		return `"*" needs quotes`
	case bytes.ContainsRune(text, '\t') && message == "found character '\t' that cannot start any token":
		return "a tab; YAML is indented with spaces"
	case message == "value is not allowed in this context":
		return "is indented otherwise than the lines around it"
	case message == "unexpected key name":
		return "a key without its colon (key: value)"
	}
	return message
}

// sourceLine returns a line of data, by its number from 1; nil for one that isn't there.
func sourceLine(data []byte, number int) []byte {
	lines := bytes.Split(data, []byte("\n"))
	if number < 1 || number > len(lines) {
		return nil
	}
	return lines[number-1]
}
