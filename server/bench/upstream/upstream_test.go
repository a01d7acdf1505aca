//go:build linux

package upstream

import (
	"testing"

	"github.com/miekg/dns"
)

// question packs a query, with room for the answer.
func question(t *testing.T, name string, rrtype uint16, edns bool) []byte {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, rrtype)
	if edns {
		m.SetEdns0(1232, false)
	}
	q, err := m.PackBuffer(make([]byte, 512))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		rrtype uint16
		edns   bool
	}{
		{"hot-1.cache.internal.", dns.TypeA, true},
		{"HOT-1.cache.internal.", dns.TypeA, false},
		{"hot-1.cache.internal.", dns.TypeAAAA, true},
		{".", dns.TypeNS, false},
	} {
		var m dns.Msg
		err := m.Unpack(Answer(question(t, c.name, c.rrtype, c.edns)))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !m.Response || !m.RecursionAvailable || m.Rcode != dns.RcodeSuccess || len(m.Question) != 1 ||
			(m.IsEdns0() != nil) != c.edns {
			t.Errorf("%s: header or question: %s", c.name, &m)
		}
		if c.rrtype != dns.TypeA {
			if len(m.Answer) != 0 || len(m.Ns) != 1 || m.Ns[0].Header().Rrtype != dns.TypeSOA {
				t.Errorf("%s: not a negative answer: %s", c.name, &m)
			}
			continue
		}
		want := Address([]byte("\x05hot-1\x05cache\x08internal\x00"))
		a, ok := m.Answer[0].(*dns.A)
		if !ok || [4]byte(a.A.To4()) != want || a.Hdr.Ttl != ttl || a.Hdr.Name != c.name {
			t.Errorf("%s: %s, want the address %v", c.name, m.Answer[0], want)
		}
	}
}

func TestNoAnswer(t *testing.T) {
	good := question(t, "a.example.", dns.TypeA, true)
	for i := range good {
		q := append(make([]byte, 0, 512), good[:i]...)
		if a := Answer(q); a != nil && i < questionEnd(good) {
			t.Errorf("%d octets of a query were answered", i)
		}
	}
	response := append(make([]byte, 0, 512), good...)
	response[2] |= 0x80
	if Answer(response) != nil {
		t.Error("an answer was answered")
	}
	if Answer(good[:len(good):len(good)]) != nil {
		t.Error("answered beyond the room")
	}
}
