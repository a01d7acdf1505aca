package resolver

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"

	"inside53/resolver/wire"
	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// TestDeepTrees: what an alias leads to may be deep, but not without end.
func TestDeepTrees(t *testing.T) {
	chain := func(depth int) names {
		z := names{"www": to(zone.Failover, modelMember{alias: "d1.example.", evaluate: true},
			modelMember{secondary: true, addresses: at(9)})}
		for i := 1; i < depth; i++ {
			z[fmt.Sprint("d", i)] = to(zone.Weighted,
				modelMember{weight: 1, alias: fmt.Sprintf("d%d.example.", i+1), evaluate: true})
		}
		z[fmt.Sprint("d", depth)] = to(zone.Simple, modelMember{check: "h1", addresses: at(1)})
		return z
	}
	for _, tt := range []policyCase{
		{name: "depth 25", zone: chain(25), want: only("1")},
		{name: "depth 25, the leaf fails", zone: chain(25), failing: "h1", want: only("9")},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.run(t) })
	}
}

// TestLoops: Route 53 refuses them; one that is there all the same ends soon, in the health
// of its members and in the answer. (Without a bound the twenty would be looked at twenty
// to the power of thirty times.)
func TestLoops(t *testing.T) {
	var members []modelMember
	for i := range 20 {
		members = append(members, modelMember{weight: 1, check: fmt.Sprint("h", i), alias: "www.example.", evaluate: true})
	}
	for name, c := range map[string]policyCase{
		"alias":    {zone: names{"www": plain(modelMember{alias: "www.example."})}},
		"weighted": {zone: names{"www": to(zone.Weighted, members...)}},
		"two": {zone: names{"www": to(zone.Failover, modelMember{alias: "b.example.", evaluate: true}),
			"b": to(zone.Failover, modelMember{alias: "www.example.", evaluate: true})}},
	} {
		w, pkt := c.worker(t)
		answer, result := w.Serve(pkt, testClient, UDP, make([]byte, 0, 512), noSuspender{t})
		if result != ServFail || answer[3]&0xf != wire.RcodeServFail {
			t.Errorf("%s: %s", name, result)
		}
	}
}

// TestWideTrees: with as many members as Route 53 allows in a group, on two levels, the only
// healthy leaf is found, also where it is the last.
func TestWideTrees(t *testing.T) {
	const most = 100
	z := names{}
	var branches []modelMember
	for i := range most {
		name := fmt.Sprint("b", i)
		var leaves []modelMember
		for j := range most {
			leaf := modelMember{id: fmt.Sprintf("%03d", j), weight: 1, check: "h1", addresses: at(1)}
			if i == most-1 && j == most-1 {
				leaf.check, leaf.addresses = "", at(2)
			}
			leaves = append(leaves, leaf)
		}
		z[name] = to(zone.Weighted, leaves...)
		branches = append(branches, modelMember{id: fmt.Sprintf("%03d", i), weight: 1, alias: name + ".example.",
			evaluate: true})
	}
	z["www"] = to(zone.Weighted, branches...)
	c := policyCase{zone: z, failing: "h1"}
	w, pkt := c.worker(t)
	for range 20 {
		answer, result := w.Serve(pkt, testClient, UDP, make([]byte, 0, 512), noSuspender{t})
		var m dns.Msg
		err := m.Unpack(answer)
		if err != nil || result != Local || len(m.Answer) != 1 || m.Answer[0].(*dns.A).A.String() != at(2)[0] {
			t.Fatalf("%s: %v, %v", result, m.Answer, err)
		}
	}
}

const ttlWorld = `
zone public example.com. id=Z1
    @ 900 IN SOA ns.example.com. host.example.com. 7 3600 1200 604800 300
    slow 3600 IN A 192.0.2.1
    policy pair A failover
    member id=a check=h1 3600 192.0.2.1
    member id=b role=secondary 30 192.0.2.2
    policy cname CNAME failover
    member id=a check=h1 3600 slow.example.com.
    member id=b role=secondary 3600 pair.example.com.
    policy many A multivalue
    member id=a 3600 192.0.2.1
    member id=b 3600 192.0.2.2
    policy tree A failover
    member id=a alias=many
    policy weighted A weighted
    member id=a weight=1 3600 192.0.2.1
view only
    example.com. layers=Z1
rest
allow 10.0.0.0/8
`

// TestFailoverTTL: nobody keeps what a failover gave for longer than a minute, and nothing
// else is cut.
func TestFailoverTTL(t *testing.T) {
	w := newTextWorld(t, ttlWorld)
	tests := []struct{ failing, name, want string }{
		{"", "pair", "60"}, {"h1", "pair", "30"}, {"", "slow", "3600"}, {"", "weighted", "3600"}, {"", "many", "3600 3600"},
		{"", "tree", "60 60"},
		{"", "cname", "60 3600"}, // the CNAME is the failover's; where it leads isn't
		{"h1", "cname", "60 30"},
	}
	for _, tt := range tests {
		w.resolver.PublishLive(&zone.Live{Checks: map[string]zone.Check{tt.failing: {}}})
		m := new(dns.Msg)
		m.SetQuestion(tt.name+".example.com.", dns.TypeA)
		var got []string
		for _, rr := range exchangeOf(t, w.worker, m, testClient).Answer {
			got = append(got, fmt.Sprint(rr.Header().Ttl))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s with %q failing: TTLs %v, want %s", tt.name, tt.failing, got, tt.want)
		}
	}
}

func exchangeOf(t testing.TB, w *Worker, m *dns.Msg, client netip.AddrPort) *dns.Msg {
	t.Helper()
	pkt, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := w.Serve(pkt, client, UDP, make([]byte, 0, 4096), noSuspender{t})
	got := new(dns.Msg)
	err = got.Unpack(answer)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestClientSubnetOption: a trusted forwarder gets its option back with the scope of the
// answer (RFC 7871 section 7.2.1), anybody else nothing, and no query leaves anything behind
// for the next.
func TestClientSubnetOption(t *testing.T) {
	geo := names{
		"www": to(zone.Geolocation, modelMember{continent: "EU", addresses: at(1)},
			modelMember{country: "*", addresses: at(2)}),
		"none":   to(zone.Geolocation, modelMember{continent: "AF", addresses: at(1)}),
		"plain":  plain(modelMember{addresses: at(3)}),
		"cname":  inCNAME(plain(modelMember{target: "www.example."})),
		"failed": to(zone.Failover, modelMember{addresses: at(4)}),
	}
	const trusted, stranger = "10.0.0.53", "10.0.0.54"
	tests := []struct {
		name, client, subnet string
		private              bool
		scope                int // -1 for no option
		answer               string
	}{
		{"www", trusted, "10.1.2.0/24", false, 24, "198.18.0.2"},
		{"www", trusted, "10.0.0.0/17", false, 17, "198.18.0.1"},
		{"www", trusted, "2001:db8:1::/48", false, 48, "198.18.0.1"},
		{"www", trusted, "0.0.0.0/0", false, 0, "198.18.0.1"},
		{"none", trusted, "10.1.2.0/24", false, 24, ""},
		{"plain", trusted, "10.1.2.0/24", false, 0, "198.18.0.3"},
		{"cname", trusted, "10.1.2.0/24", false, 24, "198.18.0.2"},
		{"www", trusted, "10.1.2.0/24", true, 0, "198.18.0.1"},
		{"www", stranger, "10.1.2.0/24", false, -1, "198.18.0.1"},
		{"www", trusted, "", false, -1, "198.18.0.1"}, // after others that had one
	}
	for _, private := range []bool{false, true} {
		w, _ := (&policyCase{zone: geo, private: private}).worker(t)
		for _, tt := range tests {
			if tt.private != private {
				continue
			}
			client := modelClient{address: netip.MustParseAddr(tt.client)}
			if tt.subnet != "" {
				client.subnet = netip.MustParsePrefix(tt.subnet)
			}
			m := new(dns.Msg)
			err := m.Unpack(client.packet(t, tt.name+".example."))
			if err != nil {
				t.Fatal(err)
			}
			got := exchangeOf(t, w, m, netip.AddrPortFrom(client.address, 53))
			scope, address := -1, ""
			if opt := got.IsEdns0(); opt != nil && len(opt.Option) > 0 {
				o := opt.Option[0].(*dns.EDNS0_SUBNET)
				scope = int(o.SourceScope)
				if p, _ := netip.AddrFromSlice(o.Address); int(o.SourceNetmask) != client.subnet.Bits() ||
					p.Unmap() != client.subnet.Addr() {
					t.Errorf("%+v: the option came back as %v", tt, o)
				}
			}
			for _, rr := range got.Answer {
				if a, ok := rr.(*dns.A); ok {
					address = a.A.String()
				}
			}
			if scope != tt.scope || address != tt.answer {
				t.Errorf("%+v: scope %d, answer %q", tt, scope, address)
			}
		}
	}
}

// TestBias is AWS's formula (routing-policy-geoproximity): a bias of b shrinks the distance by
// b percent, a negative one divides it by 1 + b/100.
func TestBias(t *testing.T) {
	j := &judge{region: "eu-west-1"}
	d := j.biased(&zone.Member{Region: []byte("us-east-1")})
	if d < 5200 || d > 5700 {
		t.Errorf("Dublin to Virginia is %.0f km", d)
	}
	for bias, factor := range map[int8]float64{0: 1, 1: .99, 50: .5, 99: .01, -1: 1 / .99, -50: 2, -99: 100} {
		got := j.biased(&zone.Member{Region: []byte("us-east-1"), Bias: bias})
		if math.Abs(got-d*factor) > 1 {
			t.Errorf("bias %d makes %.0f km of %.0f, want %.0f", bias, got, d, d*factor)
		}
	}
	same := func(name string, a, b zone.Member) {
		t.Helper()
		if x, y := j.biased(&a), j.biased(&b); math.Abs(x-y) > 1 {
			t.Errorf("%s: %.0f km and %.0f km", name, x, y)
		}
	}
	west := zone.Member{Region: []byte("us-west-2")}
	same("a local zone is where its city is", zone.Member{LocalZone: []byte("us-west-2-lax-1")},
		zone.Member{Coordinates: []byte("34.05,-118.24")})
	same("also far from its region", zone.Member{LocalZone: []byte("af-south-1-los-1")},
		zone.Member{Coordinates: []byte("6.52,3.38")})
	same("or where its region is", zone.Member{LocalZone: []byte("us-west-2-xyz-1")}, west)
	same("or like this", zone.Member{LocalZone: []byte("us-west-2")}, west)
	same("coordinates", zone.Member{Coordinates: []byte("45.84,-119.7")}, west)
	far := zone.Member{Region: []byte("xx-nowhere-1")}
	same("unknown is as far as can be", far, zone.Member{LocalZone: []byte("xx-nowhere-1-abc-1")})
	same("and so are bad coordinates", far, zone.Member{Coordinates: []byte("north")})
	if got := j.biased(&far); got < 20_000 {
		t.Errorf("an unknown place is %.0f km away", got)
	}
}

// TestPlaces compares the table with what no region can be without, and with the model's.
func TestPlaces(t *testing.T) {
	for region, want := range modelPlaces {
		got := placeOf(region)
		if got.continent != want.continent || got.country != want.country || got.state != want.subdivision ||
			math.Abs(got.latitude-want.latitude) > 1.5 || math.Abs(got.longitude-want.longitude) > 1.5 {
			t.Errorf("%s is %+v, want %+v", region, got, want)
		}
	}
	if placeOf("xx-nowhere-1") != (place{}) || placeOf("") != (place{}) {
		t.Error("a place for what isn't a region")
	}
}

// TestTablesAreInOrder: whoever looks there halves the rest, and would miss a line.
func TestTablesAreInOrder(t *testing.T) {
	for _, r := range regions {
		if placeOf(r.name) != r.place || r.continent == "" {
			t.Errorf("%s isn't found where it stands", r.name)
		}
	}
	for _, c := range cities {
		p, known := findPlace(cities[:], c.name)
		if !known || p != c.place {
			t.Errorf("%s isn't found where it stands", c.name)
		}
	}
}

// TestMultivalueBegins: any member may be the first of the answer, for clients that
// take that one.
func TestMultivalueBegins(t *testing.T) {
	var members []modelMember
	for i := range 12 {
		members = append(members, modelMember{check: fmt.Sprint("h", i%3), addresses: at(i + 1)})
	}
	c := &policyCase{zone: names{"www": to(zone.Multivalue, members...)}, failing: "h1"}
	w, pkt := c.worker(t)
	m := new(dns.Msg)
	err := m.Unpack(pkt)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	const draws = 4000
	for range draws {
		answer := exchangeOf(t, w, m, testClient).Answer
		if len(answer) != 8 {
			t.Fatalf("%d records", len(answer))
		}
		got[answer[0].(*dns.A).A.String()]++
	}
	want := modelOdds{}
	for i := range members {
		if i%3 != 1 {
			want[at(i + 1)[0]] = 1. / 8
		}
	}
	statistic, bound := chiSquare(want, got, draws)
	if statistic > bound || len(got) != len(want) {
		t.Errorf("chi-square %.1f > %.1f: first are %v", statistic, bound, got)
	}
}
