package forward

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/miekg/dns"
)

func TestAnswerIsCachedAndCountsDown(t *testing.T) {
	up := newFake(t, echoA, nil)
	f, clock := newRunning(t, Options{})
	g := newGroup(t, f, up.addr)
	q := question(t, "www.example.com.", dns.TypeA)
	if found := f.Cached(g, q, clock.unix.Load()); found.State != Miss || found.Message != nil {
		t.Fatalf("empty cache has %+v", found)
	}
	o := resolve(t, f, g, q)
	if o.err != nil || o.m.Answers != 1 || o.m.TTL != 300 {
		t.Fatalf("outcome %+v", o)
	}
	steps := []struct {
		after    int64
		state    State
		prefetch bool
	}{
		{0, Fresh, false}, {100, Fresh, false}, {270, Fresh, false}, {271, Fresh, true}, {272, Fresh, false},
		{277, Fresh, true}, {299, Fresh, true}, {300, Stale, false}, {86699, Stale, false}, {86700, Miss, false},
	}
	for _, step := range steps {
		found := f.Cached(g, q, clock.unix.Load()+step.after)
		if found.State != step.state || found.Prefetch != step.prefetch {
			t.Errorf("after %d s: state %d, prefetch %t; want %d, %t",
				step.after, found.State, found.Prefetch, step.state, step.prefetch)
		}
		if found.State != Miss && int64(found.Age) != step.after {
			t.Errorf("after %d s: age %d", step.after, found.Age)
		}
	}
	for _, other := range []Question{
		{q.Name, q.Type, true, false}, {q.Name, q.Type, false, true}, {q.Name, dns.TypeAAAA, false, false},
	} {
		if found := f.Cached(g, &other, clock.unix.Load()); found.State != Miss {
			t.Errorf("%+v was found", other)
		}
	}
	if found := f.Cached(newGroup(t, f, "192.0.2.1"), q, clock.unix.Load()); found.State != Miss {
		t.Error("found in another group's cache")
	}
	s := f.Stats()
	if s.Entries != 1 || s.Bytes < 100 || s.Hits == 0 || s.Misses == 0 || s.Stale == 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestTTLZeroIsNotCached(t *testing.T) {
	up := newFake(t, says(t, 0, []string{"www.example.com. 0 IN A 192.0.2.1"}, nil), nil)
	f, clock := newRunning(t, Options{})
	g := newGroup(t, f, up.addr)
	q := question(t, "www.example.com.", dns.TypeA)
	if o := resolve(t, f, g, q); o.err != nil || o.m.Answers != 1 {
		t.Fatalf("outcome %+v", o)
	}
	if found := f.Cached(g, q, clock.unix.Load()); found.State != Miss {
		t.Error("cached")
	}
}

func TestQueryOnTheWire(t *testing.T) {
	var mu sync.Mutex
	var seen *dns.Msg
	up := newFake(t, func(q *dns.Msg, tcp bool) *dns.Msg {
		mu.Lock()
		seen = q
		mu.Unlock()
		return echoA(q, tcp)
	}, nil)
	f, _ := newRunning(t, Options{})
	g := newGroup(t, f, up.addr)
	for _, flags := range []struct{ do, cd bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		q := question(t, "www.example.com.", dns.TypeA)
		q.DO, q.CD = flags.do, flags.cd
		if o := resolve(t, f, g, q); o.err != nil {
			t.Fatal(o.err)
		}
		mu.Lock()
		opt := seen.IsEdns0()
		if !seen.RecursionDesired || !seen.AuthenticatedData || seen.CheckingDisabled != flags.cd ||
			opt == nil || opt.UDPSize() != 1232 || opt.Do() != flags.do || len(opt.Option) != 0 ||
			seen.Question[0].Name != "www.example.com." {
			t.Errorf("query with %+v:\n%s", flags, seen)
		}
		mu.Unlock()
	}
}

func TestOneFlight(t *testing.T) {
	release := make(chan struct{})
	up := newFake(t, func(q *dns.Msg, tcp bool) *dns.Msg { <-release; return echoA(q, tcp) }, nil)
	f, _ := newRunning(t, Options{RetryMin: 10 * time.Second, RetryMax: 10 * time.Second, Budget: 20 * time.Second})
	g := newGroup(t, f, up.addr)
	q := question(t, "www.example.com.", dns.TypeA)
	var waiting []<-chan outcome
	for range 50 {
		waiting = append(waiting, ask(t, f, g, q))
	}
	if s := f.Stats(); s.InFlight != 1 || s.Waiting != 50 {
		t.Errorf("%d in flight and %d waiting", s.InFlight, s.Waiting)
	}
	close(release)
	var first *Message
	for _, c := range waiting {
		o := wait(t, c)
		if o.err != nil || first != nil && o.m != first {
			t.Fatalf("outcome %+v", o)
		}
		first = o.m
	}
	if n := up.asked.Load(); n != 1 {
		t.Errorf("%d queries", n)
	}
	// One that looked before the answer came and asks after it.
	if o := resolve(t, f, g, q); o.m != first || up.asked.Load() != 1 {
		t.Errorf("asked again: %+v", o)
	}
}

func TestNotRunning(t *testing.T) {
	f, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := newGroup(t, f, "192.0.2.1")
	err = f.Ask(g, question(t, "a.example.", dns.TypeA), stranger, nil)
	if !errors.Is(err, ErrClosed) {
		t.Errorf("Ask: %v", err)
	}
}

// TestEnd: who waits when the forwarder ends is told.
func TestEnd(t *testing.T) {
	up := newFake(t, silent, nil)
	outcomes := make(chan outcome, 1)
	t.Run("run", func(t *testing.T) {
		f, _ := newRunning(t, Options{})
		g := newGroup(t, f, up.addr)
		done := func(m *Message, err error) { outcomes <- outcome{m, err} }
		err := f.Ask(g, question(t, "a.example.", dns.TypeA), stranger, done)
		if err != nil {
			t.Fatal(err)
		}
	})
	if o := wait(t, outcomes); !errors.Is(o.err, ErrClosed) {
		t.Errorf("outcome %+v", o)
	}
}

func TestServFail(t *testing.T) {
	fail := func(q *dns.Msg, _ bool) *dns.Msg {
		m := new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: 6})
		return m
	}
	one, two := newFake(t, fail, nil), newFake(t, fail, nil)
	f, clock := newRunning(t, Options{})
	g := newGroup(t, f, one.addr, two.addr)
	q := question(t, "bogus.example.", dns.TypeA)
	for i, ttl := range []uint32{1, 2, 4, 5, 5} {
		o := resolve(t, f, g, q)
		if !errors.Is(o.err, ErrServFail) || o.m.Rcode != dns.RcodeServerFailure || o.m.EDE != 6 || o.m.TTL != ttl {
			t.Fatalf("outcome %d: %+v %v, want TTL %d", i, o.m, o.err, ttl)
		}
		found := f.Cached(g, q, clock.unix.Load())
		if found.State != Fresh || found.Rcode != dns.RcodeServerFailure || found.EDE != 6 {
			t.Fatalf("cached %+v", found)
		}
		clock.advance(time.Duration(ttl) * time.Second)
		if found := f.Cached(g, q, clock.unix.Load()); found.State != Miss {
			t.Fatalf("cached for longer than %d s: %+v", ttl, found)
		}
	}
	one.set(echoA)
	if o := resolve(t, f, g, q); o.err != nil || o.m.Answers != 1 {
		t.Errorf("after recovery: %+v", o)
	}
}

func TestStale(t *testing.T) {
	up := newFake(t, echoA, nil)
	f, clock := newRunning(t, Options{StaleAfter: 50 * time.Millisecond, Budget: 1500 * time.Millisecond})
	g := newGroup(t, f, up.addr)
	q := question(t, "www.example.com.", dns.TypeA)
	before := resolve(t, f, g, q).m
	clock.advance(400 * time.Second)

	up.set(silent)
	first := ask(t, f, g, q)
	if o := wait(t, first); !errors.Is(o.err, ErrStale) || o.m != before {
		t.Fatalf("slow upstream: %+v", o)
	}
	if f.Stats().InFlight != 1 {
		t.Fatal("the flight ended with the stale answer")
	}
	if o := resolve(t, f, g, q); !errors.Is(o.err, ErrStale) || f.Stats().InFlight != 1 {
		t.Fatalf("who joins later: %+v", o)
	}
	until(t, "the flight fails", func() bool { return f.Cached(g, q, clock.unix.Load()).State == StaleFailing })
	until(t, "the flight ends", func() bool { return f.Stats().InFlight == 0 })
	clock.advance(30 * time.Second)
	if found := f.Cached(g, q, clock.unix.Load()); found.State != Stale {
		t.Fatalf("after the recheck time: %+v", found)
	}

	up.set(says(t, dns.RcodeServerFailure, nil, nil))
	if o := resolve(t, f, g, q); !errors.Is(o.err, ErrStale) || o.m != before {
		t.Fatalf("failing upstream: %+v", o)
	}
	clock.advance(30 * time.Second)
	up.set(echoA)
	if o := resolve(t, f, g, q); o.err != nil || o.m == before {
		t.Fatalf("recovered upstream: %+v", o)
	}
	if len(first) != 0 {
		t.Error("done was called twice")
	}
}

// until waits for something to become true.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestPrefetch(t *testing.T) {
	up := newFake(t, echoA, nil)
	f, clock := newRunning(t, Options{})
	g := newGroup(t, f, up.addr)
	q := question(t, "www.example.com.", dns.TypeA)
	resolve(t, f, g, q)
	clock.advance(280 * time.Second)
	if found := f.Cached(g, q, clock.unix.Load()); !found.Prefetch {
		t.Fatalf("found %+v", found)
	}
	err := f.Ask(g, q, stranger, nil)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the answer is new", func() bool { return f.Cached(g, q, clock.unix.Load()).Age == 0 })
}

func TestLoop(t *testing.T) {
	f, _ := newRunning(t, Options{Budget: time.Second})
	// The test's upstreams have to be on this host; the forwarder must not know.
	one, two := newFake(t, silent, nil), newFake(t, silent, nil)
	g, other := newGroup(t, f, one.addr), newGroup(t, f, two.addr)
	for slot := range sockets {
		_, err := f.openUDP(g.upstreams[0], slot)
		if err != nil {
			t.Fatal(err)
		}
	}
	g.upstreams[0].local.Store(false)
	upstream := Asker{Addr: netip.MustParseAddr("127.0.0.1")}
	q := question(t, "www.example.com.", dns.TypeA)
	c := ask(t, f, g, q)
	back := *q
	back.DO = true // an upstream sets the flags it likes
	for _, client := range []string{"127.0.0.1", "::ffff:127.0.0.1"} {
		err := f.Ask(g, &back, Asker{Addr: netip.MustParseAddr(client)}, nil)
		if !errors.Is(err, ErrLoop) {
			t.Errorf("from %s: %v", client, err)
		}
	}
	err := f.Ask(other, q, upstream, nil)
	if !errors.Is(err, ErrLoop) {
		t.Errorf("by another group: %v", err)
	}
	err = f.Ask(g, question(t, "w2.example.com.", dns.TypeA), upstream, nil)
	if err != nil {
		t.Errorf("another question: %v", err)
	}
	err = f.Ask(g, q, stranger, nil)
	if err != nil {
		t.Errorf("another client: %v", err)
	}
	if s := f.Stats(); s.Loops != 3 {
		t.Errorf("%d loops", s.Loops)
	}
	wait(t, c)
}

// TestLoopOnLoopback: the address of a local upstream is that of local clients
// too; they wait, but not for the whole time.
func TestLoopOnLoopback(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	up := newFake(t, func(q *dns.Msg, tcp bool) *dns.Msg {
		if q.Question[0].Name == "loop.example." {
			<-release
			return nil
		}
		return echoA(q, tcp)
	}, nil)
	f, _ := newRunning(t, Options{Budget: time.Second})
	g := newGroup(t, f, up.addr)
	local := Asker{Addr: netip.MustParseAddr("127.0.0.1")}
	for name, want := range map[string]error{"fine.example.": nil, "loop.example.": ErrLoop} {
		q := question(t, name, dns.TypeA)
		first := ask(t, f, g, q)
		joined := make(chan outcome, 1)
		err := f.Ask(g, q, local, func(m *Message, err error) { joined <- outcome{m, err} })
		if err != nil {
			t.Fatal(err)
		}
		if o := wait(t, joined); !errors.Is(o.err, want) {
			t.Errorf("%s, joined: %v, want %v", name, o.err, want)
		}
		if want != nil && len(first) != 0 {
			t.Error("the loop was noticed only when the flight had ended")
		}
		wait(t, first)
	}
}

// TestSpoofed: replies that do not fit are counted, and the right one is waited for.
func TestSpoofed(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	f, _ := newRunning(t, Options{RetryMin: 5 * time.Second, RetryMax: 5 * time.Second})
	g := newGroup(t, f, pc.LocalAddr().String())
	c := ask(t, f, g, question(t, "www.example.com.", dns.TypeA))
	buf := make([]byte, 512)
	n, from, err := pc.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	query := new(dns.Msg)
	err = query.Unpack(buf[:n])
	if err != nil {
		t.Fatal(err)
	}
	forge := func(change func(m *dns.Msg)) []byte {
		m := echoA(query, false)
		m.Answer[0].(*dns.A).A = net.IPv4(6, 6, 6, 6)
		change(m)
		return pack(t, m)
	}
	good := pack(t, echoA(query, false))
	forged := [][]byte{
		forge(func(m *dns.Msg) { m.Id++ }),
		forge(func(m *dns.Msg) { m.Response = false }),
		forge(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }),
		forge(func(m *dns.Msg) { m.Question[0].Name = "www.example.org." }),
		forge(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }),
		forge(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }),
		forge(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }),
		good[:11], {},
	}
	for _, packet := range append(forged, good) {
		_, err = pc.WriteTo(packet, from)
		if err != nil {
			t.Fatal(err)
		}
	}
	o := wait(t, c)
	if o.err != nil || o.m.Body()[len(o.m.Body())-4] != 192 {
		t.Errorf("outcome %+v", o)
	}
	if s := f.Stats().Upstreams[0]; s.Spoofed != uint64(len(forged)) {
		t.Errorf("%d counted, want %d", s.Spoofed, len(forged))
	}
}

// TestPorts: ids and source ports vary, and sockets are replaced.
func TestPorts(t *testing.T) {
	up := newFake(t, echoA, nil)
	f, _ := newRunning(t, Options{})
	g := newGroup(t, f, up.addr)
	const n = 3 * sockets * perSocket
	for i := range n {
		if o := resolve(t, f, g, question(t, fmt.Sprintf("n%d.example.", i), dns.TypeA)); o.err != nil {
			t.Fatal(o.err)
		}
	}
	up.mu.Lock()
	defer up.mu.Unlock()
	if len(up.ports) < 2*sockets {
		t.Errorf("%d ports for %d queries", len(up.ports), n)
	}
	for port, used := range up.ports {
		if used > 2*perSocket {
			t.Errorf("port %d used %d times", port, used)
		}
	}
	if len(up.ids) < n*9/10 {
		t.Errorf("%d ids for %d queries", len(up.ids), n)
	}
}

func TestEviction(t *testing.T) {
	up := newFake(t, echoA, nil)
	f, clock := newRunning(t, Options{Entries: 10})
	g := newGroup(t, f, up.addr)
	popular := question(t, "popular.example.", dns.TypeA)
	resolve(t, f, g, popular)
	for i := range 30 {
		clock.advance(time.Second)
		resolve(t, f, g, question(t, fmt.Sprintf("n%d.example.", i), dns.TypeA))
		if found := f.Cached(g, popular, clock.unix.Load()); found.State != Fresh {
			t.Fatalf("the popular name was evicted after %d others", i)
		}
	}
	if s := f.Stats(); s.Entries != 10 || s.Evictions != 21 {
		t.Errorf("%d entries, %d evictions", s.Entries, s.Evictions)
	}
}

// TestBytes: big answers do not grow the cache without bound.
func TestBytes(t *testing.T) {
	const most = 1 << 20
	c := newCache(1000, most)
	for i := range 1000 {
		q := question(t, fmt.Sprintf("n%d.example.", i), dns.TypeTXT)
		e := newEntry(&contents{name: q.Name, body: make([]byte, 60000)})
		e.key, e.TTL = key{group: 1, typ: q.Type}, 60
		c.add(c.hash(1, q), e)
	}
	if kept := c.shards[0].kept; kept.bytes() > most || kept.len() < 10 {
		t.Errorf("%d bytes in %d entries", kept.bytes(), kept.len())
	}
}

// TestFlightSize: up to 512 octets an object has no header of its own, and the collector finds its pointers in a map of
// its span.
func TestFlightSize(t *testing.T) {
	if size := unsafe.Sizeof(flight{}); size > 512 {
		t.Errorf("a flight has %d octets", size)
	}
}
