package transfer

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"weak"

	"inside53/resolver"
	"inside53/resolver/zone"
)

// stage is a resolver and a publisher of what it has, without a disk and a network.
type stage struct {
	testing.TB
	resolver *resolver.Resolver
	p        *publisher
	policy   *Policy
	snap     *zone.Snapshot
}

// newStage transfers all zones of some views.
func newStage(t testing.TB, views ...string) *stage {
	s := &stage{TB: t, resolver: resolver.New(nil, resolver.Options{}), policy: &Policy{}}
	for _, v := range views {
		s.policy.Entries = append(s.policy.Entries,
			&Entry{View: v, Zones: func(string) bool { return true }, Journal: 1 << 20})
	}
	known := &aliases{targets: map[aliasTarget]*aliasState{},
		ask: func(context.Context, []string, []byte, uint16) (zone.RRset, error) { return zone.RRset{}, nil }}
	s.p = newPublisher(s.resolver, func() *Policy { return s.policy }, known, newNotifier(func(string) {},
		slog.New(slog.DiscardHandler)), t.TempDir(), nil, slog.New(slog.DiscardHandler))
	return s
}

// show publishes a snapshot, here and to the publisher.
func (s *stage) show(snap *zone.Snapshot) {
	s.Helper()
	s.snap = snap
	err := s.resolver.Publish(snap)
	if err != nil {
		s.Fatal(err)
	}
	s.p.publish(s.Context(), false)
}

// change publishes the snapshot with another zone in a place.
func (s *stage) change(l zone.Layer, tree *zone.Tree) {
	s.Helper()
	next := *s.snap
	next.Zones = slices.Clone(next.Zones)
	next.Zones[l] = next.Zones[l].With(tree, 0)
	s.show(&next)
}

// plainTree makes a zone of n names.
func plainTree(t testing.TB, apex string, n int) *zone.Tree {
	name := zone.MustName(apex)
	e := zone.NewTree(name).Edit()
	put(t, e, apex, zone.TypeSOA, slices.Concat(name, name, make([]byte, 20)))
	for i := range n {
		put(t, e, fmt.Sprintf("h%d.%s", i, apex), zone.TypeA, []byte{10, 0, byte(i >> 8), byte(i)})
	}
	return e.Commit()
}

func put(t testing.TB, e *zone.Edit, name string, rrtype uint16, rdata ...[]byte) {
	t.Helper()
	set, err := zone.NewRecords(rrtype, 60, rdata...)
	if err == nil {
		err = e.Put(zone.MustName(name), set)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// edited returns a tree with another address at a name.
func edited(t testing.TB, tree *zone.Tree, name string, last byte) *zone.Tree {
	e := tree.Edit()
	put(t, e, name, zone.TypeA, []byte{10, 9, 9, last})
	return e.Commit()
}

// crowd makes a snapshot of views that all see the same zones, of names names each.
func crowd(t testing.TB, views, zones, names int) (*zone.Snapshot, []string) {
	snap := &zone.Snapshot{Inventory: zone.NewInventory(nil, nil), Loaded: true}
	var apexes []zone.Apex
	for i := range zones {
		tree := plainTree(t, fmt.Sprintf("z%d.example.", i), names)
		snap.Zones = append(snap.Zones, zone.New(zone.Info{Origin: zone.Public, ID: fmt.Sprint("Z", i)}, tree, 0))
		apexes = append(apexes, zone.Apex{Name: tree.Apex(), Layers: []zone.Layer{zone.Layer(i)}, Forward: zone.NoForward})
	}
	var called []string
	for i := range views {
		name := fmt.Sprint("v", i)
		called = append(called, name)
		snap.Inventory.AddView(zone.AddressAuto, nil, nil, nil)
		snap.Views = append(snap.Views, zone.NewView(zone.View{Name: name, Index: i, Apexes: slices.Clone(apexes)}))
	}
	return snap, called
}

// TestViewsShareWhatTheySeeAlike: a zone is merged once however many views see it, a changed
// name once, and no zone of a view has a scratch of its own.
func TestViewsShareWhatTheySeeAlike(t *testing.T) {
	const views, zones, names = 20, 40, 10
	snap, called := crowd(t, views, zones, names)
	s := newStage(t, called...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s.show(snap)
	runtime.ReadMemStats(&after)
	if n := s.p.merger.Merged(); n != zones*(names+1) {
		t.Errorf("%d names of %d were merged", n, zones*(names+1))
	}
	if each := (after.TotalAlloc - before.TotalAlloc) / (views * zones); each > 16<<10 {
		t.Errorf("%d octets for each zone of a view", each)
	}
	trees := map[*zone.Tree]bool{}
	for _, z := range s.p.zones {
		trees[z.tree] = true
	}
	if len(s.p.zones) != views*zones || len(trees) != zones {
		t.Errorf("%d zones of views, %d trees", len(s.p.zones), len(trees))
	}
	merged := s.p.merger.Merged()
	s.change(3, edited(t, snap.Zones[3].Tree, "h1.z3.example.", 1))
	if n := s.p.merger.Merged() - merged; n != 1 {
		t.Errorf("for one name %d were merged", n)
	}
	fresh := 0
	for _, z := range s.p.zones {
		if deltas, _ := z.history.Journal(); deltas > 0 {
			fresh++
		}
	}
	if fresh != views {
		t.Errorf("%d zones of views have a new version, want %d", fresh, views)
	}
}

// TestTagsMergeTheirNames: names of instances that change in the inventory merge nothing but
// themselves; nor does health that says the same again.
func TestTagsMergeTheirNames(t *testing.T) {
	snap, called := crowd(t, 5, 10, 20)
	snap.Inventory = zone.NewInventory([]zone.Network{{ID: "vpc-1"}}, []zone.Interface{{OwnerID: "i-1"}})
	for range called {
		snap.Inventory.AddView(zone.AddressAuto, []string{"vpc-1"}, nil, nil)
	}
	s := newStage(t, called...)
	s.show(snap)
	merged := s.p.merger.Merged()
	next := *s.snap
	next.Inventory, _ = snap.Inventory.Renamed(map[string][]byte{"i-1": zone.MustName("other.z0.example.")})
	s.snap = &next
	s.change(0, edited(t, snap.Zones[0].Tree, "other.z0.example.", 1))
	if n := s.p.merger.Merged() - merged; n != 1 {
		t.Errorf("for one name %d were merged", n)
	}
	sick := &zone.Live{Checks: map[string]zone.Check{"a": {Why: "once"}}}
	if !s.resolver.PublishLive(sick) {
		t.Error("a check that fails changes nothing")
	}
	if s.resolver.PublishLive(&zone.Live{Checks: map[string]zone.Check{"a": {Why: "again"}, "new": {Healthy: true}}}) {
		t.Error("the same health again is a change")
	}
	if !s.resolver.PublishLive(&zone.Live{}) {
		t.Error("a check that is healthy again changes nothing")
	}
}

// TestInstancesMergeWhatMoved: an instance that comes merges nothing, and one whose address a record has that name,
// once in all views.
func TestInstancesMergeWhatMoved(t *testing.T) {
	snap, called := crowd(t, 5, 10, 20)
	network := []zone.Network{{ID: "vpc-1"}}
	first := zone.Interface{ID: "eni-1", Private: netip.MustParseAddr("10.1.0.1")}
	snap.Inventory = zone.NewInventory(network, []zone.Interface{first})
	for range called {
		snap.Inventory.AddView(zone.AddressAuto, []string{"vpc-1"}, nil, nil)
	}
	s := newStage(t, called...)
	s.show(snap)
	for _, tt := range []struct {
		id, public string
		gone       []zone.Interface
		merged     uint64
	}{
		{"eni-2", "", nil, 0},
		{"eni-3", "198.51.100.1", nil, 0}, // no record's address
		{"eni-4", "10.0.0.7", nil, 10},    // each zone has a record of it
		{"eni-5", "10.0.0.7", []zone.Interface{{ID: "eni-4", Private: netip.MustParseAddr("10.1.1.4")}}, 10},
		{"eni-6", "", []zone.Interface{{ID: "eni-5", Private: netip.MustParseAddr("10.1.1.5")}}, 10},
	} {
		merged := s.p.merger.Merged()
		next := *s.snap
		fresh := zone.Interface{ID: tt.id, Private: netip.MustParseAddr("10.1.1." + strings.TrimPrefix(tt.id, "eni-"))}
		if tt.public != "" {
			fresh.Public = netip.MustParseAddr(tt.public)
		}
		var ok bool
		next.Inventory, ok = s.snap.Inventory.Changed(tt.gone, []zone.Interface{fresh})
		if !ok {
			t.Fatalf("%s: all had to be made anew", tt.id)
		}
		s.show(&next)
		if n := s.p.merger.Merged() - merged; n != tt.merged {
			t.Errorf("%s: %d names were merged, want %d", tt.id, n, tt.merged)
		}
	}
}

// TestOldInventoriesGo: an inventory that was made anew and says the same merges nothing, and nobody holds the one
// before.
func TestOldInventoriesGo(t *testing.T) {
	anew := func() *zone.Inventory {
		a := zone.NewInventory([]zone.Network{{ID: "vpc-1"}}, []zone.Interface{{ID: "eni-1",
			Public: netip.MustParseAddr("10.0.0.7"), Private: netip.MustParseAddr("10.1.0.1")}})
		a.AddView(zone.AddressAuto, []string{"vpc-1"}, nil, nil)
		a.AddView(zone.AddressAuto, nil, nil, nil)
		return a
	}
	snap, called := crowd(t, 2, 3, 20)
	snap.Inventory = anew()
	before := weak.Make(snap.Inventory)
	s := newStage(t, called...)
	s.show(snap)
	merged := s.p.merger.Merged()
	next := *snap
	next.Inventory = anew()
	s.show(&next)
	if n := s.p.merger.Merged() - merged; n != 0 {
		t.Errorf("%d names were merged", n)
	}
	snap.Inventory = nil
	runtime.GC()
	if before.Value() != nil {
		t.Error("the inventory of before is held")
	}
	s.change(0, edited(t, next.Zones[0].Tree, "h1.z0.example.", 1))
	if n := s.p.merger.Merged() - merged; n != 2 { // for what each of the views reaches
		t.Errorf("%d names were merged for one", n)
	}
}

// TestSharedFormsAreWhatViewsSee: what views share is what each would have by itself, as
// records, views and health change at random.
func TestSharedFormsAreWhatViewsSee(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 53))
		trees := []*zone.Tree{plainTree(t, "a.example.", 4), plainTree(t, "a.example.", 2), plainTree(t, "b.a.example.", 2)}
		s := newStage(t, "v0", "v1", "v2", "v3")
		var views []*zone.View
		var inventory *zone.Inventory
		for range 60 {
			if views == nil || r.IntN(6) == 0 {
				views, inventory = randomViews(r)
			}
			if r.IntN(5) == 0 {
				s.resolver.PublishLive(&zone.Live{Checks: map[string]zone.Check{"c": {Healthy: r.IntN(2) == 0}}})
			}
			i := r.IntN(len(trees))
			name := fmt.Sprintf("h%d.%s", r.IntN(4), zone.String(trees[i].Apex()))
			if r.IntN(3) == 0 {
				trees[i] = withPolicy(t, trees[i], name)
			} else {
				trees[i] = edited(t, trees[i], name, byte(r.IntN(4)))
			}
			snap := &zone.Snapshot{Views: views, Inventory: inventory, Loaded: true,
				Forwarders: []zone.Forwarder{{Upstreams: []string{"10.0.0.2"}}}}
			for i, tree := range trees {
				snap.Zones = append(snap.Zones, zone.New(zone.Info{Origin: zone.Origin(1 + i), ID: fmt.Sprint("Z", i)}, tree, 0))
			}
			s.snap = snap
			snap.Forwarders = nil // nobody is asked
			s.show(snap)
			live := s.live()
			for _, v := range views {
				for i := range v.Apexes {
					z := s.p.zones[viewApex{v.Name, string(v.Apexes[i].Name)}]
					if len(v.Apexes[i].Layers) == 0 {
						continue
					}
					want := s.resolver.NewMerger(func(resolver.Target) zone.RRset { return zone.RRset{} }).Merge(snap, live, v,
						&v.Apexes[i], false)
					if z == nil || treeText(z.tree) != treeText(want) {
						t.Fatalf("seed %d: view %s has of %s\n%s\nby itself\n%s", seed, v.Name, zone.String(v.Apexes[i].Name),
							treeText(z.tree), treeText(want))
					}
				}
			}
		}
	}
}

func (s *stage) live() *zone.Live {
	_, live := s.resolver.State()
	return live
}

// randomViews makes four views of two layers of a.example., with or without a zone or a
// forwarder below it.
func randomViews(r *rand.Rand) (views []*zone.View, inventory *zone.Inventory) {
	inventory = zone.NewInventory([]zone.Network{{ID: "vpc-1"}}, nil)
	for i := range 4 {
		v := zone.View{Name: fmt.Sprint("v", i), Index: i, Region: []string{"eu-west-1", "us-east-1"}[r.IntN(2)]}
		a := zone.Apex{Name: zone.MustName("a.example."), Layers: []zone.Layer{0, 1}, Forward: zone.NoForward}
		if r.IntN(3) == 0 {
			a.Layers = a.Layers[:1]
		}
		v.Apexes = append(v.Apexes, a)
		switch r.IntN(3) {
		case 0:
			v.Apexes = append(v.Apexes,
				zone.Apex{Name: zone.MustName("b.a.example."), Layers: []zone.Layer{2}, Forward: zone.NoForward})
		case 1:
			v.Apexes = append(v.Apexes, zone.Apex{Name: zone.MustName("h1.a.example."), Forward: 0})
		}
		mode := []zone.AddressMode{zone.AddressAuto, zone.AddressPublic}[r.IntN(2)]
		inventory.AddView(mode, []string{"vpc-1"}, nil, nil)
		views = append(views, zone.NewView(v))
	}
	return views, inventory
}

// withPolicy returns a tree in which a name has an address by health and by region.
func withPolicy(t testing.TB, tree *zone.Tree, name string) *zone.Tree {
	var members []zone.Member
	for i, region := range []string{"eu-west-1", "us-east-1"} {
		set, err := zone.NewRecords(zone.TypeA, 60, []byte{10, 7, 7, byte(i)})
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, zone.Member{SetID: []byte(region), Region: []byte(region), Set: set,
			Check: []byte([]string{"c", ""}[i])})
	}
	set, err := zone.NewGroup(zone.TypeA, zone.Latency, members)
	e := tree.Edit()
	if err == nil {
		err = e.Put(zone.MustName(name), set)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e.Commit()
}

func treeText(tree *zone.Tree) string {
	if tree == nil {
		return "no zone"
	}
	var lines []string
	for name, node := range tree.All {
		for s := range node.RRsets {
			lines = append(lines, fmt.Sprintf("%s %d %x", zone.String(name), s.Type, s.Data))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// BenchmarkPublish shows what a start and one change cost where many views have many zones
// transferred.
func BenchmarkPublish(b *testing.B) {
	snap, called := crowd(b, 20, 1000, 10)
	b.Run("20 views of 1000 zones", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			newStage(b, called...).show(snap)
		}
	})
	s := newStage(b, called...)
	s.show(snap)
	b.Run("one record of them", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			s.change(3, edited(b, s.snap.Zones[3].Tree, "h1.z3.example.", byte(i)))
		}
	})
}
