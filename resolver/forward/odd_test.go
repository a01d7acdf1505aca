package forward

import (
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"inside53/resolver/wire"

	"github.com/miekg/dns"
)

// newDatagrams starts an upstream that answers queries by UDP with whatever bytes answer
// makes of them, one datagram each.
func newDatagrams(t *testing.T, answer func(query []byte) [][]byte) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			for _, b := range answer(buf[:n:n]) {
				_, _ = pc.WriteTo(b, from)
			}
		}
	}()
	t.Cleanup(func() {
		pc.Close()
		<-done
	})
	return pc.LocalAddr().String()
}

// bareReply is a reply without a question section.
func bareReply(query []byte, rcode byte) []byte {
	return []byte{query[0], query[1], 0x80, rcode, 0, 0, 0, 0, 0, 0, 0, 0}
}

// TestOddReplies: what comes with the id of a query and isn't a reply to it, as anybody might
// send it, ends nothing; where nothing better comes people hear what it was.
func TestOddReplies(t *testing.T) {
	tests := []struct {
		name, reason, outcome string
		answer                func(query []byte) []byte
	}{
		{"SERVFAIL without a question", "UP answered SERVFAIL after", "SERVFAIL",
			func(q []byte) []byte { return bareReply(q, wire.RcodeServFail) }},
		{"REFUSED without a question", "UP answered REFUSED after", "REFUSED",
			func(q []byte) []byte { return bareReply(q, wire.RcodeRefused) }},
		{"NXDOMAIN without a question", "useless answer of UP: malformed", "malformed",
			func(q []byte) []byte { return bareReply(q, wire.RcodeNXDomain) }},
		{"the query", "useless answer of UP: malformed", "malformed", func(q []byte) []byte { return q }},
		{"another question", "useless answer of UP: malformed", "malformed", func(q []byte) []byte {
			b := append([]byte(nil), q...)
			b[2] |= 0x80
			b[13] ^= 1
			return b
		}},
		{"an id alone", "useless answer of UP: malformed", "malformed", func(q []byte) []byte { return q[:2] }},
		{"noise", "useless answer of UP: malformed", "malformed", func(q []byte) []byte {
			return append(append([]byte(nil), q[:2]...), "HTTP/1.1 400 Bad Request\r\n\r\n"...)
		}},
		{"another id", "timeout: no answer from UP in", "timeout", func(q []byte) []byte {
			b := bareReply(q, wire.RcodeServFail)
			b[0] ^= 0x55
			return b
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var good atomic.Bool
			up := newDatagrams(t, func(q []byte) [][]byte {
				if !good.Load() {
					return [][]byte{test.answer(q)}
				}
				m := new(dns.Msg)
				if err := m.Unpack(q); err != nil {
					t.Error(err)
				}
				return [][]byte{test.answer(q), pack(t, echoA(m, false))}
			})
			f, _ := newRunning(t, Options{
				Budget: 400 * time.Millisecond, RetryMin: 100 * time.Millisecond, RetryMax: 100 * time.Millisecond,
			})
			g := newGroup(t, f, up)
			began := time.Now()
			o := resolve(t, f, g, question(t, "www.example.", dns.TypeA))
			if took := time.Since(began); took < 350*time.Millisecond {
				t.Errorf("the flight ended after %v, by what anybody may have sent", took)
			}
			reason := strings.ReplaceAll(test.reason, "UP", up)
			if o.err == nil || !strings.Contains(o.m.Reason(), reason) || o.m.Tries()[0].String() != test.outcome {
				t.Errorf("%v, reason %q, tries %v", o.err, o.m.Reason(), o.m.Tries())
			}
			timeout := test.outcome == "timeout"
			if errors.Is(o.err, ErrTimeout) != timeout || (o.m.EDE == wire.EDENoReachable) != timeout {
				t.Errorf("%v with EDE %d", o.err, o.m.EDE)
			}
			if f.Stats().Upstreams[0].Spoofed == 0 {
				t.Error("not counted")
			}
			good.Store(true)
			o = resolve(t, f, g, question(t, "other.example.", dns.TypeA))
			if o.err != nil || o.m.Answers != 1 || o.m.Tries()[0].String() != "NOERROR" {
				t.Errorf("with an answer behind it: %v, %+v", o.err, o.m)
			}
		})
	}
}

// TestStaleTellsWhy: an expired answer says what its upstreams answer now.
func TestStaleTellsWhy(t *testing.T) {
	up := newFake(t, echoA, nil)
	f, clock := newRunning(t, Options{Budget: time.Second})
	g, q := newGroup(t, f, up.addr), question(t, "www.example.", dns.TypeA)
	o := resolve(t, f, g, q)
	if o.err != nil || f.Failure(o.m, clock.unix.Load()) != nil {
		t.Fatalf("%v, failure %v", o.err, f.Failure(o.m, clock.unix.Load()))
	}
	clock.advance(301 * time.Second)
	up.set(says(t, dns.RcodeRefused, nil, nil))
	o = resolve(t, f, g, q)
	if !errors.Is(o.err, ErrStale) {
		t.Fatal(o.err)
	}
	why := f.Failure(o.m, clock.unix.Load())
	if why == nil || !strings.Contains(why.Reason(), "answered REFUSED") || why.Tries()[0].String() != "REFUSED" {
		t.Errorf("failure %+v", why)
	}
	clock.advance(staleRecheck * time.Second)
	if f.Failure(o.m, clock.unix.Load()) != nil {
		t.Error("an old failure is told as the reason for what is now")
	}
}
