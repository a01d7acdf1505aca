package zone

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// slowClient asks each prefix.
func slowClient(views map[netip.Prefix]int, rest int, allow []netip.Prefix, addr netip.Addr) Client {
	c, longest := Client{View: -1}, -1
	for _, p := range allow {
		if p.Contains(addr) {
			c.Allowed = true
			c.View = int16(rest)
		}
	}
	for p, v := range views {
		if p.Contains(addr) && p.Bits() > longest {
			c.View, longest = int16(v), p.Bits()
		}
	}
	return c
}

func TestClientAgainstEachPrefix(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 53))
		prefix := func() netip.Prefix {
			// Few different bits, so that prefixes nest.
			if r.IntN(3) == 0 {
				a := [16]byte{0xfd, 0, byte(r.IntN(3)), 15: byte(r.IntN(4))}
				return netip.PrefixFrom(netip.AddrFrom16(a), r.IntN(129)).Masked()
			}
			a := [4]byte{10, byte(r.IntN(3)), byte(r.IntN(2)), byte(r.IntN(4))}
			return netip.PrefixFrom(netip.AddrFrom4(a), r.IntN(33)).Masked()
		}
		views, rest := map[netip.Prefix]int{}, r.IntN(3)-1
		for i := range r.IntN(12) {
			views[prefix()] = i
		}
		var allow []netip.Prefix
		for range r.IntN(8) {
			allow = append(allow, prefix())
		}
		var s Snapshot
		s.SetClients(views, rest, allow)
		for range 500 {
			addr := prefix().Addr()
			if r.IntN(2) == 0 {
				addr = addr.Next()
			}
			got, want := s.Client(addr), slowClient(views, rest, allow, addr)
			if got != want {
				t.Fatalf("seed %d: %s is %+v, want %+v (views %v, rest %d, allow %v)", seed, addr, got, want, views, rest, allow)
			}
		}
	}
}

func TestClientUnmaskedPrefixes(t *testing.T) {
	var s Snapshot
	s.SetClients(map[netip.Prefix]int{netip.MustParsePrefix("10.1.2.3/16"): 4}, -1,
		[]netip.Prefix{netip.MustParsePrefix("10.9.9.9/8")})
	for addr, want := range map[string]Client{
		"10.1.200.1": {View: 4, Allowed: true},
		"10.2.0.1":   {View: -1, Allowed: true},
		"11.0.0.1":   {View: -1},
		"::1":        {View: -1},
	} {
		if got := s.Client(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s is %+v, want %+v", addr, got, want)
		}
	}
}

func TestHealthy(t *testing.T) {
	var none *Live
	live := &Live{Checks: map[string]Check{"bad": {}, "": {}, "fine": {Healthy: true}}}
	for _, test := range []struct {
		live  *Live
		check string
		want  bool
	}{
		{none, "bad", true}, {&Live{}, "bad", true}, {live, "bad", false}, {live, "good", true}, {live, "fine", true},
		{live, "", true},
	} {
		if got := test.live.Healthy([]byte(test.check)); got != test.want {
			t.Errorf("%v, check %q: %t", test.live, test.check, got)
		}
	}
}

// slowClosest strips labels from the left.
func slowClosest(v *View, name []byte) *Apex {
	for {
		for i := range v.Apexes {
			if string(v.Apexes[i].Name) == string(name) {
				return &v.Apexes[i]
			}
		}
		if name[0] == 0 {
			return nil
		}
		name = name[int(name[0])+1:]
	}
}

func TestClosestAgainstStripping(t *testing.T) {
	for seed := range uint64(60) {
		g := newGenerator(seed, []string{".", "com."}[seed%2], 3+int(seed))
		seen := map[string]bool{}
		var apexes []Apex
		for range g.IntN(200) {
			name := g.name()
			if !seen[string(name)] {
				apexes = append(apexes, Apex{Name: name, Forward: NoForward})
			}
			seen[string(name)] = true
		}
		v := NewView(View{Name: "v", Apexes: apexes})
		for range 2000 {
			name := g.name()
			if g.IntN(10) == 0 {
				name = MustName("elsewhere.")
			}
			var l Labels
			for n := l.Parse(name); n >= 0; n-- {
				suffix := name[l.Off[n]:]
				if got, want := v.Closest(&l, name, n), slowClosest(v, suffix); got != want {
					t.Fatalf("seed %d: closest to %s is %v, want %v", seed, String(suffix), got, want)
				}
			}
		}
		for i := range v.Apexes {
			a := &v.Apexes[i]
			if v.Apex(a.Name) != a || a.Labels != CountLabels(a.Name) {
				t.Fatalf("seed %d: %s is lost, or has %d labels", seed, String(a.Name), a.Labels)
			}
		}
		if v.Apex(MustName("no-such-apex.")) != nil {
			t.Fatal("found an apex that isn't there")
		}
	}
}

func TestRoot(t *testing.T) {
	for _, test := range []struct {
		apexes    []Apex
		root      bool
		recursive bool
	}{
		{nil, false, false},
		{[]Apex{{Name: MustName("com."), Forward: 0}}, false, false},
		{[]Apex{{Name: MustName("com."), Forward: 0}, {Name: MustName("."), Forward: NoForward}}, true, false},
		{[]Apex{{Name: MustName("."), Forward: 0}}, true, true},
	} {
		v := NewView(View{Apexes: test.apexes})
		if (v.Root() != nil) != test.root || v.Recursive() != test.recursive || test.root && len(v.Root().Name) != 1 {
			t.Errorf("%v: root %v, recursive %t", test.apexes, v.Root(), v.Recursive())
		}
	}
}

func TestZone(t *testing.T) {
	soa := func(minimum byte) []byte {
		return append([]byte("\x02ns\x00\x04mail\x00"), append(make([]byte, 19), minimum)...)
	}
	for _, test := range []struct {
		ttl  uint32
		min  byte
		max  uint32
		want uint32
	}{
		{900, 100, 0, 100}, {50, 100, 0, 50}, {900, 100, 60, 60}, {50, 100, 60, 50}, {900, 0, 60, 0},
	} {
		tree := NewTree(MustName("example.com."))
		e := tree.Edit()
		s, _ := NewRecords(TypeSOA, test.ttl, soa(test.min))
		_ = e.Put(tree.Apex(), s)
		z := New(Info{Origin: Public, ID: "Z1"}, e.Commit(), test.max)
		if z.Negative.TTL() != test.want || string(z.Negative.First()) != string(s.First()) || z.ApexLabels != 2 {
			t.Errorf("SOA TTL %d, MINIMUM %d, cap %d: negative TTL %d, want %d", test.ttl, test.min, test.max, z.Negative.TTL(),
				test.want)
		}
		without := z.With(tree, test.max)
		if without.Negative.Exists() || without.ID != "Z1" || without.Tree != tree {
			t.Errorf("without SOA: %+v", without.Negative)
		}
	}
}

func TestZoneFind(t *testing.T) {
	for _, apex := range []string{"example.com.", "."} {
		tree := NewTree(MustName(apex))
		e := tree.Edit()
		s, _ := NewRecords(TypeA, 60, []byte{10, 0, 0, 1})
		_ = e.Put(MustName("a.b.example.com."), s)
		z := New(Info{}, e.Commit(), 0)
		name := MustName("x.a.b.example.com.")
		var l Labels
		l.Parse(name)
		for i := z.ApexLabels; i <= l.Count; i++ {
			suffix := name[l.Off[i]:]
			got, want := z.Find(&l, name, i), z.Tree.Lookup(suffix)
			if got.Exists() != want.Exists() || got.Exists() != (i < l.Count) || got.RRset(TypeA).Exists() != (i == 4) {
				t.Errorf("%s in %s: exists %t, want %t", String(suffix), apex, got.Exists(), want.Exists())
			}
		}
	}
}

func TestOriginNames(t *testing.T) {
	for o, want := range map[Origin]string{File: "file", Private: "private", Tags: "tags", Public: "public"} {
		if fmt.Sprint(o) != want {
			t.Errorf("%d is called %s, want %s", o, o, want)
		}
	}
}

func TestClientPrefixes(t *testing.T) {
	var s Snapshot
	p := netip.MustParsePrefix
	s.SetClients(map[netip.Prefix]int{p("10.0.0.0/8"): 0, p("10.1.0.0/16"): 1}, -1,
		[]netip.Prefix{p("10.1.2.0/24"), p("192.0.2.0/24")})
	for addr, want := range map[string][2]string{
		"10.1.2.3":  {"10.1.0.0/16", "10.1.2.0/24"},
		"10.2.0.1":  {"10.0.0.0/8", "invalid Prefix"},
		"192.0.2.9": {"invalid Prefix", "192.0.2.0/24"},
		"fd00::1":   {"invalid Prefix", "invalid Prefix"},
	} {
		view, allow := s.ClientPrefixes(netip.MustParseAddr(addr))
		if got := [2]string{view.String(), allow.String()}; got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
}
