package resolver

import "inside53/resolver/zone"

// maxMultivalue is how many members a multivalue answer has at most (AWS:
// "Multivalue answer routing").
const maxMultivalue = 8

// choose is the one place where a routing policy picks a member. It looks at the
// view's region and at the health of checks and fills m; false means that no
// member is for this client: NODATA. If no candidate is healthy, all count as
// healthy (AWS: "How Route 53 chooses records when health checking is configured").
func choose(set zone.RRset, v *zone.View, live *zone.Live, q *Query, m *zone.Member) bool {
	switch set.Policy() {
	case zone.Weighted:
		return first(set, live, m, func(m *zone.Member) bool { return m.Weight > 0 }) || first(set, live, m, anyMember)
	case zone.Failover:
		return failover(set, live, m)
	case zone.Latency, zone.Geoproximity:
		return first(set, live, m, func(m *zone.Member) bool { return string(m.Region) == v.Region }) || first(set, live, m, anyMember)
	case zone.Geolocation:
		return geolocation(set, v.Region, live, m)
	case zone.IPBased:
		return first(set, live, m, func(m *zone.Member) bool { return string(m.Location) == "*" }) || first(set, live, m, anyMember)
	default:
		return first(set, live, m, anyMember)
	}
}

func anyMember(*zone.Member) bool { return true }

// first picks the first healthy member that matches, or the first that matches.
func first(set zone.RRset, live *zone.Live, m *zone.Member, match func(*zone.Member) bool) bool {
	for w := set.Members(); w.Next(m); {
		if match(m) && live.Healthy(m.Check) {
			return true
		}
	}
	for w := set.Members(); w.Next(m); {
		if match(m) {
			return true
		}
	}
	return false
}

// failover: the primary while it is healthy, the secondary while that one is, and
// then the primary, whatever its health.
func failover(set zone.RRset, live *zone.Live, m *zone.Member) bool {
	for w := set.Members(); w.Next(m); {
		if !m.Secondary && live.Healthy(m.Check) {
			return true
		}
	}
	for w := set.Members(); w.Next(m); {
		if m.Secondary && live.Healthy(m.Check) {
			return true
		}
	}
	return first(set, nil, m, func(m *zone.Member) bool { return !m.Secondary }) || first(set, nil, m, anyMember)
}

// geolocation: the smallest place that holds the client, climbing while what is
// there is unhealthy; then, with everything unhealthy, the smallest place again.
func geolocation(set zone.RRset, region string, live *zone.Live, m *zone.Member) bool {
	p := placeOf(region)
	for _, l := range [...]*zone.Live{live, nil} {
		for level := range geoLevels {
			for w := set.Members(); w.Next(m); {
				if p.within(m, level) && l.Healthy(m.Check) {
					return true
				}
			}
		}
	}
	return false
}

// multivalues walks the members of a multivalue answer: the healthy ones, or all
// when none is, up to eight.
type multivalues struct {
	walk zone.MemberWalk
	live *zone.Live
	left int
}

func (w *multivalues) init(set zone.RRset, live *zone.Live, _ *Query) {
	*w = multivalues{walk: set.Members(), live: live, left: maxMultivalue}
	var m zone.Member
	for probe := set.Members(); probe.Next(&m); {
		if live.Healthy(m.Check) {
			return
		}
	}
	w.live = nil
}

func (w *multivalues) next(m *zone.Member) bool {
	for w.left > 0 && w.walk.Next(m) {
		if w.live.Healthy(m.Check) {
			w.left--
			return true
		}
	}
	return false
}
