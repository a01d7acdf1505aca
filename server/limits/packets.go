package limits

import (
	"net/netip"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/config"
)

// Packets returns how many packets a second upstreams get, by their texts, where that
// isn't the default: those of the configuration, and Amazon's number for the resolver that
// each VPC has at an address of its own. s is nil while there are no data.
func Packets(c *config.Config, s *zone.Snapshot) map[string]int {
	rates := make(map[string]int)
	if s != nil && s.Inventory != nil {
		amazon := vpcResolvers(s.Inventory.VPCs)
		for _, f := range s.Forwarders {
			for _, text := range f.Upstreams {
				up, err := wire.ParseUpstream(text)
				if err == nil && amazon[up.Addr.Addr()] {
					rates[text] = forward.AmazonPackets
				}
			}
		}
	}
	for _, f := range c.Forward {
		for _, up := range f.Upstreams {
			if f.Packets != config.AutoPackets {
				rates[up.String()] = int(f.Packets)
			}
		}
	}
	return rates
}

// vpcResolvers returns the addresses of the VPCs' own resolvers: the base of the VPC's
// prefix plus two.
func vpcResolvers(vpcs []zone.Network) map[netip.Addr]bool {
	addrs := make(map[netip.Addr]bool, len(vpcs))
	for _, v := range vpcs {
		for _, p := range v.CIDRs {
			if p.Addr().Is4() {
				addrs[p.Masked().Addr().Next().Next()] = true
			}
		}
	}
	return addrs
}
