package route53

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/resolver/zone"
)

// policyOf returns the routing policy of the record sets of one name and type, which
// have to be of the same one.
func policyOf(entries []entry) (zone.Policy, error) {
	policy, err := policyOfSet(entries[0].set)
	if err != nil {
		return 0, err
	}
	for _, e := range entries[1:] {
		other, err := policyOfSet(e.set)
		if err != nil {
			return 0, err
		}
		if other != policy {
			return 0, fmt.Errorf("record sets of the policies %s and %s", policy, other)
		}
	}
	if policy == zone.Simple && len(entries) > 1 {
		return 0, fmt.Errorf("%d record sets without a routing policy", len(entries))
	}
	return policy, nil
}

func policyOfSet(r *recordSet) (zone.Policy, error) {
	policy, n := zone.Simple, 0
	set := func(p zone.Policy, has bool) {
		if has {
			policy = p
			n++
		}
	}
	set(zone.Weighted, r.Weight != nil)
	set(zone.Failover, r.Failover != "")
	set(zone.Latency, r.Region != "")
	set(zone.Geolocation, r.GeoLocation != nil)
	set(zone.Geoproximity, r.GeoProximityLocation != nil)
	set(zone.Multivalue, aws.ToBool(r.MultiValueAnswer))
	set(zone.IPBased, r.CidrRoutingConfig != nil)
	if n > 1 {
		return 0, fmt.Errorf("record set %q is of %d routing policies at once", aws.ToString(r.SetIdentifier), n)
	}
	return policy, nil
}

// group packs record sets with a routing policy, or with a health check. A member that
// can't be expressed is there as Unservable; the others serve.
func (b *builder) group(policy zone.Policy, entries []entry) (zone.RRset, error) {
	members := make([]zone.Member, 0, len(entries))
	for _, e := range entries {
		m, err := memberOf(e.set)
		if err == nil {
			m.Set, err = b.plain(e)
		}
		if err != nil {
			reason := fmt.Sprintf("record set %q: %v", aws.ToString(e.set.SetIdentifier), err)
			b.problem(zone.String(e.name), string(e.set.Type), reason)
			m.Set = zone.NewUnservable(e.rrtype, reason, rawOf(e.set))
		}
		members = append(members, m)
	}
	return zone.NewGroup(entries[0].rrtype, policy, members)
}

// memberOf reads the fields of the routing policies. With an error, the fields that
// could be read are set.
func memberOf(r *recordSet) (zone.Member, error) {
	m := zone.Member{
		SetID:  []byte(aws.ToString(r.SetIdentifier)),
		Check:  []byte(aws.ToString(r.HealthCheckId)),
		Region: []byte(r.Region),
	}
	var errs []error
	if r.Weight != nil {
		if *r.Weight < 0 || *r.Weight > 255 {
			errs = append(errs, fmt.Errorf("weight %d is not between 0 and 255", *r.Weight))
		} else {
			m.Weight = uint8(*r.Weight)
		}
	}
	switch r.Failover {
	case "", types.ResourceRecordSetFailoverPrimary:
	case types.ResourceRecordSetFailoverSecondary:
		m.Secondary = true
	default:
		errs = append(errs, fmt.Errorf("failover %q is neither PRIMARY nor SECONDARY", r.Failover))
	}
	if r.GeoLocation != nil {
		m.Continent = []byte(aws.ToString(r.GeoLocation.ContinentCode))
		m.Country = []byte(aws.ToString(r.GeoLocation.CountryCode))
		m.Subdivision = []byte(aws.ToString(r.GeoLocation.SubdivisionCode))
	}
	if r.GeoProximityLocation != nil {
		errs = append(errs, setProximity(&m, r.GeoProximityLocation))
	}
	if r.CidrRoutingConfig != nil {
		m.Collection = []byte(aws.ToString(r.CidrRoutingConfig.CollectionId))
		m.Location = []byte(aws.ToString(r.CidrRoutingConfig.LocationName))
	}
	return m, errors.Join(errs...)
}

func setProximity(m *zone.Member, g *types.GeoProximityLocation) error {
	m.Region = []byte(aws.ToString(g.AWSRegion))
	m.LocalZone = []byte(aws.ToString(g.LocalZoneGroup))
	if g.Coordinates != nil {
		m.Coordinates = []byte(aws.ToString(g.Coordinates.Latitude) + "," + aws.ToString(g.Coordinates.Longitude))
	}
	bias := aws.ToInt32(g.Bias)
	if bias < -99 || bias > 99 {
		return fmt.Errorf("bias %d is not between -99 and 99", bias)
	}
	m.Bias = int8(bias)
	return nil
}
