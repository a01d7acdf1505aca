package hands

import (
	"context"
	"sync"
	"time"

	"inside53/resolver"
	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/server/listen"
)

const (
	// rateEvery is how often the counters are read.
	rateEvery = time.Second
	// rateWindow is how many readings a rate is made of.
	rateWindow = 10
)

// Pulse knows how much is asked now.
type Pulse struct {
	sockets  func() listen.Stats
	answers  func() resolver.Counts
	forwards func() forward.Stats

	mu   sync.Mutex
	past [rateWindow + 1]rateReading // a ring
	n    int                         // readings so far
}

// NewPulse makes one of these counters.
func NewPulse(sockets func() listen.Stats, answers func() resolver.Counts, forwards func() forward.Stats) *Pulse {
	return &Pulse{sockets: sockets, answers: answers, forwards: forwards}
}

// rateReading is a reading of counters.
type rateReading struct {
	at                              time.Time
	queries, failures, hits, misses uint64
}

// rate is how much is asked and what comes of it, a second.
type rate struct {
	queries, failures float64
	cache             float64 // of them
	hits              float64 // the share of its answers, 0 where nobody has asked it
}

// run reads the counters until ctx ends.
func (r *Pulse) run(ctx context.Context) error {
	tick := time.NewTicker(rateEvery)
	defer tick.Stop()
	for {
		r.note()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// note reads the counters.
func (r *Pulse) note() {
	one := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.past[r.n%len(r.past)] = one
	r.n++
}

func (r *Pulse) now() rateReading {
	f := r.forwards()
	one := rateReading{at: time.Now(), hits: f.Hits + f.Stale, misses: f.Misses}
	for _, results := range r.sockets().Queries {
		for result, n := range results {
			if resolver.Result(result) != resolver.Dropped {
				one.queries += n
			}
		}
	}
	one.failures = r.answers().Rcodes[wire.RcodeServFail]
	return one
}

// read returns the rates of the last ten seconds.
func (r *Pulse) read() rate {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == 0 {
		return rate{}
	}
	was := r.past[max(0, r.n-len(r.past))%len(r.past)]
	seconds := now.at.Sub(was.at).Seconds()
	if seconds <= 0 {
		return rate{}
	}
	out := rate{
		queries: float64(now.queries-was.queries) / seconds, failures: float64(now.failures-was.failures) / seconds,
	}
	asked := now.hits + now.misses - was.hits - was.misses
	if asked > 0 {
		out.cache = float64(asked) / seconds
		out.hits = float64(now.hits-was.hits) / float64(asked)
	}
	return out
}
