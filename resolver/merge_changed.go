package resolver

import (
	"maps"
	"weak"

	"inside53/resolver/zone"
)

// changed returns the names to look at again; all of them where one may change others.
func (m *Merger) changed(was, is inputs, outside bool) (names map[string]bool, all bool) {
	if m.tree == nil || len(was.layers) != len(is.layers) || was.reach != is.reach || was.region != is.region ||
		was.below != is.below || was.loaded != is.loaded {
		return nil, true
	}
	names = map[string]bool{}
	if !maps.Equal(was.sick, is.sick) {
		for _, tree := range is.layers {
			flipped(tree, was.sick, is.sick, names)
		}
	}
	moved, sameServices := m.moved(was.inventory, is.inventory)
	for _, tree := range is.layers {
		switch {
		case len(moved) == 0:
		case tree.Stats().Cuts > 0:
			return nil, true // what is hidden is translated too
		default:
			translated(tree, moved, names)
		}
	}
	for i, tree := range is.layers {
		if tree == was.layers[i] {
			continue
		}
		if tree.Stats().Cuts > 0 || was.layers[i].Stats().Cuts > 0 {
			return nil, true // a cut hides and shows other names
		}
		zone.Diff(was.layers[i], tree, func(name []byte, _, _ zone.RRset) bool {
			names[string(name)] = true
			return true
		})
	}
	if len(names) > 0 || len(moved) > 0 || !sameServices || outside || was.health != is.health || was.view != is.view {
		for name := range m.moving {
			names[name] = true
		}
	}
	return names, false
}

// moved returns the public addresses that the inventory translates otherwise than the one before, and whether it knows
// the same services. One zone after the other is merged for the same two.
func (s *mergeScratch) moved(was, is *zone.Inventory) (addresses map[[4]byte]bool, sameServices bool) {
	if was == is {
		return nil, true
	}
	from, to := weak.Make(was), weak.Make(is)
	if s.was != from || s.is != to {
		s.was, s.is, s.addresses, s.sameServices = from, to, is.Moved(was), is.SameServices(was)
	}
	return s.addresses, s.sameServices
}

// translated adds the names of a tree with addresses that are translated otherwise than before.
// Which addresses of instances a view gets is a matter of what it reaches alone.
func translated(tree *zone.Tree, moved map[[4]byte]bool, names map[string]bool) {
	concerned := func(s zone.RRset) bool {
		if s.Kind != zone.Records || s.Flags&zone.Translatable == 0 || s.Type != zone.TypeA {
			return s.Flags&zone.Translatable != 0
		}
		for r := range s.Rdata() {
			if len(r) == 4 && moved[[4]byte(r)] {
				return true
			}
		}
		return false
	}
	for name, node := range tree.All {
		for s := range node.RRsets {
			if concerned(s) {
				names[string(name)] = true
			}
		}
	}
}

// flipped adds the names of a tree that have several instances, one of which is unhealthy now
// or was so.
func flipped(tree *zone.Tree, was, is map[string]string, names map[string]bool) {
	for name, node := range tree.All {
		if !node.HasInstances() {
			continue
		}
		for s := range node.RRsets {
			var m zone.InstanceAddress
			for w := s.Instances(); s.Count > 1 && w.Next(&m); {
				_, before := was[string(m.ID)]
				_, now := is[string(m.ID)]
				if before != now {
					names[string(name)] = true
				}
			}
		}
	}
}
