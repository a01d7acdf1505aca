package zonesource

import (
	"fmt"
	"strings"

	"inside53/resolver/zone"
)

// Gap is a part that is expected and isn't there yet.
type Gap struct {
	Key  Key
	Zone string // the name of a hosted zone, "" for other parts
	// Private says that the hosted zone is a private one.
	Private bool
}

// String says what is missing, for people.
func (g Gap) String() string { return g.because(nil) }

// because says what is missing and why, if err is known.
func (g Gap) because(err error) string {
	what := g.Key.String()
	if g.Zone != "" {
		what += " (" + g.Zone + ")"
	}
	if err != nil {
		return what + ": " + err.Error()
	}
	return what + ": not read yet"
}

// unreadZones makes the names of hosted zones unavailable that exist and haven't
// been read: whether they exist isn't known, and nobody else is to say so. A private
// one may be any VPC's. A name that a zone or forwarder of ours has keeps its answers:
// a zone that is only being read is most likely new.
func (t *table) unreadZones() {
	sees := t.view.every || t.view.unique || len(t.view.vpcs) > 0
	for _, gap := range t.unread {
		if gap.Zone == "" || gap.Private && !sees {
			continue
		}
		a := t.at(zone.MustName(gap.Zone))
		if len(a.Layers) == 0 && a.Forward == zone.NoForward {
			a.Unavailable = fmt.Sprintf("the hosted zone %s has not been read yet", strings.TrimPrefix(gap.Key.Name, zonePrefix))
		}
	}
}

// missingParts says what is expected and isn't there yet. Until everything is,
// names that no file, special name or own forwarder covers can't be answered: they
// may belong to a zone that is still to come.
func missingParts(cfg *Config, parts map[Key]Part) []Gap {
	var missing []Gap
	for _, key := range cfg.Expected {
		p, ok := parts[key]
		if !ok || p.Err != nil {
			missing = append(missing, Gap{Key: key})
			continue
		}
		if p.Catalog == nil {
			continue
		}
		for _, h := range p.Catalog.Zones {
			zp, there := parts[zoneKey(key.Source, h.ID)]
			if h.Gone || there && zp.Err == nil || !cfg.Hosted.selects(h.ID, h.Name, h.Private) {
				continue
			}
			missing = append(missing, Gap{Key: zoneKey(key.Source, h.ID), Zone: zone.String(h.Name), Private: h.Private})
		}
	}
	return missing
}
