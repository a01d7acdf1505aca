package fleet

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
)

// octetZones are the zones of the fleet whose reading is measured, and octetChanges the changes that are read there.
// What checks a fleet of a test looks at all zones at each commit: with 10,000 zones that lasts for minutes.
const (
	octetZones   = 200
	octetChanges = 20
)

// hundred is a zone of 100 records, one of which is at an address.
func hundred(id, apex string, address netip.Addr) zonesource.Part {
	edit := zone.NewTree(zone.MustName(apex)).Edit()
	for i := range 100 {
		at := netip.AddrFrom4([4]byte{10, 0, 1, byte(i)})
		if i == 0 {
			at = address
		}
		put(edit, zone.MustName(fmt.Sprintf("host-%d.%s", i, apex)), zone.TypeA, at.AsSlice())
	}
	return zonesource.Part{Key: zoneKey(id), Listed: time.Now(),
		Zone: zone.New(zone.Info{Origin: zone.Public, ID: id}, edit.Commit(), 0)}
}

// TestOctets measures what a member reads of each commit that changes one record of one of many zones: the commit,
// which grows with what differs from the map, the list and the page of the zone, and now and then the whole map.
func TestOctets(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.every.Store(int64(24 * time.Hour))
		clear(w.aws)
		for i := range octetZones {
			w.aws[fmt.Sprintf("z%d.example.", i)] = map[string]string{"www": "10.0.0.1"}
		}
		w.join("m1")
		w.await(time.Minute, "it leads", func() bool { return w.leader() != nil })
		n := w.join("m2")
		apex := func(i int) string { return fmt.Sprintf("z%d.example.", i%octetZones) }
		change := func(i, round int) {
			address := netip.AddrFrom4([4]byte{10, byte(round), byte(i >> 8), byte(i)})
			w.more <- hundred(zoneID(apex(i)), apex(i), address)
			w.await(10*time.Second, "it is served", func() bool {
				return n.serves(apex(i), "host-0") == address.String()
			})
		}
		w.await(time.Minute, "all is there", func() bool { return n.serves(apex(octetZones-1), "www") != "" })
		for i := range octetChanges {
			change(i, 1) // from one record to a hundred
		}
		synctest.Wait()
		before, version := n.side.got.Load(), n.member.Standing().Version
		for i := range octetChanges {
			change(i, 2)
		}
		read, commits := n.side.got.Load()-before, int64(n.member.Standing().Version-version)
		if commits < int64(octetChanges) {
			t.Fatalf("%d commits for %d changes", commits, octetChanges)
		}
		t.Logf("%d zones, %d commits: %d octets a commit are read by a member", octetZones, commits, read/commits)
		const most = 128 << 10 // a commit of up to 64 KiB, a page of at most as much
		if read/commits > most {
			t.Errorf("%d octets a commit", read/commits)
		}
	})
}
