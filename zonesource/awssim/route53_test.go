package awssim

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/examples"
)

// simple is one A record set as JSON.
func simple(name string) string {
	return fmt.Sprintf(`{"Name":%q,"Type":"A","TTL":60,"ResourceRecords":[{"Value":"192.0.2.1"}]}`, name)
}

func weighted(name, id string) string {
	return fmt.Sprintf(
		`{"Name":%q,"Type":"A","SetIdentifier":%q,"Weight":1,"TTL":60,"ResourceRecords":[{"Value":"192.0.2.1"}]}`, name, id)
}

// A page ends in the middle of a weighted group: the identifier has to carry the listing on.
func TestRecordPages(t *testing.T) {
	var sets []string
	for i := range 295 {
		sets = append(sets, simple(fmt.Sprintf("h%03d.example.com.", i)))
	}
	for i := range 100 {
		sets = append(sets, weighted("w.example.com.", fmt.Sprintf("id-%02d", i)))
	}
	s := newSim(t, Options{Data: zoneFiles(sets...)})
	c := serve(t, s)

	first, err := c.route53.ListResourceRecordSets(t.Context(),
		&route53.ListResourceRecordSetsInput{HostedZoneId: aws.String("Z1")})
	if err != nil {
		t.Fatal(err)
	}
	if len(first.ResourceRecordSets) != 300 || *first.NextRecordName != "w.example.com." || first.NextRecordType != "A" ||
		aws.ToString(first.NextRecordIdentifier) != "id-03" {
		t.Errorf("first page: %d sets, next %s %s %s; want 300 and w.example.com. A id-03", len(first.ResourceRecordSets),
			*first.NextRecordName, first.NextRecordType, aws.ToString(first.NextRecordIdentifier))
	}
	s.ResetCalls()
	all, pages, err := listAll(t, c, "Z1")
	if err != nil || pages != 2 || s.Calls()["ListResourceRecordSets"] != 2 {
		t.Errorf("%d pages, calls %v, %v; want 2", pages, s.Calls(), err)
	}
	got := names(all)
	if len(got) != 397 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != 397 {
		t.Errorf("listed %d sets, want 397 different ones", len(got))
	}
}

// Exactly full pages must not be followed by an empty one.
func TestNoSurplusPage(t *testing.T) {
	for _, total := range []int{2, 299, 300, 301, 600} {
		var sets []string
		for i := range total - 2 {
			sets = append(sets, simple(fmt.Sprintf("h%03d.example.com.", i)))
		}
		c := serve(t, newSim(t, Options{Data: zoneFiles(sets...)}))
		all, pages, err := listAll(t, c, "Z1")
		if err != nil || len(all) != total || pages != (total+299)/300 {
			t.Errorf("%d sets: listed %d in %d pages, %v", total, len(all), pages, err)
		}
	}
}

func TestRecordStarts(t *testing.T) {
	c := serve(t, newSim(t, Options{
		Data: zoneFiles(simple(`\052.example.com.`), simple("b.example.com."), weighted("w.example.com.", "one"),
			weighted("w.example.com.", "two"))}))
	for _, q := range []struct{ name, typ, id, want string }{
		{"", "", "", "example.com. NS "},
		{"*.example.com", "", "", `\052.example.com. A `},
		{`\052.example.com.`, "A", "", `\052.example.com. A `},
		{"a.example.com", "", "", "b.example.com. A "},
		{"B.example.com", "A", "", "b.example.com. A "},
		{"b.example.com", "TXT", "", "w.example.com. A one"},
		{"w.example.com", "A", "p", "w.example.com. A two"},
		{"zz.example.com", "", "", ""},
	} {
		in := &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String("/hostedzone/Z1"), MaxItems: aws.Int32(1),
			StartRecordType: types.RRType(q.typ)}
		if q.name != "" {
			in.StartRecordName = &q.name
		}
		if q.id != "" {
			in.StartRecordIdentifier = &q.id
		}
		out, err := c.route53.ListResourceRecordSets(t.Context(), in)
		if err != nil {
			t.Errorf("%v: %v", q, err)
			continue
		}
		if got := strings.Join(names(out.ResourceRecordSets), "|"); got != q.want {
			t.Errorf("from %v: got %q", q, got)
		}
	}
	_, err := c.route53.ListResourceRecordSets(t.Context(),
		&route53.ListResourceRecordSetsInput{HostedZoneId: aws.String("Z9")})
	wantCode(t, "unknown zone", err, "NoSuchHostedZone")
}

// zoneList is a data directory of n private zones, all on vpc-1.
func zoneList(n int) fstest.MapFS {
	files := fstest.MapFS{}
	var zones []string
	for i := range n {
		zone := fmt.Sprintf(`{"Id":"/hostedzone/Z%03d","Name":"z%03d.example.","CallerReference":"r%d","Config":`+
			`{"PrivateZone":true},"ResourceRecordSetCount":0}`, i, n-i, i)
		zones = append(zones, zone)
		files[fmt.Sprintf("route53/Z%03d/get-hosted-zone.json", i)] = &fstest.MapFile{
			Data: []byte(`{"HostedZone":` + zone + `,"VPCs":[{"VPCRegion":"eu-west-1","VPCId":"vpc-1"}]}`)}
	}
	files["route53/list-hosted-zones.json"] = &fstest.MapFile{
		Data: []byte(`{"HostedZones":[` + strings.Join(zones, ",") + `]}`)}
	return files
}

func TestZoneLists(t *testing.T) {
	files := zoneList(201)
	files["route53/vpc-1/list-hosted-zones-by-vpc.json"] = &fstest.MapFile{Data: []byte(`{"HostedZoneSummaries":[
		{"HostedZoneId":"Z000","Name":"z201.example.","Owner":{"OwningAccount":"123456789012"}},
		{"HostedZoneId":"ZEFS","Name":"fs-1.efs.eu-west-1.amazonaws.com.",` +
		`"Owner":{"OwningService":"efs.amazonaws.com"}}],"MaxItems":"100"}`)}
	s := newSim(t, Options{Data: files})
	c := serve(t, s)
	ctx := t.Context()

	var ids []string
	zones := route53.NewListHostedZonesPaginator(c.route53, &route53.ListHostedZonesInput{})
	for zones.HasMorePages() {
		page, err := zones.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range page.HostedZones {
			ids = append(ids, *z.Id)
		}
	}
	if len(ids) != 201 || ids[0] != "/hostedzone/Z000" || s.Calls()["ListHostedZones"] != 3 {
		t.Errorf("ListHostedZones: %d zones, first %s, in %d calls", len(ids), ids[0], s.Calls()["ListHostedZones"])
	}

	var byName []string
	in := &route53.ListHostedZonesByNameInput{DNSName: aws.String("Z100.example")}
	for {
		page, err := c.route53.ListHostedZonesByName(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range page.HostedZones {
			byName = append(byName, *z.Name)
		}
		if !page.IsTruncated {
			break
		}
		in.DNSName, in.HostedZoneId = page.NextDNSName, page.NextHostedZoneId
	}
	if len(byName) != 102 || byName[0] != "z100.example." || !slices.IsSorted(byName) {
		t.Errorf("ListHostedZonesByName: %d zones from %s, sorted %t; want 102 from z100.example.", len(byName), byName[0],
			slices.IsSorted(byName))
	}

	var byVPC []types.HostedZoneSummary
	vpcIn := &route53.ListHostedZonesByVPCInput{VPCId: aws.String("vpc-1"), VPCRegion: "eu-west-1"}
	for {
		page, err := c.route53.ListHostedZonesByVPC(ctx, vpcIn)
		if err != nil {
			t.Fatal(err)
		}
		byVPC = append(byVPC, page.HostedZoneSummaries...)
		if page.NextToken == nil {
			break
		}
		vpcIn.NextToken = page.NextToken
	}
	last := byVPC[len(byVPC)-1]
	if len(byVPC) != 202 || s.Calls()["ListHostedZonesByVPC"] != 3 ||
		aws.ToString(last.Owner.OwningService) != "efs.amazonaws.com" || *byVPC[0].Owner.OwningAccount != "123456789012" {
		t.Errorf("ListHostedZonesByVPC: %d zones in %d calls, last %v", len(byVPC), s.Calls()["ListHostedZonesByVPC"], last)
	}
	elsewhere, err := c.route53.ListHostedZonesByVPC(ctx,
		&route53.ListHostedZonesByVPCInput{VPCId: aws.String("vpc-1"), VPCRegion: "us-east-1"})
	if err != nil || len(elsewhere.HostedZoneSummaries) != 1 { // the foreign one has no region of its own
		t.Errorf("ListHostedZonesByVPC of another region: %v, %v", elsewhere, err)
	}
	count, err := c.route53.GetHostedZoneCount(ctx, &route53.GetHostedZoneCountInput{})
	if err != nil || *count.HostedZoneCount != 201 {
		t.Errorf("GetHostedZoneCount: %v, %v", count, err)
	}
}

// The demo data comes out of the API as it stands in the files.
func TestDemoZones(t *testing.T) {
	s := newSim(t, Options{Data: examples.Demo()})
	c := serve(t, s)
	ctx := t.Context()
	public, err := c.route53.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: aws.String("Z0484276PQ3RN1T5XWVB")})
	if err != nil {
		t.Fatal(err)
	}
	if len(public.DelegationSet.NameServers) != 4 || len(public.VPCs) != 0 || public.HostedZone.Config.PrivateZone {
		t.Errorf("the public zone: %+v", public)
	}
	private, err := c.route53.GetHostedZone(ctx,
		&route53.GetHostedZoneInput{Id: aws.String("/hostedzone/Z1009382KD7YH2M4ZSLC")})
	if err != nil {
		t.Fatal(err)
	}
	if private.DelegationSet != nil || len(private.VPCs) != 2 || private.VPCs[1].VPCRegion != "us-east-1" ||
		!private.HostedZone.Config.PrivateZone {
		t.Errorf("the private zone: %+v", private)
	}
	sets, _, err := listAll(t, c, "Z0484276PQ3RN1T5XWVB")
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(sets)) != *public.HostedZone.ResourceRecordSetCount {
		t.Errorf("%d record sets, counted %d", len(sets), *public.HostedZone.ResourceRecordSetCount)
	}
	seen := map[types.RRType]bool{}
	policies := map[string]bool{}
	for _, set := range sets {
		seen[set.Type] = true
		policies["alias"] = policies["alias"] || set.AliasTarget != nil && len(set.ResourceRecords) == 0
		policies["weighted"] = policies["weighted"] || set.Weight != nil && *set.Weight == 90 && set.HealthCheckId != nil
		policies["latency"] = policies["latency"] || set.Region == types.ResourceRecordSetRegionUsEast1
		policies["geo"] = policies["geo"] || set.GeoLocation != nil && aws.ToString(set.GeoLocation.ContinentCode) == "EU"
		policies["failover"] = policies["failover"] || set.Failover == types.ResourceRecordSetFailoverSecondary
		policies["multivalue"] = policies["multivalue"] || aws.ToBool(set.MultiValueAnswer)
		policies["cidr"] = policies["cidr"] || set.CidrRoutingConfig != nil &&
			*set.CidrRoutingConfig.LocationName == "office-dublin"
		policies["proximity"] = policies["proximity"] || set.GeoProximityLocation != nil &&
			aws.ToInt32(set.GeoProximityLocation.Bias) == 10
		policies["wildcard"] = policies["wildcard"] || *set.Name == `\052.apps.example.com.`
	}
	for _, typ := range []types.RRType{"A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "SOA", "SRV",
		"SSHFP", "SVCB", "TLSA", "TXT"} {
		if !seen[typ] {
			t.Errorf("no record set of type %s", typ)
		}
	}
	for _, p := range []string{"alias", "weighted", "latency", "geo", "failover", "multivalue", "cidr", "proximity",
		"wildcard"} {
		if !policies[p] {
			t.Errorf("no record set shows %s whole", p)
		}
	}
}

// Every value in the demo is one that Route 53 would have taken.
func TestDemoValuesAreValid(t *testing.T) {
	s := newSim(t, Options{Data: examples.Demo()})
	dirs, err := fs.ReadDir(examples.Demo(), "route53")
	if err != nil {
		t.Fatal(err)
	}
	values := 0
	for _, d := range dirs {
		for _, set := range s.Records(d.Name()) {
			for _, v := range set.ResourceRecords {
				values++
				err := validateValue(set.Type, v.Value)
				if err != nil {
					t.Errorf("%s %s %q: %v", set.Name, set.Type, v.Value, err)
				}
			}
		}
	}
	if values < 80 {
		t.Errorf("saw %d values only", values)
	}
}
