package zonesource

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
)

// tagID is the zone id of names of instances; their zones are told apart by apex.
const tagID = "tags"

// tagNames is what the tags of all instances come to.
type tagNames struct {
	zones []*zone.Zone      // by apex
	over  map[string]bool   // apexes of zones that lie over others of ours, and are nothing by themselves
	first map[string][]byte // instance -> its first name, wire form: its PTR target
	// renamed lies over first: instances whose first name is another one, nil for none.
	renamed map[string][]byte
	// shared are the names with instances in several VPCs.
	shared []sharedName
	// Problems of names that were refused.
	problems []Problem
}

// sharedName is a name with instances in several VPCs.
type sharedName struct {
	zone, name string
	vpcs       []string // sorted
}

// tagBuilder collects names of instances by zone.
type tagBuilder struct {
	cfg    *Config
	ours   *Ours               // our other zones
	vpcs   map[string]uint32   // their numbers in the inventory
	places *places             // of subnets
	zones  map[string]*tagZone // by apex
	out    *tagNames
	seen   map[string]bool // instances
	// registered are names that instances have registered, by instance.
	registered map[string][]Registration
}

type tagZone struct {
	apex []byte
	over bool               // nothing but the names that lie over another zone
	sets map[string]*tagSet // by name
}

// tagSet is what several instances of one name have in common.
type tagSet struct {
	v4, v6  []zone.InstanceAddress
	vpcs    []string
	last    string // the instance added last
	count   int    // of instances
	servers []tagServer
	ttl     uint32 // of a registered name; 0 is that of all others
}

// tagServer is an instance that serves something.
type tagServer struct {
	host   *Host
	region string
	member zone.InstanceAddress
}

// buildTags makes the zones of instance names from regions in the order of their keys: that
// of ec2.zone, and for each other zone of ours that has names a layer over it.
func (c *Compiled) buildTags() *tagNames {
	cfg, regions := &c.in.cfg, c.in.regions
	b := c.newTagBuilder()
	if !cfg.EC2 || cfg.TagZone == "" {
		return b.out
	}
	if !strings.Contains(cfg.TagZone, "{") {
		b.zone("", "", "", "") // there whatever the inventory says
	}
	c.managed = make([]map[instanceAddress]bool, len(regions))
	for i, p := range regions {
		r := p.Region
		for _, v := range r.VPCs {
			b.zone(regionLabel(r), r.Name, v.ID, accountLabel(r))
		}
		managed := c.managedIn(i)
		for _, h := range r.Hosts {
			b.host(regionLabel(r), r, h, cfg.InstancesPublic || managed[instanceAddress{h.Instance, h.Private}])
		}
	}
	b.finish()
	return b.out
}

func (c *Compiled) newTagBuilder() *tagBuilder {
	b := &tagBuilder{
		cfg: &c.in.cfg, ours: c.ours, vpcs: make(map[string]uint32, len(c.networks)), places: c.places,
		zones: map[string]*tagZone{}, out: &tagNames{first: map[string][]byte{}, over: map[string]bool{}},
		seen: map[string]bool{}, registered: c.registered,
	}
	for i := range c.networks {
		b.vpcs[c.networks[i].ID] = uint32(i)
	}
	return b
}

// firstOf returns the first name of an instance, its PTR target; nil for none.
func (n *tagNames) firstOf(instance string) []byte {
	name, changed := n.renamed[instance]
	if changed {
		return name
	}
	return n.first[instance]
}

// accountLabel is what {account} stands for: the account's number, or its
// configured name where the number isn't known.
func accountLabel(r *Region) string { return cmp.Or(r.AccountID, r.Account) }

// regionLabel is how people name a region of an account.
func regionLabel(r *Region) string { return strings.TrimPrefix(r.Account+"/"+r.Name, "/") }

// zone returns the zone for instances of a VPC, nil when its name can't be made.
func (b *tagBuilder) zone(where, region, vpc, account string) *tagZone {
	apex, err := InstanceZone(b.cfg.TagZone, region, vpc, account)
	if err != nil {
		b.problem(where, vpc, fmt.Sprintf("zone of instance names %s: %v", b.cfg.TagZone, err))
		return nil
	}
	z := b.at(apex)
	z.over = false
	return z
}

// at returns the zone of an apex, one that lies over another where there is none.
func (b *tagBuilder) at(apex []byte) *tagZone {
	z := b.zones[string(apex)]
	if z == nil {
		z = &tagZone{apex: apex, over: true, sets: map[string]*tagSet{}}
		b.zones[string(apex)] = z
	}
	return z
}

func (b *tagBuilder) problem(where, name, reason string) {
	b.out.problems = append(b.out.problems, Problem{Zone: where, Name: name, Reason: reason})
}

// instanceAddress is a private address of an instance.
type instanceAddress struct {
	instance string
	private  netip.Addr
}

// managedIn returns the managed addresses of a region, by its place.
func (c *Compiled) managedIn(region int) map[instanceAddress]bool {
	if c.managed[region] == nil {
		c.managed[region] = managedAddresses(c.in.regions[region].Region)
	}
	return c.managed[region]
}

// managedAfter takes over what of the previous compilation's managed addresses some interfaces don't change.
func (c *Compiled) managedAfter(previous *Compiled, cards map[string]bool) {
	c.managed = make([]map[instanceAddress]bool, len(c.in.regions))
	isManaged := func(f *Interface) bool { return f.Managed }
	for i := range min(len(previous.managed), len(c.managed)) {
		same := true
		for id := range cards {
			same = same && !slices.ContainsFunc(withID(previous.in.regions[i].Region.Interfaces, id), isManaged) &&
				!slices.ContainsFunc(withID(c.in.regions[i].Region.Interfaces, id), isManaged)
		}
		if same {
			c.managed[i] = previous.managed[i]
		}
	}
}

// managedAddresses returns those on interfaces that an AWS service manages: their public
// addresses are never translated.
func managedAddresses(r *Region) map[instanceAddress]bool {
	out := map[instanceAddress]bool{}
	for _, f := range r.Interfaces {
		if f.Managed && f.Instance != "" {
			out[instanceAddress{f.Instance, f.Private}] = true
		}
	}
	return out
}

func (b *tagBuilder) host(where string, r *Region, h *Host, keepsPublic bool) {
	names := b.namesOfHost(h)
	if b.seen[h.Instance] || len(names) == 0 {
		return
	}
	b.seen[h.Instance] = true
	z := b.zone(where, r.Name, h.VPC, accountLabel(r))
	if z == nil {
		return
	}
	if !h.Public.IsValid() && !h.Private.IsValid() && len(h.IPv6) == 0 {
		b.problem(where, h.Instance, "has names and no address")
		return
	}
	for _, n := range names {
		name, apexes, err := InstanceName(n.Text, z.apex, b.ours)
		if err != nil {
			b.problem(where, h.Instance, fmt.Sprintf("%s %q: %v", n.From, n.Text, err))
			continue
		}
		if b.out.first[h.Instance] == nil {
			b.out.first[h.Instance] = name
		}
		for _, apex := range apexes { // a view sees the one that is its longest match
			at := b.at(apex)
			s := at.sets[string(name)]
			if s == nil {
				s = &tagSet{}
				at.sets[string(name)] = s
			}
			s.ttl = max(s.ttl, b.registeredTTL(h, name))
			s.add(h, r.Name, zone.InstanceAddress{ID: []byte(h.Instance), VPC: b.vpcs[h.VPC],
				Zone: b.places.of(h.Subnet), KeepsPublic: keepsPublic})
		}
	}
}

// add adds the addresses of an instance, once. m is it, without them.
func (s *tagSet) add(h *Host, region string, m zone.InstanceAddress) {
	if s.last == h.Instance {
		return // two of its names are one
	}
	s.last = h.Instance
	s.count++
	if !slices.Contains(s.vpcs, h.VPC) {
		s.vpcs = append(s.vpcs, h.VPC)
	}
	var any zone.InstanceAddress
	for _, addr := range h.IPv6 {
		six := m
		six.Public = addr
		if addr.IsPrivate() {
			six.Private, six.Public = addr, netip.Addr{}
		}
		s.v6 = append(s.v6, six)
		if any.ID == nil {
			any = six
		}
	}
	if h.Private.Is4() || h.Public.Is4() {
		m.Private, m.Public = h.Private, h.Public
		s.v4 = append(s.v4, m)
		any = m
	}
	if len(h.Services) > 0 && any.ID != nil {
		s.servers = append(s.servers, tagServer{h, region, any})
	}
}

// finish packs the collected names into trees.
func (b *tagBuilder) finish() {
	for _, z := range b.zones {
		e := zone.NewTree(z.apex).Edit()
		if z.over {
			b.out.over[string(z.apex)] = true
		} else {
			b.infrastructure(e, z.apex)
		}
		for name, s := range z.sets {
			b.putSet(e, name, s)
			if len(s.vpcs) > 1 {
				slices.Sort(s.vpcs)
				b.out.shared = append(b.out.shared, sharedName{zone.String(z.apex), zone.String([]byte(name)), s.vpcs})
			}
		}
		b.out.zones = append(b.out.zones, b.newZone(e.Commit()))
	}
	slices.SortFunc(b.out.zones, func(x, y *zone.Zone) int { return bytes.Compare(x.Apex, y.Apex) })
	slices.SortFunc(b.out.problems, compareProblems)
	b.out.problems = slices.Compact(b.out.problems)
}

func (b *tagBuilder) newZone(t *zone.Tree) *zone.Zone {
	return zone.New(zone.Info{Origin: zone.Tags, ID: tagID}, t, seconds(b.cfg.NegativeTTL))
}

// infrastructure gives the zone its SOA and NS. The serial is constant: nothing
// transfers these zones, and equal names shall make an equal zone.
func (b *tagBuilder) infrastructure(e *zone.Edit, apex []byte) {
	server := append([]byte("\x08inside53"), apex...)
	mailbox := append([]byte("\x0ahostmaster"), apex...)
	if len(mailbox) > zone.MaxName {
		server, mailbox = apex, apex
	}
	soa := append(slices.Clone(server), mailbox...)
	soa = append(soa,
		0, 0, 0, 1, // serial
		0, 0, 0x0e, 0x10, // refresh: 1 h
		0, 0, 0x03, 0x84, // retry: 15 min
		0, 0x12, 0x75, 0, // expire: 14 d
		0, 0, 0, 60) // minimum: 1 min
	set, _ := zone.NewRecords(zone.TypeSOA, 60, soa)
	_ = e.Put(apex, set) // one small record at the apex itself
	set, _ = zone.NewRecords(zone.TypeNS, 3600, server)
	_ = e.Put(apex, set)
}

// putSet stores what a name has.
func (b *tagBuilder) putSet(e *zone.Edit, name string, s *tagSet) {
	b.put(e, name, zone.TypeA, s.ttl, s.v4)
	b.put(e, name, zone.TypeAAAA, s.ttl, s.v6)
	if len(s.servers) > 0 {
		b.putServices(e, name, s)
	}
}

// put stores the addresses of a name, with the instances that have them.
func (b *tagBuilder) put(e *zone.Edit, name string, rrtype uint16, ttl uint32, members []zone.InstanceAddress) {
	if len(members) == 0 {
		return
	}
	s, err := zone.NewInstances(rrtype, cmp.Or(ttl, seconds(b.cfg.TranslatedTTL)), members)
	if err != nil {
		s = zone.NewUnservable(rrtype, err.Error(), nil)
		b.out.problems = append(b.out.problems, Problem{
			Zone: tagID, Name: zone.String([]byte(name)), Type: typeText(rrtype),
			Reason: fmt.Sprintf("%d instances: %v", len(members), err),
		})
	}
	_ = e.Put([]byte(name), s) // the name was made to fit the zone
}

func typeText(rrtype uint16) string {
	switch rrtype {
	case zone.TypeA:
		return "A"
	case zone.TypeSRV:
		return "SRV"
	}
	return "AAAA"
}

// rebase shares with the previous zones what didn't change.
func (n *tagNames) rebase(previous *tagNames, negativeCap uint32) {
	old := map[string]*zone.Zone{}
	for _, z := range previous.zones {
		old[string(z.Apex)] = z
	}
	for i, z := range n.zones {
		was := old[string(z.Apex)]
		if was == nil {
			continue
		}
		tree, changes := was.Tree.Rebase(z.Tree)
		if changes == 0 && was.Negative.Equal(z.Negative) {
			n.zones[i] = was
			continue
		}
		n.zones[i] = z.With(tree, negativeCap)
	}
}

// seconds returns a TTL in whole seconds.
func seconds(d time.Duration) uint32 { return uint32(d / time.Second) }

func compareProblems(x, y Problem) int {
	return cmp.Or(cmp.Compare(x.Zone, y.Zone), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Type, y.Type),
		cmp.Compare(x.Reason, y.Reason))
}
