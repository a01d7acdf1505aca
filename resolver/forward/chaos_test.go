package forward

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestChaos: whatever upstreams do, and while groups come and go, every question
// that was accepted is answered exactly once, and nothing is left over.
func TestChaos(t *testing.T) {
	moods := []func(*dns.Msg, bool) *dns.Msg{
		echoA, echoA, many, silent, says(t, dns.RcodeServerFailure, nil, nil),
		says(t, dns.RcodeNameError, nil, []string{soaCom}),
		func(q *dns.Msg, tcp bool) *dns.Msg { time.Sleep(3 * time.Millisecond); return echoA(q, tcp) },
		func(q *dns.Msg, _ bool) *dns.Msg { q.Question = nil; return q },
	}
	moody := func(q *dns.Msg, tcp bool) *dns.Msg { return moods[rand.IntN(len(moods))](q, tcp) }
	one, two := newFake(t, moody, nil), newFake(t, moody, nil)
	f, clock := newRunning(t, Options{
		Entries: 50, InFlight: 60, Waiters: 80,
		RetryMin: 5 * time.Millisecond, RetryMax: 10 * time.Millisecond, StaleAfter: 10 * time.Millisecond,
		Budget: 60 * time.Millisecond,
	})
	groups := []*Group{newGroup(t, f, one.addr, two.addr), newGroup(t, f, two.addr), newGroup(t, f, "192.0.2.1", one.addr)}
	var accepted, told atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 400 {
				g := groups[rand.IntN(len(groups))]
				q := question(t, fmt.Sprintf("n%d.example.com.", rand.IntN(100)), dns.TypeA)
				found := f.Cached(g, q, clock.unix.Load())
				if found.State == Fresh && !found.Prefetch {
					continue
				}
				calls := new(atomic.Int64)
				again := i%4 == 0
				err := f.Ask(g, q, stranger, func(m *Message, err error) {
					if calls.Add(1) > 1 {
						t.Error("done was called twice")
					}
					if m == nil && err == nil {
						t.Error("neither message nor error")
					}
					told.Add(1)
					if again { // as a caller does that follows a CNAME
						accepted.Add(1)
						err = f.Ask(g, question(t, "again.example.com.", dns.TypeA), stranger, func(*Message, error) { told.Add(1) })
						if err != nil {
							accepted.Add(-1)
						}
					}
				})
				switch err {
				case nil:
					accepted.Add(1)
				case ErrFull:
					time.Sleep(time.Millisecond)
				default:
					t.Errorf("Ask: %v", err)
				}
			}
		})
	}
	quit := make(chan struct{})
	var churn sync.WaitGroup
	churn.Go(func() {
		for {
			select {
			case <-quit:
				return
			case <-time.After(20 * time.Millisecond):
				clock.advance(100 * time.Second)
				f.Stats()
				g, err := f.Group(GroupSpec{Upstreams: []string{two.addr, one.addr}})
				if err != nil {
					t.Error(err)
					continue
				}
				f.Release(g)
			}
		}
	})
	wg.Wait()
	close(quit)
	churn.Wait()
	until(t, "all are told", func() bool { return accepted.Load() == told.Load() })
	until(t, "nothing is in flight", func() bool { s := f.Stats(); return s.InFlight == 0 && s.Waiting == 0 })
	for _, g := range groups {
		if g.held != 0 || g.clients.top != 0 {
			t.Errorf("%d flights of %s, %d of one client", g.held, g, g.clients.top)
		}
	}
	if told.Load() < 500 {
		t.Errorf("only %d were told", told.Load())
	}
	// Ending with questions in flight tells them too.
	one.set(silent)
	two.set(silent)
}

// TestStalledConnection: a connection on which nothing comes any more is given
// up, and what waits on it is asked again on another.
func TestStalledConnection(t *testing.T) {
	config, pool := newCertificate(t)
	up := newFake(t, echoA, config)
	f, _ := newRunning(t, Options{RootCAs: pool})
	g := newGroup(t, f, "tls://"+up.addr)
	if o := resolve(t, f, g, question(t, "a.example.", dns.TypeA)); o.err != nil {
		t.Fatal(o.err)
	}
	up.set(silent)
	hung := ask(t, f, g, question(t, "hung.example.", dns.TypeA))
	s := g.upstreams[0].stream.Load()
	until(t, "the query has come, and gets no answer", func() bool { return up.viaTCP.Load() == 2 })
	s.mu.Lock()
	s.moved -= 2 * streamStall
	s.mu.Unlock()
	up.set(echoA)
	if o := resolve(t, f, g, question(t, "b.example.", dns.TypeA)); o.err != nil {
		t.Fatal(o.err)
	}
	if o := wait(t, hung); o.err != nil {
		t.Fatal(o.err)
	}
	if g.upstreams[0].stream.Load() == s {
		t.Error("the stalled connection is still in use")
	}
}

// TestOldSocket: a socket is not used for longer than its time.
func TestOldSocket(t *testing.T) {
	up := newFake(t, echoA, nil)
	f, _ := newRunning(t, Options{})
	g := newGroup(t, f, up.addr)
	u := g.upstreams[0]
	for slot := range sockets {
		s, err := f.openUDP(u, slot)
		if err != nil {
			t.Fatal(err)
		}
		s.opened -= socketAge
	}
	before := [sockets]*udpSocket{}
	for slot := range sockets {
		before[slot] = u.slots[slot].Load()
	}
	for i := range 50 {
		if o := resolve(t, f, g, question(t, fmt.Sprintf("n%d.example.", i), dns.TypeA)); o.err != nil {
			t.Fatal(o.err)
		}
	}
	for slot, s := range before {
		s.mu.Lock()
		if len(s.ids) != perSocket {
			t.Errorf("the old socket %d was used", slot)
		}
		s.mu.Unlock()
	}
}
