package healthwatch

import (
	"slices"
	"testing"

	"inside53/resolver/zone"
)

func TestUses(t *testing.T) {
	name := zone.MustName
	put := func(z string, sets map[string]zone.RRset) *zone.Zone {
		edit := zone.NewTree(name(z)).Edit()
		for owner, set := range sets {
			err := edit.Put(name(owner), set)
			if err != nil {
				t.Fatal(err)
			}
		}
		return zone.New(zone.Info{ID: z}, edit.Commit(), 0)
	}
	plain, err := zone.NewRecords(zone.TypeA, 60, []byte{192, 0, 2, 1})
	if err != nil {
		t.Fatal(err)
	}
	alias := func(target string, health, same bool) zone.RRset {
		return zone.NewAlias(zone.TypeA, zone.Alias{Target: name(target), Health: health, SameZone: same})
	}
	group := func(members ...zone.Member) zone.RRset {
		set, err := zone.NewGroup(zone.TypeA, zone.Weighted, members)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	first := put("a.example.", map[string]zone.RRset{
		"plain.a.example.": plain,
		"group.a.example.": group(zone.Member{SetID: []byte("1"), Check: []byte("check-1"), Set: plain},
			zone.Member{SetID: []byte("2"), Set: plain},
			zone.Member{SetID: []byte("3"), Check: []byte("check-2"), Set: alias("lb-1.example.", true, false)}),
		"lb.a.example.":    alias("lb-2.example.", true, false),
		"blind.a.example.": alias("lb-3.example.", false, false),
		"same.a.example.":  alias("plain.a.example.", true, true),
	})
	second := put("b.example.", map[string]zone.RRset{
		"x.b.example.": group(zone.Member{SetID: []byte("1"), Check: []byte("check-2"), Set: plain},
			zone.Member{SetID: []byte("2"), Check: []byte("check-3"), Set: plain}),
	})
	var u uses
	snap := &zone.Snapshot{Zones: []*zone.Zone{first, second}}
	if u.checks(snap) != nil || u.targets(snap) != nil {
		t.Error("before there are data nothing is known of what is used")
	}
	snap.Loaded = true
	if got := u.checks(snap); !slices.Equal(got, []string{"check-1", "check-2", "check-3"}) {
		t.Errorf("checks %q", got)
	}
	if got := u.targets(snap); !slices.Equal(got, []string{string(name("lb-1.example.")), string(name("lb-2.example."))}) {
		t.Errorf("targets %q", got)
	}
	if got := u.checks(&zone.Snapshot{Loaded: true, Zones: []*zone.Zone{second}}); !slices.Equal(got,
		[]string{"check-2", "check-3"}) || len(u.zones) != 1 {
		t.Errorf("checks %q of %d zones", got, len(u.zones))
	}
	if got := u.checks(&zone.Snapshot{Loaded: true}); got == nil || len(got) != 0 {
		t.Errorf("no zones use %v: nil would be all", got)
	}
}
