package export

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"inside53/zonesource/changes"
)

// standIn is what a name server serves in place of an alias or a group.
type standIn struct {
	values  []string // in the form of the API
	ttl     int64    // seconds
	target  string   // elsewhere, in the form of the API; "" is none
	chosen  string   // which members, for people; "" without a choice
	missing string   // why there is nothing
}

const (
	maxAliases = 8 // that lead on
	maxAnswers = 8 // of multivalue records, as Route 53 answers
)

// standIn finds what stands in for a group, by the rule of the package documentation.
func (m *master) standIn(g *group) standIn {
	return m.follow(g, 0)
}

func (m *master) follow(g *group, depth int) standIn {
	if depth > maxAliases {
		return standIn{missing: "its aliases lead on and on"}
	}
	members, why := m.choose(g)
	first := members[0]
	if first.AliasTarget != nil {
		s := m.alias(first, depth)
		if why != "" {
			s.chosen = why
		}
		return s
	}
	s := standIn{ttl: aws.ToInt64(first.TTL), chosen: why}
	for _, set := range members {
		s.ttl = min(s.ttl, aws.ToInt64(set.TTL))
		for _, v := range set.ResourceRecords {
			text := aws.ToString(v.Value)
			if !slices.Contains(s.values, text) {
				s.values = append(s.values, text)
			}
		}
	}
	return s
}

// alias follows an alias.
func (m *master) alias(set *changes.RecordSet, depth int) standIn {
	t := set.AliasTarget
	name := changes.CanonicalName(aws.ToString(t.DNSName))
	if aws.ToString(t.HostedZoneId) != m.zone.ID {
		return standIn{target: name}
	}
	g := m.at[[2]string{name, string(set.Type)}]
	if g == nil {
		return standIn{missing: fmt.Sprintf("its target %s has no such records", changes.MasterName(name))}
	}
	return m.follow(g, depth+1)
}

// choose returns the members of a group that stand for it, at least one, and says which.
func (m *master) choose(g *group) ([]*changes.RecordSet, string) {
	sets := make([]*changes.RecordSet, len(g.sets))
	for i := range g.sets {
		sets[i] = &g.sets[i]
	}
	slices.SortStableFunc(sets, changes.Compare)
	best := sets[0]
	switch changes.Policy(best) {
	case "simple":
		return sets[:1], ""
	case "multivalue":
		n := min(len(sets), maxAnswers)
		return sets[:n], fmt.Sprintf("a choice of the first %d by set identifier", n)
	case "weighted":
		for _, s := range sets {
			if aws.ToInt64(s.Weight) > aws.ToInt64(best.Weight) {
				best = s
			}
		}
	default:
		i := slices.IndexFunc(sets, m.isDefault)
		if i >= 0 {
			best = sets[i]
		}
	}
	return []*changes.RecordSet{best}, aws.ToString(best.SetIdentifier)
}

// isDefault reports whether a member is the one for those that nothing is known of.
func (m *master) isDefault(r *changes.RecordSet) bool {
	switch changes.Policy(r) {
	case "failover":
		return r.Failover == "PRIMARY"
	case "latency":
		return string(r.Region) == m.options.Region
	case "geolocation":
		return aws.ToString(r.GeoLocation.CountryCode) == "*"
	case "geoproximity":
		return aws.ToString(r.GeoProximityLocation.AWSRegion) == m.options.Region && m.options.Region != ""
	case "cidr":
		return aws.ToString(r.CidrRoutingConfig.LocationName) == "*"
	}
	return false
}
