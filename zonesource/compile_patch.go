package zonesource

import (
	"slices"
	"time"

	"inside53/resolver/zone"
)

// next is [Compile] for who knows which parts are others than those of c: of all parts
// these alone are looked at. It is nil where all have to be.
func (c *Compiled) next(parts map[Key]Part, touched map[Key]bool, now time.Time) *Compiled {
	if len(c.in.missing) > 0 {
		return nil
	}
	in := c.in
	in.regions = make([]*Part, len(c.in.regions))
	for i, was := range c.in.regions {
		p := parts[was.Key] // it may have been listed again, and be the same
		if p.Region == nil || p.Err != nil {
			return nil
		}
		in.regions[i] = &p
	}
	var changed []int
	for key := range touched {
		p := parts[key]
		switch {
		case p.Err != nil:
			return nil
		case p.Zone != nil:
			i, there := slices.BinarySearchFunc(in.zones, key, func(p *Part, key Key) int { return p.Key.compare(key) })
			if !there || !samePlace(in.zones[i], &p) {
				return nil
			}
			if len(changed) == 0 {
				in.zones = slices.Clone(in.zones)
			}
			in.zones[i] = &p
			changed = append(changed, i)
		case p.Region != nil && slices.ContainsFunc(in.regions, func(r *Part) bool { return r.Key == key }):
		default:
			return nil
		}
	}
	in.age(now)
	if !slices.Equal(in.stale, c.in.stale) {
		return nil
	}
	next := c.patch(in, changed, now)
	if next != nil {
		next.reportAfter(c, changed)
	}
	return next
}

// changedZones returns the places of zones that are others than before. same says that the
// tables of views don't differ for any of the parts but regions.
func (in *input) changedZones(was *input) (changed []int, same bool) {
	same = len(in.zones) == len(was.zones) && slices.Equal(in.stale, was.stale) && slices.Equal(in.missing, was.missing) &&
		slices.EqualFunc(in.catalogs, was.catalogs,
			func(a, b *Part) bool { return a.Key == b.Key && a.Catalog == b.Catalog }) &&
		slices.EqualFunc(in.regions, was.regions, func(a, b *Part) bool { return a.Key == b.Key })
	if !same {
		return nil, false
	}
	for i, p := range in.zones {
		if !samePlace(p, was.zones[i]) {
			return nil, false
		}
		if p.Zone != was.zones[i].Zone {
			changed = append(changed, i)
		}
	}
	return changed, true
}

// patch makes the compilation of in, in which zones of the given places, regions, and what
// parts report are others than in c. It shares the tables of views, in which zones have
// places; it is nil where these have to be made anew.
func (c *Compiled) patch(in input, changed []int, now time.Time) *Compiled {
	next, s := *c, *c.Snapshot
	next.in, next.Snapshot = in, &s
	s.Loaded, s.Built = len(in.missing) == 0, now
	diff, same := diffRegions(c.in.regions, in.regions)
	if !same {
		return nil
	}
	for _, i := range changed {
		if in.zones[i].Key.Source == registerSource {
			return nil // names of instances come of it
		}
	}
	next.managedAfter(c, diff.cards)
	patched := len(changed) > 0
	if len(diff.instances) > 0 {
		patched = true
	}
	if patched {
		s.Zones = slices.Clone(s.Zones)
	}
	for _, i := range changed {
		s.Zones[i] = in.cfg.derive(in.zones[i].Zone)
	}
	renamed, fewNames := next.updateTags(c, diff.instances)
	if !slices.EqualFunc(next.tags.zones, c.tags.zones, sameApex) {
		return nil
	}
	if patched {
		copy(s.Zones[len(in.zones):], next.tags.zones)
	}
	reordered := c.contested && !slices.EqualFunc(byAge(c.in.regions), byAge(in.regions),
		func(a, b *Part) bool { return a.Key == b.Key })
	if reordered || !fewNames || !next.patchInventory(c, &diff, renamed) {
		next.makeInventory()
	}
	if next.tags != c.tags && len(next.tags.shared)+len(c.tags.shared) > 0 {
		next.shared = sharedNames(s.Inventory, next.tags.shared, len(c.views))
	}
	next.collideAfter(c, changed)
	if diff.vitals {
		s.Vitals = vitalsOf(in.regions)
	}
	return &next
}

// patchInventory makes the inventory of the snapshot out of that of the previous compilation, where interfaces differ
// and where instances have other first names. It isn't ok where it has to be made anew.
func (c *Compiled) patchInventory(previous *Compiled, diff *regionDiff, renamed map[string][]byte) (ok bool) {
	if diff.reordered || c.contested && len(diff.cards) > 0 {
		return false
	}
	is := c.Snapshot.Inventory
	if len(diff.cards) > 0 {
		gone, _ := interfacesOf(&c.in.cfg, previous.in.regions, c.networks, previous.tags, diff.cards)
		fresh, contested := interfacesOf(&c.in.cfg, c.in.regions, c.networks, c.tags, diff.cards)
		is, ok = is.Changed(gone, fresh)
		if !ok || contested {
			return false
		}
	}
	if len(renamed) > 0 {
		is, ok = is.Renamed(renamed)
		if !ok {
			return false
		}
	}
	if diff.crossings || ofService(previous.in.regions, diff.cards) || ofService(c.in.regions, diff.cards) {
		is = is.WithServices(c.services())
	}
	c.Snapshot.Inventory = is
	return true
}

// ofService reports whether one of some interfaces is of a service of AWS.
func ofService(regions []*Part, cards map[string]bool) bool {
	for id := range cards {
		for _, p := range regions {
			for _, f := range withID(p.Region.Interfaces, id) {
				if f.Service != "" {
					return true
				}
			}
		}
	}
	return false
}

func sameApex(a, b *zone.Zone) bool { return string(a.Apex) == string(b.Apex) }

// updateTags makes the zones of instance names where instances have changed. renamed has
// those with another first name, and fewNames is false where all may have one.
func (c *Compiled) updateTags(previous *Compiled, instances map[string]bool) (
	renamed map[string][]byte, fewNames bool) {
	if len(instances) == 0 {
		return nil, true
	}
	renamed, fewNames = c.patchTags(previous, instances)
	if fewNames {
		return renamed, true
	}
	c.tags = c.buildTags()
	c.tags.rebase(previous.tags, seconds(c.in.cfg.NegativeTTL))
	return nil, false
}

// reportAfter is report where few zones have changed since previous.
func (c *Compiled) reportAfter(previous *Compiled, changed []int) {
	sameProblems := func(a, b *Part) bool { return len(a.Problems) == 0 && len(b.Problems) == 0 }
	quiet := c.tags == previous.tags && slices.Equal(c.collisions, previous.collisions) &&
		slices.EqualFunc(c.in.regions, previous.in.regions, sameProblems)
	for _, i := range changed {
		quiet = quiet && sameProblems(c.in.zones[i], previous.in.zones[i])
	}
	if !quiet {
		c.report()
		return
	}
	c.Report.parts, c.Report.zones = c.in.zones, c.Snapshot.Served()
	for _, i := range changed {
		c.Report.count(previous.Snapshot.Zones[i], -1)
		c.Report.count(c.Snapshot.Zones[i], 1)
	}
}
