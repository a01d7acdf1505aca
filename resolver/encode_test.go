package resolver

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"inside53/resolver/wire"
	"inside53/resolver/zone"

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
				fmt.Fprintf(&b, "    %s %s 300 RRSIG %s 8 3 300 20300101000000 20200101000000 %d example.net. %s\n", section, owner,
					covered, rng.IntN(1000),
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
	targets := []string{"Next%d.Example.NET.", "x%d.deep.down.example.org.", "a%d.net.", `odd\.dot%d.example.net.`,
		`\000\255%d.example.`, "n%d.example.net."}
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
			fmt.Fprintf(&b, "    ns %s 300 NSEC z.%s A RRSIG NSEC\n    ns other.example.net. 300 NSEC . TXT\n", soa,
				"example.net.")
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
		fmt.Fprintf(&records, "    c%d 60 IN CNAME n%d.example.net.\n    alias a%d %s n%d.example.net. external\n", i, i, i,
			dns.TypeToString[rrtypes[i]], i)
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
				b := block{line: i, words: []string{"query", fmt.Sprintf(ask, i), dns.TypeToString[rrtypes[i]], "client=" + client,
					"edns=1232", "ad"}}
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
				case len(s.packet) > wire.MaxPointer:
					large++
				case s.items > 1:
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

// compareEncoded writes answers from a random view, with addresses to translate, in
// messages of up to size octets: the same records as the oracle's, or TC where they
// don't fit.
func compareEncoded(t testing.TB, seed uint64, size uint16, tr Transport) (truncated int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 2181))
	snap, _, _, _ := randomView(t, rng)
	snap.TranslatedTTL = 30
	var interfaces []zone.Interface
	for i := range 120 {
		interfaces = append(interfaces,
			zone.Interface{Public: netip.AddrFrom4([4]byte{192, 0, 2, byte(2 * i)}),
				Private: netip.AddrFrom4([4]byte{10, 0, 0, byte(i / 2)})})
	}
	snap.Inventory = zone.NewInventory(randomVPCs, interfaces)
	snap.Inventory.AddView(zone.AddressAuto, []string{randomVPCs[0].ID}, nil, nil)
	w := randomWorld(t)
	x := &exchange{state: &state{snap: snap, live: &zone.Live{}}}
	types := []uint16{dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeHTTPS, dns.TypeTXT, dns.TypeNS, dns.TypeANY}
	for range 40 {
		name, rrtype := anyName(rng), types[rng.IntN(len(types))]
		pkt := pack(t, func(m *dns.Msg) {
			m.SetQuestion(name, rrtype)
			m.RecursionDesired, m.Extra = false, nil
			if size > 0 {
				m.SetEdns0(size, true)
			}
		})
		x.q.Rand, x.q.Transport = rng.Uint64(), tr
		if v := x.q.inspect(pkt); v != accepted {
			t.Fatalf("parsing %s: %d", name, v)
		}
		x.a.reset(snap.Views[0], &x.q)
		decide(snap, x.state.live, &x.q, &x.a)
		x.a.need = false
		where := fmt.Sprintf("seed %d size %d: %s %s", seed, size, name, dns.TypeToString[rrtype])
		s := &serving{world: w, where: where, x: x, oracle: oracleMessage(w, x)}
		s.packet = appendResponse(make([]byte, 0, 65535), &x.q, &x.a, snap, limits{udp: 1232})
		checkAnswer(t, pkt, s.packet, tr)
		var got dns.Msg
		err := got.Unpack(s.packet)
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		s.compare(&got)
		if !got.Truncated {
			continue
		}
		truncated++
		limit := min(1232, max(512, int(size))) - x.roomForOPT()
		x.q.Transport = TCP
		whole := appendResponse(make([]byte, 0, 65535), &x.q, &x.a, snap, limits{udp: 1232})
		if tr == TCP || !x.a.full && len(whole) <= limit {
			t.Fatalf("%s: truncated, and has %d octets", where, len(whole))
		}
	}
	return truncated
}

// roomForOPT is how much less than the limit may already be too much.
func (x *exchange) roomForOPT() int {
	if !x.q.EDNS {
		return 0
	}
	return 6 // an extended error
}

func TestEncoderEqualsOracle(t *testing.T) {
	truncated := 0
	for seed := range uint64(300) {
		truncated += compareEncoded(t, seed, []uint16{0, 512, 600, 700, 1232, 4096}[seed%6], UDP)
		compareEncoded(t, seed, 0, TCP)
	}
	if truncated < 20 {
		t.Errorf("only %d answers were too large", truncated)
	}
}

func FuzzEncode(f *testing.F) {
	f.Add(uint64(1), uint16(512), false)
	f.Add(uint64(2), uint16(0), true)
	f.Fuzz(func(t *testing.T, seed uint64, size uint16, tcp bool) {
		tr := UDP
		if tcp {
			tr = TCP
		}
		compareEncoded(t, seed, size, tr)
	})
}
