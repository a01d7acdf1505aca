package route53

import (
	"crypto/sha256"
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
	zonesource.HostedFilter
	entries []string // configured zones: ids and names
}

func newSelection(zones []string, visibility []zone.Origin) (selection, error) {
	s := selection{HostedFilter: zonesource.HostedFilter{Zones: zones}}
	var errs []error
	for _, text := range zones {
		if text == "*" {
			continue
		}
		_, err := rdata.ParseName(text)
		id := strings.TrimPrefix(text, idPrefix)
		if err != nil && strings.ContainsAny(id, "./\\ ") || id == "" {
			errs = append(errs, fmt.Errorf("zones: %q is neither a name, nor a hosted zone id, nor \"*\"", text))
			continue
		}
		s.entries = append(s.entries, text)
	}
	for _, o := range visibility {
		if o != zone.Public && o != zone.Private {
			errs = append(errs, fmt.Errorf("visibility: %s is neither public nor private", o))
		}
	}
	s.NoPublic = len(visibility) > 0 && !slices.Contains(visibility, zone.Public)
	s.NoPrivate = len(visibility) > 0 && !slices.Contains(visibility, zone.Private)
	return s, errors.Join(errs...)
}

// has reports whether a zone is wanted.
func (s *selection) has(h *zonesource.Hosted) bool { return s.Selects(h.ID, h.Name, h.Private) }

// sum names the selection: a list of zones that was saved for another one lacks some.
func (s *selection) sum() zonesource.Sum {
	return sha256.Sum256(fmt.Appendf(nil, "%t %t %q", s.NoPublic, s.NoPrivate, s.Zones))
}
