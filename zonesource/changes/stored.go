package changes

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/resolver/zone"
	"inside53/zonesource/rdata"
)

// Stored returns the record sets of a hosted zone as Route 53 has them, from what was kept of
// it. Those that can't be expressed are left out, and noted.
func Stored(z *zone.Zone) ([]RecordSet, []Note) {
	var sets []RecordSet
	var notes []Note
	for name, node := range z.Tree.All {
		for s := range node.RRsets {
			more, reason := storedSets(z, name, s)
			sets = append(sets, more...)
			if reason != "" {
				r := RecordSet{Name: aws.String(rdata.FormatName(name)), Type: types.RRType(rdata.TypeText(s.Type))}
				notes = append(notes, Note{Set: r, Reason: reason})
			}
		}
	}
	return sets, notes
}

func storedSets(z *zone.Zone, name []byte, s zone.RRset) ([]RecordSet, string) {
	base := RecordSet{Name: aws.String(rdata.FormatName(name)), Type: types.RRType(rdata.TypeText(s.Type))}
	if s.Kind != zone.Group {
		r, reason := storedSet(base, z, s)
		if reason != "" {
			return nil, reason
		}
		return []RecordSet{r}, ""
	}
	var sets []RecordSet
	var m zone.Member
	for walk := s.Members(); walk.Next(&m); {
		r, reason := storedSet(base, z, m.Set)
		if reason != "" {
			return nil, reason
		}
		applyMember(&r, s.Policy(), &m)
		sets = append(sets, r)
	}
	return sets, ""
}

// storedSet is an RRset, or that of one member.
func storedSet(r RecordSet, z *zone.Zone, s zone.RRset) (RecordSet, string) {
	switch s.Kind {
	case zone.Records:
		r.TTL = aws.Int64(int64(s.TTL()))
		for d := range s.Rdata() {
			text, err := rdata.FormatValue(s.Type, d)
			if err != nil {
				return r, err.Error()
			}
			r.ResourceRecords = append(r.ResourceRecords, Value{Value: aws.String(text)})
		}
	case zone.Aliased:
		a := s.Alias()
		id := string(a.ZoneID)
		if a.SameZone && id == "" {
			id = z.ID
		}
		r.AliasTarget = &AliasTarget{HostedZoneId: aws.String(id), DNSName: aws.String(rdata.FormatName(a.Target)),
			EvaluateTargetHealth: a.Health}
	default:
		return r, "it could not be expressed when it was read"
	}
	return r, ""
}

// applyMember adds what a policy asks for.
func applyMember(r *RecordSet, p zone.Policy, m *zone.Member) {
	text := func(b []byte) *string {
		if len(b) == 0 {
			return nil
		}
		return aws.String(string(b))
	}
	r.SetIdentifier, r.HealthCheckId = text(m.SetID), text(m.Check)
	switch p {
	case zone.Weighted:
		r.Weight = aws.Int64(int64(m.Weight))
	case zone.Failover:
		r.Failover = types.ResourceRecordSetFailoverPrimary
		if m.Secondary {
			r.Failover = types.ResourceRecordSetFailoverSecondary
		}
	case zone.Latency:
		r.Region = types.ResourceRecordSetRegion(m.Region)
	case zone.Geolocation:
		r.GeoLocation = &GeoLocation{ContinentCode: text(m.Continent), CountryCode: text(m.Country),
			SubdivisionCode: text(m.Subdivision)}
	case zone.Geoproximity:
		r.GeoProximityLocation = &GeoProximity{AWSRegion: text(m.Region), LocalZoneGroup: text(m.LocalZone)}
		if m.Bias != 0 {
			r.GeoProximityLocation.Bias = aws.Int32(int32(m.Bias))
		}
		latitude, longitude, given := strings.Cut(string(m.Coordinates), ",")
		if given {
			r.GeoProximityLocation.Coordinates = &types.Coordinates{Latitude: &latitude, Longitude: &longitude}
		}
	case zone.Multivalue:
		r.MultiValueAnswer = aws.Bool(true)
	case zone.IPBased:
		r.CidrRoutingConfig = &CIDR{CollectionId: text(m.Collection), LocationName: text(m.Location)}
	}
}
