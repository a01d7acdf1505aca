package nametemplate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Most is how many names one template gives an instance at most.
const Most = 64

// The placeholders. That of a tag has the tag's key behind it.
const (
	Tag           = "tag"
	SecurityGroup = "security-group"
	Group         = "asg"
	Ordinal       = "ordinal"
	ID            = "id"
	Region        = "region"
	Zone          = "az"
	VPC           = "vpc"
	Account       = "account"
)

// The words that stood for templates before there were any. A name tag stands for the host
// names' tag where that one gives none.
const (
	WordTag           = "tag"            // the tag of host names
	WordName          = "Name"           // the tag Name
	WordSecurityGroup = "security-group" // the names of the groups
)

// Placeholder is what stands between braces, or one of several there.
type Placeholder struct {
	Kind string // one of the placeholders
	Key  string // of a tag
}

// String returns the placeholder as it is written.
func (p Placeholder) String() string {
	if p.Kind == Tag {
		return Tag + ":" + p.Key
	}
	return p.Kind
}

// source says for people where a name is from.
func (p Placeholder) source() string {
	switch p.Kind {
	case Tag:
		return p.Key + " tag"
	case SecurityGroup:
		return "security group"
	}
	return "{" + p.Kind + "}"
}

// Template is the form of names. Make one with [Parse].
type Template struct {
	text  string
	parts []part
}

// part is a piece of a template: text, or what may stand in its place.
type part struct {
	text    string
	choices []Placeholder // nil: text
}

// String returns the template as it is written.
func (t Template) String() string { return t.text }

// Uses reports whether a placeholder of this kind stands in the template.
func (t Template) Uses(kind string) bool {
	return slices.ContainsFunc(t.parts, func(p part) bool {
		return slices.ContainsFunc(p.choices, func(c Placeholder) bool { return c.Kind == kind })
	})
}

// Suffix is what all names by the template end in: whole labels behind the last placeholder, "" for
// none.
func (t Template) Suffix() string {
	if len(t.parts) == 0 || t.parts[len(t.parts)-1].choices != nil {
		return ""
	}
	_, suffix, _ := strings.Cut(t.parts[len(t.parts)-1].text, ".")
	return suffix
}

// Parse reads a template. The error says what is wrong with the text, and quotes it.
func Parse(text string) (Template, error) {
	t := Template{text: text}
	fault := func(format string, args ...any) (Template, error) {
		return Template{}, fmt.Errorf("%q "+format, append([]any{text}, args...)...)
	}
	if strings.TrimSpace(text) == "" {
		return Template{}, errors.New(`is empty; write a template like "{tag:dns}"`)
	}
	sample, placeholders := "", 0
	for rest := text; rest != ""; {
		at := strings.IndexAny(rest, "{}")
		switch {
		case at < 0:
			at = len(rest)
		case rest[at] == '}':
			return fault("has a } without a { before it")
		}
		if at > 0 {
			t.parts = append(t.parts, part{text: rest[:at]})
			sample, rest = sample+rest[:at], rest[at:]
			continue
		}
		inner, after, closed := strings.Cut(rest[1:], "}")
		if !closed || strings.Contains(inner, "{") {
			return fault("has a { without a } behind it")
		}
		choices, err := parseChoices(inner)
		if err != nil {
			return fault("%w", err)
		}
		t.parts = append(t.parts, part{choices: choices})
		sample, rest, placeholders = sample+"x", after, placeholders+1
	}
	if placeholders == 0 {
		return fault("has no placeholder: every instance would have this name; write {tag:%s}, say", text)
	}
	err := checkText(sample)
	if err != nil {
		return fault("%w", err)
	}
	return t, nil
}

// parseChoices reads what stands between braces.
func parseChoices(inner string) ([]Placeholder, error) {
	var out []Placeholder
	for text := range strings.SplitSeq(inner, "|") {
		kind, key, keyed := strings.Cut(strings.TrimSpace(text), ":")
		p := Placeholder{Kind: kind, Key: strings.TrimSpace(key)}
		switch {
		case kind == Tag && p.Key == "":
			return nil, errors.New("has a tag without its key; write {tag:dns}, say")
		case kind == Tag && len(p.Key) > 128:
			return nil, fmt.Errorf("has a tag's key of %d octets; they have 128 at most", len(p.Key))
		case kind != Tag && (keyed || !slices.Contains(kinds(), kind)):
			return nil, fmt.Errorf("has {%s}, which is none of {tag:KEY}, {%s}", strings.TrimSpace(text),
				strings.Join(kinds(), "}, {"))
		}
		if slices.Contains(out, p) {
			return nil, fmt.Errorf("has %s twice between one pair of braces", p)
		}
		out = append(out, p)
	}
	return out, nil
}

// kinds are the placeholders without a key.
func kinds() []string {
	return []string{SecurityGroup, Group, Ordinal, ID, Region, Zone, VPC, Account}
}

// checkText looks at the text of a template, in which one letter stands for each
// placeholder: what no value can mend is a fault.
func checkText(sample string) error {
	for label := range strings.SplitSeq(strings.TrimSuffix(sample, "."), ".") {
		switch {
		case label == "":
			return errors.New("has an empty label")
		case len(label) > 63:
			return fmt.Errorf("has a label of %d characters, 63 are allowed", len(label))
		}
		for _, c := range strings.ToLower(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return fmt.Errorf("has the character %q, which no host name has", c)
			}
		}
	}
	return nil
}

// IsWord reports whether the text is one of the old words.
func IsWord(text string) bool {
	return text == WordTag || text == WordName || text == WordSecurityGroup
}

// ParseAll reads templates and old words, whose tag of host names has the key tagKey. The
// words have an order of their own, whatever theirs is: tag, Name where that gives none, and
// security-group. The error joins all faults.
func ParseAll(texts []string, tagKey string) ([]Template, error) {
	var out []Template
	var errs []error
	add := func(text string) {
		t, err := Parse(text)
		if err != nil {
			errs = append(errs, err)
			return
		}
		out = append(out, t)
	}
	seen := false // a word
	for _, text := range texts {
		switch {
		case !IsWord(text):
			add(text)
		case !seen:
			seen = true
			for _, t := range ofWords(texts, tagKey) {
				add(t)
			}
		}
	}
	return out, errors.Join(errs...)
}

// ofWords returns the templates that stand for the old words among texts.
func ofWords(texts []string, tagKey string) []string {
	var keys []string
	if slices.Contains(texts, WordTag) {
		keys = append(keys, Tag+":"+tagKey)
	}
	if slices.Contains(texts, WordName) && !slices.Contains(keys, Tag+":Name") {
		keys = append(keys, Tag+":Name")
	}
	var out []string
	if len(keys) > 0 {
		out = append(out, "{"+strings.Join(keys, "|")+"}")
	}
	if slices.Contains(texts, WordSecurityGroup) {
		out = append(out, "{"+SecurityGroup+"}")
	}
	return out
}
