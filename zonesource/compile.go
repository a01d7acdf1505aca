package zonesource

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
)

// The order of resolution has its first half here, in the tables of views; the
// second half is in the lookup.
//
//	views by prefix, contested prefixes, rest, allow     compile_views.go
//	special names, and what lies at or below ours        compile_apexes.go specials, compile_special.go
//	reverse ranges of the view's own VPCs                compile_apexes.go ownReverse
//	longest match; a tie goes to the forwarder           compile_apexes.go forwards
//	private zones that can't be listed                   compile_apexes.go unlistedZones
//	layers of one apex; shadow                           compile_apexes.go layers
//	what is reachable from a view                        compile_inventory.go
//	the view from outside, CIDR collections              compile_outside.go
//	computed names                                       compile_apexes.go computedApexes
//	names of instances                                   compile_tags.go
//	before the first data, and what was not read         compile_complete.go
//
// What a table tells the lookup at the longest matching apex, in this order:
//
//	Unavailable   SERVFAIL
//	Layers        if one of them has the name. With a forwarder that wins the tie
//	              there are none.
//	Computed      EC2 names and reverse names of the inventory
//	Forward       asks the upstreams. With Layers the apex has Below set.
//	Special       the special answer
//	otherwise     the negative answer of the layers; without any, the same as
//	              without an apex
//
// Computed apexes that no zone or forwarder of that name made are ec2.internal.,
// compute.internal., compute.amazonaws.com., compute-1.amazonaws.com.,
// compute.amazonaws.com.cn. and in-addr.arpa.; they carry the forwarder of the
// apex above them, else the view's forwarder of ".". Where a zone of ours lies
// above and there is no forwarder of ".", that zone's apex is marked instead. All
// apexes below these names are marked too: a reverse zone's own records come first.

// Compiled is a compilation, and what the next one needs of it. Immutable.
type Compiled struct {
	Snapshot *zone.Snapshot
	Report   Report

	in       input
	zones    map[Key]*zone.Zone // of parts, with negative answers
	tags     *tagNames
	clients  clientPlan
	foreign  [][]byte // apexes of zones that aren't of tags
	problems []Problem
}

// Report is what people should know of a compilation.
type Report struct {
	// Problems are those of all parts and of the compilation, sorted.
	Problems []Problem
	Zones    []ZoneSummary // sorted by name, origin and id
	// Unservable counts RRsets that exist and can't be served.
	Unservable int
	// Missing says why the data aren't complete; empty when they are.
	Missing []Gap
}

// ZoneSummary is one zone of a report.
type ZoneSummary struct {
	Key  Key // zero for zones of tags
	Zone *zone.Zone
}

// Fails reports whether the names of the zone fail.
func (z ZoneSummary) Fails() bool { return z.Zone.Unavailable != "" }

// input is what a compilation is made of, in a fixed order.
type input struct {
	cfg      Config
	zones    []Part // with Zone, by key
	catalogs []Part // by key
	regions  []Part // by key
	byAge    []*Region
	stale    []bool // of regions
	missing  []Gap
}

// Compile makes a snapshot of parts. previous is the last compilation, nil for
// none; the result is the same either way, but what hasn't changed is shared. Parts
// with Err count as missing. The cost is that of the tables of views where zones
// come or go, and of the changed zones' entries alone where only records changed.
// Compile keeps cfg and parts' content and modifies neither; it is pure.
func Compile(previous *Compiled, cfg Config, parts map[Key]Part, now time.Time) (*Compiled, error) {
	in := sortParts(cfg, parts, now)
	if previous == nil {
		previous = &Compiled{tags: &tagNames{}}
	}
	sameConfig := previous.Snapshot != nil && reflect.DeepEqual(previous.in.cfg, cfg)
	if !sameConfig {
		err := cfg.validate()
		if err != nil {
			return nil, fmt.Errorf("compiling the configuration: %w", err)
		}
	}
	c := &Compiled{in: in}
	c.deriveZones(previous, sameConfig)
	missing := missingParts(&cfg, parts)
	c.in.missing = missing
	if sameConfig && c.in.sameStructure(&previous.in) {
		c.patch(previous)
	} else {
		c.build(previous, missing, now)
	}
	c.Snapshot.Loaded = len(missing) == 0
	c.Snapshot.Built = now
	c.report(missing)
	return c, nil
}

func sortParts(cfg Config, parts map[Key]Part, now time.Time) input {
	in := input{cfg: cfg}
	for _, p := range parts {
		switch {
		case p.Err != nil:
		case p.Zone != nil:
			in.zones = append(in.zones, p)
		case p.Catalog != nil:
			in.catalogs = append(in.catalogs, p)
		case p.Region != nil && cfg.EC2:
			in.regions = append(in.regions, p)
		}
	}
	byKey := func(a, b Part) int { return a.Key.compare(b.Key) }
	slices.SortFunc(in.zones, byKey)
	slices.SortFunc(in.catalogs, byKey)
	slices.SortFunc(in.regions, byKey)
	for _, p := range in.regions {
		in.stale = append(in.stale, isStale(&cfg, p, now))
	}
	byAge := slices.Clone(in.regions)
	slices.SortStableFunc(byAge, func(a, b Part) int { return a.Listed.Compare(b.Listed) })
	for _, p := range byAge {
		in.byAge = append(in.byAge, p.Region)
	}
	return in
}

func (k Key) compare(other Key) int {
	return cmp.Or(strings.Compare(k.Source, other.Source), strings.Compare(k.Name, other.Name))
}

// String returns the key as logs and errors show it.
func (k Key) String() string { return k.Source + " " + k.Name }

// sameStructure reports whether nothing differs but the records of zones.
func (in *input) sameStructure(was *input) bool {
	return slices.EqualFunc(in.zones, was.zones, samePlace) &&
		slices.EqualFunc(in.catalogs, was.catalogs,
			func(a, b Part) bool { return a.Key == b.Key && a.Catalog == b.Catalog }) &&
		slices.EqualFunc(in.regions, was.regions, func(a, b Part) bool { return a.Key == b.Key && a.Region == b.Region }) &&
		slices.Equal(in.byAge, was.byAge) && slices.Equal(in.stale, was.stale) && slices.Equal(in.missing, was.missing)
}

// samePlace reports whether two parts' zones have the same place in all views.
func samePlace(a, b Part) bool {
	return a.Key == b.Key && (a.Zone == b.Zone || a.Zone.Origin == b.Zone.Origin &&
		a.Zone.Unavailable == b.Zone.Unavailable && a.Zone.ID == b.Zone.ID && a.Zone.Account == b.Zone.Account &&
		bytes.Equal(a.Zone.Apex, b.Zone.Apex) && slices.Equal(a.Zone.VPCs, b.Zone.VPCs))
}

// deriveZones derives the zones from their parts, those of the previous compilation
// where part and configuration are the same.
func (c *Compiled) deriveZones(previous *Compiled, sameConfig bool) {
	old := make(map[Key]*zone.Zone, len(previous.in.zones))
	for _, p := range previous.in.zones {
		old[p.Key] = p.Zone
	}
	c.zones = make(map[Key]*zone.Zone, len(c.in.zones))
	for _, p := range c.in.zones {
		if sameConfig && old[p.Key] == p.Zone {
			c.zones[p.Key] = previous.zones[p.Key]
			continue
		}
		var negativeCap uint32
		if p.Zone.Origin != zone.File {
			negativeCap = seconds(c.in.cfg.NegativeTTL)
		}
		c.zones[p.Key] = p.Zone.With(c.in.cfg.withPrimary(p.Zone), negativeCap)
	}
}

// patch makes the snapshot out of the previous one when only records changed.
func (c *Compiled) patch(previous *Compiled) {
	c.tags, c.foreign, c.problems, c.clients = previous.tags, previous.foreign, previous.problems, previous.clients
	changed := map[*zone.Zone]*zone.Zone{}
	for key, z := range c.zones {
		if was := previous.zones[key]; was != z {
			changed[was] = z
		}
	}
	was := previous.Snapshot
	s := &zone.Snapshot{
		Zones: replaced(was.Zones, changed), Forwarders: was.Forwarders, Inventory: was.Inventory,
		TranslatedTTL: was.TranslatedTTL,
		Rebinding:     was.Rebinding,
		Outside:       patchView(was.Outside, changed), Locations: was.Locations,
	}
	for _, v := range was.Views {
		s.Views = append(s.Views, patchView(v, changed))
	}
	s.SetTrusted(c.in.cfg.TrustECS)
	c.clients.apply(s)
	c.Snapshot = s
}

// patchView returns the view with other zones in the places of changed ones.
func patchView(v *zone.View, changed map[*zone.Zone]*zone.Zone) *zone.View {
	fresh := *v
	for was := range changed {
		a := v.Apex(was.Apex)
		if a != nil && slices.Contains(a.Layers, was) {
			fresh.Apexes = slices.Clone(v.Apexes)
			break
		}
	}
	if len(changed) == 0 || len(v.Apexes) == 0 || &fresh.Apexes[0] == &v.Apexes[0] {
		return v
	}
	for i := range fresh.Apexes {
		fresh.Apexes[i].Layers = replaced(fresh.Apexes[i].Layers, changed)
	}
	return zone.NewView(fresh)
}

// replaced returns zones with changed ones in their places, the slice itself where
// there are none.
func replaced(zones []*zone.Zone, changed map[*zone.Zone]*zone.Zone) []*zone.Zone {
	fresh := zones
	for i, z := range zones {
		now, ok := changed[z]
		if !ok {
			continue
		}
		if &fresh[0] == &zones[0] {
			fresh = slices.Clone(zones)
		}
		fresh[i] = now
	}
	return fresh
}

// build makes the snapshot from the parts.
func (c *Compiled) build(previous *Compiled, missing []Gap, now time.Time) {
	cfg := &c.in.cfg
	networks := networksOf(cfg, c.in.regions, now)
	c.deriveTags(previous, networks)
	views, clients, problems := planViews(cfg, networks, c.in.zones, missing)
	zones, more := c.zoneSet()
	plan := &apexPlan{
		cfg: cfg, zones: zones, special: specialNames(), computed: computedNames(), reverse: zone.MustName("in-addr.arpa."),
		forwarders: forwarderList{index: map[string]int{}}, cidrs: map[string][][]byte{},
		unread: unreadOf(cfg, missing, c.in.regions), problems: map[Problem]bool{},
	}
	for _, n := range networks {
		for _, p := range n.CIDRs {
			plan.cidrs[n.ID] = append(plan.cidrs[n.ID], reverseZones(p)...)
		}
	}
	s := &zone.Snapshot{TranslatedTTL: seconds(cfg.TranslatedTTL), Rebinding: cfg.Rebinding}
	for i, v := range views {
		s.Views = append(s.Views, zone.NewView(zone.View{
			Name: v.name, Index: i, Region: v.region, VPCs: v.vpcs, Addresses: v.addresses, Unread: v.unread,
			Apexes: plan.apexes(v),
		}))
	}
	s.Outside = outsideView(cfg, plan, len(views))
	s.Forwarders = plan.forwarders.list
	s.Locations = c.locations()
	s.SetTrusted(cfg.TrustECS)
	s.Inventory = buildInventory(cfg, c.in.regions, networks, c.tags.first, views)
	s.Inventory.SetUncertain(isUncertain(missing))
	s.Inventory.SetUnread(unreadRegions(missing))
	clients.apply(s)
	for _, p := range c.in.zones {
		s.Zones = append(s.Zones, c.zones[p.Key])
	}
	s.Zones = append(s.Zones, c.tags.zones...)
	c.Snapshot, c.clients = s, clients
	c.problems = append(problems, more...)
	for p := range plan.problems {
		c.problems = append(c.problems, p)
	}
	c.problems = append(c.problems, unknownViews(cfg, views)...)
	c.problems = append(c.problems, gapProblems(missing)...)
	c.problems = append(c.problems, sharedNames(s.Inventory, c.tags.shared, len(views))...)
}

// deriveTags makes the zones of instance names, unless nothing they depend on has
// changed.
func (c *Compiled) deriveTags(previous *Compiled, networks []network) {
	cfg, was := &c.in.cfg, &previous.in.cfg
	for _, z := range c.zones {
		c.foreign = append(c.foreign, z.Apex)
	}
	slices.SortFunc(c.foreign, bytes.Compare)
	c.foreign = slices.CompactFunc(c.foreign, bytes.Equal)
	same := previous.Snapshot != nil && cfg.EC2 == was.EC2 && cfg.InstancesPublic == was.InstancesPublic &&
		cfg.TagZone == was.TagZone &&
		cfg.TranslatedTTL == was.TranslatedTTL && cfg.NegativeTTL == was.NegativeTTL &&
		slices.EqualFunc(c.in.regions, previous.in.regions,
			func(a, b Part) bool { return a.Key == b.Key && a.Region == b.Region }) &&
		slices.EqualFunc(c.foreign, previous.foreign, bytes.Equal)
	if same {
		c.tags = previous.tags
		return
	}
	c.tags = buildTags(cfg, c.in.regions, c.foreign, networks)
	c.tags.rebase(previous.tags, seconds(cfg.NegativeTTL))
}

// zoneSet sorts the zones for the tables, and reports names that several zones
// have.
func (c *Compiled) zoneSet() (*zoneSet, []Problem) {
	set := &zoneSet{
		seenBy: map[*zone.Zone]ViewNames{}, byVPC: map[string][]*zone.Zone{}, named: map[string]int{},
		tags: c.tags.zones, unlisted: c.unlisted(),
	}
	for _, p := range c.in.zones {
		z := c.zones[p.Key]
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

// report gathers what people should know.
func (c *Compiled) report(missing []Gap) {
	r := Report{Missing: missing, Problems: slices.Concat(c.tags.problems, c.problems)}
	for _, list := range [][]Part{c.in.zones, c.in.catalogs, c.in.regions} {
		for _, p := range list {
			r.Problems = append(r.Problems, p.Problems...)
			if p.Zone != nil && p.Zone.Unavailable != "" {
				r.Problems = append(r.Problems, Problem{
					Zone: zone.String(p.Zone.Apex), Reason: p.Zone.Unavailable + ": its names get SERVFAIL",
				})
			}
		}
	}
	slices.SortStableFunc(r.Problems, compareProblems)
	for _, p := range c.in.zones {
		r.Zones = append(r.Zones, ZoneSummary{Key: p.Key, Zone: c.zones[p.Key]})
	}
	for _, z := range c.tags.zones {
		r.Zones = append(r.Zones, ZoneSummary{Zone: z})
	}
	slices.SortStableFunc(r.Zones, func(a, b ZoneSummary) int {
		return cmp.Or(bytes.Compare(a.Zone.Apex, b.Zone.Apex), cmp.Compare(a.Zone.Origin, b.Zone.Origin),
			strings.Compare(a.Zone.ID, b.Zone.ID))
	})
	for _, z := range c.Snapshot.Zones {
		r.Unservable += z.Tree.Stats().Unservable
	}
	c.Report = r
}
