package forward

import "inside53/resolver/wire"

// serveStale answers those who wait with the expired message (the client
// response timer of RFC 8767 section 5); the flight goes on. The shard is locked.
func (f *Forwarder) serveStale(fl *flight) {
	fl.staleAt, fl.fallback = never, true
	f.underWay.Add(1)
	f.complete(&flight{message: &fl.stale.Message, err: ErrStale, first: fl.first, more: fl.more})
	fl.first, fl.more = waiter{}, nil
	f.waiting.Add(1) // the flight's own first, that is nobody now
}

// breakLoop tells those that may be an upstream asking back. The shard is locked.
func (f *Forwarder) breakLoop(fl *flight) {
	fl.loopAt = never
	var kept, loops []waiter
	for _, w := range fl.more {
		if w.suspect {
			loops = append(loops, w)
		} else {
			kept = append(kept, w)
		}
	}
	if len(loops) == 0 {
		return
	}
	f.loops.Add(uint64(len(loops)))
	fl.more = kept
	f.underWay.Add(1)
	f.complete(&flight{err: ErrLoop, first: loops[0], more: loops[1:]})
}

// giveUp ends a flight without an answer.
func (f *Forwarder) giveUp(fl *flight) {
	s := f.flightShard(fl)
	s.mu.Lock()
	refused, ede := fl.refused != 0, fl.ede
	s.mu.Unlock()
	e := &entry{
		Message: Message{Rcode: wire.RcodeServFail, Flags: IsFailure, EDE: ede, TTL: 1, Stored: f.options.Now().Unix()},
		name:    fl.q.Name, group: fl.group.id, typ: fl.q.Type, do: fl.q.DO, cd: fl.q.CD,
	}
	err := ErrServFail
	if !refused {
		e.EDE, err = wire.EDENoReachable, ErrTimeout
	}
	f.finish(fl, e, err, 0)
}

// finish ends a flight with e, and caches it. by is the upstream that answered,
// where there is no error.
func (f *Forwarder) finish(fl *flight, e *entry, err error, by uint8) {
	s := f.flightShard(fl)
	s.mu.Lock()
	if fl.over.Load() {
		s.mu.Unlock()
		return
	}
	fl.message, fl.err = &e.Message, err
	if err == nil {
		if e.TTL > 0 {
			f.cache.add(fl.hash, e)
		}
	} else {
		f.keepFailure(fl, e)
	}
	refused := fl.refused &^ (1 << by)
	f.remove(s, fl)
	s.mu.Unlock()
	if err == nil && refused != 0 {
		f.blame(fl, refused)
	}
}

// keepFailure stores a failure (RFC 9520 section 3.2), or has the answer that is
// known outlive it.
func (f *Forwarder) keepFailure(fl *flight, e *entry) {
	if fl.stale != nil {
		fl.message, fl.err = &fl.stale.Message, ErrStale
		if fl.stale.state(e.Stored) == Fresh {
			fl.err = nil
		}
		fl.stale.failingUntil.Store(e.Stored + staleRecheck)
		return
	}
	before := f.cache.peek(fl.hash, fl.group.id, &fl.q)
	if before != nil && before.failed() && e.Stored-before.Stored < 2*maxFailure {
		e.fails = min(before.fails+1, 3)
		e.TTL = min(uint32(1)<<e.fails, maxFailure)
	}
	f.cache.add(fl.hash, e)
}

// remove takes a flight out of everything and has its waiters told. The shard is locked.
func (f *Forwarder) remove(s *flightShard, fl *flight) {
	fl.over.Store(true)
	fl.group.flights.Add(-1)
	s.remove(fl)
	f.wheel.stop(fl)
	f.complete(fl)
}

// blame notes who had no answer where another had one.
func (f *Forwarder) blame(fl *flight, refused uint64) {
	now := f.clock()
	for i, u := range fl.group.upstreams {
		if refused&(1<<i) != 0 {
			f.noteDown(u, u.useless(now), "error where others answer")
		}
	}
}
