package listen

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/resolver"
)

func TestReadyOnEveryKindOfAddress(t *testing.T) {
	for _, bind := range []string{"127.0.0.1:0", "127.0.0.3:0", "0.0.0.0:0", "[::1]:0", "[::]:0"} {
		t.Run(bind, func(t *testing.T) {
			r := start(t, func(o *Options) {
				o.Addresses = []netip.AddrPort{netip.MustParseAddrPort(bind)}
				o.Loops = 8
			})
			eventually(t, "ready", func() bool { ok, _ := r.Ready(); return ok })
			st := r.Stats()
			for tr, results := range st.Queries {
				for result, n := range results {
					if n != 0 {
						t.Errorf("probes show in the metrics: transport %d result %d: %d", tr, result, n)
					}
				}
			}
		})
	}
}

func TestNotReadyBeforeRun(t *testing.T) {
	s, err := Bind(Options{
		Addresses: []netip.AddrPort{loopback(0)}, NewWorker: func() Worker { return fakeWorker{newScript()} }, Loops: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ok, reasons := s.Ready()
	if ok || len(reasons) != 2 || !strings.HasPrefix(reasons[0], "loop silent: udp ") ||
		!strings.HasPrefix(reasons[1], "listener silent: tcp ") {
		t.Errorf("ready %v, reasons %q; want udp and tcp named", ok, reasons)
	}
}

func TestFrozenLoopMakesUnready(t *testing.T) {
	r := start(t, func(o *Options) { o.Loops = 3 })
	eventually(t, "ready", func() bool { ok, _ := r.Ready(); return ok })

	// The first loop is asked first: the others must not be missed for it.
	c := r.dialLoop(t, 0)
	c.send(query(1, "freeze"))
	began := time.Now()
	eventually(t, "unready", func() bool { ok, _ := r.Ready(); return !ok })
	eventually(t, "seen to stand still", func() bool {
		return slices.Equal(r.Standing(), []string{fmt.Sprintf("udp %s loop 0", r.Addrs()[0])})
	})
	if took := time.Since(began); took < time.Second || took > 4*time.Second {
		t.Errorf("unready after %s, want some 2 s", took)
	}
	for range 10 {
		_, reasons := r.Ready()
		if len(reasons) != 1 || !strings.HasPrefix(reasons[0], fmt.Sprintf("loop silent: udp %s loop 0, ", r.Addrs()[0])) {
			t.Fatalf("reasons %q, want the one frozen loop", reasons)
		}
		time.Sleep(100 * time.Millisecond)
	}
	close(r.script.frozen)
	wantMessage(t, c.receive(), answerTo(query(1, "freeze")))
	eventually(t, "ready again", func() bool { ok, _ := r.Ready(); return ok })
	if still := r.Standing(); len(still) > 0 {
		t.Errorf("standing still: %q", still)
	}
}

// dialLoop returns a client whose packets reach the loop.
func (r *running) dialLoop(t *testing.T, loop int) *client {
	t.Helper()
	count := &r.udp[0].loops[loop].counters.results[resolver.Local]
	for range 1000 {
		before := count.Load()
		c := dial(t, "udp", r.Addrs()[0])
		c.send(query(1, "echo"))
		c.receive()
		// Counted just after the write.
		for end := time.Now().Add(10 * time.Millisecond); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if count.Load() != before {
				return c
			}
		}
		c.conn.Close()
	}
	t.Fatalf("no source port reaches loop %d", loop)
	return nil
}

// A loop that is busy with others still answers; a lost probe is not death.
func TestReadyUnderLoad(t *testing.T) {
	r := start(t, func(o *Options) { o.Loops = 1; o.ReceiveBuffer = 64 << 10 })
	eventually(t, "ready", func() bool { ok, _ := r.Ready(); return ok })
	stop, done := make(chan struct{}), make(chan struct{})
	c := dial(t, "udp", r.Addrs()[0])
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = c.conn.Write(query(1, "echo")) // a full buffer is the point
			}
		}
	}()
	for end := time.Now().Add(2500 * time.Millisecond); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok, reasons := r.Ready(); !ok {
			t.Errorf("unready under load: %q", reasons)
			break
		}
	}
	close(stop)
	<-done
}

func TestProbe(t *testing.T) {
	p, other := newProbe(), newProbe()
	if !p.is(p.query(77)) {
		t.Error("a probe does not know its query")
	}
	if p.is(other.query(77)) {
		t.Error("a probe takes another's query for its own")
	}
	if p.is(query(1, "echo")) || p.is(nil) {
		t.Error("a probe takes any query for its own")
	}
	if !isAnswer(answerTo(p.query(77)), 77) || isAnswer(answerTo(p.query(77)), 78) || isAnswer(p.query(77), 77) ||
		isAnswer([]byte{0, 77}, 77) {
		t.Error("an answer is a response with the right id and nothing else")
	}
}
