package zonesource

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"inside53/resolver/zone"
)

// pendingAmendments has so many changes lie over the listings of one zone, and a listing
// outlive them all.
func pendingAmendments(t testing.TB, pending int) {
	t.Helper()
	begin := time.Now()
	set, err := zone.NewRecords(zone.TypeA, 300, []byte{192, 0, 2, 1})
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewKeeper(Options{Publish: func(*zone.Snapshot) {}})
	if err != nil {
		t.Fatal(err)
	}
	all := make([]*Amendment, pending)
	for i := range all {
		name := zone.MustName(fmt.Sprintf("host%d.example.", i))
		all[i] = &Amendment{Source: "route53", Zone: "Z1", Accepted: begin.Add(time.Duration(i)),
			Sets: []Amended{{Name: name, Type: zone.TypeA, Set: set}}}
		err := k.Amend(all[i])
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range all {
		k.Synced(a)
	}
	k.underAmendments(Part{Key: zoneKey("route53", "Z1"), Listed: begin.Add(time.Hour),
		Zone: zone.New(zone.Info{ID: "Z1"}, zone.NewTree(zone.MustName("example.")), 0)})
	if len(k.amendments) != 0 {
		t.Fatal("some are left")
	}
}

// TestPendingAmendmentsCostNoMore: a change allocates as much beside many that are pending as
// beside few.
func TestPendingAmendmentsCostNoMore(t *testing.T) {
	each := func(pending int) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		pendingAmendments(t, pending)
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / uint64(pending)
	}
	few, many := each(300), each(6000)
	if many > 2*few {
		t.Errorf("%d octets a change beside 300, %d beside 6,000", few, many)
	}
}

// BenchmarkPendingAmendments is what one more change costs, and its end, where so many lie
// over the listings of its zone.
func BenchmarkPendingAmendments(b *testing.B) {
	for _, pending := range []int{100, 10_000} {
		b.Run(fmt.Sprint(pending), func(b *testing.B) {
			for b.Loop() {
				pendingAmendments(b, pending)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(pending), "ns/change")
		})
	}
}
