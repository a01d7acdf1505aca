package forward

import (
	"encoding/binary"
	"strconv"
	"strings"
	"testing"

	"inside53/resolver/wire"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

const soaCom = "example.com. 900 IN SOA ns.example.com. host.example.com. 1 2 3 4 600"

func TestAdmit(t *testing.T) {
	const sig = " 13 2 300 20300101000000 20200101000000 1 example.com. AAAA"
	tests := []struct {
		name       string
		qname      string
		qtype      uint16
		do         bool
		rcode      int
		answer, ns []string
		verdict    verdict
		wantAnswer []string
		wantNs     []string
		ttl        uint32
		flags      Flags
	}{
		{
			name: "address", qname: "www.example.com.", qtype: dns.TypeA,
			answer:     []string{"www.example.com. 300 IN A 192.0.2.1", "WWW.example.com. 200 IN A 192.0.2.2"},
			ns:         []string{"example.com. 300 IN NS ns.example.com."},
			wantAnswer: []string{"www.example.com. 300 IN A 192.0.2.1", "www.example.com. 200 IN A 192.0.2.2"},
			ttl:        200, flags: HasA,
		},
		{
			name: "chain, disordered, with strangers", qname: "www.example.com.", qtype: dns.TypeAAAA,
			answer: []string{
				"cdn.example.net. 60 IN AAAA 2001:db8::1", "evil.example. 60 IN AAAA 2001:db8::2",
				"www.example.com. 300 IN CNAME cdn.example.net.", "cdn.example.net. 60 IN A 192.0.2.1",
			},
			wantAnswer: []string{"www.example.com. 300 IN CNAME cdn.example.net.", "cdn.example.net. 60 IN AAAA 2001:db8::1"},
			ttl:        60, flags: HasAAAA | HasAlias,
		},
		{
			name: "DNAME", qname: "a.old.example.", qtype: dns.TypeA,
			answer: []string{
				"old.example. 300 IN DNAME new.example.net.", "a.old.example. 300 IN CNAME a.new.example.net.",
				"a.new.example.net. 300 IN A 192.0.2.9",
			},
			wantAnswer: []string{
				"old.example. 300 IN DNAME new.example.net.", "a.old.example. 300 IN CNAME a.new.example.net.",
				"a.new.example.net. 300 IN A 192.0.2.9",
			},
			ttl: 300, flags: HasA | HasAlias,
		},
		{
			name: "DNAME without CNAME", qname: "a.b.old.example.", qtype: dns.TypeA,
			answer: []string{"old.example. 200 IN DNAME new.example.net.", "a.b.new.example.net. 300 IN A 192.0.2.9"},
			wantAnswer: []string{
				"old.example. 200 IN DNAME new.example.net.", "a.b.old.example. 200 IN CNAME a.b.new.example.net.",
				"a.b.new.example.net. 300 IN A 192.0.2.9",
			},
			ttl: 200, flags: HasA | HasAlias,
		},
		{
			name: "DNAME without CNAME and more", qname: "a.old.example.", qtype: dns.TypeA,
			answer:     []string{"old.example. 200 IN DNAME new.example.net."},
			wantAnswer: []string{"old.example. 200 IN DNAME new.example.net.", "a.old.example. 200 IN CNAME a.new.example.net."},
			ttl:        noSOATTL, flags: HasAlias | IsNegative,
		},
		{
			name: "CNAME of a DNAME without it", qname: "a.old.example.", qtype: dns.TypeCNAME,
			answer:     []string{"old.example. 200 IN DNAME new.example.net."},
			wantAnswer: []string{"old.example. 200 IN DNAME new.example.net.", "a.old.example. 200 IN CNAME a.new.example.net."},
			ttl:        200, flags: HasAlias,
		},
		{
			name: "two DNAMEs without CNAMEs", qname: "a.old.example.", qtype: dns.TypeA,
			answer: []string{
				"newer.example. 200 IN DNAME x.example.", "old.example. 200 IN DNAME newer.example.",
				"a.x.example. 9 IN A 192.0.2.9",
			},
			wantAnswer: []string{
				"old.example. 200 IN DNAME newer.example.", "a.old.example. 200 IN CNAME a.newer.example.",
				"newer.example. 200 IN DNAME x.example.", "a.newer.example. 200 IN CNAME a.x.example.",
				"a.x.example. 9 IN A 192.0.2.9",
			},
			ttl: 9, flags: HasA | HasAlias,
		},
		{
			name: "DNAME to itself", qname: "a.old.example.", qtype: dns.TypeA,
			answer: []string{"old.example. 200 IN DNAME old.example."}, verdict: isEndless,
		},
		{
			name: "DNAME to too long a name", qname: strings.Repeat("a.", 60) + "old.example.", qtype: dns.TypeA,
			answer:  []string{"old.example. 200 IN DNAME " + strings.Repeat("b.", 90) + "example."},
			verdict: isBroken,
		},
		{
			name: "nxdomain: least of TTL and MINIMUM", qname: "no.example.com.", qtype: dns.TypeA, rcode: dns.RcodeNameError,
			ns:     []string{soaCom},
			wantNs: []string{"example.com. 600 IN SOA ns.example.com. host.example.com. 1 2 3 4 600"},
			ttl:    600, flags: IsNegative,
		},
		{
			name: "nodata: TTL below MINIMUM", qname: "no.example.com.", qtype: dns.TypeA,
			ns:     []string{"example.com. 30 IN SOA ns.example.com. host.example.com. 1 2 3 4 600"},
			wantNs: []string{"example.com. 30 IN SOA ns.example.com. host.example.com. 1 2 3 4 600"},
			ttl:    30, flags: IsNegative,
		},
		{
			name: "nodata: cap of an hour", qname: "no.example.com.", qtype: dns.TypeA,
			ns:     []string{"example.com. 86400 IN SOA ns.example.com. host.example.com. 1 2 3 4 86400"},
			wantNs: []string{"example.com. 3600 IN SOA ns.example.com. host.example.com. 1 2 3 4 86400"},
			ttl:    MaxNegativeTTL, flags: IsNegative,
		},
		{
			name: "nodata without SOA", qname: "no.example.com.", qtype: dns.TypeA, ttl: noSOATTL, flags: IsNegative,
		},
		{
			name: "SOA of a zone that the name is not in", qname: "no.example.com.", qtype: dns.TypeA, rcode: dns.RcodeNameError,
			ns:  []string{"example.net. 900 IN SOA ns.example.com. host.example.com. 1 2 3 4 600"},
			ttl: noSOATTL, flags: IsNegative,
		},
		{
			name: "SOA of the root", qname: "nosuchtld.", qtype: dns.TypeA, rcode: dns.RcodeNameError,
			ns:     []string{". 900 IN SOA a. b. 1 2 3 4 600"},
			wantNs: []string{". 600 IN SOA a. b. 1 2 3 4 600"},
			ttl:    600, flags: IsNegative,
		},
		{
			name: "CNAME to nodata", qname: "www.example.com.", qtype: dns.TypeAAAA,
			answer:     []string{"www.example.com. 100 IN CNAME web.cdn.example.net."},
			ns:         []string{"cdn.example.net. 900 IN SOA ns.cdn.example.net. h.cdn.example.net. 1 2 3 4 600"},
			wantAnswer: []string{"www.example.com. 100 IN CNAME web.cdn.example.net."},
			wantNs:     []string{"cdn.example.net. 600 IN SOA ns.cdn.example.net. h.cdn.example.net. 1 2 3 4 600"},
			ttl:        100, flags: HasAlias | IsNegative,
		},
		{
			name: "signatures without DO go", qname: "www.example.com.", qtype: dns.TypeA,
			answer:     []string{"www.example.com. 300 IN A 192.0.2.1", "www.example.com. 300 IN RRSIG A" + sig},
			wantAnswer: []string{"www.example.com. 300 IN A 192.0.2.1"},
			ttl:        300, flags: HasA,
		},
		{
			name: "signatures with DO stay, if of the answer", qname: "www.example.com.", qtype: dns.TypeA, do: true,
			answer: []string{
				"www.example.com. 300 IN A 192.0.2.1", "www.example.com. 300 IN RRSIG A" + sig,
				"www.example.com. 300 IN RRSIG TXT" + sig,
			},
			ns:         []string{"x.example.com. 300 IN NSEC z.example.com. A", "x.example.com. 300 IN RRSIG NSEC" + sig},
			wantAnswer: []string{"www.example.com. 300 IN A 192.0.2.1", "www.example.com. 300 IN RRSIG A" + sig},
			wantNs:     []string{"x.example.com. 300 IN NSEC z.example.com. A", "x.example.com. 300 IN RRSIG NSEC" + sig},
			ttl:        300, flags: HasA | HasRRSIG,
		},
		{
			name: "TTL above a day", qname: "www.example.com.", qtype: dns.TypeA,
			answer:     []string{"www.example.com. 604800 IN A 192.0.2.1"},
			wantAnswer: []string{"www.example.com. 86400 IN A 192.0.2.1"},
			ttl:        MaxTTL, flags: HasA,
		},
		{
			name: "TTL with the highest bit", qname: "www.example.com.", qtype: dns.TypeA,
			answer:     []string{"www.example.com. 4294967295 IN A 192.0.2.1"},
			wantAnswer: []string{"www.example.com. 0 IN A 192.0.2.1"}, flags: HasA,
		},
		{
			name: "service binding", qname: "www.example.com.", qtype: dns.TypeHTTPS,
			answer:     []string{"www.example.com. 60 IN HTTPS 1 . alpn=\"h2\" ipv4hint=\"192.0.2.1\""},
			wantAnswer: []string{"www.example.com. 60 IN HTTPS 1 . alpn=\"h2\" ipv4hint=\"192.0.2.1\""},
			ttl:        60, flags: HasSVCB,
		},
		{
			name: "answer to something else", qname: "www.example.com.", qtype: dns.TypeA,
			answer: []string{"evil.example. 300 IN A 192.0.2.1"}, verdict: isBroken,
		},
		{
			name: "alias to itself", qname: "www.example.com.", qtype: dns.TypeA,
			answer: []string{"www.example.com. 300 IN CNAME www.example.com."}, ttl: 3,
			wantAnswer: []string{"www.example.com. 300 IN CNAME www.example.com."}, flags: HasAlias | IsNegative,
		},
		{
			name: "referral", qname: "www.example.com.", qtype: dns.TypeA,
			ns: []string{"example.com. 300 IN NS ns.example.com."}, verdict: isReferral,
		},
		{name: "refused", qname: "www.example.com.", qtype: dns.TypeA, rcode: dns.RcodeRefused, verdict: isRefusal},
		{name: "formerr", qname: "www.example.com.", qtype: dns.TypeA, rcode: dns.RcodeFormatError, verdict: isNoEDNS},
		{name: "badvers", qname: "www.example.com.", qtype: dns.TypeA, rcode: dns.RcodeBadVers, verdict: isNoEDNS},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q := question(t, test.qname, test.qtype)
			q.DO = test.do
			sent := new(dns.Msg).SetQuestion(test.qname, test.qtype).SetEdns0(1232, test.do)
			m := says(t, test.rcode, test.answer, test.ns)(sent, false)
			m.SetEdns0(1232, test.do)
			var w walker
			e, verdict := w.read(pack(t, m), q, 77)
			if verdict != test.verdict {
				t.Fatalf("verdict %d, want %d", verdict, test.verdict)
			}
			if verdict != isAnswer {
				return
			}
			answer, ns := texts(t, &e.Message, q)
			if diff := cmp.Diff(test.wantAnswer, answer); diff != "" {
				t.Errorf("answer:\n%s", diff)
			}
			if diff := cmp.Diff(test.wantNs, ns); diff != "" {
				t.Errorf("authority:\n%s", diff)
			}
			if e.TTL != test.ttl || e.Flags != test.flags || int(e.Rcode) != test.rcode || e.Stored != 77 {
				t.Errorf("TTL %d, flags %b, rcode %d, stored %d; want %d, %b, %d, 77",
					e.TTL, e.Flags, e.Rcode, e.Stored, test.ttl, test.flags, test.rcode)
			}
		})
	}
}

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOwners: owners are pointers wherever the contract says so.
func TestOwners(t *testing.T) {
	q := question(t, "www.example.com.", dns.TypeA)
	sent := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)
	m := says(t, 0, []string{
		"www.example.com. 300 IN CNAME web.cdn.example.net.", "web.cdn.example.net. 300 IN A 192.0.2.1",
	}, nil)(sent, false)
	var w walker
	e, _ := w.read(pack(t, m), q, 0)
	if e == nil || len(e.RRs()) != 2 {
		t.Fatalf("entry %+v", e)
	}
	target := wire.HeaderSize + len(q.Name) + 4 + 12
	for i, want := range []uint16{0xC00C, 0xC000 | uint16(target)} {
		got := binary.BigEndian.Uint16(e.Body()[e.RRs()[i].Off:])
		if got != want {
			t.Errorf("owner %d is %#x, want %#x", i, got, want)
		}
		if ttl := binary.BigEndian.Uint32(e.Body()[e.RRs()[i].TTLOff:]); ttl != 300 {
			t.Errorf("TTL %d of RR %d", ttl, i)
		}
	}
}

func TestExtendedError(t *testing.T) {
	q := question(t, "www.example.com.", dns.TypeA)
	m := echoA(new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA), false)
	m.AuthenticatedData = true
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: 3, ExtraText: "old"})
	var w walker
	e, _ := w.read(pack(t, m), q, 0)
	if e == nil || e.EDE != 3 || !e.AD {
		t.Fatalf("entry %+v", e)
	}
}

// TestLongAnswer: a long chain and an RRset that only TCP can carry come through whole.
func TestLongAnswer(t *testing.T) {
	q := question(t, "big.example.", dns.TypeA)
	sent := new(dns.Msg).SetQuestion("big.example.", dns.TypeA)
	m := new(dns.Msg).SetReply(sent)
	add := func(text string) {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	label := strings.Repeat("x", 63)
	name := "big.example."
	for i := range 8 {
		next := strings.Repeat(label+".", 3) + string(rune('a'+i)) + ".example."
		add(name + " 60 IN CNAME " + next)
		name = next
	}
	for i := range 1200 {
		add(name + " 60 IN A 10.0." + strconv.Itoa(i/250) + "." + strconv.Itoa(i%250))
	}
	m.Compress = true
	var w walker
	e, v := w.read(pack(t, m), q, 0)
	if v != isAnswer || len(e.RRs()) != 1208 {
		t.Fatalf("verdict %d", v)
	}
	answer, _ := texts(t, &e.Message, q)
	for i, rr := range m.Answer {
		if answer[i] != strings.ReplaceAll(rr.String(), "\t", " ") {
			t.Fatalf("RR %d is %s, want %s", i, answer[i], rr)
		}
	}
}

// TestReadKeepsNoQuestion: a flight's question is made for the call, and needs no place on the heap.
func TestReadKeepsNoQuestion(t *testing.T) {
	kept := question(t, "www.example.com.", dns.TypeA)
	fl := &flight{query: appendQuery(nil, kept), typ: kept.Type}
	m := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)
	m.Response = true
	reply := pack(t, m)
	w := new(walker)
	of := func(read func() verdict) float64 {
		return testing.AllocsPerRun(100, func() {
			if v := read(); v != isAnswer {
				t.Fatalf("verdict %v", v)
			}
		})
	}
	want := of(func() verdict { _, v := w.read(reply, kept, 0); return v })
	got := of(func() verdict {
		q := fl.question()
		_, v := w.read(reply, &q, 0)
		return v
	})
	if got != want {
		t.Errorf("%v allocations, %v with a question that is there", got, want)
	}
}
