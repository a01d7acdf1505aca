package forward

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"inside53/resolver/wire"
)

const never = time.Duration(math.MaxInt64)

// flight is one question under way to the upstreams of a group, and all that
// wait for it. Its fields are guarded by its flightShard's lock, save those
// said to be constant. A flood makes very many, so that what few need is apart.
type flight struct {
	hash  uint64        // constant
	group *Group        // constant
	query []byte        // constant; see appendQuery. Most lie in space
	began time.Duration // constant

	next     *flight  // another flight of the same hash, in the shard
	deadline deadline // guarded by the wheel
	stale    *entry   // what may be answered once staleAt has come
	loops    *loops   // nil: none
	queued   *queued  // nil: it doesn't wait for a packet

	retryAt, staleAt, loopAt, endAt time.Duration
	askedAt                         time.Duration // of the last attempt

	last   attempt // the last attempt
	room   [1]Try  // the first of the tries, which is the last of most flights
	more   *[maxTries - 1]Try
	sent   uint64 // upstreams that have been asked, by bit
	tried  uint64 // in this round
	failed uint64 // upstreams that gave an error, and are asked no more

	over     atomic.Bool
	held     atomic.Bool // others than who ends it may refer to it: see reuse.go
	alone    bool        // nor does anybody else, as far as held doesn't say so. Constant once over
	lent     bool        // a waiter of it had to go, whom others have. Guarded by shares.mu
	fired    bool        // its deadline has come once. Guarded by the wheel
	probe    bool        // of an upstream, and nothing else: over from the start; constant
	do, cd   bool        // as asked; constant
	fallback bool        // staleAt has come: who joins gets stale at once
	outdated bool        // its answer was flushed: nobody joins, and it isn't kept
	refused  bool        // an upstream gave an error by a message
	seq      uint8       // of the last attempt
	odd      uint8       // tries of which what came may be anybody's, by bit
	rounds   uint8       // complete ones
	ntries   uint8       // in room and more
	typ      uint16      // as asked; constant
	ede      uint16      // of an upstream's error
	slot     int16       // of the wheel, plus 1; 0: not in it. Guarded by the wheel
	nwaiters int32       // guarded by shares.mu

	outcome completion // constant once over

	// These are guarded by shares.mu.
	first               waiter             // the room of the first waiter
	waiters, lastWaiter *waiter            // oldest first
	seen                map[Asker]struct{} // those of the waiters, where there are many
	cut                 *cut               // nil: not counted
	cutPrev, cutNext    *flight

	space [72]byte
}

// question is what is asked; its name lies in the query.
func (fl *flight) question() Question {
	return Question{Name: nameOf(fl.query), Type: fl.typ, DO: fl.do, CD: fl.cd}
}

// attempt is one query of a flight to one upstream.
type attempt struct {
	u      *upstream
	index  uint8 // of u in the group
	seq    uint8 // 0: a probe, beside the flight's own attempts
	stream bool
	plain  bool  // without EDNS
	try    uint8 // index in the flight's tries plus 1; 0: not kept
	moves  uint8 // connections that ended while it waited
	lost   uint8 // connections in a row that ended while it waited, without any answer
}

type flightShard struct {
	mu      sync.Mutex
	table   map[uint64]*flight
	flushes []flushed // while flights were under way that are so still, or were a moment ago
	_       [24]byte
}

func (s *flightShard) find(hash uint64, group uint32, q *Question) *flight {
	for fl := s.table[hash]; fl != nil; fl = fl.next {
		if !fl.outdated && fl.group.id == group && fl.typ == q.Type && fl.do == q.DO && fl.cd == q.CD &&
			string(nameOf(fl.query)) == string(q.Name) {
			return fl
		}
	}
	return nil
}

func (s *flightShard) put(fl *flight) {
	fl.next = s.table[fl.hash]
	s.table[fl.hash] = fl
}

func (s *flightShard) remove(fl *flight) {
	first := s.table[fl.hash]
	switch {
	case first != fl:
		for first.next != fl {
			first = first.next
		}
		first.next = fl.next
	case fl.next != nil:
		s.table[fl.hash] = fl.next
	default:
		delete(s.table, fl.hash)
	}
	fl.next = nil
}

func (f *Forwarder) flightShard(fl *flight) *flightShard { return &f.flights[fl.hash>>40%flightShards] }

// Ask gets an answer from the upstreams of g. Nil means that done will be
// called exactly once, on a goroutine of the forwarder's, maybe before Ask returns; with
//
//   - a message and nil: the answer, NOERROR or NXDOMAIN
//   - a message and [ErrStale]: the upstreams failed, or took too long; this is what was known before
//   - a message with rcode SERVFAIL and [ErrServFail] or [ErrTimeout]
//   - nil and [ErrClosed] or [ErrLoop]
//   - nil and [ErrFull], [ErrClient] or [ErrCut]: there was no room for all
//
// An error of Ask itself ([ErrFull], [ErrLoop], [ErrClosed], [ErrRepeated]) means that done
// will not be called. done may call Ask; it should not wait for anything, as it holds one of
// the pool's workers, or the reader of a socket. A nil done fetches for the cache alone. from says whose place in the
// shares this is, and protects from loops. Nothing of q is kept.
//
// All that ask the same question of the same group at the same time share one flight.
func (f *Forwarder) Ask(g *Group, q *Question, from Asker, done func(*Message, error)) error {
	return f.ask(g, q, from, done, nil)
}

// ask is Ask. What goes by UDP waits in o, where there is one.
func (f *Forwarder) ask(g *Group, q *Question, from Asker, done func(*Message, error), o *Outbox) error {
	hash := f.cache.hash(g.id, q)
	suspects := f.suspects(from.Addr)
	if suspects != nil && f.isAsking(suspects, q) {
		f.loops.Add(1)
		return ErrLoop
	}
	if f.completing.Load() > int64(f.options.Waiters) {
		f.full.Add(1) // the pool is behind: nobody can be told to make room
		return ErrFull
	}
	var out gone
	s := &f.flights[hash>>40%flightShards]
	s.mu.Lock()
	fl, at, err := f.join(s, hash, g, q, waiter{done: done, asker: from}, suspects, &out)
	s.mu.Unlock()
	f.dismiss(&out)
	if fl != nil {
		if o == nil {
			fl.hold() // what is sent at once may be answered before launch is at its end
		}
		f.launch(fl, at, o)
	}
	return err
}

// dismiss tells those that had to go, and ends the flights that nobody waits for any more.
func (f *Forwarder) dismiss(out *gone) {
	for c := out.outcomes; c != nil; {
		next := c.next
		c.next = nil
		f.complete(c)
		c = next
	}
	for _, fl := range out.flights {
		s := f.flightShard(fl)
		s.mu.Lock()
		if !fl.over.Load() && f.shares.isDeserted(fl) {
			fl.outcome.err = ErrFull
			f.remove(s, fl)
		}
		s.mu.Unlock()
	}
}

// join adds the caller to the flight for q, or to a new one, which is returned
// with its first attempt. The shard is locked.
func (f *Forwarder) join(
	s *flightShard, hash uint64, g *Group, q *Question, w waiter, suspects []*upstream, out *gone,
) (*flight, attempt, error) {
	if f.state.Load() != running {
		return nil, attempt{}, ErrClosed
	}
	now := f.clock()
	fl := s.find(hash, g.id, q)
	if fl != nil && !fl.fallback {
		w.suspect = fl.suspects(suspects)
		if w.suspect {
			f.arm(fl, now)
		}
		joiner := w // on the heap, as for others w needn't be
		if !f.shares.join(fl, &joiner, out) {
			return nil, attempt{}, ErrRepeated
		}
		return nil, attempt{}, nil
	}
	if fl != nil {
		f.complete(w.completed(&fl.stale.Message, ErrStale))
		return nil, attempt{}, nil
	}
	known := f.cache.peek(hash, g.id, q)
	unix := f.options.Now().Unix()
	state := Miss
	if known != nil {
		state = known.state(unix)
	}
	if state == Fresh && !known.dying(unix) {
		// The answer came between the caller's look at the cache and now.
		f.complete(w.completed(&known.Message, known.err()))
		return nil, attempt{}, nil
	}
	fl = f.newFlight()
	fl.hash, fl.group, fl.began, fl.ede = hash, g, now, NoEDE
	fl.typ, fl.do, fl.cd, fl.first = q.Type, q.DO, q.CD, w
	fl.staleAt, fl.loopAt, fl.endAt = never, never, now+f.options.Budget
	fl.query = appendQuery(fl.roomFor(q), q)
	if state != Miss && !known.failed() {
		fl.stale, fl.staleAt = known, now+f.options.StaleAfter
	}
	s.put(fl)
	f.shares.begin(fl, &fl.first, out)
	at, _ := f.advance(fl, now)
	return fl, at, nil
}

// err is what the waiters are told of e.
func (e *entry) err() error {
	switch {
	case !e.failed():
		return nil
	case e.EDE == wire.EDENoReachable:
		return ErrTimeout
	default:
		return ErrServFail
	}
}

// launch sends a new flight's first attempt, and beside it at most one probe of
// an upstream that is to be measured or may be back. No client waits for a probe.
func (f *Forwarder) launch(fl *flight, at attempt, o *Outbox) {
	f.send(fl, at, o)
	if len(fl.group.upstreams) == 1 {
		return
	}
	now := f.clock()
	for i, u := range fl.group.upstreams {
		if i == int(at.index) {
			continue
		}
		probe, own, isDown := u.claimProbe(now)
		f.noteDown(u, isDown, "no answer")
		switch {
		case own != nil:
			f.check(u, own)
			return
		case probe:
			fl.hold()
			f.send(fl, attempt{u: u, index: uint8(i), stream: u.secure}, o)
			return
		}
	}
}

// check asks an upstream a question that it has answered before. That says whether it is
// there, whatever it makes of other names. Nobody waits for the answer.
func (f *Forwarder) check(u *upstream, q *Question) {
	fl := &flight{probe: true, group: &Group{upstreams: []*upstream{u}}, typ: q.Type}
	fl.query = appendQuery(fl.roomFor(q), q)
	fl.over.Store(true)
	f.send(fl, attempt{u: u, stream: u.secure}, nil)
}

// roomFor returns room for the query for q.
func (fl *flight) roomFor(q *Question) []byte {
	n := wire.HeaderSize + len(q.Name) + wire.QuestionFixed + wire.OPTSize
	if n > len(fl.space) {
		return make([]byte, 0, n)
	}
	return fl.space[:0]
}

// nameOf returns the name that a query made by appendQuery asks for.
func nameOf(query []byte) []byte {
	return query[wire.HeaderSize : len(query)-wire.QuestionFixed-wire.OPTSize]
}

// advance chooses the next attempt and sets the flight's next deadline; false if
// there is no attempt to make now. The shard is locked.
func (f *Forwarder) advance(fl *flight, now time.Duration) (attempt, bool) {
	i := fl.group.pick(fl.failed | fl.tried)
	if i < 0 {
		i = fl.group.pick(fl.failed)
		if i >= 0 {
			fl.tried = 0
			fl.rounds++
		}
	}
	if i < 0 || fl.rounds > maxRounds || fl.rounds > crowdedRounds && f.shares.isCrowded(fl) {
		fl.retryAt = never // only late answers can help
		f.arm(fl, now)
		return attempt{}, false
	}
	u := fl.group.upstreams[i]
	wait, plain := u.patienceFor(now, &f.options)
	fl.seq++
	fl.tried |= 1 << i
	fl.sent |= 1 << i
	fl.last = attempt{u: u, index: uint8(i), seq: fl.seq, stream: u.secure, plain: plain}
	fl.askedAt, fl.retryAt = now, now+min(wait<<fl.rounds, f.options.RetryMax)
	fl.begin(&fl.last, now)
	f.arm(fl, now)
	return fl.last, true
}

const (
	maxRounds     = 3 // how often all upstreams are asked again
	crowdedRounds = 1 // how often for one of very many questions: a flood of names costs two packets a name
)

// arm sets the flight's next deadline.
func (f *Forwarder) arm(fl *flight, now time.Duration) {
	f.wheel.set(fl, now, min(fl.retryAt, fl.staleAt, fl.loopAt, fl.endAt))
}

// transmit sends at, now or by o, or has the pool do it where a socket must be opened first.
func (f *Forwarder) transmit(fl *flight, at attempt, o *Outbox) {
	switch {
	case at.stream:
		s := at.u.stream.Load()
		if s != nil && s.send(fl, at) {
			return
		}
	case o != nil:
		o.add(fl, at)
		return
	case f.sendUDP(fl, at, randomSlot()):
		return
	}
	f.openFor(opening{fl, at})
}

// openFor has the pool open a socket, and send by it.
func (f *Forwarder) openFor(o opening) {
	o.fl.hold()
	select {
	case f.openings <- o:
	default: // lost, like any packet: the flight's next deadline follows
	}
}
