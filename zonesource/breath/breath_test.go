package breath

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"inside53/server/house"
)

// TestImports holds the package to the arrows of the house.
func TestImports(t *testing.T) { house.Imports(t) }

// TestRests: work rests once a stretch, and never within one.
func TestRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var pace Pace
		for range 10*stretch - 1 {
			pace.Step()
		}
		if rested := time.Since(began); rested != 9*rest {
			t.Errorf("rested for %s in ten stretches but a record, want %s", rested, 9*rest)
		}
	})
}

// TestSortFunc sorts, and rests meanwhile.
func TestSortFunc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := rand.New(rand.NewPCG(1, 2)).Perm(50_000)
		began := time.Now()
		SortFunc(all, cmp.Compare)
		if !slices.IsSorted(all) {
			t.Error("not sorted")
		}
		if rested := time.Since(began); rested < 50*rest {
			t.Errorf("rested for %s", rested)
		}
	})
}
