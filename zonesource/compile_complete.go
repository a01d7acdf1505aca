package zonesource

import "inside53/resolver/zone"

// Gap is a part that is expected and isn't there yet.
type Gap struct {
	Key  Key
	Zone string // the name of a hosted zone, "" for other parts
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
			missing = append(missing, Gap{Key: zoneKey(key.Source, h.ID), Zone: zone.String(h.Name)})
		}
	}
	return missing
}
