package nametemplate

import (
	"fmt"
	"slices"
)

// Name is one name of an instance.
type Name struct {
	Text string
	From string // for people: "dns tag", "security group", the text of the template
}

// Names returns the names that the template gives an instance, each once; none where the
// instance lacks something. values are what an instance has for a placeholder, none for
// nothing. The error says that there are more than [Most], and the names are the first of
// them.
func (t Template) Names(values func(Placeholder) []string) ([]Name, error) {
	texts, from := []string{""}, t.text
	for _, p := range t.parts {
		if p.choices == nil {
			for i := range texts {
				texts[i] += p.text
			}
			continue
		}
		found, chosen := p.find(values)
		if len(found) == 0 {
			return nil, nil
		}
		if len(t.parts) == 1 {
			from = chosen.source()
		}
		texts = combine(texts, found)
		if len(texts) > Most {
			break
		}
	}
	var err error
	if len(texts) > Most {
		if len(t.parts) > 1 {
			return nil, fmt.Errorf("%s: gives more than %d names", t.text, Most)
		}
		texts, err = texts[:Most], fmt.Errorf("%s: gives more than %d names; the first %d count", t.text, Most, Most)
	}
	var out []Name
	for _, text := range texts {
		name := Name{text, from}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, err
}

// find returns the values of the first choice that has some.
func (p part) find(values func(Placeholder) []string) ([]string, Placeholder) {
	for _, c := range p.choices {
		found := values(c)
		if len(found) > 0 {
			return found, c
		}
	}
	return nil, Placeholder{}
}

// combine appends each of the values to each of the texts; a few more than [Most] are enough.
func combine(texts, values []string) []string {
	out := make([]string, 0, len(texts)*len(values))
	for _, text := range texts {
		for _, v := range values {
			out = append(out, text+v)
			if len(out) > Most {
				return out
			}
		}
	}
	return out
}
