package route53

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awssim"
	"inside53/zonesource/rdata"
)

// TestRecordTypes brings each type that Route 53 has through the API into the tree and
// back into text.
func TestRecordTypes(t *testing.T) {
	long := strings.Repeat("x", 255)
	records := []struct {
		rrtype string
		values []string
	}{
		{"A", []string{"192.0.2.1", "192.0.2.2"}},
		{"AAAA", []string{"2001:db8::1"}},
		{"CAA", []string{`0 issue "ca.example.net"`, `128 iodef "mailto:a@example.com"`}},
		{"CNAME", []string{"target.example.net."}},
		{"DS", []string{"12345 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"}},
		{"HTTPS", []string{`1 . alpn="h2,h3" ipv4hint=192.0.2.1`}},
		{"MX", []string{"10 mail.example.com.", "20 mail2.example.com."}},
		{"NAPTR", []string{`100 50 "u" "E2U+sip" "!^.*$!sip:info@example.com!" .`}},
		{"NS", []string{"ns.example.net."}},
		{"PTR", []string{"host.example.com."}},
		{"SPF", []string{`"v=spf1 -all"`}},
		{"SRV", []string{"1 10 5269 xmpp.example.com."}},
		{"SSHFP", []string{"4 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"}},
		{"SVCB", []string{"1 svc.example.net. port=8443"}},
		{"TLSA", []string{"3 1 1 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"}},
		{"TXT", []string{`"plain" "two \"quoted\" words; \303\244"`, `"` + long + `" "` + long + `"`}},
	}
	z := hosted{id: "Z1", name: "example.com."}
	for _, r := range records {
		z.sets = append(z.sets, plainSet(strings.ToLower(r.rrtype)+".example.com.", r.rrtype, 123, r.values...))
	}
	c := simpleCloud(t, z)
	p := find(t, c.mustCycle(c.source(Options{})), "zone/Z1")
	same(t, "problems", 0, len(p.Problems))
	for _, r := range records {
		number, _ := rdata.Type(r.rrtype)
		s := lookup(p.Zone.Tree, strings.ToLower(r.rrtype)+".example.com", number)
		if s.Kind != zone.Records || s.TTL() != 123 {
			t.Errorf("%s: kind %d, TTL %d", r.rrtype, s.Kind, s.TTL())
			continue
		}
		var want [][]byte
		for _, v := range r.values {
			packed, err := rdata.ParseValue(number, v)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, packed)
		}
		var got [][]byte
		for packed := range s.Rdata() {
			got = append(got, packed)
		}
		same(t, r.rrtype, want, got)
	}
	same(t, "SOA", uint32(900), lookup(p.Zone.Tree, "example.com", zone.TypeSOA).TTL())
}

func TestOctalNames(t *testing.T) {
	c := simpleCloud(t, hosted{id: "Z1", name: "example.com.", sets: []awssim.RecordSet{
		plainSet(`\052.example.com.`, "A", 60, "192.0.2.1"),
		plainSet(`a.\052.example.com.`, "A", 60, "192.0.2.2"),
		plainSet(`a\056b\100\303\244.example.com.`, "A", 60, "192.0.2.3"),
		plainSet(`_Sip._TCP.example.com.`, "SRV", 60, "1 1 5060 x.example.com."),
	}})
	tree := find(t, c.mustCycle(c.source(Options{})), "zone/Z1").Zone.Tree
	suffix := "\x07example\x03com\x00"
	for name, last := range map[string]byte{"\x01*": 1, "\x01a\x01*": 2, "\x06a.b@\xc3\xa4": 3} {
		same(t, fmt.Sprintf("%q", name), []byte{192, 0, 2, last}, tree.Lookup([]byte(name+suffix)).RRset(zone.TypeA).First())
	}
	if !lookup(tree, "_sip._tcp.example.com", zone.TypeSRV).Exists() {
		t.Error("a name with underscores is missing")
	}
}

// TestPolicies has a group of each policy, the weighted one over the border of a page.
func TestPolicies(t *testing.T) {
	number := func(n int64) *int64 { return &n }
	member := func(name, id, address string, change func(*awssim.RecordSet)) awssim.RecordSet {
		s := plainSet(name+".example.com.", "A", 60, address)
		s.SetIdentifier = id
		change(&s)
		return s
	}
	alias := func(s *awssim.RecordSet) {
		s.TTL, s.ResourceRecords = nil, nil
		s.AliasTarget = &awssim.AliasTarget{HostedZoneID: "Z1", DNSName: "Host00001.example.com.", EvaluateTargetHealth: true}
	}
	sets := manySets("example.com.", 291)
	for i := range 20 { // sorts behind host...: 291 + 2 of the apex + 20
		sets = append(sets, member("weighted", fmt.Sprintf("w%02d", i), fmt.Sprintf("192.0.2.%d", i),
			func(s *awssim.RecordSet) {
				s.Weight = number(int64(i) * 13)
				if i == 1 {
					alias(s)
				}
			}))
	}
	sets = append(sets,
		member("failover", "one", "192.0.2.1",
			func(s *awssim.RecordSet) { s.Failover = "PRIMARY"; s.HealthCheckID = "check-1" }),
		member("failover", "two", "192.0.2.2", func(s *awssim.RecordSet) { s.Failover = "SECONDARY" }),
		member("latency", "eu", "192.0.2.1", func(s *awssim.RecordSet) { s.Region = "eu-west-1" }),
		member("geo", "default", "192.0.2.1",
			func(s *awssim.RecordSet) { s.GeoLocation = &awssim.GeoLocation{CountryCode: "*"} }),
		member("geo", "europe", "192.0.2.2",
			func(s *awssim.RecordSet) { s.GeoLocation = &awssim.GeoLocation{ContinentCode: "EU"} }),
		member("geo", "ny", "192.0.2.3", func(s *awssim.RecordSet) {
			s.GeoLocation = &awssim.GeoLocation{CountryCode: "US", SubdivisionCode: "NY"}
		}),
		member("prox", "a", "192.0.2.1", func(s *awssim.RecordSet) {
			s.GeoProximityLocation = &awssim.GeoProximityLocation{AWSRegion: "us-east-1", Bias: number(-99)}
		}),
		member("prox", "b", "192.0.2.2", func(s *awssim.RecordSet) {
			s.GeoProximityLocation = &awssim.GeoProximityLocation{
				Coordinates: &awssim.Coordinates{Latitude: "49.22", Longitude: "-74.01"}, Bias: number(42)}
		}),
		member("prox", "c", "192.0.2.3", func(s *awssim.RecordSet) {
			s.GeoProximityLocation = &awssim.GeoProximityLocation{LocalZoneGroup: "us-east-1-bos-1"}
		}),
		member("multi", "m", "192.0.2.1",
			func(s *awssim.RecordSet) { s.MultiValueAnswer = aws.Bool(true); s.HealthCheckID = "check-2" }),
		member("cidr", "office", "192.0.2.1", func(s *awssim.RecordSet) {
			s.CIDRRoutingConfig = &awssim.CIDRRoutingConfig{CollectionID: "coll", LocationName: "office"}
		}),
		member("cidr", "rest", "192.0.2.2", func(s *awssim.RecordSet) {
			s.CIDRRoutingConfig = &awssim.CIDRRoutingConfig{CollectionID: "coll", LocationName: "*"}
		}),
		member("checked", "", "192.0.2.1", func(s *awssim.RecordSet) { s.HealthCheckID = "check-3" }),
		member("alias", "", "", alias),
		member("elsewhere", "", "", func(s *awssim.RecordSet) {
			alias(s)
			s.AliasTarget = &awssim.AliasTarget{HostedZoneID: "ZELB", DNSName: "My-LB.eu-west-1.elb.amazonaws.com."}
		}),
	)
	c := simpleCloud(t, hosted{id: "Z1", name: "example.com.", sets: sets})
	p := find(t, c.mustCycle(c.source(Options{})), "zone/Z1")
	same(t, "problems", 0, len(p.Problems))
	same(t, "pages", 2, c.sim.Calls()["ListResourceRecordSets"])

	weighted := groupOf(t, p.Zone.Tree, "weighted", zone.Weighted)
	same(t, "weighted", 20, len(weighted))
	for i, m := range weighted {
		same(t, "weight of "+string(m.SetID), uint8(i*13), m.Weight)
	}
	same(t, "member alias", zone.Alias{ZoneID: []byte("Z1"), Target: zone.MustName("host00001.example.com"), Health: true,
		SameZone: true}, weighted[1].Set.Alias())

	type b = []byte
	tests := []struct {
		name   string
		policy zone.Policy
		want   []zone.Member
	}{
		{"failover", zone.Failover, []zone.Member{{SetID: b("one"), Check: b("check-1")},
			{SetID: b("two"), Secondary: true}}},
		{"latency", zone.Latency, []zone.Member{{SetID: b("eu"), Region: b("eu-west-1")}}},
		{"geo", zone.Geolocation, []zone.Member{{SetID: b("default"), Country: b("*")},
			{SetID: b("europe"), Continent: b("EU")},
			{SetID: b("ny"), Country: b("US"), Subdivision: b("NY")}}},
		{"prox", zone.Geoproximity, []zone.Member{{SetID: b("a"), Region: b("us-east-1"), Bias: -99},
			{SetID: b("b"), Coordinates: b("49.22,-74.01"), Bias: 42}, {SetID: b("c"), LocalZone: b("us-east-1-bos-1")}}},
		{"multi", zone.Multivalue, []zone.Member{{SetID: b("m"), Check: b("check-2")}}},
		{"cidr", zone.IPBased, []zone.Member{{SetID: b("office"), Collection: b("coll"), Location: b("office")},
			{SetID: b("rest"), Collection: b("coll"), Location: b("*")}}},
		{"checked", zone.Simple, []zone.Member{{Check: b("check-3")}}},
	}
	for _, tt := range tests {
		got := groupOf(t, p.Zone.Tree, tt.name, tt.policy)
		for i := range got {
			same(t, tt.name+" address", []byte{192, 0, 2, byte(i + 1)}, got[i].Set.First())
			got[i].Set = zone.RRset{}
		}
		diff := cmp.Diff(tt.want, got, cmp.Transformer("text", func(b []byte) string { return string(b) }))
		if diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	same(t, "alias", zone.Alias{ZoneID: b("Z1"), Target: zone.MustName("host00001.example.com"), Health: true,
		SameZone: true},
		lookup(p.Zone.Tree, "alias.example.com", zone.TypeA).Alias())
	same(t, "alias elsewhere", zone.Alias{ZoneID: b("ZELB"), Target: zone.MustName("my-lb.eu-west-1.elb.amazonaws.com")},
		lookup(p.Zone.Tree, "elsewhere.example.com", zone.TypeA).Alias())
}

// groupOf returns the members of a group of A records.
func groupOf(t *testing.T, tree *zone.Tree, name string, policy zone.Policy) []zone.Member {
	t.Helper()
	s := lookup(tree, name+".example.com", zone.TypeA)
	if s.Kind != zone.Group || s.Policy() != policy {
		t.Fatalf("%s: %+v", name, s)
	}
	var members []zone.Member
	var m zone.Member
	for w := s.Members(); w.Next(&m); {
		members = append(members, m)
	}
	return members
}

// TestUnservable keeps what can't be expressed known to exist.
func TestUnservable(t *testing.T) {
	weighted := func(set recordSet, id string, weight int64) recordSet {
		set.SetIdentifier, set.Weight = aws.String(id), aws.Int64(weight)
		return set
	}
	noTTL := setOf("nottl.example.", "A", "192.0.2.1")
	noTTL.TTL = nil
	negative := setOf("negative.example.", "A", "192.0.2.1")
	negative.TTL = aws.Int64(-1)
	both := setOf("both.example.", "A", "192.0.2.1")
	both.AliasTarget = &types.AliasTarget{DNSName: aws.String("x.example."), HostedZoneId: aws.String("Z1")}
	target := types.ResourceRecordSet{Name: aws.String("target.example."), Type: "A",
		AliasTarget: &types.AliasTarget{DNSName: aws.String("a..b."), HostedZoneId: aws.String("Z1")}}
	mixed := setOf("mixed.example.", "A", "192.0.2.2")
	mixed.SetIdentifier, mixed.Region = aws.String("r"), "eu-west-1"
	twofold := weighted(setOf("twofold.example.", "A", "192.0.2.2"), "t", 1)
	twofold.Region = "eu-west-1"
	large := setOf("large.example.", "TXT")
	for i := range 300 {
		large.ResourceRecords = append(large.ResourceRecords,
			types.ResourceRecord{Value: aws.String(fmt.Sprintf(`"%d%s"`, i, strings.Repeat("x", 250)))})
	}
	tests := []struct {
		name   string
		rrtype uint16
		reason string
		sets   []recordSet
	}{
		{"address", zone.TypeA, `A value "192.0.2.300"`,
			[]recordSet{setOf("address.example.", "A", "192.0.2.1", "192.0.2.300")}},
		{"empty", zone.TypeA, "neither values nor an alias target", []recordSet{setOf("empty.example.", "A")}},
		{"nottl", zone.TypeA, "no TTL", []recordSet{noTTL}},
		{"negative", zone.TypeA, "TTL -1", []recordSet{negative}},
		{"both", zone.TypeA, "both values and an alias target", []recordSet{both}},
		{"target", zone.TypeA, "alias target", []recordSet{target}},
		{"newtype", unknownType, `type "WALLETX" is not known`, []recordSet{setOf("newtype.example.", "WALLETX", "value")}},
		{"mixed", zone.TypeA, "policies weighted and latency",
			[]recordSet{weighted(setOf("mixed.example.", "A", "192.0.2.1"), "w", 1), mixed}},
		{"twofold", zone.TypeA, `"t" is of 2 routing policies`, []recordSet{twofold}},
		{"plain", zone.TypeA, "2 record sets without a routing policy",
			[]recordSet{setOf("plain.example.", "A", "192.0.2.1"), setOf("PLAIN.example.", "A", "192.0.2.2")}},
		{"large", zone.TypeTXT, "larger than a DNS message", []recordSet{large}},
		{"cname", zone.TypeCNAME, "CNAME beside other types",
			[]recordSet{setOf("cname.example.", "CNAME", "x.example."), setOf("cname.example.", "TXT", `"x"`)}},
	}
	var sets []recordSet
	for _, tt := range tests {
		sets = append(sets, tt.sets...)
	}
	h := zonesource.Hosted{ID: "Z1", Name: zone.MustName("example")}
	tree, problems := buildTree(h, sets)
	for _, tt := range tests {
		s := lookup(tree, tt.name+".example", tt.rrtype)
		if s.Kind != zone.Unservable {
			t.Errorf("%s: kind %d", tt.name, s.Kind)
			continue
		}
		reason, raw := s.Unservable()
		if !strings.Contains(reason, tt.reason) {
			t.Errorf("%s: reason %q", tt.name, reason)
		}
		var first struct{ Name, Type string }
		err := json.NewDecoder(strings.NewReader(string(raw))).Decode(&first)
		if tt.name != "large" && (err != nil || first.Name != *tt.sets[0].Name || strings.Contains(string(raw), "null")) {
			t.Errorf("%s: raw %s (%v)", tt.name, raw, err)
		}
		found := false
		for _, p := range problems {
			found = found || p.Zone == "example." && p.Name == tt.name+".example." && p.Type == string(tt.sets[0].Type) &&
				p.Reason == reason
		}
		if !found {
			t.Errorf("%s: not among the problems", tt.name)
		}
	}
	same(t, "problems", len(tests), len(problems))
	same(t, "beside the CNAME", zone.Records, lookup(tree, "cname.example", zone.TypeTXT).Kind)
}

// TestUnservableMember lets the other members of a group serve.
func TestUnservableMember(t *testing.T) {
	var sets []recordSet
	for i, value := range []string{"192.0.2.1", "nonsense", "192.0.2.3"} {
		set := setOf("w.example.", "A", value)
		set.SetIdentifier, set.Weight = aws.String(fmt.Sprint(i)), aws.Int64([]int64{10, 20, 256}[i])
		sets = append(sets, set)
	}
	tree, problems := buildTree(zonesource.Hosted{ID: "Z1", Name: zone.MustName("example")}, sets)
	var kinds []zone.Kind
	var m zone.Member
	s := lookup(tree, "w.example", zone.TypeA)
	for w := s.Members(); w.Next(&m); {
		kinds = append(kinds, m.Set.Kind)
	}
	same(t, "kinds", []zone.Kind{zone.Records, zone.Unservable, zone.Unservable}, kinds)
	same(t, "problems", 2, len(problems))
	if !strings.Contains(problems[1].Reason, `record set "2": weight 256`) {
		t.Errorf("problem %q", problems[1].Reason)
	}
}

// TestNoPlace reports what can't even be known to exist.
func TestNoPlace(t *testing.T) {
	tree, problems := buildTree(zonesource.Hosted{ID: "Z1", Name: zone.MustName("example")}, []recordSet{
		setOf("www.example.net.", "A", "192.0.2.1"),
		setOf("a..example.", "A", "192.0.2.1"),
		setOf("good.example.", "A", "192.0.2.1", "192.0.2.1"),
	})
	same(t, "names", 1, tree.Stats().Names)
	same(t, "records", 1, tree.Stats().Records)
	same(t, "problems", 2, len(problems))
	same(t, "name", "www.example.net.", problems[0].Name)
}

// TestManyValues serves more values than Route 53 allows, and says so.
func TestManyValues(t *testing.T) {
	set := setOf("many.example.", "A")
	for i := range 401 {
		set.ResourceRecords = append(set.ResourceRecords,
			types.ResourceRecord{Value: aws.String(fmt.Sprintf("10.0.%d.%d", i/250, i%250))})
	}
	tree, problems := buildTree(zonesource.Hosted{ID: "Z1", Name: zone.MustName("example")}, []recordSet{set})
	same(t, "records", uint16(401), lookup(tree, "many.example", zone.TypeA).Count)
	same(t, "problems", 1, len(problems))
}

// TestSum tells listings apart by each field.
func TestSum(t *testing.T) {
	base := func() recordSet {
		return recordSet{
			Name: aws.String("n"), Type: "A", SetIdentifier: aws.String("s"), TTL: aws.Int64(1), Weight: aws.Int64(1),
			Region: "r", Failover: "PRIMARY", HealthCheckId: aws.String("h"), MultiValueAnswer: aws.Bool(true),
			ResourceRecords: []types.ResourceRecord{{Value: aws.String("v")}},
			AliasTarget: &types.AliasTarget{DNSName: aws.String("d"), HostedZoneId: aws.String("z"),
				EvaluateTargetHealth: true},
			GeoLocation: &types.GeoLocation{ContinentCode: aws.String("c"), CountryCode: aws.String("d"),
				SubdivisionCode: aws.String("e")},
			GeoProximityLocation: &types.GeoProximityLocation{AWSRegion: aws.String("r"), Bias: aws.Int32(1),
				LocalZoneGroup: aws.String("l"),
				Coordinates:    &types.Coordinates{Latitude: aws.String("1"), Longitude: aws.String("2")}},
			CidrRoutingConfig:       &types.CidrRoutingConfig{CollectionId: aws.String("c"), LocationName: aws.String("l")},
			TrafficPolicyInstanceId: aws.String("t"),
		}
	}
	changes := []func(*recordSet){
		func(r *recordSet) {},
		func(r *recordSet) { r.Name = aws.String("m") },
		func(r *recordSet) { r.Type = "B" },
		func(r *recordSet) { r.SetIdentifier = nil },
		func(r *recordSet) { r.TTL = aws.Int64(2) },
		func(r *recordSet) { r.TTL = nil },
		func(r *recordSet) { r.Weight = aws.Int64(2) },
		func(r *recordSet) { r.Region = "s" },
		func(r *recordSet) { r.Failover = "SECONDARY" },
		func(r *recordSet) { r.HealthCheckId = nil },
		func(r *recordSet) { r.MultiValueAnswer = aws.Bool(false) },
		func(r *recordSet) { r.MultiValueAnswer = nil },
		func(r *recordSet) { r.ResourceRecords = nil },
		func(r *recordSet) { r.ResourceRecords[0].Value = aws.String("w") },
		func(r *recordSet) { r.AliasTarget = nil },
		func(r *recordSet) { r.AliasTarget.DNSName = aws.String("e") },
		func(r *recordSet) { r.AliasTarget.HostedZoneId = aws.String("y") },
		func(r *recordSet) { r.AliasTarget.EvaluateTargetHealth = false },
		func(r *recordSet) { r.GeoLocation = nil },
		func(r *recordSet) { r.GeoLocation.ContinentCode = nil },
		func(r *recordSet) { r.GeoLocation.CountryCode = nil },
		func(r *recordSet) { r.GeoLocation.SubdivisionCode = nil },
		func(r *recordSet) { r.GeoProximityLocation = nil },
		func(r *recordSet) { r.GeoProximityLocation.AWSRegion = nil },
		func(r *recordSet) { r.GeoProximityLocation.Bias = nil },
		func(r *recordSet) { r.GeoProximityLocation.LocalZoneGroup = nil },
		func(r *recordSet) { r.GeoProximityLocation.Coordinates = nil },
		func(r *recordSet) { r.GeoProximityLocation.Coordinates.Latitude = nil },
		func(r *recordSet) { r.GeoProximityLocation.Coordinates.Longitude = nil },
		func(r *recordSet) { r.CidrRoutingConfig = nil },
		func(r *recordSet) { r.CidrRoutingConfig.CollectionId = nil },
		func(r *recordSet) { r.CidrRoutingConfig.LocationName = nil },
		func(r *recordSet) { r.TrafficPolicyInstanceId = nil },
	}
	seen := map[sum]int{}
	for i, change := range changes {
		r := base()
		change(&r)
		got := sumOf([]recordSet{r})
		other, twice := seen[got]
		if twice {
			t.Errorf("changes %d and %d have one sum", other, i)
		}
		seen[got] = i
	}
	again := sumOf([]recordSet{base()})
	same(t, "change of an equal listing", 0, seen[again])
}

// BenchmarkTree parses a fresh listing of 10,000 record sets.
func BenchmarkTree(b *testing.B) {
	sets := manyTypes(10_000)
	h := zonesource.Hosted{ID: "Z1", Name: zone.MustName("example")}
	b.ReportAllocs()
	for b.Loop() {
		sumOf(sets)
		buildTree(h, sets)
	}
}
