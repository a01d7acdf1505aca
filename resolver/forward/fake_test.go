package forward

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inside53/resolver/freeport"
	"inside53/server/house"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(house.Loopback(m)) }

// fakeUpstream is a server on loopback. answer says what it replies; nil drops.
type fakeUpstream struct {
	addr   string
	asked  atomic.Int64
	viaTCP atomic.Int64
	mu     sync.Mutex
	answer func(q *dns.Msg, tcp bool) *dns.Msg
	ports  map[int]int // source ports seen
	ids    map[uint16]int
}

// newFake starts a fake over UDP and TCP, or over TLS alone.
func newFake(t testing.TB, answer func(q *dns.Msg, tcp bool) *dns.Msg, secure *tls.Config) *fakeUpstream {
	t.Helper()
	u := &fakeUpstream{answer: answer, ports: map[int]int{}, ids: map[uint16]int{}}
	var servers []*dns.Server
	if secure != nil {
		l, err := tls.Listen("tcp", "127.0.0.1:0", secure)
		if err != nil {
			t.Fatal(err)
		}
		u.addr = l.Addr().String()
		servers = append(servers, &dns.Server{Listener: l})
	} else {
		l, pc := listenBoth(t)
		u.addr = l.Addr().String()
		servers = append(servers, &dns.Server{Listener: l}, &dns.Server{PacketConn: pc})
	}
	var wg sync.WaitGroup
	for _, s := range servers {
		s.Handler = u
		ready := make(chan struct{})
		s.NotifyStartedFunc = func() { close(ready) }
		s.IdleTimeout = func() time.Duration { return time.Minute }
		wg.Go(func() {
			err := s.ActivateAndServe()
			if err != nil && !strings.Contains(err.Error(), "closed") {
				t.Errorf("fake upstream: %v", err)
			}
		})
		<-ready
	}
	t.Cleanup(func() {
		for _, s := range servers {
			err := s.Shutdown()
			if err != nil {
				t.Errorf("fake upstream: %v", err)
			}
		}
		wg.Wait()
	})
	return u
}

// listenBoth listens on one port over TCP and UDP.
func listenBoth(t testing.TB) (net.Listener, net.PacketConn) {
	t.Helper()
	packets, streams, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	return streams, packets
}

func (u *fakeUpstream) set(answer func(q *dns.Msg, tcp bool) *dns.Msg) {
	u.mu.Lock()
	u.answer = answer
	u.mu.Unlock()
}

func (u *fakeUpstream) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	u.asked.Add(1)
	_, tcp := w.RemoteAddr().(*net.TCPAddr)
	u.mu.Lock()
	answer := u.answer
	if tcp {
		u.viaTCP.Add(1)
	} else {
		u.ports[w.RemoteAddr().(*net.UDPAddr).Port]++
	}
	u.ids[q.Id]++
	u.mu.Unlock()
	m := answer(q, tcp)
	if m == nil {
		return
	}
	_ = w.WriteMsg(m) // the asker may have gone
}

// says returns an answer with the records given in text, whatever is asked.
func says(t testing.TB, rcode int, answer, authority []string) func(q *dns.Msg, tcp bool) *dns.Msg {
	t.Helper()
	parse := func(texts []string) (rrs []dns.RR) {
		for _, text := range texts {
			rr, err := dns.NewRR(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			rrs = append(rrs, rr)
		}
		return rrs
	}
	an, ns := parse(answer), parse(authority)
	return func(q *dns.Msg, _ bool) *dns.Msg {
		m := new(dns.Msg).SetRcode(q, rcode)
		m.RecursionAvailable, m.Compress = true, true
		m.Answer, m.Ns = an, ns
		return m
	}
}

// echoA answers every question for A with 192.0.2.1.
func echoA(q *dns.Msg, _ bool) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.Answer = []dns.RR{&dns.A{
		Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300},
		A:   net.IPv4(192, 0, 2, 1),
	}}
	return m
}

// slowA does so clearly slower than loopback is: another upstream is preferred.
func slowA(q *dns.Msg, tcp bool) *dns.Msg {
	time.Sleep(20 * time.Millisecond)
	return echoA(q, tcp)
}

func silent(*dns.Msg, bool) *dns.Msg { return nil }

// fakeClock is a clock that tests move.
type fakeClock struct{ unix atomic.Int64 }

func (c *fakeClock) now() time.Time          { return time.Unix(c.unix.Load(), 0) }
func (c *fakeClock) advance(d time.Duration) { c.unix.Add(int64(d / time.Second)) }

// newRunning returns a forwarder that runs until the test ends.
func newRunning(t testing.TB, o Options) (*Forwarder, *fakeClock) {
	t.Helper()
	clock := &fakeClock{}
	clock.unix.Store(1_700_000_000)
	o.Now = clock.now
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- f.Run(ctx) }()
	for f.state.Load() != running {
		time.Sleep(time.Millisecond)
	}
	t.Cleanup(func() {
		cancel()
		err := <-ran
		if err != nil {
			t.Errorf("Run: %v", err)
		}
		s := f.Stats()
		if s.InFlight != 0 || s.Waiting != 0 {
			t.Errorf("after Run %d in flight and %d waiting", s.InFlight, s.Waiting)
		}
	})
	return f, clock
}

func newGroup(t testing.TB, f *Forwarder, upstreams ...string) *Group {
	t.Helper()
	g, err := f.Group(GroupSpec{Upstreams: upstreams})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// question makes a question of a name in text.
func question(t testing.TB, name string, typ uint16) *Question {
	t.Helper()
	wire := make([]byte, 256)
	n, err := dns.PackDomainName(dns.CanonicalName(name), wire, 0, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	return &Question{Name: wire[:n], Type: typ}
}

type outcome struct {
	m   *Message
	err error
}

var stranger = Asker{Addr: netip.MustParseAddr("192.0.2.77")}

// ask asks and returns where the outcome will be.
func ask(t testing.TB, f *Forwarder, g *Group, q *Question) <-chan outcome {
	t.Helper()
	c := make(chan outcome, 2)
	err := f.Ask(g, q, stranger, func(m *Message, err error) { c <- outcome{m, err} })
	if err != nil {
		t.Fatalf("Ask: %v", err)
	}
	return c
}

// wait waits for the outcome.
func wait(t testing.TB, c <-chan outcome) outcome {
	t.Helper()
	select {
	case o := <-c:
		return o
	case <-time.After(10 * time.Second):
		t.Fatal("done was not called")
		return outcome{}
	}
}

// resolve asks and waits.
func resolve(t testing.TB, f *Forwarder, g *Group, q *Question) outcome {
	t.Helper()
	return wait(t, ask(t, f, g, q))
}

// frame makes a whole message of m as its documentation promises.
func frame(m *Message, q *Question) []byte {
	b := []byte{0, 0, 0x80, m.Rcode & 0x0F, 0, 1}
	b = append(b, byte(m.Answers>>8), byte(m.Answers), byte(m.Authority>>8), byte(m.Authority), 0, 0)
	b = append(b, q.Name...)
	b = append(b, byte(q.Type>>8), byte(q.Type), 0, 1)
	return append(b, m.Body()...)
}

// texts returns the RRs of m as miekg/dns reads and prints them.
func texts(t testing.TB, m *Message, q *Question) (answer, authority []string) {
	t.Helper()
	msg := new(dns.Msg)
	err := msg.Unpack(frame(m, q))
	if err != nil {
		t.Fatalf("unpacking the framed body: %v", err)
	}
	for _, rr := range msg.Answer {
		answer = append(answer, strings.ReplaceAll(rr.String(), "\t", " "))
	}
	for _, rr := range msg.Ns {
		authority = append(authority, strings.ReplaceAll(rr.String(), "\t", " "))
	}
	return answer, authority
}
