package route53

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/rdata"
)

// selection says which hosted zones are wanted.
type selection struct {
	all     bool
	entries []wanted
	private bool
	public  bool
}

// wanted is one configured zone. Whether a text is an id or a name is settled by
// the zones there are.
type wanted struct {
	text string
	id   string
	name string // lower-case wire form, "" when the text is no name
}

func newSelection(zones []string, visibility []zone.Origin) (selection, error) {
	s := selection{all: len(zones) == 0}
	var errs []error
	for _, text := range zones {
		if text == "*" {
			s.all = true
			continue
		}
		name, err := rdata.ParseName(text)
		id := strings.TrimPrefix(text, idPrefix)
		if err != nil && strings.ContainsAny(id, "./\\ ") || id == "" {
			errs = append(errs, fmt.Errorf("zones: %q is neither a name, nor a hosted zone id, nor \"*\"", text))
			continue
		}
		s.entries = append(s.entries, wanted{text: text, id: id, name: string(name)})
	}
	for _, o := range visibility {
		if o != zone.Public && o != zone.Private {
			errs = append(errs, fmt.Errorf("visibility: %s is neither public nor private", o))
		}
	}
	s.public = len(visibility) == 0 || slices.Contains(visibility, zone.Public)
	s.private = len(visibility) == 0 || slices.Contains(visibility, zone.Private)
	return s, errors.Join(errs...)
}

// has reports whether a zone is wanted.
func (s *selection) has(h *zonesource.Hosted) bool {
	if h.Private && !s.private || !h.Private && !s.public {
		return false
	}
	return s.all || slices.ContainsFunc(s.entries, func(w wanted) bool { return w.is(h) })
}

// is reports whether a configured zone means this one.
func (w wanted) is(h *zonesource.Hosted) bool {
	return w.id == h.ID || w.name != "" && w.name == string(h.Name)
}
