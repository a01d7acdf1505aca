package zonesource

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
)

// build makes the snapshot from the parts, whose zones are given. previous is nil for none.
func (c *Compiled) build(previous *Compiled, zones []*zone.Zone, now time.Time) {
	cfg, missing := &c.in.cfg, c.in.missing
	c.networks = networksOf(cfg, c.in.regions, now)
	c.places = placesOf(cfg, c.in.regions)
	c.deriveTags(previous)
	views, clients, problems := planViews(cfg, c.networks, c.in.zones, missing)
	c.views = views
	set, more := c.zoneSet(zones)
	plan := &apexPlan{
		cfg: cfg, zones: set, special: specialNames(), computed: computedNames(), amazon: c.amazonNames(),
		reverse:    zone.MustName("in-addr.arpa."),
		forwarders: forwarderList{index: map[string]int{}}, cidrs: map[string][][]byte{},
		unread: unreadOf(cfg, missing, c.in.regions, c.ours), problems: map[Problem]bool{},
	}
	for _, n := range c.networks {
		for _, p := range n.CIDRs {
			plan.cidrs[n.ID] = append(plan.cidrs[n.ID], reverseZones(p)...)
		}
	}
	s := &zone.Snapshot{TranslatedTTL: seconds(cfg.TranslatedTTL), Rebinding: cfg.Rebinding}
	plan.number(slices.Concat(zones, c.tags.zones, plan.unread.all()))
	for i, v := range views {
		s.Views = append(s.Views, zone.NewView(zone.View{
			Name: v.name, Index: i, Region: v.region, VPCs: v.vpcs, Addresses: v.addresses, Unread: v.unread,
			Apexes: plan.apexes(v),
		}))
	}
	s.Outside = outsideView(cfg, plan, len(views))
	s.Zones, s.Unread = plan.all, len(plan.all)-len(zones)-len(c.tags.zones)
	s.Forwarders = plan.forwarders.list
	s.Locations = c.locations()
	s.SetTrusted(cfg.TrustECS)
	clients.apply(s)
	c.Snapshot = s
	c.makeInventory()
	c.problems = append(problems, more...)
	for p := range plan.problems {
		c.problems = append(c.problems, p)
	}
	c.problems = append(c.problems, unknownViews(cfg, views)...)
	c.problems = append(c.problems, gapProblems(missing)...)
	c.shared = sharedNames(s.Inventory, c.tags.shared, len(views))
	c.collide()
	s.Vitals = vitalsOf(c.in.regions)
}

// makeInventory makes the inventory of the snapshot anew.
func (c *Compiled) makeInventory() {
	inventory, contested := c.buildInventory()
	inventory.SetUncertain(isUncertain(c.in.missing))
	inventory.SetUnread(unreadRegions(c.in.missing))
	c.Snapshot.Inventory, c.contested = inventory, contested
}

// deriveTags makes the zones of instance names, unless nothing they depend on has
// changed.
func (c *Compiled) deriveTags(previous *Compiled) {
	cfg := &c.in.cfg
	for _, p := range c.in.zones {
		c.foreign = append(c.foreign, p.Zone.Apex)
	}
	slices.SortFunc(c.foreign, bytes.Compare)
	c.foreign = slices.CompactFunc(c.foreign, bytes.Equal)
	c.ours = NewOurs(c.foreign, cfg.Domains)
	c.registered = c.in.registeredNames()
	if previous == nil {
		c.tags = c.buildTags()
		return
	}
	was := &previous.in.cfg
	same := cfg.EC2 == was.EC2 && cfg.InstancesPublic == was.InstancesPublic &&
		cfg.TagZone == was.TagZone && cfg.TranslatedTTL == was.TranslatedTTL && cfg.NegativeTTL == was.NegativeTTL &&
		cfg.Affinity == was.Affinity && slices.EqualFunc(cfg.Domains, was.Domains, bytes.Equal) &&
		slices.EqualFunc(c.in.regions, previous.in.regions, sameRegionPart) &&
		slices.EqualFunc(c.foreign, previous.foreign, bytes.Equal) &&
		slices.Equal(c.in.registeredZones(), previous.in.registeredZones())
	if same {
		c.tags = previous.tags
		return
	}
	c.tags = c.buildTags()
	c.tags.rebase(previous.tags, seconds(cfg.NegativeTTL))
}

// sameRegionPart reports whether two parts have the very same region.
func sameRegionPart(a, b *Part) bool { return a.Key == b.Key && a.Region == b.Region }

// zoneSet sorts the zones for the tables, and reports names that several zones
// have.
func (c *Compiled) zoneSet(zones []*zone.Zone) (*zoneSet, []Problem) {
	set := &zoneSet{
		seenBy: map[*zone.Zone]ViewNames{}, byVPC: map[string][]*zone.Zone{}, named: map[string]int{},
		tags: c.tags.zones, over: c.tags.over, unlisted: c.unlisted(),
	}
	for i, p := range c.in.zones {
		z := zones[i]
		switch z.Origin {
		case zone.File:
			set.files = append(set.files, z)
			views, limited := c.in.cfg.FileViews[p.Key]
			if limited {
				set.seenBy[z] = views
			}
		case zone.Private:
			set.private = append(set.private, z)
			set.named[string(z.Apex)]++
		case zone.Public:
			set.public = append(set.public, z)
		}
	}
	for _, g := range c.in.missing {
		if g.Private && g.Standing != New {
			set.named[string(zone.MustName(g.Zone))]++
		}
	}
	slices.SortFunc(set.private, func(a, b *zone.Zone) int { return strings.Compare(a.ID, b.ID) })
	for _, z := range set.private {
		for _, vpc := range z.VPCs {
			set.byVPC[vpc.ID] = append(set.byVPC[vpc.ID], z)
		}
	}
	slices.SortFunc(set.public, func(a, b *zone.Zone) int {
		return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.ID, b.ID))
	})
	return set, set.twice()
}

// twice reports public zones of one name: only one of them can be delegated to.
func (s *zoneSet) twice() []Problem {
	ids := map[string][]string{}
	for _, z := range s.public {
		ids[string(z.Apex)] = append(ids[string(z.Apex)], z.ID)
	}
	var problems []Problem
	for name, list := range ids {
		if len(list) > 1 {
			problems = append(problems, Problem{
				Zone:   zone.String([]byte(name)),
				Reason: fmt.Sprintf("several public zones have this name: %s; the first is on top", strings.Join(list, ", ")),
			})
		}
	}
	return problems
}

// unlisted returns the private zones of each VPC that no account of ours lists.
func (c *Compiled) unlisted() map[string][]Unlisted {
	listed := map[string]bool{}
	for _, p := range c.in.zones {
		listed[p.Zone.ID] = true
	}
	for _, p := range c.in.catalogs {
		for _, h := range p.Catalog.Zones {
			listed[h.ID] = true
		}
	}
	out := map[string][]Unlisted{}
	for _, p := range c.in.catalogs {
		for _, u := range p.Catalog.Unlisted {
			if !listed[u.ID] {
				out[u.VPC.ID] = append(out[u.VPC.ID], u)
			}
		}
	}
	return out
}

// unknownViews reports views that the configuration names and nothing makes. With
// configured views the configuration was refused; automatic ones come and go with
// the VPCs.
func unknownViews(cfg *Config, views []*viewPlan) []Problem {
	known := map[string]bool{"*": true}
	for _, v := range views {
		known[v.name] = true
	}
	var problems []Problem
	check := func(what string, names ViewNames) {
		for _, n := range names {
			if !known[n] {
				problems = append(problems, Problem{Zone: what, Reason: fmt.Sprintf("is for the view %q, which isn't there", n)})
			}
		}
	}
	for _, f := range cfg.Forward {
		check("forward "+zone.String(f.Zone), f.Views)
	}
	for key, names := range cfg.FileViews {
		check(key.Name, names)
	}
	return problems
}
