package listen

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/server/share"

	"golang.org/x/sys/unix"
)

const (
	// outBuffer holds one message of any size beside as many bytes of others, which
	// go out in one write.
	outBuffer = 2 * (2 + wire.MaxMessage)
	// smallBuffer is what an idle connection reads into. It takes some 40 pipelined
	// queries; one that needs more gets bigBuffer for as long as it does.
	smallBuffer = 2048
	bigBuffer   = 2 + wire.MaxMessage
	// firstQuery is how long a connection that was just opened is waited for when the server
	// ends: its query is on the way.
	firstQuery = 500 * time.Millisecond
)

// tcpConn is one connection. Its goroutine reads, answers what can be answered now,
// and writes these answers as far as the client takes them at once. The rest, and late
// answers, are collected in pending and written by a second goroutine, which lives while
// queries or answers wait.
type tcpConn struct {
	t      *tcpListener
	nc     *net.TCPConn
	client netip.AddrPort
	asker  netip.AddrPort     // whose queries these are: the client, or of a server of the fleet a client of that
	over   resolver.Transport // that the asker has asked by
	handed bool               // another server has handed the query on
	raw    syscall.RawConn
	share  *share.Shares[*tcpConn] // that it is counted in
	cutoff *time.Timer             // of one that is Keyed; else nil
	used   atomic.Int64            // when it was used last, in Unix nanoseconds

	// Read side, of the connection's goroutine. Unanswered bytes are in[start:end].
	in         []byte
	start, end int
	refreshed  time.Time // when the deadlines were set last
	suspended  bool      // set by Suspend for the query being served
	probe      bool      // the query being served is one of ours
	behind     bool      // the client didn't take all that was written
	small      [smallBuffer]byte
	big        *[bigBuffer]byte // in is of it, or nil

	draining atomic.Bool
	asked    atomic.Bool  // a query has come
	held     atomic.Int64 // octets of buffers, for all to read
	stuck    atomic.Int64 // when the write under way began, in Unix nanoseconds; 0: none is

	mu      sync.Mutex
	changed sync.Cond // on waiting, pending, writing, closed
	waiting int       // queries suspended
	pending []byte    // answers, each with its length
	late    tally     // of pending
	writing bool      // the second goroutine lives
	sending bool      // and is in a write
	unsent  int       // octets of that write
	room    int       // octets of the buffer that it has
	reading int       // octets of big, while in is of it
	wrote   time.Time // when it wrote last
	streams int       // answers of many messages under way
	overdue bool      // it ends with them
	closed  bool
	try     attempt
}

func newTCPConn(t *tcpListener, nc *net.TCPConn, client netip.AddrPort) *tcpConn {
	c := &tcpConn{t: t, nc: nc, client: client, asker: client, over: resolver.TCP, share: t.limit.known}
	c.changed.L = &c.mu
	c.in = c.small[:]
	c.used.Store(time.Now().UnixNano())
	return c
}

// LastUsed implements [share.Holding].
func (c *tcpConn) LastUsed() time.Time { return time.Unix(0, c.used.Load()) }

// serve answers until the client or the server ends the connection.
func (c *tcpConn) serve() {
	defer c.shrink()
	defer c.abort()
	err := c.openRaw()
	if err != nil {
		return // it is closed already
	}
	c.refresh()
	if !c.open() {
		return
	}
	for {
		if !c.answer() {
			return
		}
		if c.handed {
			c.awaitLate(func() bool { return !c.writing })
			return // one connection, one message
		}
		if c.behind {
			c.behind = false
			if !c.awaitLate(c.drained) {
				return
			}
			continue
		}
		if c.full() {
			if !c.awaitLate(func() bool { return !c.isFull() }) {
				return
			}
			continue
		}
		if c.complete() {
			continue // it was full, and an answer has come meanwhile: what is here doesn't wait for more
		}
		err = c.fill()
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded) && !c.draining.Load() && c.busy():
			// Queries in flight: not idle (RFC 7766 6.2.3).
			c.refreshed = time.Time{}
			c.refresh()
		default:
			// The client has no more queries, or we take no more: late answers still go
			// out. On a broken connection the writer notices.
			c.awaitLate(func() bool { return !c.writing })
			return
		}
	}
}

// refresh moves the deadline of reading on, at most every sixteenth of the idle time, since
// setting it costs as much as a small query. It is so much longer.
func (c *tcpConn) refresh() {
	now := time.Now()
	c.used.Store(now.UnixNano())
	slack := c.t.opts.Idle / 16
	if now.Sub(c.refreshed) < slack {
		return
	}
	c.refreshed = now
	// An error means a closed connection, which the next read tells.
	_ = c.nc.SetReadDeadline(now.Add(c.t.limit.idle() + slack))
	if c.draining.Load() {
		c.hurry()
	}
}

// hurry has reading end: at once, or soon where the client has connected and not asked yet.
func (c *tcpConn) hurry() {
	until := time.Unix(1, 0)
	if !c.asked.Load() {
		until = time.Now().Add(firstQuery)
	}
	_ = c.nc.SetReadDeadline(until)
}

// fill reads at least one byte more. It makes room first: an idle connection goes
// back to its small buffer, a message that does not fit gets the big one.
func (c *tcpConn) fill() error {
	have := c.end - c.start
	switch {
	case have == 0 && c.end < smallBuffer:
		c.shrink()
	case len(c.in) < bigBuffer && (c.end == len(c.in) || c.need() > len(c.in)):
		if !c.charge(bigBuffer) {
			return net.ErrClosed
		}
		c.big = c.t.buffers.big.Get().(*[bigBuffer]byte)
		copy(c.big[:], c.in[c.start:c.end])
		c.in, c.start, c.end = c.big[:], 0, have
	case c.start > 0:
		copy(c.in, c.in[c.start:c.end])
		c.start, c.end = 0, have
	}
	n, err := c.nc.Read(c.in[c.end:])
	if n == 0 && c.draining.Load() {
		n = c.arrived(c.in[c.end:])
	}
	c.end += n
	if n > 0 {
		return nil
	}
	return err
}

// arrived reads what has come in already, and waits for nothing. A connection that were
// closed before that is read would be reset, and its last answers lost with it (RFC 1122
// 4.2.2.13).
func (c *tcpConn) arrived(to []byte) int {
	n := 0
	_ = c.raw.Control(func(fd uintptr) { n, _ = unix.Read(int(fd), to) }) // any error is the end
	return max(n, 0)
}

// shrink goes back to the small buffer, empty.
func (c *tcpConn) shrink() {
	c.in, c.start, c.end = c.small[:], 0, 0
	if c.big != nil {
		c.t.buffers.big.Put(c.big)
		c.big = nil
		c.discharge()
	}
}

// need returns the bytes of the first message with its length, as far as known.
func (c *tcpConn) need() int {
	if c.end-c.start < 2 {
		return 2
	}
	return 2 + int(binary.BigEndian.Uint16(c.in[c.start:]))
}

// complete reports whether a whole message is there.
func (c *tcpConn) complete() bool {
	have := c.end - c.start
	return have >= 2 && have >= c.need()
}

// answer answers the complete messages that are there, all ready answers in one
// write, until they are used up or too many wait for an upstream. It returns false
// when the connection is over.
func (c *tcpConn) answer() bool {
	if !c.complete() {
		return true
	}
	c.asked.Store(true)
	c.refresh()
	b := c.t.buffers.batch()
	defer c.t.buffers.free(b)
	b.began = time.Now()
	defer b.worker.Flush()
	used, expected := 0, 0
	for c.complete() {
		if expected == 0 {
			expected = c.expect(b.worker)
		}
		expected--
		size := c.need() - 2
		if size < wire.HeaderSize {
			c.write(b, used)
			return false
		}
		if used+2+wire.MaxMessage > len(b.out) {
			if !c.write(b, used) {
				return false
			}
			used = 0
			if c.behind {
				break // the rest when the client has read
			}
		}
		msg := c.in[c.start+2 : c.start+2+size : c.start+2+size]
		c.start += 2 + size
		c.suspended = false
		c.probe = c.t.probe.is(msg)
		room := b.out[used+2 : used+2 : used+2+wire.MaxMessage]
		answer, result := b.worker.Serve(msg, c.asker, c.over, room, c)
		if c.suspended {
			if c.full() {
				break
			}
			continue
		}
		if len(answer) > 0 {
			binary.BigEndian.PutUint16(b.out[used:], uint16(len(answer)))
			if &answer[0] != &b.out[used+2] {
				copy(b.out[used+2:], answer)
			}
			used += 2 + len(answer)
		}
		if !c.probe {
			b.tally.add(result)
		}
	}
	return c.write(b, used)
}

// expect has a worker prepare for the complete messages that are there, where these are several, and returns how many
// it has looked at.
func (c *tcpConn) expect(w Worker) int {
	n := c.several()
	if n < fewPackets {
		return n
	}
	at := c.start
	for range n {
		next := at + 2 + int(binary.BigEndian.Uint16(c.in[at:]))
		w.Expect(c.in[at+2:next:next], c.asker)
		at = next
	}
	w.Fetch()
	return n
}

// several counts the complete messages that are there, up to the most that are prepared for together.
func (c *tcpConn) several() (n int) {
	for at := c.start; n < mostExpected && c.end-at >= 2; n++ {
		at += 2 + int(binary.BigEndian.Uint16(c.in[at:]))
		if at > c.end {
			break
		}
	}
	return n
}

// full reports whether no more queries are served for now.
func (c *tcpConn) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.isFull()
}

// isFull reports whether as many queries wait as may, or as many answers as a client that reads them leaves: who
// doesn't read gets no more work done. mu is held.
func (c *tcpConn) isFull() bool { return c.waiting >= c.t.opts.InFlight || !c.drained() }

// busy reports whether queries wait, or late answers are being written or were just
// now: being idle begins after the last answer (RFC 7766 6.2.3).
func (c *tcpConn) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writing || time.Since(c.wrote) < c.t.opts.Idle
}

// awaitLate waits until done, which is called with mu held, and reports whether the
// connection is still open.
func (c *tcpConn) awaitLate(done func() bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.closed && !done() {
		c.changed.Wait()
	}
	return !c.closed
}

// drain makes the connection end when what has arrived is answered.
func (c *tcpConn) drain() {
	c.draining.Store(true)
	c.hurry() // see refresh for the race with it
}

// cut ends a connection whose time is over, when no answer of many messages is under way.
func (c *tcpConn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.overdue = true
	if c.streams == 0 {
		c.closeLocked()
	}
}

// abort closes the connection at once, from any goroutine.
func (c *tcpConn) abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeLocked()
}

func (c *tcpConn) closeLocked() {
	if c.closed {
		return
	}
	c.closed = true
	c.pending = nil
	c.count()
	c.nc.Close()
	c.changed.Broadcast()
}
