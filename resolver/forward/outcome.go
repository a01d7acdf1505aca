package forward

import (
	"errors"
	"time"

	"inside53/resolver/wire"
)

// open opens what at needs, and sends it.
func (f *Forwarder) open(o opening) {
	fl, at := o.fl, o.at
	if fl.over.Load() && !fl.probe {
		return
	}
	slot := randomSlot()
	for range 3 { // what is open may be too old, or used up by others before we come to it
		if at.stream {
			s, err := f.openStream(at.u)
			if err != nil {
				break
			}
			if s.send(fl, at) {
				return
			}
			continue
		}
		s, err := f.openUDP(at.u, slot)
		if errors.Is(err, ErrClosed) {
			break
		}
		if err != nil {
			f.noteDown(at.u, at.u.unreachable(f.clock()), err.Error())
			break
		}
		slot = s.slot // another one, where too many are open
		if f.sendUDP(fl, at, slot) {
			return
		}
	}
	f.failed(fl, at, Unreachable, 0)
}

// reply handles a reply that has passed isReply.
func (f *Forwarder) reply(p pending, msg []byte, w *walker) {
	u, now := p.at.u, f.clock()
	u.answers.Add(1)
	u.latency.Observe(now-p.sent, 1)
	rcode := uint16(msg[wire.AtRcode] & wire.MaskRcode)
	cut := msg[wire.AtFlags]&wire.FlagTC != 0 || !p.at.stream && len(msg) == readSize
	if p.fl.over.Load() {
		good := rcode == wire.RcodeNoError || rcode == wire.RcodeNXDomain
		f.noteUp(u, u.answered(now, now-p.sent, good))
		if good && !cut {
			q := p.fl.question()
			u.keepOwn(now, &q)
		}
		return
	}
	if cut && !p.at.stream {
		f.noteUp(u, u.answered(now, now-p.sent, true))
		u.truncated.Add(1)
		p.at.stream = true
		f.repeat(p.fl, p.at, now)
		return
	}
	q := p.fl.question()
	e, verdict := w.read(msg, &q, f.options.Now().Unix())
	if cut && verdict == isAnswer {
		verdict = isCut
	}
	f.noteUp(u, u.answered(now, now-p.sent, verdict == isAnswer))
	switch verdict {
	case isAnswer:
		e.group = p.fl.group.id
		u.keepOwn(now, &q)
		if p.at.plain {
			u.noEDNS(now)
		}
		c := f.finish(p.fl, e, nil, p.at)
		if c != nil && f.answer(c, p.at.stream) {
			f.reuse(p.fl)
		}
	case isNoEDNS:
		if !p.at.plain {
			p.at.plain = true
			f.repeat(p.fl, p.at, now)
			return
		}
		f.refuse(p, NoEDE, Failed, uint16(w.rcode))
	case isRefusal:
		f.refuse(p, w.ede, Failed, uint16(w.rcode))
	case isReferral:
		f.refuse(p, NoEDE, Referred, 0)
	case isEndless:
		f.refuse(p, NoEDE, TooLong, 0)
	case isCut:
		f.refuse(p, NoEDE, Truncated, 0)
	case isBroken:
		f.refuse(p, NoEDE, Malformed, 0)
	}
}

// repeat sends an attempt again in another manner, with time of its own.
func (f *Forwarder) repeat(fl *flight, at attempt, now time.Duration) {
	wait, _ := at.u.patienceFor(now, &f.options)
	s := f.flightShard(fl)
	s.mu.Lock()
	over := fl.over.Load()
	if !over {
		fl.hold()
	}
	if !over && at.seq == fl.seq {
		fl.retryAt = now + max(wait, 2*f.options.RetryMin)
		f.arm(fl, now)
	}
	s.mu.Unlock()
	if !over {
		f.send(fl, at, nil)
	}
}

// refuse handles a reply that is no answer.
func (f *Forwarder) refuse(p pending, ede uint16, outcome Outcome, rcode uint16) {
	p.at.u.failures.Add(1)
	s := f.flightShard(p.fl)
	s.mu.Lock()
	p.fl.refused = true
	if p.fl.ede == NoEDE {
		p.fl.ede = ede
	}
	s.mu.Unlock()
	f.failed(p.fl, p.at, outcome, rcode)
}

// failed goes on after at has come to nothing: at once to the next upstream,
// and to the end if all have failed.
func (f *Forwarder) failed(fl *flight, at attempt, outcome Outcome, rcode uint16) {
	now := f.clock()
	s := f.flightShard(fl)
	s.mu.Lock()
	if fl.over.Load() {
		s.mu.Unlock()
		return
	}
	fl.note(at, now, outcome, rcode)
	fl.failed |= 1 << at.index
	end := fl.hopeless(now)
	var next attempt
	ok := false
	if !end && at.seq == fl.seq {
		next, ok = f.advance(fl, now)
	}
	s.mu.Unlock()
	switch {
	case end:
		f.giveUp(fl)
	case ok:
		f.send(fl, next, nil)
	}
}

// hopeless reports whether there is nobody left worth waiting for: all have failed, or
// those that have not are down and were asked by this flight in vain, while another did
// answer, with an error. One that is down and wasn't asked may be the only one that knows
// the name. The shard is locked.
func (fl *flight) hopeless(now time.Duration) bool {
	asked := fl.sent
	if now < fl.retryAt {
		asked &^= 1 << fl.last.index // it has time left
	}
	for i, u := range fl.group.upstreams {
		bit := uint64(1) << i
		if fl.failed&bit == 0 && !(fl.refused && asked&bit != 0 && u.health().down) {
			return false
		}
	}
	return true
}

// due handles a flight whose deadline has come.
func (f *Forwarder) due(fl *flight) {
	now := f.clock()
	s := f.flightShard(fl)
	s.mu.Lock()
	if fl.over.Load() {
		s.mu.Unlock()
		return
	}
	if now >= fl.staleAt {
		f.serveStale(fl)
	}
	if now >= fl.loopAt {
		f.breakLoop(fl)
	}
	late, asked := fl.last.u, fl.askedAt
	end, retry := now >= fl.endAt, now >= fl.retryAt
	var next attempt
	switch {
	case end:
	case retry && fl.hopeless(now):
		end = true
	case retry:
		next, retry = f.advance(fl, now)
	default:
		late = nil
		f.arm(fl, now)
	}
	if fl.queued != nil {
		late = nil // it wasn't asked
	}
	s.mu.Unlock()
	if late != nil {
		late.timeouts.Add(1)
		isDown, own := late.unanswered(now, asked, &f.options)
		f.noteDown(late, isDown, "no answer")
		if own != nil {
			f.check(late, own)
		}
	}
	switch {
	case end:
		f.giveUp(fl)
	case retry:
		f.send(fl, next, nil)
	}
}
