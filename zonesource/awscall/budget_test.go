package awscall

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// spend takes n requests and returns how long that took.
func spend(t *testing.T, b *Budget, n int) time.Duration {
	t.Helper()
	began := time.Now()
	for range n {
		err := b.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(began)
}

func between(t *testing.T, what string, got, least, most time.Duration) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s took %v, want %v to %v", what, got, least, most)
	}
}

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(0)
		between(t, "the burst", spend(t, b, 20), 0, 0)
		between(t, "100 more", spend(t, b, 100), 50*time.Second-time.Second, 63*time.Second)
	})
}

func TestBudgetHalvesAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(8)
		rate := func(want float64) {
			t.Helper()
			now, full := b.PerSecond()
			if now != want || full != 8 {
				t.Errorf("rate %g of %g, want %g", now, full, want)
			}
		}
		b.Throttled()
		b.Throttled() // of a request sent before the first was known
		rate(4)
		// No burst is left, and the first request waits.
		between(t, "40 requests at half the rate", spend(t, b, 40), 10*time.Second-250*time.Millisecond, 13*time.Second)
		b.Throttled()
		rate(2)
		for range 10 {
			time.Sleep(cooling)
			b.Throttled()
		}
		rate(0.5) // a sixteenth, never nothing
		time.Sleep(recovery)
		rate(0.5 + 0.8)
		time.Sleep(recovery / 2)
		rate(0.5 + 0.8)
		time.Sleep(9 * recovery)
		rate(8)
		time.Sleep(time.Minute)
		between(t, "the burst", spend(t, b, 50), 0, 0)
	})
}

func TestBudgetEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(0.01)
		spend(t, b, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := b.Wait(ctx)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		between(t, "waiting", time.Since(began), time.Second, time.Second)
		err = b.Wait(ctx)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
