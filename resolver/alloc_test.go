//go:build !race

package resolver

import "testing"

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
