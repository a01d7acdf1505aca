//go:build !race

package zone

import (
	"net/netip"
	"testing"
)

// TestAllocations: what queries call doesn't allocate.
func TestAllocations(t *testing.T) {
	g := newGenerator(1, "example.com.", 1000)
	e := NewTree(g.apex).Edit()
	g.edit(t, e, contents{}, 3000, 0)
	members := len(everyMember())
	group, _ := NewGroup(TypeA, Weighted, everyMember())
	hit := MustName("www.hit.example.com.")
	_ = e.Put(hit, group)
	soa, _ := NewRecords(TypeSOA, 60, append([]byte("\x02ns\x00\x04mail\x00"), make([]byte, 20)...))
	_ = e.Put(g.apex, soa)
	tree := e.Commit()
	miss := MustName("no.such.example.com.")
	z := New(Info{}, tree, 0)
	v := NewView(View{Apexes: []Apex{{Name: MustName("example.com.")}, {Name: MustName(".")}}})
	inventory := views(world())
	var s Snapshot
	s.SetClients(map[netip.Prefix]int{netip.MustParsePrefix("10.0.0.0/8"): 1}, 0,
		[]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")})
	client := netip.MustParseAddr("10.1.2.3")
	live := &Live{Checks: map[string]Check{"bad": {}}}
	check := []byte("bad")
	mixed := []byte("\x03WwW\x07eXample\x03com\x00")
	public, reached, far := addr4("198.51.100.1"), addr4("198.51.100.4"), addr4("10.1.0.4")

	for _, test := range []struct {
		what string
		f    func() bool
	}{
		{"Parse and Find, hit", func() bool {
			var l Labels
			n := l.Parse(hit)
			return tree.Find(l.Hash[n], hit[:len(hit)-len(g.apex)]).RRset(TypeA).Exists()
		}},
		{"Find by zone, hit", func() bool {
			var l Labels
			return z.Find(&l, hit, l.Parse(hit)).RRset(TypeA).Kind == Group
		}},
		{"Find by zone, miss", func() bool {
			var l Labels
			return !z.Find(&l, miss, l.Parse(miss)).Exists()
		}},
		{"Lookup", func() bool { return tree.Lookup(hit).Exists() }},
		{"RRsets", func() bool {
			found := false
			tree.Lookup(hit).RRsets(func(s RRset) bool { found = s.Exists(); return true })
			return found
		}},
		{"Rdata", func() bool {
			octets := 0
			for r := range z.Negative.Rdata() {
				octets += len(r)
			}
			return octets > 22
		}},
		{"Closest", func() bool {
			var l Labels
			return v.Closest(&l, hit, l.Parse(hit)).Labels == 2
		}},
		{"Members", func() bool {
			var m Member
			n := 0
			for w := tree.Lookup(hit).RRset(TypeA).Members(); w.Next(&m); n++ {
				_ = m.Set
			}
			return n == members
		}},
		{"Client", func() bool { return s.Client(client).View == 1 }},
		{"Healthy", func() bool { return !live.Healthy(check) }},
		{"Translate", func() bool { _, _, why := inventory.Translate(autoView, public); return why == Translated }},
		{"Translate, reached", func() bool { _, _, why := inventory.Translate(autoView, reached); return why == Translated }},
		{"Private", func() bool { return inventory.Private(autoView, far) != nil }},
		{"Lower", func() bool { Lower(mixed); return mixed[1] == 'w' }},
		{"IsSubdomain", func() bool { return IsSubdomain(hit, g.apex) }},
	} {
		ok := true
		if n := testing.AllocsPerRun(100, func() { ok = ok && test.f() }); n != 0 {
			t.Errorf("%s allocates %g times", test.what, n)
		}
		if !ok {
			t.Errorf("%s gives a wrong answer", test.what)
		}
	}
}
