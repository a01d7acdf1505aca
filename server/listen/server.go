package listen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"inside53/resolver"
)

// Worker answers queries for one goroutine at a time; [*resolver.Worker] is one.
type Worker interface {
	// Serve answers the query in pkt, which is borrowed and may be modified, from
	// client, whose address is a plain IPv4 one where IPv4 came in mapped. It writes
	// the answer into out[:cap(out)], which is the most that may be written, and
	// returns the slice to send now. Nil means nothing now: the query was dropped, or
	// suspended through s, and then the function that s.Suspend returned is called
	// once, later. Serve never blocks, and allocates nothing on a hit.
	Serve(
		pkt []byte, client netip.AddrPort, tr resolver.Transport, out []byte, s resolver.Suspender,
	) ([]byte, resolver.Result)

	// Expect tells of a packet that Serve will be given soon, and Fetch, once after
	// all of them, makes ready what they need. Both only save time. What upstreams are
	// asked after Fetch may wait for Flush.
	Expect(pkt []byte, client netip.AddrPort)
	Fetch()
	// Flush is called after the last of some queries that were there together.
	Flush()
}

// How many packets that are there together are prepared for: it pays from few on.
const (
	fewPackets   = 4
	mostExpected = 64
)

// The defaults of [Options].
const (
	DefaultReceiveBuffer = 4 << 20
	DefaultGrace         = 5 * time.Second
)

// bindAttempts is how often a pair of sockets for port 0 is tried: the port the
// kernel gives for TCP may be taken for UDP.
const bindAttempts = 16

// Options say where and how a [Server] listens.
type Options struct {
	// Addresses are bound for UDP and TCP each. [::] takes IPv4 as well, unless
	// 0.0.0.0 is listed with the same port. Port 0 is resolved for each address by
	// itself, to one port for both transports.
	Addresses []netip.AddrPort
	// Sockets are those that are used in place of own ones, where they are of an address of
	// the list; such an address has as many packet loops as sockets. Nil has none.
	Sockets *Sockets
	// Expected is whether clients wait for answers already, those of a process that had the
	// sockets before: then a loop counts as one that answers until it is found silent.
	Expected bool
	// NewWorker makes the worker of one packet loop, or of one TCP batch. It must be
	// safe to call from any goroutine.
	NewWorker func() Worker
	// Loops is the number of UDP sockets, and so of packet loops, an address.
	// 0 means GOMAXPROCS. The portable engine always has one.
	Loops int
	// ReceiveBuffer is the receive buffer of a UDP socket in bytes. 0 means 4 MiB.
	ReceiveBuffer int
	// TCP bounds the connections.
	TCP TCPOptions
	// Grace bounds how long answers in flight are waited for at the end.
	// 0 means 5 seconds.
	Grace time.Duration
	// Log takes warnings about the sockets. Nil means no log.
	Log *slog.Logger
}

// withDefaults returns o with zero values replaced, or all that is wrong with it.
func (o Options) withDefaults() (Options, error) {
	var faults []error
	if len(o.Addresses) == 0 {
		faults = append(faults, errors.New("no address to listen on"))
	}
	if o.NewWorker == nil {
		faults = append(faults, errors.New("no worker"))
	}
	seen := make(map[netip.AddrPort]bool, len(o.Addresses))
	addrs := make([]netip.AddrPort, 0, len(o.Addresses))
	for _, a := range o.Addresses {
		if !a.IsValid() {
			faults = append(faults, errors.New("invalid address to listen on"))
			continue
		}
		a = plain(a)
		if a.Port() != 0 && seen[a] {
			faults = append(faults, fmt.Errorf("address %s is listed twice", a))
		}
		seen[a] = true
		addrs = append(addrs, a)
	}
	o.Addresses = addrs
	if o.Loops < 0 || o.ReceiveBuffer < 0 || o.Grace < 0 {
		faults = append(faults, errors.New("loops, receive buffer and grace must not be negative"))
	}
	if o.Loops == 0 {
		o.Loops = runtime.GOMAXPROCS(0)
	}
	if o.ReceiveBuffer == 0 {
		o.ReceiveBuffer = DefaultReceiveBuffer
	}
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	tcp, err := o.TCP.withDefaults()
	if err != nil {
		faults = append(faults, err)
	}
	o.TCP = tcp
	return o, errors.Join(faults...)
}

// Server holds the bound sockets and serves them. Make one with [Bind].
type Server struct {
	opts   Options
	udp    []*udpGroup
	tcp    []*tcpListener
	beats  *heartbeat
	rounds rounds
}

// udpGroup is the packet loops of one listen address.
type udpGroup struct {
	addr  netip.AddrPort
	loops []*udpLoop
}

// Bind binds every address for UDP and TCP. Nothing is answered before
// [Server.Run]. The error joins nothing: it names the first address that cannot be
// bound, with what to do about it.
func Bind(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{opts: o}
	probe := newProbe()
	limit, late := newConnLimit(o.TCP), &memory{limit: o.TCP.Memory}
	buffers := newTCPBuffers(o.NewWorker)
	for _, a := range o.Addresses {
		g, listeners, err := openPair(a, o, probe)
		if err != nil {
			s.Close()
			return nil, err
		}
		for _, t := range listeners {
			t.limit, t.memory, t.buffers, t.probe = limit, late, buffers, probe
		}
		for _, l := range g.loops {
			l.rounds = &s.rounds
		}
		late.listeners = append(late.listeners, listeners...)
		s.udp = append(s.udp, g)
		s.tcp = append(s.tcp, listeners...)
	}
	s.beats = newHeartbeat(probe, s.udp, s.tcp)
	s.beats.expected = o.Expected
	return s, nil
}

// openPair opens one address for both transports, by the sockets that are there for it or by
// own ones.
func openPair(a netip.AddrPort, o Options, p *probe) (*udpGroup, []*tcpListener, error) {
	if !o.Sockets.has(a) {
		g, t, err := bindPair(a, o, p)
		return g, []*tcpListener{t}, err
	}
	files, accepting, err := o.Sockets.claim(a, a.Addr().Is6() && sharesPort(a, o.Addresses))
	if err != nil {
		return nil, nil, err
	}
	var listeners []*tcpListener
	for _, ln := range accepting {
		listeners = append(listeners, serveTCP(a, ln, o.TCP))
	}
	if got := len(files); got < o.Loops {
		o.Log.Warn("fewer UDP sockets were handed over than processors can serve", "address", a.String(),
			"sockets", got, "processors", o.Loops, "remedy", "a line ListenDatagram for each in the unit of the socket")
	}
	loops, err := serveUDP(a, files, o, p)
	if err != nil {
		for _, t := range listeners {
			t.close()
		}
		return nil, nil, fmt.Errorf("listening on udp %s: %w", a, err)
	}
	return &udpGroup{addr: a, loops: loops}, listeners, nil
}

// bindOwn binds one address for both transports, for a server that is yet to be made.
func bindOwn(a netip.AddrPort, v6only bool, loops, receiveBuffer int) ([]*os.File, *net.TCPListener, error) {
	ln, err := bindTCP(a, v6only)
	if err != nil {
		return nil, nil, bindError("tcp", a, err)
	}
	files, err := bindShared(a, v6only, loops, receiveBuffer)
	if err != nil {
		_ = ln.Close()
		return nil, nil, bindError("udp", a, err)
	}
	return files, ln, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// bindPair binds one address for both transports. TCP comes first: its port is
// exclusive, where UDP sockets with SO_REUSEPORT would silently join those of
// another process of the same user.
func bindPair(a netip.AddrPort, o Options, p *probe) (*udpGroup, *tcpListener, error) {
	v6only := a.Addr().Is6() && sharesPort(a, o.Addresses)
	for attempt := 1; ; attempt++ {
		t, err := listenTCP(a, v6only, o.TCP)
		if err != nil {
			return nil, nil, bindError("tcp", a, err)
		}
		loops, err := listenUDP(t.addr, v6only, o, p)
		if err == nil {
			return &udpGroup{addr: t.addr, loops: loops}, t, nil
		}
		t.close()
		if a.Port() != 0 || attempt == bindAttempts || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, nil, bindError("udp", a, err)
		}
	}
}

// sharesPort reports whether the IPv4 wildcard is listed beside the IPv6 one on the
// same port: then each takes its own family.
func sharesPort(a netip.AddrPort, all []netip.AddrPort) bool {
	for _, b := range all {
		if b.Addr() == netip.IPv4Unspecified() && b.Port() == a.Port() && a.Addr().IsUnspecified() {
			return true
		}
	}
	return false
}

// bindError says which address could not be bound and, where it is known, the way out.
func bindError(network string, a netip.AddrPort, err error) error {
	hint := ""
	switch {
	case errors.Is(err, syscall.EACCES) && a.Port() < 1024:
		hint = "; ports below 1024 need the capability CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities)"
	case errors.Is(err, syscall.EADDRINUSE) && a.Port() == 53:
		hint = "; another DNS server holds the port, often systemd-resolved" +
			" (DNSStubListener=no in resolved.conf turns its stub off)"
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "; another process holds the port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = "; no interface of this host has the address"
	case errors.Is(err, syscall.EAFNOSUPPORT):
		hint = "; this host has IPv6 turned off"
	}
	return fmt.Errorf("listening on %s %s: %w%s", network, a, err, hint)
}

// Addrs returns the bound addresses in the order of [Options], ports resolved. Each
// is bound for UDP and TCP.
func (s *Server) Addrs() []netip.AddrPort {
	addrs := make([]netip.AddrPort, 0, len(s.udp))
	for _, g := range s.udp {
		addrs = append(addrs, g.addr)
	}
	return addrs
}

// Close releases the sockets of a server that will not run. [Server.Run] closes them
// by itself.
func (s *Server) Close() {
	for _, g := range s.udp {
		for _, l := range g.loops {
			l.close()
		}
	}
	for _, t := range s.tcp {
		t.close()
	}
}

// Run serves until ctx ends, and may be called once. Then it takes no more queries,
// waits up to the grace for answers in flight, closes all sockets and returns nil
// when every goroutine has ended. It returns an error, at once, only when a socket
// breaks.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	broken := func(err error) {
		if err != nil {
			cancel(&brokenSocketError{err})
		}
	}

	var loops, rest sync.WaitGroup
	for _, g := range s.udp {
		for _, l := range g.loops {
			loops.Go(func() { broken(l.run()) })
		}
	}
	for _, t := range s.tcp {
		rest.Go(func() { broken(t.run(ctx)) })
	}
	rest.Go(func() { s.beats.run(ctx) })
	<-ctx.Done()

	for _, g := range s.udp {
		for _, l := range g.loops {
			l.stop()
		}
	}
	for _, t := range s.tcp {
		t.drain()
	}
	loops.Wait()
	s.awaitInFlight()
	s.Close()
	rest.Wait()

	var b *brokenSocketError
	if errors.As(context.Cause(ctx), &b) {
		return b.err
	}
	return nil
}

// brokenSocketError carries the error that ended Run through the context.
type brokenSocketError struct{ err error }

func (e *brokenSocketError) Error() string { return e.err.Error() }

// awaitInFlight waits for suspended queries and open connections, at most for the
// grace. It polls: this is the end of the process, and a count that may never reach
// zero would otherwise need a goroutine left behind.
func (s *Server) awaitInFlight() {
	deadline := time.Now().Add(s.opts.Grace)
	for s.inFlight() > 0 && time.Now().Before(deadline) {
		time.Sleep(2 * time.Millisecond)
	}
}

func (s *Server) inFlight() int64 {
	var n int64
	for _, g := range s.udp {
		for _, l := range g.loops {
			n += l.waiting.Load()
		}
	}
	for _, t := range s.tcp {
		n += t.open.Load()
	}
	return n
}

// Ready reports whether every packet loop and TCP listener answers; if not, the
// reasons name those that do not. It is false before the first answers. Safe for
// concurrent use.
func (s *Server) Ready() (bool, []string) {
	reasons := s.beats.reasons()
	return len(reasons) == 0, reasons
}

// Standing names the packet loops and TCP listeners that show no sign of life: they neither
// answer nor do anything else. One that is overloaded does. Safe for concurrent use.
func (s *Server) Standing() []string { return s.beats.standing() }
