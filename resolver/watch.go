package resolver

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"inside53/resolver/zone"
)

// Purpose says why an answer is shown to who watches. An answer may be for several.
type Purpose uint8

// The purposes.
const (
	ForAll   Purpose = 1 << iota // all answers are wanted
	ForLog                       // it is one of those that the query log has
	ForCount                     // it is one of the sample that counts are made from, see Weight
	ForUse                       // a record set of ours was not asked for in a while before
)

// Watch says which answers are shown.
type Watch struct {
	All bool
	// Log shows one in so many at random: 1 is each, 0 none.
	Log uint64
	// Count shows a sample: the first of each moment, those that took [SlowAnswer], and one in
	// [SampleOne] of the others, of very many one in [SampleFew]; and who asks for record sets that
	// were not asked for in a while.
	Count bool
	// Messages sees whole messages; nil for nobody.
	Messages Messages
}

// Messages sees the questions of clients and their answers, but for the server's own probes; of an
// answer of many messages the first. It is called by all workers and by who answers later, doesn't
// block, and keeps nothing of what it is given.
type Messages interface {
	// Takes reports whether the question of a client, and its answer, are taken now. Where they aren't, a worker
	// neither brings them nor looks at the clock for them, and says by Missed how many they were.
	Takes(query []byte, client netip.AddrPort) bool
	Missed(n uint64)
	Question(query []byte, client netip.AddrPort, t Transport)
	Answer(answer []byte, client netip.AddrPort, t Transport, took time.Duration)
}

// How many answers one of the sample stands for, where not all are shown. What very many answers cost that are looked
// at is felt by all of them, and a thousandth of very many says as much.
const (
	SampleOne = 64
	SampleFew = 1024 // where [SampleOne] would show more than enough
)

// messages is who sees whole messages; nil for nobody.
func (s *state) messages() Messages {
	if s.watch == nil {
		return nil
	}
	return s.watch.Messages
}

// Observed is an answer as it is shown. Name, Owner and what is behind them are borrowed.
type Observed struct {
	Purpose Purpose
	// Weight is how many answers one that is ForCount stands for.
	Weight    uint32
	At        int64 // Unix nanoseconds
	Took      time.Duration
	Client    netip.Addr
	Transport Transport
	Result    Result
	Rcode     uint8
	Type      uint16
	View      string // "" for none
	Upstream  string // that has answered, now or when the cache learnt it; "" for none or not known
	Name      []byte // of the question, in lower-case wire form; empty where there was none

	// Zone and Owner are the zone and the owner of a record set of ours that the answer was made
	// of, and UsedType its type: 0 for none. An answer that leads through several record sets is
	// shown once for each; Further marks those behind the first, which are about their record
	// set alone.
	Zone     string // id
	Owner    []byte
	UsedType uint16
	Further  bool

	name, owner span
}

const (
	watchedAnswers = 1024 // of a cell, until they are read
	watchedNames   = 48 * watchedAnswers
	// wholePerTurn is how many answers of a cell are sampled as they are between two readings, and
	// how many record sets are shown because nobody asked for them in a while.
	wholePerTurn = 32
	// sampledPerTurn is how many are sampled one in SampleOne between two readings.
	sampledPerTurn = 2 * wholePerTurn
	// touchedPerTurn is how many uses of record sets are looked at one by one between two readings. Those above it are
	// noted all together, as looking at one waits for memory: which of them are the first in a while isn't seen then.
	touchedPerTurn = 4 * wholePerTurn
)

// watching is what the answers of a state are shown to.
type watching struct {
	Watch
	timed bool // how long an answer took is wanted, whoever sees its message
	cells *[cells]watchedCell
	used  *uses
}

// watchedCell keeps answers until they are read.
type watchedCell struct {
	wholes atomic.Int32 // that may be sampled as they are until the next reading
	sample atomic.Int32 // that may be sampled one in SampleOne until then
	fresh  atomic.Int32 // record sets that may be shown until then
	touch  atomic.Int32 // uses that may be looked at one by one until then
	wake   chan struct{}

	mu      sync.Mutex // held for moments
	answers []Observed
	names   []byte
	lost    uint64
	_       [pairLine]byte
}

// watcher is who reads them.
type watcher struct {
	made  sync.Once
	wake  chan struct{}
	cells [cells]watchedCell
	used  uses
	spare []Observed // of the reader
	names []byte
}

// SetWatch says which answers are shown from now on; the zero Watch is none. What is shown is
// read by [Resolver.Observe].
func (r *Resolver) SetWatch(w Watch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := *r.state.Load()
	next.watch = nil
	if w != (Watch{}) {
		r.watcher.open()
		next.watch = &watching{
			Watch: w, timed: w.All || w.Log > 0, cells: &r.watcher.cells, used: &r.watcher.used,
		}
	}
	r.state.Store(&next)
}

func (w *watcher) open() {
	w.made.Do(func() {
		for i := range w.cells {
			c := &w.cells[i]
			c.answers, c.names = make([]Observed, 0, watchedAnswers), make([]byte, 0, watchedNames)
			c.wake = w.wake
			c.refill()
		}
		w.spare, w.names = make([]Observed, 0, watchedAnswers), make([]byte, 0, watchedNames)
		w.used.open()
	})
}

func (c *watchedCell) refill() {
	c.wholes.Store(wholePerTurn)
	c.sample.Store(sampledPerTurn)
	c.fresh.Store(wholePerTurn)
	c.touch.Store(touchedPerTurn)
}

// Watched delivers when much waits to be read by [Resolver.Observe].
func (r *Resolver) Watched() <-chan struct{} { return r.watcher.wake }

// Observe reads the answers that were shown since it was called last, and returns how many more
// were lost, as they came faster than they were read. It is for one goroutine.
func (r *Resolver) Observe(each func(*Observed)) (lost uint64) {
	w := &r.watcher
	for i := range w.cells {
		c := &w.cells[i]
		c.mu.Lock()
		if c.answers == nil {
			c.mu.Unlock()
			return 0 // nobody ever watched
		}
		answers, names := c.answers, c.names
		c.answers, c.names = w.spare, w.names
		lost += c.lost
		c.lost = 0
		c.mu.Unlock()
		c.refill()
		for n := range answers {
			o := &answers[n]
			o.Name, o.Owner = names[o.name.from:o.name.to], names[o.owner.from:o.owner.to]
			each(o)
		}
		clear(answers)
		w.spare, w.names = answers[:0], names[:0]
	}
	return lost
}

// shown is why an answer is shown, and how many it stands for.
type shown struct {
	purpose Purpose
	weight  uint32
	further bool // it was shown before, for another record set
}

// show shows an answer that is about to be sent, if it is wanted.
func (w *watching) show(x *exchange) {
	c := &w.cells[x.cell]
	as := shown{weight: 1}
	if w.All {
		as.purpose = ForAll
	}
	if w.Log > 0 && x.q.Rand%w.Log == 0 {
		as.purpose |= ForLog
	}
	if !w.Count {
		if as.purpose != 0 {
			c.put(x, as, nil, nil)
		}
		return
	}
	switch {
	case spend(&c.wholes):
		as.purpose |= ForCount
	case x.finish != nil && time.Since(x.since) >= SlowAnswer:
		as.purpose |= ForCount // these are few: each is shown, and none stands for others
	case x.q.Rand>>32%SampleOne != 0:
	case spend(&c.sample):
		as.purpose |= ForCount
		as.weight = SampleOne
	case x.q.Rand>>32%SampleFew == 0:
		as.purpose |= ForCount
		as.weight = SampleFew
	}
	x.showUses(w, c, as)
}

// spend takes one of what is left, if there is any.
func spend(left *atomic.Int32) bool { return left.Load() > 0 && left.Add(-1) >= 0 }

// SlowAnswer is from when on an answer is slow.
const SlowAnswer = 100 * time.Millisecond

// showUses shows an answer once for each of the record sets of ours that it is made of.
func (x *exchange) showUses(w *watching, c *watchedCell, as shown) {
	for i := range x.a.hops[:x.a.nhops] {
		h := &x.a.hops[i]
		if h.zone == nil || !h.set.Exists() {
			continue
		}
		labels := &x.q.Labels
		if i > 0 {
			labels = &x.a.labels
			if i < x.a.nhops-1 { // a.labels are those of the last
				var own zone.Labels
				own.Parse(h.name)
				labels = &own
			}
		}
		one := as
		if w.isFresh(x, c, h, labels) {
			one.purpose |= ForUse
		}
		if one.purpose&(ForUse|ForCount) == 0 && (as.further || one.purpose == 0) {
			continue
		}
		c.put(x, one, h, labels)
		as.further = true
	}
	if !as.further && as.purpose != 0 {
		c.put(x, as, nil, nil)
	}
}

// isFresh notes a use of a record set, and reports whether it is to be shown because the last one was a while ago.
func (w *watching) isFresh(x *exchange, c *watchedCell, h *hop, labels *zone.Labels) bool {
	at := usePlace(h.usedHash(labels), h.set.Type, h.zone.Origin)
	if x.touches != nil && !spend(&c.touch) {
		x.touches.add(w.used, at, x.q.Now)
		return false
	}
	return w.used.touch(at, x.q.Now) && spend(&c.fresh)
}

// usedHash is the hash of the owner of the record set that decided a hop.
func (h *hop) usedHash(l *zone.Labels) uint64 {
	if h.wild {
		return zone.HashLabel(l.Hash[h.encloser], []byte{'*'})
	}
	return l.Hash[l.Count]
}

// put keeps an answer, made of the record set of h where it isn't nil, until it is read.
func (c *watchedCell) put(x *exchange, as shown, h *hop, l *zone.Labels) {
	q, a, now := &x.q, &x.a, time.Now()
	o := Observed{Purpose: as.purpose, Weight: as.weight, Further: as.further}
	o.At, o.Client, o.Transport, o.Type = now.UnixNano(), q.Client, q.Transport, q.Type
	o.Rcode, o.Result = a.Rcode, a.Result
	if !x.since.IsZero() {
		o.Took = now.Sub(x.since)
	}
	if a.View != nil {
		o.View = a.View.Name
	}
	last := a.last()
	if last.reply != nil {
		o.Upstream = x.state.groups[last.group].Answered(last.reply)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.answers) == cap(c.answers) || len(c.names)+3*zone.MaxName > cap(c.names) {
		c.lost++
		return
	}
	from := len(c.names)
	c.names = append(c.names, q.Name()...)
	o.name = span{from, len(c.names)}
	if h != nil {
		o.Zone, o.UsedType = h.zone.ID, h.set.Type
		from = len(c.names)
		if h.wild {
			c.names = append(c.names, 1, '*')
			c.names = append(c.names, h.name[l.Off[h.encloser]:]...)
		} else {
			c.names = append(c.names, h.name...)
		}
		o.owner = span{from, len(c.names)}
	}
	c.answers = append(c.answers, o)
	if len(c.answers) == cap(c.answers)/2 {
		select {
		case c.wake <- struct{}{}:
		default: // it is awake
		}
	}
}
