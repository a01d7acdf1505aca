package export

import (
	"net/netip"
	"slices"

	"inside53/zonesource"
)

// hostsReach says which instances the hosts of a file reach by their private addresses: the
// fence of a hosts file.
type hostsReach struct {
	region string
	vpc    string
	cidrs  []netip.Prefix // of vpc
	peers  map[string]bool
}

func newHostsReach(regions []*zonesource.Region, o HostsOptions) hostsReach {
	reach := hostsReach{region: o.Region, vpc: o.VPC, peers: map[string]bool{}}
	if o.VPC == "" {
		return reach
	}
	for _, r := range regions {
		for _, v := range r.VPCs {
			if v.ID == o.VPC {
				reach.cidrs = append(reach.cidrs, v.CIDRs...)
			}
		}
		for _, p := range r.Peerings {
			if p.A.ID == o.VPC && p.ADNS {
				reach.peers[p.B.ID] = true
			}
			if p.B.ID == o.VPC && p.BDNS {
				reach.peers[p.A.ID] = true
			}
		}
	}
	return reach
}

// privately reports whether an instance is reached by its private address. One of a peer that
// lies in the own VPC's prefixes leads to whoever has it there.
func (h *hostsReach) privately(r *zonesource.Region, host *zonesource.Host) bool {
	switch {
	case h.region == PublicRegion:
		return false
	case h.vpc == "":
		return r.Name == h.region
	case host.VPC == h.vpc:
		return true
	}
	inside := slices.ContainsFunc(h.cidrs, func(p netip.Prefix) bool { return p.Contains(host.Private) })
	return h.peers[host.VPC] && !inside
}
