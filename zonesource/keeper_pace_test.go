package zonesource

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"inside53/resolver/zone"
)

// TestCompilationsOfAStart: as long as most of the data are to come, what came one after the
// other isn't compiled as often; when all is there it is at once.
func TestCompilationsOfAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const zones = 1000
		b := newBench(t, Config{Expected: []Key{catalogKey("route53", "")}}, "")
		b.start()
		defer b.end()
		var all []Hosted
		for i := range zones {
			all = append(all, Hosted{ID: fmt.Sprint("Z", i), Name: zone.MustName(fmt.Sprintf("z%d.example.", i))})
		}
		b.deliver(catalogPart(all))
		before := b.publications()
		for i := range zones {
			b.source.parts <- publicZone(t, all[i].ID, zone.String(all[i].Name))
			time.Sleep(200 * time.Millisecond) // five calls a second
		}
		if got := b.publications() - before; got > 100 || got < 5 {
			t.Errorf("%d publications while %d zones were read", got, zones)
		}
		if !b.snapshot().Loaded || !b.Status().Loaded {
			t.Error("all is there, and isn't loaded")
		}
		before = b.publications()
		b.deliver(publicZone(t, "Z1", "z1.example.", "www.z1.example. 192.0.2.1"))
		if got := b.publications() - before; got != 1 {
			t.Errorf("%d publications of a change later", got)
		}
	})
}
