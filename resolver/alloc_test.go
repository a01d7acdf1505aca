//go:build !race

package resolver

import (
	"math/rand/v2"
	"testing"

	"inside53/resolver/worst"
)

// TestServeAllocatesNothing: an answer that can be given now costs no garbage,
// whatever it is made of.
func TestServeAllocatesNothing(t *testing.T) {
	w := newBusyWorld(t)
	for _, c := range busyCases {
		t.Run(c.title, func(t *testing.T) {
			pkt := busyPacket(t, c.name, c.rrtype, c.rd)
			out := make([]byte, 0, 4096)
			s := Suspender(noSuspender{t})
			n := testing.AllocsPerRun(200, func() {
				answer, result := w.worker.Serve(pkt, testClient, UDP, out, s)
				if result != c.result || len(answer) == 0 {
					t.Fatalf("%s in %d octets, want %s", result, len(answer), c.result)
				}
			})
			if n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// TestStrangersCostNoGarbage: whatever somebody sends who may not ask.
func TestStrangersCostNoGarbage(t *testing.T) {
	w := newTextWorld(t, offlineWorld)
	rng := rand.New(rand.NewPCG(9, 9))
	out := make([]byte, 0, 65535)
	s := Suspender(noSuspender{t})
	results, sizes := map[Result]int{}, worst.Sizes()
	for i := range 400 {
		pkt := worst.Random(rng, sizes[i%len(sizes)])
		if n := testing.AllocsPerRun(2, func() {
			_, result := w.worker.Serve(pkt, stranger, UDP, out, s)
			results[result]++
		}); n != 0 {
			t.Errorf("%v allocations: % x", n, pkt[:64])
		}
	}
	for result := range results {
		switch result {
		case Refused, FormErr, NotImp:
		default:
			t.Errorf("a stranger gets %s", result)
		}
	}
	if results[Refused] == 0 || results[FormErr] == 0 {
		t.Errorf("not all that was to be tried: %v", results)
	}
}
