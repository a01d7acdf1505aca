package forward

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"inside53/resolver/wire"
)

const (
	patience     = 2                // unanswered queries without a sign of life between, after which an upstream is down
	downFirst    = time.Second      // how long it is left alone then
	downLongest  = 30 * time.Second // at most
	probeHealthy = 30 * time.Second // how often an upstream that is not the best is measured
	noEDNSFor    = 5 * time.Minute  // how long an upstream without EDNS is asked without

	rttUnknown = 100 * time.Millisecond
)

// upstream is one server we ask, with what is known of it. Groups share it.
type upstream struct {
	text       string // in its one form
	addr       netip.AddrPort
	secure     bool
	serverName string // name or address that its certificate must have

	local atomic.Bool // on this host: shares its address with clients

	slots  [sockets]atomic.Pointer[udpSocket]
	stream atomic.Pointer[stream]

	mu        sync.Mutex // guards opening, and all below
	gone      bool       // dropped, or the end: opens nothing more
	srtt      time.Duration
	rttvar    time.Duration
	streak    int           // unanswered or refused queries in a row
	downs     int           // times it went down in a row
	replied   time.Duration // when the last reply came
	downUntil time.Duration // 0: up
	probeAt   time.Duration // when to measure it again
	probed    time.Duration // when it was measured last
	plain     time.Duration // until when it is asked without EDNS

	queries, answers, failures, timeouts, spoofed, truncated atomic.Uint64
}

// newUpstream returns an upstream of which nothing is known yet.
func newUpstream(w wire.Upstream) *upstream {
	u := &upstream{text: w.String(), addr: w.Addr, secure: w.TLS, serverName: w.ServerName}
	u.local.Store(w.Addr.Addr().IsLoopback())
	if u.serverName == "" {
		u.serverName = w.Addr.Addr().WithZone("").String()
	}
	return u
}

// health is a copy of what selection needs.
type health struct {
	rtt   time.Duration
	down  bool
	until time.Duration
}

func (u *upstream) health() health {
	u.mu.Lock()
	defer u.mu.Unlock()
	rtt := u.srtt
	if rtt == 0 {
		rtt = rttUnknown
	}
	return health{rtt: rtt, down: u.downUntil > 0, until: u.downUntil}
}

// claimProbe reports whether it is time to measure u, once a time, and whether u
// went down just now because the last measurement stays unanswered.
func (u *upstream) claimProbe(now time.Duration) (probe, isDown bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if now < u.probeAt || now < u.downUntil {
		return false, false
	}
	u.probeAt = now + probeHealthy
	switch {
	case u.downUntil > 0:
		u.extend(now) // until it answers, which is not waited for
	case u.probed > u.replied:
		isDown = u.countFailure(now)
	}
	u.probed = now
	return true, isDown
}

// patienceFor is how long to wait for u before asking another, by RFC 6298 2.3.
func (u *upstream) patienceFor(now time.Duration, o *Options) (wait time.Duration, plain bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.probeAt = now + probeHealthy
	wait = 2 * o.RetryMin
	if u.srtt > 0 {
		wait = u.srtt + 4*u.rttvar
	}
	return min(max(wait, o.RetryMin), o.RetryMax), now < u.plain
}

// answered notes a reply, after rtt.
func (u *upstream) answered(now, rtt time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.srtt == 0 {
		u.srtt, u.rttvar = max(rtt, 1), rtt/2
	} else {
		u.rttvar += ((u.srtt - rtt).Abs() - u.rttvar) / 4
		u.srtt = max(u.srtt+(rtt-u.srtt)/8, 1)
	}
	u.replied = now
}

// recovered notes that u can be relied on.
func (u *upstream) recovered() (wasDown bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	wasDown = u.downUntil > 0
	u.streak, u.downs, u.downUntil = 0, 0, 0
	return wasDown
}

// unanswered notes that a query sent at the given time got no answer in time.
// An upstream that was heard of since is alive and only slow with that name.
func (u *upstream) unanswered(now, sent time.Duration) (isDown bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.replied > sent {
		return false
	}
	return u.countFailure(now)
}

// useless notes an error where another upstream had an answer.
func (u *upstream) useless(now time.Duration) (isDown bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.countFailure(now)
}

// unreachable notes that u's host says nobody is there.
func (u *upstream) unreachable(now time.Duration) (isDown bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.streak = max(u.streak, patience)
	return u.countFailure(now)
}

// countFailure counts a failure; mu is held. It reports whether u went down by it.
func (u *upstream) countFailure(now time.Duration) bool {
	u.streak++
	if u.streak < patience || now < u.downUntil {
		return false
	}
	wasUp := u.downUntil == 0
	u.extend(now)
	return wasUp
}

// extend leaves u alone for twice as long as the last time; mu is held.
func (u *upstream) extend(now time.Duration) {
	u.downUntil = now + min(downFirst<<min(u.downs, 10), downLongest)
	u.probeAt = u.downUntil
	u.downs++
}

// noEDNS notes that u answers only without EDNS.
func (u *upstream) noEDNS(now time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.plain = now + noEDNSFor
}

// close retires all sockets and connections, for good.
func (u *upstream) close() {
	u.mu.Lock()
	u.gone = true
	u.mu.Unlock()
	for i := range u.slots {
		s := u.slots[i].Load()
		if s != nil {
			s.retire()
		}
	}
	s := u.stream.Load()
	if s != nil {
		s.close()
	}
}
