package listen

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"
)

// dialFrom opens a connection as the client of an address of loopback, with a small buffer.
func dialFrom(t *testing.T, from string, to netip.AddrPort) *client {
	t.Helper()
	d := net.Dialer{
		Timeout:   5 * time.Second,
		LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)),
	}
	conn, err := d.DialContext(t.Context(), "tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{t, conn}
}

// wantRefused expects a connection to be closed at once.
func wantRefused(t *testing.T, from string, to netip.AddrPort) {
	t.Helper()
	d := net.Dialer{
		Timeout:   5 * time.Second,
		LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)),
	}
	conn, err := d.DialContext(t.Context(), "tcp", to.String())
	if errors.Is(err, syscall.ECONNRESET) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	wantEnd(t, &client{t, conn})
}

// TestTCPMemory has many clients ask for large answers and read none of them: late ones, ready
// ones, and with queries that never end. What they hold stays within the bound, and a client
// that reads gets its answers.
func TestTCPMemory(t *testing.T) {
	const limit, readers, each = 1 << 20, 12, 30
	for _, kind := range []string{"late", "ready", "endless"} {
		t.Run(kind, func(t *testing.T) {
			r := start(t, func(o *Options) { o.TCP.Memory, o.TCP.Write = limit, time.Minute })
			good := dial(t, "tcp", r.Addrs()[0])
			var most int64
			look := func() { most = max(most, r.tcp[0].memory.held.Load()) }
			var clients []*client
			for range readers {
				clients = append(clients, dialFrom(t, "127.5.0.1", r.Addrs()[0]))
			}
			if kind != "late" { // each holds one message at most
				for i := range 9 * readers {
					clients = append(clients, dialFrom(t, fmt.Sprintf("127.5.0.%d", 2+i%4), r.Addrs()[0]))
				}
			}
			if kind == "endless" {
				for _, c := range clients {
					_, _ = c.conn.Write([]byte{255, 255, 0, 0}) // it may be closed already
				}
			}
			for i := range each {
				for _, c := range clients {
					switch kind {
					case "late":
						_, _ = c.conn.Write(append([]byte{0, byte(len(query(1, "late")))}, query(1, "late")...))
						select {
						case q := <-r.script.late:
							big := make([]byte, wire.MaxMessage)
							copy(big, answerTo(q.query))
							q.answer(big, resolver.Forwarded)
						case <-time.After(5 * time.Millisecond): // it was closed
						}
					case "ready":
						_, _ = c.conn.Write(append([]byte{0, byte(len(query(1, "big-65535")))}, query(1, "big-65535")...))
					}
					look()
				}
				good.sendMessages(query(uint16(i), "echo"))
				wantMessage(t, good.receiveMessage(), answerTo(query(uint16(i), "echo")))
			}
			eventually(t, "the slowest are closed", func() bool {
				look()
				return r.Stats().TCP[0].Refused[RefusedMemory] > 0
			})
			// Beyond it are those who are about to make room: the answers of a batch a slot at most, in
			// memory as the runtime rounds it.
			if most > limit+r.tcp[0].buffers.slots.bound*outBuffer*5/4 {
				t.Errorf("%d octets are held, for a bound of %d", most, limit)
			}
			for _, c := range clients {
				c.conn.Close()
			}
			eventually(t, "all is given back", func() bool {
				good.sendMessages(query(7, "echo"))
				wantMessage(t, good.receiveMessage(), answerTo(query(7, "echo")))
				return r.tcp[0].memory.held.Load() == 0
			})
		})
	}
}

func TestTCPStrangers(t *testing.T) {
	asked := make(chan netip.Addr, 100)
	r := start(t, func(o *Options) {
		o.TCP.Welcome = func(client netip.Addr) Welcome {
			asked <- client
			return map[string]Welcome{"127.7.0.1": Known, "127.8.0.1": Keyed, "127.8.0.2": Keyed}[client.String()]
		}
	})
	wantRefused(t, "127.9.0.1", r.Addrs()[0])
	known := dialFrom(t, "127.7.0.1", r.Addrs()[0])
	known.sendMessages(query(1, "echo"))
	wantMessage(t, known.receiveMessage(), answerTo(query(1, "echo")))
	if s := r.Stats().TCP[0]; s.Refused[RefusedStranger] != 1 {
		t.Errorf("counted %+v", s)
	}
	eventually(t, "own probes are no strangers'", func() bool { ok, _ := r.Ready(); return ok })

	var keyed []*client
	for range keyedPerClient {
		c := dialFrom(t, "127.8.0.1", r.Addrs()[0])
		c.sendMessages(query(1, "echo"))
		wantMessage(t, c.receiveMessage(), answerTo(query(1, "echo")))
		keyed = append(keyed, c)
	}
	wantRefused(t, "127.8.0.1", r.Addrs()[0]) // above its share
	transfer := dialFrom(t, "127.8.0.2", r.Addrs()[0])
	transfer.sendMessages(query(1, "stream"))
	stream := <-r.script.stream

	// Their time is over whatever they do, but for a transfer under way.
	began := time.Now()
	for at := 1; ; at++ {
		_, err := keyed[0].conn.Write(append([]byte{0, byte(len(query(1, "echo")))}, query(1, "echo")...))
		if err == nil {
			_, err = readMessage(keyed[0].conn)
		}
		if err != nil {
			break
		}
		if time.Since(began) > 2*keyedTime {
			t.Fatal("a connection that may have a key stays open")
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, c := range keyed[1:] {
		wantEnd(t, c)
	}
	err := stream.Send(numberedMessage(7, 100))
	if err != nil {
		t.Fatal(err)
	}
	transfer.receiveMessage()
	stream.End(resolver.Local)
	wantEnd(t, transfer)
	close(asked)
	var all []netip.Addr
	for a := range asked {
		all = append(all, a)
	}
	if slices.Contains(all, netip.MustParseAddr("127.0.0.1")) {
		t.Error("this host is asked for")
	}
}

// TestTCPKeyedInAll bounds the connections of clients that may have a key.
func TestTCPKeyedInAll(t *testing.T) {
	r := start(t, func(o *Options) { o.TCP.Welcome = func(netip.Addr) Welcome { return Keyed } })
	for i := range 2 * keyedConnections {
		c := dialFrom(t, netip.AddrFrom4([4]byte{127, 8, 0, byte(i)}).String(), r.Addrs()[0])
		c.sendMessages(query(1, "echo"))
		wantMessage(t, c.receiveMessage(), answerTo(query(1, "echo")))
	}
	eventually(t, "few are left", func() bool { return r.Stats().TCP[0].Open <= keyedConnections+1 }) // a probe
}

// TestTCPIdleShrinks: idle connections have less time when few more may be opened.
func TestTCPIdleShrinks(t *testing.T) {
	l := newConnLimit(TCPOptions{Connections: 100, PerClient: 100, Idle: 10 * time.Second})
	for _, tt := range []struct {
		open int
		want time.Duration
	}{
		{0, 10 * time.Second}, {75, 10 * time.Second}, {80, 8 * time.Second}, {90, 4 * time.Second},
		{99, time.Second}, {100, time.Second},
	} {
		for l.known.Open() < tt.open {
			l.known.Add(netip.MustParseAddr("192.0.2.1"), &tcpConn{})
		}
		if got := l.idle(); got != tt.want {
			t.Errorf("%d open: idle for %s, want %s", tt.open, got, tt.want)
		}
	}
}
