//go:build !linux || portable_udp

package listen

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"inside53/resolver"
)

// controlSize is room for the packet info of either family.
const controlSize = 128

// udpLoop is one socket and the goroutine that serves it: the engine for systems
// other than Linux, on the net package. One socket an address.
type udpLoop struct {
	loopState
	conn    *net.UDPConn
	pktinfo bool // the bind is a wildcard: answers name their source address

	in      [maxUDPQuery + 1]byte // one more, to tell a packet that was cut
	out     [maxUDPAnswer]byte
	control [controlSize]byte

	// The query being served, for Suspend.
	from      netip.AddrPort
	source    []byte // control message for the answer, or nil
	suspended bool
}

// listenUDP serves addr, whose port is not 0, by one socket of its own.
func listenUDP(addr netip.AddrPort, v6only bool, o Options, p *probe) ([]*udpLoop, error) {
	conn, err := bindUDP(addr, v6only)
	if err != nil {
		return nil, err
	}
	return []*udpLoop{newUDPLoop(addr, conn, 0, o, p)}, nil
}

// serveUDP makes a packet loop of each of the sockets of an address, which it owns from here on.
func serveUDP(addr netip.AddrPort, files []*os.File, o Options, p *probe) ([]*udpLoop, error) {
	defer closeAll(files) // the loops have duplicates
	var loops []*udpLoop
	for i, f := range files {
		packets, err := net.FilePacketConn(f)
		if err != nil {
			for _, l := range loops {
				l.close()
			}
			return nil, err
		}
		loops = append(loops, newUDPLoop(addr, packets.(*net.UDPConn), i, o, p))
	}
	return loops, nil
}

// bindShared returns one socket: this engine has one loop.
func bindShared(addr netip.AddrPort, v6only bool, _, receiveBuffer int) ([]*os.File, error) {
	conn, err := bindUDP(addr, v6only)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()   // the file is a duplicate
	_ = conn.SetReadBuffer(receiveBuffer) // the loop tells what came of it
	f, err := conn.File()
	return []*os.File{f}, err
}

func bindUDP(addr netip.AddrPort, v6only bool) (*net.UDPConn, error) {
	network := "udp"
	switch {
	case addr.Addr().Is4():
		network = "udp4"
	case v6only:
		network = "udp6"
	}
	return net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
}

func newUDPLoop(addr netip.AddrPort, conn *net.UDPConn, index int, o Options, p *probe) *udpLoop {
	l := &udpLoop{conn: conn, pktinfo: addr.Addr().IsUnspecified()}
	l.loopState = loopState{addr: addr, index: index, worker: o.NewWorker(), probe: p}
	err := conn.SetReadBuffer(o.ReceiveBuffer)
	if err != nil {
		o.Log.Warn("the receive buffer stays at the system's size; bursts will lose queries",
			"address", addr.String(), "asked", o.ReceiveBuffer, "error", err)
	}
	if l.pktinfo {
		err = askPacketInfo(conn, addr.Addr())
		if err != nil {
			o.Log.Warn("answers may leave from another address than queries came to",
				"address", addr.String(), "error", err)
		}
	}
	return l
}

// askPacketInfo makes the system tell the address that each packet came to.
func askPacketInfo(conn *net.UDPConn, a netip.Addr) error {
	if a.Is4() {
		return ipv4.NewPacketConn(conn).SetControlMessage(ipv4.FlagDst, true)
	}
	return ipv6.NewPacketConn(conn).SetControlMessage(ipv6.FlagDst, true)
}

// run is the packet loop. It ends after stop.
func (l *udpLoop) run() error {
	for {
		n, nc, _, from, err := l.conn.ReadMsgUDPAddrPort(l.in[:], l.control[:])
		l.turns.Add(1)
		switch {
		case err == nil:
			l.serve(n, nc, from)
		case l.stopping.Load():
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("receiving on udp %s: %w", l.addr, err)
		default: // an ICMP error of an earlier answer, most often
			l.counters.receiveErrors.Add(1)
			time.Sleep(time.Millisecond)
		}
	}
}

// serve answers the packet of n bytes in l.in, with nc bytes of control messages.
func (l *udpLoop) serve(n, nc int, from netip.AddrPort) {
	if n > maxUDPQuery {
		l.counters.truncated.Add(1)
		return
	}
	began := time.Now()
	pkt := l.in[:n:maxUDPQuery]
	l.from, l.source, l.suspended = from, nil, false
	if l.pktinfo {
		l.source = answerSource(l.control[:nc])
	}
	client := netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
	probe := l.probe.is(pkt)
	if probe {
		l.probed.Store(probeMark(client.Port(), pkt))
	}
	answer, result := l.worker.Serve(pkt, client, resolver.UDP, l.out[:0], l)
	l.worker.Flush()
	if l.suspended {
		return
	}
	if len(answer) > 0 && !l.send(answer, l.source, from) || probe {
		return
	}
	var one tally
	one.add(result)
	one.addTimed(&l.counters, time.Since(began))
}

func (l *udpLoop) send(answer, source []byte, to netip.AddrPort) bool {
	_, _, err := l.conn.WriteMsgUDPAddrPort(answer, source, to)
	if err != nil {
		l.counters.sendErrors.Add(1)
	}
	return err == nil
}

// answerSource returns the control message that sends an answer from the address the
// query came to, nil when the system did not tell it. An IPv4 address takes IPv4's
// message on a dual-stack socket too.
func answerSource(control []byte) []byte {
	var dst net.IP
	var m6 ipv6.ControlMessage
	var m4 ipv4.ControlMessage
	if m6.Parse(control) == nil && m6.Dst != nil {
		dst = m6.Dst
	} else if m4.Parse(control) == nil && m4.Dst != nil {
		dst = m4.Dst
	}
	switch {
	case dst == nil:
		return nil
	case dst.To4() != nil:
		return (&ipv4.ControlMessage{Src: dst.To4()}).Marshal()
	default:
		return (&ipv6.ControlMessage{Src: dst}).Marshal()
	}
}

// socket is the socket, as it is.
func (l *udpLoop) socket() (syscall.RawConn, error) { return l.conn.SyscallConn() }

// stop makes run end soon.
func (l *udpLoop) stop() {
	l.stopping.Store(true)
	// An error means that the socket is closed, and run over.
	_ = l.conn.SetReadDeadline(time.Unix(1, 0))
}

// close closes the socket; run must have ended or never begun. Late answers are
// dropped from here on.
func (l *udpLoop) close() { l.conn.Close() }

// sendHeld has nothing to send: this engine sends each answer by itself.
func (l *udpLoop) sendHeld() {}

// kernelDrops is not told on this engine.
func (l *udpLoop) kernelDrops() uint64 { return 0 }

// Suspend implements [resolver.Suspender] for the query being served.
func (l *udpLoop) Suspend() func(answer []byte, result resolver.Result) {
	from, source := l.from, l.source
	l.suspended = true
	l.waiting.Add(1)
	return func(answer []byte, result resolver.Result) {
		defer l.waiting.Add(-1)
		if len(answer) > 0 && !l.send(answer, source, from) {
			return
		}
		l.counters.count(result)
	}
}
