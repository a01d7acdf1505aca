package zonesource

import (
	"maps"
	"slices"

	"inside53/resolver/zone"
)

// mostTagsRenamed bounds the names that are kept beside those of all instances.
const mostTagsRenamed = 256

// patchTags makes the zones of instance names out of the previous ones where few instances
// have changed: it looks at the names that these have and had. renamed are the instances
// with another first name. It isn't ok where all names have to be looked at: when a zone
// may come or go, or a name has more instances than an answer has room for. The VPCs, and
// the apexes of other zones, are the same.
func (c *Compiled) patchTags(previous *Compiled, instances map[string]bool) (renamed map[string][]byte, ok bool) {
	cfg, tags := &c.in.cfg, previous.tags
	if cfg.TagZone == "" {
		return nil, true
	}
	if len(instances) > mostTagsRenamed {
		return nil, false
	}
	had, knownZones := c.namesOf(previous.in.regions, tags, instances)
	has, stillKnown := c.namesOf(c.in.regions, tags, instances)
	if !knownZones || !stillKnown {
		return nil, false
	}
	p := &tagPatch{tags: tags, touched: map[string]map[string]map[string]bool{}, needed: maps.Clone(instances)}
	if !p.touch(had) || !p.touch(has) {
		return nil, false
	}
	next := *tags
	if len(had.out.problems)+len(has.out.problems) > 0 {
		next.problems = slices.DeleteFunc(slices.Clone(tags.problems),
			func(p Problem) bool { return slices.Contains(had.out.problems, p) })
		next.problems = append(next.problems, has.out.problems...)
		slices.SortFunc(next.problems, compareProblems)
		next.problems = slices.Compact(next.problems)
	}
	renamed = map[string][]byte{}
	for id := range instances {
		if string(tags.firstOf(id)) != string(has.out.first[id]) {
			renamed[id] = has.out.first[id]
		}
	}
	if len(renamed) > 0 {
		next.renamed = maps.Clone(renamed)
		for id, name := range tags.renamed {
			if _, again := renamed[id]; !again {
				next.renamed[id] = name
			}
		}
	}
	if len(next.renamed) > mostTagsRenamed || !p.finish(c, &next) {
		return nil, false
	}
	c.tags = &next
	return renamed, true
}

// namesOf collects the names that some instances have by regions. ok is false where their
// zones aren't those that there are, or are there by these instances alone.
func (c *Compiled) namesOf(regions []*Part, tags *tagNames, instances map[string]bool) (b *tagBuilder, ok bool) {
	b = c.newTagBuilder()
	b.expect(tags)
	ok = true
	ids := slices.Sorted(maps.Keys(instances))
	for _, p := range regions {
		r := p.Region
		for _, id := range ids {
			h := r.host(id)
			if h == nil || b.seen[id] || len(b.namesOfHost(h)) == 0 {
				continue
			}
			ok = ok && slices.ContainsFunc(r.VPCs, func(v VPC) bool { return v.ID == h.VPC }) &&
				(h.Private.Is4() || h.Public.Is4() || len(h.IPv6) > 0 || !h.Private.IsValid() && !h.Public.IsValid())
			b.host(regionLabel(r), r, h, false)
		}
	}
	return b, ok && len(b.zones) == len(tags.zones)
}

// expect makes the zones that there are known to the builder, without names.
func (b *tagBuilder) expect(tags *tagNames) {
	for _, z := range tags.zones {
		b.zones[string(z.Apex)] = &tagZone{apex: z.Apex, over: tags.over[string(z.Apex)], sets: map[string]*tagSet{}}
	}
}

// tagPatch is a change of some names of instances.
type tagPatch struct {
	tags *tagNames
	// touched are the names by the apex of their zone, each with the services that changed
	// instances have or had there.
	touched map[string]map[string]map[string]bool
	needed  map[string]bool // instances that have them
}

// touch notes the names of a builder, and the instances that have had them. It is false
// where these aren't known.
func (p *tagPatch) touch(b *tagBuilder) bool {
	for _, z := range p.tags.zones {
		for name, s := range b.zones[string(z.Apex)].sets {
			if p.touched[string(z.Apex)] == nil {
				p.touched[string(z.Apex)] = map[string]map[string]bool{}
			}
			services := p.touched[string(z.Apex)][name]
			if services == nil {
				services = map[string]bool{}
				p.touched[string(z.Apex)][name] = services
			}
			s.eachService(func(service string) { services[service] = true })
			node := z.Tree.Lookup([]byte(name))
			for _, rrtype := range [...]uint16{zone.TypeA, zone.TypeAAAA} {
				set := node.RRset(rrtype)
				if set.Kind == zone.Unservable {
					return false
				}
				var m zone.InstanceAddress
				for w := set.Instances(); w.Next(&m); {
					p.needed[string(m.ID)] = true
				}
			}
		}
	}
	return true
}

// finish makes the touched names anew. It is false where one of them can't be served.
func (p *tagPatch) finish(c *Compiled, next *tagNames) bool {
	b := c.newTagBuilder()
	b.expect(p.tags)
	ids := slices.Sorted(maps.Keys(p.needed))
	for i, part := range c.in.regions {
		r := part.Region
		for _, id := range ids {
			h := r.host(id)
			if h == nil {
				continue
			}
			b.host(regionLabel(r), r, h,
				b.cfg.InstancesPublic || c.managedIn(i)[instanceAddress{h.Instance, h.Private}])
		}
	}
	b.out.problems = nil // those of hosts are known
	next.zones = slices.Clone(p.tags.zones)
	for i, z := range p.tags.zones {
		names := p.touched[string(z.Apex)]
		if len(names) > 0 {
			next.zones[i] = p.edit(b, z, names, next)
		}
		if next.over[string(z.Apex)] && next.zones[i].Tree.Stats().Names == 0 {
			return false // it goes
		}
	}
	return len(b.out.problems) == 0
}

// eachService visits the services of the instances of a name.
func (s *tagSet) eachService(visit func(string)) {
	for _, one := range s.servers {
		for _, service := range one.host.Services {
			visit(service.Name)
		}
	}
}

// edit returns a zone with the names as the builder has them.
func (p *tagPatch) edit(b *tagBuilder, z *zone.Zone, names map[string]map[string]bool, next *tagNames) *zone.Zone {
	apex, e := zone.String(z.Apex), z.Tree.Edit()
	texts := make(map[string]bool, len(names))
	for name := range names {
		texts[zone.String([]byte(name))] = true
	}
	next.shared = slices.DeleteFunc(slices.Clone(next.shared),
		func(s sharedName) bool { return s.zone == apex && texts[s.name] })
	for name, services := range names {
		e.Delete([]byte(name), zone.TypeA)
		e.Delete([]byte(name), zone.TypeAAAA)
		s := b.zones[string(z.Apex)].sets[name]
		if s != nil {
			s.eachService(func(service string) { services[service] = true })
		}
		for service := range services {
			owner, err := serviceOwner(service, name)
			if err == nil {
				e.Delete(owner, zone.TypeSRV)
			}
		}
		if s == nil {
			continue
		}
		b.putSet(e, name, s)
		if len(s.vpcs) > 1 {
			slices.Sort(s.vpcs)
			next.shared = append(next.shared, sharedName{apex, zone.String([]byte(name)), s.vpcs})
		}
	}
	tree, changes := z.Tree.Rebase(e.Commit())
	if changes == 0 {
		return z
	}
	return z.With(tree, seconds(b.cfg.NegativeTTL))
}
