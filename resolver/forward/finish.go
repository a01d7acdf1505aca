package forward

import "inside53/resolver/wire"

// serveStale answers those who wait with the expired message (the client
// response timer of RFC 8767 section 5); the flight goes on. The shard is locked.
func (f *Forwarder) serveStale(fl *flight) {
	fl.staleAt, fl.fallback = never, true
	waiters, n := f.shares.relieve(fl, func(w *waiter) bool { return w.done != nil })
	f.complete(&completion{message: &fl.stale.Message, err: ErrStale, waiters: waiters, count: n})
}

// breakLoop tells those that may be an upstream asking back. The shard is locked.
func (f *Forwarder) breakLoop(fl *flight) {
	fl.loopAt = never
	loops, n := f.shares.relieve(fl, func(w *waiter) bool { return w.suspect })
	if n == 0 {
		return
	}
	fl.loops.broken = fl.loops.suspected
	f.loops.Add(uint64(n))
	f.complete(&completion{err: ErrLoop, waiters: loops, count: n})
}

// giveUp ends a flight without an answer.
func (f *Forwarder) giveUp(fl *flight) {
	if f.starve(fl) {
		return
	}
	if f.state.Load() == ended {
		f.abandon(fl) // its sockets were closed: that says nothing of the upstream
		return
	}
	now := f.clock()
	s := f.flightShard(fl)
	s.mu.Lock()
	refused, ede, tries, sent := fl.refused, fl.ede, fl.allTries(nil, now), int(fl.seq)
	s.mu.Unlock()
	why := cause(tries)
	e := newEntry(&contents{name: nameOf(fl.query), reason: fl.reason(why, sent), tries: len(tries)})
	e.key = key{fl.group.id, fl.typ, fl.do, fl.cd}
	e.Rcode, e.Flags, e.EDE, e.TTL, e.Stored = wire.RcodeServFail, IsFailure, ede, 1, f.options.Now().Unix()
	err := ErrServFail
	switch {
	case !refused && (why.Outcome == Unanswered || why.Outcome == Unreachable || why.Outcome == Looped):
		e.EDE, err = wire.EDENoReachable, ErrTimeout
	case ede == NoEDE:
		e.EDE = wire.EDENetwork
	}
	c := f.finish(fl, e, err, attempt{})
	if c != nil {
		f.logFailure(fl, why, sent) // before they are told
		f.complete(c)
	}
}

// abandon ends a flight with the forwarder.
func (f *Forwarder) abandon(fl *flight) {
	s := f.flightShard(fl)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !fl.over.Load() {
		fl.outcome.err = ErrClosed
		f.remove(s, fl)
	}
}

// finish ends a flight with e, and caches a copy. by is the attempt that brought the answer,
// where there is no error. It returns who is to be told, nil where the flight has ended before.
func (f *Forwarder) finish(fl *flight, e *entry, err error, by attempt) *completion {
	now := f.clock()
	s := f.flightShard(fl)
	s.mu.Lock()
	defer s.mu.Unlock()
	if fl.over.Load() {
		return nil
	}
	if err == nil {
		fl.note(by, now, Answered, uint16(e.Rcode))
	}
	var tries [maxTries]Try
	e = e.withTries(fl.allTries(tries[:0], now))
	keep := s.mayKeep(fl, e)
	switch {
	case keep && err != nil:
		fl.outcome.message, fl.outcome.err = f.keepFailure(fl, e, err)
	case keep && e.TTL > 0:
		fl.outcome.message, fl.outcome.err = &f.cache.add(fl.hash, e).Message, err
	default:
		fl.outcome.message, fl.outcome.err = &e.clone().Message, err
	}
	return f.detach(s, fl)
}

// logFailure says that a flight has ended without an answer, at most once a while for an
// upstream.
func (f *Forwarder) logFailure(fl *flight, why Try, tries int) {
	u := fl.group.upstreams[why.Upstream]
	suppressed, ok := u.mayLog(f.clock())
	if ok {
		f.log.Warn("no answer from upstreams", "name", nameText(nameOf(fl.query)), "type", fl.typ, "upstream", u.text,
			"outcome", why.String(), "seconds", why.Took.Seconds(), "tries", tries, "suppressed", suppressed)
	}
}

// keepFailure stores a failure (RFC 9520 section 3.2), or has the answer that is
// known outlive it. It returns what is answered, and the error that goes with it.
func (f *Forwarder) keepFailure(fl *flight, e *entry, err error) (*Message, error) {
	if fl.stale != nil {
		f.cache.keepFailure(fl.stale, &e.clone().Message, e.Stored+staleRecheck)
		if fl.stale.state(e.Stored) == Fresh {
			return &fl.stale.Message, nil
		}
		return &fl.stale.Message, ErrStale
	}
	q := fl.question()
	before := f.cache.peek(fl.hash, fl.group.id, &q)
	if before != nil && before.failed() && e.Stored-before.Stored < 2*maxFailure {
		e.fails = min(before.fails+1, 3)
		e.TTL = min(uint32(1)<<e.fails, maxFailure)
	}
	return &f.cache.add(fl.hash, e).Message, err
}

// remove takes a flight out of everything and has its waiters told. The shard is locked.
func (f *Forwarder) remove(s *flightShard, fl *flight) { f.complete(f.detach(s, fl)) }

// detach takes a flight out of everything and returns who is to be told. The shard is locked.
func (f *Forwarder) detach(s *flightShard, fl *flight) *completion {
	fl.over.Store(true)
	s.remove(fl)
	fired := f.wheel.stop(fl)
	if fl.queued != nil {
		fl.queued.in.cancel(fl)
	}
	var lent bool
	fl.outcome.waiters, fl.outcome.count, lent = f.shares.release(fl)
	fl.alone = !fired && !lent && fl.seq == 1
	return &fl.outcome
}
