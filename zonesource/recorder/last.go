package recorder

import (
	"context"
	"strings"

	"inside53/zonesource/ledger"
)

// Last returns what of the past is worth knowing of a name, in the form of zone.String: its
// last changes, those of one version, and when a hosted zone that held it went away; nil
// where nothing of it is kept. It looks back over the versions that list their changes.
func Last(ctx context.Context, l *ledger.Ledger, v *ledger.Version, name string,
) (changes []Line, gone *Line, err error) {
	for e, err := range l.History(ctx, v) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return changes, gone, err
		}
		for i := range e.Changes {
			c := &e.Changes[i]
			switch {
			case c.Name == name && c.Type != itemTypes()["z"] && (changes == nil || changes[0].Version == e.Version):
				changes = append(changes, lineOf(e, c))
			case gone == nil && c.Type == itemTypes()["z"] && len(c.Now) == 0 && within(name, c.Zone):
				one := lineOf(e, c)
				gone = &one
			}
		}
		if changes != nil {
			return changes, gone, nil
		}
	}
	return changes, gone, nil
}

func within(name, zone string) bool { return name == zone || strings.HasSuffix(name, "."+zone) }
