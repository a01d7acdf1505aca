package awssim

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// plain is a simple record set.
func plain(name string, typ types.RRType, ttl int64, values ...string) types.ResourceRecordSet {
	set := types.ResourceRecordSet{Name: &name, Type: typ, TTL: &ttl}
	for _, v := range values {
		set.ResourceRecords = append(set.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
	}
	return set
}

// with changes a copy of set.
func with(set types.ResourceRecordSet, change func(*types.ResourceRecordSet)) types.ResourceRecordSet {
	change(&set)
	return set
}

func do(action types.ChangeAction, set types.ResourceRecordSet) types.Change {
	return types.Change{Action: action, ResourceRecordSet: &set}
}

func apply(t *testing.T, c aClient, changes ...types.Change) (*types.ChangeInfo, error) {
	t.Helper()
	out, err := c.route53.ChangeResourceRecordSets(t.Context(), &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: aws.String("Z1"), ChangeBatch: &types.ChangeBatch{Changes: changes},
	})
	if err != nil {
		return nil, err
	}
	return out.ChangeInfo, nil
}

func changeFiles() fstest.MapFS {
	files := zoneFiles(simple("a.example.com."), weighted("w.example.com.", "one"), weighted("w.example.com.", "two"),
		`{"Name":"c.example.com.","Type":"CNAME","TTL":60,"ResourceRecords":[{"Value":"a.example.com"}]}`,
		`{"Name":"f.example.com.","Type":"A","SetIdentifier":"p","Failover":"PRIMARY","TTL":60,"ResourceRecords":[{"Value":`+
			`"192.0.2.1"}]}`)
	files["route53/list-health-checks.json"] = &fstest.MapFile{
		Data: []byte(
			`{"HealthChecks":[{"Id":"h1","CallerReference":"r","HealthCheckConfig":{"Type":"TCP"},"HealthCheckVersion":1}]}`)}
	return files
}

func TestChangeRefuses(t *testing.T) {
	a := plain("a.example.com", "A", 60, "192.0.2.1")
	member := func(id string, change func(*types.ResourceRecordSet)) types.ResourceRecordSet {
		return with(plain("w.example.com", "A", 60, "192.0.2.9"), func(s *types.ResourceRecordSet) {
			s.SetIdentifier = &id
			change(s)
		})
	}
	aliasTo := func(name, zone, target string) types.ResourceRecordSet {
		return types.ResourceRecordSet{Name: &name, Type: "A",
			AliasTarget: &types.AliasTarget{DNSName: &target, HostedZoneId: &zone}}
	}
	const batch, input = "InvalidChangeBatch", "InvalidInput"
	for _, c := range []struct {
		name, code, message string
		changes             []types.Change
	}{
		{"create existing", batch,
			"Tried to create resource record set [name='a.example.com.', type='A'] but it already exists",
			[]types.Change{do("CREATE", a)}},
		{"delete missing", batch,
			"Tried to delete resource record set [name='b.example.com.', type='A'] but it was not found",
			[]types.Change{do("DELETE", plain("b.example.com", "A", 60, "192.0.2.1"))}},
		{"delete twice", batch, "but it was not found", []types.Change{do("DELETE", a), do("DELETE", a)}},
		{"delete other TTL", batch, "but the values provided do not match the current values",
			[]types.Change{do("DELETE", plain("a.example.com", "A", 61, "192.0.2.1"))}},
		{"delete other value", batch, "do not match",
			[]types.Change{do("DELETE", plain("a.example.com", "A", 60, "192.0.2.2"))}},
		{"delete other weight", batch, "do not match",
			[]types.Change{do("DELETE", with(plain("w.example.com", "A", 60, "192.0.2.1"), func(s *types.ResourceRecordSet) {
				s.SetIdentifier, s.Weight = aws.String("one"), aws.Int64(2)
			}))}},
		{"outside", batch, "RRSet with DNS name a.example.org. is not permitted in zone example.com.",
			[]types.Change{do("CREATE", plain("a.example.org", "A", 60, "192.0.2.1"))}},
		{"like the apex", batch, "is not permitted in zone",
			[]types.Change{do("CREATE", plain("badexample.com", "A", 60, "192.0.2.1"))}},
		{"cname at apex", batch,
			"RRSet of type CNAME with DNS name example.com. is not permitted at apex in zone example.com.",
			[]types.Change{do("CREATE", plain("example.com", "CNAME", 60, "a.example.com"))}},
		{"cname beside", batch, "RRSet of type CNAME with DNS name a.example.com. is not permitted as it conflicts with " +
			"other records with the same DNS name in zone example.com.",
			[]types.Change{do("CREATE", plain("a.example.com", "CNAME", 60, "b.example.com"))}},
		{"beside cname", batch, "RRSet of type TXT with DNS name c.example.com. is not permitted because a conflicting " +
			"RRSet of type CNAME with the same DNS name already exists in zone example.com.",
			[]types.Change{do("UPSERT", plain("c.example.com", "TXT", 60, `"x"`))}},
		{"two cnames", batch, "must have exactly one",
			[]types.Change{do("CREATE", plain("d.example.com", "CNAME", 60, "a.example.com", "b.example.com"))}},
		{"soa elsewhere", batch, "type SOA",
			[]types.Change{do("CREATE", plain("s.example.com", "SOA", 60, "a. b. 1 2 3 4 5"))}},
		{"soa deleted", batch, "A HostedZone must contain exactly one SOA record.",
			[]types.Change{do("DELETE", plain("example.com", "SOA", 900,
				"ns-1.awsdns-00.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"))}},
		{"ns deleted", batch, "at least one NS record",
			[]types.Change{do("DELETE", plain("example.com", "NS", 172800, "ns-1.awsdns-00.com."))}},
		{"wildcard ns", batch, "wildcards", []types.Change{do("CREATE", plain("*.example.com", "NS", 60, "ns.example.org"))}},
		{"ds at apex", batch, "DS", []types.Change{
			do("CREATE", plain("example.com", "DS", 60,
				"12345 13 2 4F5E6D7C8B9A0F1E2D3C4B5A69788796A5B4C3D2E1F00F1E2D3C4B5A69788796"))}},
		{"ns by weight", batch, "cannot be an alias or have a routing policy",
			[]types.Change{do("CREATE", with(plain("n.example.com", "NS", 60, "ns.example.org"),
				func(s *types.ResourceRecordSet) {
					s.SetIdentifier, s.Weight = aws.String("x"), aws.Int64(1)
				}))}},
		{"alias into another zone", batch, "Tried to create an alias",
			[]types.Change{do("CREATE", aliasTo("l.example.com", "Z1", "example.net"))}},
		{"TTL", input, "Invalid TTL", []types.Change{do("CREATE", plain("d.example.com", "A", -1, "192.0.2.1"))}},
		{"failover", input, "facet-valid",
			[]types.Change{do("CREATE", member("x", func(s *types.ResourceRecordSet) { s.Failover = "THIRD" }))}},
		{"long identifier", input, "longer than 128",
			[]types.Change{do("CREATE", member(strings.Repeat("x", 129),
				func(s *types.ResourceRecordSet) { s.Weight = aws.Int64(1) }))}},
		{"duplicate value", batch, "Duplicate Resource Record: '192.0.2.1'",
			[]types.Change{do("CREATE", plain("d.example.com", "A", 60, "192.0.2.1", "192.0.2.1"))}},
		{"bad value", batch, "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with '192.0.2'",
			[]types.Change{do("CREATE", plain("d.example.com", "A", 60, "192.0.2"))}},
		{"bad name", batch, "DomainLabelEmpty", []types.Change{do("CREATE", plain("d..example.com", "A", 60, "192.0.2.1"))}},
		{"two faults", batch, "already exists, Tried to delete",
			[]types.Change{do("CREATE", a), do("DELETE", plain("b.example.com", "A", 60, "192.0.2.1"))}},
		{"simple into weighted", batch, "because a non simple rrset exists",
			[]types.Change{do("CREATE", plain("w.example.com", "A", 60, "192.0.2.1"))}},
		{"latency into weighted", batch, "because a non latency rrset exists",
			[]types.Change{do("CREATE", member("x", func(s *types.ResourceRecordSet) { s.Region = "eu-west-1" }))}},
		{"weighted into simple", batch, "because a non weighted rrset exists",
			[]types.Change{do("CREATE", with(a,
				func(s *types.ResourceRecordSet) { s.SetIdentifier, s.Weight = aws.String("x"), aws.Int64(1) }))}},
		{"second primary", batch, "same failover exists as SetIdentifier p",
			[]types.Change{do("CREATE", with(plain("f.example.com", "A", 60, "192.0.2.2"), func(s *types.ResourceRecordSet) {
				s.SetIdentifier, s.Failover = aws.String("q"), "PRIMARY"
			}))}},
		{"same region", batch, "same latency", []types.Change{
			do("CREATE", with(plain("l.example.com", "A", 60, "192.0.2.2"),
				func(s *types.ResourceRecordSet) { s.SetIdentifier, s.Region = aws.String("1"), "eu-west-1" })),
			do("CREATE", with(plain("l.example.com", "A", 60, "192.0.2.3"),
				func(s *types.ResourceRecordSet) { s.SetIdentifier, s.Region = aws.String("2"), "eu-west-1" })),
		}},
		{"multivalue cname", batch, "cannot be a multivalue",
			[]types.Change{do("CREATE", with(plain("m.example.com", "CNAME", 60, "a.example.com"),
				func(s *types.ResourceRecordSet) {
					s.SetIdentifier, s.MultiValueAnswer = aws.String("q"), aws.Bool(true)
				}))}},
		{"alias to nothing", batch,
			"Tried to create an alias that targets zz.example.com., type A in zone Z1, but that target was not found",
			[]types.Change{do("CREATE", aliasTo("l.example.com", "Z1", "zz.example.com"))}},
		{"alias to itself", batch, "but that target was not found",
			[]types.Change{do("CREATE", aliasTo("l.example.com", "Z1", "l.example.com"))}},
		{"alias outside", batch, "does not lie within the target zone",
			[]types.Change{do("CREATE", aliasTo("l.example.com", "Z1", "zz.example.org"))}},
		{"health check", "NoSuchHealthCheck", "nope",
			[]types.Change{do("CREATE", with(plain("d.example.com", "A", 60, "192.0.2.1"),
				func(s *types.ResourceRecordSet) { s.HealthCheckId = aws.String("nope") }))}},
		{"no data", input, "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or " +
			"TrafficPolicyInstanceId], but found none in Change with [Action=CREATE, Name=d.example.com, Type=A, " +
			"SetIdentifier=null]", []types.Change{
			do("CREATE", types.ResourceRecordSet{Name: aws.String("d.example.com"), Type: "A"})}},
		{"alias and values", input, "more than one",
			[]types.Change{do("CREATE", with(a,
				func(s *types.ResourceRecordSet) { s.AliasTarget = aliasTo("", "Z1", "x").AliasTarget }))}},
		{"no TTL", input, "Missing field 'TTL'",
			[]types.Change{do("CREATE", with(a, func(s *types.ResourceRecordSet) { s.TTL = nil }))}},
		{"no values", input, "Missing field 'ResourceRecords'",
			[]types.Change{do("CREATE", plain("d.example.com", "A", 60))}},
		{"no identifier", input, "Missing field 'SetIdentifier'",
			[]types.Change{do("CREATE", with(a, func(s *types.ResourceRecordSet) { s.Weight = aws.Int64(1) }))}},
		{"no policy", input, "but found none",
			[]types.Change{do("CREATE", with(a, func(s *types.ResourceRecordSet) { s.SetIdentifier = aws.String("x") }))}},
		{"two policies", input, "more than one",
			[]types.Change{do("CREATE", member("x",
				func(s *types.ResourceRecordSet) { s.Weight, s.Region = aws.Int64(1), "eu-west-1" }))}},
		{"weight", input, "0 to 255", []types.Change{
			do("CREATE", member("x", func(s *types.ResourceRecordSet) { s.Weight = aws.Int64(256) }))}},
		{"type", input, "facet-valid", []types.Change{do("CREATE", plain("d.example.com", "LOC", 60, "x"))}},
		{"action", input, "facet-valid", []types.Change{do("INSERT", a)}},
		{"no place", input, "names no place",
			[]types.Change{do("CREATE", member("x",
				func(s *types.ResourceRecordSet) { s.GeoLocation = &types.GeoLocation{} }))}},
		{"multivalue alias", input, "multivalue",
			[]types.Change{do("CREATE", with(aliasTo("l.example.com", "Z1", "a.example.com"), func(s *types.ResourceRecordSet) {
				s.SetIdentifier, s.MultiValueAnswer = aws.String("x"), aws.Bool(true)
			}))}},
	} {
		s := newSim(t, Options{Data: changeFiles()})
		before := fmt.Sprint(s.Records("Z1"))
		// A good change before the bad ones: nothing of the batch may stay.
		good := do("CREATE", plain("good.example.com", "A", 60, "192.0.2.1"))
		_, err := apply(t, serve(t, s), append([]types.Change{good}, c.changes...)...)
		wantCode(t, c.name, err, c.code)
		if err != nil && !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.message)
		}
		if after := fmt.Sprint(s.Records("Z1")); after != before {
			t.Errorf("%s: a refused batch has changed the zone: %s", c.name, after)
		}
	}
}

// Two members of one group cannot answer for the very same clients, by whatever policy; others can.
func TestGroupPlaces(t *testing.T) {
	type edit = func(*types.ResourceRecordSet)
	geo := func(country, subdivision string) edit {
		return func(s *types.ResourceRecordSet) {
			s.GeoLocation = &types.GeoLocation{CountryCode: &country}
			if subdivision != "" {
				s.GeoLocation.SubdivisionCode = &subdivision
			}
		}
	}
	cidr := func(collection, location string) edit {
		return func(s *types.ResourceRecordSet) {
			s.CidrRoutingConfig = &types.CidrRoutingConfig{CollectionId: &collection, LocationName: &location}
		}
	}
	proximity := func(region string, bias int32) edit {
		return func(s *types.ResourceRecordSet) {
			s.GeoProximityLocation = &types.GeoProximityLocation{AWSRegion: &region, Bias: &bias}
		}
	}
	point := func(latitude, longitude string) edit {
		return func(s *types.ResourceRecordSet) {
			s.GeoProximityLocation = &types.GeoProximityLocation{
				Coordinates: &types.Coordinates{Latitude: &latitude, Longitude: &longitude}}
		}
	}
	multi := func(s *types.ResourceRecordSet) { s.MultiValueAnswer = aws.Bool(true) }
	for _, c := range []struct {
		name          string
		first, second edit
		want          string // part of the message; "" when both may stand
	}{
		{"geolocation", geo("US", ""), geo("US", ""), "same geolocation"},
		{"geolocation within", geo("US", ""), geo("US", "CA"), ""},
		{"cidr", cidr("c1", "office"), cidr("c1", "office"), "same cidr"},
		{"cidr locations", cidr("c1", "office"), cidr("c1", "*"), ""},
		{"cidr collections", cidr("c1", "office"), cidr("c2", "*"), "uses another CIDR collection"},
		{"geoproximity", proximity("eu-west-1", 1), proximity("eu-west-1", 2), "same geoproximity"},
		{"geoproximity regions", proximity("eu-west-1", 1), proximity("us-east-1", 1), ""},
		{"geoproximity points", point("1", "2"), point("1", "3"), ""},
		{"multivalue", multi, multi, ""},
		{"mixed", multi, geo("US", ""), "a non geolocation rrset"},
	} {
		member := func(id string, change edit) types.Change {
			return do("CREATE", with(plain("g.example.com", "A", 60, "192.0.2.1"), func(s *types.ResourceRecordSet) {
				s.SetIdentifier = &id
				change(s)
			}))
		}
		s := newSim(t, Options{Data: changeFiles()})
		client := serve(t, s)
		_, err := apply(t, client, member("one", c.first), member("two", c.second))
		if c.want == "" {
			wantCode(t, c.name, err, "")
			deletions := []types.Change{member("one", c.first), member("two", c.second)}
			deletions[0].Action, deletions[1].Action = "DELETE", "DELETE"
			_, err = apply(t, client, deletions...)
			wantCode(t, "deleting "+c.name, err, "")
			continue
		}
		wantCode(t, c.name, err, "InvalidChangeBatch")
		if err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestPrivateZonesRefuseCIDRRouting(t *testing.T) {
	s := newSim(t, Options{Data: zoneList(1)})
	ttl := int64(60)
	records := []RecordSet{
		{Name: "z001.example", Type: "NS", TTL: &ttl, ResourceRecords: []ResourceRecord{{"ns-0.awsdns-00.com."}}},
		{Name: "z001.example", Type: "SOA", TTL: &ttl, ResourceRecords: []ResourceRecord{{"a. b. 1 2 3 4 5"}}},
	}
	err := s.SetRecords("Z000", records)
	if err != nil {
		t.Fatal(err)
	}
	set := RecordSet{Name: "a.z001.example", Type: "A", TTL: &ttl, SetIdentifier: "x",
		ResourceRecords: []ResourceRecord{{"10.0.0.1"}}, CIDRRoutingConfig: &CIDRRoutingConfig{"c", "*"}}
	_, err = s.Change("Z000", Change{"CREATE", set})
	if err == nil || !strings.Contains(err.Error(), "not supported in private hosted zones") {
		t.Errorf("got %v", err)
	}
}

func TestChangeApplies(t *testing.T) {
	s := newSim(t, Options{Data: changeFiles()})
	c := serve(t, s)
	for _, step := range []struct {
		name    string
		changes []types.Change
		want    string // the record set that must stand afterwards; "-" before one that must not
	}{
		{"names become lower case and octal", []types.Change{do("CREATE", plain("*.Apps.example.com", "A", 60, "192.0.2.1"))},
			`\052.apps.example.com. A `},
		{"upsert creates", []types.Change{do("UPSERT", plain("u.example.com", "AAAA", 60, "2001:db8::1"))},
			"u.example.com. AAAA "},
		{"upsert replaces", []types.Change{do("UPSERT", plain("u.example.com", "AAAA", 60, "2001:db8::2"))},
			"u.example.com. AAAA "},
		{"delete sees any order", []types.Change{
			do("CREATE", plain("o.example.com", "A", 60, "192.0.2.1", "192.0.2.2")),
			do("DELETE", plain("O.example.com.", "A", 60, "192.0.2.2", "192.0.2.1")),
		}, "-o.example.com. A "},
		{"delete makes room", []types.Change{
			do("DELETE", plain("c.example.com", "CNAME", 60, "a.example.com")),
			do("CREATE", plain("c.example.com", "A", 60, "192.0.2.1")),
		}, "c.example.com. A "},
		{"alias to a record of the same batch", []types.Change{
			do("CREATE", types.ResourceRecordSet{Name: aws.String("l.example.com"), Type: "A",
				AliasTarget: &types.AliasTarget{DNSName: aws.String("t.example.com"), HostedZoneId: aws.String("Z1")}}),
			do("CREATE", plain("t.example.com", "A", 60, "192.0.2.1")),
		}, "l.example.com. A "},
		{"alias to AWS", []types.Change{
			do("CREATE", types.ResourceRecordSet{Name: aws.String("example.com"), Type: "A", AliasTarget: &types.AliasTarget{
				DNSName: aws.String("x.eu-west-1.elb.amazonaws.com"), HostedZoneId: aws.String("Z32O12XQLTSW2"),
				EvaluateTargetHealth: true}})}, "example.com. A "},
		{"health check", []types.Change{
			do("CREATE", with(plain("h.example.com", "A", 60, "192.0.2.1"),
				func(s *types.ResourceRecordSet) { s.HealthCheckId = aws.String("h1") }))}, "h.example.com. A "},
	} {
		info, err := apply(t, c, step.changes...)
		if err != nil {
			t.Errorf("%s: %v", step.name, err)
			continue
		}
		if info.Status != types.ChangeStatusPending || !strings.HasPrefix(*info.Id, "/change/C") {
			t.Errorf("%s: change %s is %s", step.name, *info.Id, info.Status)
		}
		sets, _, err := listAll(t, c, "Z1")
		if err != nil {
			t.Fatal(err)
		}
		want, absent := strings.CutPrefix(step.want, "-")
		if strings.Contains(strings.Join(names(sets), "|")+"|", want+"|") == absent {
			t.Errorf("%s: %q in %q", step.name, step.want, names(sets))
		}
	}
}

// All members of a weighted group get the TTL given last.
func TestWeightedGroupSharesTTL(t *testing.T) {
	s := newSim(t, Options{Data: changeFiles()})
	set := with(plain("w.example.com", "A", 7, "192.0.2.3"),
		func(s *types.ResourceRecordSet) { s.SetIdentifier, s.Weight = aws.String("three"), aws.Int64(1) })
	_, err := apply(t, serve(t, s), do("UPSERT", set))
	if err != nil {
		t.Fatal(err)
	}
	members := 0
	for _, r := range s.Records("Z1") {
		if r.Name == "w.example.com." {
			members++
			if *r.TTL != 7 {
				t.Errorf("%s has TTL %d, want 7", r.SetIdentifier, *r.TTL)
			}
		}
	}
	if members != 3 {
		t.Errorf("%d members, want 3", members)
	}
}

// An UPSERT counts twice against both limits.
func TestBatchLimits(t *testing.T) {
	records := func(action types.ChangeAction, n int) (changes []types.Change) {
		for i := range n {
			changes = append(changes, do(action, plain(fmt.Sprintf("n%d.example.com", i), "A", 60, "192.0.2.1")))
		}
		return changes
	}
	text := func(action types.ChangeAction, n, length int) (changes []types.Change) {
		value := strings.Repeat(`"`+strings.Repeat("x", 248)+`"`, length/250)
		for i := range n {
			changes = append(changes, do(action, plain(fmt.Sprintf("t%d.example.com", i), "TXT", 60, value)))
		}
		return changes
	}
	for _, c := range []struct {
		name, want string
		changes    []types.Change
	}{
		{"1000 creates", "", records("CREATE", 1000)},
		{"1001 creates", "Number of records limit of 1000 exceeded.", records("CREATE", 1001)},
		{"500 upserts", "", records("UPSERT", 500)},
		{"501 upserts", "Number of records limit of 1000 exceeded.", records("UPSERT", 501)},
		{"32000 characters", "", text("CREATE", 32, 1000)},
		{"33000 characters", "Number of characters limit of 32000 exceeded.", text("CREATE", 33, 1000)},
		{"17000 characters of upserts", "Number of characters limit of 32000 exceeded.", text("UPSERT", 17, 1000)},
	} {
		_, err := apply(t, serve(t, newSim(t, Options{Data: zoneFiles()})), c.changes...)
		if c.want == "" && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.want != "" {
			wantCode(t, c.name, err, "InvalidChangeBatch")
			if err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v", c.name, err)
			}
		}
	}
}

func TestChangeStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, Options{Data: zoneFiles(), SyncDelay: 30 * time.Second, ChangeWork: 5 * time.Second})
		c := direct(s)
		info, err := apply(t, c, do("CREATE", plain("a.example.com", "A", 60, "192.0.2.1")))
		if err != nil {
			t.Fatal(err)
		}
		status := func() types.ChangeStatus {
			out, err := c.route53.GetChange(t.Context(), &route53.GetChangeInput{Id: info.Id})
			if err != nil {
				t.Fatal(err)
			}
			return out.ChangeInfo.Status
		}
		next := do("CREATE", plain("b.example.com", "A", 60, "192.0.2.1"))
		_, err = apply(t, c, next)
		wantCode(t, "a batch at once", err, "PriorRequestNotComplete")
		time.Sleep(5 * time.Second)
		_, err = apply(t, c, next)
		wantCode(t, "a batch later", err, "")
		if got := status(); got != types.ChangeStatusPending {
			t.Errorf("after 5s: %s", got)
		}
		time.Sleep(25 * time.Second)
		if got := status(); got != types.ChangeStatusInsync {
			t.Errorf("after 30s: %s", got)
		}
		_, err = c.route53.GetChange(t.Context(), &route53.GetChangeInput{Id: aws.String("C0")})
		wantCode(t, "unknown change", err, "NoSuchChange")
	})
}

// The Go method says the same as the API, whatever the limits.
func TestSimChange(t *testing.T) {
	s := newSim(t, Options{Data: zoneFiles(), Changes: Limit{PerSecond: 1e-9, Burst: 1}})
	ttl := int64(60)
	change := Change{Action: "CREATE",
		RecordSet: RecordSet{Name: "A.example.com", Type: "A", TTL: &ttl, ResourceRecords: []ResourceRecord{{"192.0.2.1"}}}}
	id, err := s.Change("Z1", change)
	if err != nil || !strings.HasPrefix(id, "C") {
		t.Fatalf("%q, %v", id, err)
	}
	_, err = s.Change("Z1", change)
	var e *apiError
	if !errors.As(err, &e) || e.code != "InvalidChangeBatch" {
		t.Errorf("the same again: %v", err)
	}
	_, err = s.Change("Z9", change)
	if !errors.As(err, &e) || e.code != "NoSuchHostedZone" {
		t.Errorf("unknown zone: %v", err)
	}
	err = s.SetRecords("Z1", []RecordSet{
		{Name: "x.example.com", Type: "A", ResourceRecords: []ResourceRecord{{"not an address"}}}})
	if err != nil || len(s.Records("Z1")) != 1 {
		t.Errorf("SetRecords: %v, now %v", err, s.Records("Z1"))
	}
	err = s.SetRecords("Z1", []RecordSet{{Name: "x.example.org", Type: "A"}})
	if err == nil {
		t.Error("SetRecords outside of the zone: no error")
	}
}
