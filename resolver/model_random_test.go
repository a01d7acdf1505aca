package resolver

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

const (
	modelChecks = 8
	modelTarget = "lb.elb.example.net." // of aliases to AWS resources
)

// modelViews are the regions of the views, by the second octet of their clients. The
// last is one that nobody knows.
var modelViews = []string{"eu-west-1", "us-east-1", "ap-southeast-2", "xx-nowhere-1"}

var modelTrusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.53/32"), netip.MustParsePrefix("10.2.0.0/28")}

var modelPrefixes = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/16"), netip.MustParsePrefix("10.0.0.0/20"), netip.MustParsePrefix("10.0.16.0/20"),
	netip.MustParsePrefix("10.1.0.0/16"),
	netip.MustParsePrefix("10.1.128.0/17"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("203.0.112.0/20"),
	netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2001:db8:1::/48"), netip.MustParsePrefix("2000::/3"),
}

// modelMaker makes random zones.
type modelMaker struct {
	*rand.Rand
	next  int // address
	names []string
	zone  *modelZone
}

func (g *modelMaker) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// some returns a few of a list, in random order, at least one.
func some[T any](r *rand.Rand, from []T, most int) []T {
	from = slices.Clone(from)
	r.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	return from[:1+r.IntN(min(most, len(from)))]
}

// makeModelZone makes a zone of up to eight names; each leads to later ones only, as
// Route 53 refuses loops.
func makeModelZone(r *rand.Rand) (*modelZone, map[string][]modelBlock, []string) {
	g := &modelMaker{Rand: r, zone: &modelZone{public: r.IntN(2) == 0, sets: map[string]*modelSet{}}}
	n := 1 + r.IntN(8)
	for i := range n {
		g.names = append(g.names, fmt.Sprintf("n%d.example.", i))
	}
	for i := n - 1; i >= 0; i-- {
		g.zone.sets[g.names[i]] = g.set(i)
	}
	collections := map[string][]modelBlock{}
	for _, id := range []string{"c0", "c1"} {
		for _, p := range some(r, modelPrefixes, len(modelPrefixes)) {
			collections[id] = append(collections[id], modelBlock{fmt.Sprint("l", r.IntN(4)), p})
		}
	}
	return g.zone, collections, g.names
}

func (g *modelMaker) set(i int) *modelSet {
	set := &modelSet{cname: i < len(g.names)-1 && g.chance(25), grouped: g.chance(75)}
	if !set.grouped {
		set.members = []modelMember{{}}
		g.fill(set, i)
		return set
	}
	policies := []zone.Policy{zone.Simple, zone.Weighted, zone.Weighted, zone.Weighted, zone.Failover, zone.Failover,
		zone.Latency, zone.Geolocation, zone.Geoproximity, zone.IPBased, zone.Multivalue}
	set.policy = pick(g.Rand, policies)
	if set.cname && set.policy == zone.Multivalue {
		set.policy = zone.Weighted // there are no multivalue CNAMEs
	}
	set.members = g.members(set.policy)
	g.fill(set, i)
	for j := range set.members {
		set.members[j].id = fmt.Sprintf("m%d-%d", i, j)
		if g.chance(50) {
			set.members[j].check = fmt.Sprint("h", g.IntN(modelChecks))
		}
	}
	return set
}

var modelRegions = []string{"us-east-1", "us-west-2", "ca-central-1", "eu-west-1", "eu-central-1", "ap-northeast-1",
	"ap-southeast-2", "sa-east-1", "af-south-1"}

// members makes what a policy tells apart.
func (g *modelMaker) members(p zone.Policy) (out []modelMember) {
	switch p {
	case zone.Simple:
		out = make([]modelMember, 1)
	case zone.Multivalue:
		out = make([]modelMember, 1+g.IntN(10))
	case zone.Weighted:
		for range 1 + g.IntN(5) {
			out = append(out, modelMember{weight: pick(g.Rand, []int{0, 0, 1, 10, 20, 255, g.IntN(256)})})
		}
	case zone.Failover:
		out = some(g.Rand, []modelMember{{}, {secondary: true}}, 2)
	case zone.Latency:
		for _, region := range some(g.Rand, modelRegions, 5) {
			out = append(out, modelMember{region: region})
		}
	case zone.Geolocation:
		out = some(g.Rand, []modelMember{
			{country: "*"}, {continent: "EU"}, {continent: "NA"}, {continent: "OC"}, {continent: "AS"}, {country: "US"},
			{country: "IE"}, {country: "AU"},
			{country: "US", subdivision: "VA"}, {country: "US", subdivision: "OR"},
		}, 6)
	case zone.Geoproximity:
		for _, region := range some(g.Rand, modelRegions, 5) {
			m := modelMember{bias: g.IntN(199) - 99, region: region}
			if g.chance(30) {
				m.region, m.coordinates = "", &[2]float64{float64(g.IntN(17900)-8950) / 100, float64(g.IntN(36000)-18000) / 100}
			}
			out = append(out, m)
		}
	case zone.IPBased:
		collection := fmt.Sprint("c", g.IntN(2))
		for _, location := range some(g.Rand, []string{"*", "l0", "l1", "l2", "l3"}, 5) {
			out = append(out, modelMember{collection: collection, location: location})
		}
	}
	return out
}

// fill gives each member something to answer.
func (g *modelMaker) fill(set *modelSet, i int) {
	var alike []string // later names of the same type
	for _, name := range g.names[i+1:] {
		if g.zone.sets[name].cname == set.cname {
			alike = append(alike, name)
		}
	}
	for j := range set.members {
		m := &set.members[j]
		aliases := set.policy != zone.Multivalue
		switch {
		case aliases && len(alike) > 0 && g.chance(55):
			m.alias, m.evaluate = alike[min(g.IntN(len(alike)), g.IntN(len(alike)))], g.chance(65)
		case aliases && !set.cname && g.chance(6):
			m.alias, m.external, m.evaluate = modelTarget, true, g.chance(65)
		case aliases && g.chance(2):
			m.alias = "nobody.example."
		case set.cname:
			m.target = pick(g.Rand, g.names[i+1:])
		default:
			for range 1 + g.IntN(2) {
				g.next++
				m.addresses = append(m.addresses, netip.AddrFrom4([4]byte{198, 18, byte(g.next >> 8), byte(g.next)}).String())
			}
		}
	}
}

// snapshot makes what decide sees of the zone.
func (z *modelZone) snapshot(t testing.TB, collections map[string][]modelBlock) *zone.Snapshot {
	t.Helper()
	edit := zone.NewTree(zone.MustName("example.")).Edit()
	for name, set := range z.sets {
		err := edit.Put(zone.MustName(name), set.packed(t))
		if err != nil {
			t.Fatal(err)
		}
	}
	origin := zone.Private
	if z.public {
		origin = zone.Public
	}
	made := zone.New(zone.Info{Origin: origin, ID: "Z1"}, edit.Commit(), 0)
	s := &zone.Snapshot{Zones: []*zone.Zone{made}, Loaded: true, Inventory: zone.NewInventory(nil, nil),
		Forwarders: []zone.Forwarder{{}}}
	clients := map[netip.Prefix]int{}
	for i, region := range modelViews {
		s.Inventory.AddView(zone.AddressAuto, nil, nil, nil)
		clients[netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i)}), 16)] = i
		s.Views = append(s.Views, zone.NewView(
			zone.View{Name: fmt.Sprint("v", i), Index: i, Region: region, Apexes: []zone.Apex{
				{Name: zone.MustName("example."), Layers: []zone.Layer{0}, Forward: zone.NoForward},
				{Name: []byte{0}, Forward: 0},
			}}))
	}
	s.SetClients(clients, 0, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("203.0.0.0/8")})
	s.SetTrusted(modelTrusted)
	for id, blocks := range collections {
		for _, b := range blocks {
			s.Locations.Add(id, b.location, b.prefix)
		}
	}
	return s
}

func (s *modelSet) packed(t testing.TB) zone.RRset {
	t.Helper()
	rrtype := zone.TypeA
	if s.cname {
		rrtype = zone.TypeCNAME
	}
	if !s.grouped {
		return s.members[0].packed(t, rrtype)
	}
	var members []zone.Member
	for i := range s.members {
		m := &s.members[i]
		packed := zone.Member{
			SetID: []byte(m.id), Check: []byte(m.check), Weight: uint8(m.weight), Secondary: m.secondary,
			Region: []byte(m.region), Continent: []byte(m.continent),
			Country: []byte(m.country), Subdivision: []byte(m.subdivision), Bias: int8(m.bias), Collection: []byte(m.collection),
			Location: []byte(m.location),
			Set:      m.packed(t, rrtype),
		}
		if m.coordinates != nil {
			packed.Coordinates = fmt.Appendf(nil, "%.2f,%.2f", m.coordinates[0], m.coordinates[1])
		}
		members = append(members, packed)
	}
	group, err := zone.NewGroup(rrtype, s.policy, members)
	if err != nil {
		t.Fatal(err)
	}
	return group
}

func (m *modelMember) packed(t testing.TB, rrtype uint16) zone.RRset {
	t.Helper()
	if m.alias != "" {
		return zone.NewAlias(rrtype, zone.Alias{ZoneID: []byte("Z1"), Target: zone.MustName(m.alias), Health: m.evaluate,
			SameZone: !m.external})
	}
	var values [][]byte
	if m.target != "" {
		values = append(values, zone.MustName(m.target))
	}
	for _, a := range m.addresses {
		values = append(values, netip.MustParseAddr(a).AsSlice())
	}
	set, err := zone.NewRecords(rrtype, 300, values...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// modelClient is who asks.
type modelClient struct {
	address netip.Addr
	subnet  netip.Prefix // zero for none
}

// String writes the client for who has to find out what is wrong.
func (c modelClient) String() string { return fmt.Sprintf("%s (subnet %s)", c.address, c.subnet) }

func randomModelClient(r *rand.Rand) modelClient {
	c := modelClient{address: netip.AddrFrom4(
		[4]byte{10, byte(r.IntN(len(modelViews))), byte(r.IntN(256)), byte(r.IntN(256))})}
	if r.IntN(2) == 0 {
		return c
	}
	if r.IntN(3) > 0 {
		c.address = pick(r, modelTrusted).Addr()
	}
	base := pick(r, modelPrefixes)
	most := 24
	if base.Addr().Is6() {
		most = 56
	}
	c.subnet = netip.PrefixFrom(base.Addr(), max(0, min(most, base.Bits()+r.IntN(20)-6))).Masked()
	return c
}

// place is what the zone may know of a client: its region and its prefix.
func (c modelClient) place(public bool) (region string, client netip.Prefix) {
	region, client = modelViews[c.address.As4()[1]], netip.PrefixFrom(c.address, 32)
	trusted := slices.ContainsFunc(modelTrusted, func(p netip.Prefix) bool { return p.Contains(c.address) })
	if !public || !trusted || c.subnet.Bits() <= 0 {
		return region, client
	}
	for i := range modelViews {
		view := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i)}), 16)
		if view.Bits() <= c.subnet.Bits() && view.Contains(c.subnet.Addr()) {
			region = modelViews[i]
		}
	}
	return region, c.subnet
}

// packet is the client's question for the addresses of a name.
func (c modelClient) packet(t testing.TB, name string) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, dns.TypeA)
	if c.subnet.IsValid() {
		o := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(c.subnet.Bits()),
			Address: c.subnet.Addr().AsSlice()}
		if c.subnet.Addr().Is6() {
			o.Family = 2
		}
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{o}
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// randomHealth returns what is unhealthy.
func randomHealth(r *rand.Rand) (map[string]bool, *zone.Live) {
	unhealthy := map[string]bool{}
	live := &zone.Live{Checks: map[string]zone.Check{}, Targets: map[string]zone.Target{}}
	bad := r.IntN(4) * 30 // percent
	for i := range modelChecks {
		id := fmt.Sprint("h", i)
		if r.IntN(100) < bad {
			unhealthy[id] = true
			live.Checks[id] = zone.Check{Why: "the model says so"}
		} else if r.IntN(2) == 0 {
			live.Checks[id] = zone.Check{Healthy: true, Why: "the model says so"}
		}
	}
	if r.IntN(100) < bad {
		unhealthy[modelTarget] = true
		live.Targets[string(zone.MustName(modelTarget))] = zone.Target{}
	}
	return unhealthy, live
}

// String writes the zone for who has to find out what is wrong.
func (z *modelZone) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "public %v\n", z.public)
	names := make([]string, 0, len(z.sets))
	for name := range z.sets {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s := z.sets[name]
		fmt.Fprintf(&b, "%s cname %v grouped %v %v\n", name, s.cname, s.grouped, s.policy)
		for i := range s.members {
			fmt.Fprintf(&b, "    %+v\n", s.members[i])
		}
	}
	return b.String()
}
