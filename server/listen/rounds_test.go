//go:build linux && !portable_udp

package listen

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"inside53/resolver"
)

// TestRoundHoldsLateAnswers gives late answers within a round: none goes before its end, then each to its client; more
// than are held, and longer ones, go before.
func TestRoundHoldsLateAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answers, size int
		early         int // so many go before the end
	}{
		"one":            {1, 100, 0},
		"some":           {heldAnswers, 100, 0},
		"one too many":   {heldAnswers + 1, 100, heldAnswers},
		"long ones":      {5, heldBytes / 2, 4},
		"too long":       {1, heldBytes + 1, 1},
		"nothing to say": {1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(o *Options) { o.Loops = 1 })
			var clients []*client
			for i := range c.answers {
				clients = append(clients, dial(t, "udp", r.Addrs()[0]))
				clients[i].send(query(uint16(i), "late"))
			}
			r.BeginRound()
			for range c.answers {
				q := r.nextLate(t)
				answer := append(answerTo(q.query), make([]byte, c.size)...)
				if c.size == 0 {
					answer = nil
				}
				q.answer(answer, resolver.Forwarded)
			}
			if early := int(r.sentLate()); early != c.early && c.size > 0 {
				t.Errorf("%d answers before the end of the round, want %d", early, c.early)
			}
			r.EndRound()
			for i, client := range clients {
				if c.size == 0 {
					continue
				}
				got := client.receive()
				if id := binary.BigEndian.Uint16(got); int(id) != i || len(got) < c.size {
					t.Errorf("client %d got %d octets for %d", i, len(got), id)
				}
			}
			if n := r.udp[0].loops[0].waiting.Load(); n != 0 {
				t.Errorf("%d queries wait after the round", n)
			}
			r.stop()
		})
	}
}

// sentLate is how many answers have been counted as forwarded.
func (r *running) sentLate() (n uint64) {
	for _, l := range r.udp[0].loops {
		n += l.counters.results[resolver.Forwarded].Load()
	}
	return n
}

// TestRoundsLoseNothing has rounds begin and end while answers are given, by goroutines that know nothing of them.
func TestRoundsLoseNothing(t *testing.T) {
	r := start(t, nil)
	const clients, each = 8, 100
	end := make(chan struct{})
	var rounds, asking sync.WaitGroup
	for range 3 {
		rounds.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				r.BeginRound()
				time.Sleep(50 * time.Microsecond)
				r.EndRound()
			}
		})
	}
	for i := range clients {
		c := dial(t, "udp", r.Addrs()[0])
		asking.Go(func() {
			for n := range uint16(each) {
				q := query(uint16(i)*each+n, "soon")
				c.send(q)
				wantMessage(t, c.receive(), answerTo(q))
			}
		})
	}
	asking.Wait()
	close(end)
	rounds.Wait()
	r.stop()
}
