package zonesource

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/breath"
)

// network is one VPC as all regions and accounts together know it.
type network struct {
	zone.Network
	accounts []string // ids and names of accounts that list it
}

// networksOf merges the VPCs of all regions, sorted by id. A shared VPC is listed
// by its owner and by each participant. One is stale when no listing of it is
// young enough.
func networksOf(cfg *Config, regions []*Part, now time.Time) []network {
	byID := map[string]*network{}
	for _, p := range regions {
		r := p.Region
		stale := isStale(cfg, p, now)
		add := func(id string, cidrs []netip.Prefix) {
			n := byID[id]
			if n == nil {
				n = &network{Network: zone.Network{ID: id, Region: r.Name, Account: cmp.Or(r.AccountID, r.Account), Stale: true}}
				byID[id] = n
			}
			n.Stale = n.Stale && stale
			n.accounts = append(n.accounts, r.AccountID, r.Account)
			for _, c := range cidrs {
				if !slices.Contains(n.CIDRs, c.Masked()) {
					n.CIDRs = append(n.CIDRs, c.Masked())
				}
			}
		}
		for _, v := range r.VPCs {
			add(v.ID, v.CIDRs)
		}
		for _, f := range r.Interfaces {
			if byID[f.VPC] == nil {
				add(f.VPC, nil) // a listing of its VPC that is older than its own
			}
		}
		for _, h := range r.Hosts {
			if byID[h.VPC] == nil {
				add(h.VPC, nil)
			}
		}
	}
	out := make([]network, 0, len(byID))
	for _, n := range byID {
		slices.SortFunc(n.CIDRs, comparePrefixes)
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b network) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// isStale reports whether the inventory of a region is too old to translate by.
func isStale(cfg *Config, p *Part, now time.Time) bool {
	return cfg.MaxAge > 0 && now.Sub(p.Listed) > cfg.MaxAge
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// interfacesOf merges the interfaces of regions, each address once, in their order: the last
// one counts where two claim one public address. contested says that two know one interface
// by different public addresses. only, where it isn't nil, has the ids of the interfaces that are wanted.
func interfacesOf(cfg *Config, regions []*Part, networks []network, names *tagNames, only map[string]bool) (
	out []zone.Interface, contested bool) {
	type address struct {
		id      string
		private netip.Addr
	}
	vpcs := make(map[string]uint32, len(networks))
	for i, n := range networks {
		vpcs[n.ID] = uint32(i)
	}
	var lists [][]*Interface
	all := 0
	for _, p := range regions {
		for _, list := range listsOf(p.Region.Interfaces, only) {
			lists = append(lists, list)
			all += len(list)
		}
	}
	at := make(map[address]int, all)
	out = make([]zone.Interface, 0, all)
	var pace breath.Pace
	for _, list := range lists {
		for _, f := range list {
			pace.Step()
			n := zone.Interface{
				Public: f.Public, Private: f.Private, VPC: vpcs[f.VPC], ID: f.ID,
				OwnerID: cmp.Or(f.Balancer, f.Instance), Owner: ownerOf(cfg, f), Name: names.firstOf(f.Instance),
			}
			if len(f.IPv6) > 0 {
				n.IPv6 = f.IPv6[0]
			}
			if f.Primary {
				n.Instance = f.Instance
			}
			key := address{f.ID, f.Private}
			old, ok := at[key]
			contested = contested || ok && out[old].Public != n.Public
			switch {
			case !ok:
				at[key] = len(out)
				out = append(out, n)
			case n.OwnerID != "" || out[old].OwnerID == "":
				// The participant of a shared VPC may see more than its owner does.
				out[old] = n
			}
		}
	}
	return out, contested
}

// listsOf returns the parts of a list of interfaces that have one of some ids; nil is all.
func listsOf(list []*Interface, only map[string]bool) [][]*Interface {
	if only == nil {
		return [][]*Interface{list}
	}
	var lists [][]*Interface
	for id := range only {
		lists = append(lists, withID(list, id))
	}
	return lists
}

// withID returns the interfaces of an id out of a region's list.
func withID(list []*Interface, id string) []*Interface {
	from, to := PlacesOf(list, id, InterfaceID)
	return list[from:to:to]
}

// ownerOf classifies an interface. Those of load balancers are requester-managed
// too, so they are told apart first.
func ownerOf(cfg *Config, f *Interface) zone.Owner {
	switch {
	case f.Balancer != "" && cfg.LoadBalancers:
		return zone.LoadBalancer
	case f.Balancer != "" || f.Managed || f.Instance == "" || cfg.InstancesPublic:
		return zone.OtherOwner
	}
	return zone.Instance
}

// buildInventory indexes the inventory for the views.
// The order of regions is that of their keys, and that of their listings only where they
// contest an address: the latest one is to be believed there.
func (c *Compiled) buildInventory() (inventory *zone.Inventory, contested bool) {
	cfg, regions, networks, views := &c.in.cfg, c.in.regions, c.networks, c.views
	vpcs := make([]zone.Network, len(networks))
	for i := range networks {
		vpcs[i] = networks[i].Network
	}
	interfaces, contested := interfacesOf(cfg, regions, networks, c.tags, nil)
	inventory = zone.NewInventory(vpcs, interfaces)
	contested = contested || inventory.Contested()
	if contested {
		interfaces, _ = interfacesOf(cfg, byAge(regions), networks, c.tags, nil)
		inventory = zone.NewInventory(vpcs, interfaces)
	}
	inventory.SetServices(c.services())
	if c.places != nil {
		inventory.SetAffinity(cfg.Affinity, c.places.zones)
	}
	peers, mute := peersOf(regions)
	for i, v := range views {
		inventory.AddView(v.addresses, v.vpcs, reachOf(v, networks, peers), v.reach.CIDRs)
		for _, own := range v.vpcs {
			inventory.SetMute(i, mute[own])
		}
		if c.places != nil {
			inventory.SetSubnets(i, c.places.in(v.vpcs), c.places.except(v.vpcs))
		}
	}
	inventory.AddView(zone.AddressPublic, nil, nil, nil) // outside
	return inventory, contested
}

// byAge returns regions in the order of their listings, the oldest first.
func byAge(regions []*Part) []*Part {
	regions = slices.Clone(regions)
	slices.SortStableFunc(regions, func(a, b *Part) int { return a.Listed.Compare(b.Listed) })
	return regions
}

// peersOf returns for each VPC those whose names it may resolve to private
// addresses: peers, and not the peers of peers; and the peers whose names it may not.
func peersOf(regions []*Part) (peers, mute map[string][]string) {
	peers, mute = map[string][]string{}, map[string][]string{}
	add := func(of, peer string, dns bool) {
		if dns {
			peers[of] = append(peers[of], peer)
		} else {
			mute[of] = append(mute[of], peer)
		}
	}
	for _, p := range regions {
		for _, c := range p.Region.Peerings {
			add(c.A.ID, c.B.ID, c.ADNS)
			add(c.B.ID, c.A.ID, c.BDNS)
		}
	}
	return peers, mute
}

// sharedNames reports the names of instances in several VPCs of which a view reaches some
// and not the others, or no view all: those of several environments, as a rule.
func sharedNames(inventory *zone.Inventory, shared []sharedName, views int) []Problem {
	var problems []Problem
	for _, n := range shared {
		split, whole := false, false
		for view := range views {
			reached := 0
			for _, vpc := range n.vpcs {
				if inventory.Reaches(view, vpc) {
					reached++
				}
			}
			split = split || reached > 0 && reached < len(n.vpcs)
			whole = whole || reached == len(n.vpcs)
		}
		if split || !whole {
			reason := "shared by " + strings.Join(n.vpcs, ", ") + ": each view gets its own"
			problems = append(problems, Problem{Zone: n.zone, Name: n.name, Reason: reason})
		}
	}
	return problems
}

// reachOf lists the VPCs that a view reaches besides its own.
func reachOf(v *viewPlan, networks []network, peers map[string][]string) []string {
	var reach []string
	for _, own := range v.vpcs {
		reach = append(reach, peers[own]...)
	}
	reach = append(reach, v.reach.VPCs...)
	for i := range networks {
		n := &networks[i]
		if slices.Contains(v.reach.Regions, n.Region) ||
			slices.ContainsFunc(n.accounts, func(a string) bool { return a != "" && slices.Contains(v.reach.Accounts, a) }) {
			reach = append(reach, n.ID)
		}
	}
	return reach
}
