package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"inside53/server/handon"
	"inside53/server/share"
)

// TCPOptions bound what connections may take. Zero values mean the defaults.
type TCPOptions struct {
	// Connections is the most that are open at once over all addresses; 0 means 10000.
	Connections int
	// PerClient is the most that are open at once from one client, an IPv4 address or a /64
	// of IPv6; 0 means 100.
	PerClient int
	// Welcome says how connections of a client are accepted, before anything is read. Nil
	// knows everybody. Those of this host itself are always accepted.
	Welcome func(client netip.Addr) Welcome
	// HandedOn lets in what other servers of a fleet hand on; nil is of no fleet.
	HandedOn *handon.Door
	// InFlight is the most queries of one connection that wait for an upstream; then
	// the connection is not read from until an answer is there. 0 means 128.
	InFlight int
	// Idle is how long a connection without queries in flight stays open; 0 means 10
	// seconds. A query that takes longer to arrive than that ends the connection too.
	// It is what the edns-tcp-keepalive option (RFC 7828) has to announce.
	Idle time.Duration
	// Write is how long a client may take to accept answers; 0 means 5 seconds.
	Write time.Duration
	// Memory is the most that answers which wait for their clients may hold, of all
	// connections together; above it the connection of the slowest reader ends. 0 means 64 MiB.
	Memory int64
}

// Welcome is how connections of a client are accepted.
type Welcome uint8

// The values of [Welcome].
const (
	Stranger Welcome = iota // not at all
	Keyed                   // few of all, and for a short time: the client may have a key
	Known                   // within the bounds of [TCPOptions]
)

// Bounds of connections that are accepted as [Keyed].
const (
	keyedConnections = 16
	keyedPerClient   = 4
	keyedTime        = 5 * time.Second
)

// Refusal is why a connection was closed at once, or made room for others.
type Refusal uint8

// The values of [Refusal].
const (
	RefusedFull     Refusal = iota // too many are open: the longest idle of whoever holds most
	RefusedClient                  // the client has too many
	RefusedStranger                // the client is nobody's
	RefusedMemory                  // too much waits for its client
	Refusals
)

// String is the label of metrics.
func (r Refusal) String() string {
	return [Refusals]string{"full", "client", "stranger", "memory"}[r]
}

func (o TCPOptions) withDefaults() (TCPOptions, error) {
	if o.Connections < 0 || o.PerClient < 0 || o.InFlight < 0 || o.Idle < 0 || o.Write < 0 || o.Memory < 0 {
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
	if o.Memory == 0 {
		o.Memory = 64 << 20
	}
	return o, nil
}

// tcpListener accepts on one address and owns the connections from it.
type tcpListener struct {
	addr    netip.AddrPort
	ln      *net.TCPListener
	opts    TCPOptions
	limit   *connLimit
	memory  *memory
	buffers *tcpBuffers
	probe   *probe

	counters     counters
	open         atomic.Int64
	accepted     atomic.Uint64
	refused      [Refusals]atomic.Uint64
	acceptErrors atomic.Uint64
	slowClosed   atomic.Uint64

	stopping atomic.Bool
	wg       sync.WaitGroup // connections and their late writers
	mu       sync.Mutex
	conns    map[*tcpConn]struct{}
	closed   bool
}

func listenTCP(addr netip.AddrPort, v6only bool, o TCPOptions) (*tcpListener, error) {
	ln, err := bindTCP(addr, v6only)
	if err != nil {
		return nil, err
	}
	return serveTCP(addr, ln, o), nil
}

func bindTCP(addr netip.AddrPort, v6only bool) (*net.TCPListener, error) {
	network := "tcp"
	switch {
	case addr.Addr().Is4():
		network = "tcp4"
	case v6only:
		network = "tcp6"
	}
	// The idle time does the work of keep-alive. Multipath TCP, on by default in Go,
	// would cost every connection and is spoken by no DNS client.
	lc := net.ListenConfig{KeepAlive: -1, Control: boundUnsent}
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(context.Background(), network, addr.String())
	if err != nil {
		return nil, err
	}
	return ln.(*net.TCPListener), nil
}

// serveTCP makes what accepts on a socket, which it owns from here on.
func serveTCP(addr netip.AddrPort, ln *net.TCPListener, o TCPOptions) *tcpListener {
	t := &tcpListener{ln: ln, opts: o, conns: map[*tcpConn]struct{}{}}
	bound := ln.Addr().(*net.TCPAddr).AddrPort()
	t.addr = netip.AddrPortFrom(addr.Addr(), bound.Port())
	return t
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

// accept starts a connection, or closes it where it isn't welcome or the client has its
// share: a client that is told at once can turn to another server.
func (t *tcpListener) accept(nc *net.TCPConn) {
	remote, ok := nc.RemoteAddr().(*net.TCPAddr)
	if !ok {
		nc.Close()
		return
	}
	from := remote.AddrPort()
	client := netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
	welcome := t.welcome(nc, client.Addr())
	if welcome == Stranger {
		_ = nc.SetLinger(0) // nothing of it stays, in the kernel either
		t.refuse(nc, RefusedStranger)
		return
	}
	c := newTCPConn(t, nc, client)
	why := RefusedFull
	if welcome == Keyed {
		c.share, why = t.limit.keyed, RefusedStranger
	}
	out, full, ok := c.share.Add(client.Addr(), c)
	if full {
		t.refused[why].Add(1)
		out.abort()
	}
	if !ok {
		t.refuse(nc, RefusedClient)
		return
	}
	t.accepted.Add(1)
	if !t.add(c) {
		c.share.Remove(client.Addr(), c)
		nc.Close()
		return
	}
	if welcome == Keyed {
		c.cutoff = time.AfterFunc(keyedTime, c.cut)
	}
	t.wg.Go(func() {
		c.serve()
		t.remove(c)
	})
}

// welcome says how a connection is accepted. What comes from this host has one address at
// both ends: the probes among it.
func (t *tcpListener) welcome(nc *net.TCPConn, client netip.Addr) Welcome {
	if t.opts.Welcome == nil {
		return Known
	}
	local, ok := nc.LocalAddr().(*net.TCPAddr)
	if ok && local.AddrPort().Addr().Unmap().WithZone("") == client {
		return Known
	}
	return t.opts.Welcome(client)
}

// refuse closes a connection that isn't served.
func (t *tcpListener) refuse(nc *net.TCPConn, why Refusal) {
	t.refused[why].Add(1)
	nc.Close()
}

// refusals is how many were refused, for any reason.
func (t *tcpListener) refusals() uint64 {
	var n uint64
	for i := range t.refused {
		n += t.refused[i].Load()
	}
	return n
}

func (t *tcpListener) add(c *tcpConn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if t.stopping.Load() {
		c.draining.Store(true) // it was accepted just before: nobody else answers it
	}
	t.conns[c] = struct{}{}
	t.open.Add(1)
	return true
}

func (t *tcpListener) remove(c *tcpConn) {
	c.share.Remove(c.client.Addr(), c)
	if c.cutoff != nil {
		c.cutoff.Stop()
	}
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

// connLimit bounds the connections of all listeners together.
type connLimit struct {
	known, keyed *share.Shares[*tcpConn]
	opts         TCPOptions
}

func newConnLimit(o TCPOptions) *connLimit {
	return &connLimit{
		known: share.New[*tcpConn](o.Connections, o.PerClient),
		keyed: share.New[*tcpConn](keyedConnections, keyedPerClient),
		opts:  o,
	}
}

// idle returns how long a connection may be idle: as configured while a quarter of all is
// free, and down to a tenth of that as it fills up (RFC 7766 section 6.2.3).
func (l *connLimit) idle() time.Duration {
	free := l.opts.Connections - l.known.Open()
	quarter := l.opts.Connections / 4
	if free >= quarter {
		return l.opts.Idle
	}
	return max(l.opts.Idle*time.Duration(free)/time.Duration(quarter), l.opts.Idle/10)
}

// tcpBatch is what answering a batch of pipelined queries takes. Connections borrow
// one when queries are there, so idle ones hold neither worker nor answers.
type tcpBatch struct {
	worker Worker
	tally  tally
	began  time.Time // when the queries under way were there
	out    [outBuffer]byte
}

// batchesAtOnce is how many batches a processor may be in: a batch waits for nothing but
// locks, and holds more than a hundred kilobytes.
const batchesAtOnce = 16

// tcpBuffers is the memory that connections share.
type tcpBuffers struct {
	slots   *slots    // for batches
	batches sync.Pool // of *tcpBatch
	big     sync.Pool // of *[bigBuffer]byte
}

func newTCPBuffers(newWorker func() Worker) *tcpBuffers {
	b := &tcpBuffers{slots: newSlots(batchesAtOnce * runtime.GOMAXPROCS(0))}
	b.batches.New = func() any { return &tcpBatch{worker: newWorker()} }
	b.big.New = func() any { return new([bigBuffer]byte) }
	return b
}

// batch borrows what answering a batch takes.
func (b *tcpBuffers) batch() *tcpBatch {
	b.slots.acquire()
	return b.batches.Get().(*tcpBatch)
}

// free gives it back.
func (b *tcpBuffers) free(batch *tcpBatch) {
	b.batches.Put(batch)
	b.slots.release()
}
