package forward

import (
	"slices"
	"strings"
	"time"

	"inside53/resolver/latency"
)

// Stats are the forwarder's counters since the start, and its state.
type Stats struct {
	Hits, Stale, Misses uint64 // of Cached: fresh answers, expired ones, none
	Evictions           uint64 // entries that made room for others
	Entries, Bytes      int    // in the cache; bytes are estimated
	InFlight, Waiting   int64  // questions to upstreams; askers
	Full, Loops         uint64 // questions that ended with ErrFull, with ErrLoop
	Client, Cut         uint64 // with ErrClient, with ErrCut
	Packets             uint64 // with ErrPackets
	Upstreams           []UpstreamStats
}

// UpstreamStats are the counters of one upstream, and its health.
type UpstreamStats struct {
	Upstream  string // as configured
	Queries   uint64 // sent, retries included
	Answers   uint64 // received, of any rcode
	Failures  uint64 // of them, errors and malformed ones
	Timeouts  uint64 // queries without an answer in time
	Truncated uint64 // answers asked again over TCP
	Spoofed   uint64 // packets ignored, as they answered nothing asked
	Waits     uint64 // queries that waited for the upstream's packets
	Latency   latency.Counts
	RTT       time.Duration // smoothed; 0: not known yet
	Up        bool
	Since     time.Time // when it went up or down, or was configured
}

// Stats returns the counters, upstreams in the order of their text.
func (f *Forwarder) Stats() Stats {
	flights, waiting, refused := f.shares.totals()
	all := Stats{
		InFlight: int64(flights), Waiting: int64(waiting) + f.completing.Load(),
		Full: f.full.Load() + refused[becauseFull], Loops: f.loops.Load(),
		Client: refused[becauseClient], Cut: refused[becauseCut],
		Packets: f.packets.Load(),
	}
	for i := range f.cache.shards {
		s := &f.cache.shards[i]
		all.Hits += s.hits.Load()
		all.Stale += s.stale.Load()
		all.Misses += s.misses.Load()
		all.Evictions += s.evictions.Load()
		s.mu.RLock()
		all.Entries += s.kept.len()
		all.Bytes += s.kept.bytes()
		s.mu.RUnlock()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, u := range f.upstreams {
		if f.isOwned(u) {
			all.Upstreams = append(all.Upstreams, u.stats(f.epoch))
		}
	}
	slices.SortFunc(all.Upstreams, func(a, b UpstreamStats) int { return strings.Compare(a.Upstream, b.Upstream) })
	return all
}

// Members returns the counters of a group's upstreams, in the order of its list.
func (f *Forwarder) Members(g *Group) []UpstreamStats {
	all := make([]UpstreamStats, len(g.upstreams))
	for i, u := range g.upstreams {
		all[i] = u.stats(f.epoch)
	}
	return all
}

// isOwned reports whether u is of a group that somebody owns. mu is held.
func (f *Forwarder) isOwned(u *upstream) bool {
	for _, g := range f.groups {
		if g.owners > 0 && slices.Contains(g.upstreams, u) {
			return true
		}
	}
	return false
}

func (u *upstream) stats(epoch time.Time) UpstreamStats {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := UpstreamStats{
		Upstream: u.text, Queries: u.queries.Load(), Answers: u.answers.Load(),
		Failures: u.failures.Load(), Timeouts: u.timeouts.Load(),
		Truncated: u.truncated.Load(), Spoofed: u.spoofed.Load(), Waits: u.budget.waits.Load(),
		RTT: u.srtt, Up: u.downUntil == 0, Since: epoch.Add(u.changed),
	}
	s.Latency.Add(&u.latency)
	return s
}
