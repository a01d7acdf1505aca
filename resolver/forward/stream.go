package forward

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"sync"
	"time"
)

const (
	dialTimeout  = 2 * time.Second  // TCP connect and TLS handshake together
	writeTimeout = 2 * time.Second  // of a batch of queries
	streamIdle   = 10 * time.Second // without a query, then we close (RFC 7766 section 6.2.3)
	streamStall  = time.Second      // without an answer while queries wait, then another connection is opened
	streamLinger = 5 * time.Second  // for which the old one may still bring answers
	streamQueue  = 512              // queries that wait to be written
	streamLimit  = 4096             // queries in flight on one connection
	batchSize    = 16 << 10
	maxMoves     = 200 // connections that may end below one query: it may be what ends them
	maxLost      = 2   // connections in a row that brought no answer, after which a query has failed
)

// stream is a connection to an upstream over TCP or TLS on which queries are
// pipelined (RFC 7766 section 6.2.1.1, RFC 7858). An upstream has one at a time.
type stream struct {
	f   *Forwarder
	u   *upstream
	out chan []byte   // packets with their length before them
	end chan struct{} // closed with closed

	progress chan struct{} // a token for each answer that a serial connection may wait for

	mu      sync.Mutex
	waiting map[uint16]pending
	conn    net.Conn // what queries are written to
	raw     net.Conn // the TCP connection below; closing it never waits
	closed  bool
	retired bool          // replaced by another one, and only here for late answers
	serial  bool          // a query is written when the one before has its answer
	answers int           // that have come
	moved   time.Duration // when the last answer came, or the first query after a pause went
}

// openStream returns the connection to u. A new one connects on its own
// goroutine and takes queries at once.
func (f *Forwarder) openStream(u *upstream) (*stream, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.stream.Load()
	if s != nil {
		return s, nil
	}
	if u.gone {
		return nil, ErrClosed
	}
	s = &stream{
		f: f, u: u, out: make(chan []byte, streamQueue), end: make(chan struct{}), progress: make(chan struct{}, 1),
		waiting: make(map[uint16]pending), serial: u.serial,
	}
	if !f.start(s.run) {
		return nil, ErrClosed
	}
	u.stream.Store(s)
	return s, nil
}

// send queues fl's query; false if the connection is closed or has too much to do.
func (s *stream) send(fl *flight, at attempt) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.f.clock()
	if len(s.waiting) == 0 {
		s.moved = now
	}
	if now-s.moved > streamStall {
		s.retire()
	}
	if s.closed || s.retired || len(s.waiting) >= streamLimit {
		return false
	}
	id := uint16(mathrand.Uint32())
	for _, used := s.waiting[id]; used; _, used = s.waiting[id] {
		id++
	}
	packet := appendPacket(make([]byte, 2, 2+len(fl.query)), fl.query, id, at.plain)
	binary.BigEndian.PutUint16(packet, uint16(len(packet)-2))
	select {
	case s.out <- packet:
	default:
		return false
	}
	s.waiting[id] = pending{fl, at, now}
	s.u.queries.Add(1)
	s.f.showQuery(packet[2:], s.u, true)
	return true
}

// retire has other queries go by another connection: nothing comes by this one. What it
// still brings is welcome. mu is held.
func (s *stream) retire() {
	if s.retired || s.closed {
		return
	}
	s.retired = true
	s.u.stream.CompareAndSwap(s, nil)
	if s.conn == nil || s.conn.SetReadDeadline(time.Now().Add(streamLinger)) != nil {
		s.closeLocked()
	}
}

// close ends the connection. What waits is asked again or failed.
func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked()
}

func (s *stream) closeLocked() {
	if s.closed {
		return
	}
	s.closed = true
	close(s.end)
	if s.raw != nil {
		s.f.drop(s.raw)
	}
	s.u.stream.CompareAndSwap(s, nil)
}

// run connects, writes what is queued, and cleans up.
func (s *stream) run(ctx context.Context) {
	err := s.connect(ctx)
	connected := err == nil
	if connected {
		err = s.write()
	}
	s.close()
	s.mu.Lock()
	waiting, progress := s.waiting, s.answers > 0
	s.waiting = make(map[uint16]pending)
	cut := connected && !s.retired && len(waiting) > 0
	s.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if cut {
		// A server may close an idle connection while a query is under way (RFC 7766
		// section 6.2.4), or after each answer: then it wants one at a time.
		s.u.setSerial(true)
	}
	failed := false
	for _, p := range waiting {
		failed = s.f.lost(p, progress, isFinal(err)) || failed
	}
	if failed && s.u.secure {
		s.f.noteDown(s.u, s.u.unreachable(s.f.clock()), fmt.Sprint(err))
	}
}

// isFinal reports whether another connection would meet the same error: nobody listens,
// or who does is not whom we want.
func isFinal(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.Is(err, errDial) || errors.As(err, &certificate)
}

// errDial marks what is no matter of one connection: it wasn't made.
var errDial = errors.New("no connection")

// lost sends a query again whose connection has ended, as long as connections bring
// answers at all. It reports whether the query has failed instead.
func (f *Forwarder) lost(p pending, progress, final bool) (failed bool) {
	s := f.flightShard(p.fl)
	s.mu.Lock()
	over := p.fl.over.Load()
	newer := p.at.seq != p.fl.seq && p.fl.last.u == p.at.u // has been sent since
	s.mu.Unlock()
	if over || newer {
		return false
	}
	p.at.moves++
	p.at.lost++
	if progress {
		p.at.lost = 0
	}
	if final || p.at.lost > maxLost || p.at.moves > maxMoves {
		f.failed(p.fl, p.at, Unreachable, 0)
		return true
	}
	f.send(p.fl, p.at, nil)
	return false
}

// connect dials, shakes hands, and starts the reader.
func (s *stream) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "tcp", s.u.addr.String())
	if err != nil {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return fmt.Errorf("connecting to %s: %w", s.u.text, err)
		}
		return fmt.Errorf("connecting to %s: %w: %w", s.u.text, errDial, err)
	}
	conn := raw
	if s.u.secure {
		secured := tls.Client(raw, s.f.tlsConfig(s.u.serverName))
		err = secured.HandshakeContext(ctx)
		if err != nil {
			raw.Close()
			return fmt.Errorf("shaking hands with %s: %w", s.u.text, err)
		}
		conn = secured
	}
	s.mu.Lock()
	s.conn, s.raw = conn, raw
	closed := s.closed
	s.mu.Unlock()
	if closed || !s.f.track(raw) || !s.f.start(s.read) {
		s.f.drop(raw)
		return ErrClosed
	}
	return nil
}

// write sends queued queries, as many at a time as there are, until the
// connection ends or has had nothing to do for a while.
func (s *stream) write() error {
	idle := time.NewTimer(streamIdle)
	defer idle.Stop()
	var batch []byte
	for {
		select {
		case <-s.end:
			return io.EOF
		case <-idle.C:
			return nil // no flight lasts that long: nobody waits
		case packet := <-s.out:
			batch = append(batch[:0], packet...)
		}
		serial := s.isSerial()
	more:
		for !serial && len(batch) < batchSize {
			select {
			case packet := <-s.out:
				batch = append(batch, packet...)
			default:
				break more
			}
		}
		err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		if err == nil {
			_, err = s.conn.Write(batch)
		}
		if err != nil {
			return fmt.Errorf("writing to %s: %w", s.u.text, err)
		}
		if serial {
			s.awaitProgress()
		}
		idle.Reset(streamIdle)
	}
}

func (s *stream) isSerial() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.serial
}

// awaitProgress waits for an answer, the end, or for what would be a stall.
func (s *stream) awaitProgress() {
	stall := time.NewTimer(streamStall)
	defer stall.Stop()
	select {
	case <-s.progress:
	case <-s.end:
	case <-stall.C:
	}
}

// read receives replies, in any order, until the connection ends.
func (s *stream) read(context.Context) {
	defer s.close()
	r := s.f.readers.Get().(*reader)
	defer s.f.readers.Put(r)
	in := newFrameReader(s.conn)
	for {
		msg, err := in.next()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				s.f.log.Debug("upstream connection ended", "upstream", s.u.text, "error", err)
			}
			return
		}
		p, ok := s.claim(msg)
		switch {
		case ok:
			s.f.showReply(msg, s.u, true, p)
			s.f.reply(p, msg, &r.walk)
		case p.fl != nil:
			s.f.noteOdd(p, msg)
		}
	}
}

// claim finds whom the reply msg is for. Where ok is false it is no reply, and p the query
// with its id, if there is one.
func (s *stream) claim(msg []byte) (p pending, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(msg) >= 2 {
		id := binary.BigEndian.Uint16(msg)
		p, ok = s.waiting[id]
		if ok && isReply(msg, id, p.fl.query, true) {
			delete(s.waiting, id)
			s.advance()
			return p, true
		}
	}
	s.u.spoofed.Add(1)
	return p, false
}

// advance notes an answer. mu is held.
func (s *stream) advance() {
	s.answers++
	s.moved = s.f.clock()
	if s.serial && s.answers > 1 {
		s.serial = false
		s.u.setSerial(false)
	}
	select {
	case s.progress <- struct{}{}:
	default:
	}
	if s.retired && len(s.waiting) == 0 {
		s.closeLocked()
	}
}

// frameReader takes messages with their lengths before them (RFC 1035 4.2.2)
// out of a connection.
type frameReader struct {
	from       io.Reader
	buf        []byte
	start, end int
}

func newFrameReader(from io.Reader) *frameReader {
	return &frameReader{from: from, buf: make([]byte, readSize)}
}

// next returns the next message, valid until the call after.
func (r *frameReader) next() ([]byte, error) {
	for {
		want := 2
		if r.end-r.start >= 2 {
			want += int(binary.BigEndian.Uint16(r.buf[r.start:]))
			if r.end-r.start >= want {
				msg := r.buf[r.start+2 : r.start+want]
				r.start += want
				return msg, nil
			}
		}
		copy(r.buf, r.buf[r.start:r.end])
		r.end, r.start = r.end-r.start, 0
		if want > len(r.buf) {
			r.buf = append(r.buf, make([]byte, want-len(r.buf))...)
		}
		n, err := r.from.Read(r.buf[r.end:])
		r.end += n
		if n == 0 && err != nil {
			return nil, err
		}
	}
}
