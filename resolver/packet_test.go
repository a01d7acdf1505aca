package resolver

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"inside53/resolver/wire"

	"github.com/miekg/dns"
)

var testClient = netip.MustParseAddrPort("10.0.0.1:5353")

// offlineWorld answers everything at once: it has no forwarder.
const offlineWorld = `
zone file example.com. id=Z1
    @ 900 IN SOA ns.example.com. host.example.com. 7 3600 1200 604800 300
    @ 3600 IN NS ns.example.com.
    www 60 IN A 192.0.2.1
    www 60 IN A 192.0.2.2
    www 60 IN TXT "text"
    cn 60 IN CNAME www.example.com.
    *.wild 60 IN A 203.0.113.1
    *.wild 60 IN HTTPS 1 . ipv4hint=203.0.113.1 ipv6hint=2001:db8::1
    cut 60 IN NS ns.cut.example.com.
    ns.cut 60 IN A 203.0.113.1
    dn 60 IN DNAME wild.example.com.
    mx 60 IN MX 10 Mail.Example.com.
    deep.a.b.c.d.e.f 60 IN A 192.0.2.3
    alias alias A www
    unservable bad A nonsense
    policy multi A multivalue
    member id=a 60 203.0.113.1
    member id=b 60 192.0.2.7
vpc vpc-1 region=eu-west-1 cidrs=10.0.0.0/16
interface eni-1 vpc=vpc-1 private=10.0.0.9 public=203.0.113.1
view all clients=10.0.0.0/8 vpcs=vpc-1
    example.com. layers=Z1
    localhost. special=localhost
    10.in-addr.arpa. special=empty computed
allow 10.0.0.0/8
option id=node version=inside53
`

func newTextWorld(t testing.TB, text string) *world {
	t.Helper()
	w, _ := newWorld(t, parseBlocks(text))
	return w
}

// pack makes an ordinary query for change to spoil.
func pack(t testing.TB, change func(m *dns.Msg)) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion("www.example.com.", dns.TypeA)
	m.Id = 0x5353
	m.SetEdns0(1232, false)
	if change != nil {
		change(m)
	}
	pkt, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return pkt
}

// spoil returns the ordinary query with bytes changed.
func spoil(t testing.TB, change func(b []byte) []byte) []byte {
	t.Helper()
	return change(pack(t, nil))
}

// answerTo serves a packet that must not need an upstream; nil when none comes.
func (w *world) answerTo(pkt []byte, tr Transport) ([]byte, Result) {
	w.Helper()
	size := 4096
	if tr == TCP {
		size = 65535
	}
	return w.worker.Serve(pkt, testClient, tr, make([]byte, 0, size), noSuspender{w.TB})
}

func question(name string, t uint16) []byte {
	b := make([]byte, 300)
	n, err := dns.PackDomainName(name, b, 0, nil, false)
	if err != nil {
		panic(err)
	}
	return append(b[:n], byte(t>>8), byte(t), 0, 1)
}

// optAt is where the OPT record of the ordinary query begins.
const optAt = wire.HeaderSize + 17 + 4

func TestOddPackets(t *testing.T) {
	w := newTextWorld(t, offlineWorld)
	set := func(at int, v ...byte) func([]byte) []byte {
		return func(b []byte) []byte { copy(b[at:], v); return b }
	}
	add := func(v ...byte) func([]byte) []byte {
		return func(b []byte) []byte { return append(b, v...) }
	}
	option := func(code uint16, data ...byte) func(m *dns.Msg) {
		return func(m *dns.Msg) {
			m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_LOCAL{Code: code, Data: data})
		}
	}
	address := &dns.A{Hdr: dns.RR_Header{Name: "www.example.com.", Rrtype: dns.TypeA, Class: 1}, A: []byte{6, 6, 6, 6}}
	tsig := &dns.TSIG{Hdr: dns.RR_Header{Name: "key.", Rrtype: dns.TypeTSIG, Class: dns.ClassANY},
		Algorithm: dns.HmacSHA256, MACSize: 4, MAC: "01020304"}
	sig := func(covered uint16) dns.RR {
		return &dns.SIG{RRSIG: dns.RRSIG{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSIG, Class: dns.ClassANY},
			TypeCovered: covered, SignerName: "key.", Signature: "AAAA"}}
	}
	tests := []struct {
		name   string
		pkt    []byte
		result Result
		rcode  int
		check  func(m *dns.Msg) string // what is wrong beside result and rcode
	}{
		{"nothing", nil, Dropped, 0, nil},
		{"eleven octets", pack(t, nil)[:11], Dropped, 0, nil},
		{"a response", spoil(t, set(2, 0x80)), Dropped, 0, nil},
		{"a response of another opcode", spoil(t, set(2, 0xa8)), Dropped, 0, nil},
		{"header alone", spoil(t, func(b []byte) []byte { return append(b[:4], make([]byte, 8)...) }), FormErr,
			dns.RcodeFormatError, bare},
		{"header alone that promises a question", pack(t, nil)[:12], FormErr, dns.RcodeFormatError, bare},
		{"no question, OPT", pack(t, func(m *dns.Msg) { m.Question = nil }), FormErr, dns.RcodeFormatError, bareEDNS},
		{"two questions", pack(t, func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }), FormErr,
			dns.RcodeFormatError, nil},
		{"IQUERY", spoil(t, set(2, 1<<3)), NotImp, dns.RcodeNotImplemented, bareEDNS},
		{"STATUS", spoil(t, set(2, 2<<3)), NotImp, dns.RcodeNotImplemented, bareEDNS},
		{"opcode 3", spoil(t, set(2, 3<<3)), NotImp, dns.RcodeNotImplemented, bareEDNS},
		{"DSO", spoil(t, set(2, 6<<3)), NotImp, dns.RcodeNotImplemented, bareEDNS},
		{"opcode 15", spoil(t, set(2, 15<<3)), NotImp, dns.RcodeNotImplemented, bareEDNS},
		{"opcode 15, header alone", spoil(t, set(2, 15<<3))[:12], NotImp, dns.RcodeNotImplemented, bare},
		{"AA, TC, RA and Z set", spoil(t, set(2, 0x06, 0xc0)), Local, 0, func(m *dns.Msg) string {
			if m.Truncated || m.RecursionAvailable || m.Zero || m.RecursionDesired {
				return "bits of the query were copied"
			}
			return ""
		}},
		{"rcode set", spoil(t, set(3, 0x0f)), Local, 0, nil},
		{"EDNS version 1", spoil(t, set(optAt+6, 1)), BadVers, dns.RcodeBadVers, versionZero},
		{"EDNS version 255 with DO", spoil(t, set(optAt+6, 255, 0x80)), BadVers, dns.RcodeBadVers, versionZero},
		{"EDNS version 1 and an option", spoil(t, func(b []byte) []byte {
			b = set(optAt+6, 1)(b)
			return append(set(optAt+10, 5)(b), 0xfd, 0xe9, 0, 1, 7)
		}), BadVers, dns.RcodeBadVers, versionZero},
		{"EDNS flags nobody knows", spoil(t, set(optAt+7, 0x7f, 0xff)), Local, 0, func(m *dns.Msg) string {
			if m.IsEdns0().Hdr.Ttl != 0 {
				return "flags were copied"
			}
			return ""
		}},
		{"EDNS extended rcode set", spoil(t, set(optAt+5, 9)), Local, 0, nil},
		{"EDNS size 0", spoil(t, set(optAt+3, 0, 0)), Local, 0, nil},
		{"an option nobody knows", pack(t, option(65001, 1, 2, 3)), Local, 0, func(m *dns.Msg) string {
			if len(m.IsEdns0().Option) > 0 {
				return "the option came back"
			}
			return ""
		}},
		{"an empty ZONEVERSION (RFC 9660)", pack(t, option(19)), Local, 0, nil},
		{"options of no form that we know", pack(t, func(m *dns.Msg) {
			for code := range uint16(40) {
				if code != wire.OptionSubnet && code != wire.OptionKeepAlive {
					option(code, 1, 2, 3)(m)
				}
			}
		}), Local, 0, nil},
		{"a client subnet that is none", pack(t, option(wire.OptionSubnet, 0, 1, 33)), FormErr, dns.RcodeFormatError,
			bareEDNS},
		{"a hundred options", pack(t, func(m *dns.Msg) {
			for i := range 100 {
				option(65001+uint16(i), make([]byte, 9)...)(m)
			}
		}), Local, 0, nil},
		{"OPT twice", spoil(t, func(b []byte) []byte { b[11] = 2; return append(b, b[optAt:]...) }), FormErr,
			dns.RcodeFormatError, nil},
		{"OPT in the answer section", spoil(t, func(b []byte) []byte { b[7], b[11] = 1, 0; return b }), FormErr,
			dns.RcodeFormatError, nil},
		{"OPT in the authority section", spoil(t, func(b []byte) []byte { b[9], b[11] = 1, 0; return b }), FormErr,
			dns.RcodeFormatError, nil},
		{"a question without class", spoil(t, func(b []byte) []byte { b[11] = 0; return b[:optAt-2] }), FormErr,
			dns.RcodeFormatError, bare},
		{"a question without type and class", spoil(t, func(b []byte) []byte { b[11] = 0; return b[:optAt-4] }), FormErr,
			dns.RcodeFormatError, bare},
		{"OPT of another owner", spoil(t, func(b []byte) []byte {
			return append(append(b[:optAt:optAt], 1, 'x'), b[optAt:]...)
		}), FormErr, dns.RcodeFormatError, nil},
		{"OPT longer than the packet", spoil(t, set(optAt+10, 4)), FormErr, dns.RcodeFormatError, nil},
		{"option longer than OPT", spoil(t, func(b []byte) []byte { return append(set(optAt+10, 4)(b), 0xfd, 0xe9, 0, 9) }),
			FormErr, dns.RcodeFormatError, nil},
		{"keepalive over UDP", pack(t, option(11)), Local, 0, nil},
		{"trailing octets", spoil(t, add(1, 2, 3)), Local, 0, nil},
		{"a name that points at itself", spoil(t, func(b []byte) []byte { return append(b[:12], 0xc0, 12, 0, 1, 0, 1) }),
			FormErr, dns.RcodeFormatError, nil},
		{"label type 01", spoil(t, set(12, 0x43)), FormErr, dns.RcodeFormatError, nil},
		{"a name of 256 octets", append(
			append([]byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, bytes.Repeat([]byte("\x3f"+strings.Repeat("x", 63)), 4)...), 0, 0,
			1, 0, 1), FormErr, dns.RcodeFormatError, nil},
		{"a name of 128 labels", append(append([]byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0},
			bytes.Repeat([]byte{1, 'a'}, 128)...), 0, 0, 1, 0, 1), FormErr, dns.RcodeFormatError, nil},
		{"labels without end", append([]byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, bytes.Repeat([]byte{1, 'a'}, 200)...),
			FormErr, dns.RcodeFormatError, nil},
		{"a name of 255 octets", append([]byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0},
			question(strings.Repeat(strings.Repeat("y", 49)+".", 5)+"a.a.", 1)...), Refused, dns.RcodeRefused, nil},
		{"a record of the answer section", pack(t, func(m *dns.Msg) { m.Answer = []dns.RR{address} }), FormErr,
			dns.RcodeFormatError, bareEDNS},
		{"a record of the authority section", pack(t, func(m *dns.Msg) { m.Ns = []dns.RR{address} }), FormErr,
			dns.RcodeFormatError, bareEDNS},
		{"an SOA record of the authority section",
			pack(t, func(m *dns.Msg) { m.SetIxfr("example.com.", 1, "a.", "b."); m.Question[0].Qtype = dns.TypeA }), FormErr,
			dns.RcodeFormatError, bareEDNS},
		{"an additional record", pack(t, func(m *dns.Msg) { m.Extra = append(m.Extra, address) }), FormErr,
			dns.RcodeFormatError, bareEDNS},
		{"an additional record before OPT", pack(t, func(m *dns.Msg) { m.Extra = []dns.RR{address, m.Extra[0]} }), FormErr,
			dns.RcodeFormatError, bareEDNS},
		{"TKEY", pack(t, func(m *dns.Msg) {
			m.Extra = append(m.Extra, &dns.TKEY{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeTKEY}, Algorithm: "."})
		}), FormErr, dns.RcodeFormatError, bareEDNS},
		{"TSIG", pack(t, func(m *dns.Msg) { m.Extra = append(m.Extra, tsig) }), Local, 0, nil},
		{"TSIG without EDNS", pack(t, func(m *dns.Msg) { m.Extra = []dns.RR{tsig} }), Local, 0, nil},
		{"TSIG before OPT", pack(t, func(m *dns.Msg) { m.Extra = []dns.RR{tsig, m.Extra[0]} }), FormErr, dns.RcodeFormatError,
			bareEDNS},
		{"TSIG twice", pack(t, func(m *dns.Msg) { m.Extra = []dns.RR{tsig, tsig} }), FormErr, dns.RcodeFormatError, bare},
		{"TSIG, OPT, TSIG", pack(t, func(m *dns.Msg) { m.Extra = []dns.RR{tsig, m.Extra[0], tsig} }), FormErr,
			dns.RcodeFormatError, bareEDNS},
		{"TSIG with a longer MAC than it says",
			pack(t, func(m *dns.Msg) { long := *tsig; long.MAC += "00"; m.Extra = []dns.RR{&long} }), FormErr,
			dns.RcodeFormatError, bare},
		{"SIG(0)", pack(t, func(m *dns.Msg) { m.Extra = append(m.Extra, sig(0)) }), Local, 0, nil},
		{"a SIG record of a type", pack(t, func(m *dns.Msg) { m.Extra = append(m.Extra, sig(dns.TypeA)) }), FormErr,
			dns.RcodeFormatError, bareEDNS},
		{"OPT whose owner is a pointer to the root", spoil(t, func(b []byte) []byte {
			return append(append(b[:optAt:optAt], 0xc0, optAt-5), b[optAt+1:]...)
		}), FormErr, dns.RcodeFormatError, bare},
		{"a question whose name points into the header",
			spoil(t, func(b []byte) []byte { return append(b[:12:12], 0xc0, 4, 0, 1, 0, 1) }), FormErr, dns.RcodeFormatError,
			bare},
		{"keepalive with a time", pack(t, option(wire.OptionKeepAlive, 0, 1)), Local, 0, nil},
		{"keepalive of one octet", pack(t, option(wire.OptionKeepAlive, 0)), FormErr, dns.RcodeFormatError, bareEDNS},
		{"no client subnet", pack(t, option(wire.OptionSubnet, 0, 0, 0, 0)), Local, 0, nil},
		{"a client subnet of no family", pack(t, option(wire.OptionSubnet, 0, 0, 8, 0, 10)), FormErr, dns.RcodeFormatError,
			bareEDNS},
		{"a client subnet of an octet more", pack(t, option(wire.OptionSubnet, 0, 1, 8, 0, 10, 0)), FormErr,
			dns.RcodeFormatError, bareEDNS},
		{"a client subnet of an octet less", pack(t, option(wire.OptionSubnet, 0, 1, 9, 0, 10)), FormErr,
			dns.RcodeFormatError, bareEDNS},
		{"a client subnet with a bit more", pack(t, option(wire.OptionSubnet, 0, 1, 7, 0, 11)), FormErr, dns.RcodeFormatError,
			bareEDNS},
		{"a client subnet with a scope", pack(t, option(wire.OptionSubnet, 0, 1, 8, 8, 10)), FormErr, dns.RcodeFormatError,
			bareEDNS},
		{"EDNS version 1 and an option that is malformed", spoil(t, func(b []byte) []byte {
			b = set(optAt+6, 1)(b)
			return append(set(optAt+10, 5)(b), 0, wire.OptionKeepAlive, 0, 1, 7)
		}), FormErr, dns.RcodeFormatError, bareEDNS},
		{"IXFR with its SOA", pack(t, func(m *dns.Msg) { m.SetIxfr("example.com.", 1, "a.", "b.") }), Refused,
			dns.RcodeRefused, nil},
		{"NOTIFY", pack(t, func(m *dns.Msg) { m.SetNotify("example.com.") }), Refused, dns.RcodeRefused, bareEDNS},
		{"NOTIFY with the new SOA", pack(t, func(m *dns.Msg) { m.SetNotify("example.com."); m.Answer = []dns.RR{address} }),
			Refused, dns.RcodeRefused, bareEDNS},
		{"UPDATE of 40 records", pack(t, func(m *dns.Msg) {
			m.SetUpdate("example.com.")
			m.Insert(slices.Repeat([]dns.RR{address}, 40))
		}), Refused, dns.RcodeRefused, bare},
		{"UPDATE", pack(t, func(m *dns.Msg) { m.SetUpdate("example.com.") }), Refused, dns.RcodeRefused, bareEDNS},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, tr := range []Transport{UDP, TCP} {
				out, result := w.answerTo(test.pkt, tr)
				if result != test.result || (out == nil) != (result == Dropped) {
					t.Fatalf("%s: %s with %d octets, want %s", tr, result, len(out), test.result)
				}
				if out == nil {
					continue
				}
				checkAnswer(t, test.pkt, out, tr)
				var m dns.Msg
				err := m.Unpack(out)
				if err != nil {
					t.Fatal(err)
				}
				if m.Rcode != test.rcode {
					t.Errorf("%s: rcode %s", tr, dns.RcodeToString[m.Rcode])
				}
				if test.check != nil && test.check(&m) != "" {
					t.Errorf("%s: %s\n%s", tr, test.check(&m), &m)
				}
			}
		})
	}
}

func bare(m *dns.Msg) string {
	if len(m.Question)+len(m.Answer)+len(m.Ns)+len(m.Extra) > 0 {
		return "more than a header"
	}
	return ""
}

func bareEDNS(m *dns.Msg) string {
	if len(m.Question)+len(m.Answer)+len(m.Ns) > 0 || len(m.Extra) != 1 || m.IsEdns0() == nil {
		return "other than a header and OPT (RFC 6891 section 6.1.1)"
	}
	return ""
}

func versionZero(m *dns.Msg) string {
	if m.IsEdns0() == nil || m.IsEdns0().Version() != 0 || len(m.Answer) > 0 {
		return "BADVERS comes with OPT of version 0 and no answer (RFC 6891 section 6.1.3)"
	}
	return ""
}

// checkAnswer holds an answer against what is true of any: RFC 1035 section 4.1.1,
// RFC 6891.
func checkAnswer(t testing.TB, pkt, out []byte, tr Transport) {
	t.Helper()
	if len(out) < wire.HeaderSize || out[0] != pkt[0] || out[1] != pkt[1] || out[2]&0xf8 != pkt[2]&0x78|0x80 {
		t.Fatalf("header % x to % x", out[:min(len(out), wire.HeaderSize)], pkt[:wire.HeaderSize])
	}
	var asked, got dns.Msg
	err := got.Unpack(out)
	if err != nil {
		t.Fatalf("answer doesn't unpack: %v\n% x\nto % x", err, out, pkt)
	}
	for i, n := range []int{len(got.Question), len(got.Answer), len(got.Ns), len(got.Extra)} {
		if int(binary.BigEndian.Uint16(out[4+2*i:])) != n {
			t.Fatalf("section %d has %d records, not what the header says: % x", i, n, out)
		}
	}
	limit := 65535
	opt := (*dns.OPT)(nil)
	err = asked.Unpack(withLocalOptions(pkt))
	if err == nil {
		opt = asked.IsEdns0()
	}
	odd := Query{}
	if err != nil {
		odd.inspect(pkt) // the query is an error, and may have an OPT record
	}
	if tr == UDP {
		limit = 512
		if opt != nil {
			limit = min(1232, max(512, int(opt.UDPSize())))
		}
	}
	if len(out) > limit {
		t.Fatalf("%d octets, allowed are %d", len(out), limit)
	}
	if got.IsEdns0() != nil && opt == nil && !odd.EDNS {
		t.Fatalf("OPT to a query without: % x", pkt)
	}
	if len(got.Question) == 0 {
		return
	}
	if err != nil || len(got.Question) > 1 || got.Question[0] != asked.Question[0] {
		t.Fatalf("the question isn't echoed\n% x\n% x", pkt, out)
	}
}

// withLocalOptions returns the packet with the options that nobody here reads under the
// code of a local one: miekg/dns wants them to have a form.
func withLocalOptions(pkt []byte) []byte {
	var q Query
	q.inspect(pkt)
	local := bytes.Clone(pkt)
	for b := local[q.options.from:q.options.to]; len(b) >= wire.OptionFixed; {
		switch binary.BigEndian.Uint16(b) {
		case wire.OptionSubnet, wire.OptionKeepAlive:
		default:
			binary.BigEndian.PutUint16(b, 65001)
		}
		b = b[min(len(b), wire.OptionFixed+int(binary.BigEndian.Uint16(b[2:]))):]
	}
	return local
}

// TestCutPackets: whatever is cut off an ordinary query, it is no question.
func TestCutPackets(t *testing.T) {
	w := newTextWorld(t, offlineWorld)
	whole := pack(t, func(m *dns.Msg) { m.SetEdns0(4096, true) })
	for n := range whole {
		out, result := w.answerTo(whole[:n], UDP)
		switch {
		case n < wire.HeaderSize && result != Dropped, n >= wire.HeaderSize && result != FormErr:
			t.Errorf("%d octets: %s", n, result)
		case n >= wire.HeaderSize:
			checkAnswer(t, whole[:n], out, UDP)
		}
	}
}

// TestKeepAlive: the idle time of connections is told to those who ask (RFC 7828).
func TestKeepAlive(t *testing.T) {
	w := newTextWorld(t, offlineWorld)
	pkt := pack(t, func(m *dns.Msg) {
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE})
	})
	for tr, want := range map[Transport]string{UDP: "[]", TCP: "[10s]"} {
		out, _ := w.answerTo(pkt, tr)
		var m dns.Msg
		err := m.Unpack(out)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, o := range m.IsEdns0().Option {
			k := o.(*dns.EDNS0_TCP_KEEPALIVE)
			got = append(got, fmt.Sprint(int(k.Timeout)/10, "s"))
		}
		if strings.ReplaceAll(fmt.Sprint(got), " s", "s") != want {
			t.Errorf("%s: %v, want %s", tr, got, want)
		}
	}
}
