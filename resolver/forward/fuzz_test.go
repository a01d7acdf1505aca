package forward

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"inside53/resolver/wire"

	"github.com/miekg/dns"
)

// FuzzRead: of a message that the walker accepts and miekg/dns can read, what
// is kept reads back as RRs of that message, and their places are right.
func FuzzRead(f *testing.F) {
	seeds := [][]string{
		{"www.example.com. 300 IN CNAME w.example.net.", "w.example.net. 60 IN A 192.0.2.1"},
		{"www.example.com. 60 IN HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1"},
		{"www.example.com. 60 IN MX 10 mx.example.com.", "www.example.com. 60 IN SRV 1 2 3 srv.www.example.com."},
		{"www.example.com. 60 IN NAPTR 1 2 \"u\" \"sip\" \"!x!y!\" r.example.com.", "www.example.com. 60 IN TXT \"a\" \"b\""},
		{
			"www.example.com. 60 IN IPSECKEY 10 3 2 gw.example.com. AQNR",
			"www.example.com. 60 IN RP a.example.com. b.example.com.",
		},
		{
			"example.com. 60 IN DNAME example.net.",
			"www.example.com. 60 IN CNAME www.example.net.",
			"www.example.net. 60 IN AAAA ::1",
		},
		{
			"www.example.com. 60 IN SOA ns.example.com. host.example.com. 1 2 3 4 5",
			"www.example.com. 60 IN NSEC z.example.com. A",
		},
	}
	for _, texts := range seeds {
		m := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeANY)
		m.Response, m.Compress = true, true
		m.Answer = says(f, 0, texts, nil)(m, false).Answer
		m.Ns = says(f, 0, []string{soaCom}, nil)(m, false).Answer
		m.SetEdns0(1232, true)
		b := pack(f, m)
		f.Add(b, uint16(dns.TypeANY), true)
		f.Add(b, m.Answer[len(m.Answer)-1].Header().Rrtype, false)
	}
	name := question(f, "www.example.com.", 0).Name
	f.Fuzz(func(t *testing.T, msg []byte, typ uint16, do bool) {
		q := &Question{Name: name, Type: typ, DO: do}
		end := wire.HeaderSize + len(name) + 4
		if len(msg) < end {
			return
		}
		copy(msg, appendQuery(nil, q)[:wire.HeaderSize])
		msg = slices.Clone(msg)
		msg[2] |= wire.FlagQR
		copy(msg[wire.HeaderSize:], name)
		binary.BigEndian.PutUint16(msg[end-4:], typ)
		binary.BigEndian.PutUint16(msg[end-2:], wire.ClassIN)
		var w walker
		e, verdict := w.read(msg, q, 0)
		if verdict != isAnswer {
			return
		}
		places(t, e)
		original, kept := new(dns.Msg), new(dns.Msg)
		err := original.Unpack(msg)
		if err != nil {
			return
		}
		err = kept.Unpack(frame(&e.Message, q))
		if err != nil {
			t.Fatalf("unpacking what was kept: %v", err)
		}
		if len(kept.Answer) != int(e.Answers) || len(kept.Ns) != int(e.Authority) {
			t.Fatalf("%d and %d RRs read of %d and %d", len(kept.Answer), len(kept.Ns), e.Answers, e.Authority)
		}
		among(t, kept.Answer, original.Answer)
		among(t, kept.Ns, original.Ns)
	})
}

// places checks that the RRs lie where they are said to, and fill the body.
func places(t *testing.T, e *entry) {
	t.Helper()
	off := 0
	for i, rr := range e.RRs() {
		if int(rr.Off) != off {
			t.Fatalf("RR %d at %d, want %d", i, rr.Off, off)
		}
		if e.Body()[off] >= 0xC0 {
			off += 2
		} else {
			off += len(nameAt(e.Body(), off))
		}
		if binary.BigEndian.Uint16(e.Body()[off:]) != rr.Type || int(rr.TTLOff) != off+4 {
			t.Fatalf("RR %d: type %d, TTL at %d", i, rr.Type, rr.TTLOff)
		}
		if ttl := binary.BigEndian.Uint32(e.Body()[rr.TTLOff:]); ttl > MaxTTL || ttl < e.TTL {
			t.Fatalf("RR %d: TTL %d, the message's %d", i, ttl, e.TTL)
		}
		off += 10 + int(binary.BigEndian.Uint16(e.Body()[off+8:]))
	}
	if off != len(e.Body()) {
		t.Fatalf("%d bytes of RRs in a body of %d", off, len(e.Body()))
	}
}

// among checks that each kept RR is one of the original ones, TTL and the case of
// the owner aside.
func among(t *testing.T, kept, original []dns.RR) {
	t.Helper()
	plain := func(rr dns.RR) string {
		h := rr.Header()
		h.Ttl, h.Name = 0, strings.ToLower(h.Name)
		return rr.String()
	}
	var all []string
	for _, rr := range original {
		all = append(all, plain(rr))
	}
	for _, rr := range kept {
		if !slices.Contains(all, plain(rr)) {
			t.Fatalf("kept %s\nwhich is not among\n%s", plain(rr), strings.Join(all, "\n"))
		}
	}
}
