package resolver

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"inside53/resolver/worst"
)

// stranger isn't allowed to ask.
var stranger = netip.MustParseAddrPort("192.0.2.53:5353")

// TestWorstPackets: whatever a stranger sends, the door goes over a bounded number of names,
// and each of them ends within 255 octets or 126 pointers (wire).
func TestWorstPackets(t *testing.T) {
	rng := rand.New(rand.NewPCG(53, 7))
	for _, size := range worst.Sizes() {
		_, most := worst.Search(rng, size, 60, func(pkt []byte) int {
			var q Query
			q.inspect(pkt)
			return q.names
		})
		if most > maxNames {
			t.Errorf("%d octets: %d names are gone over, more than %d", size, most, maxNames)
		}
		if most < maxSeen {
			t.Errorf("%d octets: the search found no packet of more than %d names", size, most)
		}
	}
}
