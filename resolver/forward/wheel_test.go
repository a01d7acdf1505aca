package forward

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestWheel: against a plain list, nothing fires before its time (but what lies
// beyond the wheel's reach), nothing more than a tick late, nothing that was stopped.
func TestWheel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	w := &wheel{wake: make(chan struct{}, 1)}
	flights := make([]*flight, 50)
	want := map[*flight]time.Duration{}
	for i := range flights {
		flights[i] = &flight{}
	}
	now := time.Duration(0)
	for range 20_000 {
		fl := flights[random.IntN(len(flights))]
		switch random.IntN(4) {
		case 0:
			w.stop(fl)
			delete(want, fl)
		case 1, 2:
			at := now + time.Duration(random.Int64N(int64(8*time.Second)))
			w.set(fl, now, at)
			want[fl] = at
		default:
			now += time.Duration(random.Int64N(int64(50 * time.Millisecond)))
			due, left := w.expired(nil, now)
			for _, fl := range due {
				at, ok := want[fl]
				if !ok || at > now {
					t.Fatalf("at %s one fired that is due at %s (%t)", now, at, ok)
				}
				delete(want, fl)
			}
			for fl, at := range want {
				if now-at > tick {
					t.Fatalf("at %s one has not fired that was due at %s; slot %d", now, at, fl.slot)
				}
			}
			if left != (len(want) > 0) {
				t.Fatalf("left is %t with %d", left, len(want))
			}
		}
	}
	w.set(flights[0], now, now+time.Hour)
	due, _ := w.expired(nil, now+2*spokes*tick)
	if !slices.Contains(due, flights[0]) {
		t.Error("a deadline beyond the wheel's reach was lost")
	}
}
