package forward

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	sockets   = 8                // open at a time for an upstream; each query picks one at random
	perSocket = 128              // queries, after which a socket (a source port) is replaced
	socketAge = 30 * time.Second // after which it is replaced too
	linger    = 3 * time.Second  // how long a replaced socket still reads late replies
	// maxWaiting is how many queries may wait on a socket that isn't replaced: few enough of all ids
	// for a forger to gain little.
	maxWaiting = 1024
)

// pending is a query that has been sent and not been answered.
type pending struct {
	fl   *flight
	at   attempt
	sent time.Duration
}

// udpSocket is a connected UDP socket on a source port that the kernel chose at
// random: it receives from its upstream only. With an id from the system's
// generator a forger has to guess both (RFC 5452 section 9.2).
type udpSocket struct {
	f      *Forwarder
	u      *upstream
	slot   int
	conn   *net.UDPConn
	raw    syscall.RawConn // of conn
	opened time.Duration

	mu      sync.Mutex
	ids     []uint16 // random, unused
	waiting map[uint16]pending
	retired bool
	// forgotten are queries that were let go: as many replies are no forgeries.
	forgotten int
}

// openUDP opens a socket for slot, or returns the one that another goroutine opened.
func (f *Forwarder) openUDP(u *upstream, slot int) (*udpSocket, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.slots[slot].Load()
	if s != nil {
		return s, nil
	}
	if u.gone {
		return nil, ErrClosed
	}
	if f.crowded() {
		other := u.anySocket()
		if other != nil {
			return other, nil
		}
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(u.addr))
	if err != nil {
		return nil, fmt.Errorf("opening a socket to %s: %w", u.text, err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("the socket to %s: %w", u.text, err)
	}
	u.local.CompareAndSwap(false, isSame(conn.LocalAddr(), u.addr))
	s = &udpSocket{
		f: f, u: u, slot: slot, conn: conn, raw: raw, opened: f.clock(),
		waiting: f.tables.Get().(map[uint16]pending),
	}
	s.draw()
	f.udp.Add(1)
	if !f.track(conn) || !f.start(s.read) {
		f.udp.Add(-1)
		f.drop(conn)
		return nil, ErrClosed
	}
	u.slots[slot].Store(s)
	return s, nil
}

// draw gives the socket new ids.
func (s *udpSocket) draw() {
	var random [2 * perSocket]byte
	rand.Read(random[:])
	s.ids = make([]uint16, perSocket)
	for i := range s.ids {
		s.ids[i] = binary.NativeEndian.Uint16(random[2*i:])
	}
}

// crowded reports whether as many sockets are open as may: upstreams that don't answer keep the
// replaced ones open, and a flood of names would use up the descriptors of the process.
func (f *Forwarder) crowded() bool { return f.udp.Load() >= int64(f.options.Sockets) }

// anySocket returns a socket of u that is in use, nil for none.
func (u *upstream) anySocket() *udpSocket {
	for i := range u.slots {
		s := u.slots[i].Load()
		if s != nil {
			return s
		}
	}
	return nil
}

// isSame reports whether a socket's own address is that of its upstream: they
// are on one host.
func isSame(own net.Addr, upstream netip.AddrPort) bool {
	udp, ok := own.(*net.UDPAddr)
	return ok && udp.AddrPort().Addr().Unmap() == upstream.Addr()
}

// sendUDP sends fl's query through a random socket of the upstream. It never
// opens one: it reports false where that has to be done first.
func (f *Forwarder) sendUDP(fl *flight, at attempt, slot int) bool {
	s := at.u.slots[slot].Load()
	if s == nil {
		return false
	}
	now := f.clock()
	id, ok := s.register(pending{fl, at, now})
	if !ok {
		return false
	}
	buf := f.buffers.Get().(*[]byte)
	query := appendPacket((*buf)[:0], fl.query, id, at.plain)
	_, err := s.conn.Write(query)
	f.showQuery(query, at.u, false)
	*buf = query
	f.buffers.Put(buf)
	at.u.queries.Add(1)
	if err != nil {
		s.broken(err)
	}
	return true
}

// randomSlot picks a socket. The runtime's generator is ChaCha8, seeded by the system.
func randomSlot() int { return int(mathrand.Uint32() % sockets) }

// register takes an id for p; false if the socket has had its share.
func (s *udpSocket) register(p pending) (id uint16, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.registerLocked(p)
}

func (s *udpSocket) registerLocked(p pending) (id uint16, ok bool) {
	for !s.retired && s.lasts(p.sent) {
		id, s.ids = s.ids[0], s.ids[1:]
		_, used := s.waiting[id]
		if !used {
			s.waiting[id] = p
			return id, true
		}
	}
	s.retireLocked()
	return 0, false
}

// lasts reports whether the socket may send at now. mu is held.
func (s *udpSocket) lasts(now time.Duration) bool {
	if len(s.ids) > 0 && now-s.opened < socketAge {
		return true
	}
	if !s.f.crowded() {
		return false
	}
	if len(s.ids) == 0 {
		s.forget()
		s.draw()
	}
	return len(s.waiting) < maxWaiting
}

// forget lets go of queries whose flights are over: they would keep the flights, of which a flood of
// names ends a hundred thousand a second to make room for others. mu is held.
func (s *udpSocket) forget() {
	for id, p := range s.waiting {
		if p.fl.over.Load() {
			delete(s.waiting, id)
			s.forgotten++
		}
	}
}

// retire takes the socket out of use. It closes when all replies have come, or
// after a while.
func (s *udpSocket) retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retireLocked()
}

func (s *udpSocket) retireLocked() {
	if s.retired {
		return
	}
	s.retired = true
	s.forget()
	s.u.slots[s.slot].CompareAndSwap(s, nil)
	wait := linger
	if len(s.waiting) == 0 {
		wait = 0
	}
	// The reader may be waiting: only a deadline reaches it there. An error says that it is closed, which does as well.
	_ = s.conn.SetReadDeadline(time.Now().Add(wait))
}

// claim finds whom the reply msg is for. What does not fit id and question
// is counted and ignored, and the query goes on waiting (RFC 5452 section 9.1); ok is false,
// and p the query with that id, if there is one.
func (s *udpSocket) claim(msg []byte) (p pending, ok, drained bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(msg) >= 2 {
		id := binary.BigEndian.Uint16(msg)
		p, ok = s.waiting[id]
		if ok && isReply(msg, id, p.fl.query, false) {
			delete(s.waiting, id)
			return p, true, s.retired && len(s.waiting) == 0
		}
	}
	if p.fl == nil && s.forgotten > 0 {
		s.forgotten--
	} else {
		s.u.spoofed.Add(1)
	}
	return p, false, false
}

// abandon takes all that waits.
func (s *udpSocket) abandon() []pending {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []pending
	for id, p := range s.waiting {
		all = append(all, p)
		delete(s.waiting, id)
	}
	return all
}

// end has nobody send any more, once nobody reads. The table of what waits is most of what a socket takes: another one
// has it next.
func (s *udpSocket) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retireLocked()
	clear(s.waiting)
	s.f.tables.Put(s.waiting)
	s.waiting = nil
}

// broken handles an error of the socket: most often the upstream's host saying
// by ICMP that nobody listens, which the kernel believes only if it quotes a
// packet of this very socket.
func (s *udpSocket) broken(err error) {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	s.retire()
	all := s.abandon()
	if len(all) > 0 {
		s.f.noteDown(s.u, s.u.unreachable(s.f.clock()), err.Error())
	}
	for _, p := range all {
		s.f.failed(p.fl, p.at, Unreachable, 0)
	}
}
