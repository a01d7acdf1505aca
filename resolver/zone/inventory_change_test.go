package zone

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// face makes an interface of VPC 0; "" is no address, or no instance.
func face(id, public, private, instance string) Interface {
	f := Interface{ID: id, Instance: instance, OwnerID: instance}
	if public != "" {
		f.Public = netip.MustParseAddr(public)
	}
	if private != "" {
		f.Private = netip.MustParseAddr(private)
	}
	return f
}

// TestChanged makes an inventory of another one, and says where it has to be made anew.
func TestChanged(t *testing.T) {
	network := []Network{{ID: "one"}, {ID: "two"}}
	first := []Interface{
		face("eni-1", "198.51.100.1", "10.0.0.1", "i-1"),
		face("eni-2", "198.51.100.2", "10.0.0.2", "i-2"),
		face("eni-6", "", "", "i-6"), // of IPv6 alone
	}
	twice := append(slices.Clone(first), face("eni-3", "", "10.0.0.3", "i-1"))
	contested := append(slices.Clone(first), face("eni-3", "198.51.100.1", "10.0.0.3", ""))
	other := face("eni-4", "", "10.0.0.1", "")
	other.VPC = 1
	for _, tt := range []struct {
		why               string
		all, gone, fresh  []Interface
		ok                bool
		public, first, at string // who has 198.51.100.1, is the first of i-1, and has 10.0.0.1 as a view of VPC 0 sees it
	}{
		{"one comes", first, nil, []Interface{face("eni-4", "198.51.100.4", "10.0.0.4", "i-4")}, true,
			"eni-1", "eni-1", "eni-1"},
		{"one goes", first, first[:1], nil, true, "", "", ""},
		{"one without addresses goes", first, first[2:], nil, true, "eni-1", "eni-1", "eni-1"},
		{"an address moves", first, first[:2], []Interface{face("eni-1", "", "10.0.0.1", "i-1"),
			face("eni-2", "198.51.100.1", "10.0.0.2", "i-2")}, true, "eni-2", "eni-1", "eni-1"},
		{"of another VPC", first, nil, []Interface{other}, true, "eni-1", "eni-1", "eni-1"},
		{"an instance has two first ones", first, nil, []Interface{face("eni-4", "", "10.0.0.4", "i-1")}, false, "", "", ""},
		{"an instance had two first ones", twice, twice[:1], nil, false, "", "", ""},
		{"two fresh ones of an instance", first, nil, []Interface{face("eni-4", "", "10.0.0.4", "i-4"),
			face("eni-5", "", "10.0.0.5", "i-4")}, false, "", "", ""},
		{"a public address of two", first, nil, []Interface{face("eni-4", "198.51.100.1", "10.0.0.4", "")}, false,
			"", "", ""},
		{"a public address was of two", contested, contested[:1], nil, false, "", "", ""},
		{"a private address of two", first, nil, []Interface{face("eni-4", "", "10.0.0.1", "")}, false, "", "", ""},
		{"two fresh ones of a private address", first, nil, []Interface{face("eni-4", "", "10.0.0.4", ""),
			face("eni-5", "", "10.0.0.4", "")}, false, "", "", ""},
		{"nobody knew it", first, []Interface{face("eni-9", "", "10.0.0.1", "")}, nil, false, "", "", ""},
		{"it had another address", first, []Interface{face("eni-1", "", "10.0.0.9", "")}, nil, false, "", "", ""},
	} {
		was := NewInventory(network, tt.all)
		was.AddView(AddressAuto, []string{"one"}, nil, nil)
		before := fmt.Sprint(slices.Collect(values(was)))
		is, ok := was.Changed(tt.gone, tt.fresh)
		if fmt.Sprint(slices.Collect(values(was))) != before {
			t.Errorf("%s: the one before was changed", tt.why)
		}
		if ok != tt.ok {
			t.Errorf("%s: %v", tt.why, ok)
		}
		if !ok {
			continue
		}
		id := func(f *Interface) string {
			if f == nil {
				return ""
			}
			return f.ID
		}
		_, public, _ := is.Translate(0, addr4("198.51.100.1"))
		one, _ := is.Instance(0, []byte("i-1"))
		if id(public) != tt.public || id(one) != tt.first || id(is.Private(0, addr4("10.0.0.1"))) != tt.at {
			t.Errorf("%s: %s, %s, %s", tt.why, id(public), id(one), id(is.Private(0, addr4("10.0.0.1"))))
		}
	}
}

// values visits copies of the interfaces, by the names that they have.
func values(a *Inventory) func(yield func(Interface) bool) {
	return func(yield func(Interface) bool) {
		for f := range a.Interfaces {
			is := *f
			is.Name = a.Name(f)
			if !yield(is) {
				return
			}
		}
	}
}

// TestChangedAtRandom: change by change, and renamed in between, an inventory is what one is that is made of the same
// interfaces; and Moved tells what is translated otherwise, whatever the two were made of.
func TestChangedAtRandom(t *testing.T) {
	changed, moves := 0, 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 53))
		network := []Network{{ID: "one"}, {ID: "two"}}
		anew := func(all []Interface) *Inventory {
			a := NewInventory(network, all)
			a.AddView(AddressPrivate, nil, nil, nil)
			return a
		}
		var all []Interface
		last := anew(nil)
		for step := range 120 {
			var gone []Interface
			rest := slices.DeleteFunc(slices.Clone(all), func(f Interface) bool {
				leaves := r.IntN(20) == 0
				if leaves {
					gone = append(gone, f)
				}
				return leaves
			})
			fresh := face(fmt.Sprintf("eni-%03d", step), "", fmt.Sprintf("10.0.0.%d", r.IntN(200)), "")
			fresh.VPC = uint32(r.IntN(2))
			if r.IntN(2) == 0 {
				fresh.Public = netip.AddrFrom4([4]byte{198, 51, 100, byte(r.IntN(60))})
			}
			if r.IntN(2) == 0 {
				fresh.OwnerID = fmt.Sprint("i-", r.IntN(100))
				fresh.Instance = fresh.OwnerID
			}
			all = append(rest, fresh)
			next, ok := last.Changed(gone, []Interface{fresh})
			if ok {
				changed++
			} else {
				next = anew(all)
			}
			id := all[r.IntN(len(all))].OwnerID
			if id != "" && r.IntN(3) == 0 {
				name := fmt.Appendf(nil, "name-%d", step)
				for i := range all {
					if all[i].OwnerID == id {
						all[i].Name = name
					}
				}
				next, ok = next.Renamed(map[string][]byte{id: name})
				if !ok {
					next = anew(all)
				}
			}
			want := anew(all)
			compareInventories(t, fmt.Sprintf("seed %d step %d", seed, step), next, want, all)
			moved := next.Moved(last)
			if step%2 == 0 {
				moved = next.Moved(anew(slices.Collect(values(last))))
			}
			for n := range 60 {
				public := [4]byte{198, 51, 100, byte(n)}
				before, _, _ := last.Translate(0, public)
				now, _, _ := next.Translate(0, public)
				if before != now && !moved[public] {
					t.Fatalf("seed %d step %d: %v moved, and nobody says so", seed, step, public)
				}
			}
			if len(moved) > len(gone)+1 {
				t.Fatalf("seed %d step %d: %d public addresses moved", seed, step, len(moved))
			}
			moves += len(moved)
			last = next
		}
	}
	if changed < 300 || moves < 300 {
		t.Errorf("%d changes, %d addresses moved: too few to tell", changed, moves)
	}
}

// compareInventories compares what is found by the addresses, ids and names of interfaces.
func compareInventories(t *testing.T, at string, got, want *Inventory, all []Interface) {
	t.Helper()
	show := func(a *Inventory, f *Interface) string {
		if f == nil {
			return "none"
		}
		is := *f
		is.Name = a.Name(f)
		return fmt.Sprintf("%+v", is)
	}
	find := func(a *Inventory) (found []string) {
		for i := range all {
			f := &all[i]
			if f.Public.IsValid() {
				_, of, why := a.Translate(0, f.Public.As4())
				found = append(found, fmt.Sprint(why, a.Has(f.Public.As4()), a.Any(), show(a, of)))
			}
			if f.Private.IsValid() {
				found = append(found, show(a, a.Private(0, f.Private.As4())),
					show(a, a.Interface(&InstanceAddress{Private: f.Private, VPC: f.VPC})))
			}
			first, _ := a.Instance(0, []byte(f.OwnerID))
			found = append(found, show(a, first))
		}
		return found
	}
	if g, w := find(got), find(want); !slices.Equal(g, w) {
		t.Fatalf("%s:\n%q\nwant\n%q", at, g, w)
	}
	sorted := func(a *Inventory) []string {
		var lines []string
		for f := range a.Interfaces {
			lines = append(lines, show(a, f))
		}
		slices.Sort(lines)
		return lines
	}
	if g, w := sorted(got), sorted(want); !slices.Equal(g, w) {
		t.Fatalf("%s: it has\n%q\nwant\n%q", at, g, w)
	}
}

// TestIsLike: names may differ, interfaces and VPCs may not.
func TestIsLike(t *testing.T) {
	one, other := face("eni-1", "198.51.100.1", "10.0.0.1", "i-1"), face("eni-2", "198.51.100.2", "10.0.0.2", "i-2")
	was := NewInventory([]Network{{ID: "one"}}, []Interface{one})
	renamed, ok := was.Renamed(map[string][]byte{"i-1": []byte("\x03web\x00")})
	if !ok || !renamed.IsLike(was) || !was.IsLike(was) {
		t.Error("another name makes it another one")
	}
	more, ok := was.Changed(nil, []Interface{other})
	if !ok || more.IsLike(was) || was.IsLike(more) {
		t.Error("an interface more doesn't")
	}
	less, ok := more.Changed([]Interface{one}, nil)
	if !ok || less.IsLike(more) || less.IsLike(was) {
		t.Error("an interface less doesn't")
	}
	if was.IsLike(NewInventory([]Network{{ID: "one", Stale: true}}, []Interface{one})) {
		t.Error("one that was made anew is like it")
	}
}

// TestSameAddresses: what goes stale, another VPC of the same number and another service are told apart.
func TestSameAddresses(t *testing.T) {
	make1 := func(v Network, services map[string]*Service) *Inventory {
		a := NewInventory([]Network{v}, []Interface{face("eni-1", "198.51.100.1", "10.0.0.1", "i-1")})
		a.SetServices(services)
		return a
	}
	a := make1(Network{ID: "one"}, nil)
	if !a.SameAddresses(make1(Network{ID: "one"}, nil)) {
		t.Error("the same isn't the same")
	}
	for why, b := range map[string]*Inventory{
		"stale": make1(Network{ID: "one", Stale: true}, nil), "another VPC": make1(Network{ID: "two"}, nil),
		"a service": make1(Network{ID: "one"}, map[string]*Service{"x": {ID: "x"}}),
	} {
		if a.SameAddresses(b) || b.SameAddresses(a) {
			t.Errorf("%s: the same", why)
		}
	}
}

// TestChangedOften: after very many changes the inventory has to be made anew.
func TestChangedOften(t *testing.T) {
	last := NewInventory([]Network{{ID: "one"}}, nil)
	for i := range mostChanged + 1 {
		fresh := face(fmt.Sprint("eni-", i), "", fmt.Sprintf("10.0.%d.%d", i/250, i%250), "")
		next, ok := last.Changed(nil, []Interface{fresh})
		if ok != (i < mostChanged) {
			t.Fatalf("after %d changes: %v", i, ok)
		}
		if ok {
			last = next
		}
	}
}
