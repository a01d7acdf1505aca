package zonesource

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/resolver/zone"
)

// briefOf reads from a status what a brief keeps.
func briefOf(s Status) string {
	var lines []string
	for name, source := range s.Sources {
		lines = append(lines,
			fmt.Sprint(name, source.Parts, source.Failing, source.Pending, source.Oldest, source.Err != nil))
	}
	slices.Sort(lines)
	return fmt.Sprint(s.Loaded, s.Report.Served, s.Report.Unservable, len(s.Report.Problems),
		slices.ContainsFunc(s.Report.Missing, Gap.Fails) || s.Report.Failing > 0,
		s.Missing[:min(len(s.Missing), fewNamed)], lines)
}

// TestBriefIsOfTheStatus: counters that are kept say what all parts together do.
func TestBriefIsOfTheStatus(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 53))
		cfg := Config{EC2: true,
			Expected:  []Key{catalogKey("route53", ""), {"ec2", "/region-0"}, {"zonefile", "e1.example."}},
			MaxShrink: 0.3}
		k, err := NewKeeper(Options{Config: cfg, Publish: func(*zone.Snapshot) {}})
		if err != nil {
			t.Fatal(err)
		}
		for step := range 120 {
			parts := map[Key]Part{}
			for range 1 + r.IntN(3) {
				changeRandomly(t, r, parts, noon.Add(time.Duration(r.IntN(1000))*time.Second))
			}
			for _, p := range parts {
				if r.IntN(3) == 0 {
					p = Part{Key: p.Key, Listed: p.Listed, Err: errors.New("throttled")}
				}
				k.inbox.put(p)
			}
			if r.IntN(20) == 0 {
				cfg.Expected[1].Name = fmt.Sprint("/region-", r.IntN(2))
				cfg.Expected = slices.Clone(cfg.Expected)
				err = k.Reconfigure(cfg)
				if err != nil {
					t.Fatal(err)
				}
			}
			k.drain(true)
			b := k.Brief()
			got := briefOf(Status{Loaded: b.Loaded, Sources: b.Sources,
				Report: Report{Served: b.Served, Unservable: b.Unservable, Problems: make([]Problem, b.Problems),
					Missing: map[bool][]Gap{true: {{}}}[b.Fails]},
				Missing: b.Missing[:min(len(b.Missing), fewNamed)]})
			if want := briefOf(k.Status()); got != want {
				t.Fatalf("seed %d step %d: %s\nof all parts %s", seed, step, got, want)
			}
		}
	}
}

// fullKeeper has a catalog and n zones, of which some fail.
func fullKeeper(t testing.TB, n, failing int) *Keeper {
	k, err := NewKeeper(Options{Config: Config{Expected: []Key{catalogKey("route53", "")}},
		Publish: func(*zone.Snapshot) {}})
	if err != nil {
		t.Fatal(err)
	}
	_, parts := manyViews(t, 1, n)
	for key, p := range parts {
		k.inbox.put(p)
		if i, _ := strings.CutPrefix(key.Name, "zone/Z"); len(i) > 0 && failing > 0 && p.Zone != nil {
			failing--
			k.inbox.put(Part{Key: key, Listed: noon, Err: errors.New("throttled")})
		}
	}
	k.drain(true)
	return k
}

// TestBriefCostsNoParts: how many parts there are is no matter, and of many that fail few
// are named.
func TestBriefCostsNoParts(t *testing.T) {
	var allocations []float64
	for _, n := range []int{50, 1000} {
		k := fullKeeper(t, n, 6)
		b := k.Brief()
		if text := b.Sources["route53"].Err.Error(); strings.Count(text, "\n") != 5 ||
			!strings.HasSuffix(text, "\nand 1 more; /zones has all") || b.Sources["route53"].Failing != 6 {
			t.Errorf("of six failures: %s", text)
		}
		allocations = append(allocations, testing.AllocsPerRun(10, func() { k.Brief() }))
	}
	if allocations[1] > allocations[0]+5 { // maps are of different luck
		t.Errorf("allocations with 50 and with 1000 parts: %v", allocations)
	}
}

// BenchmarkBrief shows what a page for balancers costs, beside what reads all parts.
func BenchmarkBrief(b *testing.B) {
	k := fullKeeper(b, 5000, 10)
	b.Run("brief", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			k.Brief()
		}
	})
	b.Run("status", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			k.Status()
		}
	})
}
