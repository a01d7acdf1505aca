package forward

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"inside53/resolver/latency"
	"inside53/resolver/wire"
)

const (
	maxStreak    = 2                // unanswered queries in a row after which an upstream that never replied is down
	downFirst    = time.Second      // how long it is left alone then
	downLongest  = 30 * time.Second // at most
	probeHealthy = 30 * time.Second // how often an upstream that is not the best is measured
	noEDNSFor    = 5 * time.Minute  // how long an upstream without EDNS is asked without
	logEvery     = 10 * time.Second // between two lines about what an upstream didn't answer

	rttUnknown = 100 * time.Millisecond
)

// upstream is one server we ask, with what is known of it. Groups share it.
type upstream struct {
	text       string // in its one form
	addr       netip.AddrPort
	secure     bool
	serverName string // name or address that its certificate must have

	local atomic.Bool // on this host: shares its address with clients

	budget budget

	slots  [sockets]atomic.Pointer[udpSocket]
	stream atomic.Pointer[stream]

	mu        sync.Mutex // guards opening, and all below
	gone      bool       // dropped, or the end: opens nothing more
	srtt      time.Duration
	rttvar    time.Duration
	streak    int           // unanswered queries in a row, while it has never answered any
	downs     int           // times it went down in a row
	replied   time.Duration // when the last reply came
	downUntil time.Duration // 0: up
	probeAt   time.Duration // when to measure it again
	probed    time.Duration // when it was measured last
	checked   time.Duration // when it was asked what it has answered before
	changed   time.Duration // when it went down or up
	plain     time.Duration // until when it is asked without EDNS
	serial    bool          // closes connections on which several queries wait

	ownName [wire.MaxName]byte // the question that it answered last
	ownLen  int                // 0: none yet
	ownType uint16
	ownAt   time.Duration

	logAt      time.Duration // when the next failure may be logged
	suppressed int           // failures since the last one that was

	queries, answers, failures, timeouts, spoofed, truncated atomic.Uint64
	latency                                                  latency.Histogram // of answers
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

// claimProbe reports whether it is time to measure u, once a time: by a copy of a real
// query, or by own, which it has answered before. isDown says that it went down just now.
func (u *upstream) claimProbe(now time.Duration) (probe bool, own *Question, isDown bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if now < u.probeAt || now < u.downUntil {
		return false, nil, false
	}
	u.probeAt = now + probeHealthy
	switch {
	case u.downUntil > 0:
		u.extend(now) // until it answers, which is not waited for
		own = u.own()
	case u.probed > u.replied && u.checked > u.replied:
		isDown = u.goDown(now)
	case u.probed > u.replied: // the last measurement is unanswered, which may be due to the name
		own = u.own()
		if own == nil {
			isDown = u.countFailure(now)
		} else {
			u.checked = now
		}
	}
	u.probed = now
	return own == nil, own, isDown
}

// own returns the question that u has answered last, nil if there is none. mu is held.
func (u *upstream) own() *Question {
	if u.ownLen == 0 {
		return nil
	}
	return &Question{Name: slices.Clone(u.ownName[:u.ownLen]), Type: u.ownType}
}

// keepOwn notes a question that u has answered, one a second at most.
func (u *upstream) keepOwn(now time.Duration, q *Question) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ownLen == 0 || now-u.ownAt >= time.Second {
		u.ownLen, u.ownType, u.ownAt = copy(u.ownName[:], q.Name), q.Type, now
	}
}

// patienceFor is how long to wait for u before asking another, by RFC 6298 2.3.
func (u *upstream) patienceFor(now time.Duration, o *Options) (wait time.Duration, plain bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.downUntil == 0 { // one that is down may be silent about this name: it is measured all the same
		u.probeAt = now + probeHealthy
	}
	return u.patience(o), now < u.plain
}

// patience is how long to wait for u; mu is held.
func (u *upstream) patience(o *Options) time.Duration {
	wait := 2 * o.RetryMin
	if u.srtt > 0 {
		wait = u.srtt + 4*u.rttvar
	}
	return min(max(wait, o.RetryMin), o.RetryMax)
}

// answered notes a reply, after rtt. Whoever replies is there, whatever it says: that is
// no word about other names. An error never makes an upstream look quick.
func (u *upstream) answered(now, rtt time.Duration, good bool) (recovered bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	recovered = u.downUntil > 0
	if recovered {
		u.changed = now
	}
	u.streak, u.downs, u.downUntil, u.replied = 0, 0, 0, now
	switch {
	case !good && rtt <= max(u.srtt, rttUnknown):
	case u.srtt == 0:
		u.srtt, u.rttvar = max(rtt, 1), rtt/2
	default:
		u.rttvar += ((u.srtt - rtt).Abs() - u.rttvar) / 4
		u.srtt = max(u.srtt+(rtt-u.srtt)/8, 1)
	}
	return recovered
}

// unanswered notes that a query sent at the given time got no answer in time. One that
// has replied since is there, and only slow with that name. Else it is to be asked own,
// which it has answered before, and is down when it leaves that unanswered too.
func (u *upstream) unanswered(now, sent time.Duration, o *Options) (isDown bool, own *Question) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.replied > sent:
		return false, nil
	case u.ownLen == 0 || u.downUntil > 0:
		return u.countFailure(now), nil
	case u.checked <= u.replied:
		u.checked = now
		return false, u.own()
	case now-u.checked < u.patience(o):
		return false, nil
	default:
		return u.goDown(now), nil
	}
}

// unreachable notes that u's host says nobody is there.
func (u *upstream) unreachable(now time.Duration) (isDown bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.goDown(now)
}

// countFailure counts a query without an answer; mu is held. It reports whether u went
// down by it.
func (u *upstream) countFailure(now time.Duration) bool {
	u.streak++
	return u.streak >= maxStreak && u.goDown(now)
}

// goDown has u down, for longer if it is already; mu is held. It reports whether it was
// up.
func (u *upstream) goDown(now time.Duration) bool {
	if now < u.downUntil {
		return false
	}
	wasUp := u.downUntil == 0
	if wasUp {
		u.changed = now
	}
	u.extend(now)
	return wasUp
}

// mayLog reports whether it is time to log a failure of u, and how many were not logged
// since the last time.
func (u *upstream) mayLog(now time.Duration) (suppressed int, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if now < u.logAt {
		u.suppressed++
		return 0, false
	}
	suppressed, u.suppressed = u.suppressed, 0
	u.logAt = now + logEvery
	return suppressed, true
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

// setSerial notes whether connections are to have one query at a time.
func (u *upstream) setSerial(serial bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.serial = serial
}
