package server

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

var (
	fleetChanges = flag.Int("changes", 60, "changes through which secondaries of a fleet go")
	fleetTurns   = flag.Int("turns", 1, "how often another server leads meanwhile")
)

// stepDown has another one lead, and waits until it is ready to.
func stepDown(t *testing.T, all []*program) {
	t.Helper()
	was := readyLeader(t, all)
	status, text := all[0].get(t, http.MethodPost, "/fleet/step-down")
	if status != http.StatusOK {
		t.Fatalf("stepping down: %d %s", status, text)
	}
	all[0].await(t, "another one leads", func() bool {
		is := slices.IndexFunc(all, func(p *program) bool { return p.app.fleet.Handing.Leads() })
		return is >= 0 && is != was
	})
}

// TestFleetRoamers has secondaries ask servers at random through many changes while the leader changes: none is sent a
// smaller serial than it has, nor two contents under one, and at the end all have what an AXFR from each server has.
func TestFleetRoamers(t *testing.T) {
	c := newCloud(t, nil)
	all := startFleetWith(t, c, 3, c.transferConfig(newAudience(t, 0).addr))
	leader := readyLeader(t, all)
	all[leader].await(t, "the members are known", func() bool {
		return len(all[leader].app.fleet.Member.Peers()) == len(all)
	})
	var roamers []*roamer
	for i, p := range all {
		roamers = append(roamers, roam(t, p, uint64(i)))
	}
	for n := range *fleetChanges {
		c.change(t, privateZone, fmt.Sprintf("UPSERT r%d.example.com A 10.7.%d.%d", n%17, n/256, n%256))
		if (n+1)%(*fleetChanges/(*fleetTurns+1)) == 0 && n+1 < *fleetChanges {
			go func() { // it goes on while nobody leads
				time.Sleep(50 * time.Millisecond)
				c.change(t, privateZone, fmt.Sprintf("UPSERT between.example.com TXT \"%d\"", n))
			}()
			stepDown(t, all)
		}
		for _, r := range roamers {
			r.refresh(t, all)
		}
		time.Sleep(30 * time.Millisecond)
	}
	last := *fleetChanges - 1
	line := fmt.Sprintf("r%d.example.com. 60 IN A 10.7.%d.%d", last%17, last/256, last%256)
	for _, r := range roamers {
		r.during(t, all, func() bool { return slices.Contains(r.f.lines(), line) })
		r.settle(t, all)
		t.Logf("asked %d times, %d times told to come again, went through %d serials", r.asked, r.fenced, len(r.serials))
	}
}
