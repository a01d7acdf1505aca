package forward

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync"
)

// Asker is who asks, and by which query.
type Asker struct {
	Addr netip.Addr // of the client; the zero Addr for a question of our own
	Port uint16
	// Repeats says that a second query with the same Addr, Port and Query is the first one
	// once more, as clients send it over UDP that have no answer yet.
	Repeats bool
	Query   uint64 // stands for the query's id and the question that the client asked
}

// clientKey is a client as shares see it: an IPv4 address, or the /64 of an IPv6 address.
type clientKey uint64

// ourselves is the client of our own questions: no address has this prefix (RFC 4291 2.7).
const ourselves clientKey = 1<<64 - 1

// keyOf returns the key of the client with an address. That of an IPv4 address is in a part
// of IPv6 that nobody has (RFC 4291 2.5.5).
func keyOf(addr netip.Addr) clientKey {
	addr = addr.Unmap()
	switch {
	case !addr.IsValid():
		return ourselves
	case addr.Is4():
		b := addr.As4()
		return 0xFFFF<<32 | clientKey(binary.BigEndian.Uint32(b[:]))
	default:
		b := addr.As16()
		return clientKey(binary.BigEndian.Uint64(b[:]))
	}
}

// waiter is one caller of Ask. All but done and asker is guarded by shares.mu.
type waiter struct {
	done    func(*Message, error) // nil: nobody is told
	asker   Asker                 // constant
	flight  *flight
	holder  *holder
	suspect bool // may be an upstream asking back

	prev, next   *waiter // of the flight, in order
	older, newer *waiter // of the holder
}

// holderKey is whose waiters a holder counts: those of one client in one group.
type holderKey struct {
	group  uint32
	client clientKey
}

// holder is a client that waits for a group.
type holder struct {
	key            holderKey
	count          int
	oldest, newest *waiter
	places         [ladders]place
}

// The ladders that a holder stands on.
const (
	ofAll = iota
	ofGroup
	ladders
)

// place is where a holder stands on a ladder.
type place struct{ prev, next *holder }

// ladder orders holders by their count: whoever holds most is found at once.
type ladder struct {
	which int
	rungs []*holder // by count
	top   int       // the highest rung that isn't empty
}

// most returns a holder that holds most, nil if there is none.
func (l *ladder) most() *holder {
	if l.top == 0 {
		return nil
	}
	return l.rungs[l.top]
}

// move has h, which stands on the rung from (0: on none), stand on another one, which is
// one higher or one lower.
func (l *ladder) move(h *holder, from, to int) {
	p := &h.places[l.which]
	if from > 0 {
		if p.prev != nil {
			p.prev.places[l.which].next = p.next
		} else {
			l.rungs[from] = p.next
		}
		if p.next != nil {
			p.next.places[l.which].prev = p.prev
		}
	}
	*p = place{}
	for to >= len(l.rungs) {
		l.rungs = append(l.rungs, nil)
	}
	if to > 0 {
		p.next = l.rungs[to]
		if p.next != nil {
			p.next.places[l.which].prev = h
		}
		l.rungs[to] = h
	}
	switch {
	case to > l.top:
		l.top = to
	case l.rungs[l.top] == nil: // as h stood there alone, it is one rung below
		l.top = to
	}
}

// shares say who waits, and who has to go when there is no room. Each operation costs the
// same however many wait. It is the last lock that is taken, but for queue's.
type shares struct {
	seed     maphash.Seed
	perGroup int // flights
	perCut   int // flights
	limits   Options

	mu      sync.Mutex
	holders map[holderKey]*holder
	cuts    map[uint64]*cut
	all     ladder
	waiting int
	flights int
	refused [reasons]uint64

	freeHolders sync.Pool // of *holder
	freeCuts    sync.Pool // of *cut
}

func (s *shares) init(o Options) {
	s.seed, s.limits = maphash.MakeSeed(), o
	s.perGroup = o.InFlight - o.InFlight/4
	s.perCut = max(o.InFlight/2, 1)
	s.holders, s.cuts = make(map[holderKey]*holder), make(map[uint64]*cut)
	s.all.which = ofAll
	s.freeHolders.New = func() any { return new(holder) }
	s.freeCuts.New = func() any { return new(cut) }
}

// gone are those that had to go. They are told, and flights that nobody waits for are
// ended, when no lock is held.
type gone struct {
	outcomes *completion
	flights  []*flight
}

// reason says why a waiter had to go.
type reason uint8

const (
	becauseFull   reason = iota // all places are taken, and its client has most
	becauseClient               // its client's share is used up
	becauseCut                  // the zone's share is used up
	reasons       int    = iota
)

func (r reason) err() error {
	switch r {
	case becauseClient:
		return ErrClient
	case becauseCut:
		return ErrCut
	default:
		return ErrFull
	}
}

// begin has w be the first to wait for fl, which is new.
func (s *shares) begin(fl *flight, w *waiter, out *gone) {
	key := s.cutKey(fl)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom(fl.group, w, out)
	for c := s.cuts[key]; c != nil && c.count >= s.perCut; c = s.cuts[key] {
		for oldest := c.oldest; oldest.waiters != nil; {
			s.evict(oldest.waiters, becauseCut, out)
		}
	}
	for fl.group.held >= s.perGroup {
		s.evict(fl.group.clients.most().oldest, becauseFull, out)
	}
	for s.flights >= s.limits.InFlight {
		s.evict(s.all.most().oldest, becauseFull, out)
	}
	s.attach(fl, w)
	s.count(fl, key)
}

// join has w wait for fl too. It is false where w is a query that waits already.
func (s *shares) join(fl *flight, w *waiter, out *gone) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fl.isWaiting(w.asker) {
		return false
	}
	s.makeRoom(fl.group, w, out)
	s.attach(fl, w)
	if fl.cut == nil { // the last that waited had to go
		s.count(fl, s.cutKey(fl))
	}
	return true
}

// makeRoom has others go until there is a place for w, those of its own client first.
func (s *shares) makeRoom(g *Group, w *waiter, out *gone) {
	key := holderKey{g.id, keyOf(w.asker.Addr)}
	for h := s.holders[key]; h != nil && h.count >= s.limits.PerClient; h = s.holders[key] {
		s.evict(h.oldest, becauseClient, out)
	}
	for s.waiting >= s.limits.Waiters {
		s.evict(s.all.most().oldest, becauseFull, out)
	}
}

// evict has a waiter go.
func (s *shares) evict(w *waiter, why reason, out *gone) {
	fl := w.flight
	fl.lent = true
	s.detach(w)
	s.refused[why]++
	if w.done != nil {
		out.outcomes = &completion{waiters: w, count: 1, err: why.err(), next: out.outcomes}
		if fl.stale != nil {
			out.outcomes.message, out.outcomes.err = &fl.stale.Message, ErrStale
		}
	}
	if fl.waiters == nil {
		s.uncount(fl)
		out.flights = append(out.flights, fl)
	}
}

// attach has w wait for fl.
func (s *shares) attach(fl *flight, w *waiter) {
	key := holderKey{fl.group.id, keyOf(w.asker.Addr)}
	h := s.holders[key]
	if h == nil {
		h = s.freeHolders.Get().(*holder)
		h.key = key
		s.holders[key] = h
	}
	w.flight, w.holder, w.older = fl, h, h.newest
	if h.newest != nil {
		h.newest.newer = w
	} else {
		h.oldest = w
	}
	h.newest = w
	s.all.move(h, h.count, h.count+1)
	fl.group.clients.move(h, h.count, h.count+1)
	h.count++
	s.waiting++
	w.prev = fl.lastWaiter
	if fl.lastWaiter != nil {
		fl.lastWaiter.next = w
	} else {
		fl.waiters = w
	}
	fl.lastWaiter = w
	fl.nwaiters++
	fl.remember(w)
}

// detach has w wait no more.
func (s *shares) detach(w *waiter) {
	fl, h := w.flight, w.holder
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		fl.waiters = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		fl.lastWaiter = w.prev
	}
	fl.nwaiters--
	delete(fl.seen, w.asker)
	if w.older != nil {
		w.older.newer = w.newer
	} else {
		h.oldest = w.newer
	}
	if w.newer != nil {
		w.newer.older = w.older
	} else {
		h.newest = w.older
	}
	w.flight, w.holder = nil, nil
	w.prev, w.next, w.older, w.newer = nil, nil, nil, nil
	s.all.move(h, h.count, h.count-1)
	fl.group.clients.move(h, h.count, h.count-1)
	h.count--
	s.waiting--
	if h.count == 0 {
		delete(s.holders, h.key)
		s.freeHolders.Put(h)
	}
}

// release takes all that wait out of fl, which has ended, and returns them. lent says that others had to go before.
func (s *shares) release(fl *flight) (all *waiter, n int, lent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uncount(fl)
	all, n = s.remove(fl, func(*waiter) bool { return true })
	return all, n, fl.lent
}

// remove takes those of fl's waiters out that which says, and returns them in their order.
func (s *shares) remove(fl *flight, which func(*waiter) bool) (all *waiter, n int) {
	var last *waiter
	for w := fl.waiters; w != nil; {
		next := w.next
		if which(w) {
			s.detach(w)
			if last == nil {
				all = w
			} else {
				last.next = w
			}
			last = w
			n++
		}
		w = next
	}
	return all, n
}

// relieve takes those of fl's waiters out that which says, and returns them. The flight
// goes on, and if nobody is left to wait for it the first of them holds its place.
func (s *shares) relieve(fl *flight, which func(*waiter) bool) (all *waiter, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := fl.waiters
	fl.lent = true
	all, n = s.remove(fl, which)
	if first != nil && fl.waiters == nil {
		s.attach(fl, &waiter{asker: Asker{Addr: first.asker.Addr}})
	}
	return all, n
}

// isDeserted reports whether nobody waits for fl.
func (s *shares) isDeserted(fl *flight) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fl.waiters == nil
}

// isCrowded reports whether fl is one of so many of its client or its zone, or of all, that
// its upstreams are to be spared.
func (s *shares) isCrowded(fl *flight) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fl.waiters == nil || fl.cut == nil {
		return true
	}
	return fl.waiters.holder.count > s.limits.PerClient/4 || fl.cut.count > s.perCut/4 ||
		s.flights > s.limits.InFlight/2
}

// totals returns how many flights and waiters there are, and how many had to go.
func (s *shares) totals() (flights, waiting int, refused [reasons]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flights, s.waiting, s.refused
}

// fewWaiters is up to how many waiters of a flight are looked through for one that asks again.
const fewWaiters = 8

// isWaiting reports whether the very query waits already.
func (fl *flight) isWaiting(a Asker) bool {
	if !a.Repeats {
		return false
	}
	if fl.seen != nil {
		_, waits := fl.seen[a]
		return waits
	}
	for w := fl.waiters; w != nil; w = w.next {
		if w.asker == a {
			return true
		}
	}
	return false
}

// remember notes that w waits, where there are more than a few.
func (fl *flight) remember(w *waiter) {
	switch {
	case fl.seen != nil:
		fl.seen[w.asker] = struct{}{}
	case fl.nwaiters > fewWaiters:
		fl.seen = make(map[Asker]struct{}, 2*fewWaiters)
		for w := fl.waiters; w != nil; w = w.next {
			fl.seen[w.asker] = struct{}{}
		}
	}
}
