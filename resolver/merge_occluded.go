package resolver

import (
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// occluded puts the records of a name that no answer shows, because a delegation, a DNAME or
// a deeper zone is above it: a transfer has them all (RFC 5936 section 3.5), glue of sibling
// zones and addresses of the apex's own name servers among them (RFC 9471 section 2.2). What
// an upper layer hides stays out. It returns the types that answers show.
func (m *Merger) occluded(e *zone.Edit, view *zone.View, apex *zone.Apex, name []byte, types []uint16) []uint16 {
	layers := m.x.state.snap.Layers(apex)
	for i, z := range layers {
		node := z.Tree.Lookup(name)
		if node.Empty() {
			if isBelowCut(z.Tree, name, true) {
				return types // hidden
			}
			continue
		}
		below := isBelowCut(z.Tree, name, false) || isOfDeeperZone(view, apex, name)
		if !below && !node.IsCut() || len(name) == len(apex.Name) {
			return types
		}
		var shown []uint16
		for _, t := range types {
			switch {
			case t == wire.TypeDS && !isBelowCut(z.Tree, name, false), t == wire.TypeNS && !below:
				shown = append(shown, t)
			default:
				m.asIs(e, view, name, layers[i].Tree.Lookup(name).RRset(t))
			}
		}
		return shown
	}
	return types
}

// isBelowCut reports whether a delegation or a DNAME of the layer is above a name, or, with
// orAt, at it.
func isBelowCut(tree *zone.Tree, name []byte, orAt bool) bool {
	if tree.Stats().Cuts == 0 {
		return false
	}
	apex := len(tree.Apex())
	for above := name; len(above) >= apex; above = above[1+int(above[0]):] {
		node := tree.Lookup(above)
		if (orAt || len(above) < len(name)) && (node.IsCut() || node.HasDNAME()) {
			return true
		}
		if len(above) == apex {
			break
		}
	}
	return false
}

// isOfDeeperZone reports whether another zone of the view answers for a name of this one.
func isOfDeeperZone(view *zone.View, apex *zone.Apex, name []byte) bool {
	var labels zone.Labels
	n := labels.Parse(name)
	if n < 0 {
		return false
	}
	closest := view.Closest(&labels, name, n)
	return closest != nil && len(closest.Name) > len(apex.Name) && len(closest.Layers) > 0
}

// asIs puts an RRset that no answer shows. Its addresses are translated as those of answers.
func (m *Merger) asIs(e *zone.Edit, view *zone.View, name []byte, set zone.RRset) {
	if !set.Exists() {
		return
	}
	if set.Kind != zone.Records {
		m.found(name, set.Type, "occluded, and no plain record: not transferred")
		return
	}
	q, a := &m.x.q, &m.x.a
	m.ask(view, name, set.Type)
	a.nhops = 1
	a.add(inAnswer, set.Count, set.Data).flags = set.Flags
	m.out = appendResponse(m.out, q, a, m.x.state.snap, limits{})
	sets := readSets(m.out)
	if len(sets) == 0 || m.out[wire.AtFlags]&wire.FlagTC != 0 {
		m.found(name, set.Type, "larger than a message")
		return
	}
	m.put(e, &sets[0])
}
