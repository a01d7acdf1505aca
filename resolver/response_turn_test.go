package resolver

import (
	"math/rand/v2"
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
