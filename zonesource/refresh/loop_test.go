package refresh

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"inside53/server/house"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(house.Loopback(m)) }

// rounds runs a loop for so long, in a bubble, and returns when its rounds began. Each
// takes as long as took says, and ends as results say, the last of which goes on.
func rounds(t *testing.T, l Loop, lasts, took time.Duration, results ...Next) []time.Duration {
	t.Helper()
	var begins []time.Duration
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), lasts)
		defer cancel()
		start := time.Now()
		err := l.Run(ctx, func(ctx context.Context) Next {
			begins = append(begins, time.Since(start))
			_ = Pause(ctx, took) // where it ends early, so does the loop
			if len(results) == 0 {
				return Next{}
			}
			return results[min(len(begins), len(results))-1]
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != lasts {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
	return begins
}

func TestLoop(t *testing.T) {
	const s = time.Second
	failed, throttled, done := Next{Result: Failed}, Next{Result: Throttled}, Next{}
	tests := []struct {
		name    string
		loop    Loop
		took    time.Duration
		results []Next
		// pauses are those between begins of rounds, before they are moved by a tenth.
		start  time.Duration
		pauses []time.Duration
	}{
		{"from begin to begin", Loop{Every: 60 * s}, 20 * s, nil, 0, []time.Duration{60 * s, 60 * s}},
		{"from end to begin", Loop{Every: 60 * s, Rest: true}, 20 * s, nil, 0, []time.Duration{80 * s, 80 * s}},
		{"longer than that", Loop{Every: 60 * s}, 100 * s, nil, 0, []time.Duration{100 * s, 100 * s}},
		{"a least pause", Loop{Every: 60 * s, Least: 10 * s}, 100 * s, nil, 0, []time.Duration{110 * s, 110 * s}},
		{"late", Loop{Every: 60 * s, Start: 30 * s}, 0, nil, 30 * s, []time.Duration{60 * s}},
		{"failed", Loop{Every: 60 * s, Retry: s}, 0, []Next{failed, failed, failed, done, failed, done}, 0,
			[]time.Duration{s, 2 * s, 4 * s, 60 * s, s, 60 * s}},
		{"failed for long", Loop{Every: 600 * s, Retry: s}, 0, []Next{failed}, 0,
			[]time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 64 * s, 64 * s}},
		{"no sooner than others", Loop{Every: 3 * s, Retry: s}, 0, []Next{failed}, 0,
			[]time.Duration{s, 2 * s, 3 * s, 3 * s}},
		{"failed without retry", Loop{Every: 60 * s}, 0, []Next{failed}, 0, []time.Duration{60 * s, 60 * s}},
		{"throttled", Loop{Every: 60 * s, Most: 200 * s, Rest: true}, 0,
			[]Next{throttled, throttled, failed, throttled, done}, 0,
			[]time.Duration{120 * s, 200 * s, 200 * s, 200 * s, 60 * s}},
		{"throttled, rare", Loop{Every: 300 * s, Most: 200 * s}, 0, []Next{throttled}, 0, []time.Duration{300 * s, 300 * s}},
		{"as the round says", Loop{Every: 60 * s}, 0, []Next{{In: 5 * s}, done}, 0, []time.Duration{5 * s, 60 * s}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lasts := tt.start + s
			for _, p := range tt.pauses {
				lasts += p + p/10 + s
			}
			begins := rounds(t, tt.loop, lasts, tt.took, tt.results...)
			if len(begins) <= len(tt.pauses) || begins[0] != tt.start {
				t.Fatalf("rounds at %v", begins)
			}
			for i, want := range tt.pauses {
				got, least, most := begins[i+1]-begins[i], want-want/10, want+want/10
				if got < least || got > most {
					t.Errorf("pause %d is %v, want %v to %v", i+1, got, least, most)
				}
			}
		})
	}
}

// TestJitter: pauses differ, also where they may only be shorter.
func TestJitter(t *testing.T) {
	for _, early := range []bool{false, true} {
		seen := map[time.Duration]bool{}
		begins := rounds(t, Loop{Every: time.Minute, Early: early}, time.Hour, 0)
		for i := range begins[1:] {
			pause := begins[i+1] - begins[i]
			seen[pause] = true
			if pause < 54*time.Second || pause > 66*time.Second || early && pause > time.Minute {
				t.Errorf("early %t: a pause of %v", early, pause)
			}
		}
		if len(seen) < 40 {
			t.Errorf("early %t: %d different pauses of %d", early, len(seen), len(begins)-1)
		}
	}
}

// TestRefused makes no other round.
func TestRefused(t *testing.T) {
	begins := rounds(t, Loop{Every: time.Second}, time.Hour, 0, Next{}, Next{Result: Refused})
	if len(begins) != 2 {
		t.Errorf("rounds at %v", begins)
	}
}

// TestNow begins a round at once, but not right after the last one.
func TestNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		now := make(chan struct{}, 1)
		begun := make(chan time.Duration, 10)
		start := time.Now()
		ended := make(chan error)
		go func() {
			ended <- Loop{Every: time.Hour, Now: now, NowPause: 5 * time.Second}.Run(ctx, func(context.Context) Next {
				begun <- time.Since(start)
				return Next{}
			})
		}()
		for i, when := range []struct{ told, want time.Duration }{{0, 0}, {time.Second, 5 * time.Second},
			{time.Minute, time.Minute}} {
			time.Sleep(when.told - time.Since(start))
			if i > 0 {
				now <- struct{}{}
			}
			got := <-begun
			if got != when.want {
				t.Errorf("told after %v: a round after %v, want %v", when.told, got, when.want)
			}
		}
		cancel()
		err := <-ended
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestEnds while it waits for the first round, and in the pause after word by Now.
func TestEnds(t *testing.T) {
	now := make(chan struct{}, 1)
	now <- struct{}{}
	for name, l := range map[string]Loop{
		"start": {Start: time.Hour, Every: time.Second}, "told": {Every: time.Hour, Now: now, NowPause: time.Hour},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		err := l.Run(ctx, func(context.Context) Next { return Next{} })
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
