package resolver

import (
	"fmt"
	"strings"

	"inside53/resolver/zone"
)

// computed tells of clause 7: names that EC2 makes from addresses. Nothing is told of
// names that can't be such.
func (s *story) computed(d *decision, h *hop) []Step {
	if !h.apex.Computed || h.service != nil {
		return nil
	}
	if step, ok := s.instanceName(d, h); ok {
		return []Step{step}
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

// instanceName tells of a resource name, which EC2 makes from the id of an instance.
func (s *story) instanceName(d *decision, h *hop) (Step, bool) {
	if d.depth == 0 || d.name[0] < 3 || string(d.name[1:3]) != "i-" {
		return Step{}, false
	}
	id := string(d.name[1 : 1+int(d.name[0])])
	f, reached := s.snap.Inventory.Instance(s.a.View.Index, []byte(id))
	step := Step{Step: "resource name of " + id}
	switch {
	case h.outcome == unread:
		step.Why = s.a.edeText
	case f == nil:
		step.Why = "no instance of the inventory: left to the forwarder"
	case !reached:
		step.Why = s.interfaceText(f) + ": the view doesn't reach it: left to the forwarder"
	case h.outcome != computed && h.outcome != noData:
		step.Why = s.interfaceText(f) + ": no name of the form that its region has"
	default:
		step.Why = s.interfaceText(f)
	}
	return step, true
}

// service tells of the AWS service whose addresses answer.
func (s *story) service(h *hop) Step {
	inv := s.snap.Inventory
	step := Step{Step: h.service.Kind.String() + " " + h.service.ID, Why: "its interfaces in the inventory"}
	switch {
	case h.service.Kind == zone.Balancer || inv.Affinity() == zone.NoAffinity:
		step.Why += ", as nobody else answers"
	case h.pick.Zone != 0 && h.pick.Alone:
		step.Why += ": those in the client's availability zone " + inv.ZoneName(h.pick.Zone)
	case h.pick.Zone != 0:
		step.Why += ": those in the client's availability zone " + inv.ZoneName(h.pick.Zone) + " first"
	default:
		step.Why += ": none is known to be in the client's availability zone"
	}
	return step
}

// affinity tells how availability zones narrow a set of instances.
func (s *story) affinity(d *decision, h *hop) []Step {
	inv := s.snap.Inventory
	if inv.Affinity() == zone.NoAffinity || h.set.Kind != zone.Instances || h.service != nil {
		return nil
	}
	here := inv.ZoneOf(s.a.View.Index, s.q.Client)
	pick := d.pickOf(h.set, true)
	step := Step{Step: "availability zone", Why: "that of the client isn't known"}
	switch {
	case here == 0:
	case pick.Zone == 0:
		step.Why = "the client is in " + inv.ZoneName(here) + ", and no member that counts is"
	case pick.Alone:
		step.Why = "the client is in " + inv.ZoneName(here) + ": members there alone"
	default:
		step.Why = "the client is in " + inv.ZoneName(here) + ": members there come first"
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
