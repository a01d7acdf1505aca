package forward

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"inside53/resolver/wire"

	"github.com/miekg/dns"
)

// TestTruncatedStream: what is truncated by TCP or TLS too is no answer.
func TestTruncatedStream(t *testing.T) {
	config, pool := newCertificate(t)
	cut := func(rcode int) func(q *dns.Msg, tcp bool) *dns.Msg {
		return func(q *dns.Msg, tcp bool) *dns.Msg {
			m := new(dns.Msg).SetRcode(q, rcode)
			if rcode == 0 && tcp {
				m = echoA(q, tcp)
			}
			m.Truncated = true
			return m
		}
	}
	empty := func(q *dns.Msg, _ bool) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		m.Truncated = true
		return m
	}
	for name, answer := range map[string]func(*dns.Msg, bool) *dns.Msg{
		"some records": cut(0), "NXDOMAIN": cut(dns.RcodeNameError), "NODATA": empty,
	} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS %t", name, secure), func(t *testing.T) {
				bad, good := newFake(t, answer, nil), newFake(t, slowA, nil)
				upstream := bad.addr
				if secure {
					bad = newFake(t, answer, config)
					upstream = "tls://" + bad.addr
				}
				f, clock := newRunning(t, Options{RootCAs: pool})
				q := question(t, "www.example.com.", dns.TypeA)
				alone := newGroup(t, f, upstream)
				o := resolve(t, f, alone, q)
				if !errors.Is(o.err, ErrServFail) || o.m.Rcode != dns.RcodeServerFailure ||
					!strings.Contains(o.m.Reason(), "truncated") {
					t.Errorf("alone: %+v, %v", o.m, o.err)
				}
				if found := f.Cached(alone, q, clock.unix.Load()); found.State == Fresh && found.Flags&IsFailure == 0 {
					t.Error("cached")
				}
				o = resolve(t, f, newGroup(t, f, upstream, good.addr), q)
				if o.err != nil || o.m.Answers != 1 {
					t.Errorf("beside another: %+v, %v", o.m, o.err)
				}
			})
		}
	}
}

// TestTrailingBytes: what follows the last record is left alone.
func TestTrailingBytes(t *testing.T) {
	q := question(t, "www.example.com.", dns.TypeA)
	m := echoA(new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA), false)
	var w walker
	e, verdict := w.read(append(pack(t, m), "\x00\xffmore"...), q, 0)
	if verdict != isAnswer || e.Answers != 1 {
		t.Errorf("verdict %d, %+v", verdict, e)
	}
}

// TestNoQuestion: replies without a question section. By UDP truncation leads to TCP, by
// TCP and TLS the response code counts at once.
func TestNoQuestion(t *testing.T) {
	config, pool := newCertificate(t)
	bare := func(rcode int) func(q *dns.Msg, tcp bool) *dns.Msg {
		return func(q *dns.Msg, _ bool) *dns.Msg {
			m := new(dns.Msg).SetRcode(q, rcode)
			m.Question = nil
			return m
		}
	}
	o := Options{RootCAs: pool, RetryMin: 10 * time.Second, RetryMax: 10 * time.Second, Budget: 20 * time.Second}
	q := question(t, "www.example.com.", dns.TypeA)
	t.Run("truncated", func(t *testing.T) {
		up := newFake(t, func(q *dns.Msg, tcp bool) *dns.Msg {
			m := many(q, tcp)
			if !tcp {
				m.Question, m.Answer = nil, nil
			}
			return m
		}, nil)
		f, _ := newRunning(t, o)
		if o := resolve(t, f, newGroup(t, f, up.addr), q); o.err != nil || o.m.Answers != 200 {
			t.Errorf("outcome %v", o.err)
		}
	})
	for _, rcode := range []int{
		dns.RcodeServerFailure, dns.RcodeRefused, dns.RcodeFormatError, dns.RcodeSuccess, dns.RcodeNameError,
	} {
		t.Run(dns.RcodeToString[rcode], func(t *testing.T) {
			up, other := newFake(t, bare(rcode), config), newFake(t, slowA, nil)
			f, _ := newRunning(t, o)
			if o := resolve(t, f, newGroup(t, f, "tls://"+up.addr), q); !errors.Is(o.err, ErrServFail) {
				t.Errorf("alone: %v", o.err)
			}
			if o := resolve(t, f, newGroup(t, f, "tls://"+up.addr, other.addr), q); o.err != nil {
				t.Errorf("beside another: %v", o.err)
			}
		})
	}
}

// lines gathers a log.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// TestReasons: who answered is said to have answered, and what.
func TestReasons(t *testing.T) {
	endless := make([]string, 0, 20)
	for i := range 20 {
		endless = append(endless, fmt.Sprintf("n%d.example. 60 IN CNAME n%d.example.", i, i+1))
	}
	withEDE := func(q *dns.Msg, _ bool) *dns.Msg {
		m := new(dns.Msg).SetRcode(q, dns.RcodeServerFailure).SetEdns0(1232, false)
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: 6})
		return m
	}
	tests := []struct {
		name    string
		answer  func(*dns.Msg, bool) *dns.Msg
		reason  string // after the upstream, or around it
		outcome string
		ede     uint16
		tries   int
	}{
		{"servfail", says(t, dns.RcodeServerFailure, nil, nil), "UP answered SERVFAIL after", "SERVFAIL", wire.EDENetwork, 1},
		{"servfail with a reason", withEDE, "UP answered SERVFAIL after", "SERVFAIL", 6, 1},
		{"refused", says(t, dns.RcodeRefused, nil, nil), "UP answered REFUSED after", "REFUSED", wire.EDENetwork, 1},
		{"formerr", says(t, dns.RcodeFormatError, nil, nil), "UP answered FORMERR after", "FORMERR", wire.EDENetwork, 1},
		{"an odd code", says(t, 12, nil, nil), "UP answered RCODE12 after", "RCODE12", wire.EDENetwork, 1},
		{"garbage", says(t, 0, []string{"other.test. 300 IN A 192.0.2.1"}, nil),
			"useless answer of UP: malformed", "malformed", wire.EDENetwork, 1},
		{"referral", says(t, 0, nil, []string{"example. 300 IN NS ns.example."}),
			"useless answer of UP: referral", "referral", wire.EDENetwork, 1},
		{"endless", says(t, 0, endless, nil), "useless answer of UP: chain too long", "chain too long", wire.EDENetwork, 1},
		{"silent", silent, "timeout: no answer from UP in", "timeout", wire.EDENoReachable, 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			up := newFake(t, test.answer, nil)
			log := &lines{}
			f, _ := newRunning(t, Options{
				Logger: slog.New(slog.NewTextHandler(log, nil)),
				Budget: time.Second, RetryMin: 50 * time.Millisecond, RetryMax: 100 * time.Millisecond,
			})
			g := newGroup(t, f, up.addr)
			for i := range 3 {
				o := resolve(t, f, g, question(t, fmt.Sprintf("n%d.example.", i), dns.TypeA))
				if i > 0 {
					continue
				}
				reason := strings.ReplaceAll(test.reason, "UP", up.addr)
				if o.err == nil || !strings.Contains(o.m.Reason(), reason) || o.m.EDE != test.ede {
					t.Fatalf("%v, EDE %d, reason %q; want %q", o.err, o.m.EDE, o.m.Reason(), reason)
				}
				if len(o.m.Tries()) != test.tries || o.m.Tries()[0].String() != test.outcome || o.m.Tries()[0].Took <= 0 {
					t.Errorf("tries %+v, want %d of %s", o.m.Tries(), test.tries, test.outcome)
				}
			}
			written := log.String()
			if n := strings.Count(written, "no answer from upstreams"); n != 1 {
				t.Errorf("%d lines:\n%s", n, written)
			}
			for _, want := range []string{
				"level=WARN", ".example. type=1", "upstream=" + up.addr, "outcome=", test.outcome, "seconds=", "tries=",
			} {
				if !strings.Contains(written, want) {
					t.Errorf("no %s in\n%s", want, written)
				}
			}
		})
	}
}

// TestTries: each query is told, whoever answers in the end.
func TestTries(t *testing.T) {
	one, two := newFake(t, says(t, dns.RcodeRefused, nil, nil), nil), newFake(t, slowA, nil)
	f, clock := newRunning(t, Options{})
	g := newGroup(t, f, one.addr, two.addr)
	q := question(t, "www.example.", dns.TypeA)
	m := resolve(t, f, g, q).m
	if len(m.Tries()) != 2 || m.Tries()[0].String() != "REFUSED" || m.Tries()[1].String() != "NOERROR" ||
		m.Tries()[0].Upstream != 0 || m.Tries()[1].Upstream != 1 || m.Tries()[1].Took < 15*time.Millisecond {
		t.Errorf("tries %+v", m.Tries())
	}
	if found := f.Cached(g, q, clock.unix.Load()); found.Message != m {
		t.Error("the cache has another message")
	}
}

// TestLoopIsCalledLoop: an upstream that asks back what it is asked, and then fails, was a
// loop.
func TestLoopIsCalledLoop(t *testing.T) {
	var f *Forwarder
	var g *Group
	back := Asker{Addr: netip.MustParseAddr("127.0.0.1")}
	up := newFake(t, func(q *dns.Msg, _ bool) *dns.Msg {
		done := make(chan error, 1)
		asked := question(t, q.Question[0].Name, q.Question[0].Qtype)
		err := f.Ask(g, asked, back, func(_ *Message, err error) { done <- err })
		if err == nil {
			err = <-done
		}
		if !errors.Is(err, ErrLoop) {
			t.Errorf("asking back: %v", err)
		}
		return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
	}, nil)
	f, _ = newRunning(t, Options{Budget: time.Second, RetryMin: time.Second})
	g = newGroup(t, f, up.addr)
	o := resolve(t, f, g, question(t, "www.example.", dns.TypeA))
	if !errors.Is(o.err, ErrServFail) || o.m.Tries()[0].Outcome != Looped ||
		!strings.HasPrefix(o.m.Reason(), "loop: "+up.addr+" asks back") {
		t.Errorf("%v: %q, %+v", o.err, o.m.Reason(), o.m.Tries())
	}
	// Elsewhere than on this host the address proves it at once.
	g.upstreams[0].local.Store(false)
	o = resolve(t, f, g, question(t, "other.example.", dns.TypeA))
	if !strings.HasPrefix(o.m.Reason(), "loop: ") {
		t.Errorf("at once: %q, %+v", o.m.Reason(), o.m.Tries())
	}
}
