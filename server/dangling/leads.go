package dangling

import (
	"net/netip"

	"inside53/resolver/zone"
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
	for name, node := range z.Tree.All {
		owner := []byte(nil)
		add := func(l lead) {
			if owner == nil {
				owner = append([]byte{}, name...)
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
