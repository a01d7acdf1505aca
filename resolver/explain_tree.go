package resolver

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Drawing says how an explanation is drawn. The zero value is the plain one, whole, by
// indentation.
type Drawing struct {
	Boxes bool // with box characters (UTF-8)
	Width int  // columns, in which lines are wrapped; 0 for as wide as they are
	Depth int  // steps below each other; what is deeper is counted; 0 for all
	// Paint, when it is there, colours a text of a kind. It changes nothing else of it.
	Paint func(kind Paint, text string) string
}

// Paint is a kind of text in a drawing.
type Paint uint8

// The kinds of text.
const (
	Title    Paint = iota // what a step is about
	Decisive              // what a step is about that made the answer
	Vain                  // a step that came to nothing, whole
	Good                  // a response code
	Bad
	Aside // what is said beside
)

// Lines renders an explanation for people: the answer, then the steps as a tree. With
// boxes the tree is drawn with box characters (UTF-8), else by indentation.
func (e *Explanation) Lines(boxes bool) []string { return e.Draw(Drawing{Boxes: boxes}) }

// Draw renders an explanation for people, as it is wanted.
func (e *Explanation) Draw(d Drawing) []string {
	lines := append(e.head(&d), "")
	lines = d.appendTree(lines, e.Steps, "", 1)
	if e.Outside == nil {
		return lines
	}
	lines = append(lines, "", d.paint(Title, "from outside, by Route 53"))
	lines = append(lines, e.Outside.head(&d)...)
	lines = append(lines, "")
	lines = d.appendTree(lines, e.Outside.Steps, "", 1)
	lines = append(lines, "", d.paint(Title, "the difference"))
	return d.appendTree(lines, e.Differences, "", 1)
}

// head is the answer itself.
func (e *Explanation) head(d *Drawing) []string {
	rcode := Bad
	if e.Rcode == "NOERROR" {
		rcode = Good
	}
	lines := []string{d.paint(Title, e.Name+" "+e.Type) + " for " + e.Client + ": " +
		strings.Join(append([]string{d.paint(rcode, e.Rcode)}, e.Flags...), " ")}
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

func (d *Drawing) paint(kind Paint, text string) string {
	if d.Paint == nil || text == "" {
		return text
	}
	return d.Paint(kind, text)
}

// appendTree appends the lines of steps, children below their parent.
func (d *Drawing) appendTree(lines []string, steps []Step, indent string, depth int) []string {
	for i, step := range steps {
		branch, below := "", "  "
		if d.Boxes {
			branch, below = "├─ ", "│  "
			if i == len(steps)-1 {
				branch, below = "└─ ", "   "
			}
		}
		folded := ""
		if d.Depth > 0 && depth >= d.Depth && len(step.Steps) > 0 {
			folded = fmt.Sprintf(" (%d more)", countSteps(step.Steps))
		}
		lines = append(lines, d.stepLines(&step, folded, indent+branch, indent+below)...)
		if folded == "" {
			lines = d.appendTree(lines, step.Steps, indent+below, depth+1)
		}
	}
	return lines
}

func countSteps(steps []Step) int {
	n := len(steps)
	for _, s := range steps {
		n += countSteps(s.Steps)
	}
	return n
}

// leastWidth is how narrow the text of a step may become.
const leastWidth = 20

// stepLines are the lines of one step: the first behind first, the others, where it is wrapped,
// behind next.
func (d *Drawing) stepLines(step *Step, folded, first, next string) []string {
	title, text := strings.Map(printable, step.Step), strings.Map(printable, step.Step)
	if step.Why != "" {
		text += ": " + strings.Map(printable, step.Why)
	}
	text += folded
	wrapped := []string{text}
	if d.Width > 0 {
		next += "  " // what goes on is no step
		wrapped = wrap(text, max(leastWidth, d.Width-utf8.RuneCountInString(first)),
			max(leastWidth, d.Width-utf8.RuneCountInString(next)))
	}
	for i, line := range wrapped {
		rest, hasTitle := strings.CutPrefix(line, title)
		switch {
		case step.vain():
			line = d.paint(Vain, line)
		case i == 0 && hasTitle && step.decisive():
			line = d.paint(Decisive, title) + rest
		case i == 0 && hasTitle:
			line = d.paint(Title, title) + rest
		}
		if i == 0 {
			wrapped[i] = d.paint(Aside, first) + line
			continue
		}
		wrapped[i] = d.paint(Aside, next) + line
	}
	return wrapped
}

// decisive reports whether a step made the answer, vain whether it came to nothing: by the
// words that say so.
func (s *Step) decisive() bool {
	return hasAny(s.Why, "decides", "answered by ", "becomes ", "chosen") && !hasAny(s.Why, "not chosen")
}

func (s *Step) vain() bool {
	return hasAny(s.Why, "doesn't have the name", "hidden by", "not chosen") || strings.HasPrefix(s.Step, "left out")
}

func hasAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// wrap breaks a text between words, and a word that is too long where it has to be: the first
// line is so wide, all others another width.
func wrap(text string, first, next int) []string {
	var lines []string
	width, line := first, []rune(nil)
	for _, word := range strings.Split(text, " ") {
		runes := []rune(word)
		if len(line) > 0 && len(line)+1+len(runes) <= width {
			line = append(append(line, ' '), runes...)
			continue
		}
		if len(line) > 0 {
			lines = append(lines, string(line))
			width = next
		}
		for len(runes) > width {
			lines = append(lines, string(runes[:width]))
			runes = runes[width:]
			width = next
		}
		line = runes
	}
	return append(lines, string(line))
}

// printable keeps what data say of themselves from steering a terminal.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return unicode.ReplacementChar
	}
	return r
}
