package resolver

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestAnswersBeginAnywhere: any record may be the first of an answer, whatever the type
// and the size of each, and the others follow as they are listed.
func TestAnswersBeginAnywhere(t *testing.T) {
	w, _ := newWorld(t, parseBlocks(`
zone public example.com. id=Z1
    @ 900 IN SOA ns.example.com. host.example.com. 1 7200 3600 604800 300
    @ 600 IN NS ns-1.awsdns-00.com.
    @ 600 IN NS ns-512.awsdns-01.net.
    www 60 IN A 192.0.2.1
    www 60 IN A 192.0.2.2
    www 60 IN A 192.0.2.3
    www 60 IN AAAA 2001:db8::1
    www 60 IN AAAA 2001:db8::2
    www 60 IN TXT "a"
    www 60 IN TXT "a longer one" "and more"
    www 60 IN TXT "bb"
    www 60 IN TXT "the last"
    www 60 IN MX 10 mail.example.com.
    www 60 IN MX 10 b.example.net.
    www 60 IN MX 20 c.
    one 60 IN TXT "alone"
    policy many TXT weighted
    member id=a weight=1 60 "x" "yy" "zzz"
    alias to TXT www
view all
    example.com. layers=Z1
rest
allow 0.0.0.0/0
query x. A
`))
	worker := w.resolver.NewWorker()
	*worker.random = *rand.NewPCG(53, 53)
	for _, tt := range []struct {
		name   string
		rrtype uint16
		count  int
	}{
		{"www", dns.TypeA, 3}, {"www", dns.TypeAAAA, 2}, {"www", dns.TypeTXT, 4}, {"www", dns.TypeMX, 3}, {"", dns.TypeNS, 2},
		{"one", dns.TypeTXT, 1}, {"many", dns.TypeTXT, 3}, {"to", dns.TypeTXT, 4},
	} {
		m := new(dns.Msg)
		m.SetQuestion(strings.TrimPrefix(tt.name+".example.com.", "."), tt.rrtype)
		name := m.Question[0].String()
		var listed []string
		got := map[string]int{}
		const draws = 1500
		for range draws {
			var texts []string
			for _, rr := range exchangeOf(t, worker, m, testClient).Answer {
				texts = append(texts, rr.String())
			}
			if len(texts) != tt.count {
				t.Fatalf("%s: %d records", name, len(texts))
			}
			got[texts[0]]++
			if listed == nil {
				listed = slices.Concat(texts, texts)
			}
			at := slices.Index(listed, texts[0])
			if at < 0 || !slices.Equal(listed[at:at+tt.count], texts) {
				t.Fatalf("%s: %q after %q", name, texts, listed[:tt.count])
			}
		}
		want := modelOdds{}
		for _, text := range listed[:tt.count] {
			want[text] = 1 / float64(tt.count)
		}
		statistic, bound := chiSquare(want, got, draws)
		if statistic > bound || len(got) != tt.count {
			t.Errorf("%s: chi-square %.1f > %.1f: first are %v", name, statistic, bound, got)
		}
	}
}

// TestForwardedAnswersBeginAnywhere: the order of the addresses in the cache is that of
// one moment, and not what all clients get until it expires. What stands around them
// stays where it is.
func TestForwardedAnswersBeginAnywhere(t *testing.T) {
	blocks := parseBlocks(`
forwarder up
    reply www.example.net. A NOERROR
    an www.example.net. 60 CNAME far.example.net.
    an far.example.net. 60 A 198.51.100.1
    an far.example.net. 60 A 198.51.100.2
    an far.example.net. 60 A 203.0.113.1
    reply www.example.net. AAAA NOERROR
    an www.example.net. 60 AAAA 2001:db8::1
    an www.example.net. 60 AAAA 2001:db8::2
    reply signed.example.net. A NOERROR
    an signed.example.net. 60 A 198.51.100.1
    an signed.example.net. 60 A 198.51.100.2
    an signed.example.net. 60 RRSIG A 13 3 60 20300101000000 20200101000000 1 example.net. AAAA
    reply text.example.net. TXT NOERROR
    an text.example.net. 60 TXT first
    an text.example.net. 60 TXT second
    reply lb.example.net. A NOERROR
    an lb.example.net. 60 CNAME lb-1.example.net.
    an lb-1.example.net. 60 A 198.51.100.1
    an lb-1.example.net. 60 A 198.51.100.2
vpc vpc-1 region=eu-west-1 cidrs=10.0.0.0/16
interface eni-1 vpc=vpc-1 private=10.0.0.9 public=203.0.113.1
zone public example.com. id=Z1
    @ 900 IN SOA ns.example.com. host.example.com. 1 7200 3600 604800 300
    leave 60 IN CNAME www.example.net.
    alias lb A lb.example.net. external
view inside clients=10.0.0.0/8 vpcs=vpc-1 region=eu-west-1
    . forward=up
    example.com. layers=Z1
view outside
    . forward=up
    example.com. layers=Z1
rest
allow 0.0.0.0/0
query x. A
`)
	w, _ := newWorld(t, blocks)
	worker := w.resolver.NewWorker()
	*worker.random = *rand.NewPCG(53, 53)
	inside, outside := testClient, netip.MustParseAddrPort("192.0.2.9:5353")
	for _, tt := range []struct {
		name   string
		rrtype uint16
		client netip.AddrPort
		do     bool
		at     int // where the addresses begin
		turns  []string
	}{
		{"www.example.net.", dns.TypeA, outside, false, 1, []string{"198.51.100.1", "198.51.100.2", "203.0.113.1"}},
		{"www.example.net.", dns.TypeA, inside, false, 1, []string{"198.51.100.1", "198.51.100.2", "10.0.0.9"}},
		{"leave.example.com.", dns.TypeA, outside, false, 2, []string{"198.51.100.1", "198.51.100.2", "203.0.113.1"}},
		{"www.example.net.", dns.TypeAAAA, inside, false, 0, []string{"2001:db8::1", "2001:db8::2"}},
		{"signed.example.net.", dns.TypeA, outside, true, 0, []string{"198.51.100.1", "198.51.100.2"}},
		{"lb.example.com.", dns.TypeA, outside, false, 0, []string{"198.51.100.1", "198.51.100.2"}},
		{"text.example.net.", dns.TypeTXT, outside, false, 0, []string{`"first"`}},
	} {
		m := new(dns.Msg)
		m.SetQuestion(tt.name, tt.rrtype)
		if tt.do {
			m.SetEdns0(1232, true)
		}
		packed, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		w.serve(tt.name, packed, tt.client, UDP) // into the cache
		got := map[string]int{}
		for range 600 {
			answer := exchangeOf(t, worker, m, tt.client).Answer
			if len(answer) < tt.at+len(tt.turns) {
				t.Fatalf("%s: %v", tt.name, answer)
			}
			var values []string
			for _, rr := range answer[tt.at : tt.at+len(tt.turns)] {
				values = append(values, strings.TrimPrefix(rr.String(), rr.Header().String()))
			}
			first := slices.Index(tt.turns, values[0])
			if first < 0 || !slices.Equal(values, append(slices.Clone(tt.turns[first:]), tt.turns[:first]...)) {
				t.Fatalf("%s: %v", tt.name, answer)
			}
			if tt.at > 0 && answer[0].Header().Rrtype != dns.TypeCNAME || tt.do &&
				answer[len(answer)-1].Header().Rrtype != dns.TypeRRSIG {
				t.Fatalf("%s: %v", tt.name, answer)
			}
			got[values[0]]++
		}
		for _, v := range tt.turns {
			if got[v] < 600/len(tt.turns)-90 {
				t.Errorf("%s: first are %v", tt.name, got)
			}
		}
	}
}
