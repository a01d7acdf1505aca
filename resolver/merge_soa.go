package resolver

import "inside53/resolver/zone"

// SOA returns the SOA record that a view has at an apex, its serial 0; the zero RRset where that is no zone, or a layer
// of it has not been read, as [Merger.Merge] finds it.
func (m *Merger) SOA(snap *zone.Snapshot, live *zone.Live, view *zone.View, apex *zone.Apex) zone.RRset {
	for _, z := range snap.Layers(apex) {
		if z.Unavailable != "" {
			return zone.RRset{}
		}
	}
	m.findings = map[string][]Finding{}
	m.x.state = &state{snap: snap, live: live}
	defer func() { m.x.state = nil }() // the snapshot may go when it is no longer served
	e := zone.NewTree(apex.Name).Edit()
	m.records(e, view, apex, apex.Name, zone.TypeSOA)
	return e.Lookup(apex.Name).RRset(zone.TypeSOA)
}
