package listen

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"inside53/resolver"

	"go.uber.org/goleak"
)

func TestBindResolvesPortZero(t *testing.T) {
	r := start(t, func(o *Options) {
		o.Addresses = []netip.AddrPort{
			loopback(0),
			netip.MustParseAddrPort("127.0.0.2:0"),
			netip.MustParseAddrPort("[::1]:0"),
		}
	})
	if len(r.Addrs()) != 3 {
		t.Fatalf("addresses %v, want 3", r.Addrs())
	}
	for i, want := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		a := r.Addrs()[i]
		if a.Addr().String() != want || a.Port() == 0 {
			t.Errorf("address %d is %s, want %s with a port", i, a, want)
		}
		u, c := dial(t, "udp", a), dial(t, "tcp", a)
		u.send(query(1, "echo"))
		wantMessage(t, u.receive(), answerTo(query(1, "echo")))
		c.sendMessages(query(2, "echo"))
		wantMessage(t, c.receiveMessage(), answerTo(query(2, "echo")))
	}
}

// Both wildcards on one port: each takes its family.
func TestBindBothWildcards(t *testing.T) {
	port := wildcardPort(t)
	r := start(t, func(o *Options) {
		o.Addresses = []netip.AddrPort{
			netip.AddrPortFrom(netip.IPv6Unspecified(), port),
			netip.AddrPortFrom(netip.IPv4Unspecified(), port),
		}
	})
	for _, to := range []netip.Addr{netip.IPv6Loopback(), loopback(0).Addr()} {
		u, c := dial(t, "udp", netip.AddrPortFrom(to, port)), dial(t, "tcp", netip.AddrPortFrom(to, port))
		u.send(query(1, "echo"))
		wantMessage(t, u.receive(), answerTo(query(1, "echo")))
		c.sendMessages(query(2, "echo"))
		wantMessage(t, c.receiveMessage(), answerTo(query(2, "echo")))
	}
	eventually(t, "all loops are seen to answer", func() bool { ok, _ := r.Ready(); return ok })
}

// wildcardPort finds a port that nobody has, of any address, for TCP and UDP.
func wildcardPort(t *testing.T) uint16 {
	t.Helper()
	for range bindAttempts {
		tcp, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		port := tcp.Addr().(*net.TCPAddr).AddrPort().Port()
		udp, err := net.ListenUDP("udp", &net.UDPAddr{Port: int(port)})
		_ = tcp.Close()
		if err == nil {
			_ = udp.Close()
			return port
		}
	}
	t.Fatal("no port is free for TCP and UDP")
	return 0
}

// occupyUDP takes a port for UDP that nobody has for TCP.
func occupyUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	for range bindAttempts {
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback(0)))
		if err != nil {
			t.Fatal(err)
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err == nil {
			_ = tcp.Close()
			return udp
		}
		_ = udp.Close()
	}
	t.Fatal("no port is free for TCP")
	return nil
}

func TestBindFaults(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	udp := occupyUDP(t)
	defer udp.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	takenUDP, takenTCP := udp.LocalAddr().String(), tcp.Addr().String()

	make1 := func() Worker { return fakeWorker{newScript()} }
	tests := []struct {
		name string
		o    Options
		want []string
	}{
		{"nothing", Options{}, []string{"no address", "no worker"}},
		{
			"negative",
			Options{Addresses: []netip.AddrPort{loopback(0)}, NewWorker: make1, Loops: -1, TCP: TCPOptions{Idle: -1}},
			[]string{"loops", "tcp"},
		},
		{"zero address", Options{Addresses: []netip.AddrPort{{}}, NewWorker: make1}, []string{"invalid address"}},
		{
			"twice",
			Options{
				Addresses: []netip.AddrPort{loopback(5300), netip.MustParseAddrPort("[::ffff:127.0.0.1]:5300")},
				NewWorker: make1,
			},
			[]string{"127.0.0.1:5300 is listed twice"},
		},
		{
			"udp taken",
			Options{Addresses: []netip.AddrPort{loopback(0), netip.MustParseAddrPort(takenUDP)}, NewWorker: make1},
			[]string{"listening on udp " + takenUDP, "in use", "another process"},
		},
		{
			"tcp taken",
			Options{Addresses: []netip.AddrPort{netip.MustParseAddrPort(takenTCP)}, NewWorker: make1},
			[]string{"listening on tcp " + takenTCP, "in use", "another process"},
		},
		{
			"not ours",
			Options{Addresses: []netip.AddrPort{netip.MustParseAddrPort("198.51.100.1:0")}, NewWorker: make1},
			[]string{"198.51.100.1", "no interface"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Bind(tt.o)
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not say %q", err, w)
				}
			}
		})
	}
}

// A second server must not join the first one's sockets by SO_REUSEPORT.
func TestBindSecondServer(t *testing.T) {
	r := start(t, nil)
	_, err := Bind(Options{Addresses: r.Addrs(), NewWorker: func() Worker { return fakeWorker{r.script} }})
	if err == nil {
		t.Fatal("two servers on one address")
	}
}

func TestCloseWithoutRun(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	o := Options{Addresses: []netip.AddrPort{loopback(0)}, NewWorker: func() Worker { return fakeWorker{newScript()} }}
	s, err := Bind(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	s.Close()
	o.Addresses = s.Addrs()
	again, err := Bind(o)
	if err != nil {
		t.Fatalf("the port is not free again: %v", err)
	}
	again.Close()
}

func TestRunEndsWhenASocketBreaks(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s, err := Bind(Options{
		Addresses: []netip.AddrPort{loopback(0)}, NewWorker: func() Worker { return fakeWorker{newScript()} },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.tcp[0].ln.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err = s.Run(ctx)
	if err == nil || !strings.Contains(err.Error(), "accepting on tcp "+s.Addrs()[0].String()) {
		t.Errorf("Run returned %v, want the broken listener", err)
	}
}

// Whatever load there is, the end comes soon.
func TestRunEndsUnderLoad(t *testing.T) {
	r := start(t, nil)
	stop := make(chan struct{})
	flooded := make(chan struct{})
	c := dial(t, "udp", r.Addrs()[0])
	go func() {
		defer close(flooded)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = c.conn.Write(query(1, "echo")) // refused once the server is gone
			}
		}
	}()
	for range 100 {
		c.receive()
	}
	began := time.Now()
	// The flood is this test's own goroutine: stop it before leaks are looked for.
	defer func() { <-flooded }()
	go func() {
		time.Sleep(500 * time.Millisecond)
		close(stop)
	}()
	<-flooded
	r.stop()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("ending took %s", took)
	}
}

// TestLatency: every answer that waited for nobody is in a bucket; what was dropped, late, or a probe isn't.
func TestLatency(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		r := start(t, nil)
		c := dial(t, network, r.Addrs()[0])
		transport := resolver.UDP
		if network == "tcp" {
			transport = resolver.TCP
			c.sendMessages(query(1, "echo"), query(2, "drop"), query(3, "soon"), query(4, "echo"))
			for range 3 {
				c.receiveMessage()
			}
		} else {
			for i, label := range []string{"echo", "drop", "soon", "echo"} {
				c.send(query(uint16(i), label))
			}
			for range 3 {
				c.receive()
			}
		}
		eventually(t, network+": two answers have a time", func() bool {
			s := r.Stats()
			local := s.Latency[transport][resolver.Local]
			return local.Total() == 2 && local.Sum > 0 && s.Latency[transport][resolver.Dropped].Total() == 0 &&
				s.Latency[transport][resolver.Forwarded].Total() == 0
		})
	}
}
