package forward

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// addressOf is the address of a name that no other one has here.
func addressOf(name string) net.IP {
	return binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(name)))
}

// ownA answers with the address of the name.
func ownA(q *dns.Msg, _ bool) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.Answer = []dns.RR{&dns.A{A: addressOf(q.Question[0].Name),
		Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}}}
	return m
}

// openAll opens the sockets of the first upstream of g, so that nothing waits for the pool to do it.
func openAll(t *testing.T, f *Forwarder, g *Group) {
	t.Helper()
	for slot := range sockets {
		_, err := f.openUDP(g.upstreams[0], slot)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// underWay returns the flights that there are.
func underWay(f *Forwarder) (all []*flight) {
	for i := range f.flights {
		s := &f.flights[i]
		s.mu.Lock()
		for _, fl := range s.table {
			for ; fl != nil; fl = fl.next {
				all = append(all, fl)
			}
		}
		s.mu.Unlock()
	}
	return all
}

// TestFlightsAreReused: one question after the other, hardly any memory is new; that of a flight which was sent twice,
// by UDP and by TCP, or at once, isn't given away.
func TestFlightsAreReused(t *testing.T) {
	cut := func(q *dns.Msg, tcp bool) *dns.Msg {
		m := ownA(q, tcp)
		m.Truncated = !tcp
		return m
	}
	var heard sync.Map // names
	deaf := func(q *dns.Msg, tcp bool) *dns.Msg {
		_, again := heard.LoadOrStore(q.Question[0].Name, true)
		if !again {
			return nil
		}
		return ownA(q, tcp)
	}
	for _, tt := range []struct {
		why    string
		answer func(q *dns.Msg, tcp bool) *dns.Msg
		atOnce bool
		reused bool
	}{
		{"sent once", ownA, false, true},
		{"sent at once", ownA, true, false},
		{"cut", cut, false, false},
		{"sent twice", deaf, false, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			up := newFake(t, tt.answer, nil)
			f, _ := newRunning(t, Options{RetryMin: 20 * time.Millisecond, RetryMax: 20 * time.Millisecond})
			g := newGroup(t, f, up.addr)
			openAll(t, f, g)
			o := f.NewOutbox()
			known := map[*flight]bool{}
			const rounds = 60
			for i := range rounds {
				told := make(chan error, 1)
				q := question(t, fmt.Sprintf("n%d.example.", i), dns.TypeA)
				done := func(_ *Message, err error) { told <- err }
				ask := o.Ask
				if tt.atOnce {
					ask = f.Ask
				}
				err := ask(g, q, stranger, done)
				if err != nil {
					t.Fatal(err)
				}
				for _, fl := range underWay(f) {
					known[fl] = true
				}
				o.Flush()
				err = <-told
				if err != nil {
					t.Fatal(err)
				}
				until(t, "it is over", func() bool { return f.Stats().InFlight == 0 })
			}
			if reused := len(known) < rounds*3/4; reused != tt.reused && !(tt.atOnce && len(known) == 0) {
				t.Errorf("%d questions took the memory of %d flights", rounds, len(known))
			}
		})
	}
}

// TestReuseInChaos: whatever upstreams do, and where flights end each other, everybody is told once, of the name that
// was asked for. What is given back too early shows here as another name's answer, and to the race detector.
func TestReuseInChaos(t *testing.T) {
	moods := []func(*dns.Msg, bool) *dns.Msg{
		ownA, ownA, ownA, ownA, silent, says(t, dns.RcodeServerFailure, nil, nil),
		func(q *dns.Msg, tcp bool) *dns.Msg { time.Sleep(6 * time.Millisecond); return ownA(q, tcp) },
		func(q *dns.Msg, tcp bool) *dns.Msg { m := ownA(q, tcp); m.Truncated = !tcp; return m },
		func(q *dns.Msg, _ bool) *dns.Msg { q.Question = nil; return q },
	}
	moody := func(q *dns.Msg, tcp bool) *dns.Msg { return moods[rand.IntN(len(moods))](q, tcp) }
	one, two := newFake(t, moody, nil), newFake(t, moody, nil)
	f, _ := newRunning(t, Options{
		Entries: 50, InFlight: 100, Waiters: 120, PerClient: 20,
		RetryMin: 5 * time.Millisecond, RetryMax: 10 * time.Millisecond, StaleAfter: 10 * time.Millisecond,
		Budget: 60 * time.Millisecond,
	})
	groups := []*Group{newGroup(t, f, one.addr, two.addr), newGroup(t, f, two.addr)}
	var accepted, told, answered atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			o := f.NewOutbox()
			for i := range 1000 {
				name := fmt.Sprintf("n%d.example.com.", rand.IntN(200))
				client := Asker{Addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(rand.IntN(9))})}
				calls := new(atomic.Int64)
				err := o.Ask(groups[rand.IntN(len(groups))], question(t, name, dns.TypeA), client,
					func(m *Message, err error) {
						if calls.Add(1) > 1 {
							t.Error("done was called twice")
						}
						told.Add(1)
						if err != nil {
							return
						}
						answered.Add(1)
						for _, data := range m.Data(dns.TypeA) {
							if want := addressOf(name); string(data) != string(want) {
								t.Errorf("%s has %v, and this is %v", name, want, net.IP(data))
							}
						}
					})
				switch err {
				case nil:
					accepted.Add(1)
				case ErrFull:
				default:
					t.Errorf("Ask: %v", err)
				}
				if i%8 == 7 {
					o.Flush()
					time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
				}
			}
			o.Flush()
		})
	}
	wg.Wait()
	until(t, "all are told", func() bool { return accepted.Load() == told.Load() })
	until(t, "nothing is in flight", func() bool { s := f.Stats(); return s.InFlight == 0 && s.Waiting == 0 })
	stats := f.Stats()
	if refused := stats.Full + stats.Client; answered.Load() < 500 || refused < 100 {
		t.Errorf("only %d were answered, and %d had to go", answered.Load(), refused)
	}
}
