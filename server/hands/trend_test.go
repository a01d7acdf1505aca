package hands

import (
	"testing"
	"time"

	"inside53/resolver"
	"inside53/resolver/forward"
	"inside53/resolver/zone"
	"inside53/server/listen"
)

// TestTrend reads counters for more than an hour.
func TestTrend(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var queries, hits uint64
	var late resolver.Counts
	up := forward.UpstreamStats{Upstream: "10.0.0.2"}
	r := Trend{
		now: func() time.Time { return now },
		sockets: func() (s listen.Stats) {
			s.Queries[resolver.UDP][resolver.Local] = queries
			s.Queries[resolver.TCP][resolver.Local] = queries
			s.Latency[resolver.UDP][resolver.Local].Buckets[2] = 2 * queries
			return s
		},
		counts: func() resolver.Counts { return late },
		forwarder: func() forward.Stats {
			return forward.Stats{Hits: hits, Misses: hits / 3, Upstreams: []forward.UpstreamStats{up}}
		},
	}
	if empty := r.Trend(); len(empty.Results[0].Values) != 0 || len(empty.Upstreams) != 0 || !empty.Until.Equal(now) {
		t.Errorf("before the first reading it is %+v", empty)
	}
	for range 2 * trendSpans {
		r.read()
		now = now.Add(trendEvery)
		queries, hits = queries+50, hits+300
		up.Queries, up.Timeouts = up.Queries+20, up.Timeouts+1
	}
	queries, hits, up = 0, 0, forward.UpstreamStats{Upstream: "10.0.0.3"} // they begin anew
	r.read()
	got := r.Trend()
	local := got.Results[resolver.Local].Values
	if len(local) != trendSpans || len(r.readings) != trendSpans+1 || !got.Until.Equal(now) {
		t.Fatalf("%d spans of %d readings until %s", len(local), len(r.readings), got.Until)
	}
	last := len(local) - 1
	for what, is := range map[string]struct {
		got  *float64
		want float64
	}{
		"queries": {local[last-1], 10}, "hits": {got.HitRatio[last-1], 0.75}, "half": {got.P50[last-1], 0.000175},
		"to the upstream": {got.Upstreams[0].Queries[last-1], 2}, "failed": {got.Upstreams[0].Failed[last-1], 0.1},
	} {
		if is.got == nil || *is.got < is.want-1e-9 || *is.got > is.want+1e-9 {
			t.Errorf("%s: %v, want %v", what, is.got, is.want)
		}
	}
	for what, v := range map[string]*float64{
		"of a counter that began anew": local[last], "of no look-ups": got.HitRatio[last], "of no answers": got.P99[last],
		"of an upstream that is gone": got.Upstreams[0].Queries[last], "of one that is new": got.Upstreams[1].Queries[last],
	} {
		if v != nil {
			t.Errorf("there is a number %s: %v", what, *v)
		}
	}
}

// TestTrendOfHealth remembers what became of health, but for what was the case at the start.
func TestTrendOfHealth(t *testing.T) {
	r := Trend{now: time.Now}
	live := func(healthy bool) *zone.Live {
		return &zone.Live{
			Checks:  map[string]zone.Check{"b": {Healthy: healthy, Why: "HTTP 503"}, "a": {Healthy: true}},
			Targets: map[string]zone.Target{string(zone.MustName("lb.example.")): {Healthy: healthy, Why: "1 of 2"}},
		}
	}
	r.Observe(live(false))
	r.Observe(live(false))
	if n := len(r.Trend().Health); n != 0 {
		t.Errorf("%d changes at the start", n)
	}
	r.Observe(live(true))
	r.Observe(live(false))
	got := r.Trend().Health
	if len(got) != 4 || got[0].ID != "b" || got[0].Healthy || got[1].ID != "lb.example." || !got[2].Healthy {
		t.Errorf("changes %+v", got)
	}
	for i := range trendFlips {
		r.Observe(live(i%2 == 0))
	}
	if n := len(r.Trend().Health); n != trendFlips {
		t.Errorf("%d changes are remembered", n)
	}
}
