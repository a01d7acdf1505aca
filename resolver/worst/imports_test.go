package worst

import (
	"math/rand/v2"
	"testing"

	"inside53/server/house"
)

func TestImports(t *testing.T) { house.Imports(t) }

// TestSearch: what costs most is found, and has the size that was asked for.
func TestSearch(t *testing.T) {
	cost := func(pkt []byte) int {
		n := 0
		for _, b := range pkt {
			n += int(b)
		}
		return n
	}
	rng := rand.New(rand.NewPCG(53, 1))
	for _, size := range Sizes() {
		drawn := 0
		for range 20 {
			drawn = max(drawn, cost(Random(rng, size)))
		}
		pkt, most := Search(rng, size, 20, cost)
		if len(pkt) > size || most != cost(pkt) || most < drawn/2 {
			t.Errorf("%d octets: a packet of %d that costs %d, and it is said %d, beside %d of drawn ones", size, len(pkt),
				cost(pkt), most, drawn)
		}
	}
}
