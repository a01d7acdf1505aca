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

// randomView makes a view of random zones, for decide and for the reference.
func randomView(t testing.TB, rng *rand.Rand) (*zone.Snapshot, []refApex, *zone.Live, *world) {
	t.Helper()
	snap := &zone.Snapshot{Inventory: zone.NewInventory(randomVPCs, nil), Loaded: true}
	w, live := randomWorld(t), &zone.Live{}
	w.affinity = zone.Affinity(rng.IntN(3))
	own := zone.Subnet{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Zone: uint16(rng.IntN(3))}
	w.places = []placed{{randomVPCs[0].ID, own}}
	for i := range rng.IntN(3) {
		if live.Sick == nil {
			live.Sick = map[string]string{}
		}
		live.Sick[fmt.Sprint("i-", i)] = "random"
	}
	snap.Inventory.SetAffinity(w.affinity, []string{"az1", "az2"})
	snap.Inventory.AddView(zone.AddressAuto, []string{randomVPCs[0].ID}, nil, nil)
	snap.Inventory.SetSubnets(0, []zone.Subnet{w.places[0].Subnet}, nil)
	view := zone.View{Name: "random"}
	var apexes []refApex
	for _, name := range []string{"z.", "s.z.", "*.z.", "a.*.z.", "y.", "."} {
		if rng.IntN(4) == 0 {
			continue
		}
		a := refApex{name: name, forward: -1}
		apex := zone.Apex{Name: zone.MustName(name), Forward: zone.NoForward}
		layers := 1 + rng.IntN(3)
		if name == "." && rng.IntN(3) > 0 {
			layers = 0
		}
		for i := range layers {
			z := randomZone(t, rng, name, zone.Origin(i+rng.IntN(2)))
			z.narrow(live, w)
			z.unread = rng.IntN(16) == 0
			if z.unread && len(z.sets) > 0 && rng.IntN(2) == 0 {
				z.within = z.sets[rng.IntN(len(z.sets))].owner
			}
			a.layers = append(a.layers, z)
			apex.Layers = append(apex.Layers, zone.Layer(len(snap.Zones)))
			snap.Zones = append(snap.Zones, z.build(t))
		}
		if layers == 0 || rng.IntN(5) == 0 {
			a.forward = rng.IntN(3) - 1
			a.below = layers > 0
			apex.Forward, apex.Below = a.forward, a.below
		}
		apexes = append(apexes, a)
		view.Apexes = append(view.Apexes, apex)
	}
	snap.Views = []*zone.View{zone.NewView(view)}
	return snap, apexes, live, w
}

// randomVPCs are one that the view is in and one that it doesn't reach.
var randomVPCs = []zone.Network{{ID: "vpc-own"}, {ID: "vpc-other"}}

// randomWorld is what the oracle has to know of a random view.
func randomWorld(t testing.TB) *world {
	return &world{TB: t, vpcs: randomVPCs,
		views: []*block{{words: []string{"view", "random", "vpcs=" + randomVPCs[0].ID}}}}
}

// randomInstances makes a set of instances, and what the view gets of it.
func randomInstances(t testing.TB, rng *rand.Rand, owner string, ttl int) refSet {
	t.Helper()
	s := refSet{owner: owner, rrtype: dns.TypeA, ttl: uint32(ttl)}
	for i := range 1 + rng.IntN(3) {
		m := zone.InstanceAddress{ID: fmt.Append(nil, "i-", i), VPC: uint32(rng.IntN(2)),
			Private: netip.AddrFrom4([4]byte{10, 0, 0, byte(rng.IntN(4))}), Zone: uint16(rng.IntN(3))}
		if rng.IntN(3) == 0 {
			m.Public = netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})
		}
		s.instances = append(s.instances, m)
	}
	return s
}

// narrow fills in what the view gets of the sets of instances: its own VPC's private
// addresses, else public ones, as health and zones leave them.
func (z *refZone) narrow(live *zone.Live, w *world) {
	for i := range z.sets {
		s := &z.sets[i]
		var reached []zone.InstanceAddress
		for _, m := range s.instances {
			if m.VPC == 0 || m.Public.IsValid() {
				reached = append(reached, m)
			}
		}
		here := w.places[0].Zone
		for _, m := range narrowed(reached, func(m zone.InstanceAddress) bool { return live.Sick[string(m.ID)] != "" },
			func(m zone.InstanceAddress) bool { return m.Zone == here }, here != 0 && w.affinity == zone.OwnZone) {
			given := m.Public
			if m.VPC == 0 {
				given = m.Private
			}
			rr, err := dns.NewRR(fmt.Sprintf("%s %d A %s", s.owner, s.ttl, given))
			if err != nil {
				w.Fatal(err)
			}
			s.rrs = append(s.rrs, rr)
		}
	}
}

var randomLabels = []string{"a", "b", "*", "c"}

func randomName(rng *rand.Rand, apex string, most int) string {
	name := strings.TrimPrefix(apex, ".")
	for range rng.IntN(most + 1) {
		name = randomLabels[rng.IntN(len(randomLabels))] + "." + name
	}
	if name == "" {
		return "."
	}
	return name
}

func anyName(rng *rand.Rand) string {
	return randomName(rng, []string{"z.", "s.z.", "*.z.", "a.*.z.", "y.", "a.", "x."}[rng.IntN(7)], 4)
}

func randomZone(t testing.TB, rng *rand.Rand, apex string, origin zone.Origin) *refZone {
	t.Helper()
	z := &refZone{apex: apex, origin: origin}
	ttl := func() int { return []int{5, 60, 300}[rng.IntN(3)] }
	if rng.IntN(8) > 0 {
		z.add(t, apex, dns.TypeSOA, fmt.Sprintf("%s %d SOA ns. host. %d 2 3 4 %d", apex, ttl(), rng.IntN(1000), ttl()))
	}
	types := []uint16{dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeCNAME,
		dns.TypeCNAME, dns.TypeNS, dns.TypeDNAME, dns.TypeDS}
	for range rng.IntN(12) {
		owner, rrtype := randomName(rng, apex, 3), types[rng.IntN(len(types))]
		here := z.at(owner)
		single := rrtype == dns.TypeCNAME || rrtype == dns.TypeDNAME
		switch {
		case z.get(owner, rrtype) != nil, z.get(owner, dns.TypeCNAME) != nil, rrtype == dns.TypeCNAME && len(here) > 0:
			continue
		case rrtype == dns.TypeDNAME && z.get(owner, dns.TypeNS) != nil,
			rrtype == dns.TypeNS && z.get(owner, dns.TypeDNAME) != nil:
			continue
		case rng.IntN(10) == 0 && !single && rrtype != dns.TypeNS:
			z.sets = append(z.sets, refSet{owner: owner, rrtype: rrtype, unservable: true})
			continue
		case rrtype == dns.TypeA && rng.IntN(3) == 0:
			z.sets = append(z.sets, randomInstances(t, rng, owner, ttl()))
			continue
		case rng.IntN(6) == 0 && !single && rrtype != dns.TypeNS:
			z.sets = append(z.sets, refSet{owner: owner, rrtype: rrtype, alias: randomName(rng, apex, 3)})
			continue
		}
		data := map[uint16]func() string{
			dns.TypeA:     func() string { return fmt.Sprintf("192.0.2.%d", rng.IntN(250)) },
			dns.TypeAAAA:  func() string { return fmt.Sprintf("2001:db8::%d", rng.IntN(99)) },
			dns.TypeTXT:   func() string { return fmt.Sprintf("%q", fmt.Sprint(rng.IntN(99))) },
			dns.TypeHTTPS: func() string { return fmt.Sprintf("%d .", 1+rng.IntN(9)) },
			dns.TypeSVCB:  func() string { return fmt.Sprintf("%d .", 1+rng.IntN(9)) },
			dns.TypeDS:    func() string { return fmt.Sprintf("%d 8 2 0102", rng.IntN(99)) },
			dns.TypeCNAME: func() string { return anyName(rng) },
			dns.TypeDNAME: func() string { return anyName(rng) },
			dns.TypeNS:    func() string { return randomName(rng, apex, 3) },
		}[rrtype]
		var texts []string
		ttl, n := ttl(), 1+rng.IntN(2)
		if rng.IntN(10) == 0 {
			n = 60
		}
		if single {
			n = 1
		}
		for range n {
			text := fmt.Sprintf("%s %d %s %s", owner, ttl, dns.TypeToString[rrtype], data())
			if !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
		}
		z.add(t, owner, rrtype, texts...)
	}
	return z
}

func (z *refZone) add(t testing.TB, owner string, rrtype uint16, texts ...string) {
	t.Helper()
	s := refSet{owner: owner, rrtype: rrtype}
	for _, text := range texts {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		s.rrs = append(s.rrs, rr)
	}
	z.sets = append(z.sets, s)
}

// build makes the zone that decide sees.
func (z *refZone) build(t testing.TB) *zone.Zone {
	t.Helper()
	edit := zone.NewTree(zone.MustName(z.apex)).Edit()
	for _, s := range z.sets {
		var set zone.RRset
		var err error
		switch {
		case s.instances != nil:
			set, err = zone.NewInstances(s.rrtype, s.ttl, s.instances)
		case s.unservable:
			set = zone.NewUnservable(s.rrtype, "random", nil)
		case s.alias != "":
			set = zone.NewAlias(s.rrtype, zone.Alias{Target: wireName(t, s.alias), SameZone: true})
		default:
			var rdata [][]byte
			for _, rr := range s.rrs {
				rdata = append(rdata, rdataOf(t, rr))
			}
			set, err = zone.NewRecords(s.rrtype, s.rrs[0].Header().Ttl, rdata...)
		}
		if err == nil {
			err = edit.Put(wireName(t, s.owner), set)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	info := zone.Info{Origin: z.origin}
	if z.unread {
		info.Unavailable = "not read"
		if z.within != "" {
			info.Within = wireName(t, z.within)
		}
	}
	return zone.New(info, edit.Commit(), 0)
}
