package wire

import (
	"bytes"
	"testing"

	"github.com/miekg/dns"
)

// TestReadRecord reads records that another library has packed, compressed.
func TestReadRecord(t *testing.T) {
	texts := []string{
		"a.example. 5 IN NS b.example.", "a.example. 5 IN SOA b.example. c.b.example. 1 2 3 4 5",
		"a.example. 5 IN MX 10 b.example.", "a.example. 5 IN PX 10 b.example. c.example.",
		"a.example. 5 IN SRV 1 2 3 b.example.", "a.example. 5 IN RP b.example. c.example.",
		`a.example. 5 IN NAPTR 1 2 "u" "" "x" b.example.`, "a.example. 5 IN TXT x", `a.example. 5 IN CAA 0 issue "x"`,
		"a.example. 5 IN SIG A 1 3 3600 20300101000000 20200101000000 1 b.example. AAAA",
		"a.example. 5 IN HTTPS 1 b.example. alpn=h2", "a.example. 5 IN TYPE65280 \\# 3 c00c00", "a.example. 5 CH TXT x",
	}
	m := dns.Msg{Compress: true, Question: []dns.Question{{Name: "b.example.", Qtype: TypeA, Qclass: ClassIN}}}
	for _, text := range texts {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	msg, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	at := SkipName(msg, HeaderSize) + QuestionFixed
	for i, rr := range m.Answer {
		r, end := ReadRecord(msg, at)
		if end < 0 || end != SkipRecord(msg, at) || r.Odd {
			t.Fatalf("%s: read to %d, skipped to %d, odd %t", texts[i], end, SkipRecord(msg, at), r.Odd)
		}
		at = end
		want := make([]byte, dns.Len(rr)+512)
		size, err := dns.PackRR(rr, want, 0, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		got := append(bytes.Clone(r.Name), byte(r.Type>>8), byte(r.Type), byte(r.Class>>8), byte(r.Class),
			0, 0, 0, byte(r.TTL), byte(len(r.Data)>>8), byte(len(r.Data)))
		got = append(got, r.Data...)
		if !bytes.Equal(got, want[:size]) {
			t.Errorf("%s: %x, want %x", texts[i], got, want[:size])
		}
	}
	if at != len(msg) {
		t.Errorf("read to %d of %d", at, len(msg))
	}
}

// FuzzReadRecord reads anything: a record ends where it is skipped to, and its data lead
// back to themselves.
func FuzzReadRecord(f *testing.F) {
	f.Add([]byte("\x01a\x00\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\x0a\x00\x00\x01"))
	f.Add([]byte("\x01a\x00\x00\x0f\x00\x01\x00\x00\x00\x05\x00\x04\x00\x0a\xc0\x0c"))
	f.Add([]byte("\x01a\x00\x00\x23\x00\x01\x00\x00\x00\x05\x00\x09\x00\x0a\x00\x01\x00\x00\x00\xc0\x0c"))
	f.Fuzz(func(t *testing.T, record []byte) {
		msg := append(make([]byte, HeaderSize), record...)
		r, end := ReadRecord(msg, HeaderSize)
		if end < 0 {
			return
		}
		if end != SkipRecord(msg, HeaderSize) || end > len(msg) {
			t.Fatalf("%x: read to %d, skipped to %d", record, end, SkipRecord(msg, HeaderSize))
		}
		if r.Odd || len(r.Data) > MaxMessage {
			return
		}
		plain := append(make([]byte, HeaderSize), r.Name...)
		plain = append(plain, byte(r.Type>>8), byte(r.Type), byte(r.Class>>8), byte(r.Class),
			0, 0, 0, 0, byte(len(r.Data)>>8), byte(len(r.Data)))
		again, end := ReadRecord(append(plain, r.Data...), HeaderSize)
		if end < 0 || again.Odd || !bytes.Equal(again.Data, r.Data) || !bytes.Equal(again.Name, r.Name) {
			t.Fatalf("%x: %+v, then %+v", record, r, again)
		}
	})
}
