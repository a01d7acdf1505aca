package resolver

import (
	"fmt"
	"slices"

	"inside53/resolver/zone"
)

// leftOut tells of the instances that the view gets no address of (clause 7), and of those
// that are left out of what it gets for their health or their zone.
func (s *story) leftOut() (steps []Step) {
	for i := range s.a.hops[:s.a.nhops] {
		h := &s.a.hops[i]
		var m zone.InstanceAddress
		for w := h.fenced.Instances(); w.Next(&m); {
			why := s.reasonLeftOut(h, &m)
			if why == "" {
				continue
			}
			addr := m.Private
			if !addr.IsValid() {
				addr = m.Public
			}
			step := Step{
				Step: "left out " + string(m.ID),
				Why:  fmt.Sprintf("%s in %s: %s", addr, s.snap.Inventory.VPCs[m.VPC].ID, why),
			}
			if !slices.ContainsFunc(steps, func(o Step) bool { return o.Step == step.Step && o.Why == step.Why }) {
				steps = append(steps, step)
			}
		}
	}
	return steps
}

// reasonLeftOut says why a member isn't in the answer, "" where it is.
func (s *story) reasonLeftOut(h *hop, m *zone.InstanceAddress) string {
	given, why := s.snap.Inventory.Fence(s.a.View.Index, m)
	if !given.IsValid() {
		return s.fenceReason(why)
	}
	if h.pick.Well {
		what, sick := s.live.Sick[string(m.ID)]
		if sick {
			return "unhealthy (" + what + ")"
		}
	}
	if h.pick.Alone && m.Zone != h.pick.Zone {
		return "other zone"
	}
	return ""
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
		if !given.IsValid() || !m.Public.IsValid() || !m.Private.IsValid() || m.Rdata != nil ||
			s.isLeftOut(i, &m) {
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

// isLeftOut reports whether a member that the view reaches is left out of an item.
func (s *story) isLeftOut(i *item, m *zone.InstanceAddress) bool {
	_, sick := s.a.sick[string(m.ID)]
	return i.pick.Well && sick || i.pick.Alone && m.Zone != i.pick.Zone
}
