package resolver

import (
	"fmt"
	"strings"

	"inside53/resolver/zone"
)

// computed tells of clause 7: names that EC2 makes from addresses. Nothing is told of
// names that can't be such.
func (s *story) computed(d *decision, h *hop) []Step {
	if !h.apex.Computed {
		return nil
	}
	addr, kind, ok := computedAddress(d)
	if !ok {
		return nil
	}
	inv, view := s.snap.Inventory, s.a.View.Index
	step := Step{Step: kind + " name of " + addressText(addr)}
	if kind == "public" {
		private, f, why := inv.Translate(view, addr)
		step.Why = s.verdict(f, why)
		switch {
		case h.outcome == unread:
			step.Why = s.a.edeText
		case h.outcome == noData || h.outcome == computed && s.a.Result == LocalNoData:
			step.Why += ": such names have no " + typeName(s.q.Type)
		case h.outcome == computed:
			step.Why = addressText(private) + ": " + step.Why
		default:
			step.Why += ": left to the forwarder"
		}
		return []Step{step}
	}
	f := inv.Private(view, addr)
	switch {
	case h.outcome == unread:
		step.Why = s.a.edeText
	case f == nil && inv.Inside(view, addr):
		step.Why = "in the view's own VPC, but no interface of the inventory has it: left to the forwarder"
	case f == nil:
		step.Why = "no interface that the view can reach has it, or several have: left to the forwarder"
	case h.outcome == noData || h.outcome == computed && s.a.Result == LocalNoData:
		step.Why = s.interfaceText(f) + ": such names have no " + typeName(s.q.Type)
	case h.outcome != computed:
		step.Why = s.interfaceText(f) + ": no name of the form that its region has"
	case kind == "reverse" && len(inv.Name(f)) > 0:
		step.Why = s.interfaceText(f) + ": its tag name"
	default:
		step.Why = s.interfaceText(f)
	}
	if h.outcome == computed {
		step.Steps = []Step{{Step: "TTL",
			Why: fmt.Sprintf("%d s, as translated addresses have", max(s.snap.TranslatedTTL, 1))}}
	}
	return []Step{step}
}

// computedAddress returns the address that a name is made from.
func computedAddress(d *decision) (addr [4]byte, kind string, ok bool) {
	if d.depth == 0 {
		return addr, "", false
	}
	first := d.name[1 : 1+int(d.name[0])]
	switch {
	case len(first) > 3 && string(first[:3]) == "ip-":
		addr, ok = dashedAddress(first[3:])
		return addr, "private", ok
	case len(first) > 4 && string(first[:4]) == "ec2-":
		addr, ok = dashedAddress(first[4:])
		return addr, "public", ok
	default:
		addr, ok = reverseAddress(d.labels, d.name)
		return addr, "reverse", ok
	}
}

// interfaceText says whose an interface is.
func (s *story) interfaceText(f *zone.Interface) string {
	n := &s.snap.Inventory.VPCs[f.VPC]
	whose := ""
	switch {
	case f.Owner == zone.Instance && f.OwnerID != "":
		whose = " of instance " + f.OwnerID
	case f.Owner == zone.Instance:
		whose = " of an instance"
	case f.Owner == zone.LoadBalancer && f.OwnerID != "":
		whose = " of load balancer " + f.OwnerID
	case f.Owner == zone.LoadBalancer:
		whose = " of a load balancer"
	case f.OwnerID != "":
		whose = " of " + f.OwnerID
	}
	return fmt.Sprintf("%s%s in %s, %s", strings.TrimSuffix("interface "+f.ID, " "), whose, n.ID, n.Region)
}
