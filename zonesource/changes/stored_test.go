package changes

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"inside53/resolver/zone"
)

// TestStored makes record sets of what was kept of them: plain ones, an alias, members of each
// policy; and names what can't be expressed.
func TestStored(t *testing.T) {
	apex := zone.MustName("example.com.")
	plain, err := zone.NewRecords(zone.TypeA, 60, []byte{192, 0, 2, 1})
	if err != nil {
		t.Fatal(err)
	}
	value := []Value{{Value: aws.String("192.0.2.1")}}
	e := zone.NewTree(apex).Edit()
	put := func(name string, s zone.RRset, err error) {
		if err == nil {
			err = e.Put(zone.MustName(name), s)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("*.example.com.", plain, nil)
	target := zone.Alias{ZoneID: []byte("Z2"), Target: zone.MustName("lb.example."), Health: true}
	put("alias.example.com.", zone.NewAlias(zone.TypeA, target), nil)
	put("bad.example.com.", zone.NewUnservable(zone.TypeA, "no", nil), nil)
	name := func(text string) RecordSet {
		return RecordSet{Name: aws.String(text), Type: types.RRTypeA}
	}
	with := func(r RecordSet, change func(*RecordSet)) RecordSet {
		r.TTL, r.ResourceRecords, r.SetIdentifier = aws.Int64(60), value, aws.String("x")
		change(&r)
		return r
	}
	alias := name("alias.example.com.")
	alias.AliasTarget = &AliasTarget{HostedZoneId: aws.String("Z2"), DNSName: aws.String("lb.example."),
		EvaluateTargetHealth: true}
	want := []RecordSet{
		with(name(`\052.example.com.`), func(r *RecordSet) { r.SetIdentifier = nil }), alias,
	}
	york := zone.Member{Country: []byte("US"), Subdivision: []byte("NY")}
	for text, test := range map[string]struct {
		policy zone.Policy
		member zone.Member
		change func(*RecordSet)
	}{
		"w.example.com.": {zone.Weighted, zone.Member{Weight: 7, Check: []byte("hc")}, func(r *RecordSet) {
			r.Weight, r.HealthCheckId = aws.Int64(7), aws.String("hc")
		}},
		"f.example.com.": {zone.Failover, zone.Member{Secondary: true}, func(r *RecordSet) {
			r.Failover = types.ResourceRecordSetFailoverSecondary
		}},
		"l.example.com.": {zone.Latency, zone.Member{Region: []byte("eu-west-1")}, func(r *RecordSet) {
			r.Region = types.ResourceRecordSetRegionEuWest1
		}},
		"g.example.com.": {zone.Geolocation, york, func(r *RecordSet) {
			r.GeoLocation = &GeoLocation{CountryCode: aws.String("US"), SubdivisionCode: aws.String("NY")}
		}},
		"p.example.com.": {zone.Geoproximity, zone.Member{Bias: -3, Coordinates: []byte("1.5,2.5")}, func(r *RecordSet) {
			r.GeoProximityLocation = &GeoProximity{Bias: aws.Int32(-3),
				Coordinates: &types.Coordinates{Latitude: aws.String("1.5"), Longitude: aws.String("2.5")}}
		}},
		"m.example.com.": {zone.Multivalue, zone.Member{}, func(r *RecordSet) { r.MultiValueAnswer = aws.Bool(true) }},
		"i.example.com.": {zone.IPBased, zone.Member{Collection: []byte("c"), Location: []byte("*")}, func(r *RecordSet) {
			r.CidrRoutingConfig = &CIDR{CollectionId: aws.String("c"), LocationName: aws.String("*")}
		}},
	} {
		test.member.SetID, test.member.Set = []byte("x"), plain
		group, err := zone.NewGroup(zone.TypeA, test.policy, []zone.Member{test.member})
		put(text, group, err)
		want = append(want, with(name(text), test.change))
	}
	got, notes := Stored(zone.New(zone.Info{ID: "Z1"}, e.Commit(), 0))
	byName := func(a, b RecordSet) int { return Compare(&a, &b) }
	slices.SortFunc(got, byName)
	slices.SortFunc(want, byName)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(RecordSet{}, Value{}, AliasTarget{}, GeoLocation{},
		GeoProximity{}, CIDR{}, types.Coordinates{})); diff != "" {
		t.Error(diff)
	}
	if len(notes) != 1 || *notes[0].Set.Name != "bad.example.com." {
		t.Errorf("%+v", notes)
	}
}
