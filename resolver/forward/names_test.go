package forward

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// knows answers names below a suffix, and what it is asked else with an error; it leaves
// the latter unanswered where the error is negative.
func knows(suffix string, rcode int) func(q *dns.Msg, tcp bool) *dns.Msg {
	return func(q *dns.Msg, tcp bool) *dns.Msg {
		switch {
		case strings.HasSuffix(strings.ToLower(q.Question[0].Name), suffix):
			return echoA(q, tcp)
		case rcode < 0:
			return nil
		}
		return new(dns.Msg).SetRcode(q, rcode)
	}
}

// TestOtherNames: what an upstream says about names that aren't its own is no reason not
// to ask it for those that are, in whatever group and order.
func TestOtherNames(t *testing.T) {
	for _, rcode := range []int{dns.RcodeRefused, dns.RcodeServerFailure} {
		for _, order := range []string{"controller first", "resolver first"} {
			t.Run(dns.RcodeToString[rcode]+", "+order, func(t *testing.T) {
				controller := newFake(t, knows("corp.example.", rcode), nil)
				resolver := newFake(t, knows("net.example.", rcode), nil)
				f, _ := newRunning(t, Options{})
				list := []string{controller.addr, resolver.addr}
				if order == "resolver first" {
					list = []string{resolver.addr, controller.addr}
				}
				both, alone := newGroup(t, f, list...), newGroup(t, f, controller.addr)
				beside := newGroup(t, f, controller.addr, "127.0.0.1:1")
				for i := range 6 {
					if o := resolve(t, f, both, question(t, fmt.Sprintf("n%d.net.example.", i), dns.TypeA)); o.err != nil {
						t.Errorf("internet name %d: %v", i, o.err)
					}
				}
				for _, g := range []*Group{both, alone, beside} {
					for i := range 6 {
						if o := resolve(t, f, g, question(t, fmt.Sprintf("n%d.corp.example.", i), dns.TypeA)); o.err != nil {
							t.Errorf("%s: internal name %d: %v", g, i, o.err)
						}
					}
				}
				for _, s := range f.Members(both) {
					if !s.Up {
						t.Errorf("%s answers, and is down", s.Upstream)
					}
				}
			})
		}
	}
}

// TestDownIsAskedLast: one that is down is asked before nobody has an answer, whatever the
// others say.
func TestDownIsAskedLast(t *testing.T) {
	controller := newFake(t, knows("corp.example.", dns.RcodeRefused), nil)
	resolver := newFake(t, knows("net.example.", dns.RcodeRefused), nil)
	f, _ := newRunning(t, Options{})
	g := newGroup(t, f, controller.addr, resolver.addr)
	g.upstreams[0].unreachable(f.clock())
	g.upstreams[0].mu.Lock()
	g.upstreams[0].downUntil, g.upstreams[0].probeAt = time.Hour, time.Hour
	g.upstreams[0].mu.Unlock()
	if o := resolve(t, f, g, question(t, "www.corp.example.", dns.TypeA)); o.err != nil {
		t.Fatal(o.err)
	}
	if s := f.Members(g)[0]; !s.Up || time.Since(s.Since) > 10*time.Second {
		t.Errorf("has answered: %+v", s)
	}
}

// TestSilentAndRefusing: one that is down and stays silent isn't waited for to the end
// when the other has said that it has no answer.
func TestSilentAndRefusing(t *testing.T) {
	dead, resolver := newFake(t, silent, nil), newFake(t, says(t, dns.RcodeServerFailure, nil, nil), nil)
	f, _ := newRunning(t, Options{})
	g := newGroup(t, f, dead.addr, resolver.addr)
	g.upstreams[0].unreachable(f.clock())
	began := time.Now()
	o := resolve(t, f, g, question(t, "www.example.", dns.TypeA))
	if took := time.Since(began); o.err == nil || took > 2*time.Second {
		t.Errorf("outcome %v after %s", o.err, took)
	}
}

// TestRecoveryAsksOwn: an upstream that is down is asked what it has answered before: it
// may be silent about the names that are asked just now.
func TestRecoveryAsksOwn(t *testing.T) {
	controller, resolver := newFake(t, knows("corp.example.", -1), nil), newFake(t, slowA, nil)
	f, _ := newRunning(t, Options{RetryMin: 20 * time.Millisecond, RetryMax: 40 * time.Millisecond})
	g := newGroup(t, f, controller.addr, resolver.addr)
	until(t, "it has answered", func() bool {
		resolve(t, f, g, question(t, "www.corp.example.", dns.TypeA))
		return f.Members(g)[0].Answers > 0
	})
	g.upstreams[0].unreachable(f.clock())
	n := 0
	until(t, "it is up again", func() bool {
		n++
		resolve(t, f, g, question(t, fmt.Sprintf("n%d.net.example.", n), dns.TypeA))
		return f.Members(g)[0].Up
	})
}

// TestSilentAboutOneName: names that an upstream leaves unanswered don't turn others away
// from it.
func TestSilentAboutOneName(t *testing.T) {
	one, two := newFake(t, knows("example.", -1), nil), newFake(t, slowA, nil)
	f, _ := newRunning(t, Options{RetryMin: 20 * time.Millisecond, RetryMax: 40 * time.Millisecond})
	g := newGroup(t, f, one.addr, two.addr)
	resolve(t, f, g, question(t, "www.example.", dns.TypeA))
	for i := range 10 {
		resolve(t, f, g, question(t, fmt.Sprintf("n%d.dead.test.", i), dns.TypeA))
	}
	if !f.Members(g)[0].Up {
		t.Error("down for names that it doesn't answer")
	}
	before := one.asked.Load()
	resolve(t, f, g, question(t, "again.example.", dns.TypeA))
	if one.asked.Load() == before {
		t.Error("not asked for the others any more")
	}
}

// TestErrorsAreNotQuick: a quick refusal doesn't make an upstream the one to prefer.
func TestErrorsAreNotQuick(t *testing.T) {
	slow, refusing := newFake(t, slowA, nil), newFake(t, says(t, dns.RcodeRefused, nil, nil), nil)
	f, _ := newRunning(t, Options{})
	g := newGroup(t, f, slow.addr, refusing.addr)
	for i := range 5 {
		resolve(t, f, g, question(t, fmt.Sprintf("n%d.example.", i), dns.TypeA))
	}
	if n := refusing.asked.Load(); n > 1 { // it is measured once
		t.Errorf("one that refuses was asked %d times", n)
	}
}

// TestSocketsAreBounded: an upstream that says nothing keeps replaced sockets open for a while; a
// flood of names doesn't open more than may be, and every query is sent all the same.
func TestSocketsAreBounded(t *testing.T) {
	const most, names = 16, 6000
	up := newFake(t, silent, nil)
	f, _ := newRunning(t, Options{Sockets: most, PerClient: names, Waiters: 2 * names})
	g := newGroup(t, f, up.addr)
	peak := 0
	for i := range names {
		err := f.Ask(g, question(t, fmt.Sprintf("n%d.z%d.example.", i, i%100), dns.TypeA), stranger, nil)
		if err != nil {
			t.Fatalf("question %d: %v", i, err)
		}
		f.connMu.Lock()
		peak = max(peak, len(f.conns))
		f.connMu.Unlock()
	}
	if peak > most+sockets {
		t.Errorf("%d sockets were open, %d may be", peak, most)
	}
	for end := time.Now().Add(10 * time.Second); g.upstreams[0].queries.Load() < names; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d queries were sent for %d names", g.upstreams[0].queries.Load(), names)
		}
	}
}
