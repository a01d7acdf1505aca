package listen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"inside53/resolver/wire"
)

const (
	// beatInterval is the time between two rounds of probes.
	beatInterval = 500 * time.Millisecond
	// beatSilence is how long a loop may be silent before the server is unready.
	beatSilence = 2 * time.Second
	// beatPatience is how long one round waits for answers. It is repeated in steps of
	// beatRepeat or up to twice that: an overloaded server loses packets, its probes
	// among them, and must not be taken for a dead one. Random, so as not to meet the
	// same moment of a scheduler's turn each time.
	beatPatience = 400 * time.Millisecond
	beatRepeat   = 15 * time.Millisecond
	// beatLook is what remains for a loop when the ones before it were waited for in
	// vain: its answer is there by then, but a read past its deadline takes nothing.
	beatLook = 2 * time.Millisecond
	// The search for source ports that reach the loops takes searchTime a round at
	// most, and searchPatience for an answer.
	searchTime     = 250 * time.Millisecond
	searchPatience = 50 * time.Millisecond
)

// heartbeat finds out whether every packet loop and TCP listener answers. A
// balancer's TCP check never notices a frozen server, since the kernel accepts for
// it; so real queries are asked, through every socket.
type heartbeat struct {
	udp []*udpBeat
	tcp []*tcpBeat
	// expected is whether all count as alive when the probes begin.
	expected bool
	began    atomic.Int64 // when the probes did, in Unix nanoseconds; 0: not yet
}

func newHeartbeat(p *probe, udp []*udpGroup, tcp []*tcpListener) *heartbeat {
	h := &heartbeat{}
	for _, g := range udp {
		h.udp = append(h.udp, newUDPBeat(p, g))
	}
	for _, t := range tcp {
		h.tcp = append(h.tcp, &tcpBeat{listener: t, probe: p, targets: probeTargets(t.addr)})
	}
	return h
}

// run probes until ctx ends.
func (h *heartbeat) run(ctx context.Context) {
	if h.expected {
		h.trust()
	}
	h.began.Store(time.Now().UnixNano())
	var wg sync.WaitGroup
	for _, b := range h.udp {
		wg.Go(func() { b.run(ctx) })
	}
	for _, b := range h.tcp {
		wg.Go(func() { b.run(ctx) })
	}
	wg.Wait()
}

// trust has all count as alive for as long as something may be silent.
func (h *heartbeat) trust() {
	for _, b := range h.udp {
		for i := range b.loops {
			b.loops[i].set(&b.loops[i].answered)
		}
	}
	for _, b := range h.tcp {
		b.pulse.set(&b.pulse.answered)
	}
}

// reasons names what is silent, its kind first; it is empty when all answer.
func (h *heartbeat) reasons() []string {
	now := time.Now()
	var reasons []string
	for _, b := range h.udp {
		for i := range b.loops {
			name := fmt.Sprintf("loop silent: udp %s loop %d", b.group.addr, i)
			reasons = b.loops[i].appendReason(reasons, name, now)
		}
	}
	for _, b := range h.tcp {
		reasons = b.pulse.appendReason(reasons, "listener silent: tcp "+b.listener.addr.String(), now)
	}
	return reasons
}

// standing names what neither answers nor turns. What is overloaded loses probes, and turns.
func (h *heartbeat) standing() []string {
	now := time.Now()
	began := h.began.Load()
	if began == 0 || now.Sub(time.Unix(0, began)) < beatSilence {
		return nil
	}
	var out []string
	for _, b := range h.udp {
		for i := range b.loops {
			if b.loops[i].stands(now) {
				out = append(out, fmt.Sprintf("udp %s loop %d", b.group.addr, i))
			}
		}
	}
	for _, b := range h.tcp {
		if b.pulse.stands(now) {
			out = append(out, "tcp "+b.listener.addr.String())
		}
	}
	return out
}

// pulse is when something last showed that it lives.
type pulse struct {
	mu       sync.Mutex
	answered time.Time // a probe came back; zero: none yet
	turned   time.Time // the loop turned, or the listener accepted
}

// stands reports whether there is no sign of life.
func (p *pulse) stands(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Sub(p.answered) >= beatSilence && now.Sub(p.turned) >= beatSilence
}

func (p *pulse) set(at *time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*at = time.Now()
}

func (p *pulse) appendReason(reasons []string, name string, now time.Time) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.answered.IsZero():
		return append(reasons, name+", no answer yet")
	case now.Sub(p.answered) < beatSilence:
		return reasons
	}
	reason := fmt.Sprintf("%s, no answer for %s", name, now.Sub(p.answered).Round(100*time.Millisecond))
	if !p.turned.IsZero() && now.Sub(p.turned) >= beatSilence {
		reason += ", and it stands still"
	}
	return append(reasons, reason)
}

// probeTargets returns the addresses under which this host reaches a bound address.
func probeTargets(a netip.AddrPort) []netip.AddrPort {
	switch a.Addr() {
	case netip.IPv4Unspecified():
		return []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port())}
	case netip.IPv6Unspecified():
		// A host may have IPv6 and no ::1.
		return []netip.AddrPort{
			netip.AddrPortFrom(netip.IPv6Loopback(), a.Port()),
			netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port()),
		}
	}
	return []netip.AddrPort{a}
}

// udpBeat probes the packet loops of one address.
type udpBeat struct {
	group   *udpGroup
	probe   *probe
	targets []netip.AddrPort
	next    int // of targets, for the search
	loops   []loopBeat
	buf     [maxUDPAnswer]byte
}

// loopBeat is one packet loop as its prober sees it.
type loopBeat struct {
	pulse
	loop  *udpLoop
	turns uint64
	// conn is a socket whose packets the kernel gives to this loop: it spreads over
	// the sockets of a port by a hash of both addresses and ports. Nil: not found yet.
	conn *net.UDPConn
	port uint16 // of conn, on our side
}

func newUDPBeat(p *probe, g *udpGroup) *udpBeat {
	b := &udpBeat{group: g, probe: p, targets: probeTargets(g.addr), loops: make([]loopBeat, len(g.loops))}
	for i, l := range g.loops {
		b.loops[i].loop = l
	}
	return b
}

func (b *udpBeat) run(ctx context.Context) {
	defer func() {
		for i := range b.loops {
			b.loops[i].drop()
		}
	}()
	tick := time.NewTicker(beatInterval)
	defer tick.Stop()
	for ctx.Err() == nil {
		b.watchTurns()
		b.ask(ctx)
		b.search(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// watchTurns notes which loops have turned since the last round.
func (b *udpBeat) watchTurns() {
	for i := range b.loops {
		l := &b.loops[i]
		turns := l.loop.turns.Load()
		if turns != l.turns {
			l.turns = turns
			l.set(&l.turned)
		}
	}
}

// ask probes all loops that have a socket, again and again until they answer or the
// round is over.
func (b *udpBeat) ask(ctx context.Context) {
	id := newProbeID()
	var silent []*loopBeat
	for i := range b.loops {
		if b.loops[i].conn != nil {
			silent = append(silent, &b.loops[i])
		}
	}
	end := time.Now().Add(beatPatience)
	for len(silent) > 0 && ctx.Err() == nil && time.Now().Before(end) {
		for _, l := range silent {
			// An error shows as a missing answer.
			_, _ = l.conn.Write(b.probe.query(id))
		}
		until := time.Now().Add(beatRepeat + rand.N(beatRepeat))
		still := silent[:0]
		for _, l := range silent {
			switch {
			case !b.await(l.conn, id, laterOf(until, time.Now().Add(beatLook))):
				still = append(still, l)
			case l.loop.probed.Load() != probeMark(l.port, b.probe.query(id)):
				l.drop() // another loop has it; look for a new port
			default:
				l.set(&l.answered)
			}
		}
		silent = still
		if len(silent) > 0 {
			sleep(ctx, time.Until(until)) // after an error other than the deadline
		}
	}
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// await reads until an answer with the id comes, and reports whether one came.
func (b *udpBeat) await(conn *net.UDPConn, id uint16, until time.Time) bool {
	err := conn.SetReadDeadline(until)
	if err != nil {
		return false
	}
	for {
		n, err := conn.Read(b.buf[:])
		if err != nil {
			return false
		}
		if isAnswer(b.buf[:n], id) {
			return true
		}
	}
}

// search tries source ports until each loop without a socket has one. The loops note
// the port of the last probe they saw; so an answered probe tells where its port leads.
func (b *udpBeat) search(ctx context.Context) {
	end := time.Now().Add(searchTime)
	for b.missing() && ctx.Err() == nil && time.Now().Before(end) {
		target := b.targets[b.next%len(b.targets)]
		b.next++
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(target))
		if err != nil {
			sleep(ctx, time.Millisecond)
			continue
		}
		if !b.keep(conn) {
			conn.Close()
		}
	}
}

func (b *udpBeat) missing() bool {
	for i := range b.loops {
		if b.loops[i].conn == nil {
			return true
		}
	}
	return false
}

// keep gives conn to the loop that it reaches, and reports whether it had none.
func (b *udpBeat) keep(conn *net.UDPConn) bool {
	id := newProbeID()
	query := b.probe.query(id)
	until := time.Now().Add(searchPatience)
	_, err := conn.Write(query)
	if err != nil || !b.await(conn, id, until) {
		return false
	}
	port := conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	for i := range b.loops {
		l := &b.loops[i]
		if l.conn == nil && l.loop.probed.Load() == probeMark(port, query) {
			l.conn, l.port = conn, port
			l.set(&l.answered)
			return true
		}
	}
	return false
}

func (l *loopBeat) drop() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}

// tcpBeat probes one TCP listener, by a new connection each time.
type tcpBeat struct {
	pulse    pulse
	listener *tcpListener
	probe    *probe
	targets  []netip.AddrPort
	turns    uint64 // connections that came, at the last look
}

func (b *tcpBeat) run(ctx context.Context) {
	tick := time.NewTicker(beatInterval)
	defer tick.Stop()
	for ctx.Err() == nil {
		if b.alive(ctx) {
			b.pulse.set(&b.pulse.answered)
		}
		turns := b.listener.accepted.Load() + b.listener.refusals()
		if turns != b.turns {
			b.turns = turns
			b.pulse.set(&b.pulse.turned)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// alive reports whether the listener answers under one of its addresses. One that
// turns the probe away because it has all the connections it may have is alive too.
func (b *tcpBeat) alive(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, beatPatience)
	defer cancel()
	refused := b.listener.refusals()
	for _, target := range b.targets {
		err := b.ask(ctx, target)
		if err == nil {
			return true
		}
		turnedAway := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
		if turnedAway && b.listener.refusals() != refused {
			return true
		}
	}
	return false
}

// ask sends one probe by a connection of its own and waits for its answer.
func (b *tcpBeat) ask(ctx context.Context, target netip.AddrPort) error {
	d := net.Dialer{KeepAlive: -1}
	d.SetMultipathTCP(false)
	conn, err := d.DialContext(ctx, "tcp", target.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	tc, ok := conn.(*net.TCPConn)
	if ok {
		// Two probes a second need not leave their ports waiting. Only a nicety.
		_ = tc.SetLinger(0)
	}
	id := newProbeID()
	query := b.probe.query(id)
	_, err = conn.Write(append([]byte{0, byte(len(query))}, query...))
	if err != nil {
		return err
	}
	var head [2 + wire.HeaderSize]byte
	_, err = io.ReadFull(conn, head[:])
	if err != nil {
		return err
	}
	if !isAnswer(head[2:], id) {
		return errors.New("the answer to a probe has another id")
	}
	return nil
}
