package fleet

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestMaxAge reads a region each 8 s that may be 10 s old, with clocks that are hours apart: while nothing changes, no
// server of twelve finds it too old, whether it looks at the lease often or seldom. Once nobody reads it any more,
// all do.
func TestMaxAge(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.maxAge = 10*time.Second + Lag
		w.every.Store(int64(8 * time.Second))
		var names []string
		for i := range 12 {
			names = append(names, fmt.Sprintf("n%c", 'a'+i))
			w.skew[names[i]] = time.Duration(rand.Int64N(int64(4*time.Hour))) - 2*time.Hour
		}
		for _, name := range names {
			w.join(name)
		}
		w.all(20*time.Second, "a.example.", "www", "10.0.0.1")
		time.Sleep(2 * time.Minute)
		before := map[string]int64{}
		for _, n := range w.nodes {
			before[n.name] = n.published.Load()
		}
		time.Sleep(2 * time.Minute)
		for _, n := range w.nodes {
			if is := n.published.Load(); is != before[n.name] {
				t.Errorf("%s publishes %d times while nothing changes", n.name, is-before[n.name])
			}
			n.side.cut.Store(true)
		}
		time.Sleep(w.maxAge + Lag)
		for _, n := range w.nodes {
			if is := n.published.Load(); is != before[n.name]+1 {
				t.Errorf("%s publishes %d times while the region gets too old", n.name, is-before[n.name])
			}
		}
	})
}
