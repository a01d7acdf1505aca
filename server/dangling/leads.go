package dangling

import (
	"bytes"
	"net/netip"

	"inside53/resolver/zone"
	"inside53/zonesource/breath"
)

// lead is what one record leads to: a name or a public address.
type lead struct {
	owner   []byte
	rrtype  uint16
	target  []byte // in lower-case wire form; nil for an address
	within  bool   // an alias to a name of its own zone
	address netip.Addr
}

// leadsOf walks a zone.
func leadsOf(z *zone.Zone) (leads []lead) {
	var pace breath.Pace
	for name, node := range z.Tree.All {
		pace.Step()
		leads = leadsOfName(leads, name, node)
	}
	return leads
}

// leadsAfter are those of a zone that was another one before: what didn't change isn't walked.
func leadsAfter(was *zone.Zone, old []lead, z *zone.Zone) []lead {
	changed := map[string]bool{}
	zone.Diff(was.Tree, z.Tree, func(name []byte, _, _ zone.RRset) bool {
		changed[string(name)] = true
		return true
	})
	if len(changed) == 0 {
		return old
	}
	var pace breath.Pace
	leads := make([]lead, 0, len(old)+len(changed))
	for i := range old {
		pace.Step()
		if !changed[string(old[i].owner)] {
			leads = append(leads, old[i])
		}
	}
	for name := range changed {
		pace.Step()
		leads = leadsOfName(leads, []byte(name), z.Tree.Lookup([]byte(name)))
	}
	return leads
}

// leadsOfName adds those of a name.
func leadsOfName(leads []lead, name []byte, node zone.Node) []lead {
	owner := []byte(nil)
	add := func(l lead) {
		if owner == nil {
			owner = bytes.Clone(name)
		}
		l.owner = owner
		leads = append(leads, l)
	}
	for set := range node.RRsets {
		if set.Kind != zone.Group {
			leadsOfSet(set, add)
			continue
		}
		var m zone.Member
		for w := set.Members(); w.Next(&m); {
			leadsOfSet(m.Set, add)
		}
	}
	return leads
}

func leadsOfSet(set zone.RRset, add func(lead)) {
	switch {
	case set.Kind == zone.Aliased:
		alias := set.Alias()
		add(lead{rrtype: set.Type, target: lower(alias.Target), within: alias.SameZone})
	case set.Kind != zone.Records:
	case set.Type == zone.TypeCNAME:
		for rdata := range set.Rdata() {
			add(lead{rrtype: set.Type, target: lower(rdata)})
		}
	case set.Type == zone.TypeA:
		for rdata := range set.Rdata() {
			addr, ok := netip.AddrFromSlice(rdata)
			if ok && !addr.IsPrivate() && addr.IsGlobalUnicast() {
				add(lead{rrtype: set.Type, address: addr})
			}
		}
	}
}

func lower(name []byte) []byte {
	name = append([]byte{}, name...)
	zone.Lower(name)
	return name
}
