package forward

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// AmazonPackets is how many packets a second Amazon's resolver gets where nothing else is
// said. It drops what is above 1024 from one network interface, and says nothing.
const AmazonPackets = 900

// burst is how much of a second's packets may go at once. With it no second has more than
// nine eighths of the rate.
const burst = time.Second / 8

// budget is how many packets a second an upstream gets, and the flights that wait for one.
// Clients have their turns one after the other, each with its oldest flight.
type budget struct {
	rate atomic.Int64 // packets a second; 0: unbounded

	mu          sync.Mutex
	next        time.Duration // when the packets that went would all have gone, one after the other
	lines       map[clientKey]*line
	first, last *line // in the order of their turns
	logAt       time.Duration
	suppressed  int // waits since the last one that was logged

	waits atomic.Uint64
}

// line is one client's flights that wait for a packet. It is guarded by budget.mu.
type line struct {
	key            clientKey
	oldest, newest *flight
	prev, next     *line
}

// queued is a flight's place in a line. Few flights ever have one.
type queued struct {
	in         *budget // constant
	attempt    attempt // what is to be sent; constant; the rest is guarded by budget.mu
	line       *line
	prev, next *flight
}

// SetPackets says how many packets a second upstreams get, by their texts in the one form
// ([wire.Upstream.String]); 0 is unbounded. The others get the default: 900 where the
// address is the one that Amazon's resolver has in every VPC, else as many as there are.
func (f *Forwarder) SetPackets(rates map[string]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rates = rates
	for _, u := range f.upstreams {
		u.budget.rate.Store(f.rateOf(u))
	}
	f.index()
}

// rateOf returns how many packets a second u gets. mu is held.
func (f *Forwarder) rateOf(u *upstream) int64 {
	rate, ok := f.rates[u.text]
	switch {
	case ok:
		return int64(rate)
	case isAmazon(u.addr.Addr()):
		return AmazonPackets
	default:
		return 0
	}
}

// isAmazon reports whether addr is that of Amazon's resolver in every VPC.
func isAmazon(addr netip.Addr) bool {
	return addr == netip.AddrFrom4([4]byte{169, 254, 169, 253}) ||
		addr == netip.AddrFrom16([16]byte{0: 0xFD, 2: 0x0E, 3: 0xC2, 14: 0x02, 15: 0x53})
}

// spend reports whether a packet may go now, ahead of nobody who waits, and counts it.
func (b *budget) spend(now time.Duration) bool {
	rate := b.rate.Load()
	if rate == 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.first == nil && b.spendLocked(now, rate)
}

func (b *budget) spendLocked(now time.Duration, rate int64) bool {
	if rate > 0 && b.next > now+burst {
		return false
	}
	b.overdraw(now, rate)
	return true
}

// overdraw counts a packet that goes in any case. mu is held.
func (b *budget) overdraw(now time.Duration, rate int64) {
	if rate > 0 {
		b.next = max(b.next, now) + time.Second/time.Duration(rate)
	}
}

// force counts a packet that nobody can wait for: one that finds out whether the upstream
// is there.
func (b *budget) force(now time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.overdraw(now, b.rate.Load())
}

// push has fl wait for its client's turn. The flight's shard is locked.
func (b *budget) push(fl *flight, now time.Duration) (suppressed int, log bool) {
	b.waits.Add(1)
	key := keyOf(fl.first.asker.Addr)
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lines[key]
	if l == nil {
		l = &line{key: key}
		if b.lines == nil {
			b.lines = make(map[clientKey]*line)
		}
		b.lines[key] = l
		b.append(l)
	}
	fl.queued.line, fl.queued.prev = l, l.newest
	if l.newest != nil {
		l.newest.queued.next = fl
	} else {
		l.oldest = fl
	}
	l.newest = fl
	if now < b.logAt {
		b.suppressed++
		return 0, false
	}
	suppressed, b.suppressed, b.logAt = b.suppressed, 0, now+logEvery
	return suppressed, true
}

// append puts a line behind the others.
func (b *budget) append(l *line) {
	l.prev, l.next = b.last, nil
	if b.last != nil {
		b.last.next = l
	} else {
		b.first = l
	}
	b.last = l
}

// unlink takes a line out.
func (b *budget) unlink(l *line) {
	if l.prev != nil {
		l.prev.next = l.next
	} else {
		b.first = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	} else {
		b.last = l.prev
	}
}

// remove takes a flight out of its line. mu is held.
func (b *budget) remove(fl *flight) {
	q := fl.queued
	l := q.line
	if l == nil {
		return
	}
	if q.prev != nil {
		q.prev.queued.next = q.next
	} else {
		l.oldest = q.next
	}
	if q.next != nil {
		q.next.queued.prev = q.prev
	} else {
		l.newest = q.prev
	}
	q.line, q.prev, q.next = nil, nil, nil
	if l.oldest == nil {
		b.unlink(l)
		delete(b.lines, l.key)
	}
}

// cancel has a flight wait no more.
func (b *budget) cancel(fl *flight) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(fl)
}

// pop returns the flight whose turn it is, with the packet for it counted; nil if there is
// neither or not both.
func (b *budget) pop(now time.Duration) *flight {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.first
	if l == nil || !b.spendLocked(now, b.rate.Load()) {
		return nil
	}
	fl := l.oldest
	b.unlink(l)
	b.append(l) // behind the others, before it may be empty
	b.remove(fl)
	return fl
}

// send sends at, now or by o, or has it wait where the upstream has got its packets.
func (f *Forwarder) send(fl *flight, at attempt, o *Outbox) {
	b := &at.u.budget
	switch now := f.clock(); {
	case at.seq == 0: // a probe
		b.force(now)
	case !b.spend(now):
		f.await(fl, at, now)
		return
	}
	f.transmit(fl, at, o)
}

// await has fl wait for a packet. Meanwhile its other deadlines hold; what is known from
// before is told at once.
func (f *Forwarder) await(fl *flight, at attempt, now time.Duration) {
	s := f.flightShard(fl)
	s.mu.Lock()
	defer s.mu.Unlock()
	if fl.over.Load() || fl.queued != nil {
		return
	}
	if fl.stale != nil && !fl.fallback {
		f.serveStale(fl)
	}
	fl.hold()
	fl.withdraw(&at)
	fl.queued = &queued{in: &at.u.budget, attempt: at}
	fl.retryAt = never
	f.arm(fl, now)
	suppressed, log := at.u.budget.push(fl, now)
	if log {
		f.log.Warn("packets of an upstream are used up; questions wait", "upstream", at.u.text,
			"packets", at.u.budget.rate.Load(), "suppressed", suppressed)
	}
}

// spendBudgets sends what waits, as far as there are packets for it.
func (f *Forwarder) spendBudgets() {
	limited := f.limited.Load()
	if limited == nil {
		return
	}
	for _, u := range *limited {
		for fl := u.budget.pop(f.clock()); fl != nil; fl = u.budget.pop(f.clock()) {
			f.sendQueued(fl)
		}
	}
}

// sendQueued sends what fl has waited with.
func (f *Forwarder) sendQueued(fl *flight) {
	s := f.flightShard(fl)
	s.mu.Lock()
	if fl.over.Load() || fl.queued == nil {
		s.mu.Unlock()
		return
	}
	now, at := f.clock(), fl.queued.attempt
	fl.queued = nil
	wait, _ := at.u.patienceFor(now, &f.options)
	fl.begin(&at, now)
	fl.askedAt, fl.retryAt = now, now+min(wait<<fl.rounds, f.options.RetryMax)
	if at.seq == fl.seq {
		fl.last = at
	}
	f.arm(fl, now)
	s.mu.Unlock()
	f.transmit(fl, at, nil)
}

// starve ends a flight that never got a packet, and reports whether fl was one. Nothing is
// known about the name by that.
func (f *Forwarder) starve(fl *flight) bool {
	s := f.flightShard(fl)
	s.mu.Lock()
	defer s.mu.Unlock()
	if fl.over.Load() || fl.ntries > 0 || fl.queued == nil {
		return false
	}
	fl.outcome.err = ErrPackets
	if fl.stale != nil {
		fl.outcome.message, fl.outcome.err = &fl.stale.Message, ErrStale
	}
	c := f.detach(s, fl)
	if fl.stale == nil {
		f.packets.Add(uint64(c.count)) // before they are told
	}
	f.complete(c)
	return true
}
