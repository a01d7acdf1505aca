package resolver

import (
	"testing"

	"github.com/miekg/dns"
)

// busyWorld has one of everything that is to be answered without allocating.
const busyWorld = `
forwarder up
    reply www.example.net. A NOERROR
    an www.example.net. 86000 A 198.51.100.1
    reply own.example.net. A NOERROR
    an own.example.net. 86000 A 203.0.113.1
    an own.example.net. 86000 A 198.51.100.2
    reply nx.example.net. A NXDOMAIN
    ns example.net. 3000 SOA a. b. 1 2 3 4 3000
    reply in.example.net. A NOERROR
    an in.example.net. 86000 CNAME www.example.com.
    reply lb.elb.example.net. A NOERROR
    an lb.elb.example.net. 86000 A 198.51.100.3
    an lb.elb.example.net. 86000 A 198.51.100.4
vpc vpc-1 region=eu-west-1 cidrs=10.0.0.0/16
interface eni-1 vpc=vpc-1 private=10.0.0.9 public=203.0.113.1 name=web.internal.
zone private example.com. id=P1
    @ 900 IN SOA ns.example.com. host.example.com. 7 3600 1200 604800 300
    private 60 IN A 10.0.0.1
zone public example.com. id=Z1
    @ 900 IN SOA ns.example.com. host.example.com. 7 3600 1200 604800 300
    @ 3600 IN NS ns.example.com.
    www 60 IN A 192.0.2.1
    three 60 IN A 192.0.2.1
    three 60 IN A 192.0.2.2
    three 60 IN A 192.0.2.3
    cn 60 IN CNAME cn2.example.com.
    cn2 60 IN CNAME www.example.com.
    leave 60 IN CNAME www.example.net.
    *.wild 60 IN A 192.0.2.9
    own 60 IN A 203.0.113.1
    svc 60 IN HTTPS 1 . alpn=h2 ipv4hint=203.0.113.1 ipv6hint=2001:db8::1
    cut 60 IN NS ns.cut.example.com.
    ns.cut 60 IN A 192.0.2.53
    dn 60 IN DNAME wild.example.com.
    alias same A three
    alias lb A lb.elb.example.net. external
    policy weighted A weighted
    member id=a weight=1 check=h1 60 192.0.2.1
    member id=b weight=3 60 192.0.2.2
    policy failover A failover
    member id=a check=h1 60 192.0.2.1
    member id=b role=secondary 60 192.0.2.2
    policy latency A latency
    member id=a region=us-east-1 60 192.0.2.1
    member id=b region=eu-west-1 60 192.0.2.2
    policy geo A geolocation
    member id=a continent=EU 60 192.0.2.1
    member id=b country=* 60 192.0.2.2
    policy multi A multivalue
    member id=a check=h1 60 192.0.2.1
    member id=b 60 192.0.2.2
    member id=c 60 192.0.2.3
view all clients=10.0.0.0/8 vpcs=vpc-1 region=eu-west-1
    . forward=up
    example.com. layers=P1,Z1
    localhost. special=localhost
    in-addr.arpa. computed forward=up
    compute.internal. computed forward=up
allow 10.0.0.0/8 127.0.0.0/8
health h1
`

// busyCases are what TestServeAllocatesNothing and BenchmarkServe go through.
var busyCases = []struct {
	title  string
	name   string
	rrtype uint16
	rd     bool
	result Result
}{
	{"local", "www.example.com.", dns.TypeA, true, Local},
	{"top_layer", "private.example.com.", dns.TypeA, true, Local},
	{"three_addresses", "three.example.com.", dns.TypeA, true, Local},
	{"cname_chain", "cn.example.com.", dns.TypeA, true, Local},
	{"dname", "a.dn.example.com.", dns.TypeA, true, Local},
	{"nodata", "www.example.com.", dns.TypeMX, true, LocalNoData},
	{"nxdomain", "no.example.com.", dns.TypeA, true, LocalNXDomain},
	{"referral", "www.cut.example.com.", dns.TypeA, false, LocalReferral},
	{"wildcard", "a.b.wild.example.com.", dns.TypeA, true, Local},
	{"translated", "own.example.com.", dns.TypeA, true, Local},
	{"translated_hints", "svc.example.com.", dns.TypeHTTPS, true, Local},
	{"alias_same_zone", "same.example.com.", dns.TypeA, true, Local},
	{"alias_warm", "lb.example.com.", dns.TypeA, true, Cached},
	{"weighted", "weighted.example.com.", dns.TypeA, true, Local},
	{"failover", "failover.example.com.", dns.TypeA, true, Local},
	{"latency", "latency.example.com.", dns.TypeA, true, Local},
	{"geolocation", "geo.example.com.", dns.TypeA, true, Local},
	{"multivalue", "multi.example.com.", dns.TypeA, true, Local},
	{"special", "localhost.", dns.TypeA, true, Local},
	{"computed_name", "ip-10-0-0-9.eu-west-1.compute.internal.", dns.TypeA, true, Local},
	{"computed_reverse", "9.0.0.10.in-addr.arpa.", dns.TypePTR, true, Local},
	{"cached", "www.example.net.", dns.TypeA, true, Cached},
	{"cached_nxdomain", "nx.example.net.", dns.TypeA, true, Cached},
	{"cached_translated", "own.example.net.", dns.TypeA, true, Cached},
	{"cached_after_cname", "leave.example.com.", dns.TypeA, true, Cached},
	{"cached_into_zone", "in.example.net.", dns.TypeA, true, Cached},
	{"refused", "www.example.com.", dns.TypeAXFR, true, Refused},
}

// newBusyWorld builds the world and fills the cache.
func newBusyWorld(t testing.TB) *world {
	t.Helper()
	blocks := parseBlocks(busyWorld)
	w, next := newWorld(t, blocks)
	w.happen(&blocks[next])
	for _, c := range busyCases {
		w.serve(c.title, busyPacket(t, c.name, c.rrtype, c.rd), testClient, UDP)
	}
	return w
}

func busyPacket(t testing.TB, name string, rrtype uint16, rd bool) []byte {
	t.Helper()
	return pack(t, func(m *dns.Msg) {
		m.SetQuestion(name, rrtype)
		m.RecursionDesired = rd
	})
}

func BenchmarkServe(b *testing.B) {
	w := newBusyWorld(b)
	for _, c := range busyCases {
		pkt := busyPacket(b, c.name, c.rrtype, c.rd)
		out := make([]byte, 0, 4096)
		b.Run(c.title, func(b *testing.B) {
			b.ReportAllocs()
			s := Suspender(noSuspender{b})
			for b.Loop() {
				_, result := w.worker.Serve(pkt, testClient, UDP, out, s)
				if result != c.result {
					b.Fatal(result)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	plain := pack(b, func(m *dns.Msg) { m.Extra = nil })
	edns := pack(b, nil)
	odd := pack(b, func(m *dns.Msg) {
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: 65001, Data: []byte{1}}}
	})
	for _, c := range []struct {
		title string
		pkt   []byte
	}{{"plain", plain}, {"edns", edns}, {"unknown_option", odd}} {
		b.Run(c.title, func(b *testing.B) {
			b.ReportAllocs()
			var q Query
			for b.Loop() {
				if q.inspect(c.pkt) != accepted || !q.parseOptions(c.pkt) {
					b.Fatal("not accepted")
				}
			}
		})
	}
}

// BenchmarkLookup is the decision alone, BenchmarkEncode the writing.
func BenchmarkLookup(b *testing.B) {
	w := newBusyWorld(b)
	for _, c := range busyCases[:10] {
		x := prepared(b, w, c.name, c.rrtype, c.rd)
		b.Run(c.title, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.a.reset(x.a.View, &x.q)
				decide(x.state.snap, x.state.live, &x.q, &x.a)
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	w := newBusyWorld(b)
	for _, c := range busyCases[:10] {
		x := prepared(b, w, c.name, c.rrtype, c.rd)
		out := make([]byte, 0, 4096)
		b.Run(c.title, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				appendResponse(out, &x.q, &x.a, x.state.snap, w.resolver.limits)
			}
		})
	}
}

// prepared returns an exchange that has been answered.
func prepared(b testing.TB, w *world, name string, rrtype uint16, rd bool) *exchange {
	b.Helper()
	x := w.serve(name, busyPacket(b, name, rrtype, rd), testClient, UDP).x
	kept := &exchange{q: x.q, a: x.a, state: x.state, resolver: x.resolver}
	kept.a.reset(x.a.View, &kept.q)
	decide(kept.state.snap, kept.state.live, &kept.q, &kept.a)
	return kept
}
