package zonesource

import (
	"net/netip"
	"slices"
	"strings"
)

// regionDiff is what differs between the regions of two compilations.
type regionDiff struct {
	instances map[string]bool // with other names or addresses
	cards     map[string]bool // interfaces that differ, by their ids
	reordered bool            // interfaces are the same, in another order
	crossings bool            // network load balancers lead to other zones
	vitals    bool            // AWS says other things of instances' health
}

// diffRegions compares regions of the same keys. same says that what the tables of views
// are made of doesn't differ: the VPCs and the peerings.
func diffRegions(was, is []*Part) (d regionDiff, same bool) {
	d.instances, d.cards = map[string]bool{}, map[string]bool{}
	for i := range is {
		a, b := was[i].Region, is[i].Region
		if a != b && !d.compare(a, b) {
			return d, false
		}
	}
	return d, true
}

// compare notes what differs between two listings of one region.
func (d *regionDiff) compare(a, b *Region) (same bool) {
	if a.Account != b.Account || a.AccountID != b.AccountID || a.Name != b.Name ||
		!slices.EqualFunc(a.VPCs, b.VPCs, sameVPC) || !slices.EqualFunc(a.Peerings, b.Peerings, samePeering) ||
		!slices.EqualFunc(a.Subnets, b.Subnets, sameSubnet) {
		return false
	}
	known := make(map[string]bool, len(b.VPCs))
	for i := range b.VPCs {
		known[b.VPCs[i].ID] = true
	}
	d.vitals = d.vitals || !slices.Equal(a.Vitals, b.Vitals)
	from, toA, toB := middle(a.Hosts, b.Hosts, sameHost)
	same = true // as long as nothing is in a VPC that isn't listed, and would be there by this alone
	differing(a.Hosts[from:toA], b.Hosts[from:toB], sameHost, HostID,
		func(h *Host) {
			same = same && known[h.VPC]
			d.instances[h.Instance] = true
		})
	from, toA, toB = middle(a.Interfaces, b.Interfaces, sameInterface)
	d.crossings = d.crossings || !slices.Equal(a.CrossZone, b.CrossZone)
	before := len(d.cards)
	type address struct {
		id      string
		private netip.Addr
	}
	differing(a.Interfaces[from:toA], b.Interfaces[from:toB], sameInterface,
		func(f *Interface) address { return address{f.ID, f.Private} },
		func(f *Interface) {
			same = same && known[f.VPC]
			d.cards[f.ID] = true
			if f.Instance != "" {
				d.instances[f.Instance] = true
			}
		})
	d.reordered = d.reordered || (toA > from || toB > from) && len(d.cards) == before
	return same
}

// Sort puts interfaces and hosts in the order in which a region has them, and in which they are looked up.
func (r *Region) Sort() {
	slices.SortStableFunc(r.Interfaces, func(a, b *Interface) int { return strings.Compare(a.ID, b.ID) })
	slices.SortStableFunc(r.Hosts, func(a, b *Host) int { return strings.Compare(a.Instance, b.Instance) })
}

// host returns an instance of the region, nil for none.
func (r *Region) host(id string) *Host {
	from, to := PlacesOf(r.Hosts, id, HostID)
	if from == to {
		return nil
	}
	return r.Hosts[from]
}

// middle returns where two lists differ: a[from:toA] and b[from:toB].
func middle[T any](a, b []T, same func(a, b T) bool) (from, toA, toB int) {
	toA, toB = len(a), len(b)
	if toA == toB && (toA == 0 || &a[0] == &b[0]) {
		return toA, toA, toB
	}
	for from < toA && from < toB && same(a[from], b[from]) {
		from++
	}
	for toA > from && toB > from && same(a[toA-1], b[toB-1]) {
		toA, toB = toA-1, toB-1
	}
	return from, toA, toB
}

// differing visits the items of two lists that aren't in the other one as they are.
func differing[T any, K comparable](a, b []*T, same func(a, b *T) bool, key func(*T) K, visit func(*T)) {
	if len(a)+len(b) == 0 {
		return
	}
	left := make(map[K]*T, len(a))
	for _, item := range a {
		k := key(item)
		if left[k] != nil { // twice: which one counts is another matter
			visit(item)
		}
		left[k] = item
	}
	for _, item := range b {
		k := key(item)
		if was := left[k]; was == nil || !same(was, item) {
			visit(item)
		}
		delete(left, k)
	}
	for _, item := range left {
		visit(item)
	}
}

// vitalsOf are the instances that AWS says are unhealthy, with what it has against them; nil
// for none.
func vitalsOf(regions []*Part) map[string]string {
	var out map[string]string
	for _, p := range regions {
		for _, v := range p.Region.Vitals {
			if out == nil {
				out = map[string]string{}
			}
			out[v.Instance] = v.Why
		}
	}
	return out
}

// sameRegion reports whether two listings of a region are equal.
func sameRegion(a, b *Region) bool {
	return a.Account == b.Account && a.AccountID == b.AccountID && a.Name == b.Name &&
		slices.EqualFunc(a.VPCs, b.VPCs, sameVPC) && slices.EqualFunc(a.Peerings, b.Peerings, samePeering) &&
		slices.EqualFunc(a.Subnets, b.Subnets, sameSubnet) && slices.Equal(a.Vitals, b.Vitals) &&
		slices.Equal(a.CrossZone, b.CrossZone) &&
		slices.EqualFunc(a.Hosts, b.Hosts, sameHost) && slices.EqualFunc(a.Interfaces, b.Interfaces, sameInterface)
}

func sameVPC(a, b VPC) bool {
	return a.ID == b.ID && a.Default == b.Default && slices.Equal(a.CIDRs, b.CIDRs)
}

func sameSubnet(a, b Subnet) bool {
	return a.ID == b.ID && a.VPC == b.VPC && a.Zone == b.Zone && slices.Equal(a.CIDRs, b.CIDRs)
}

func samePeering(a, b Peering) bool {
	return a.ID == b.ID && a.A == b.A && a.B == b.B && a.ADNS == b.ADNS && a.BDNS == b.BDNS &&
		slices.Equal(a.ACIDRs, b.ACIDRs) && slices.Equal(a.BCIDRs, b.BCIDRs)
}

func sameHost(a, b *Host) bool {
	return a == b ||
		a.Instance == b.Instance && a.VPC == b.VPC && a.Private == b.Private && a.Public == b.Public &&
			a.Subnet == b.Subnet && a.Group == b.Group && a.Ordinal == b.Ordinal && a.Check == b.Check &&
			slices.Equal(a.Names, b.Names) && slices.Equal(a.IPv6, b.IPv6) && slices.Equal(a.Services, b.Services)
}

func sameInterface(a, b *Interface) bool {
	return a == b ||
		a.ID == b.ID && a.VPC == b.VPC && a.Subnet == b.Subnet && a.Private == b.Private && a.Public == b.Public &&
			a.Instance == b.Instance && a.Balancer == b.Balancer && a.Managed == b.Managed &&
			a.Service == b.Service && a.Primary == b.Primary && slices.Equal(a.IPv6, b.IPv6)
}
