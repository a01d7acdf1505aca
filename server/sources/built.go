package sources

import (
	"reflect"
	"slices"

	"inside53/zonesource"
)

// Built is a source and what it was made of.
type Built struct {
	source zonesource.Source
	of     any
	Local  bool // each server of a fleet has its own
}

// made is what one account's or region's source is made of.
type made struct {
	generation int
	options    any
}

// keep returns the source that runs already of the same, or else a new one. Only the first
// of several that are the same is kept.
func keep(old, have []Built, of any, create func() (zonesource.Source, error)) (Built, error) {
	for _, b := range old {
		if reflect.DeepEqual(b.of, of) && !slices.Contains(Of(have), b.source) {
			return b, nil
		}
	}
	source, err := create()
	return Built{source: source, of: of}, err
}

// Of returns the sources alone.
func Of(all []Built) []zonesource.Source {
	out := make([]zonesource.Source, len(all))
	for i := range all {
		out[i] = all[i].source
	}
	return out
}

// Use makes known which sources run: whose secondaries are notified, and which of them registers names.
func (b *Builder) Use(all []zonesource.Source) {
	b.Secondaries.Use(all)
	b.Registrar.Use(all)
}
