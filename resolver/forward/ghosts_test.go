package forward

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestGhosts: in any order of use there are the hashes that came last, but for those that were let go of, and no more
// memory than for those.
func TestGhosts(t *testing.T) {
	for _, most := range []int{1, 2, 50} {
		r := rand.New(rand.NewPCG(1, uint64(most)))
		g := newGhosts(most)
		var places []uint64 // what came last, by when; what was let go of keeps its place
		for i := range 20_000 {
			hash := r.Uint64N(uint64(4 * most))
			if r.IntN(3) > 0 {
				at := slices.Index(places, hash)
				if at >= 0 {
					places[at] = 1 << 32 // it came again: where it was is nothing's
				}
				places = append(places, hash)
				places = places[max(len(places)-most, 0):]
				g.add(hash)
			} else {
				at := slices.Index(places, hash)
				if g.remove(hash) != (at >= 0) {
					t.Fatalf("step %d of %d: %d is a ghost: %v", i, most, hash, at < 0)
				}
				if at >= 0 {
					places[at] = 1 << 32
				}
			}
			n := len(slices.DeleteFunc(slices.Clone(places), func(h uint64) bool { return h == 1<<32 }))
			if len(g.at) != n || len(g.ring) > most {
				t.Fatalf("step %d of %d: %d ghosts in %d places, want %d", i, most, len(g.at), len(g.ring), n)
			}
		}
	}
}
