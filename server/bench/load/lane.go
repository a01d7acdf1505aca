//go:build linux

package load

import (
	"time"
)

// slot is a place for an outstanding query. The id of the query is the slot's number
// and how often the slot was used, so that a late answer to its predecessor is seen.
type slot struct {
	buf  [2 + MaxQuery]byte // the length that TCP wants, and the query
	n    int                // octets of the query
	end  int                // of its question
	want Want
	turn uint8
	busy bool
	sent time.Duration
}

// lane is one socket with its outstanding queries.
type lane struct {
	fd    int
	slots []slot
	free  []uint8
	tally *tally
	// TCP: what was read and is no whole message yet, and what is yet to be written.
	read    []byte
	unread  int
	unsent  []byte
	pending []byte // the memory of unsent
}

// tally counts what all lanes see.
type tally struct {
	Result
	checked uint64
	latency *latencies // nil while it is warming up
}

func newLane(fd, window int, t *tally) *lane {
	l := &lane{fd: fd, slots: make([]slot, window), tally: t}
	l.reset()
	return l
}

// reset forgets all outstanding queries.
func (l *lane) reset() {
	l.free = l.free[:0]
	for i := range l.slots {
		l.slots[i].busy = false
		l.free = append(l.free, uint8(len(l.slots)-1-i))
	}
	l.unread, l.unsent = 0, nil
}

func (l *lane) outstanding() int { return len(l.slots) - len(l.free) }

// load puts the next query of s into a slot; nil is the end of the stream. There has
// to be a free slot.
func (l *lane) load(s Stream, now time.Duration) *slot {
	i := l.free[len(l.free)-1]
	q := &l.slots[i]
	q.n, q.want = s.Next(q.buf[2:])
	if q.n == 0 {
		return nil
	}
	l.free = l.free[:len(l.free)-1]
	q.turn++
	q.buf[0], q.buf[1] = byte(q.n>>8), byte(q.n)
	q.buf[2], q.buf[3] = q.turn, i
	q.end = questionEnd(q.buf[2:])
	q.sent, q.busy = now, true
	return q
}

// unload takes back a query that was not sent, or never answered.
func (l *lane) unload(q *slot) {
	q.busy = false
	l.free = append(l.free, q.buf[3])
}

// answer judges one message.
func (l *lane) answer(a []byte, now time.Duration) {
	t := l.tally
	if len(a) < headerSize || int(a[1]) >= len(l.slots) {
		t.Stray++
		return
	}
	q := &l.slots[a[1]]
	if !q.busy || q.turn != a[0] {
		t.Stray++
		return
	}
	l.unload(q)
	t.checked++
	f := q.want.check(q.buf[2:2+q.n], a, q.end, t.checked%16 == 0)
	if f != fine {
		t.bad(f, a)
		return
	}
	t.Answered++
	if q.want.Rcode == 0 {
		t.NoError++
	} else {
		t.NXDomain++
	}
	if t.latency != nil {
		t.latency.add(now - q.sent)
	}
}

// expire gives up what is older than timeout.
func (l *lane) expire(now, timeout time.Duration) {
	for i := range l.slots {
		q := &l.slots[i]
		if q.busy && now-q.sent > timeout {
			l.tally.Lost++
			l.unload(q)
		}
	}
}
