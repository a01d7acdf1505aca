package hands

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"inside53/resolver"
	"inside53/resolver/forward"
	"inside53/resolver/latency"
	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/listen"
)

const (
	// trendEvery is how long a span of the trend is.
	trendEvery = 10 * time.Second
	// trendSpans is how many spans there are: an hour.
	trendSpans = 360
	// trendUpstreams is how many upstreams have a trend.
	trendUpstreams = 16
	// trendFlips is how many changes of health are remembered.
	trendFlips = 500
)

// Trend remembers the last hour, for people who come when something is wrong already: a ring
// of readings of the counters, a fixed number of them.
type Trend struct {
	sockets   func() listen.Stats
	counts    func() resolver.Counts
	forwarder func() forward.Stats
	now       func() time.Time

	mu       sync.Mutex
	readings []reads // the oldest first; one more than there are spans at most
	flips    []admin.Flip
	live     *zone.Live
}

// NewTrend makes one of these counters.
func NewTrend(sockets func() listen.Stats, counts func() resolver.Counts, forwarder func() forward.Stats) *Trend {
	return &Trend{sockets: sockets, counts: counts, forwarder: forwarder, now: time.Now}
}

// reads is one reading of the counters.
type reads struct {
	at           time.Time
	results      [resolver.Results]uint64
	latency      latency.Counts
	hits, misses uint64
	upstreams    map[string]upstreamReads
}

// upstreamReads is one reading of the counters of an upstream.
type upstreamReads struct {
	queries, failed uint64
	latency         latency.Counts
}

// run reads until ctx ends.
func (t *Trend) run(ctx context.Context) error {
	tick := time.NewTicker(trendEvery)
	defer tick.Stop()
	for {
		t.read()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// read reads the counters once.
func (t *Trend) read() {
	sockets, late, f := t.sockets(), t.counts().Late, t.forwarder()
	r := reads{at: t.now(), hits: f.Hits + f.Stale, misses: f.Misses, upstreams: map[string]upstreamReads{}}
	for transport := range sockets.Queries {
		for result, n := range sockets.Queries[transport] {
			r.results[result] += n
			r.latency.Merge(&sockets.Latency[transport][result])
			r.latency.Merge(&late[transport][result])
		}
	}
	for _, u := range f.Upstreams[:min(len(f.Upstreams), trendUpstreams)] {
		r.upstreams[u.Upstream] = upstreamReads{u.Queries, u.Failures + u.Timeouts, u.Latency}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.readings) > trendSpans {
		t.readings = slices.Delete(t.readings, 0, 1)
	}
	t.readings = append(t.readings, r)
}

// Observe notes what of health has changed with a table that is published.
func (t *Trend) Observe(live *zone.Live) {
	t.mu.Lock()
	defer t.mu.Unlock()
	was, at := t.live, t.now()
	t.live = live
	if was == nil {
		return // what was the case before isn't known
	}
	var flips []admin.Flip
	for id, c := range live.Checks {
		if c.Healthy != was.Healthy([]byte(id)) {
			flips = append(flips, admin.Flip{At: at, ID: id, Type: "check", Healthy: c.Healthy, Why: c.Why})
		}
	}
	for name, target := range live.Targets {
		if target.Healthy != was.HealthyTarget([]byte(name)) {
			flips = append(flips, admin.Flip{
				At: at, ID: zone.String([]byte(name)), Type: "load balancer", Healthy: target.Healthy, Why: target.Why,
			})
		}
	}
	slices.SortFunc(flips, func(a, b admin.Flip) int { return strings.Compare(a.ID, b.ID) })
	t.flips = append(flips, t.flips...)
	t.flips = t.flips[:min(len(t.flips), trendFlips)]
}

// Trend implements [admin.Trends].
func (t *Trend) Trend() admin.Trend {
	t.mu.Lock()
	all, flips := slices.Clone(t.readings), slices.Clone(t.flips)
	t.mu.Unlock()
	out := admin.Trend{EverySeconds: trendEvery.Seconds(), Health: append([]admin.Flip{}, flips...)}
	if len(all) == 0 {
		all = []reads{{at: t.now()}}
	}
	out.Until = all[len(all)-1].at
	names := map[string]bool{}
	for i := range all {
		for name := range all[i].upstreams {
			names[name] = true
		}
	}
	for result := range resolver.Results {
		out.Results = append(out.Results, admin.Series{
			Name:   resolver.Result(result).String(),
			Values: rates(all, func(r *reads) (uint64, bool) { return r.results[result], true }),
		})
	}
	out.HitRatio = spans(all, func(a, b *reads) (float64, bool) {
		hits, misses := b.hits-a.hits, b.misses-a.misses
		return float64(hits) / float64(hits+misses), hits+misses > 0 && b.hits >= a.hits && b.misses >= a.misses
	})
	of := func(r *reads) (latency.Counts, bool) { return r.latency, true }
	out.P50, out.P99 = quantiles(all, 0.5, of), quantiles(all, 0.99, of)
	out.Upstreams = []admin.UpstreamTrend{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		counter := func(of func(upstreamReads) uint64) []*float64 {
			return rates(all, func(r *reads) (uint64, bool) { u, there := r.upstreams[name]; return of(u), there })
		}
		out.Upstreams = append(out.Upstreams, admin.UpstreamTrend{
			Name:    name,
			Queries: counter(func(u upstreamReads) uint64 { return u.queries }),
			Failed:  counter(func(u upstreamReads) uint64 { return u.failed }),
			P99: quantiles(all, 0.99, func(r *reads) (latency.Counts, bool) {
				u, there := r.upstreams[name]
				return u.latency, there
			}),
		})
	}
	return out
}

// spans makes a number of each span between two readings; nil where there is none.
func spans(all []reads, of func(a, b *reads) (float64, bool)) []*float64 {
	out := make([]*float64, len(all)-1)
	for i := range out {
		v, known := of(&all[i], &all[i+1])
		if known {
			out[i] = &v
		}
	}
	return out
}

// rates are how fast a counter grew, a second. One that became less began anew.
func rates(all []reads, of func(*reads) (uint64, bool)) []*float64 {
	return spans(all, func(a, b *reads) (float64, bool) {
		was, before := of(a)
		is, now := of(b)
		seconds := b.at.Sub(a.at).Seconds()
		return float64(is-was) / seconds, before && now && is >= was && seconds > 0
	})
}

// quantiles are those of what was observed in each span.
func quantiles(all []reads, q float64, of func(*reads) (latency.Counts, bool)) []*float64 {
	return spans(all, func(a, b *reads) (float64, bool) {
		was, before := of(a)
		is, now := of(b)
		if !before || !now || is.Total() <= was.Total() {
			return 0, false
		}
		for i := range is.Buckets {
			is.Buckets[i] -= min(is.Buckets[i], was.Buckets[i])
		}
		return is.Quantile(q).Seconds(), true
	})
}
