package forward

import (
	"strings"
	"testing"

	"inside53/resolver/wire"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// TestRDATA: every type that has names in its RDATA, and some that have none,
// read back as they were sent, however compressed.
func TestRDATA(t *testing.T) {
	for _, text := range []string{
		"A 192.0.2.1", "AAAA 2001:db8::1", "NS ns.www.example.com.", "MD a.example.com.", "MF a.example.com.",
		"MB a.example.com.", "MG a.example.com.", "MR a.example.com.", "PTR a.example.com.", "DNAME a.example.com.",
		"SOA ns.example.com. host.example.com. 1 2 3 4 5", "MINFO a.example.com. b.example.com.",
		"MX 10 mx.example.com.", "TXT \"a b\" \"c\"", "SPF \"v=spf1\"", "RP a.example.com. b.example.com.",
		"AFSDB 1 a.example.com.", "RT 1 a.example.com.", "KX 1 a.example.com.", "PX 1 a.example.com. b.example.com.",
		"SRV 1 2 443 a.example.com.", "NAPTR 1 2 \"s\" \"x\" \"!a!b!\" a.example.com.", "NSAP-PTR a.example.com.",
		"LP 10 a.example.com.", "TALINK a.example.com. b.example.com.",
		"IPSECKEY 10 3 2 gw.example.com. AQNR", "IPSECKEY 10 1 2 192.0.2.38 AQNR", "IPSECKEY 10 0 2 . AQNR",
		"AMTRELAY 10 0 3 relay.example.com.", "AMTRELAY 10 0 1 192.0.2.1",
		"HIP 2 200100107b1a74df365639cc39f1d578 AwEA rvs.example.com.",
		"NSEC a.example.com. A RRSIG", "NSEC3PARAM 1 0 0 AB", "CAA 0 issue \"ca.example\"", "DS 1 13 2 AABB",
		"RRSIG A 13 2 300 20300101000000 20200101000000 1 example.com. AAAA",
		"SVCB 1 svc.example.com. port=\"853\" ipv6hint=\"2001:db8::1\"", "HTTPS 0 web.example.com.",
		"TYPE65280 \\# 3 c00c01",
	} {
		t.Run(text, func(t *testing.T) {
			full := "www.example.com. 60 IN " + text
			rr, err := dns.NewRR(full)
			if err != nil {
				t.Fatal(err)
			}
			typ := rr.Header().Rrtype
			q := question(t, "www.example.com.", typ)
			m := new(dns.Msg).SetQuestion("www.example.com.", typ)
			m.Response, m.Compress = true, true
			m.Answer = []dns.RR{rr}
			msg := pack(t, m)
			var w walker
			e, verdict := w.read(msg, q, 0)
			if verdict != isAnswer {
				t.Fatalf("verdict %d", verdict)
			}
			answer, _ := texts(t, &e.Message, q)
			if diff := cmp.Diff([]string{strings.ReplaceAll(rr.String(), "\t", " ")}, answer); diff != "" {
				t.Error(diff)
			}
			// Every shorter message is refused, and does no harm.
			for n := wire.HeaderSize + 1; n < len(msg); n++ {
				if n < wire.HeaderSize+len(q.Name)+4 {
					continue // isReply would not have let it in
				}
				if _, verdict := w.read(msg[:n], q, 0); verdict != isBroken {
					t.Fatalf("%d of %d bytes: verdict %d", n, len(msg), verdict)
				}
			}
		})
	}
}

// TestBadRDATA: RDATA that readers could stumble over is refused.
func TestBadRDATA(t *testing.T) {
	for name, test := range map[string]struct {
		typ   uint16
		rdata string
	}{
		"short A":                 {wire.TypeA, "\x01\x02\x03"},
		"long AAAA":               {wire.TypeAAAA, "12345678901234567"},
		"empty TXT":               {wire.TypeTXT, ""},
		"text beyond the end":     {wire.TypeTXT, "\x05abc"},
		"name without end":        {wire.TypeCNAME, "\x03www"},
		"bytes after a name":      {wire.TypeCNAME, "\x00\x00"},
		"pointer forward":         {wire.TypeCNAME, "\xC0\xFF"},
		"pointer to the header":   {wire.TypeCNAME, "\xC0\x02"},
		"pointer to itself":       {wire.TypeCNAME, "\xC0\x2D"},
		"label type 01":           {wire.TypeCNAME, "\x41a\x00"},
		"SOA without numbers":     {wire.TypeSOA, "\x00\x00"},
		"keys that descend":       {wire.TypeSVCB, "\x00\x01\x00\x00\x05\x00\x00\x00\x03\x00\x02\x00\x35"},
		"key twice":               {wire.TypeSVCB, "\x00\x01\x00\x00\x03\x00\x02\x00\x35\x00\x03\x00\x02\x00\x35"},
		"hint of three bytes":     {wire.TypeHTTPS, "\x00\x01\x00\x00\x04\x00\x03\x01\x02\x03"},
		"empty hint":              {wire.TypeHTTPS, "\x00\x01\x00\x00\x06\x00\x00"},
		"parameter beyond end":    {wire.TypeHTTPS, "\x00\x01\x00\x00\x03\x00\x05\x01\x02"},
		"half a parameter":        {wire.TypeHTTPS, "\x00\x01\x00\x00\x03\x00"},
		"HIP beyond the end":      {wire.TypeHIP, "\xFF\x02\x00\x10"},
		"IPSECKEY without a name": {wire.TypeIPSECKEY, "\x0A\x03\x02\xFF"},
	} {
		q := question(t, "www.example.com.", test.typ)
		msg := append([]byte{0, 0, 0x80, 0, 0, 1, 0, 1, 0, 0, 0, 0}, q.Name...)
		msg = append(msg, byte(test.typ>>8), byte(test.typ), 0, 1)
		msg = append(msg, 0xC0, 12, byte(test.typ>>8), byte(test.typ), 0, 1, 0, 0, 0, 60, 0, byte(len(test.rdata)))
		msg = append(msg, test.rdata...)
		var w walker
		if _, verdict := w.read(msg, q, 0); verdict != isBroken {
			t.Errorf("%s: verdict %d", name, verdict)
		}
	}
}

// TestBadMessages: what is wrong around the RRs.
func TestBadMessages(t *testing.T) {
	q := question(t, "www.example.com.", wire.TypeA)
	head := func(answers, additional byte) []byte {
		msg := append([]byte{0, 0, 0x80, 0, 0, 1, 0, answers, 0, 0, 0, additional}, q.Name...)
		return append(msg, 0, 1, 0, 1)
	}
	const opt = "\x00\x00\x29\x04\xD0\x00\x00\x00\x00\x00\x00"
	const a = "\xC0\x0C\x00\x01\x00\x01\x00\x00\x00\x3C\x00\x04\xC0\x00\x02\x01"
	for name, msg := range map[string][]byte{
		"bytes after the end":    append(append(head(1, 0), a...), 0),
		"fewer RRs than said":    append(head(2, 0), a...),
		"two OPT RRs":            append(head(0, 2), opt+opt...),
		"OPT among the answers":  append(head(1, 0), opt...),
		"OPT with a name":        append(head(0, 1), "\x01a"+opt...),
		"option beyond the end":  append(head(0, 1), "\x00\x00\x29\x04\xD0\x00\x00\x00\x00\x00\x04\x00\x0F\x00\x09"...),
		"half an option":         append(head(0, 1), "\x00\x00\x29\x04\xD0\x00\x00\x00\x00\x00\x02\x00\x0F"...),
		"name of 256 octets":     append(head(1, 0), strings.Repeat("\x3F"+strings.Repeat("x", 63), 4)+"\x00"+a[2:]...),
		"RR without a data size": append(head(1, 0), a[:10]...),
	} {
		var w walker
		if _, verdict := w.read(msg, q, 0); verdict != isBroken {
			t.Errorf("%s: verdict %d", name, verdict)
		}
	}
	// A pointer may lead to a pointer, but not for ever.
	for hops, want := range map[int]bool{100: true, 200: false} {
		msg := head(1, 0)
		for i := range hops {
			at := 12
			if i > 0 {
				at = len(msg) - 2
			}
			msg = append(msg, 0xC0|byte(at>>8), byte(at))
		}
		_, end := wire.AppendName(nil, msg, len(msg)-2)
		if (end >= 0) != want {
			t.Errorf("%d hops: ends at %d", hops, end)
		}
	}
}
