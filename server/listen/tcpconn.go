package listen

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"

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
	// maxPending is how many bytes of late answers may wait for a client that does
	// not read, before the connection is given up.
	maxPending = 1 << 20
	// maxStreamed is how many of them may be of streams: few enough for a slow client to
	// take them in the time of one write.
	maxStreamed = 128 << 10
)

// tcpConn is one connection. Its goroutine reads, answers what can be answered now,
// and writes these answers. Late answers are collected in pending and written by a
// second goroutine, which lives while queries wait; the net package keeps the two
// writers' bytes apart.
type tcpConn struct {
	t      *tcpListener
	nc     *net.TCPConn
	client netip.AddrPort

	// Read side, of the connection's goroutine. Unanswered bytes are in[start:end].
	in         []byte
	start, end int
	refreshed  time.Time // when the deadlines were set last
	suspended  bool      // set by Suspend for the query being served
	probe      bool      // the query being served is one of ours
	small      [smallBuffer]byte
	big        *[bigBuffer]byte // in is of it, or nil

	draining atomic.Bool

	mu      sync.Mutex
	changed sync.Cond // on waiting, pending, writing, closed
	waiting int       // queries suspended
	pending []byte    // late answers, each with its length
	late    tally     // of pending
	writing bool      // the second goroutine lives
	wrote   time.Time // when it wrote last
	closed  bool
}

func newTCPConn(t *tcpListener, nc *net.TCPConn, client netip.AddrPort) *tcpConn {
	c := &tcpConn{t: t, nc: nc, client: client}
	c.changed.L = &c.mu
	c.in = c.small[:]
	return c
}

// serve answers until the client or the server ends the connection.
func (c *tcpConn) serve() {
	defer c.shrink()
	defer c.abort()
	c.refresh()
	for {
		if !c.answer() {
			return
		}
		if c.full() {
			if !c.awaitLate(func() bool { return c.waiting < c.t.opts.InFlight }) {
				return
			}
			continue
		}
		err := c.fill()
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

// refresh moves the deadlines on, at most every sixteenth of the shorter one, since
// setting one costs as much as a small query. They are so much longer.
func (c *tcpConn) refresh() {
	o := &c.t.opts
	slack := min(o.Idle, o.Write) / 16
	now := time.Now()
	if now.Sub(c.refreshed) < slack {
		return
	}
	c.refreshed = now
	// Errors mean a closed connection, which the next read tells.
	_ = c.nc.SetReadDeadline(now.Add(o.Idle + slack))
	_ = c.nc.SetWriteDeadline(now.Add(o.Write + slack))
	if c.draining.Load() {
		_ = c.nc.SetReadDeadline(time.Unix(1, 0))
	}
}

// fill reads at least one byte more. It makes room first: an idle connection goes
// back to its small buffer, a message that does not fit gets the big one.
func (c *tcpConn) fill() error {
	have := c.end - c.start
	switch {
	case have == 0 && c.end < smallBuffer:
		c.shrink()
	case len(c.in) < bigBuffer && (c.end == len(c.in) || c.need() > len(c.in)):
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
	raw, err := c.nc.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	_ = raw.Control(func(fd uintptr) { n, _ = unix.Read(int(fd), to) }) // any error is the end
	return max(n, 0)
}

// shrink goes back to the small buffer, empty.
func (c *tcpConn) shrink() {
	c.in, c.start, c.end = c.small[:], 0, 0
	if c.big != nil {
		c.t.buffers.big.Put(c.big)
		c.big = nil
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
	c.refresh()
	b := c.t.buffers.batches.Get().(*tcpBatch)
	defer c.t.buffers.batches.Put(b)
	used := 0
	for c.complete() {
		size := c.need() - 2
		if size < wire.HeaderSize {
			c.write(b, used)
			return false
		}
		msg := c.in[c.start+2 : c.start+2+size : c.start+2+size]
		c.start += 2 + size
		if used+2+wire.MaxMessage > len(b.out) {
			if !c.write(b, used) {
				return false
			}
			used = 0
		}
		c.suspended = false
		c.probe = c.t.probe.is(msg)
		room := b.out[used+2 : used+2 : used+2+wire.MaxMessage]
		answer, result := b.worker.Serve(msg, c.client, resolver.TCP, room, c)
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

// write sends the first n bytes of the batch's answers and counts them.
func (c *tcpConn) write(b *tcpBatch, n int) bool {
	if n > 0 {
		_, err := c.nc.Write(b.out[:n])
		if err != nil {
			c.lost(err)
			b.tally.lostTo(&c.t.counters)
			return false
		}
	}
	b.tally.addTo(&c.t.counters)
	return true
}

// lost notes why answers could not be written.
func (c *tcpConn) lost(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.slowClosed.Add(1)
	}
}

// full reports whether as many queries wait as may.
func (c *tcpConn) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting >= c.t.opts.InFlight
}

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

// Suspend implements [resolver.Suspender] for the query being served.
func (c *tcpConn) Suspend() func(answer []byte, result resolver.Result) {
	c.suspended = true
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting++
	if !c.writing && !c.closed {
		c.writing = true
		c.t.wg.Go(c.writeLate)
	}
	return c.answerLate
}

// answerLate hands a late answer to the second goroutine: the resolver's must not
// wait for a client.
func (c *tcpConn) answerLate(answer []byte, result resolver.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting--
	defer c.changed.Broadcast()
	switch {
	case c.closed:
		c.t.counters.sendErrors.Add(1)
	case len(answer) == 0:
		c.t.counters.count(result)
	case len(c.pending)+2+len(answer) > maxPending:
		c.t.slowClosed.Add(1)
		c.t.counters.sendErrors.Add(1)
		c.closeLocked()
	default:
		c.pending = binary.BigEndian.AppendUint16(c.pending, uint16(len(answer)))
		c.pending = append(c.pending, answer...)
		c.late.add(result)
	}
}

// Streamer is what a transport offers beside [resolver.Suspender] where one query may
// have an answer of many messages.
type Streamer interface {
	// Stream suspends the query being served, as Suspend does.
	Stream() Stream
}

// Stream accepts the messages of one answer, from one goroutine.
type Stream interface {
	// Send sends a message, which is borrowed until it returns. It waits for a client
	// that reads slowly; the error says that the client is gone.
	Send(message []byte) error
	// End is called once, after the last message.
	End(result resolver.Result)
}

// tcpStream is the Stream of a connection.
type tcpStream struct{ c *tcpConn }

// Stream implements Streamer.
func (c *tcpConn) Stream() Stream {
	c.Suspend()
	return tcpStream{c}
}

// Send implements Stream. It leaves room for late answers to other queries of the
// connection.
func (s tcpStream) Send(message []byte) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.closed && len(c.pending) > 0 && len(c.pending)+2+len(message) > maxStreamed {
		c.changed.Wait()
	}
	if c.closed {
		return net.ErrClosed
	}
	c.pending = binary.BigEndian.AppendUint16(c.pending, uint16(len(message)))
	c.pending = append(c.pending, message...)
	c.changed.Broadcast()
	return nil
}

// End implements Stream.
func (s tcpStream) End(result resolver.Result) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting--
	if c.closed {
		c.t.counters.sendErrors.Add(1)
	} else {
		c.t.counters.count(result)
	}
	c.changed.Broadcast()
}

// writeLate writes late answers, all that are there in one write, until none is
// waited for.
func (c *tcpConn) writeLate() {
	var spare []byte
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		c.writing = false
		c.changed.Broadcast()
	}()
	for {
		for len(c.pending) == 0 && c.waiting > 0 && !c.closed {
			c.changed.Wait()
		}
		if c.closed || len(c.pending) == 0 {
			return
		}
		out, counts := c.pending, c.late
		c.pending, c.late = spare[:0], tally{}
		c.changed.Broadcast() // to streams that wait for room

		c.mu.Unlock()
		_ = c.nc.SetWriteDeadline(time.Now().Add(c.t.opts.Write)) // the write tells of a closed one
		_, err := c.nc.Write(out)
		if err != nil {
			c.lost(err)
			counts.lostTo(&c.t.counters)
		} else {
			counts.addTo(&c.t.counters)
		}
		c.mu.Lock()
		c.wrote = time.Now()

		if err != nil {
			c.closeLocked()
			return
		}
		spare = out
	}
}

// drain makes the connection end when what has arrived is answered.
func (c *tcpConn) drain() {
	c.draining.Store(true)
	_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // see refresh for the race with it
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
	c.nc.Close()
	c.changed.Broadcast()
}
