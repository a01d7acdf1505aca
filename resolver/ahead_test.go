package resolver

import (
	"fmt"
	"strings"
	"testing"

	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// TestExpectedBatches: where no name is in a large tree, one batch of eight is looked at; all are as soon as one is.
func TestExpectedBatches(t *testing.T) {
	b := block{words: strings.Fields("zone file example.com. id=Z1")}
	z := newZoneBuilder(t, &b)
	z.records = []string{"@ 900 IN SOA a. b. 1 2 3 4 5"}
	for i := range 2000 {
		z.records = append(z.records, fmt.Sprintf("h%d 60 IN A 192.0.2.1", i))
	}
	z.putRecords()
	large := zone.New(zone.Info{Origin: zone.File, ID: "Z1"}, z.edit.Commit(), 0)
	snap := snapshotOf(t, 1, nil)
	snap.Zones = []*zone.Zone{large}
	r := New(nil, Options{})
	worker := &Worker{r: r, x: r.exchange()}
	r.state.Store(&state{snap: snap})
	batch := func(names ...string) (looked int) {
		for _, name := range names {
			worker.expected.query.nameLen = 0
			worker.Expect(pack(t, func(m *dns.Msg) { m.Question[0].Name = name }), testClient)
			if worker.expected.query.nameLen > 0 {
				looked++
			}
		}
		worker.Fetch()
		return looked
	}
	for range 3 {
		if batch("a.test.", "b.test.") != 2 {
			t.Fatal("a batch isn't looked at")
		}
		for range idleBatches {
			if batch("a.test.", "h1.example.com.") != 0 {
				t.Fatal("a batch is looked at soon after one in which nothing was far")
			}
		}
	}
	for range 2 * idleBatches {
		if batch("a.test.", "h1.example.com.", "b.test.") != 3 {
			t.Fatal("a batch isn't looked at, where the one before had a name in a large tree")
		}
	}
}
