package zone

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// member reads "ID VPC [PRIVATE] [PUBLIC] [keeps]" of the world of the inventory.
func member(vpcs map[string]uint32, text string) InstanceAddress {
	f := strings.Fields(text)
	m := InstanceAddress{ID: []byte(f[0]), VPC: vpcs[f[1]]}
	for _, word := range f[2:] {
		addr, err := netip.ParseAddr(word)
		switch {
		case err != nil:
			m.KeepsPublic = true
		case addr.IsPrivate() || addr.As16()[12] == 100:
			m.Private = addr
		default:
			m.Public = addr
		}
	}
	return m
}

// given returns what a view gets of a set, and whether an instance is left out.
func given(a *Inventory, view int, s RRset) (addrs []string, fenced bool) {
	g := a.Given(view, s.Data, Pick{}, nil)
	var one GivenAddress
	for g.Next(&one) {
		text := one.Addr.String()
		if one.Translated {
			text += "*"
		}
		addrs = append(addrs, text)
	}
	return addrs, g.Fenced()
}

// TestGiven: an instance is judged by itself and its VPC, not by its address.
func TestGiven(t *testing.T) {
	a := views(world())
	vpcs := map[string]uint32{}
	for i, n := range a.VPCs {
		vpcs[n.ID] = uint32(i)
	}
	for _, test := range []struct {
		name    string
		rrtype  uint16
		members []string
		want    map[int]string // view -> addresses, ! where some are left out
	}{
		{"private alone", TypeA, []string{"i-own own 10.0.0.9", "i-peer peer 10.1.0.9", "i-far2 far2 172.31.0.9"},
			map[int]string{
				autoView: "10.0.0.9 10.1.0.9 !", privateView: "10.0.0.9 10.1.0.9 172.31.0.9", publicView: "!", restView: "!",
				farView: "10.1.0.9 !",
			}},
		{"equal blocks", TypeA, []string{"i-own own 10.0.200.5", "i-twin twin 10.0.200.5"},
			map[int]string{autoView: "10.0.200.5 !", restView: "!"}},
		// the address is ours, the instance isn't
		{"the other's alone", TypeA, []string{"i-twin twin 10.0.0.1"}, map[int]string{autoView: "!", privateView: "!"}},
		{"both reached", TypeA, []string{"i-1 far 172.31.0.6", "i-2 far2 172.31.0.6"},
			map[int]string{bothView: "172.31.0.6", autoView: "172.31.0.6 !"}},
		{"public", TypeA, []string{"i-1 own 10.0.0.1 198.51.100.1", "i-2 far2 172.31.0.6 198.51.100.7"}, map[int]string{
			autoView: "10.0.0.1* 198.51.100.7", publicView: "198.51.100.1 198.51.100.7", farView: "198.51.100.1 198.51.100.7",
			restView: "198.51.100.1 198.51.100.7",
		}},
		{"one public address twice", TypeA, []string{"i-1 own 10.0.0.1 198.51.100.1", "i-2 far2 172.31.0.6 198.51.100.1"},
			map[int]string{restView: "198.51.100.1 !"}},
		{"stale", TypeA, []string{"i-1 stale 10.5.0.9", "i-2 stale 10.5.0.8 198.51.100.8"},
			map[int]string{autoView: "198.51.100.8 !", privateView: "198.51.100.8 !"}},
		{"never translated", TypeA, []string{"i-1 own 10.0.0.1 198.51.100.1 keeps", "i-2 own 10.0.0.2 keeps"},
			map[int]string{autoView: "10.0.0.2 198.51.100.1"}},
		{"IPv6", TypeAAAA, []string{"i-1 own 2001:db8::1", "i-2 peer fd00::2", "i-3 far2 fd00::3"}, map[int]string{
			autoView: "2001:db8::1 fd00::2 !", publicView: "2001:db8::1 !", restView: "2001:db8::1 !",
		}},
	} {
		var members []InstanceAddress
		for _, text := range test.members {
			members = append(members, member(vpcs, text))
		}
		s, err := NewInstances(test.rrtype, 30, members)
		if err != nil {
			t.Fatal(err)
		}
		if int(s.Count) != len(members) || s.TTL() != 30 || s.Kind != Instances {
			t.Errorf("%s: %d members of kind %d, TTL %d", test.name, s.Count, s.Kind, s.TTL())
		}
		for view, want := range test.want {
			got, fenced := given(a, view, s)
			slices.Sort(got)
			if fenced {
				got = append(got, "!")
			}
			if is := strings.Join(got, " "); is != want {
				t.Errorf("%s: view %d gets %q, want %q", test.name, view, is, want)
			}
		}
		if n := testing.AllocsPerRun(10, func() {
			g := a.Given(autoView, s.Data, Pick{}, nil)
			var one GivenAddress
			for g.Next(&one) {
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations", test.name, n)
		}
	}
}

// TestInstancesPackTheSame whatever the order, and no more than a message holds.
func TestInstancesPackTheSame(t *testing.T) {
	members := []InstanceAddress{
		{ID: []byte("i-1"), VPC: 1, Private: netip.MustParseAddr("10.0.0.2")},
		{ID: []byte("i-2"), Private: netip.MustParseAddr("10.0.0.1"), Public: netip.MustParseAddr("192.0.2.1")},
	}
	one, err := NewInstances(TypeA, 30, members)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(members)
	two, err := NewInstances(TypeA, 30, members)
	if err != nil || !one.Equal(two) {
		t.Errorf("%x, %x, error %v", one.Data, two.Data, err)
	}
	var walked []string
	var m InstanceAddress
	for w := one.Instances(); w.Next(&m); {
		walked = append(walked, string(m.ID))
	}
	if !slices.Equal(walked, []string{"i-2", "i-1"}) {
		t.Errorf("walked %q", walked)
	}
	for _, n := range []int{0, 5000} {
		_, err = NewInstances(TypeA, 30, make([]InstanceAddress, n))
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d members: error %v", n, err)
		}
	}
	if w := (RRset{Kind: Records, Data: one.Data}).Instances(); w.Next(&m) {
		t.Error("plain records have instances")
	}
}

// TestAgeTakesNoAddressOfTheViewsOwn: what has no public address keeps the private one in
// the view's own VPC, however old the inventory is; elsewhere it may have become somebody else's.
func TestAgeTakesNoAddressOfTheViewsOwn(t *testing.T) {
	a := NewInventory([]Network{{ID: "old", Stale: true}},
		[]Interface{{ID: "eni-1", Private: netip.MustParseAddr("10.0.0.1")}})
	a.AddView(AddressAuto, []string{"old"}, nil, nil)
	a.AddView(AddressAuto, nil, []string{"old"}, nil)
	for _, test := range []struct {
		view         int
		public, want string
	}{{0, "", "10.0.0.1"}, {0, "192.0.2.1", "192.0.2.1"}, {1, "", "invalid IP"}, {1, "192.0.2.1", "192.0.2.1"}} {
		m := InstanceAddress{Private: netip.MustParseAddr("10.0.0.1")}
		m.Public, _ = netip.ParseAddr(test.public)
		if got, _ := a.Fence(test.view, &m); got.String() != test.want {
			t.Errorf("view %d gets %s of %q, want %s", test.view, got, test.public, test.want)
		}
	}
	if a.Private(0, [4]byte{10, 0, 0, 1}) == nil || a.Private(1, [4]byte{10, 0, 0, 1}) != nil {
		t.Error("names made of the address don't follow")
	}
}

// TestMute: why an instance is left out tells of a peering without DNS resolution.
func TestMute(t *testing.T) {
	a := views(world())
	a.SetMute(autoView, []string{"far2", "peer", "gone"})
	for vpc, want := range map[uint32]Verdict{1: Translated, 4: Mute} {
		_, why := a.Fence(autoView, &InstanceAddress{VPC: vpc, Private: netip.MustParseAddr("192.168.0.1")})
		if why != want {
			t.Errorf("VPC %d: verdict %d, want %d", vpc, why, want)
		}
	}
	if !a.Reaches(autoView, "peer") || a.Reaches(autoView, "far2") || a.Reaches(publicView, "own") ||
		a.Reaches(autoView, "gone") {
		t.Error("reaches others")
	}
}

// TestHasInstances: a name is known to have instances while it has a set of them.
func TestHasInstances(t *testing.T) {
	set, err := NewInstances(TypeA, 60, []InstanceAddress{{ID: []byte("i-1"), Private: netip.MustParseAddr("10.0.0.1")}})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := NewRecords(TypeTXT, 60, []byte("\x01a"))
	if err != nil {
		t.Fatal(err)
	}
	name := MustName("a.example.com.")
	e := NewTree(MustName("example.com.")).Edit()
	for _, step := range []struct {
		title  string
		change func() error
		want   bool
	}{
		{"records", func() error { return e.Put(name, plain) }, false},
		{"instances beside them", func() error { return e.Put(name, set) }, true},
		{"a new record", func() error { return e.Put(name, plain) }, true},
		{"instances gone", func() error { e.Delete(name, TypeA); return nil }, false},
	} {
		err := step.change()
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Lookup(name).HasInstances(); got != step.want {
			t.Errorf("%s: %t", step.title, got)
		}
	}
	if (Node{}).HasInstances() {
		t.Error("a name that doesn't exist has instances")
	}
}
