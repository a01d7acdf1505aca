package zonesource

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// RegionReading is what was found of some instances and network interfaces of a region. It is
// not modified after [Keeper.ReadRegion].
type RegionReading struct {
	Key   Key       // of the region's part
	Began time.Time // before the first question was asked
	// Instances and Cards are the ids that were asked for: what isn't among Hosts and Interfaces
	// of them doesn't run, or doesn't exist.
	Instances, Cards []string
	Hosts            []*Host
	Interfaces       []*Interface // those of the instances, too
	// Addresses are all elastic IPs of the region, where HasAddresses says so.
	Addresses    []ElasticIP
	HasAddresses bool
	Cause
}

// ElasticIP is one, with where it is.
type ElasticIP struct {
	Public  netip.Addr
	Card    string     // "" when it is nowhere
	Private netip.Addr // zero for the primary address of the card
}

// ReadRegion serves what was read of some things of a region at once, and reports whether that
// changed anything. left says that something was listed or read after the reading began: then
// nothing of it counts, and who wants to know reads it again. It lies over listings that began
// before it.
func (k *Keeper) ReadRegion(r *RegionReading) (left, changed bool, err error) {
	k.work.Lock()
	defer k.work.Unlock()
	h := k.held[r.Key]
	if !h.serves() || h.part.Region == nil {
		return false, false, nil
	}
	isLater := func(o *RegionReading) bool { return o.Began.After(r.Began) }
	if h.read && h.part.Listed.After(r.Began) || slices.ContainsFunc(k.readings[r.Key], isLater) {
		return true, false, nil
	}
	k.readings[r.Key] = append(k.readings[r.Key], r)
	now := r.over(h.part.Region)
	if sameRegion(now, h.part.Region) {
		return false, false, nil
	}
	h.cover()
	h.part.Region, h.part.Sum, h.part.Pages = now, Sum{}, nil
	return false, true, k.replace(h, r.Cause)
}

// underReadings returns a region that was listed as it is to be served: with what was read of
// it after the listing began. The caller holds work.
func (k *Keeper) underReadings(p Part) Part {
	all := k.readings[p.Key]
	if p.Region == nil || len(all) == 0 {
		return p
	}
	all = slices.DeleteFunc(slices.Clone(all), func(r *RegionReading) bool { return !r.Began.After(p.Listed) })
	if len(all) == 0 {
		delete(k.readings, p.Key)
		return p
	}
	k.readings[p.Key] = all
	for _, r := range all {
		p.Region, p.Sum, p.Pages = r.over(p.Region), Sum{}, nil
	}
	return p
}

// over returns a region with the things that were read in their place.
func (r *RegionReading) over(old *Region) *Region {
	now := *old
	named := func(ids []string) map[string]bool {
		set := make(map[string]bool, len(ids))
		for _, id := range ids {
			set[id] = true
		}
		return set
	}
	instances, cards := named(r.Instances), named(r.Cards)
	for _, f := range r.Interfaces {
		cards[f.ID] = true
	}
	var about Followed
	var gone []int
	for i, f := range old.Interfaces {
		if cards[f.ID] || instances[f.Instance] {
			gone = append(gone, i)
			about.AddGone(f)
		}
	}
	for _, f := range r.Interfaces {
		about.Add(f.VPC, f.Private)
	}
	now.Interfaces = Merge(Without(old.Interfaces, gone), sortedBy(r.Interfaces, InterfaceID), InterfaceID)
	r.settle(now.Interfaces, cards, &about)
	gone = nil
	for id := range instances {
		for from, to := PlacesOf(old.Hosts, id, HostID); from < to; from++ {
			gone = append(gone, from)
		}
	}
	slices.Sort(gone)
	for _, h := range r.Hosts {
		about.Add(h.VPC, h.Private)
	}
	now.Hosts = Merge(Without(old.Hosts, gone), sortedBy(r.Hosts, HostID), HostID)
	about.FindAmong(now.Interfaces)
	_ = about.Give(now.Hosts) // one whose address no interface has keeps what it says itself
	now.VPCs = withVPCs(old.VPCs, r)
	return &now
}

// settle makes each public address belong to one interface: to that which was read with it, or,
// where the elastic IPs were read, to where they say. The addresses of those that have another one
// now are noted.
func (r *RegionReading) settle(all []*Interface, cards map[string]bool, changed *Followed) {
	give := func(i int, public netip.Addr) {
		if all[i].Public != public {
			all[i] = all[i].WithPublic(public)
			changed.Add(all[i].VPC, all[i].Private)
		}
	}
	claimed := map[netip.Addr]bool{}
	for _, f := range r.Interfaces {
		if f.Public.IsValid() {
			claimed[f.Public] = true
		}
	}
	owner := make(map[netip.Addr]int, len(r.Addresses))
	for i := range r.Addresses {
		owner[r.Addresses[i].Public] = r.Addresses[i].at(all)
	}
	for i, f := range all {
		if !f.Public.IsValid() {
			continue
		}
		at, isElastic := owner[f.Public]
		if isElastic && at != i || !isElastic && claimed[f.Public] && !cards[f.ID] {
			give(i, netip.Addr{})
		}
	}
	for i := range r.Addresses {
		e := &r.Addresses[i]
		at := e.at(all)
		if at >= 0 {
			give(at, e.Public)
		}
	}
}

// at is the place of the interface that has the address, -1 for none.
func (e *ElasticIP) at(all []*Interface) int {
	if e.Card == "" {
		return -1
	}
	from, to := PlacesOf(all, e.Card, InterfaceID)
	for i := from; i < to; i++ {
		if !e.Private.IsValid() || all[i].Private == e.Private {
			return i
		}
	}
	return -1
}

// WithPublic returns the interface with another public address; itself where it has that.
func (f *Interface) WithPublic(public netip.Addr) *Interface {
	if f.Public == public {
		return f
	}
	is := *f
	is.Public = public
	return &is
}

// WithPublic returns the host with another public address; itself where it has that.
func (h *Host) WithPublic(public netip.Addr) *Host {
	if h.Public == public {
		return h
	}
	is := *h
	is.Public = public
	return &is
}

// withVPCs adds those that something read is in and that weren't listed.
func withVPCs(old []VPC, r *RegionReading) []VPC {
	all := old
	add := func(id string) {
		if id != "" && !slices.ContainsFunc(all, func(v VPC) bool { return v.ID == id }) {
			all = append(slices.Clip(all), VPC{ID: id})
		}
	}
	for _, f := range r.Interfaces {
		add(f.VPC)
	}
	for _, h := range r.Hosts {
		add(h.VPC)
	}
	if len(all) == len(old) {
		return old
	}
	slices.SortFunc(all, func(a, b VPC) int { return cmp.Compare(a.ID, b.ID) })
	return all
}
