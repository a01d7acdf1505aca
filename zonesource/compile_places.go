package zonesource

import (
	"slices"

	"inside53/resolver/zone"
)

// places are the availability zones of all regions. Nil is none: they don't matter.
type places struct {
	zones    []string          // sorted
	bySubnet map[string]uint16 // from 1, as the inventory numbers them
	subnets  map[string][]zone.Subnet
}

// placesOf numbers the availability zones of regions, where they matter.
func placesOf(cfg *Config, regions []*Part) *places {
	if cfg.Affinity == zone.NoAffinity {
		return nil
	}
	p := &places{bySubnet: map[string]uint16{}, subnets: map[string][]zone.Subnet{}}
	for _, part := range regions {
		for i := range part.Region.Subnets {
			if name := part.Region.Subnets[i].Zone; name != "" {
				p.zones = append(p.zones, name)
			}
		}
	}
	slices.Sort(p.zones)
	p.zones = slices.Compact(p.zones)
	for _, part := range regions {
		for i := range part.Region.Subnets {
			p.add(&part.Region.Subnets[i])
		}
	}
	return p
}

// add notes where a subnet is. A shared one is listed by several accounts.
func (p *places) add(n *Subnet) {
	at, known := slices.BinarySearch(p.zones, n.Zone)
	_, seen := p.bySubnet[n.ID]
	if !known || seen {
		return
	}
	p.bySubnet[n.ID] = uint16(at + 1)
	for _, prefix := range n.CIDRs {
		p.subnets[n.VPC] = append(p.subnets[n.VPC], zone.Subnet{Prefix: prefix, Zone: uint16(at + 1)})
	}
}

// of returns the zone of a subnet; 0 where it isn't known or doesn't matter.
func (p *places) of(subnet string) uint16 {
	if p == nil {
		return 0
	}
	return p.bySubnet[subnet]
}

// in returns the subnets of VPCs.
func (p *places) in(vpcs []string) []zone.Subnet {
	var out []zone.Subnet
	for _, id := range vpcs {
		out = append(out, p.subnets[id]...)
	}
	return out
}

// except returns the subnets of all VPCs but some.
func (p *places) except(vpcs []string) []zone.Subnet {
	var out []zone.Subnet
	for id, list := range p.subnets {
		if !slices.Contains(vpcs, id) {
			out = append(out, list...)
		}
	}
	slices.SortFunc(out, func(a, b zone.Subnet) int { return comparePrefixes(a.Prefix, b.Prefix) })
	return out
}
