package forward

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"inside53/resolver/datagram"
)

const (
	queriesMax  = 64  // queries by UDP that one system call gives
	queryRoom   = 512 // more than any query of ours
	keepLetters = 4   // upstreams of which an outbox keeps the memory
)

// Outbox asks like the [Forwarder], but has what goes by UDP wait for [Outbox.Flush], by
// which the queries for one batch of clients leave together: by one source port and one
// system call, as far as they go to the same upstream. It is for one goroutine.
type Outbox struct {
	f       *Forwarder
	letters []letters
	sending *datagram.Batch // and from where to where
	at, end int
	err     error
	write   func(fd uintptr) bool // send, bound once
}

// letters are what waits for one upstream.
type letters struct {
	u     *upstream
	items []opening
}

// NewOutbox returns an outbox in which nothing waits.
func (f *Forwarder) NewOutbox() *Outbox {
	o := &Outbox{f: f}
	o.write = o.send
	return o
}

// Ask is [Forwarder.Ask], but that Flush has to be called.
func (o *Outbox) Ask(g *Group, q *Question, from Asker, done func(*Message, error)) error {
	return o.f.ask(g, q, from, done, o)
}

// add has an attempt wait.
func (o *Outbox) add(fl *flight, at attempt) {
	for i := range o.letters {
		l := &o.letters[i]
		if l.u == at.u || l.u == nil {
			l.u = at.u
			l.items = append(l.items, opening{fl, at})
			return
		}
	}
	o.letters = append(o.letters, letters{at.u, []opening{{fl, at}}})
}

// Flush sends what waits.
func (o *Outbox) Flush() {
	if len(o.letters) == 0 || o.letters[0].u == nil {
		return
	}
	o.sending = o.f.posting.Get().(*datagram.Batch)
	for i := range o.letters {
		l := &o.letters[i]
		o.post(l.u, l.items)
		clear(l.items)
		l.u, l.items = nil, l.items[:0]
	}
	o.f.posting.Put(o.sending)
	o.sending = nil
	if len(o.letters) > keepLetters {
		o.letters = o.letters[:keepLetters:keepLetters]
	}
}

// post sends what waits for u: through a random socket, and where that has had its share through the next ones.
func (o *Outbox) post(u *upstream, items []opening) {
	slot := randomSlot()
	for tried := 0; len(items) > 0 && tried < sockets; tried++ {
		s := u.slots[(slot+tried)%sockets].Load()
		if s == nil {
			o.f.openFor(items[0]) // once for all of them
			items = items[1:]
			continue
		}
		for sent := o.through(s, items); sent > 0; sent = o.through(s, items) {
			items = items[sent:]
		}
	}
	for _, item := range items {
		o.f.openFor(item)
	}
}

// through sends the first of items through s, as many as it takes, and returns how many.
func (o *Outbox) through(s *udpSocket, items []opening) int {
	n := o.address(s, items[:min(len(items), o.sending.Len())], o.f.clock())
	if n == 0 {
		return 0
	}
	for i := range n {
		o.f.showQuery(o.sending.Sent(i), s.u, false)
	}
	s.u.queries.Add(uint64(n))
	o.at, o.end, o.err = 0, n, nil
	err := errors.Join(s.raw.Write(o.write), o.err)
	if err != nil {
		s.broken(err)
	}
	return n
}

// address makes the packets of the first of items, as many as s takes, and returns how many.
func (o *Outbox) address(s *udpSocket, items []opening, now time.Duration) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, item := range items {
		id, ok := s.registerLocked(pending{item.fl, item.at, now})
		if !ok {
			return i
		}
		o.sending.Set(i, appendPacket(o.sending.Room(i), item.fl.query, id, item.at.plain))
	}
	return len(items)
}

// send sends the packets from o.at to o.end. One for which there is no room waits for it, as others do that send.
func (o *Outbox) send(fd uintptr) (done bool) {
	for o.at < o.end {
		n, err := o.sending.Send(int(fd), o.at, o.end)
		o.at += n
		switch {
		case errors.Is(err, unix.EAGAIN):
			return false
		case err != nil && !errors.Is(err, unix.EINTR):
			o.err = err
			return true
		}
	}
	return true
}
