package resolver

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// forwardedReply writes the reply of an upstream about a name: chains of CNAME and
// DNAME, signatures, odd owners, small and large, into our zone or not.
func forwardedReply(rng *rand.Rand, name string, rrtype uint16) string {
	var b strings.Builder
	signed := rng.IntN(2) == 0
	sign := func(section, owner string, covered string) {
		for range rng.IntN(3) {
			if signed {
				fmt.Fprintf(&b, "    %s %s 300 RRSIG %s 8 3 300 20300101000000 20200101000000 %d example.net. %s\n", section, owner, covered, rng.IntN(1000),
					strings.Repeat("AAAA", 1+rng.IntN(40)))
			}
		}
	}
	cur := name
	rcode := "NOERROR"
	if rng.IntN(5) == 0 {
		rcode = "NXDOMAIN"
	}
	fmt.Fprintf(&b, "    reply %s %s %s", name, dns.TypeToString[rrtype], rcode)
	if signed {
		b.WriteString(" ad")
	}
	b.WriteString("\n")
	targets := []string{"Next%d.Example.NET.", "x%d.deep.down.example.org.", "a%d.net.", `odd\.dot%d.example.net.`, `\000\255%d.example.`, "n%d.example.net."}
	for i := range rng.IntN(5) {
		next := fmt.Sprintf(targets[rng.IntN(len(targets))], 1000+i*100+rng.IntN(100))
		if rng.IntN(4) == 0 {
			_, owner, _ := strings.Cut(cur, ".")
			label, _, _ := strings.Cut(next, ".")
			if !strings.Contains(label+cur, `\`) && strings.Count(cur, ".") > 2 {
				first, _, _ := strings.Cut(cur, ".")
				fmt.Fprintf(&b, "    an %s 300 DNAME d%d.example.org.\n", owner, i)
				sign("an", owner, "DNAME")
				next = fmt.Sprintf("%s.d%d.example.org.", first, i)
			}
		}
		fmt.Fprintf(&b, "    an %s %d CNAME %s\n", cur, 100+rng.IntN(900), next)
		sign("an", cur, "CNAME")
		cur = next
	}
	if cur != name && rng.IntN(4) == 0 {
		fmt.Fprintf(&b, "    an %s 300 CNAME WWW.example.com.\n", cur)
		sign("an", cur, "CNAME")
		return b.String()
	}
	if rcode == "NXDOMAIN" || rng.IntN(6) == 0 {
		soa := cur
		for range rng.IntN(4) {
			if soa != "." && !strings.Contains(soa, `\`) {
				soa = parent(soa)
			}
		}
		fmt.Fprintf(&b, "    ns %s 300 SOA a.example.net. B.%s 1 2 3 4 300\n", soa, "example.net.")
		sign("ns", soa, "SOA")
		if signed {
			fmt.Fprintf(&b, "    ns %s 300 NSEC z.%s A RRSIG NSEC\n    ns other.example.net. 300 NSEC . TXT\n", soa, "example.net.")
			sign("ns", "other.example.net.", "NSEC")
		}
		return b.String()
	}
	count := 1 + rng.IntN(4)
	if rng.IntN(6) == 0 {
		count = 200 + rng.IntN(200) // beyond what a pointer reaches, for the larger types
	}
	for i := range count {
		data := map[uint16]string{
			dns.TypeA:     fmt.Sprintf("203.0.%d.%d", 113+i/250, i%250),
			dns.TypeTXT:   fmt.Sprintf("%q", fmt.Sprintf("%090d", i)),
			dns.TypeMX:    fmt.Sprintf("%d mail%d.%s", i, i, name),
			dns.TypeHTTPS: fmt.Sprintf("%d . alpn=h2 ipv4hint=203.0.113.%d,198.51.100.1 ipv6hint=2001:db8::1", 1+i, i%250),
		}[rrtype]
		fmt.Fprintf(&b, "    an %s 300 %s %s\n", cur, dns.TypeToString[rrtype], data)
	}
	sign("an", cur, dns.TypeToString[rrtype])
	return b.String()
}

// TestForwardedMessages writes random messages of upstreams: as the whole answer,
// after a CNAME of ours, as an alias's; fresh and cached; translated or not.
func TestForwardedMessages(t *testing.T) {
	const names = 80
	rng := rand.New(rand.NewPCG(1035, 7))
	types := []uint16{dns.TypeA, dns.TypeA, dns.TypeTXT, dns.TypeMX, dns.TypeHTTPS}
	var replies, records strings.Builder
	rrtypes := make([]uint16, names)
	for i := range names {
		name := fmt.Sprintf("N%d.Example.net.", i)
		rrtypes[i] = types[rng.IntN(len(types))]
		replies.WriteString(forwardedReply(rng, name, rrtypes[i]))
		fmt.Fprintf(&records, "    c%d 60 IN CNAME n%d.example.net.\n    alias a%d %s n%d.example.net. external\n", i, i, i, dns.TypeToString[rrtypes[i]], i)
	}
	w := newTextWorld(t, "forwarder up\n"+replies.String()+`
vpc vpc-1 region=eu-west-1 cidrs=10.0.0.0/16
interface eni-1 vpc=vpc-1 private=10.0.0.9 public=203.0.113.1
interface eni-2 vpc=vpc-1 private=10.0.0.9 public=203.0.113.2
interface eni-3 vpc=vpc-1 private=10.0.0.8 public=203.0.113.3
zone public example.com. id=Z1
    @ 900 IN SOA ns.example.com. host.example.com. 7 3600 1200 604800 300
    www 60 IN A 203.0.113.3
    www 60 IN TXT "ours"
`+records.String()+`
view translating clients=10.0.0.0/16 vpcs=vpc-1
    . forward=up
    example.com. layers=Z1
view public clients=10.1.0.0/16 addresses=public
    . forward=up
    example.com. layers=Z1
allow 10.0.0.0/8
`)
	// Where a chain ends in the middle, its target is asked for next.
	answerAnything(w)
	whole, partial, large := 0, 0, 0
	for i := range names {
		for _, ask := range []string{"n%d.example.net.", "N%d.EXAMPLE.net.", "c%d.example.com.", "a%d.example.com."} {
			for n := range 8 {
				client := "10.0.0.1"
				if n&1 != 0 {
					client = "10.1.0.1"
				}
				b := block{line: i, words: []string{"query", fmt.Sprintf(ask, i), dns.TypeToString[rrtypes[i]], "client=" + client, "edns=1232", "ad"}}
				if n&2 != 0 {
					b.words = append(b.words, "do")
				}
				if n&4 != 0 {
					b.words = append(b.words, "tcp")
				}
				where := strings.Join(b.words, " ")
				from, tr, m := w.question(&b)
				pkt, err := m.Pack()
				if err != nil {
					t.Fatal(err)
				}
				s := w.serve(where, pkt, from, tr)
				checkAnswer(t, pkt, s.packet, tr)
				var got dns.Msg
				err = got.Unpack(s.packet)
				if err != nil {
					t.Fatal(err)
				}
				s.compare(&got)
				switch {
				case len(s.packet) > maxPointer:
					large++
				case s.x.a.nitems > 1:
					partial++
				default:
					whole++
				}
			}
		}
	}
	if whole < 100 || partial < 100 || large < 10 {
		t.Errorf("%d messages alone, %d beside other records, %d large: not all ways were gone", whole, partial, large)
	}
}

// answerAnything has the upstreams deny all that they have no reply for.
func answerAnything(w *world) {
	for _, u := range w.upstream {
		u.mode.Store("denies")
	}
}
