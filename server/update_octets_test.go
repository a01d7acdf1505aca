package server

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"inside53/resolver/wire"

	"github.com/miekg/dns"
)

// TestUpdateKeepsEveryOctet adds a CAA value of odd octets beside backslashes
// (RFC 8659 section 4.1), and asks for it: what comes out is what went in.
func TestUpdateKeepsEveryOctet(t *testing.T) {
	u := newUpdating(t, "1h", nil)
	value := []byte("\x00\x05issue")
	for _, c := range []byte(" !\"';@a09.~\\") {
		value = append(value, c, '\\', c)
	}
	// As a record of an unknown type the library leaves the octets alone.
	opaque := &dns.RFC3597{Hdr: dns.RR_Header{Name: "caa.example.net.", Rrtype: dns.TypeCAA, Class: dns.ClassINET,
		Ttl: 60}, Rdata: hex.EncodeToString(value)}
	m := new(dns.Msg).SetUpdate("example.net.")
	m.Ns = []dns.RR{opaque}
	reply := ops().send(t, u.addr, m)
	if reply.Rcode != dns.RcodeSuccess {
		t.Fatalf("%v\n%s", reply, u.records(netZone, "caa.example.net.", "CAA"))
	}
	query, err := new(dns.Msg).SetQuestion("caa.example.net.", dns.TypeCAA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	conn := dialFrom(t, "tcp", "127.0.0.1", u.addr)
	_, err = conn.Write(query)
	if err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1<<16)
	n, err := conn.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	answer = answer[:n]
	r, end := wire.ReadRecord(answer, wire.SkipName(answer, wire.HeaderSize)+wire.QuestionFixed)
	if end < 0 || binary.BigEndian.Uint16(answer[wire.AtAnswers:]) != 1 || !bytes.Equal(r.Data, value) {
		t.Errorf("got  %q\nwant %q", r.Data, value)
	}
}

// TestUpdateOfOddRecords sends rdata that libraries read in different ways, signed and whole:
// what Route 53 has no records of is REFUSED, all else is made, and answered as it came, also
// in a signed answer.
func TestUpdateOfOddRecords(t *testing.T) {
	u := newUpdating(t, "1h", nil)
	mapped := "\x00\x01\x00" + "\x00\x06\x00\x10" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01"
	for _, tt := range []struct {
		name   string
		rrtype uint16
		rdata  string
		rcode  int
	}{
		{"svc", dns.TypeHTTPS, mapped, dns.RcodeSuccess},
		{"relay", dns.TypeAMTRELAY, "\x0a\x80", dns.RcodeRefused},
		{"relay1", dns.TypeAMTRELAY, "\x0a\x81\xc0\x00\x02\x01", dns.RcodeRefused},
		{"next", dns.TypeNXT, "\x01a\x00\x40\x01", dns.RcodeRefused},
		{"short", dns.TypeA, "\x0a\x00", dns.RcodeFormatError},
		{"after", dns.TypeA, "\x0a\x00\x00\x01", dns.RcodeSuccess},
	} {
		name := tt.name + ".example.net."
		m := new(dns.Msg).SetUpdate("example.net.")
		m.Ns = []dns.RR{&dns.RFC3597{Hdr: dns.RR_Header{Name: name, Rrtype: tt.rrtype, Class: dns.ClassINET, Ttl: 60},
			Rdata: hex.EncodeToString([]byte(tt.rdata))}}
		reply := raw(t, u, signed(t, m))
		if reply.Rcode != tt.rcode || reply.IsTsig() == nil || reply.IsTsig().MACSize == 0 {
			t.Errorf("%s: answered %v, want %s, signed", tt.name, reply, dns.RcodeToString[tt.rcode])
		}
		if tt.rcode != dns.RcodeSuccess {
			continue
		}
		query := signed(t, new(dns.Msg).SetQuestion(name, tt.rrtype))
		conn := dialFrom(t, "tcp", "127.0.0.1", u.addr)
		_, err := conn.Write(query)
		if err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 1<<16)
		n, err := conn.Read(answer)
		if err != nil {
			t.Fatal(err)
		}
		answer = answer[:n]
		at := wire.SkipName(answer, wire.HeaderSize) + wire.QuestionFixed
		r, end := wire.ReadRecord(answer, at)
		if end < 0 || string(r.Data) != tt.rdata {
			t.Errorf("%s: answered %x, want %x", tt.name, r.Data, tt.rdata)
		}
		last, end := wire.ReadRecord(answer, end)
		if last.Type != wire.TypeTSIG || end != len(answer) {
			t.Errorf("%s: the answer isn't signed: %+v", tt.name, last)
		}
	}
}
