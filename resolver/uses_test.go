package resolver

import "testing"

// TestTouch: the first use of a place in ten minutes is told from the others, whatever its neighbours and the clock do.
func TestTouch(t *testing.T) {
	var u uses
	u.open()
	const now = 1_700_000_000 / useUnit * useUnit
	for i, c := range []struct {
		place uint32
		at    int64
		first bool
	}{
		{64, now, true}, {64, now + useUnit - 1, false}, {65, now, true}, {95, now, true}, {96, now, true}, {63, now, true},
		{64, now, false}, {65, now, false}, {95, now, false}, {96, now, false},
		{64, now + useUnit, true}, {64, now + useUnit, false}, {65, now + useUnit, true},
		{64, now, true}, {64, now, false}, // the clock has gone back
		{96, now, false}, {1<<usesBits - 1, now, true}, {1<<usesBits - 1, now, false},
	} {
		if got := u.touch(c.place, c.at); got != c.first {
			t.Errorf("use %d, of place %d at %d: first %t", i, c.place, c.at-now, got)
		}
		if got := u.places[c.place].Load(); got != uint32(c.at/useUnit) {
			t.Errorf("use %d, of place %d: noted for %d", i, c.place, got)
		}
	}
}
