package resolver

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// mergeWorld is two layers of one apex that change at random.
type mergeWorld struct {
	*rand.Rand
	t     *testing.T
	trees [2]*zone.Tree
	live  *zone.Live

	inventory *zone.Inventory
	cards     int // interfaces, ever
}

var mergeApex = zone.MustName("m.example.")

func newMergeWorld(t *testing.T, seed uint64) *mergeWorld {
	w := &mergeWorld{Rand: rand.New(rand.NewPCG(seed, 9432)), t: t, live: &zone.Live{}}
	w.list()
	for i := range w.trees {
		e := zone.NewTree(mergeApex).Edit()
		w.put(e, "m.example.", zone.TypeSOA, soaRdata(zone.MustName(fmt.Sprintf("ns%d.example.", i)), mergeApex))
		w.put(e, "m.example.", zone.TypeNS, zone.MustName("ns.m.example."))
		w.trees[i] = e.Commit()
	}
	return w
}

func (w *mergeWorld) put(e *zone.Edit, name string, rrtype uint16, rdata ...[]byte) {
	set, err := zone.NewRecords(rrtype, 60, rdata...)
	if err == nil {
		err = e.Put(zone.MustName(name), set)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *mergeWorld) group(policy zone.Policy) zone.RRset {
	var members []zone.Member
	for i := range 2 + w.IntN(10) {
		set, err := zone.NewRecords(zone.TypeA, 60, []byte{10, 0, byte(w.IntN(3)), byte(i)})
		if err != nil {
			w.t.Fatal(err)
		}
		members = append(members, zone.Member{SetID: fmt.Append(nil, w.IntN(1000)), Weight: uint8(w.IntN(3)),
			Check:     fmt.Appendf(nil, "check%d", w.IntN(4)),
			Secondary: i > 0, Region: []byte(pick(w.Rand, []string{"eu-west-1", "us-east-1"})), Set: set})
	}
	set, err := zone.NewGroup(zone.TypeA, policy, members)
	if err != nil {
		w.t.Fatal(err)
	}
	return set
}

// list makes the inventory anew, of one view.
func (w *mergeWorld) list(interfaces ...zone.Interface) {
	w.inventory = zone.NewInventory([]zone.Network{{ID: "vpc-1"}}, interfaces)
	w.inventory.AddView(zone.AddressAuto, []string{"vpc-1"}, nil, nil)
}

// launch has an instance with an address that records have, in the place of another one maybe.
func (w *mergeWorld) launch() {
	all := slices.Collect(w.inventory.Interfaces)
	w.cards++
	fresh := zone.Interface{ID: fmt.Sprint("eni-", w.cards), Public: netip.AddrFrom4([4]byte{10, 1, 2, byte(w.IntN(9))}),
		Private: netip.AddrFrom4([4]byte{172, 16, 0, byte(w.cards)})}
	var gone, rest []zone.Interface
	for _, f := range all {
		if f.Public == fresh.Public || w.IntN(4) == 0 {
			gone = append(gone, *f)
		} else {
			rest = append(rest, *f)
		}
	}
	next, ok := w.inventory.Changed(gone, []zone.Interface{fresh})
	if ok && w.IntN(3) > 0 {
		w.inventory = next
	} else {
		w.list(append(rest, fresh)...)
	}
}

// change changes one RRset of one layer, the health of a check, or what instances there are.
func (w *mergeWorld) change(cuts bool) {
	if w.IntN(8) == 0 {
		checks := map[string]zone.Check{}
		for i := range 4 {
			checks[fmt.Sprintf("check%d", i)] = zone.Check{Healthy: w.IntN(2) == 0}
		}
		w.live = &zone.Live{Checks: checks}
		return
	}
	if w.IntN(6) == 0 {
		w.launch()
		return
	}
	layer := w.IntN(2)
	e := w.trees[layer].Edit()
	name := pick(w.Rand, []string{"a", "b", "c.b", "d.c.b", "*", "*.b", "e", "f.e", "g"}) + ".m.example."
	types := []uint16{zone.TypeA, zone.TypeAAAA, zone.TypeTXT, zone.TypeMX}
	if cuts {
		types = append(types, zone.TypeNS, zone.TypeDNAME)
	}
	rrtype := pick(w.Rand, types)
	node := e.Lookup(zone.MustName(name))
	switch w.IntN(6) {
	case 0, 1:
		e.Delete(zone.MustName(name), rrtype)
	case 2:
		var all []uint16
		for s := range node.RRsets {
			all = append(all, s.Type)
		}
		for _, t := range all {
			e.Delete(zone.MustName(name), t)
		}
		w.put(e, name, zone.TypeCNAME, zone.MustName("a.m.example."))
	case 3:
		if !node.HasCNAME() {
			err := e.Put(zone.MustName(name),
				w.group(pick(w.Rand, []zone.Policy{zone.Weighted, zone.Failover, zone.Latency, zone.Multivalue})))
			if err != nil {
				w.t.Fatal(err)
			}
		}
	default:
		e.Delete(zone.MustName(name), zone.TypeCNAME)
		rdata := map[uint16][]byte{
			zone.TypeA: {10, 1, 2, byte(w.IntN(9))}, zone.TypeAAAA: {15: byte(w.IntN(9))},
			zone.TypeTXT:   {1, byte('a' + w.IntN(9))},
			zone.TypeMX:    append([]byte{0, byte(w.IntN(9))}, zone.MustName("mail.example.")...),
			zone.TypeNS:    zone.MustName("f.e.m.example."),
			zone.TypeDNAME: zone.MustName("other.example."),
		}[rrtype]
		w.put(e, name, rrtype, rdata)
	}
	w.trees[layer] = e.Commit()
}

func (w *mergeWorld) snapshot() (*zone.Snapshot, *zone.View, *zone.Apex) {
	layers := []*zone.Zone{zone.New(zone.Info{Origin: zone.Private}, w.trees[0], 0),
		zone.New(zone.Info{Origin: zone.Public}, w.trees[1], 0)}
	view := zone.NewView(zone.View{Name: "v", Region: "eu-west-1",
		Apexes: []zone.Apex{{Name: mergeApex, Layers: []zone.Layer{0, 1}, Forward: zone.NoForward}}})
	return &zone.Snapshot{Views: []*zone.View{view}, Zones: layers, Inventory: w.inventory, Loaded: true}, view,
		&view.Apexes[0]
}

func treeText(t *zone.Tree) string {
	var lines []string
	for name, node := range t.All {
		for s := range node.RRsets {
			for r := range s.Rdata() {
				lines = append(lines, fmt.Sprintf("%s %d %d %x", zone.String(name), s.TTL(), s.Type, r))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestMergeOfChanges: what is merged change by change is what is merged from nothing, and
// what clients get.
func TestMergeOfChanges(t *testing.T) {
	r := New(nil, Options{})
	for seed := range uint64(20) {
		w := newMergeWorld(t, seed)
		m, soas := r.NewMerger(nil), r.NewMerger(nil)
		for i := range 60 {
			snap, view, apex := w.snapshot()
			got := m.Merge(snap, w.live, view, apex, false)
			again := r.NewMerger(nil)
			want := again.Merge(snap, w.live, view, apex, false)
			if treeText(got) != treeText(want) {
				t.Fatalf("seed %d, change %d:\n%s\nfrom nothing\n%s", seed, i, treeText(got), treeText(want))
			}
			if !slices.EqualFunc(m.Findings(), again.Findings(), func(a, b Finding) bool {
				return string(a.Name) == string(b.Name) && a.Type == b.Type && a.Reason == b.Reason
			}) {
				t.Fatalf("seed %d, change %d: findings %v, from nothing %v", seed, i, m.Findings(), again.Findings())
			}
			if m.Merge(snap, w.live, view, apex, false) != got {
				t.Fatalf("seed %d, change %d: another tree for the same", seed, i)
			}
			soa := soas.SOA(snap, w.live, view, apex)
			if soa.Exists() != (got != nil) || got != nil && !soa.Equal(got.Lookup(apex.Name).RRset(zone.TypeSOA)) {
				t.Fatalf("seed %d, change %d: its SOA record is %q", seed, i, soa.Data)
			}
			w.change(seed%2 == 1)
		}
	}
}

func TestMergeFixedRule(t *testing.T) {
	r := New(nil, Options{})
	w := newMergeWorld(t, 0)
	member := func(id string, last byte, m zone.Member) zone.Member {
		m.SetID = []byte(id)
		m.Set, _ = zone.NewRecords(zone.TypeA, 60, []byte{10, 0, 0, last})
		return m
	}
	var many []zone.Member
	for i := range 12 {
		many = append(many, member(fmt.Sprintf("%02d", 99-i), byte(i), zone.Member{}))
	}
	tests := []struct {
		name    string
		policy  zone.Policy
		members []zone.Member
		want    []byte // last octets
	}{
		{"highest weight", zone.Weighted,
			[]zone.Member{member("a", 1, zone.Member{Weight: 1}), member("b", 2, zone.Member{Weight: 9})}, []byte{2}},
		{"equal weights", zone.Weighted,
			[]zone.Member{member("b", 1, zone.Member{Weight: 9}), member("a", 2, zone.Member{Weight: 9})}, []byte{2}},
		{"highest weight unhealthy", zone.Weighted,
			[]zone.Member{member("a", 1, zone.Member{Weight: 1}), member("b", 2, zone.Member{Weight: 9, Check: []byte("bad")})},
			[]byte{1}},
		{"no weight", zone.Weighted, []zone.Member{member("b", 1, zone.Member{}), member("a", 2, zone.Member{})}, []byte{2}},
		{"primary", zone.Failover, []zone.Member{member("a", 1, zone.Member{Secondary: true}), member("b", 2, zone.Member{})},
			[]byte{2}},
		{"primary unhealthy", zone.Failover,
			[]zone.Member{member("a", 1, zone.Member{Secondary: true}), member("b", 2, zone.Member{Check: []byte("bad")})},
			[]byte{1}},
		{"the view's region", zone.Latency,
			[]zone.Member{member("a", 1, zone.Member{Region: []byte("us-east-1")}),
				member("b", 2, zone.Member{Region: []byte("eu-west-1")})}, []byte{2}},
		{"the view's continent", zone.Geolocation,
			[]zone.Member{member("a", 1, zone.Member{Country: []byte("*")}),
				member("b", 2, zone.Member{Continent: []byte("EU")})}, []byte{2}},
		{"eight by id", zone.Multivalue, many, []byte{4, 5, 6, 7, 8, 9, 10, 11}},
	}
	w.live = &zone.Live{Checks: map[string]zone.Check{"bad": {}}}
	for i, tt := range tests {
		name := zone.MustName(fmt.Sprintf("n%d.m.example.", i))
		set, err := zone.NewGroup(zone.TypeA, tt.policy, tt.members)
		if err != nil {
			t.Fatal(err)
		}
		e := w.trees[0].Edit()
		err = e.Put(name, set)
		if err != nil {
			t.Fatal(err)
		}
		w.trees[0] = e.Commit()
		m := r.NewMerger(nil)
		snap, view, apex := w.snapshot()
		var got []byte
		for rdata := range m.Merge(snap, w.live, view, apex, false).Lookup(name).RRset(zone.TypeA).Rdata() {
			got = append(got, rdata[3])
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if !slices.ContainsFunc(m.Findings(), func(f Finding) bool { return string(f.Name) == string(name) }) {
			t.Errorf("%s: not reported", tt.name)
		}
	}
}

// TestMergeOfAliases follows the targets of aliases outside.
func TestMergeOfAliases(t *testing.T) {
	r := New(nil, Options{})
	w := newMergeWorld(t, 0)
	e := w.trees[0].Edit()
	err := e.Put(zone.MustName("lb.m.example."),
		zone.NewAlias(zone.TypeA, zone.Alias{Target: zone.MustName("lb.elb.example.")}))
	if err != nil {
		t.Fatal(err)
	}
	w.trees[0] = e.Commit()
	var known zone.RRset
	m := r.NewMerger(func(target Target) zone.RRset {
		if target.Name != string(zone.MustName("lb.elb.example.")) || target.Type != zone.TypeA || target.Forwarder != 0 {
			t.Errorf("asked for %+v", target)
		}
		return known
	})
	snap, view, _ := w.snapshot()
	fresh := *view
	fresh.Apexes = append(slices.Clone(view.Apexes), zone.Apex{Name: []byte{0}, Forward: 0})
	view = zone.NewView(fresh)
	snap.Views[0] = view
	apex := &view.Apexes[0]
	for _, address := range []string{"", "\x0a\x00\x00\x01", "\x0a\x00\x00\x02"} {
		if address != "" {
			known, _ = zone.NewRecords(zone.TypeA, 60, []byte(address))
		}
		got := m.Merge(snap, w.live, view, apex, true).Lookup(zone.MustName("lb.m.example.")).RRset(zone.TypeA)
		if string(got.First()) != address {
			t.Errorf("got %x, want %x", got.First(), address)
		}
		if len(m.Findings()) != 1 {
			t.Errorf("findings %v", m.Findings())
		}
	}

	// An address that a client isn't given isn't transferred either.
	snap.Rebinding = zone.Rebinding{Deny: wire.Loopback}
	known, _ = zone.NewRecords(zone.TypeA, 60, []byte{10, 0, 0, 3}, []byte{127, 0, 0, 1})
	if got := m.Merge(snap, w.live, view, apex,
		true).Lookup(zone.MustName("lb.m.example.")).RRset(zone.TypeA); got.Exists() {
		t.Errorf("a target with an address of loopback: got %x", got.Data)
	}
	if f := m.Findings(); len(f) != 1 || !strings.Contains(f[0].Reason, "127.0.0.1") {
		t.Errorf("findings %v", f)
	}
}

// TestForwardedBelow finds what a zone that is transferred can't say.
func TestForwardedBelow(t *testing.T) {
	layer := []zone.Layer{0}
	at := func(name string, a zone.Apex) zone.Apex {
		a.Name = zone.MustName(name)
		return a
	}
	view := zone.NewView(zone.View{Apexes: []zone.Apex{
		at(".", zone.Apex{Forward: 0}), at("example.", zone.Apex{Layers: layer, Forward: zone.NoForward}),
		at("child.example.", zone.Apex{Layers: layer, Forward: zone.NoForward}),
		at("layered.example.", zone.Apex{Layers: layer, Forward: 1, Below: true}),
		at("corp.example.", zone.Apex{Forward: 1}),
		at("efs.example.", zone.Apex{Forward: zone.NoForward, Unavailable: "unknown"}),
		at("computed.example.", zone.Apex{Forward: 0, Computed: true}), at("corp.other.", zone.Apex{Forward: 1}),
	}})
	snap := &zone.Snapshot{Views: []*zone.View{view},
		Forwarders: []zone.Forwarder{{Upstreams: []string{"10.0.0.1"}}, {Upstreams: []string{"10.0.0.2", "10.0.0.3"}}}}
	found := map[string]string{}
	for _, f := range ForwardedBelow(snap, view, view.Apex(zone.MustName("example."))) {
		found[zone.String(f.Name)] = f.Reason
	}
	if len(found) != 2 || !strings.Contains(found["corp.example."], "forwarded to 10.0.0.2, 10.0.0.3") ||
		!strings.Contains(found["efs.example."], "SERVFAIL: unknown") {
		t.Errorf("found %v", found)
	}
}

// BenchmarkMerge merges a zone of 100,000 names: as a whole, and after one change.
func BenchmarkMerge(b *testing.B) {
	r := New(nil, Options{})
	e := zone.NewTree(mergeApex).Edit()
	put := func(e *zone.Edit, name string, rrtype uint16, rdata []byte) {
		set, err := zone.NewRecords(rrtype, 60, rdata)
		if err == nil {
			err = e.Put(zone.MustName(name), set)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	put(e, "m.example.", zone.TypeSOA, soaRdata(mergeApex, mergeApex))
	for i := range 100_000 {
		put(e, fmt.Sprintf("host-%d.m.example.", i), zone.TypeA, []byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	}
	w := &mergeWorld{trees: [2]*zone.Tree{e.Commit(), zone.NewTree(mergeApex)}, live: &zone.Live{}}
	snap, view, apex := w.snapshot()
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			r.NewMerger(nil).Merge(snap, w.live, view, apex, false)
		}
	})
	b.Run("one change", func(b *testing.B) {
		m := r.NewMerger(nil)
		m.Merge(snap, w.live, view, apex, false)
		for i := 0; b.Loop(); i++ {
			e := w.trees[0].Edit()
			put(e, "host-7.m.example.", zone.TypeA, []byte{10, 9, byte(i >> 8), byte(i)})
			w.trees[0] = e.Commit()
			snap, view, apex := w.snapshot()
			m.Merge(snap, w.live, view, apex, false)
		}
	})
}
