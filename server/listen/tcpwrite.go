package listen

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"inside53/resolver"

	"golang.org/x/sys/unix"
)

const (
	// maxPending is how many bytes of late answers may wait for a client that does
	// not read, before the connection is given up.
	maxPending = 1 << 20
	// maxStreamed is how many of them may be of streams: few enough for a slow client to
	// take them in the time of one write.
	maxStreamed = 128 << 10
	// maxBehind is how many bytes may wait before no more queries are answered.
	maxBehind = 32 << 10
	// keptPending is how large a buffer of a connection may be to be kept for later.
	keptPending = 16 << 10
)

// attempt is one write that doesn't wait. It stands in the connection with its function, so
// that an attempt allocates nothing.
type attempt struct {
	run  func(fd uintptr)
	data []byte
	n    int
	err  error
}

// openRaw makes ready what writes without waiting.
func (c *tcpConn) openRaw() error {
	raw, err := c.nc.SyscallConn()
	if err != nil {
		return err
	}
	c.raw, c.try.run = raw, c.attempt
	return nil
}

// attempt writes what the kernel takes now.
func (c *tcpConn) attempt(fd uintptr) {
	a := &c.try
	for a.n < len(a.data) {
		n, err := unix.Write(int(fd), a.data[a.n:])
		switch {
		case err == nil:
			a.n += n
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return
		default:
			a.err = err
			return
		}
	}
}

// write sends the first n bytes of the batch's answers and counts them. It doesn't wait: what
// the client doesn't take now is pending, and the batch free for other connections.
func (c *tcpConn) write(b *tcpBatch, n int) bool {
	if n == 0 {
		b.tally.addTimed(&c.t.counters, time.Since(b.began))
		return true
	}
	over, err := c.writeNow(b, n)
	if over {
		c.t.memory.relieve()
	}
	if err != nil {
		c.lost(err)
		b.tally.lostTo(&c.t.counters)
		return false
	}
	b.tally.addTimed(&c.t.counters, time.Since(b.began))
	return true
}

// writeNow writes what can be written now, and keeps the rest. What is counted with the rest
// is no longer in the batch's tally.
func (c *tcpConn) writeNow(b *tcpBatch, n int) (over bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return false, net.ErrClosed
	case !c.sending && len(c.pending) == 0: // else these bytes are not the next
		a := &c.try
		a.data, a.n, a.err = b.out[:n], 0, nil
		err = c.raw.Control(a.run)
		a.data = nil
		if err != nil || a.err != nil {
			return false, errors.Join(err, a.err)
		}
		if a.n == n {
			return false, nil
		}
		c.pending = append(c.pending, b.out[a.n:n]...)
	default:
		c.pending = append(c.pending, b.out[:n]...)
	}
	for r, k := range b.tally {
		c.late[r] += k
	}
	b.tally = tally{}
	c.behind = !c.drained()
	if !c.writing {
		c.writing = true
		c.t.wg.Go(c.writeLate)
	}
	c.changed.Broadcast()
	return c.count(), nil
}

// drained reports whether the client has caught up; mu is held.
func (c *tcpConn) drained() bool { return len(c.pending)+c.unsent <= maxBehind }

// lost notes why answers could not be written.
func (c *tcpConn) lost(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.slowClosed.Add(1)
	}
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
	if c.queueLate(answer, result) {
		c.t.memory.relieve()
	}
}

// queueLate keeps a late answer for the second goroutine, and reports whether all connections
// hold too much now.
func (c *tcpConn) queueLate(answer []byte, result resolver.Result) (over bool) {
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
		over = c.count()
	}
	return over
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
	// End is called once, after the last message; with Dropped where the answer isn't whole: the
	// connection ends.
	End(result resolver.Result)
	// Finish is called in place of Send and End where one message is the answer, or none is.
	// It doesn't wait.
	Finish(answer []byte, result resolver.Result)
}

// tcpStream is the Stream of a connection.
type tcpStream struct{ c *tcpConn }

// Stream implements Streamer.
func (c *tcpConn) Stream() Stream {
	c.Suspend()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams++
	return tcpStream{c}
}

// Send implements Stream. It leaves room for late answers to other queries of the
// connection.
func (s tcpStream) Send(message []byte) error {
	over, err := s.queue(message)
	if over {
		s.c.t.memory.relieve()
	}
	return err
}

// queue keeps a message for the second goroutine, when there is room.
func (s tcpStream) queue(message []byte) (over bool, err error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.closed && len(c.pending) > 0 && len(c.pending)+2+len(message) > maxStreamed {
		c.changed.Wait()
	}
	if c.closed {
		return false, net.ErrClosed
	}
	c.pending = binary.BigEndian.AppendUint16(c.pending, uint16(len(message)))
	c.pending = append(c.pending, message...)
	c.changed.Broadcast()
	return c.count(), nil
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
	c.endStream()
	if result == resolver.Dropped {
		c.closeLocked() // what isn't whole must not be waited for
	}
}

// Finish implements Stream.
func (s tcpStream) Finish(answer []byte, result resolver.Result) {
	c := s.c
	c.answerLate(answer, result)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endStream()
}

// endStream notes that a stream has ended; mu is held.
func (c *tcpConn) endStream() {
	c.streams--
	if c.overdue {
		c.cutoff.Reset(c.t.opts.Write)
		c.draining.Store(true)
		_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // what is written still goes out
	}
}

// writeLate writes what is pending, all that is there in one write, until there is nothing
// and no answer is waited for.
func (c *tcpConn) writeLate() {
	var spare []byte
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		c.writing, c.sending, c.room = false, false, 0
		if cap(c.pending) > keptPending && len(c.pending) == 0 {
			c.pending = nil
		}
		c.count()
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
		c.sending, c.room, c.unsent = true, cap(out), len(out)
		c.count()
		c.changed.Broadcast() // to streams that wait for room

		c.mu.Unlock()
		now := time.Now()
		c.stuck.Store(now.UnixNano())
		_ = c.nc.SetWriteDeadline(now.Add(c.t.opts.Write)) // the write tells of a closed one
		_, err := c.nc.Write(out)
		c.stuck.Store(0)
		if err != nil {
			c.lost(err)
			counts.lostTo(&c.t.counters)
		} else {
			counts.addTo(&c.t.counters)
		}
		c.mu.Lock()
		c.sending, c.unsent, c.wrote = false, 0, time.Now()
		c.used.Store(c.wrote.UnixNano())
		if err != nil {
			c.closeLocked()
			return
		}
		spare = out
		if cap(spare) > keptPending {
			spare, c.room = nil, 0
		}
		c.count()
		c.changed.Broadcast() // to who waits for the client to catch up
	}
}
