package resolver

import (
	"strings"
	"unicode"
)

// Lines renders an explanation for people: the answer, then the steps as a tree. With
// boxes the tree is drawn with box characters (UTF-8), else by indentation.
func (e *Explanation) Lines(boxes bool) []string {
	lines := e.head()
	lines = append(lines, "")
	lines = appendTree(lines, e.Steps, "", boxes)
	if e.Outside == nil {
		return lines
	}
	lines = append(lines, "", "from outside, by Route 53")
	lines = append(lines, e.Outside.head()...)
	lines = append(lines, "")
	lines = appendTree(lines, e.Outside.Steps, "", boxes)
	lines = append(lines, "", "the difference")
	return appendTree(lines, e.Differences, "", boxes)
}

// head is the answer itself.
func (e *Explanation) head() []string {
	lines := []string{e.Name + " " + e.Type + " for " + e.Client + ": " +
		strings.Join(append([]string{e.Rcode}, e.Flags...), " ")}
	if e.EDE != "" {
		lines = append(lines, "  extended error "+e.EDE)
	}
	for _, records := range [][]string{e.Answer, e.Authority, e.Additional} {
		for _, record := range records {
			lines = append(lines, "  "+record)
		}
	}
	return lines
}

// appendTree appends a line a step, children below their parent.
func appendTree(lines []string, steps []Step, indent string, boxes bool) []string {
	for i, step := range steps {
		branch, below := "", "  "
		if boxes {
			branch, below = "├─ ", "│  "
			if i == len(steps)-1 {
				branch, below = "└─ ", "   "
			}
		}
		text := step.Step
		if step.Why != "" {
			text += ": " + step.Why
		}
		lines = append(lines, indent+branch+strings.Map(printable, text))
		lines = appendTree(lines, step.Steps, indent+below, boxes)
	}
	return lines
}

// printable keeps what data say of themselves from steering a terminal.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return unicode.ReplacementChar
	}
	return r
}
