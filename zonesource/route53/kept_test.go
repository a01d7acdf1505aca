package route53

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
)

// builds counts how often the zone of a listing is made.
type builds struct {
	slog.Handler
	n *atomic.Int64
}

// Enabled implements slog.Handler.
func (b builds) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (b builds) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "made a zone of its listing" {
		b.n.Add(1)
	}
	return nil
}

// keeping is a keeper with a source of one zone, as the program runs them.
type keeping struct {
	keeper *zonesource.Keeper
	source *Source
	served *zone.Snapshot
	builds atomic.Int64
}

func newKeeping(t testing.TB, f *fakeAPI, dir string) *keeping {
	t.Helper()
	k := &keeping{}
	var err error
	k.keeper, err = zonesource.NewKeeper(zonesource.Options{
		StateDir: dir, Publish: func(s *zone.Snapshot) { k.served = s },
		Config: zonesource.Config{MaxShrink: 0.5, Expected: []zonesource.Key{catalogKey("")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = k.keeper.Load()
	if err != nil {
		t.Fatal(err)
	}
	k.source, err = newSource(Options{
		Accounts: []*awsclient.Account{{Budget: awscall.NewBudget(1e6)}}, Refresh: time.Minute,
		Saved: func() []zonesource.Part { return k.keeper.Parts(Name) }, Kept: k.keeper.Listed,
		Log: slog.New(builds{slog.DiscardHandler, &k.builds}),
	}, []api{f.api()})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// run lets some refreshes go by, calls then, and lets some more go by.
func (k *keeping) run(t *testing.T, then func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- k.keeper.Run(ctx, k.source) }()
	time.Sleep(5*time.Minute + time.Second)
	then()
	time.Sleep(5 * time.Minute)
	cancel()
	err := errors.Join(<-ended, k.keeper.Close())
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestUnchangedZoneIsNotMadeAgain: neither at a refresh, nor after a change, nor after an
// update that was served before the listing had it, nor after a restart.
func TestUnchangedZoneIsNotMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		soa := setOf("example.", "SOA", "ns.example. host.example. 1 7200 900 1209600 86400")
		f := &fakeAPI{sets: append([]recordSet{soa, setOf("bad.example.", "A", "no address")}, manyTypes(20)...)}
		f.counted = len(f.sets)
		first := newKeeping(t, f, dir)
		first.run(t, func() {
			if n := first.builds.Load(); n != 1 {
				t.Errorf("made %d times in five refreshes", n)
			}
			f.replace(3, setOf("host00001.example.", "A", "10.9.9.9"))
		})
		if n := first.builds.Load(); n != 2 {
			t.Errorf("made %d times before and after a change", n)
		}
		for name, then := range map[string]func(k *keeping){
			"restart": func(*keeping) {},
			"update": func(k *keeping) {
				set, err := zone.NewRecords(zone.TypeA, 300, []byte{10, 8, 8, 8})
				if err != nil {
					t.Fatal(err)
				}
				a := &zonesource.Amendment{Source: Name, Zone: "Z1", Accepted: time.Now(),
					Sets: []zonesource.Amended{{Name: zone.MustName("host00001.example."), Type: zone.TypeA, Set: set}}}
				err = k.keeper.Amend(a)
				if err != nil {
					t.Fatal(err)
				}
				f.replace(3, setOf("host00001.example.", "A", "10.8.8.8"))
				k.keeper.Synced(a)
			},
		} {
			k := newKeeping(t, f, dir)
			k.run(t, func() {
				if n := k.builds.Load(); n != 0 {
					t.Errorf("%s: made %d times from what was saved", name, n)
				}
				then(k)
			})
			want := int64(0)
			if name == "update" {
				want = 1
			}
			if n := k.builds.Load(); n != want {
				t.Errorf("%s: made %d times in all, want %d", name, n, want)
			}
			part, _ := k.keeper.Kept(zoneKey("Z1"))
			if len(part.Problems) != 1 || part.Problems[0].Name != "bad.example." {
				t.Errorf("%s: problems %v", name, part.Problems)
			}
			got := lookup(part.Zone.Tree, "host00001.example", zone.TypeA).First()
			if name == "update" && string(got) != "\x0a\x08\x08\x08" {
				t.Errorf("%s: address %v", name, got)
			}
		}
	})
}

// TestSumOfProgram: what another program made of a listing doesn't count.
func TestSumOfProgram(t *testing.T) {
	listed := &listing{sets: manyTypes(3), count: 1}
	first := program()
	if first != program() || first == (sum{}) {
		t.Error("a program has two sums, or none")
	}
	is := listed.sum(program())
	again, less := &listing{sets: manyTypes(3), count: 1}, &listing{sets: listed.sets[:2], count: 1}
	if is != again.sum(program()) || is == listed.sum(sum{1}) || is == less.sum(program()) {
		t.Error("sums are equal that must not be, or not those that must")
	}
}

// TestProblemsOfRecords keeps those of records, and drops those of the refresh.
func TestProblemsOfRecords(t *testing.T) {
	record, unnamed, refresh := zonesource.Problem{Name: "a.", Type: "A"}, zonesource.Problem{Type: "A"},
		zonesource.Problem{Zone: "example."}
	same(t, "problems", []zonesource.Problem{record, unnamed},
		problemsOfRecords([]zonesource.Problem{record, refresh, unnamed}))
}

// BenchmarkUnchangedZone is what the refresh of a zone of 60,000 record sets costs that
// hasn't changed, after the calls: the hash of the listing, and the keeper's part of it.
func BenchmarkUnchangedZone(b *testing.B) {
	for _, kept := range []bool{true, false} {
		b.Run(fmt.Sprintf("kept=%t", kept), func(b *testing.B) {
			f := &fakeAPI{sets: manyTypes(60000)}
			listed := &listing{sets: f.sets, count: 1}
			k := newKeeping(b, f, "")
			l := k.source.accounts[0]
			z := &state{}
			z.hosted.ID, z.hosted.Name = "Z1", zone.MustName("example.")
			part := zonesource.Part{Key: zoneKey("Z1"), Listed: time.Now()}
			l.fill(&part, z, listed)
			if kept {
				l.source.options.Kept = func(zonesource.Key) (zonesource.Part, bool) { return part, true }
			}
			for b.Loop() {
				again := zonesource.Part{Key: part.Key, Listed: time.Now()}
				l.fill(&again, z, listed)
				tree, changes := part.Zone.Tree.Rebase(again.Zone.Tree)
				if changes != 0 || tree != part.Zone.Tree {
					b.Fatal("the zone has changed")
				}
			}
		})
	}
}

// TestMissingNameOfProblem: a record set without a name is a problem with a type, so that
// it is told from those of the refresh.
func TestMissingNameOfProblem(t *testing.T) {
	_, problems := buildTree(zonesource.Hosted{Name: zone.MustName("example.")},
		[]recordSet{{Type: "A", TTL: aws.Int64(1)}})
	if len(problems) != 1 || len(problemsOfRecords(problems)) != 1 {
		t.Errorf("problems %v", problems)
	}
}
