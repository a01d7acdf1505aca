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
