package zonesource

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"inside53/resolver/zone"
)

// vpcResolver is the resolver of the VPC that asks it (the Amazon-provided DNS
// server).
const vpcResolver = "169.254.169.253"

// zoneSet is all zones, sorted for making tables of views.
type zoneSet struct {
	files    []*zone.Zone
	seenBy   map[*zone.Zone]ViewNames // of files; one that isn't here is seen by all
	private  []*zone.Zone             // by id
	byVPC    map[string][]*zone.Zone  // private ones
	named    map[string]int           // how many private zones have a name
	tags     []*zone.Zone
	over     map[string]bool // apexes of tags that lie over other zones
	public   []*zone.Zone    // by account and id
	unlisted map[string][]Unlisted
}

// apexPlan is the common ground of all views' tables.
type apexPlan struct {
	cfg        *Config
	zones      *zoneSet
	special    []specialName
	computed   [][]byte
	amazon     [][]byte // names of AWS services
	reverse    []byte   // in-addr.arpa.
	forwarders forwarderList
	cidrs      map[string][][]byte // reverse zones of a VPC's CIDRs
	unread     *unreadZones        // of what isn't there
	problems   map[Problem]bool
	all        []*zone.Zone // as in the snapshot
	layers     map[*zone.Zone]zone.Layer
}

// number numbers the zones of the snapshot.
func (p *apexPlan) number(all []*zone.Zone) {
	p.layers = make(map[*zone.Zone]zone.Layer, len(all))
	for _, z := range all {
		p.place(z)
	}
}

// place adds a zone to those of the snapshot.
func (p *apexPlan) place(z *zone.Zone) zone.Layer {
	l := zone.Layer(len(p.all))
	p.all = append(p.all, z)
	p.layers[z] = l
	return l
}

// forwarderList numbers sets of upstreams.
type forwarderList struct {
	list  []zone.Forwarder
	index map[string]int
}

func (f *forwarderList) add(upstreams []string) int {
	key := strings.Join(upstreams, "\x00")
	i, ok := f.index[key]
	if !ok {
		i = len(f.list)
		f.index[key] = i
		f.list = append(f.list, zone.Forwarder{Upstreams: upstreams})
	}
	return i
}

// table is one view's table under construction.
type table struct {
	*apexPlan
	view   *viewPlan
	byName map[string]*zone.Apex
	root   int // the view's forwarder of "."
	own    int // the forwarder of "." that the configuration names for this very view
}

// apexes returns the apexes of a view, sorted by name.
func (p *apexPlan) apexes(view *viewPlan) []zone.Apex {
	t := &table{apexPlan: p, view: view, byName: map[string]*zone.Apex{}, root: zone.NoForward, own: zone.NoForward}
	t.stack()
	if view.unread != "" {
		t.hideLayers()
	}
	t.forwards()
	t.unlistedZones()
	t.newZones()
	t.forwardsBelow()
	t.specials()
	if p.cfg.EC2 {
		t.computedApexes()
		t.ownReverse()
		t.markComputed()
	}
	return t.sorted()
}

// sorted returns the apexes sorted by name.
func (t *table) sorted() []zone.Apex {
	out := make([]zone.Apex, 0, len(t.byName))
	for _, a := range t.byName {
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b zone.Apex) int { return bytes.Compare(a.Name, b.Name) })
	return out
}

// at returns the apex of a name, making it when it isn't there.
func (t *table) at(name []byte) *zone.Apex {
	a := t.byName[string(name)]
	if a == nil {
		a = &zone.Apex{Name: name, Forward: zone.NoForward}
		t.byName[string(name)] = a
	}
	return a
}

// closest returns the longest apex at or above a name, nil for none.
func (t *table) closest(name []byte) *zone.Apex {
	for {
		a := t.byName[string(name)]
		if a != nil || len(name) == 1 {
			return a
		}
		name = name[int(name[0])+1:]
	}
}

// stack puts the view's zones at their apexes, top down: files, private zones in
// the order of the view's VPCs, names of instances, public zones.
func (t *table) stack() {
	add := func(z *zone.Zone) {
		a := t.at(z.Apex)
		if t.cfg.Shadow && len(a.Layers) > 0 || slices.Contains(a.Layers, t.layers[z]) {
			return
		}
		a.Layers = append(a.Layers, t.layers[z])
		if z.Unavailable != "" && z.Origin == zone.File {
			a.Unavailable = z.Unavailable // whatever the layers below have
		}
	}
	for _, z := range t.zones.files {
		views, limited := t.zones.seenBy[z]
		if !limited || views.all() || views.has(t.view.configured()) {
			add(z)
		}
	}
	if t.seesPrivate() {
		for _, z := range t.unread.private {
			if !t.view.unique || t.zones.named[string(z.Apex)] == 1 {
				add(z)
			}
		}
	}
	t.privateZones(add)
	var over []*zone.Zone
	for _, z := range t.zones.tags {
		if t.zones.over[string(z.Apex)] {
			over = append(over, z)
			continue
		}
		add(z)
	}
	for _, z := range slices.Concat(t.unread.tags, t.unread.public, t.zones.public) {
		add(z)
	}
	for _, z := range slices.Concat(over, t.unread.over) {
		t.layOver(z)
	}
}

// layOver puts names of instances among the zones of an apex: under files and private zones,
// over public ones, as a zone of names has it. Where the view has no zone of this name there
// are none either, or all else there would seem not to exist; but for those of a domain of
// the configuration, which has a forwarder, if any, beneath.
func (t *table) layOver(z *zone.Zone) {
	a := t.byName[string(z.Apex)]
	isDomain := slices.ContainsFunc(t.cfg.Domains, func(d []byte) bool { return bytes.Equal(d, z.Apex) })
	if a == nil && !isDomain {
		return
	}
	a = t.at(z.Apex)
	at := slices.IndexFunc(a.Layers, func(l zone.Layer) bool { return t.all[l].Origin == zone.Public })
	if at < 0 {
		at = len(a.Layers)
	}
	a.Layers = slices.Insert(a.Layers, at, t.layers[z])
}

// forwardsBelow gives domains that have names of instances and nothing else the forwarder of
// what lies above them.
func (t *table) forwardsBelow() {
	for _, z := range t.zones.tags {
		a := t.byName[string(z.Apex)]
		if !t.zones.over[string(z.Apex)] || a == nil || a.Forward != zone.NoForward || len(a.Layers) != 1 ||
			t.all[a.Layers[0]] != z || len(a.Name) == 1 {
			continue
		}
		above := t.closest(a.Name[1+int(a.Name[0]):])
		switch {
		case above == nil:
		case above.Forward != zone.NoForward:
			a.Forward, a.Below = above.Forward, true
		case t.root != zone.NoForward && len(above.Layers) == 0:
			a.Forward, a.Below = t.root, true
		}
	}
}

func (t *table) privateZones(add func(*zone.Zone)) {
	for _, vpc := range t.view.vpcs {
		for _, z := range t.zones.byVPC[vpc] {
			add(z)
		}
	}
	switch {
	case t.view.every:
		for _, z := range t.zones.private {
			add(z)
		}
	case t.view.unique:
		for _, z := range t.zones.private {
			if t.zones.named[string(z.Apex)] == 1 {
				add(z)
				continue
			}
			t.report(Problem{Zone: zone.String(z.Apex), Reason: fmt.Sprintf(
				"%d private zones have this name: the view %q sees none of them", t.zones.named[string(z.Apex)],
				t.view.configured())})
		}
	}
}

func (p *apexPlan) report(problem Problem) { p.problems[problem] = true }

// forwards adds the view's forwarders. On a tie the forwarder wins and the layers
// go, unless it is to be layered below them.
func (t *table) forwards() {
	for _, f := range t.viewForwards() {
		a := t.at(f.Zone)
		a.Forward = t.forwarders.add(f.Upstreams)
		if f.Layer && len(a.Layers) > 0 {
			a.Below = true
		} else {
			a.Layers, a.Unavailable = nil, ""
		}
		if len(f.Zone) == 1 {
			t.root = a.Forward
			if f.Views.has(t.view.configured()) {
				t.own = a.Forward
			}
		}
	}
}

// viewForwards returns the entries that the view uses: those that name it, and
// those for every view where none of the same zone does.
func (t *table) viewForwards() []*ForwardConfig {
	named := map[string]bool{}
	var out []*ForwardConfig
	apply := func(applies func(ViewNames) bool) {
		for i := range t.cfg.Forward {
			f := &t.cfg.Forward[i]
			if applies(f.Views) && !named[string(f.Zone)] {
				named[string(f.Zone)] = true
				out = append(out, f)
			}
		}
	}
	apply(func(n ViewNames) bool { return n.has(t.view.configured()) })
	apply(ViewNames.all)
	return out
}

// unlistedZones makes forward entries of private zones that exist for the view's
// VPCs and can't be listed. Only the VPC's own resolver knows them.
func (t *table) unlistedZones() {
	vpcs := slices.Clone(t.view.vpcs)
	slices.SortStableFunc(vpcs, func(a, b string) int { // a resolver that is known goes first
		switch t.cfg.Self.VPC {
		case a:
			return -1
		case b:
			return 1
		}
		return 0
	})
	for _, vpc := range vpcs {
		for _, u := range t.zones.unlisted[vpc] {
			a := t.byName[string(u.Name)]
			if a != nil && a.Forward != zone.NoForward {
				continue // the configured forwarder wins
			}
			why := fmt.Sprintf("the private zone %s of %s is associated with %s and can't be listed", u.ID, u.Owner, vpc)
			upstream := t.resolverOf(vpc)
			if upstream == zone.NoForward && t.passes(u) {
				t.report(Problem{Zone: zone.String(u.Name),
					Reason: why + ", and no resolver of that VPC is known: the view's forwarder is asked, which may know other names"})
				above := t.closest(u.Name)
				if above == nil || len(above.Layers) == 0 {
					continue // it is forwarded anyway
				}
				upstream = t.root
			}
			t.unlistedZone(u.Name, upstream, why)
		}
	}
}

// resolverOf is the forwarder that knows the names of a VPC: the one that the
// configuration names for this very view, or the VPC's own where inside53 runs in it.
func (t *table) resolverOf(vpc string) int {
	if t.own == zone.NoForward && vpc == t.cfg.Self.VPC {
		return t.forwarders.add([]string{vpcResolver})
	}
	return t.own
}

// passes reports whether names of an unlisted zone may be asked of the view's forwarder
// though it isn't known to be the VPC's: because it may well be, as long as nobody knows
// where inside53 runs, or because the zone is one that an AWS service puts over its own
// public names (VPC endpoints), which reach the same service. Those of another account
// have other meanings outside, or none: no answer is better than that one.
func (t *table) passes(u Unlisted) bool {
	return t.root != zone.NoForward && (t.cfg.Self.VPC == "" || strings.HasSuffix(u.Owner, serviceDomain))
}

// serviceDomain ends the names of services that own zones: efs.amazonaws.com.
const serviceDomain = ".amazonaws.com"

// unlistedZone makes the apex of one unlisted zone.
func (t *table) unlistedZone(name []byte, upstream int, why string) {
	a := t.at(name)
	a.Layers = slices.DeleteFunc(a.Layers, func(l zone.Layer) bool { return t.all[l].Origin == zone.Public })
	switch {
	case upstream != zone.NoForward:
		a.Forward, a.Below = upstream, len(a.Layers) > 0
	case len(a.Layers) > 0:
		t.report(Problem{Zone: zone.String(name), Reason: why + ": its names are missing"})
	default:
		a.Unavailable = why
		t.report(Problem{Zone: zone.String(name),
			Reason: why + ", and no resolver of that VPC is known: its names get SERVFAIL"})
	}
}

// specials adds the special names, except at or below a zone or forwarder of ours.
// The root is no reason to let them out.
func (t *table) specials() {
	for _, s := range t.special {
		a := t.closest(s.name)
		if a == nil || len(a.Name) == 1 {
			t.at(s.name).Special = s.what
		}
	}
}

// computedApexes adds the names that are computed from the inventory, each with
// the forwarder for what the inventory doesn't have. As in a VPC, the EC2 names
// are cut out of the zones above them, except where nobody else could be asked.
// Reverse names are never cut out of a zone.
func (t *table) computedApexes() {
	for _, name := range t.computed {
		t.computedApex(name, true)
	}
	for _, name := range t.amazon {
		t.computedApex(name, false)
	}
	t.computedApex(t.reverse, false)
}

func (t *table) computedApex(name []byte, cut bool) {
	above := t.closest(name)
	forward := t.root
	if above != nil {
		if len(above.Name) == len(name) {
			above.Computed = true
			return
		}
		ours := slices.ContainsFunc(above.Layers, func(l zone.Layer) bool { return t.all[l].Origin != zone.Tags })
		if ours && (!cut || t.root == zone.NoForward) {
			above.Computed = true
			return
		}
		if above.Forward != zone.NoForward {
			forward = above.Forward
		}
	}
	a := t.at(name)
	a.Computed, a.Forward = true, forward
}

// ownReverse lets reverse names of the view's VPCs out of the special zones: who
// isn't in the inventory may be known to the VPC's resolver. Without a forwarder
// the special zones answer.
func (t *table) ownReverse() {
	if t.root == zone.NoForward {
		return
	}
	for _, vpc := range t.view.vpcs {
		for _, name := range t.cidrs[vpc] {
			a := t.closest(name)
			if a == nil || a.Special == zone.NotSpecial {
				continue
			}
			a = t.at(name)
			a.Special, a.Forward, a.Computed = zone.NotSpecial, t.root, true
		}
	}
}

// markComputed flags all apexes at or below the computed names and the reverse
// tree of IPv4.
func (t *table) markComputed() {
	for _, a := range t.byName {
		above := func(c []byte) bool { return zone.IsSubdomain(a.Name, c) }
		if above(t.reverse) || slices.ContainsFunc(t.computed, above) || slices.ContainsFunc(t.amazon, above) {
			a.Computed = true
		}
	}
}
