package forward

import (
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// TestFlush forgets a name, or all below it, of whatever type and group, and who leads through it.
func TestFlush(t *testing.T) {
	records := []string{
		"www.example. 300 IN A 192.0.2.7", "www.example. 300 IN AAAA 2001:db8::7",
		"deep.www.example. 300 IN A 192.0.2.8", "wwww.example. 300 IN A 192.0.2.9",
		"alias.other. 300 IN CNAME www.example.", "far.other. 300 IN CNAME deep.www.example.",
	}
	for _, tt := range []struct {
		name string
		tree bool
		want int
	}{
		{"www.example.", false, 3}, {"www.example.", true, 5}, {"ww.example.", true, 0}, {"example.", false, 0},
		{"example.", true, 6}, {".", true, 6}, {".", false, 0}, {"alias.other.", false, 1},
	} {
		f, g, now := warm(t, records...)
		if got := f.Flush(question(t, tt.name, dns.TypeA).Name, tt.tree); got != tt.want {
			t.Errorf("%s, tree %t: %d entries went, want %d", tt.name, tt.tree, got, tt.want)
		}
		if got := f.Stats().Entries; got != len(records)-tt.want {
			t.Errorf("%s, tree %t: %d entries are left", tt.name, tt.tree, got)
		}
		found := f.Cached(g, question(t, "www.example.", dns.TypeAAAA), now)
		if gone := tt.want >= 3; gone != (found.State == Miss) {
			t.Errorf("%s, tree %t: the answer is gone: %t, state %d", tt.name, tt.tree, gone, found.State)
		}
	}
}

// TestFlushLateAnswers: what an upstream was asked before a name is flushed goes to whoever waits,
// isn't kept, and isn't what others get who ask afterwards.
func TestFlushLateAnswers(t *testing.T) {
	var gate atomic.Pointer[chan struct{}]
	old := says(t, 0, []string{"www.example. 300 IN CNAME www.elb.example.", "www.elb.example. 300 IN A 192.0.2.1"}, nil)
	up := newFake(t, func(q *dns.Msg, tcp bool) *dns.Msg {
		<-*gate.Load()
		return old(q, tcp)
	}, nil)
	f, clock := newRunning(t, Options{})
	g := newGroup(t, f, up.addr)
	q := question(t, "www.example.", dns.TypeA)
	for _, flushed := range []string{"www.example.", "www.elb.example."} {
		release := make(chan struct{})
		gate.Store(&release)
		got := make(chan *Message, 1)
		asked := up.asked.Load()
		err := f.Ask(g, q, Asker{}, func(m *Message, _ error) { got <- m })
		if err != nil {
			t.Fatal(err)
		}
		until(t, "the upstream is asked", func() bool { return up.asked.Load() > asked })
		f.Flush(question(t, flushed, dns.TypeA).Name, false)
		close(release)
		m := <-got
		if m == nil || m.Answers != 2 {
			t.Errorf("%s: who waited got %+v", flushed, m)
		}
		if found := f.Cached(g, q, clock.unix.Load()); found.State != Miss {
			t.Errorf("%s: the late answer was kept", flushed)
		}
	}
	if o := resolve(t, f, g, q); o.err != nil || f.Cached(g, q, clock.unix.Load()).State != Fresh {
		t.Errorf("asked anew: %+v", o)
	}
}

// TestFlushIsJoinedByNobody: who asks after a flush is no part of what was asked before it.
func TestFlushIsJoinedByNobody(t *testing.T) {
	hold := make(chan struct{})
	up := newFake(t, func(q *dns.Msg, tcp bool) *dns.Msg {
		<-hold
		return echoA(q, tcp)
	}, nil)
	f, _ := newRunning(t, Options{})
	g := newGroup(t, f, up.addr)
	q := question(t, "www.example.", dns.TypeA)
	got := make(chan error, 2)
	ask := func() {
		err := f.Ask(g, q, Asker{}, func(_ *Message, err error) { got <- err })
		if err != nil {
			t.Fatal(err)
		}
	}
	ask()
	f.Flush(q.Name, false)
	ask()
	if n := f.Stats().InFlight; n != 2 {
		t.Errorf("%d questions are under way, want 2", n)
	}
	close(hold)
	for range 2 {
		err := <-got
		if err != nil {
			t.Error(err)
		}
	}
}
