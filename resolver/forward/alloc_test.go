//go:build !race

package forward

import (
	"testing"

	"github.com/miekg/dns"
)

// TestCachedAllocatesNothing covers all that Cached does on its way, the move to the front included.
func TestCachedAllocatesNothing(t *testing.T) {
	up := newFake(t, echoA, nil)
	f, clock := newRunning(t, Options{})
	g := newGroup(t, f, up.addr)
	q := question(t, "www.example.com.", dns.TypeA)
	resolve(t, f, g, q)
	now := clock.unix.Load()
	for name, want := range map[string]State{"fresh": Fresh, "stale": Stale, "miss": Miss} {
		t.Run(name, func(t *testing.T) {
			at := now
			asked := *q
			switch want {
			case Stale:
				at += 400
			case Miss:
				asked.CD = true
			}
			n := testing.AllocsPerRun(200, func() {
				at++
				if got := f.Cached(g, &asked, at).State; got != want {
					t.Fatalf("state %d, want %d", got, want)
				}
			})
			if n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}
