package resolver

import (
	"fmt"

	"inside53/resolver/zone"
)

// leftOut tells of the instances that the view gets no address of (clause 7).
func (s *story) leftOut() (steps []Step) {
	for i := range s.a.hops[:s.a.nhops] {
		var m zone.InstanceAddress
		for w := s.a.hops[i].fenced.Instances(); w.Next(&m); {
			given, why := s.snap.Inventory.Fence(s.a.View.Index, &m)
			if given.IsValid() {
				continue
			}
			steps = append(steps, Step{
				Step: "left out " + string(m.ID),
				Why:  fmt.Sprintf("%s in %s: %s", m.Private, s.snap.Inventory.VPCs[m.VPC].ID, s.fenceReason(why)),
			})
		}
	}
	return steps
}

// fenceReason says why a view doesn't get an address.
func (s *story) fenceReason(why zone.Verdict) string {
	v := s.a.View
	switch why {
	case zone.ViewPublic:
		return "addresses: public"
	case zone.StaleRegion:
		return "inventory older than ec2.max_age"
	case zone.Overlapping:
		return "CIDR overlaps " + v.Name + "'s own VPC"
	case zone.Mute:
		return "the peering allows no DNS resolution"
	case zone.Unreachable:
		if len(v.VPCs) > 0 {
			return "another VPC without peering to " + v.Name + "'s"
		}
	}
	return "no public address"
}

// instances tells of the addresses that an item has of instances.
func (s *story) instances(i *item) (steps []Step) {
	var m zone.InstanceAddress
	for w := (zone.RRset{Kind: zone.Instances, Data: i.data}).Instances(); w.Next(&m); {
		given, why := s.snap.Inventory.Fence(s.a.View.Index, &m)
		if !given.IsValid() || !m.Public.IsValid() || !m.Private.IsValid() {
			continue
		}
		f := s.snap.Inventory.Interface(&m)
		step := Step{Step: "address " + m.Public.String()}
		if why == zone.Translated {
			s.marked = true
			step.Why = "becomes " + given.String() + ": " + s.verdict(f, why)
		} else {
			step.Why = "as it is: " + s.verdict(f, why)
		}
		steps = append(steps, step)
	}
	return steps
}
