package listen

import (
	"bytes"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"inside53/resolver"
)

func TestUDPAnswersEveryQuery(t *testing.T) {
	r := start(t, nil)
	var wg sync.WaitGroup
	for range 8 {
		c := dial(t, "udp", r.Addrs()[0])
		wg.Go(func() {
			for i := range 500 {
				q := query(uint16(i), numbered(i))
				c.send(q)
				if got := c.receive(); !bytes.Equal(got, answerTo(q)) {
					t.Errorf("got %x for %x", got, q)
					return
				}
			}
		})
	}
	wg.Wait()
	r.stop()
	if got := r.Stats().Queries[resolver.UDP][resolver.Local]; got != 8*500 {
		t.Errorf("%d queries counted, want %d; probes are not to be counted", got, 8*500)
	}
}

func TestUDPBatchKeepsAnswersApart(t *testing.T) {
	r := start(t, nil)
	c := dial(t, "udp", r.Addrs()[0])
	const n = 200
	want := map[uint16]bool{}
	for i := range uint16(n) {
		name := numbered(int(i))
		if i%4 == 3 {
			name = "drop"
		} else {
			want[i] = true
		}
		c.send(query(i, name))
	}
	for len(want) > 0 {
		a := c.receive()
		id := uint16(a[0])<<8 | uint16(a[1])
		if !want[id] {
			t.Fatalf("an answer with id %d, not asked for or given twice", id)
		}
		delete(want, id)
		wantMessage(t, a, answerTo(query(id, numbered(int(id)))))
	}
	eventually(t, "the drops are counted", func() bool {
		return r.Stats().Queries[resolver.UDP][resolver.Dropped] == n/4
	})
}

func TestUDPAnswerSizes(t *testing.T) {
	r := start(t, nil)
	c := dial(t, "udp", r.Addrs()[0])
	for _, size := range []string{"512", "1232", "4096", "9000"} {
		q := query(1, "big-"+size)
		c.send(q)
		want := map[string]int{"512": 512, "1232": 1232, "4096": 4096, "9000": maxUDPAnswer}[size]
		if got := len(c.receive()); got != want {
			t.Errorf("big-%s: %d bytes, want %d", size, got, want)
		}
	}
}

func TestUDPQueryTooLargeIsDroppedAndCounted(t *testing.T) {
	r := start(t, nil)
	c := dial(t, "udp", r.Addrs()[0])
	big := append(query(1, "echo"), make([]byte, 5000)...)
	c.send(big)
	c.send(append(query(2, "echo"), make([]byte, maxUDPQuery-len(query(2, "echo")))...))
	if a := c.receive(); a[1] != 2 || len(a) != maxUDPQuery {
		t.Fatalf("answer to id %d of %d bytes, want the one to 2", a[1], len(a))
	}
	var cut uint64
	for _, l := range r.Stats().UDP {
		cut += l.Truncated
	}
	if cut != 1 {
		t.Errorf("%d packets counted as truncated, want 1", cut)
	}
}

func TestUDPLateAnswers(t *testing.T) {
	r := start(t, nil)
	one, two := dial(t, "udp", r.Addrs()[0]), dial(t, "udp", r.Addrs()[0])
	one.send(query(1, "late"))
	first := r.nextLate(t)
	two.send(query(2, "late"))
	second := r.nextLate(t)
	one.send(query(3, "echo"))
	wantMessage(t, one.receive(), answerTo(query(3, "echo")))

	second.answer(answerTo(second.query), resolver.Forwarded)
	wantMessage(t, two.receive(), answerTo(query(2, "late")))
	first.answer(answerTo(first.query), resolver.Cached)
	wantMessage(t, one.receive(), answerTo(query(1, "late")))

	one.send(query(4, "late"))
	r.nextLate(t).answer(nil, resolver.Dropped)
	st := r.Stats()
	got := [3]uint64{
		st.Queries[resolver.UDP][resolver.Forwarded],
		st.Queries[resolver.UDP][resolver.Cached],
		st.Queries[resolver.UDP][resolver.Dropped],
	}
	if got != [3]uint64{1, 1, 1} {
		t.Errorf("forwarded, cached, dropped counted %v, want one each", got)
	}
	for _, l := range st.UDP {
		if l.Suspended != 0 {
			t.Errorf("loop %d: %d queries still wait", l.Loop, l.Suspended)
		}
	}
}

func TestUDPLateAnswerAtTheEnd(t *testing.T) {
	r := start(t, nil)
	c := dial(t, "udp", r.Addrs()[0])
	c.send(query(1, "late"))
	q := r.nextLate(t)
	go func() {
		time.Sleep(50 * time.Millisecond)
		q.answer(answerTo(q.query), resolver.Forwarded)
	}()
	r.stop()
	wantMessage(t, c.receive(), answerTo(query(1, "late")))
}

func TestUDPLateAnswerAfterTheEndIsDropped(t *testing.T) {
	r := start(t, func(o *Options) { o.Grace = time.Millisecond })
	c := dial(t, "udp", r.Addrs()[0])
	c.send(query(1, "late"))
	q := r.nextLate(t)
	r.stop()
	q.answer(answerTo(q.query), resolver.Forwarded)
	var lost uint64
	for _, l := range r.Stats().UDP {
		lost += l.SendErrors
	}
	if lost != 1 {
		t.Errorf("%d answers counted as lost, want 1", lost)
	}
}

func TestUDPSurvivesGarbage(t *testing.T) {
	r := start(t, nil)
	c := dial(t, "udp", r.Addrs()[0])
	random := rand.New(rand.NewPCG(1, 2))
	p := make([]byte, 600)
	for range 20000 {
		n := random.IntN(len(p))
		for i := range n {
			p[i] = byte(random.Uint32())
		}
		// The socket's own buffer may be full; what matters comes after.
		_, _ = c.conn.Write(p[:n])
	}
	last := dial(t, "udp", r.Addrs()[0])
	eventually(t, "an answer after the flood", func() bool {
		last.send(query(7, "echo"))
		_ = last.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		b := make([]byte, 512)
		n, err := last.conn.Read(b)
		return err == nil && bytes.Equal(b[:n], answerTo(query(7, "echo")))
	})
}

// A client that is gone makes its host answer with ICMP errors.
func TestUDPSurvivesClosedClients(t *testing.T) {
	r := start(t, nil)
	for i := range 50 {
		c := dial(t, "udp", r.Addrs()[0])
		for range 10 {
			c.send(query(uint16(i), "big-4000"))
		}
		c.conn.Close()
	}
	c := dial(t, "udp", r.Addrs()[0])
	c.send(query(7, "echo"))
	wantMessage(t, c.receive(), answerTo(query(7, "echo")))
}

func TestUDPAnswersLeaveFromTheAddressAsked(t *testing.T) {
	tests := []struct {
		bind string
		ask  []string
	}{
		{"0.0.0.0:0", []string{"127.0.0.1", "127.0.0.2", "127.3.4.5"}},
		{"[::]:0", []string{"127.0.0.1", "127.0.0.2", "::1"}},
		{"127.0.0.2:0", []string{"127.0.0.2"}},
		{"[::1]:0", []string{"::1"}},
	}
	for _, tt := range tests {
		t.Run(tt.bind, func(t *testing.T) {
			r := start(t, func(o *Options) { o.Addresses = []netip.AddrPort{netip.MustParseAddrPort(tt.bind)} })
			for _, ask := range tt.ask {
				to := netip.AddrPortFrom(netip.MustParseAddr(ask), r.Addrs()[0].Port())
				// A socket that is not connected sees from where answers come.
				local := netip.AddrPortFrom(netip.MustParseAddr(ask), 0)
				if to.Addr().Is4() {
					local = loopback(0)
				}
				conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				for _, name := range []string{"echo", "late"} {
					_, err = conn.WriteToUDPAddrPort(query(1, name), to)
					if err != nil {
						t.Fatal(err)
					}
					if name == "late" {
						q := r.nextLate(t)
						q.answer(answerTo(q.query), resolver.Forwarded)
					}
					b := make([]byte, 512)
					_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
					n, from, err := conn.ReadFromUDPAddrPort(b)
					if err != nil {
						t.Fatalf("asking %s: %v", ask, err)
					}
					wantMessage(t, b[:n], answerTo(query(1, name)))
					from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
					if from != to {
						t.Errorf("asked %s (%s), answered from %s", to, name, from)
					}
				}
			}
			r.script.seen.Range(func(k, _ any) bool {
				if k.(netip.Addr).Is4In6() {
					t.Errorf("the worker saw the client as %s", k)
				}
				return true
			})
		})
	}
}
