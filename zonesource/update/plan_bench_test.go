package update

import (
	"fmt"
	"testing"

	"inside53/resolver/zone"
)

// BenchmarkLongMessages is what messages cost that name as many RRsets as fit and change none: a
// name costs the same, however many there are.
func BenchmarkLongMessages(b *testing.B) {
	for _, names := range []int{1000, 4000} {
		b.Run(fmt.Sprint(names), func(b *testing.B) {
			const messages = 20
			base := owners(listing(b, "example. 300 IN SOA ns.example. host.example. 1 2 3 4 5"))
			var all [messages]*Message
			for m := range all {
				all[m] = &Message{}
				for i := range names {
					all[m].Updates = append(all[m].Updates, Record{
						Name: zone.MustName(fmt.Sprintf("n%d-%d.example.", m, i)), Type: zone.TypeA, Class: 255, // delete the set
					})
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				p := newPlan(zone.MustName("example."), base)
				for _, m := range all {
					if !p.accept(&entry{message: m}) {
						b.Fatal("not accepted")
					}
				}
				p.names()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*messages*names), "ns/name")
		})
	}
}
