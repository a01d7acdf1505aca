package listen

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"inside53/resolver"
	"inside53/server/handon"
)

// asked is what a worker is given of one query.
type asked struct {
	client netip.AddrPort
	over   resolver.Transport
	handed bool
}

// watchfulWorker notes who asks.
type watchfulWorker struct {
	fakeWorker
	asked chan asked
}

func (w watchfulWorker) Serve(
	pkt []byte, client netip.AddrPort, tr resolver.Transport, out []byte, s resolver.Suspender,
) ([]byte, resolver.Result) {
	by, ok := s.(HandedOn)
	if slices.Contains([]string{"now", "soon", "stream"}, firstLabel(pkt)) { // else it is a heartbeat
		w.asked <- asked{client, tr, ok && by.HandedOn()}
	}
	return w.fakeWorker.Serve(pkt, client, tr, out, s)
}

// fleet is a server with a door.
type fleet struct {
	*running
	asked chan asked
	door  *handon.Door
	addr  netip.AddrPort

	mu      sync.Mutex
	leads   bool
	leader  netip.AddrPort
	results map[string]int
}

func (f *fleet) Leader() (bool, netip.AddrPort) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.leads, f.leader
}

func (f *fleet) count(result string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.results[result]++
}

func (f *fleet) counted(result string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.results[result]
}

var secret = []byte("a secret of thirty-two octets ..")

// startFleet runs a server that knows 127.0.0.1 and 127.0.0.2 as members.
func startFleet(t *testing.T, leads bool) *fleet {
	t.Helper()
	f := &fleet{asked: make(chan asked, 64), leads: leads, results: map[string]int{}}
	f.door = handon.NewDoor(handon.Fleet{
		Member: func(a netip.Addr) bool {
			return a == loopback(0).Addr() || a == netip.MustParseAddr("127.0.0.2")
		},
		Leader: f.Leader, Count: f.count,
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s from %s", r.Method, r.URL, r.RemoteAddr)
	}))
	err := f.door.SetKeys([][]byte{[]byte("another"), secret})
	if err != nil {
		t.Fatal(err)
	}
	f.running = start(t, func(o *Options) {
		o.TCP.HandedOn, o.TCP.Idle = f.door, time.Second
		fake := o.NewWorker
		o.NewWorker = func() Worker { return watchfulWorker{fake().(fakeWorker), f.asked} }
	})
	f.addr = f.Addrs()[0]
	return f
}

// client returns what hands on to f.
func (f *fleet) client(t *testing.T) *handon.Client {
	t.Helper()
	c := handon.NewClient(handon.Fleet{
		Leader: func() (bool, netip.AddrPort) { return false, f.addr },
		Member: func(netip.Addr) bool { return true },
	}, netip.Addr{})
	err := c.SetKeys([][]byte{secret})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestHandedOn hands queries on of clients of both families and transports: the worker sees
// the client, and the answer comes back, whether at once, late, or as a stream.
func TestHandedOn(t *testing.T) {
	f := startFleet(t, true)
	c := f.client(t)
	for i, tt := range []struct {
		label string
		from  string
		udp   bool
	}{
		{"now", "192.0.2.7:4711", false}, {"soon", "192.0.2.8:53", true},
		{"now", "[2001:db8::1]:4711", true}, {"soon", "[2001:db8::2]:1", false},
	} {
		m := handon.Message{Client: netip.MustParseAddrPort(tt.from), Datagram: tt.udp, Octets: query(uint16(i), tt.label)}
		answer, err := c.Exchange(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		wantMessage(t, answer, answerTo(m.Octets))
		want := asked{m.Client, resolver.TCP, true}
		if tt.udp {
			want.over = resolver.UDP
		}
		if got := <-f.asked; got != want {
			t.Errorf("the worker saw %v, want %v", got, want)
		}
	}
	if f.counted("dns") != 4 {
		t.Errorf("counted %v", f.results)
	}
}

func TestHandedOnStream(t *testing.T) {
	f := startFleet(t, true)
	opened := make(chan error, 1)
	var answer *handon.Answer
	go func() {
		var err error
		answer, err = f.client(t).Open(t.Context(), handon.Message{Client: loopback(9), Octets: query(1, "stream")})
		opened <- err
	}()
	s := <-f.script.stream
	for i := range 3 {
		err := s.Send(answerTo(query(uint16(i), "stream")))
		if err != nil {
			t.Fatal(err)
		}
	}
	s.End(resolver.Local)
	err := <-opened
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	for i := range 3 {
		m, err := answer.Next()
		if err != nil {
			t.Fatal(err)
		}
		wantMessage(t, m, answerTo(query(uint16(i), "stream")))
	}
	_, err = answer.Next()
	if !errors.Is(err, io.EOF) {
		t.Errorf("behind the last message: %v", err)
	}
}

func TestHandedOnHTTP(t *testing.T) {
	f := startFleet(t, true)
	status, body, err := f.client(t).Request(t.Context(), loopback(9), http.MethodPost, "/accept?zone=a.example")
	if want := "POST /accept?zone=a.example from 127.0.0.1:9"; err != nil || status != 200 || string(body) != want {
		t.Errorf("%d %q %v, want %q", status, body, err, want)
	}
}

// TestHandedOnElsewhere asks a server that doesn't lead: it names the one that does, which is
// asked then, unless it is no member.
func TestHandedOnElsewhere(t *testing.T) {
	leader := startFleet(t, true)
	eventually(t, "the leader answers", func() bool {
		ready, _ := leader.Ready()
		return ready
	})
	follower := startFleet(t, false)
	follower.leader = leader.addr
	c := follower.client(t)
	m := handon.Message{Client: loopback(9), Octets: query(1, "now")}
	answer, err := c.Exchange(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	wantMessage(t, answer, answerTo(m.Octets))
	if len(follower.asked) != 0 {
		t.Error("a server that doesn't lead has answered")
	}
	status, _, err := c.Request(t.Context(), loopback(9), http.MethodPost, "/refresh")
	if err != nil || status != 200 {
		t.Errorf("%d %v", status, err)
	}
	follower.mu.Lock()
	follower.leader = netip.AddrPort{}
	follower.mu.Unlock()
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	_, err = c.Exchange(ctx, m)
	if err == nil {
		t.Error("an answer, though nobody leads")
	}
}

// signed is a header with its query, as a member sends it.
func signed(t *testing.T, at time.Time, m []byte) []byte {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c := handon.NewClient(handon.Fleet{
		Leader: func() (bool, netip.AddrPort) { return false, ln.Addr().(*net.TCPAddr).AddrPort() },
		Now:    func() time.Time { return at },
	}, netip.Addr{})
	err = c.SetKeys([][]byte{secret})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	go c.Exchange(ctx, handon.Message{Client: loopback(9), Octets: m})
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b := make([]byte, 4096)
	n, err := io.ReadAtLeast(conn, b, 16+12+3+42+2+len(m))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	return b[:n]
}

// TestHandedOnRefused sends headers that aren't good: the connection ends and nobody is asked.
func TestHandedOnRefused(t *testing.T) {
	f := startFleet(t, true)
	good := signed(t, time.Now(), query(1, "now"))
	change := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 4
		return b
	}
	for _, tt := range []struct {
		name, why string
		octets    []byte
	}{
		{"another client", "mac", change(16)},
		{"another kind", "form", change(16 + 12 + 3)},
		{"another hop", "form", change(16 + 12 + 3 + 1)},
		{"another time", "mac", change(16 + 12 + 3 + 9)},
		{"another MAC", "mac", change(16 + 12 + 3 + 20)},
		{"another message", "mac", change(len(good) - 8)},
		{"another command", "form", change(12)},
		{"another field", "form", change(16 + 12)},
		{"old", "age", signed(t, time.Now().Add(-302*time.Second), query(1, "now"))},
		{"of the future", "age", signed(t, time.Now().Add(302*time.Second), query(1, "now"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := f.counted(tt.why)
			c := dial(t, "tcp", f.addr)
			c.send(tt.octets)
			wantEnd(t, c)
			if f.counted(tt.why) != before+1 {
				t.Errorf("counted %v, want one more of %s", f.results, tt.why)
			}
		})
	}
	c := dial(t, "tcp", f.addr)
	c.send(append(bytes.Clone(good), good...))
	wantMessage(t, c.receiveMessage(), answerTo(query(1, "now")))
	wantEnd(t, c) // the second one isn't answered
	again := dial(t, "tcp", f.addr)
	again.send(good)
	wantEnd(t, again)
	if f.counted("seen") != 1 || len(f.asked) != 1 {
		t.Errorf("counted %v, asked %d", f.results, len(f.asked))
	}
}

// TestHandedOnStranger sends a good header from an address that is no member's: the connection
// ends, and nobody looks at it. A member's own queries are queries.
func TestHandedOnStranger(t *testing.T) {
	f := startFleet(t, true)
	c := dialFrom(t, "127.0.0.3", f.addr)
	c.send(signed(t, time.Now(), query(1, "now")))
	wantEnd(t, c)
	if len(f.asked) != 0 || len(f.results) != 0 {
		t.Errorf("asked %d, counted %v", len(f.asked), f.results)
	}
	member := dialFrom(t, "127.0.0.2", f.addr)
	for i := range 3 {
		member.sendMessages(query(uint16(i), "now"))
		wantMessage(t, member.receiveMessage(), answerTo(query(uint16(i), "now")))
		if got := <-f.asked; got.handed || got.client.Addr() != netip.MustParseAddr("127.0.0.2") {
			t.Errorf("the worker saw %v", got)
		}
	}
}

// TestHandedOnPieces sends header and message octet by octet, and half of them.
func TestHandedOnPieces(t *testing.T) {
	f := startFleet(t, true)
	c := dial(t, "tcp", f.addr)
	for _, b := range signed(t, time.Now(), query(1, "now")) {
		c.send([]byte{b})
	}
	wantMessage(t, c.receiveMessage(), answerTo(query(1, "now")))
	for _, n := range []int{1, 13, 20, 75, 80} {
		half := dial(t, "tcp", f.addr)
		half.send(signed(t, time.Now(), query(uint16(n), "now"))[:n])
		wantEnd(t, half) // after the idle time
	}
	large := append(query(2, "now"), make([]byte, 60_000)...)
	binary.BigEndian.PutUint16(large, 2)
	answer, err := f.client(t).Exchange(t.Context(), handon.Message{Client: loopback(9), Octets: large})
	if err != nil || len(answer) != len(large) {
		t.Errorf("%d octets, %v", len(answer), err)
	}
}
