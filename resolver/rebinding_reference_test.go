package resolver

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// The slow reference of rebinding: DESIGN's words by linear scan over text. Names are of a
// zone of ours, of a forwarder of its own, or of the forwarder of ".".

// rebindingWorld is what all names have, and who may not have what.
type rebindingWorld struct {
	deny  []string
	allow string
	local map[string][]dns.RR // of the zone of ours, by name and type
	reply map[string][]dns.RR // what upstreams say, by name and type
}

// rebindingNames are names, each of which may lead to a later one. There is more than one of
// each kind, so that a chain goes to and fro.
var rebindingNames = []string{
	"a.own.example.", "a.net.example.", "2.0.0.127.list.example.", "256.0.0.127.list.example.",
	"a.allowed.example.", "a.corp.example.", "i.ec2.internal.", "b.own.example.", "b.net.example.", "1.2.3.4.",
	"b.allowed.example.", "allowed.example.", "xallowed.example.", "b.corp.example.", "i.eu-west-1.compute.internal.",
	"ec2.internal.net.example.", "1.2.3.4.list.example.", "c.net.example.", "c.own.example.",
}

func rebindingOwner(name string) string {
	switch {
	case under(name, "own.example."):
		return "own"
	case under(name, "corp.example."):
		return "corp"
	}
	return "root"
}

// kind is what an address is good for, "" for the world.
func (w *rebindingWorld) kind(a netip.Addr) string {
	if a.Is6() && a != netip.IPv6Unspecified() && a != netip.IPv6Loopback() {
		for _, p := range []string{"::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"} {
			if netip.MustParsePrefix(p).Contains(a) {
				whole := a.As16()
				return w.kind(netip.AddrFrom4([4]byte(whole[12:])))
			}
		}
	}
	switch {
	case a.IsLoopback():
		return "loopback"
	case a.IsLinkLocalUnicast():
		return "link-local"
	case a.IsUnspecified() || netip.MustParsePrefix("0.0.0.0/8").Contains(a):
		return "unspecified"
	case a.IsPrivate() || netip.MustParsePrefix("100.64.0.0/10").Contains(a),
		netip.MustParsePrefix("fec0::/10").Contains(a):
		return "private"
	}
	return ""
}

// denies reports whether a name of the internet may not have an address.
func (w *rebindingWorld) denies(name string, a netip.Addr) bool {
	if !slices.Contains(w.deny, w.kind(a)) {
		return false
	}
	labels := dns.SplitDomainName(name)
	listed := len(labels) > 4
	for _, l := range labels[:min(4, len(labels))] {
		n, err := strconv.Atoi(l)
		listed = listed && err == nil && 0 <= n && n <= 255
	}
	codes := netip.MustParsePrefix("127.0.0.0/8").Contains(a) && a.Compare(netip.MustParseAddr("127.0.0.2")) >= 0
	return !listed || !codes
}

func (w *rebindingWorld) excepts(name string) bool {
	return under(name, "ec2.internal.") || under(name, "compute.internal.") || under(name, w.allow)
}

// answer is what a client gets: records, or the address for which it gets none.
func (w *rebindingWorld) answer(first string, rrtype uint16) (answer []dns.RR, denied string) {
	name, outside := first, false
	for {
		owner := rebindingOwner(name)
		rrs := w.reply[replyKey(name, rrtype)]
		switch {
		case owner == "own":
			rrs = w.local[replyKey(name, rrtype)]
			if c := w.local[replyKey(name, dns.TypeCNAME)]; c != nil {
				rrs = c
			}
		case owner == "root" && !w.excepts(first) && (outside || !w.excepts(name)):
			for _, a := range rebindingAddresses(rrs) {
				if w.denies(name, a) {
					return nil, a.String()
				}
			}
		}
		outside = outside || owner == "root"
		next := ""
		for _, rr := range rrs {
			answer = append(answer, rr)
			next = ""
			if c, ok := rr.(*dns.CNAME); ok {
				next = c.Target
				if rebindingOwner(next) != owner {
					break // the rest is another's to say
				}
			}
		}
		if next == "" {
			return answer, ""
		}
		name = next
	}
}

// rebindingAddresses are all addresses in records.
func rebindingAddresses(rrs []dns.RR) (out []netip.Addr) {
	for _, rr := range rrs {
		switch rr := rr.(type) {
		case *dns.A:
			out = append(out, netip.AddrFrom4([4]byte(rr.A.To4())))
		case *dns.AAAA:
			out = append(out, netip.AddrFrom16([16]byte(rr.AAAA.To16())))
		case *dns.HTTPS:
			for _, v := range rr.Value {
				for _, text := range strings.Split(v.String(), ",") {
					a, err := netip.ParseAddr(text)
					if err == nil {
						out = append(out, a)
					}
				}
			}
		}
	}
	return out
}

var rebindingTypes = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS}

// randomRebinding makes a world and its scenario.
func randomRebinding(t *testing.T, rng *rand.Rand) (*rebindingWorld, string) {
	t.Helper()
	one := func(of ...string) string { return of[rng.IntN(len(of))] }
	w := &rebindingWorld{allow: "allowed.example.", local: map[string][]dns.RR{}, reply: map[string][]dns.RR{}}
	for _, kind := range []string{"loopback", "link-local", "unspecified", "private"} {
		if rng.IntN(4) > 0 {
			w.deny = append(w.deny, kind)
		}
	}
	data := map[uint16]func() string{
		dns.TypeA: func() string {
			return one("127.0.0.1", "127.0.0.2", "127.255.255.255", "127.0.1.0", "169.254.169.254", "0.0.0.0", "0.1.2.3",
				"10.0.0.1", "100.64.0.1", "100.128.0.1", "172.32.0.1", "192.0.2.1", "192.0.2.2", "192.0.2.3")
		},
		dns.TypeAAAA: func() string {
			return one("::", "::1", "::127.0.0.1", "::ffff:127.0.0.2", "::ffff:0:169.254.1.1", "64:ff9b::127.0.0.1",
				"64:ff9b:1::10.0.0.1", "fe80::1", "fc00::1", "fec0::1", "2001:db8::1", "2001:db8::2", "2001:db8::127.0.0.1")
		},
		dns.TypeHTTPS: func() string {
			return "1 ." + one("", ` ipv4hint="192.0.2.1"`, ` ipv4hint="192.0.2.1,127.0.0.1"`) +
				one("", ` ipv6hint="2001:db8::1"`, ` ipv6hint="2001:db8::1,fe80::1"`)
		},
	}
	var up, corp, own strings.Builder
	parse := func(line string) dns.RR {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		return rr
	}
	for i, name := range rebindingNames {
		rest := rebindingNames[i+1:]
		if rebindingOwner(name) == "own" {
			put := func(rrtype uint16, data string) {
				line := fmt.Sprintf("%s 60 IN %s %s", name, dns.TypeToString[rrtype], data)
				w.local[replyKey(name, rrtype)] = []dns.RR{parse(line)}
				fmt.Fprintf(&own, "    %s\n", strings.Replace(line, ".own.example.", "", 1))
			}
			if len(rest) > 0 && rng.IntN(4) > 0 {
				put(dns.TypeCNAME, rest[rng.IntN(len(rest))])
				continue
			}
			for _, rrtype := range rebindingTypes {
				put(rrtype, data[rrtype]())
			}
			continue
		}
		b, owner := &up, "root"
		if rebindingOwner(name) == "corp" {
			b, owner = &corp, "corp"
		}
		for _, rrtype := range rebindingTypes {
			fmt.Fprintf(b, "    reply %s %s NOERROR\n", name, dns.TypeToString[rrtype])
			add := func(line string) {
				w.reply[replyKey(name, rrtype)] = append(w.reply[replyKey(name, rrtype)], parse(line))
				fmt.Fprintf(b, "    an %s\n", line)
			}
			at, ahead := name, rest
			for len(ahead) > 0 && rng.IntN(3) == 0 && rebindingOwner(at) == owner {
				n := rng.IntN(len(ahead))
				add(fmt.Sprintf("%s 60 IN CNAME %s", at, ahead[n]))
				at, ahead = ahead[n], ahead[n+1:]
			}
			lines := map[string]bool{}
			for range 1 + rng.IntN(3) {
				lines[fmt.Sprintf("%s 60 IN %s %s", at, dns.TypeToString[rrtype], data[rrtype]())] = true
			}
			if at != name && rng.IntN(3) == 0 {
				lines = nil // it has stopped on the way
			}
			for _, line := range slices.Sorted(maps.Keys(lines)) {
				add(line)
			}
		}
	}
	return w, fmt.Sprintf("forwarder up\n%sforwarder corp\n%szone public own.example. id=Z1\n"+
		"    @ 900 IN SOA a. b. 1 2 3 4 60\n%srebinding deny=%s allow=%s\nview all clients=10.0.0.0/8\n    . forward=up\n"+
		"    own.example. layers=Z1\n    corp.example. forward=corp\nallow 10.0.0.0/8\nquery x. A\n",
		up.String(), corp.String(), own.String(), strings.Join(w.deny, ","), w.allow)
}

// TestRebindingEqualsReference asks for every name of random worlds.
func TestRebindingEqualsReference(t *testing.T) {
	denials := 0
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 53))
		reference, text := randomRebinding(t, rng)
		w, _ := newWorld(t, parseBlocks(text))
		for i := range 2 * len(rebindingNames) * len(rebindingTypes) { // also from the cache
			name := rebindingNames[i/2%len(rebindingNames)]
			rrtype := rebindingTypes[i/2/len(rebindingNames)]
			where := fmt.Sprintf("seed %d: %s %s", seed, name, dns.TypeToString[rrtype])
			m := new(dns.Msg).SetQuestion(name, rrtype).SetEdns0(1232, false)
			packet, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			var got dns.Msg
			err = got.Unpack(w.serve(where, packet, netip.MustParseAddrPort("10.0.0.1:53"), UDP).packet)
			if err != nil {
				t.Fatal(err)
			}
			answer, denied := reference.answer(name, rrtype)
			want, is := recordSet(answer), recordSet(got.Answer)
			if denied != "" {
				denials++
				want = append(want, "rebinding: "+denied)
			}
			for _, o := range got.IsEdns0().Option {
				if ede, ok := o.(*dns.EDNS0_EDE); ok && ede.InfoCode == dns.ExtendedErrorCodeFiltered {
					is = append(is, ede.ExtraText)
				}
			}
			if diff := cmp.Diff(want, is); diff != "" || got.Rcode != dns.RcodeSuccess {
				t.Fatalf("%s: %s (-reference +answer)\n%s\ndeny %s\n%s", where, dns.RcodeToString[got.Rcode], diff, reference.deny,
					text)
			}
		}
	}
	if denials < 100 {
		t.Errorf("%d answers were emptied: the worlds are too tame", denials)
	}
}
