//go:build judge

package judge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// The clients that dig can be on one host, each in a view of its own.
const (
	inVPC    = "127.0.0.1"
	inOther  = "127.0.0.2" // in a VPC without private zones
	inNobody = "127.0.0.3" // in no VPC
)

const views = `
views:
  - { name: inside, clients: [127.0.0.1/32], vpcs: [%s] }
  - { name: other, clients: [127.0.0.2/32], vpcs: [%s] }
  - { name: outside, clients: [127.0.0.3/32], vpcs: [], region: us-east-1, addresses: public }
`

// everything is route53 and ec2, read often.
const everything = `
route53: { refresh: 1s, requests_per_second: 50 }
ec2: { refresh: 1s }
`

// TestJudgeRecords holds every record against what was written: every type, every escape,
// in a zone of three pages and more.
func TestJudgeRecords(t *testing.T) {
	m := startMoto(t)
	// moto keeps the case of a name.
	const zone = "judge.example"
	id := m.createZone(t, "Judge.Example", "")
	records := company()
	m.create(t, id, "Judge.Example", records...) // moto compares names as texts
	if len(records) < 700 {
		t.Fatalf("only %d records", len(records))
	}
	for name, config := range map[string]string{
		"minimal":  "route53:\n",
		"by name":  "route53: { zones: [judge.example.], visibility: [public] }\n",
		"with ec2": everything,
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, m, config)
			zones := s.zones(t)
			// moto makes a SOA and an NS record set.
			if len(zones) != 1 || zones[0].ID != id || zones[0].Name != zone+"." || zones[0].Visibility != "public" ||
				zones[0].Records != len(records)+2 || len(zones[0].Unservable) > 0 || zones[0].Error != "" {
				t.Errorf("/zones says %+v, of %d records", zones, len(records))
			}
			judge(t, s, inVPC, zone, records)
		})
	}
}

// judge asks for every record, and for SOA and NS of the apex.
func judge(t *testing.T, s *inside53, from, zone string, records []record) {
	t.Helper()
	// What moto gives every zone; the names of its servers have no last dot.
	all := append(slices.Clone(records), record{kind: "SOA", ttl: 900, shown: []string{soa}},
		record{kind: "NS", ttl: 172800,
			shown: []string{"ns-2048.awsdns-64.com.", "ns-2049.awsdns-65.net.", "ns-2050.awsdns-66.org.",
				"ns-2051.awsdns-67.co.uk."}})
	questions := make([]question, len(all))
	for i, r := range all {
		questions[i] = question{below(r.dig, zone), r.kind}
	}
	for i, got := range dig(t, s.dns, from, questions...) {
		r, q := all[i], questions[i]
		var want []string
		for _, v := range r.shown {
			want = append(want, fmt.Sprintf("%s. %d IN %s %s", q.name, r.ttl, r.kind, v))
		}
		slices.Sort(want)
		slices.Sort(got.answer)
		// The NS records of a delegation are not authoritative (RFC 2181 section 5.4.1).
		authoritative := r.kind != "NS" || r.name == ""
		if got.status != "NOERROR" || got.has("aa") != authoritative || got.has("tc") || len(got.extended) > 0 ||
			!slices.Equal(got.answer, want) {
			t.Errorf("%s %s: %s %v %v\n got %q\nwant %q", q.name, q.kind, got.status, got.flags, got.extended, got.answer, want)
		}
	}
}

// TestJudgeNames asks for names that no record has, or not of that type.
func TestJudgeNames(t *testing.T) {
	m := startMoto(t)
	const zone = "names.example"
	id := m.createZone(t, zone+".", "")
	m.create(t, id, zone,
		record{name: `\052.wild`, kind: "A", ttl: 60, values: []string{"203.0.113.1"}},
		record{name: `*.plain`, kind: "TXT", ttl: 60, values: []string{`"wild"`}},
		record{name: "own.plain", kind: "A", ttl: 60, values: []string{"203.0.113.2"}},
		record{name: "deep.below.it", kind: "A", ttl: 60, values: []string{"203.0.113.3"}},
		record{name: "here", kind: "CNAME", ttl: 60, values: []string{"Deep.Below.It.names.example"}},
		record{name: "child", kind: "NS", ttl: 60, values: []string{"ns.child.names.example"}},
		record{name: "ns.child", kind: "A", ttl: 60, values: []string{"203.0.113.4"}},
	)
	s := serve(t, m, "route53:\n")
	const negative = zone + ". 60 IN SOA " + soa // negative_ttl
	tests := []struct {
		name, kind, status string
		answer, authority  []string
	}{
		{"a.wild", "A", "NOERROR", []string{"a.wild.names.example. 60 IN A 203.0.113.1"}, nil},
		{"b.a.wild", "A", "NOERROR", []string{"b.a.wild.names.example. 60 IN A 203.0.113.1"}, nil},
		{"a.wild", "TXT", "NOERROR", nil, []string{negative}},
		{"wild", "A", "NOERROR", nil, []string{negative}}, // an empty non-terminal
		{"A.Plain", "TXT", "NOERROR", []string{`A.Plain.names.example. 60 IN TXT "wild"`}, nil},
		{"own.plain", "TXT", "NOERROR", nil, []string{negative}},
		{"x.own.plain", "TXT", "NXDOMAIN", nil, []string{negative}}, // the closest encloser is own.plain
		{"below.it", "A", "NOERROR", nil, []string{negative}},
		{"none", "A", "NXDOMAIN", nil, []string{negative}},
		{"", "A", "NOERROR", nil, []string{negative}},
		{"here", "A", "NOERROR", []string{"here.names.example. 60 IN CNAME Deep.Below.It.names.example.",
			"Deep.Below.It.names.example. 60 IN A 203.0.113.3"}, nil},
		{"x.child", "A", "NOERROR", nil, []string{"child.names.example. 60 IN NS ns.child.names.example."}},
	}
	var questions []question
	for _, test := range tests {
		questions = append(questions, question{below(test.name, zone), test.kind})
	}
	for i, got := range dig(t, s.dns, inVPC, questions...) {
		test := tests[i]
		if got.status != test.status || !slices.Equal(lower(got.answer), lower(test.answer)) ||
			!slices.Equal(got.authority, test.authority) {
			t.Errorf("%s %s: %+v\nwant %+v", test.name, test.kind, got, test)
		}
	}
}

func lower(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.ToLower(l)
	}
	return out
}

// TestJudgeViews: who sees a private zone, which addresses, and which names of instances.
func TestJudgeViews(t *testing.T) {
	m := startMoto(t)
	n := m.createNetwork(t)
	const zone = "split.example"
	public := m.createZone(t, zone, "")
	private := m.createZone(t, strings.ToUpper(zone)+".", n.inside)
	m.create(t, public, zone,
		record{name: "www", kind: "A", ttl: 300, values: []string{"203.0.113.1"}},
		record{name: "www", kind: "TXT", ttl: 300, values: []string{`"public"`}},
		record{name: "only-public", kind: "A", ttl: 300, values: []string{"203.0.113.2"}},
		record{name: "bastion", kind: "A", ttl: 300, values: []string{n.elastic}},
		record{name: "free", kind: "A", ttl: 300, values: []string{n.free}},
	)
	m.create(t, private, strings.ToUpper(zone),
		record{name: "www", kind: "A", ttl: 300, values: []string{"10.20.1.80"}},
		record{name: "only-private", kind: "A", ttl: 300, values: []string{"10.20.1.81"}},
	)
	m.createZone(t, "alone.example", n.inside)
	// Two private zones of one name, of one VPC each.
	for vpc, address := range map[string]string{n.inside: "10.20.1.90", n.other: "10.30.1.90"} {
		m.create(t, m.createZone(t, "twin.example", vpc), "twin.example",
			record{name: "www", kind: "A", ttl: 0, values: []string{address}})
	}
	// One private zone of two VPCs.
	shared := m.createZone(t, "shared.example", n.inside)
	_, err := m.route53.AssociateVPCWithHostedZone(bounded(t), &route53.AssociateVPCWithHostedZoneInput{
		HostedZoneId: aws.String(shared), VPC: &types.VPC{VPCId: aws.String(n.other), VPCRegion: region},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, m, everything+fmt.Sprintf(views, n.inside, n.other))
	const refused = "REFUSED" // there is no forwarder
	tests := []struct {
		from, name, kind, status string
		want                     []string
	}{
		{inVPC, "www." + zone, "A", "NOERROR", []string{"10.20.1.80"}},
		{inVPC, "www." + zone, "TXT", "NOERROR", []string{`"public"`}}, // overlay
		{inVPC, "only-public." + zone, "A", "NOERROR", []string{"203.0.113.2"}},
		{inVPC, "only-private." + zone, "A", "NOERROR", []string{"10.20.1.81"}},
		{inVPC, "bastion." + zone, "A", "NOERROR", []string{n.private}},
		{inVPC, "free." + zone, "A", "NOERROR", []string{n.free}},
		{inVPC, "x.alone.example", "A", "NXDOMAIN", nil},
		{inVPC, "www.twin.example", "A", "NOERROR", []string{"10.20.1.90"}},
		{inOther, "www.twin.example", "A", "NOERROR", []string{"10.30.1.90"}},
		{inNobody, "www.twin.example", "A", refused, nil},
		{inVPC, "shared.example", "SOA", "NOERROR", []string{soa}},
		{inOther, "shared.example", "SOA", "NOERROR", []string{soa}},
		{inNobody, "shared.example", "SOA", refused, nil},
		{inVPC, "web.internal", "A", "NOERROR", []string{n.private, "10.20.1.11"}},
		{inVPC, "shop.internal", "A", "NOERROR", []string{n.private}},
		{inVPC, "named.internal", "A", "NOERROR", []string{"10.20.1.12"}},
		{inVPC, "11.1.20.10.in-addr.arpa", "PTR", "NOERROR", []string{"web.internal."}},
		{inVPC, "ip-10-20-1-11.eu-west-1.compute.internal", "A", "NOERROR", []string{"10.20.1.11"}},
		{inVPC, "ec2-" + strings.ReplaceAll(n.elastic, ".", "-") + ".eu-west-1.compute.amazonaws.com", "A", "NOERROR",
			[]string{n.private}},
		{inOther, "www." + zone, "A", "NOERROR", []string{"203.0.113.1"}},
		{inOther, "only-private." + zone, "A", "NXDOMAIN", nil},
		{inOther, "bastion." + zone, "A", "NOERROR", []string{n.elastic}}, // no peering
		{inOther, "x.alone.example", "A", refused, nil},
		{inNobody, "www." + zone, "A", "NOERROR", []string{"203.0.113.1"}},
		{inNobody, "only-private." + zone, "A", "NXDOMAIN", nil},
		{inNobody, "bastion." + zone, "A", "NOERROR", []string{n.elastic}},
		{inNobody, "x.alone.example", "A", refused, nil},
	}
	for _, test := range tests {
		got := dig(t, s.dns, test.from, question{test.name, test.kind})[0]
		slices.Sort(test.want)
		if got.status != test.status || !slices.Equal(got.values(test.kind), test.want) {
			t.Errorf("%s asks for %s %s: %s %q %v, want %s %q", test.from, test.name, test.kind, got.status, got.answer,
				got.extended, test.status, test.want)
		}
	}

	// Without ec2 the VPCs of the views are those that the zones name.
	s = serve(t, m, "route53:\n"+fmt.Sprintf(views, n.inside, n.other))
	for from, want := range map[string][]string{inVPC: {"10.20.1.80"}, inOther: {"203.0.113.1"},
		inNobody: {"203.0.113.1"}} {
		got := dig(t, s.dns, from, question{"www." + zone, "A"}, question{"bastion." + zone, "A"})
		if !slices.Equal(got[0].values("A"), want) || !slices.Equal(got[1].values("A"), []string{n.elastic}) {
			t.Errorf("without ec2 %s sees %q", from, got)
		}
	}

	// Without views each VPC is one, and a client that is in none sees the private zones too.
	s = serve(t, m, everything)
	got := dig(t, s.dns, inVPC, question{"only-private." + zone, "A"}, question{"bastion." + zone, "A"})
	if !slices.Equal(got[0].values("A"), []string{"10.20.1.81"}) ||
		!slices.Equal(got[1].values("A"), []string{n.elastic}) {
		t.Errorf("the rest sees %q", got)
	}
}

// TestJudgePolicies: one member of a group, never the union; aliases as their target.
// moto knows neither geoproximity nor IP-based routing.
func TestJudgePolicies(t *testing.T) {
	m := startMoto(t)
	n := m.createNetwork(t)
	const zone = "policy.example"
	id := m.createZone(t, zone, "")
	a := func(name, address string) types.ResourceRecordSet { return plain(name+"."+zone, "A", 60, address) }
	weight := func(w int64) func(*types.ResourceRecordSet) {
		return func(r *types.ResourceRecordSet) { r.Weight = aws.Int64(w) }
	}
	in := func(where types.ResourceRecordSetRegion) func(*types.ResourceRecordSet) {
		return func(r *types.ResourceRecordSet) { r.Region = where }
	}
	role := func(f types.ResourceRecordSetFailover) func(*types.ResourceRecordSet) {
		return func(r *types.ResourceRecordSet) { r.Failover = f }
	}
	geo := func(continent, country string) func(*types.ResourceRecordSet) {
		return func(r *types.ResourceRecordSet) {
			r.GeoLocation = &types.GeoLocation{}
			if continent != "" {
				r.GeoLocation.ContinentCode = aws.String(continent)
			} else {
				r.GeoLocation.CountryCode = aws.String(country)
			}
		}
	}
	many := func(r *types.ResourceRecordSet) { r.MultiValueAnswer = aws.Bool(true) }
	sets := []types.ResourceRecordSet{
		member(a("weighted", "203.0.113.1"), "none", weight(0)),
		member(a("weighted", "203.0.113.2"), "all", weight(255)),
		member(a("failover", "203.0.113.4"), "second", role("SECONDARY")),
		member(a("failover", "203.0.113.3"), "first", role("PRIMARY")),
		member(a("latency", "203.0.113.5"), "us", in("us-east-1")),
		member(a("latency", "203.0.113.6"), "eu", in("eu-west-1")),
		member(a("geo", "203.0.113.7"), "eu", geo("EU", "")),
		member(a("geo", "203.0.113.8"), "us", geo("", "US")),
		member(a("geo", "203.0.113.9"), "default", geo("", "*")),
		member(a("nowhere", "203.0.113.10"), "jp", geo("", "JP")),
		plain("target."+zone, "A", 60, "203.0.113.11", "203.0.113.12"),
		alias("alias."+zone, id, "target."+zone),
		alias("alias-2."+zone, id, "Alias."+zone+"."),
		alias(zone, id, "failover."+zone+"."),
		alias("balancer."+zone, "Z32O12XQLNTSW2", "judge-1234567890.eu-west-1.elb.amazonaws.com."),
	}
	for i := range 10 {
		sets = append(sets, member(a("many", fmt.Sprintf("203.0.113.%d", 20+i)), fmt.Sprint(i), many))
	}
	m.change(t, id, types.ChangeActionCreate, sets...)
	s := serve(t, m, everything+fmt.Sprintf(views, n.inside, n.other))
	tests := []struct {
		from, name string
		want       []string
	}{
		{inVPC, "weighted." + zone, []string{"203.0.113.2"}},
		{inVPC, "failover." + zone, []string{"203.0.113.3"}},
		{inVPC, "latency." + zone, []string{"203.0.113.6"}},
		{inNobody, "latency." + zone, []string{"203.0.113.5"}},
		{inVPC, "geo." + zone, []string{"203.0.113.7"}},
		{inNobody, "geo." + zone, []string{"203.0.113.8"}},
		{inVPC, "nowhere." + zone, nil},
		{inVPC, "alias." + zone, []string{"203.0.113.11", "203.0.113.12"}},
		{inVPC, "alias-2." + zone, []string{"203.0.113.11", "203.0.113.12"}},
		{inVPC, zone, []string{"203.0.113.3"}},
	}
	for _, test := range tests {
		got := dig(t, s.dns, test.from, question{test.name, "A"})[0]
		if got.status != "NOERROR" || !slices.Equal(got.values("A"), test.want) || len(got.answer) != len(test.want) {
			t.Errorf("%s asks for %s: %s %q, want %q", test.from, test.name, got.status, got.answer, test.want)
		}
	}
	got := dig(t, s.dns, inVPC, question{"many." + zone, "A"}, question{"balancer." + zone, "A"})
	if len(got[0].answer) != 8 {
		t.Errorf("a multivalue answer has %q", got[0].answer)
	}
	// There is no forwarder to ask for the balancer.
	if got[1].status != "SERVFAIL" || len(got[1].extended) != 1 || !strings.HasPrefix(got[1].extended[0], "22 ") {
		t.Errorf("the balancer: %+v", got[1])
	}
}

// TestJudgePages: moto ends a page inside a group, and the next one begins with the whole
// group again, since it does not know the marker of the set identifier. Neither may a
// record be lost nor may the listing stop.
func TestJudgePages(t *testing.T) {
	m := startMoto(t)
	const zone = "pages.example"
	id := m.createZone(t, zone, "")
	var sets []types.ResourceRecordSet
	for i := range 600 {
		sets = append(sets, plain(fmt.Sprintf("a-%03d.%s", i, zone), "A", 60, "203.0.113.1"))
	}
	// Record sets 283 to 382 of the listing: the border is at 300.
	for i := range 100 {
		name := fmt.Sprintf("a-280-group.%s", zone)
		sets = append(sets, member(plain(name, "A", 60, fmt.Sprintf("198.51.100.%d", i)), fmt.Sprintf("m-%03d", i),
			func(r *types.ResourceRecordSet) { r.Weight = aws.Int64(int64(i)) }))
	}
	m.change(t, id, types.ChangeActionCreate, sets...)
	page, err := m.route53.ListResourceRecordSets(bounded(t),
		&route53.ListResourceRecordSetsInput{HostedZoneId: aws.String(id), MaxItems: aws.Int32(300)})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(aws.ToString(page.NextRecordName), "a-280-group.") || page.NextRecordIdentifier != nil {
		t.Fatalf("the page does not end in the group: %s %s", aws.ToString(page.NextRecordName),
			aws.ToString(page.NextRecordIdentifier))
	}
	s := serve(t, m, "route53:\n")
	zones := s.zones(t)
	if len(zones) != 1 || zones[0].Records != 702 || zones[0].Error != "" {
		t.Errorf("/zones says %+v", zones)
	}
	got := dig(t, s.dns, inVPC, question{"a-599." + zone, "A"}, question{"a-280-group." + zone, "A"})
	if !slices.Equal(got[0].values("A"), []string{"203.0.113.1"}) || len(got[1].answer) != 1 ||
		!strings.HasPrefix(got[1].answer[0], "a-280-group."+zone+". 60 IN A 198.51.100.") {
		t.Errorf("the answers are %+v", got)
	}
}

// TestJudgeChanges: records and zones that come, change and go while inside53 runs.
func TestJudgeChanges(t *testing.T) {
	m := startMoto(t)
	const zone = "changes.example"
	id := m.createZone(t, zone, "")
	m.create(t, id, zone, alikeA(30)...)
	gone := m.createZone(t, "gone.example", "")
	// More zones than a page has.
	for i := range 105 {
		m.createZone(t, fmt.Sprintf("zone-%d.example", i), "")
	}
	s := serve(t, m, "route53: { refresh: 1s, requests_per_second: 200 }\n")
	sees := func(name, kind, status string, want ...string) func() bool {
		return func() bool {
			got := dig(t, s.dns, inVPC, question{name, kind})[0]
			return got.status == status && slices.Equal(got.values(kind), want)
		}
	}
	for _, name := range []string{"host-0." + zone, "zone-104.example", "gone.example"} {
		got := dig(t, s.dns, inVPC, question{name, "SOA"})[0]
		if got.status != "NOERROR" {
			t.Errorf("%s: %s", name, got.status)
		}
	}
	m.change(t, id, types.ChangeActionUpsert, plain("host-1."+zone, "A", 60, "203.0.113.200"))
	eventually(t, "the changed record", sees("host-1."+zone, "A", "NOERROR", "203.0.113.200"))
	m.change(t, id, types.ChangeActionDelete, plain("host-2."+zone, "A", 60, "203.0.113.2"))
	eventually(t, "the record that is gone", sees("host-2."+zone, "A", "NXDOMAIN"))
	m.createZone(t, "new.example", "")
	eventually(t, "the new zone", sees("x.new.example", "A", "NXDOMAIN"))
	_, err := m.route53.DeleteHostedZone(bounded(t), &route53.DeleteHostedZoneInput{Id: aws.String(gone)})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the zone that is gone", sees("gone.example", "SOA", "REFUSED"))
	if got := dig(t, s.dns, inVPC, question{"host-3." + zone, "A"})[0].values("A"); !slices.Equal(got,
		[]string{"203.0.113.3"}) {
		t.Errorf("what did not change is %q", got)
	}
}

// alikeA is n addresses.
func alikeA(n int) []record {
	var out []record
	for i := range n {
		out = append(out, record{name: fmt.Sprintf("host-%d", i), kind: "A", ttl: 60,
			values: []string{fmt.Sprintf("203.0.113.%d", i)}})
	}
	return out
}
