package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// TCPOptions bound what connections may take. Zero values mean the defaults.
type TCPOptions struct {
	// Connections is the most that are open at once over all addresses; 0 means 10000.
	Connections int
	// PerClient is the most that are open at once from one client address; 0 means 100.
	PerClient int
	// InFlight is the most queries of one connection that wait for an upstream; then
	// the connection is not read from until an answer is there. 0 means 128.
	InFlight int
	// Idle is how long a connection without queries in flight stays open; 0 means 10
	// seconds. A query that takes longer to arrive than that ends the connection too.
	// It is what the edns-tcp-keepalive option (RFC 7828) has to announce.
	Idle time.Duration
	// Write is how long a client may take to accept answers; 0 means 5 seconds.
	Write time.Duration
}

func (o TCPOptions) withDefaults() (TCPOptions, error) {
	if o.Connections < 0 || o.PerClient < 0 || o.InFlight < 0 || o.Idle < 0 || o.Write < 0 {
		return o, errors.New("the bounds of tcp must not be negative")
	}
	orInt := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	orDuration := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	orInt(&o.Connections, 10000)
	orInt(&o.PerClient, 100)
	orInt(&o.InFlight, 128)
	orDuration(&o.Idle, 10*time.Second)
	orDuration(&o.Write, 5*time.Second)
	return o, nil
}

// tcpListener accepts on one address and owns the connections from it.
type tcpListener struct {
	addr    netip.AddrPort
	ln      *net.TCPListener
	opts    TCPOptions
	limit   *connLimit
	buffers *tcpBuffers
	probe   *probe

	counters     counters
	open         atomic.Int64
	accepted     atomic.Uint64
	refused      atomic.Uint64
	acceptErrors atomic.Uint64
	slowClosed   atomic.Uint64

	stopping atomic.Bool
	wg       sync.WaitGroup // connections and their late writers
	mu       sync.Mutex
	conns    map[*tcpConn]struct{}
	closed   bool
}

func listenTCP(addr netip.AddrPort, v6only bool, o TCPOptions) (*tcpListener, error) {
	network := "tcp"
	switch {
	case addr.Addr().Is4():
		network = "tcp4"
	case v6only:
		network = "tcp6"
	}
	// The idle time does the work of keep-alive. Multipath TCP, on by default in Go,
	// would cost every connection and is spoken by no DNS client.
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(context.Background(), network, addr.String())
	if err != nil {
		return nil, err
	}
	t := &tcpListener{ln: ln.(*net.TCPListener), opts: o, conns: map[*tcpConn]struct{}{}}
	bound := ln.Addr().(*net.TCPAddr).AddrPort()
	t.addr = netip.AddrPortFrom(addr.Addr(), bound.Port())
	return t, nil
}

// run accepts until the listener is closed, and returns when all connections ended.
func (t *tcpListener) run(ctx context.Context) error {
	defer t.wg.Wait()
	pause := time.Duration(0)
	for {
		nc, err := t.ln.AcceptTCP()
		switch {
		case err == nil:
			pause = 0
			t.accept(nc)
		case t.stopping.Load():
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accepting on tcp %s: %w", t.addr, err)
		default:
			// Out of descriptors, most often: those of closing connections come back.
			t.acceptErrors.Add(1)
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			sleep(ctx, pause)
		}
	}
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// accept starts a connection, or closes it where a bound is reached: a client that is
// told at once can turn to another server.
func (t *tcpListener) accept(nc *net.TCPConn) {
	remote, ok := nc.RemoteAddr().(*net.TCPAddr)
	if !ok {
		nc.Close()
		return
	}
	from := remote.AddrPort()
	client := netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
	if !t.limit.admit(client.Addr()) {
		t.refused.Add(1)
		nc.Close()
		return
	}
	t.accepted.Add(1)
	c := newTCPConn(t, nc, client)
	if !t.add(c) {
		t.limit.release(client.Addr())
		nc.Close()
		return
	}
	t.wg.Go(func() {
		c.serve()
		t.remove(c)
	})
}

func (t *tcpListener) add(c *tcpConn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.stopping.Load() {
		return false
	}
	t.conns[c] = struct{}{}
	t.open.Add(1)
	return true
}

func (t *tcpListener) remove(c *tcpConn) {
	t.limit.release(c.client.Addr())
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
	t.open.Add(-1)
}

// drain accepts no more, and has each connection finish what is in flight.
func (t *tcpListener) drain() {
	t.stopping.Store(true)
	t.ln.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		c.drain()
	}
}

// close closes the listener and every connection at once.
func (t *tcpListener) close() {
	t.stopping.Store(true)
	t.ln.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for c := range t.conns {
		c.abort()
	}
}

// connLimit counts the open connections of all listeners.
type connLimit struct {
	mu        sync.Mutex
	total     int
	perClient map[netip.Addr]int
	opts      TCPOptions
}

func newConnLimit(o TCPOptions) *connLimit {
	return &connLimit{opts: o, perClient: map[netip.Addr]int{}}
}

// admit reports whether the client may have one more connection, and counts it.
func (l *connLimit) admit(client netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= l.opts.Connections || l.perClient[client] >= l.opts.PerClient {
		return false
	}
	l.total++
	l.perClient[client]++
	return true
}

func (l *connLimit) release(client netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	l.perClient[client]--
	if l.perClient[client] == 0 {
		delete(l.perClient, client)
	}
}

// tcpBatch is what answering a batch of pipelined queries takes. Connections borrow
// one when queries are there, so idle ones hold neither worker nor answers.
type tcpBatch struct {
	worker Worker
	tally  tally
	out    [outBuffer]byte
}

// tcpBuffers is the memory that connections share.
type tcpBuffers struct {
	batches sync.Pool // of *tcpBatch
	big     sync.Pool // of *[bigBuffer]byte
}

func newTCPBuffers(newWorker func() Worker) *tcpBuffers {
	b := &tcpBuffers{}
	b.batches.New = func() any { return &tcpBatch{worker: newWorker()} }
	b.big.New = func() any { return new([bigBuffer]byte) }
	return b
}
