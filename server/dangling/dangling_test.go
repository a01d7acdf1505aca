package dangling

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"inside53/resolver/zone"
)

// record is one to be put into a zone.
type record struct {
	name   string
	rrtype uint16
	target string // a name or an address
}

// zoneOf makes a zone.
func zoneOf(t *testing.T, origin zone.Origin, apex string, records ...record) *zone.Zone {
	t.Helper()
	e := zone.NewTree(zone.MustName(apex)).Edit()
	for _, r := range append([]record{{apex, zone.TypeSOA, ""}}, records...) {
		rdata := make([]byte, 22)
		switch r.rrtype {
		case zone.TypeA:
			rdata = netip.MustParseAddr(r.target).AsSlice()
		case zone.TypeSOA:
		default:
			rdata = zone.MustName(r.target)
		}
		set, err := zone.NewRecords(r.rrtype, 60, rdata)
		if err != nil {
			t.Fatal(err)
		}
		if r.rrtype == zone.TypeTXT { // stands for an alias of its own zone
			set = zone.NewAlias(zone.TypeA, zone.Alias{SameZone: true, Target: zone.MustName(r.target)})
		}
		err = e.Put(zone.MustName(r.name), set)
		if err != nil {
			t.Fatal(err)
		}
	}
	return zone.New(zone.Info{Origin: origin, ID: "Z" + apex}, e.Commit(), 0)
}

// inventoryOf makes an inventory of one region with public addresses.
func inventoryOf(stale bool, public ...string) *zone.Inventory {
	var all []zone.Interface
	for i, addr := range public {
		all = append(all, zone.Interface{
			Public: netip.MustParseAddr(addr), Private: netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), ID: "eni-1",
			OwnerID: "i-1",
		})
	}
	return zone.NewInventory([]zone.Network{{ID: "vpc-1", Region: "eu-west-1", Stale: stale}}, all)
}

func TestFind(t *testing.T) {
	main := zoneOf(t, zone.Public, "example.com",
		record{"www.example.com", zone.TypeCNAME, "web.example.com"},
		record{"web.example.com", zone.TypeA, "192.0.2.1"},
		record{"private.example.com", zone.TypeA, "10.0.0.1"},
		record{"gone.example.com", zone.TypeCNAME, "NoBody.example.com"},
		record{"wild.example.com", zone.TypeCNAME, "x.star.example.com"},
		record{"*.star.example.com", zone.TypeA, "192.0.2.2"},
		record{"cut.example.com", zone.TypeNS, "ns.example.net"},
		record{"below.example.com", zone.TypeCNAME, "host.cut.example.com"},
		record{"deep.example.com", zone.TypeCNAME, "star.example.com"}, // an empty non-terminal
		record{"inner.example.com", zone.TypeCNAME, "db.internal.example"},
		record{"unread.example.com", zone.TypeCNAME, "any.unread.example"},
		record{"ours.example.com", zone.TypeCNAME, "ec2-198-51-100-1.eu-west-1.compute.amazonaws.com"},
		record{"theirs.example.com", zone.TypeCNAME, "ec2-198-51-100-9.eu-west-1.compute.amazonaws.com"},
		record{"far.example.com", zone.TypeCNAME, "ec2-198-51-100-9.us-east-1.compute.amazonaws.com"},
		record{"out.example.com", zone.TypeCNAME, "missing.example.org"},
		record{"there.example.com", zone.TypeCNAME, "www.example.org"},
		record{"alias.example.com", zone.TypeTXT, "web.example.com"},
		record{"lost.example.com", zone.TypeTXT, "nobody.example.com"},
		record{"moved.example.com", zone.TypeA, "198.51.100.7"},
	)
	other := zoneOf(t, zone.Private, "internal.example", record{"db.internal.example", zone.TypeA, "10.0.0.2"})
	unread := zoneOf(t, zone.Public, "unread.example")
	snap := &zone.Snapshot{
		Loaded: true, Zones: []*zone.Zone{main, other, unread}, Unread: 1, Inventory: inventoryOf(false, "198.51.100.1"),
	}
	missing := map[string]verdict{string(zone.MustName("missing.example.org")): {missing: true}}
	was := map[netip.Addr]former{netip.MustParseAddr("198.51.100.7"): {Owner: "that of i-9"}}
	f := newFinder(snap, missing, was)
	found := f.find(main, leadsOf(main))
	sortFindings(found)
	var got []string
	for _, one := range found {
		got = append(got, one.Kind+" "+zone.String(one.Name))
	}
	want := []string{
		"target gone.example.com.", "target lost.example.com.", "address moved.example.com.", "outside out.example.com.",
		"target theirs.example.com.",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("found %q\nwant  %q", got, want)
	}
	for _, name := range []string{"missing.example.org", "www.example.org"} {
		if !f.asks[string(zone.MustName(name))] {
			t.Errorf("%s is not asked for", name)
		}
	}
}

// TestLeadsAfter: the leads of a zone that has changed are those of a whole walk, and what didn't change costs nothing.
func TestLeadsAfter(t *testing.T) {
	leads := func(all []lead) []string {
		var texts []string
		for _, l := range all {
			texts = append(texts, fmt.Sprint(zone.String(l.owner), l.rrtype, l.target, l.within, l.address))
		}
		slices.Sort(texts)
		return texts
	}
	names := func(n int) (all []record) {
		for i := range n {
			all = append(all, record{fmt.Sprintf("private-%d.example.com", i), zone.TypeA, "10.0.0.1"})
		}
		return all
	}
	was := zoneOf(t, zone.Public, "example.com", append(names(2000),
		record{"www.example.com", zone.TypeCNAME, "web.example.com"},
		record{"gone.example.com", zone.TypeA, "192.0.2.1"},
		record{"same.example.com", zone.TypeA, "192.0.2.7"})...)
	is := zoneOf(t, zone.Public, "example.com", append(names(2000),
		record{"www.example.com", zone.TypeCNAME, "other.example.com"},
		record{"new.example.com", zone.TypeA, "192.0.2.1"},
		record{"same.example.com", zone.TypeA, "192.0.2.7"})...)
	got, want := leads(leadsAfter(was, leadsOf(was), is)), leads(leadsOf(is))
	if len(want) != 3 || !slices.Equal(got, want) {
		t.Errorf("leads %q\nwant  %q", got, want)
	}
	edit := was.Tree.Edit()
	edit.Delete(zone.MustName("private-7.example.com"), zone.TypeA)
	tree, old := edit.Commit(), leadsOf(was)
	if n := testing.AllocsPerRun(10, func() { leadsAfter(was, old, was.With(tree, 0)) }); n > 50 {
		t.Errorf("one change of 2,000 names takes %v allocations", n)
	}
}

// TestPast remembers what was ours, also over a restart, but not of a region that isn't read.
func TestPast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "addresses")
	now := time.Unix(1_700_000_000, 0)
	addr := netip.MustParseAddr("198.51.100.7")
	var p past
	err := p.load(path)
	if err != nil {
		t.Fatal(err)
	}
	p.follow(inventoryOf(false, "198.51.100.7", "198.51.100.8"), now)
	err = p.save(path)
	if err != nil || p.changed {
		t.Fatal(err)
	}
	var again past
	err = again.load(path)
	if err != nil {
		t.Fatal(err)
	}
	again.follow(inventoryOf(true), now)
	if len(again.Former) != 0 {
		t.Errorf("of a region that is stale %v are gone", again.Former)
	}
	again.follow(inventoryOf(false, "198.51.100.8"), now.Add(time.Hour))
	if was := again.Former[addr]; len(again.Former) != 1 || was.Owner != "that of i-1" || !was.Until.Equal(now) {
		t.Errorf("gone are %+v", again.Former)
	}
	again.follow(inventoryOf(false, "198.51.100.7"), now)
	if _, gone := again.Former[addr]; gone || len(again.Former) != 1 {
		t.Errorf("it is back, and gone are %+v", again.Former)
	}
}

// TestPastOfTheSame: an inventory that has the same interfaces, with other names, isn't looked through again; what goes
// then was seen with the last one of these.
func TestPastOfTheSame(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var p past
	err := p.load("")
	if err != nil {
		t.Fatal(err)
	}
	all := make([]string, 200)
	for i := range all {
		all[i] = fmt.Sprint("198.51.100.", i)
	}
	in := inventoryOf(false, all...)
	p.follow(in, now)
	var ok bool
	allocations := testing.AllocsPerRun(2, func() {
		in, ok = in.Renamed(map[string][]byte{"i-1": zone.MustName("web")})
		p.follow(in, now.Add(time.Hour))
	})
	if !ok || allocations > 10 {
		t.Errorf("another name of an interface costs %v allocations", allocations)
	}
	p.follow(inventoryOf(true), now.Add(90*time.Minute)) // its region isn't read
	p.follow(inventoryOf(false, all[1:]...), now.Add(2*time.Hour))
	was, gone := p.Former[netip.MustParseAddr(all[0])]
	if !gone || len(p.Former) != 1 || !was.Until.Equal(now.Add(time.Hour)) {
		t.Errorf("gone are %+v", p.Former)
	}
}

// TestWatchAsks each name outside once an hour, and one that nobody could answer for a minute later.
func TestWatchAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := zoneOf(t, zone.Public, "example.com", record{"a.example.com", zone.TypeCNAME, "a.example.org"},
			record{"b.example.com", zone.TypeCNAME, "b.example.org"})
		snap := &zone.Snapshot{Loaded: true, Zones: []*zone.Zone{z}, Inventory: inventoryOf(false)}
		var mu sync.Mutex
		asked := map[string]int{}
		times := func(name string) int {
			mu.Lock()
			defer mu.Unlock()
			return asked[name]
		}
		w := New(Options{
			Snapshot: func() *zone.Snapshot { return snap }, Log: slog.New(slog.DiscardHandler),
			Resolve: func(_ context.Context, name []byte) (bool, error) {
				mu.Lock()
				defer mu.Unlock()
				text := zone.String(name)
				asked[text]++
				if text == "b.example.org." && asked[text] == 1 {
					return false, errors.New("nobody answers")
				}
				return text != "b.example.org.", nil
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		w.Wake()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if len(w.Findings()) != 0 || times("a.example.org.") != 1 || times("b.example.org.") != 1 {
			t.Errorf("after 30 s: %v", w.Findings())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if found := w.Findings(); len(found) != 1 || found[0].Kind != Outside || times("b.example.org.") != 2 {
			t.Errorf("after 90 s: %v", found)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if times("a.example.org.") != 2 || times("b.example.org.") != 3 {
			t.Error("after an hour more each is not asked once more")
		}
		cancel()
		<-ended
	})
}
