//go:build linux && !portable_udp

package listen

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"inside53/resolver"
	"inside53/resolver/wire"

	"golang.org/x/sys/unix"
)

// newLoop returns one bound packet loop that nothing runs, for tests that step it.
func newLoop(tb testing.TB, bind string, w Worker) *udpLoop {
	tb.Helper()
	o, err := Options{
		Addresses: []netip.AddrPort{netip.MustParseAddrPort(bind)},
		NewWorker: func() Worker { return w },
		Loops:     1,
	}.withDefaults()
	if err != nil {
		tb.Fatal(err)
	}
	loops, err := listenUDP(freePort(tb, o.Addresses[0]), false, o, newProbe())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(loops[0].close)
	return loops[0]
}

// freePort gives a the port of a socket that was just closed.
func freePort(tb testing.TB, a netip.AddrPort) netip.AddrPort {
	tb.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	return netip.AddrPortFrom(a.Addr(), c.LocalAddr().(*net.UDPAddr).AddrPort().Port())
}

// echoWorker echoes, and nothing else, for benchmarks and counts of allocations.
type echoWorker struct{}

func (echoWorker) Expect([]byte, netip.AddrPort) {}
func (echoWorker) Fetch()                        {}
func (echoWorker) Flush()                        {}

func (echoWorker) Serve(
	pkt []byte, _ netip.AddrPort, _ resolver.Transport, out []byte, _ resolver.Suspender,
) ([]byte, resolver.Result) {
	if len(pkt) < wire.HeaderSize {
		return nil, resolver.Dropped
	}
	out = append(out[:0], pkt...)
	out[wire.AtFlags] |= wire.FlagQR
	return out, resolver.Local
}

// step serves what has come in, as serveAll does.
func (l *udpLoop) step(tb testing.TB) int {
	n, errno := l.receive(uintptr(l.fd))
	if errno != 0 {
		tb.Fatal(errno)
	}
	l.flush(l.serve(n))
	l.armControl(n)
	return n
}

// One answer that the kernel refuses takes none of the others with it.
func TestFlushSkipsWhatCannotBeSent(t *testing.T) {
	for _, broken := range [][]int{{0}, {1}, {3}, {0, 1, 2, 3}, {0, 2}} {
		l := newLoop(t, "127.0.0.1:0", fakeWorker{newScript()})
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(loopback(0)))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for i := range uint16(4) {
			_, err = c.WriteToUDPAddrPort(query(i, "echo"), l.addr)
			if err != nil {
				t.Fatal(err)
			}
		}
		n, errno := l.receive(uintptr(l.fd))
		if n != 4 || errno != 0 {
			t.Fatalf("received %d packets, %v", n, errno)
		}
		for _, i := range broken {
			l.ring.names[i].Port = 0 // as a query with a forged source port would have it
		}
		l.flush(l.serve(n))
		b := make([]byte, 512)
		for range 4 - len(broken) {
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			_, err = c.Read(b)
			if err != nil {
				t.Fatalf("broken %v: %v", broken, err)
			}
		}
		lost, sent := l.counters.sendErrors.Load(), l.counters.results[resolver.Local].Load()
		if lost != uint64(len(broken)) || sent != uint64(4-len(broken)) {
			t.Errorf("broken %v: %d counted as lost and %d as sent", broken, lost, sent)
		}
	}
}

// ptr points at a byte of a control buffer.
func ptr(c *controlWords, at int) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(c), at) }

func textLogger(b *bytes.Buffer) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

func TestReplyControl(t *testing.T) {
	var v4, v6 controlWords
	message := func(c *controlWords, level, kind int32, size int) {
		h := (*unix.Cmsghdr)(ptr(c, 0))
		h.Level, h.Type = level, kind
		h.SetLen(unix.CmsgLen(size))
	}
	message(&v4, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
	message(&v6, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
	info4, info6 := (*unix.Inet4Pktinfo)(ptr(&v4, unix.CmsgLen(0))), (*unix.Inet6Pktinfo)(ptr(&v6, unix.CmsgLen(0)))
	info4.Ifindex, info6.Ifindex = 7, 7
	header := func(length int, flags int32) *unix.Msghdr {
		h := &unix.Msghdr{Flags: flags}
		h.SetControllen(length)
		return h
	}
	var other controlWords
	message(&other, unix.SOL_SOCKET, unix.SO_TIMESTAMP, 16)
	tests := []struct {
		name string
		c    *controlWords
		h    *unix.Msghdr
		want int
	}{
		{"none", &v4, header(0, 0), 0},
		{"cut", &v4, header(unix.CmsgSpace(unix.SizeofInet4Pktinfo), unix.MSG_CTRUNC), 0},
		{"short", &v4, header(unix.SizeofCmsghdr, 0), 0},
		{"another message", &other, header(32, 0), 0},
		{"IPv4", &v4, header(unix.CmsgSpace(unix.SizeofInet4Pktinfo), 0), unix.CmsgSpace(unix.SizeofInet4Pktinfo)},
		{"IPv6", &v6, header(unix.CmsgSpace(unix.SizeofInet6Pktinfo), 0), unix.CmsgSpace(unix.SizeofInet6Pktinfo)},
	}
	for _, tt := range tests {
		if got := replyControl(tt.c, tt.h); got != tt.want {
			t.Errorf("%s: length %d, want %d", tt.name, got, tt.want)
		}
	}
	if info4.Ifindex != 0 || info6.Ifindex != 0 {
		t.Error("the interface of the query is forced upon the answer")
	}
}

func TestKernelDropsAreCounted(t *testing.T) {
	l := newLoop(t, "127.0.0.1:0", fakeWorker{newScript()})
	err := unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, "udp", l.addr)
	for range 500 {
		c.send(query(1, "echo"))
	}
	got := l.kernelDrops()
	if got == 0 || got >= 500 {
		t.Fatalf("%d of 500 packets counted as dropped", got)
	}
	if again := l.kernelDrops(); again != got {
		t.Errorf("counted %d, then %d", got, again)
	}
	l.close()
	if after := l.kernelDrops(); after != got {
		t.Errorf("counted %d, and %d when closed", got, after)
	}
}

func TestSmallReceiveBufferIsWarnedOf(t *testing.T) {
	var log bytes.Buffer
	// More than the kernel's limit for anybody: it is an int, doubled.
	o := Options{
		Addresses:     []netip.AddrPort{loopback(0)},
		NewWorker:     func() Worker { return fakeWorker{newScript()} },
		ReceiveBuffer: 1 << 30,
		Log:           textLogger(&log),
	}
	s, err := Bind(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	said := bytes.Contains(log.Bytes(), []byte("sysctl -w net.core.rmem_max=1073741824"))
	if s.Stats().UDP[0].ReceiveBuffer < 1<<30 != said {
		t.Errorf("buffer %d, log %q", s.Stats().UDP[0].ReceiveBuffer, log.String())
	}
}

// A flood of one loop leaves the others' sockets alone, and each socket gets clients.
func TestLoopsShareTheClients(t *testing.T) {
	r := start(t, func(o *Options) { o.Loops = 4 })
	for i := range 200 {
		c := dial(t, "udp", r.Addrs()[0])
		c.send(query(uint16(i), "echo"))
		wantMessage(t, c.receive(), answerTo(query(uint16(i), "echo")))
		c.conn.Close()
	}
	r.stop()
	for i, l := range r.udp[0].loops {
		if l.counters.results[resolver.Local].Load() == 0 {
			t.Errorf("loop %d had none of 200 clients", i)
		}
	}
}

// What had come in before the end is answered.
func TestStoppingAnswersWhatIsQueued(t *testing.T) {
	l := newLoop(t, "127.0.0.1:0", fakeWorker{newScript()})
	c := dial(t, "udp", l.addr)
	for i := range uint16(100) {
		c.send(query(i, "echo"))
	}
	l.stop()
	began := time.Now()
	err := l.run()
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint16(100) {
		wantMessage(t, c.receive(), answerTo(query(i, "echo")))
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %s", took)
	}
}

// A descriptor number may belong to somebody else after close.
func TestClosedLoopTouchesNothing(t *testing.T) {
	l := newLoop(t, "127.0.0.1:0", fakeWorker{newScript()})
	l.close()
	l.stop()
	l.close()
	l.newLate().answer(query(1, "late"), resolver.Forwarded)
	if n := l.counters.sendErrors.Load(); n != 1 {
		t.Errorf("sending after close: %d errors", n)
	}
}

func BenchmarkUDPLoop(b *testing.B) {
	for _, bind := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::]:0"} {
		b.Run(bind, func(b *testing.B) {
			l := newLoop(b, bind, echoWorker{})
			c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(probeTargets(l.addr)[0]))
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			q := query(1, "echo")
			b.ReportAllocs()
			for i := 0; i < b.N; i += udpSlots {
				b.StopTimer()
				for range udpSlots {
					_, _ = c.Write(q)
				}
				b.StartTimer()
				l.step(b)
			}
		})
	}
}
