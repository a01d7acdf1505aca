package resolver

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inside53/resolver/forward"
	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// leavingWorld has names that lead outside in every way.
const leavingWorld = `
forwarder up
    reply www.example.net. A NOERROR
    an www.example.net. 60 A 198.51.100.1
    reply www.wild.example.net. A NOERROR
    an www.wild.example.net. 60 A 198.51.100.2
    reply lb.example.net. A NOERROR
    an lb.example.net. 60 A 198.51.100.3
zone public example.com. id=Z1
    @ 900 IN SOA ns.example.com. host.example.com. 7 3600 1200 604800 300
    leave 60 IN CNAME WWW.example.net.
    long 60 IN CNAME longer.example.com.
    longer 60 IN CNAME leave.example.com.
    dn 60 IN DNAME wild.example.net.
    far 60 IN CNAME www.dn.example.com.
    alias lb A lb.example.net. external
    balanced 60 IN CNAME lb.example.com.
view all clients=10.0.0.0/8
    . forward=up
    example.com. layers=Z1
allow 10.0.0.0/8
`

// TestWaitingKeepsAll: what goes on is what was put aside, whatever the exchange that it
// goes on in was before.
func TestWaitingKeepsAll(t *testing.T) {
	w := newTextWorld(t, leavingWorld)
	for _, name := range []string{
		"WWW.example.net.", "leave.example.com.", "long.example.com.", "a.DN.example.com.", "far.example.com.",
		"lb.example.com.", "balanced.example.com.",
	} {
		t.Run(name, func(t *testing.T) {
			pkt := pack(t, func(m *dns.Msg) { m.Question[0].Name = name })
			x := &exchange{resolver: w.resolver, state: w.resolver.state.Load()}
			x.q.Client = testClient.Addr()
			if !x.admit(x.q.inspect(pkt), pkt) {
				t.Fatal("not admitted")
			}
			x.resolve()
			if !x.a.need {
				t.Fatal("it needs no upstream")
			}
			kept := x.suspend()
			y := &exchange{resolver: w.resolver}
			for i := range y.a.made {
				y.a.made[i] = 0xFF
			}
			y.q.nameLen, y.a.nhops, y.a.nitems = 7, 3, 2
			kept.restore(y)
			if y.q.particulars != x.q.particulars || y.q.Labels != x.q.Labels || !bytes.Equal(y.q.Name(), x.q.Name()) {
				t.Errorf("query %+v, want %+v", y.q, x.q)
			}
			if !bytes.Equal(y.a.target, x.a.target) || y.a.nhops != x.a.nhops || y.a.asAlias != x.a.asAlias ||
				y.a.nhops > 1 && y.a.labels != x.a.labels {
				t.Errorf("target %x after %d hops, want %x after %d", y.a.target, y.a.nhops, x.a.target, x.a.nhops)
			}
			want := appendResponse(make([]byte, 0, 4096), &x.q, &x.a, x.state.snap, w.resolver.limits)
			*x = exchange{} // what was put aside must not lead back there
			got := appendResponse(make([]byte, 0, 4096), &y.q, &y.a, y.state.snap, w.resolver.limits)
			if !bytes.Equal(got, want) {
				t.Errorf("answer\n%x\nwant\n%x", got, want)
			}
		})
	}
}

// heldLike is a Suspender that keeps what a transport keeps.
type heldLike struct{ told *atomic.Int64 }

func (s heldLike) Suspend() func([]byte, Result) {
	room := new([160]byte)
	return func(answer []byte, _ Result) {
		copy(room[:], answer)
		s.told.Add(1)
	}
}

// newBlackHole is an upstream that reads and says nothing.
func newBlackHole(t *testing.T) string {
	t.Helper()
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var read sync.WaitGroup
	read.Go(func() {
		buf := make([]byte, 512)
		for {
			_, _, err := pc.ReadFromUDP(buf)
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() { pc.Close(); read.Wait() })
	return pc.LocalAddr().String()
}

// TestWaitingQueryIsSmall: 10,000 queries that wait for an upstream hold 2 KiB each at most,
// all that is held for them counted.
func TestWaitingQueryIsSmall(t *testing.T) {
	const queries, bound = 10_000, 2048
	f, err := forward.New(forward.Options{
		InFlight: 4 * queries, Waiters: 4 * queries, Budget: time.Minute, RetryMin: time.Minute, RetryMax: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var runs sync.WaitGroup
	runs.Go(func() {
		err := f.Run(ctx)
		if err != nil {
			t.Error(err)
		}
	})
	defer func() { cancel(); runs.Wait() }()
	r := New(f, Options{})
	err = r.Publish(snapshotOf(t, 1, []zone.Forwarder{{Upstreams: []string{newBlackHole(t)}}}))
	if err != nil {
		t.Fatal(err)
	}
	worker, out := r.NewWorker(), make([]byte, 0, 4096)
	var told atomic.Int64
	pkt := pack(t, func(m *dns.Msg) { m.Question[0].Name = "n00000.some-host.example.net." })
	serve := func(i int) {
		copy(pkt[14:], fmt.Sprintf("%05d", i))
		binary.BigEndian.PutUint16(pkt, uint16(i))
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 5353)
		_, result := worker.Serve(pkt, from, UDP, out, heldLike{&told})
		if result != Forwarded {
			t.Fatalf("query %d: %s", i, result)
		}
	}
	for f.Stats().InFlight == 0 { // until the forwarder runs
		serve(queries + 500)
	}
	heap := func() uint64 {
		var m runtime.MemStats
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	for i := range 500 { // pools and sockets
		serve(i)
	}
	before := heap()
	for i := 500; i < 500+queries; i++ {
		serve(i)
	}
	each := (heap() - before) / queries
	if n := f.Stats().Waiting; n < queries {
		t.Errorf("%d wait", n)
	}
	t.Logf("%d octets a waiting query", each)
	if each > bound {
		t.Errorf("a waiting query holds %d octets, want %d at most", each, bound)
	}
	runtime.KeepAlive(worker)
}

// TestRepeatedQueryIsAnsweredOnce: a client that sends its UDP query again gets one answer,
// and one to another question with the same id.
func TestRepeatedQueryIsAnsweredOnce(t *testing.T) {
	w := newTextWorld(t, leavingWorld)
	w.upstream["up"].mode.Store("silent")
	var answers, nothing atomic.Int64
	s := suspendFunc(func(answer []byte, result Result) {
		if answer == nil && result == Dropped {
			nothing.Add(1)
			return
		}
		answers.Add(1)
	})
	pkt := pack(t, func(m *dns.Msg) { m.Question[0].Name = "leave.example.com." })
	for range 3 {
		w.worker.Serve(pkt, testClient, UDP, make([]byte, 0, 512), s)
	}
	other := pack(t, func(m *dns.Msg) { m.Question[0].Name = "long.example.com." }) // the same id, and it leads there too
	w.worker.Serve(other, testClient, UDP, make([]byte, 0, 512), s)
	if nothing.Load() != 2 || answers.Load() != 0 {
		t.Errorf("%d queries are known to be repeated, %d have answers", nothing.Load(), answers.Load())
	}
	for end := time.Now().Add(5 * time.Second); answers.Load() < 2 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if answers.Load() != 2 {
		t.Errorf("%d answers", answers.Load())
	}
}

// suspendFunc is a Suspender whose answers go to a function.
type suspendFunc func(answer []byte, result Result)

func (s suspendFunc) Suspend() func([]byte, Result) { return s }
