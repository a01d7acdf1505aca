package recorder

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/ledger"
)

// TestAdvance: what a part becomes by what differs is the same whether all of it is made anew or what differs alone,
// and of a large region what stays is the very same.
func TestAdvance(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	is := &ledger.Version{Commit: &ledger.Commit{At: time.Unix(1_700_000_000, 0)}}
	anew := func(p zonesource.Part) zonesource.Part { // as the ledger has it
		p, err := rebuild(is, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for range 2000 {
		was, now := anew(zonesource.Part{Region: randomRegion(r)}), zonesource.Part{Region: randomRegion(r)}
		if r.IntN(2) == 0 {
			same := *was.Region
			same.Hosts, now.Region = now.Region.Hosts, &same
		}
		if r.IntN(2) == 0 {
			now.Problems = []zonesource.Problem{{Name: "i-1", Reason: "random"}}
		}
		all, err := difference(was, now)
		if err != nil {
			t.Fatal(err)
		}
		want, err := rebuild(is, was, all)
		if err != nil {
			t.Fatal(err)
		}
		got, err := advance(is, was, all)
		if err != nil || !reflect.DeepEqual(want, got) {
			t.Fatalf("of %+v and %+v: %v (-want +got):\n%s", was.Region, now.Region, err, cmp.Diff(want, got))
		}
	}
	large := &zonesource.Region{}
	for i := range 20_000 {
		large.Hosts = append(large.Hosts, &zonesource.Host{Instance: fmt.Sprintf("i-%05d", i)})
		large.Interfaces = append(large.Interfaces, &zonesource.Interface{ID: fmt.Sprintf("eni-%05d", i)})
	}
	was := zonesource.Part{Region: large}
	next := *large
	next.Hosts = append([]*zonesource.Host(nil), large.Hosts...)
	next.Hosts[7] = &zonesource.Host{Instance: "i-00007", Ordinal: 7}
	all, err := difference(was, zonesource.Part{Region: &next})
	if err != nil {
		t.Fatal(err)
	}
	var got zonesource.Part
	allocations := testing.AllocsPerRun(1, func() { got, err = advance(is, was, all) })
	if err != nil || allocations > 200 || len(got.Region.Hosts) != 20_000 || got.Region.Hosts[7].Ordinal != 7 ||
		got.Region.Hosts[8] != large.Hosts[8] || got.Region.Interfaces[7] != large.Interfaces[7] {
		t.Errorf("one host of 20,000 takes %v allocations, %v", allocations, err)
	}
}

// TestAdvanceUnknown: a difference of something whose id can't be told has all looked at.
func TestAdvanceUnknown(t *testing.T) {
	is := &ledger.Version{}
	was := zonesource.Part{Region: &zonesource.Region{Hosts: []*zonesource.Host{{Instance: "i-1"}, {Instance: "i-2/x"}}}}
	now := zonesource.Part{Region: &zonesource.Region{Hosts: []*zonesource.Host{{Instance: "i-1"}}}}
	all, err := difference(was, now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := advance(is, was, all)
	if err != nil || len(got.Region.Hosts) != 1 || got.Region.Hosts[0].Instance != "i-1" {
		t.Errorf("%+v, %v", got.Region, err)
	}
}

// TestAdvanceZone: what is told of a zone besides its records differs without a look at these.
func TestAdvanceZone(t *testing.T) {
	is := &ledger.Version{Commit: &ledger.Commit{At: time.Unix(1_700_000_000, 0)}}
	edit := zone.NewTree(zone.MustName("example.com.")).Edit()
	set := func(i int, last byte) {
		a, err := zone.NewRecords(zone.TypeA, 60, []byte{10, 0, 0, last})
		if err == nil {
			err = edit.Put(zone.MustName(fmt.Sprintf("h%d.example.com.", i)), a)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2000 {
		set(i, 1)
	}
	was := zonesource.Part{Key: zonesource.Key{Source: "route53", Name: "/Z1"}, Listed: is.Commit.At,
		Zone: zone.New(zone.Info{ID: "Z1", Listed: is.Commit.At}, edit.Commit(), 0)}
	edit = was.Zone.Tree.Edit()
	set(7, 2)
	edit.Delete(zone.MustName("h8.example.com."), zone.TypeA)
	info := was.Zone.Info
	info.Account = "other"
	now := zonesource.Part{Key: was.Key, Problems: []zonesource.Problem{{Zone: "example.com.", Reason: "some"}},
		Zone: zone.New(info, edit.Commit(), 0)}
	all, err := difference(was, now)
	if err != nil || len(all) != 4 {
		t.Fatalf("%d differences, %v", len(all), err)
	}
	want, err := rebuild(is, was, all)
	if err != nil {
		t.Fatal(err)
	}
	got, err := advance(is, was, all)
	if err != nil {
		t.Fatal(err)
	}
	differs := 0
	zone.Diff(want.Zone.Tree, got.Zone.Tree, func([]byte, zone.RRset, zone.RRset) bool { differs++; return true })
	if differs > 0 || !reflect.DeepEqual(want.Zone.Info, got.Zone.Info) || !got.Listed.Equal(want.Listed) ||
		!reflect.DeepEqual(want.Problems, got.Problems) || !bytes.Equal(want.Zone.Apex, got.Zone.Apex) {
		t.Errorf("%d RRsets differ; %+v, want %+v", differs, got, want)
	}
	if n := testing.AllocsPerRun(1, func() { _, err = advance(is, was, all) }); n > 400 {
		t.Errorf("four differences of 2,000 names take %v allocations", n)
	}
}
