package resolver

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"inside53/resolver/freeport"

	"github.com/miekg/dns"
)

// fakeUpstream is a name server on loopback with answers from a scenario. Other
// questions fail the test.
type fakeUpstream struct {
	testing.TB
	addr    string
	replies map[string]*dns.Msg // by name and type
	mode    atomic.Value        // "answers", "silent", "broken", or "denies" what it doesn't know
	asked   atomic.Int64
}

// newFakeUpstream starts a fake over UDP and TCP. Lines of the block:
//
//	reply NAME TYPE RCODE [ad] [tc] [ede=N]    tc: over UDP nothing but that
//	an RECORD                                  in the answer section
//	ns RECORD                                  in the authority section
func newFakeUpstream(t testing.TB, b *block) *fakeUpstream {
	t.Helper()
	u := &fakeUpstream{TB: t, replies: map[string]*dns.Msg{}}
	u.mode.Store("answers")
	u.parse(b)
	u.serve()
	return u
}

func (u *fakeUpstream) parse(b *block) {
	u.Helper()
	var m *dns.Msg
	for _, line := range append([]string{"reply ready.test. A NOERROR", "an ready.test. 60 A 192.0.2.1"}, b.body...) {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "reply":
			words := strings.Fields(rest)
			m = new(dns.Msg)
			rcode, ok := dns.StringToRcode[words[2]]
			if !ok {
				u.Fatalf("line %d: rcode %s", b.line, words[2])
			}
			m.Rcode = rcode
			for _, flag := range words[3:] {
				switch key, value, _ := strings.Cut(flag, "="); key {
				case "ad":
					m.AuthenticatedData = true
				case "tc":
					m.Truncated = true
				case "ede":
					m.Extra = append(m.Extra, &dns.OPT{
						Hdr:    dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT, Class: 1232},
						Option: []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: uint16(number(u.TB, value))}},
					})
				default:
					u.Fatalf("line %d: flag %s", b.line, flag)
				}
			}
			u.replies[replyKey(words[0], rrtype(u.TB, words[1]))] = m
		case "an", "ns":
			rr, err := dns.NewRR(rest)
			if err != nil || m == nil {
				u.Fatalf("line %d: %s: %v", b.line, line, err)
			}
			if word == "an" {
				m.Answer = append(m.Answer, rr)
			} else {
				m.Ns = append(m.Ns, rr)
			}
		default:
			u.Fatalf("line %d: %q", b.line, line)
		}
	}
}

func replyKey(name string, t uint16) string { return fmt.Sprintf("%s %d", dns.CanonicalName(name), t) }

// serve answers until the test ends.
func (u *fakeUpstream) serve() {
	u.Helper()
	l, pc := listenBoth(u.TB)
	u.addr = l.Addr().String()
	servers := []*dns.Server{{Listener: l, Handler: u}, {PacketConn: pc, Handler: u}}
	var wg sync.WaitGroup
	for _, s := range servers {
		ready := make(chan struct{})
		s.NotifyStartedFunc = func() { close(ready) }
		wg.Go(func() {
			err := s.ActivateAndServe()
			if err != nil && !strings.Contains(err.Error(), "closed") {
				u.Errorf("fake upstream: %v", err)
			}
		})
		<-ready
	}
	u.Cleanup(func() {
		for _, s := range servers {
			err := s.Shutdown()
			if err != nil {
				u.Errorf("fake upstream: %v", err)
			}
		}
		wg.Wait()
	})
}

// listenBoth listens on one port over TCP and UDP.
func listenBoth(t testing.TB) (net.Listener, net.PacketConn) {
	t.Helper()
	packets, streams, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	return streams, packets
}

// ServeDNS answers as the scenario says.
func (u *fakeUpstream) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	u.asked.Add(1)
	switch u.mode.Load() {
	case "silent":
		return
	case "broken":
		_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)) // the asker may have gone
		return
	}
	canned := u.replies[replyKey(q.Question[0].Name, q.Question[0].Qtype)]
	if canned == nil && u.mode.Load() == "denies" {
		_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeNameError)) // the asker may have gone
		return
	}
	if canned == nil {
		u.Errorf("upstream was asked %s", q.Question[0].String())
		_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeRefused)) // the asker may have gone
		return
	}
	m := canned.Copy()
	rcode := m.Rcode
	m.SetRcode(q, rcode)
	m.AuthenticatedData = canned.AuthenticatedData
	m.RecursionAvailable, m.Compress = true, true
	_, tcp := w.RemoteAddr().(*net.TCPAddr)
	m.Truncated = canned.Truncated && !tcp
	if m.Truncated {
		m.Answer, m.Ns = nil, nil
	}
	_ = w.WriteMsg(m) // the asker may have gone
}
