//go:build !race

package resolver

import (
	"net/netip"
	"strings"
	"testing"
)

// TestPoliciesAllocateNothing: no policy, tree or state of health costs garbage. (Aliases
// to AWS resources are answered by the forwarder, and tested with it.)
func TestPoliciesAllocateNothing(t *testing.T) {
	for _, tt := range policyCases() {
		if tt.leaves() {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			w, pkt := tt.worker(t)
			client := netip.AddrPortFrom(tt.asker().address, 5353)
			out := make([]byte, 0, 4096)
			s := Suspender(noSuspender{t})
			n := testing.AllocsPerRun(200, func() {
				answer, result := w.Serve(pkt, client, UDP, out, s)
				if len(answer) == 0 || result != Local && result != LocalNoData {
					t.Fatalf("%s in %d octets", result, len(answer))
				}
			})
			if n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// leaves reports whether the answer has to come from outside.
func (c *policyCase) leaves() bool {
	for answer := range c.want {
		if strings.HasPrefix(answer, "external") {
			return true
		}
	}
	return false
}
