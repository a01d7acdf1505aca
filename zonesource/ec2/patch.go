package ec2

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"inside53/zonesource"
)

// patching is a region that is made of the one which is kept: what differs is decoded, and all else stays as it is.
type patching struct {
	*listing
	all *listed
	was *zonesource.Region
	now zonesource.Region
	// redone are the operations of which something differs, or was decoded.
	redone map[string]bool
	// stay and counted are what stays of them, and how often ids are there.
	stay    map[string]*staying
	counted map[string]*tally
	// vpcs are those of what was decoded, and of what has gone.
	vpcs map[string]bool
	// about are the addresses of which something may differ.
	about zonesource.Followed
	// crossed says that load balancers were asked what they are set to.
	crossed bool
}

// patch makes the region of the one that is kept. It returns nil where nothing is known, or where what differs says
// something of what doesn't.
func (l *listing) patch(ctx context.Context, all *listed) (*zonesource.Region, error) {
	if !l.pages.areKnown() || l.last.Region.AccountID == "" || !hasCards(all) {
		return nil, nil
	}
	before := len(l.problems)
	p := &patching{listing: l, all: all, was: l.last.Region, now: *l.last.Region, redone: map[string]bool{},
		stay: map[string]*staying{}, counted: map[string]*tally{}, vpcs: map[string]bool{}}
	for _, is := range l.pages.now {
		if _, known := p.redone[is.Of]; !known {
			p.redone[is.Of] = !l.pages.isSame(is.Of)
		}
	}
	for _, step := range []func(context.Context) (bool, error){p.patchOptional, p.patchInterfaces, p.patchHosts,
		p.patchNetworks, p.patchVitals, p.patchCrossings} {
		ok, err := step(ctx)
		if err != nil || !ok {
			l.problems = l.problems[:before]
			return nil, err
		}
	}
	l.hasCards, l.tallies = true, p.counted
	l.problems = append(p.staying(), l.problems[before:]...)
	return &p.now, nil
}

// hasCards reports whether network interfaces are listed here.
func hasCards(all *listed) bool {
	return slices.ContainsFunc(all.cards, func(p lazyPage[types.NetworkInterface]) bool {
		return len(p.items) > 0 || bytes.Contains(p.raw, []byte("<networkInterfaceId>"))
	})
}

// staying are the problems of the last listing that there are still.
func (p *patching) staying() []zonesource.Problem {
	of := map[string]string{"i": p.api.instances.Name, "eni": p.api.interfaces.Name, "subnet": p.api.subnets.Name,
		"vpc": p.api.vpcs.Name, "pcx": p.api.peerings.Name}
	return slices.DeleteFunc(slices.Clone(p.last.Problems), func(old zonesource.Problem) bool {
		if old.Name == "" {
			return p.crossed // nothing else is told of a region of which all could be listed
		}
		kind, _, _ := strings.Cut(old.Name, "-")
		operation, known := of[kind]
		if !known {
			operation = p.api.balancers.Name
		}
		stay := p.stay[operation]
		return p.redone[operation] && (stay == nil || !stay.has(old.Name))
	})
}

// patchOptional takes peerings and load balancers, where they differ or aren't known any more. It is false where
// interfaces may be of other load balancers than before.
func (p *patching) patchOptional(ctx context.Context) (ok bool, err error) {
	if !p.remembers || p.redone[p.api.peerings.Name] {
		p.redone[p.api.peerings.Name] = true
		err = p.refreshPeerings(ctx, p.all.peerings, nil)
		if err != nil {
			return false, err
		}
		p.now.Peerings = p.region.peerings
	}
	balancers := p.api.balancers.Name
	differ := p.redone[balancers]
	if !p.o.LoadBalancers || p.remembers && !differ {
		return true, nil
	}
	p.redone[balancers] = true
	was := p.region.balancers
	err = p.refreshBalancers(ctx, p.all.balancers, nil)
	return !differ || p.remembers && was.same(p.region.balancers), err
}

// patchInterfaces patches the interfaces, and where each public address is.
func (p *patching) patchInterfaces(ctx context.Context) (ok bool, err error) {
	if !p.redone[cardForm.operation] && !p.redone[addressForm.operation] {
		return true, nil
	}
	read, stay, ok, err := split(ctx, p, &cardForm, p.all.cards, cardIDs, false)
	if err != nil || !ok {
		return false, err
	}
	fresh := p.interfaces(read)
	for _, f := range fresh {
		p.about.Add(f.VPC, f.Private)
		p.vpcs[f.VPC] = true
	}
	left := gone(stay, p.was.Interfaces, zonesource.InterfaceID)
	for _, at := range left {
		f := p.was.Interfaces[at]
		p.about.AddGone(f)
		p.vpcs[f.VPC] = true
	}
	elastic, err := p.elasticOf(ctx, p.all.elastic)
	if err != nil {
		return false, err
	}
	p.now.Interfaces = zonesource.Merge(zonesource.Without(p.was.Interfaces, left), fresh, zonesource.InterfaceID)
	s := settle(p.now.Interfaces, elastic)
	for at := range s.moved {
		p.about.Add(p.now.Interfaces[at].VPC, p.now.Interfaces[at].Private)
	}
	forget(p.listing, &cardForm, p.all.cards, twice(read, cardIDs, s.corrected))
	return true, nil
}

// patchHosts patches the instances, and the public addresses of those that stay. It is false where one of these has an
// address that no interface has any more: it alone knows its public one then.
func (p *patching) patchHosts(ctx context.Context) (ok bool, err error) {
	if !p.redone[instanceForm.operation] && p.about.IsEmpty() {
		return true, nil
	}
	var found []candidate
	var left []int
	if p.redone[instanceForm.operation] {
		read, stay, ok, err := split(ctx, p, &instanceForm, p.all.instances, instanceIDs, false)
		if err != nil || !ok {
			return false, err
		}
		found, left = p.candidates(read), gone(stay, p.was.Hosts, zonesource.HostID)
		forget(p.listing, &instanceForm, p.all.instances, twice(read, instanceIDs, map[string]bool{}))
	}
	for i := range found {
		if !p.hasItsAddresses(&found[i].Host) {
			p.about.Add(found[i].VPC, found[i].Private)
		}
	}
	p.about.FindAmong(p.now.Interfaces)
	for i := range found {
		public, listed := p.about.Public(found[i].VPC, found[i].Private)
		if listed {
			found[i].Public = public
		}
	}
	for i := range found {
		p.vpcs[found[i].VPC] = true
	}
	for _, at := range left {
		p.vpcs[p.was.Hosts[at].VPC] = true
	}
	kept := zonesource.Without(p.was.Hosts, left)
	if !p.about.Give(kept) || !p.number(found, kept) {
		return false, nil
	}
	p.now.Hosts = zonesource.Merge(kept, p.named(found, p.now.AccountID), zonesource.HostID)
	return true, nil
}

// hasItsAddresses reports whether an instance has the addresses that it had, by what it says itself and by what it was
// said to have, and interfaces are what they were.
func (p *patching) hasItsAddresses(h *zonesource.Host) bool {
	if p.redone[cardForm.operation] || p.redone[addressForm.operation] {
		return false
	}
	at, end := zonesource.PlacesOf(p.was.Hosts, h.Instance, zonesource.HostID)
	if at == end {
		return false
	}
	had := p.was.Hosts[at]
	return had.VPC == h.VPC && had.Private == h.Private && had.Public == h.Public
}

// patchNetworks patches the subnets and the VPCs.
func (p *patching) patchNetworks(ctx context.Context) (ok bool, err error) {
	if p.redone[subnetForm.operation] {
		read, stay, ok, err := split(ctx, p, &subnetForm, p.all.subnets, subnetIDs, false)
		if err != nil || !ok {
			return false, err
		}
		id := func(n zonesource.Subnet) string { return n.ID }
		kept := zonesource.Without(p.was.Subnets, gone(stay, p.was.Subnets, id))
		p.now.Subnets = zonesource.Merge(kept, p.subnets(read), id)
		forget(p.listing, &subnetForm, p.all.subnets, twice(read, subnetIDs, map[string]bool{}))
	}
	if !p.redone[subnetForm.operation] && !p.redone[vpcForm.operation] && p.haveVPCs() {
		return true, nil
	}
	read, stay, ok, err := split(ctx, p, &vpcForm, p.all.vpcs, vpcIDs, true) // of some the pages tell nothing
	if err != nil || !ok {
		return false, err
	}
	described := p.described(read)
	forget(p.listing, &vpcForm, p.all.vpcs, twice(read, vpcIDs, map[string]bool{}))
	kept := zonesource.Without(p.was.VPCs, gone(stay, p.was.VPCs, func(v zonesource.VPC) string { return v.ID }))
	p.now.VPCs = vpcsOf(append(kept, described...), &p.now)
	return true, nil
}

// haveVPCs reports whether the VPCs of all that differs are known by more than what is in them: then there are no
// others than there were.
func (p *patching) haveVPCs() bool {
	for id := range p.vpcs {
		isKnown := func(v zonesource.VPC) bool { return v.ID == id && len(v.CIDRs) > 0 }
		if !slices.ContainsFunc(p.was.VPCs, isKnown) {
			return false
		}
	}
	return true
}

// patchVitals takes what AWS has against instances, where that differs.
func (p *patching) patchVitals(ctx context.Context) (ok bool, err error) {
	for _, operation := range []string{p.api.statuses.Name, p.api.scaling.Name, p.api.groups.Name, p.api.targets.Name} {
		if p.redone[operation] {
			p.now.Vitals, err = p.vitalsOf(ctx, &p.all.vitals)
			return err == nil, err
		}
	}
	return true, nil
}

// patchCrossings asks what network load balancers are set to, where there may be others or that was long ago.
func (p *patching) patchCrossings(ctx context.Context) (ok bool, err error) {
	if !p.o.Affinity || !p.redone[cardForm.operation] && p.knowsCrossing() {
		return true, nil
	}
	p.crossed = true
	p.now.CrossZone, err = p.crossZone(ctx, &p.now)
	return err == nil, err
}
