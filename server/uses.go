package server

import (
	"maps"
	"slices"
	"sync"

	"inside53/resolver/zone"
)

// uses finds out what of health the records of a snapshot use. A zone is walked once: it is
// immutable, and snapshots share it.
type uses struct {
	mu    sync.Mutex // guards zones, and is held while one is walked
	zones map[*zone.Zone]use
}

// use is what one zone uses.
type use struct {
	checks  []string // ids
	targets []string // lower-case wire names of aliases' targets outside, whose health counts
}

// checks returns the ids of health checks that records name; nil until there are data.
func (u *uses) checks(s *zone.Snapshot) []string {
	return u.collect(s, func(z use) []string { return z.checks })
}

// targets returns the names of load balancers and the like that aliases with
// EvaluateTargetHealth lead to; nil until there are data.
func (u *uses) targets(s *zone.Snapshot) []string {
	return u.collect(s, func(z use) []string { return z.targets })
}

func (u *uses) collect(s *zone.Snapshot, of func(use) []string) []string {
	if !s.Loaded {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	walked := make(map[*zone.Zone]use, len(s.Zones))
	all := map[string]bool{}
	for _, z := range s.Zones {
		found, known := u.zones[z]
		if !known {
			found = useOf(z)
		}
		walked[z] = found
		for _, text := range of(found) {
			all[text] = true
		}
	}
	u.zones = walked
	return append([]string{}, slices.Sorted(maps.Keys(all))...)
}

// useOf walks a zone.
func useOf(z *zone.Zone) use {
	checks, targets := map[string]bool{}, map[string]bool{}
	leads := func(set zone.RRset) {
		if set.Kind != zone.Aliased {
			return
		}
		alias := set.Alias()
		if alias.Health && !alias.SameZone {
			targets[string(alias.Target)] = true
		}
	}
	for _, n := range z.Tree.All {
		for set := range n.RRsets {
			leads(set)
			if set.Kind != zone.Group {
				continue
			}
			var m zone.Member
			for w := set.Members(); w.Next(&m); {
				leads(m.Set)
				if len(m.Check) > 0 {
					checks[string(m.Check)] = true
				}
			}
		}
	}
	return use{slices.Collect(maps.Keys(checks)), slices.Collect(maps.Keys(targets))}
}
