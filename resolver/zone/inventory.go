package zone

import (
	"net/netip"
	"slices"
)

// Owner says what an interface belongs to.
type Owner uint8

// The owners of interfaces.
const (
	Instance Owner = iota
	LoadBalancer
	OtherOwner // requester-managed and everything else: never translated
)

// Interface is one private address of one network interface, with the public
// address that is associated with it, if any.
type Interface struct {
	Public  netip.Addr // zero when there is none
	Private netip.Addr
	VPC     uint32 // index into Inventory.VPCs
	Owner   Owner
	IPv6    netip.Addr // the first one, on the first address of an interface
	ID      string     // eni-...
	OwnerID string     // i-... or the load balancer's name
	// Instance is the instance whose primary address this is, "" for none.
	Instance string
	// Name is the name at the time when the inventory was made; see [Inventory.Name].
	Name []byte
}

// Network is one VPC of the inventory.
type Network struct {
	ID, Region, Account string
	CIDRs               []netip.Prefix
	// Stale says that the inventory of its region is too old to translate by.
	Stale bool
}

// Inventory is the inventory as answers need it: interfaces by public and by
// private address, and per view which VPCs can be reached privately. Immutable.
// (EC2 associates public IPv4 addresses only; IPv6 addresses are never translated.)
type Inventory struct {
	VPCs  []Network
	Zones []string // availability zones, where they matter

	affinity affinity
	services map[string]*Service

	base *holders
	over *holders        // interfaces that came since base was made; nil: none
	gone map[uint32]bool // those of base that there are no more, by their index
	// renamed are the names of interfaces that have another one than they say.
	renamed map[*Interface][]byte

	byVPC     map[string]uint32
	views     []viewReach // by view index
	uncertain bool
	unread    []UnreadRegion
}

// UnreadRegion is a region whose inventory was not read.
type UnreadRegion struct {
	Name string
	Why  string // for people
}

// viewReach is what one view may know of private addresses.
type viewReach struct {
	reach []bool         // by VPC
	mute  []bool         // by VPC: peered, but the peering allows no DNS resolution; nil for none
	own   []uint32       // the view's own VPCs
	cidrs []netip.Prefix // of the own VPCs
	also  []netip.Prefix // configured CIDRs that can be reached besides
	mode  AddressMode
}

// NewInventory indexes an inventory. Of several interfaces that claim one public
// address the last wins; sources deliver each once.
func NewInventory(vpcs []Network, interfaces []Interface) *Inventory {
	a := &Inventory{VPCs: vpcs, base: newHolders(interfaces), byVPC: make(map[string]uint32)}
	for i := range vpcs {
		a.byVPC[vpcs[i].ID] = uint32(i)
	}
	return a
}

// ViewKey is equal for views, and inventories, that reach the same private addresses of the
// same VPCs: all but which interface has which address.
func (a *Inventory) ViewKey(view int) string {
	if view >= len(a.views) {
		return ""
	}
	v := &a.views[view]
	b := []byte{byte(v.mode), '0', '/'}
	if a.uncertain {
		b[1] = '1'
	}
	if v.mode == AddressPublic {
		return string(b)
	}
	for i := range a.VPCs {
		state := byte('-')
		if v.reach[i] || v.mode == AddressPrivate {
			state = '+'
		}
		if a.VPCs[i].Stale {
			state++
		}
		b = append(append(b, a.VPCs[i].ID...), state)
	}
	for _, i := range v.own {
		b = append(append(b, ' '), a.VPCs[i].ID...)
	}
	for _, list := range [...][]netip.Prefix{v.cidrs, v.also} {
		b = append(b, '/')
		for _, p := range list {
			b = append(p.AppendTo(b), ' ')
		}
	}
	return string(b)
}

// Has reports whether an interface has the public address.
func (a *Inventory) Has(public [4]byte) bool {
	return a.withPublic(public) != nil
}

// Contested reports whether several interfaces claim one public address.
func (a *Inventory) Contested() bool { return a.base.contested }

// AddView tells, during construction and in the order of views, what the view can
// reach: its mode, its own VPCs, the further VPCs (peered, or named) and the CIDRs
// that its private routes cover. A private address outside the view's own VPCs is
// never given where it overlaps a CIDR of theirs.
func (a *Inventory) AddView(mode AddressMode, own, reach []string, also []netip.Prefix) {
	v := viewReach{reach: make([]bool, len(a.VPCs)), also: also, mode: mode}
	for _, id := range own {
		i, ok := a.byVPC[id]
		if !ok {
			continue
		}
		v.reach[i] = true
		v.own = append(v.own, i)
		v.cidrs = append(v.cidrs, a.VPCs[i].CIDRs...)
	}
	for _, id := range reach {
		i, ok := a.byVPC[id]
		if ok {
			v.reach[i] = true
		}
	}
	a.views = append(a.views, v)
}

// SetMute names, after [Inventory.AddView], the VPCs that are peered with one of the view's
// by a peering that allows no DNS resolution: they aren't reached, for this reason.
func (a *Inventory) SetMute(view int, vpcs []string) {
	v := &a.views[view]
	for _, id := range vpcs {
		i, ok := a.byVPC[id]
		if !ok {
			continue
		}
		if v.mute == nil {
			v.mute = make([]bool, len(a.VPCs))
		}
		v.mute[i] = true
	}
}

// SetUncertain says, during construction, that a region has not been read: a public address
// that no interface has may be one of its instances.
func (a *Inventory) SetUncertain(uncertain bool) { a.uncertain = uncertain }

// SetUnread names, during construction, the regions that have not been read: nobody else
// knows what their names are within.
func (a *Inventory) SetUnread(regions []UnreadRegion) { a.unread = regions }

// Unread returns the regions whose computed names fail for the view; none where the view
// wants public addresses, as the inventory says nothing to it.
func (a *Inventory) Unread(view int) []UnreadRegion {
	if a.views[view].mode == AddressPublic {
		return nil
	}
	return a.unread
}

// UncertainPrivate reports whether an instance that isn't known may have a private address.
// None has one in a CIDR of the view's own VPCs. It doesn't allocate.
func (a *Inventory) UncertainPrivate(view int, private [4]byte) bool {
	shared := private[0] == 100 && private[1]&0xc0 == 64 // RFC 6598
	return a.uncertain && a.views[view].mode != AddressPublic && (shared || netip.AddrFrom4(private).IsPrivate()) &&
		!a.Inside(view, private)
}

// IsUncertain reports whether Uncertain holds for any address.
func (a *Inventory) IsUncertain() bool { return a.uncertain }

// Uncertain reports whether the view may have a private address for a public one that
// isn't known. It doesn't allocate.
func (a *Inventory) Uncertain(view int, public [4]byte) bool {
	if !a.uncertain || a.views[view].mode == AddressPublic || netip.AddrFrom4(public).IsPrivate() {
		return false
	}
	return !a.Has(public)
}

// Any reports whether there is any public address that could be translated.
func (a *Inventory) Any() bool {
	return len(a.base.byPublic) > 0 || a.over != nil && len(a.over.byPublic) > 0
}

// Verdict is what became of one address, for explain and for the tests.
type Verdict uint8

// The verdicts on a public address.
const (
	Unknown     Verdict = iota // not an address of the inventory
	Translated                 // the private address is given
	NotOurs                    // owned by something that is never translated
	StaleRegion                // the inventory of its region is too old
	ViewPublic                 // the view wants public addresses
	Unreachable                // no private way from the view to its VPC
	Overlapping                // its private address overlaps the view's own VPC
	Mute                       // as Unreachable; there is a peering, which allows no DNS resolution
)

// Translate returns the private address for a public one as the view sees it, and
// why. Only Translated changes anything; the interface is nil for Unknown. It
// doesn't allocate.
func (a *Inventory) Translate(view int, public [4]byte) (private [4]byte, f *Interface, why Verdict) {
	f = a.withPublic(public)
	if f == nil {
		return public, nil, Unknown
	}
	if f.Owner == OtherOwner {
		return public, f, NotOurs
	}
	why = a.reachable(view, f.VPC, f.Private)
	if why != Translated {
		return public, f, why
	}
	return f.Private.As4(), f, Translated
}

// reachable says whether the view has a private way to a private address of a VPC, which
// Translated means, or why not. It is the one rule for all addresses and names of the
// inventory.
func (a *Inventory) reachable(view int, vpc uint32, private netip.Addr) Verdict {
	v := &a.views[view]
	switch {
	case v.mode == AddressPublic:
		return ViewPublic
	case a.VPCs[vpc].Stale:
		return StaleRegion
	case v.owns(vpc):
		return Translated
	case v.overlaps(private):
		return Overlapping
	case v.mode == AddressPrivate || v.reach[vpc] || contains(v.also, private):
		return Translated
	case v.mute != nil && v.mute[vpc]:
		return Mute
	}
	return Unreachable
}

// reachesAlone is reachable for an address that nothing stands in for: no public one. Age takes
// none from the view's own VPCs, where reaching it is no matter of what was listed.
func (a *Inventory) reachesAlone(view int, vpc uint32, private netip.Addr) Verdict {
	why := a.reachable(view, vpc, private)
	if why == StaleRegion && a.views[view].owns(vpc) {
		return Translated
	}
	return why
}

// Reaches reports whether the view gets private addresses of a VPC, as far as that is a
// matter of the VPC alone.
func (a *Inventory) Reaches(view int, vpc string) bool {
	v := &a.views[view]
	i, ok := a.byVPC[vpc]
	return ok && v.mode != AddressPublic && (v.owns(i) || v.mode == AddressPrivate || v.reach[i])
}

// Private returns the interface that has a private address and that the view reaches, in
// its own VPCs first; nil when there is none or it isn't unique.
func (a *Inventory) Private(view int, private [4]byte) *Interface {
	v := &a.views[view]
	addr := netip.AddrFrom4(private)
	var own, found *Interface
	place := len(v.own) // of the VPC among the view's own
	several := false
	for f := range a.withPrivate(private) {
		if a.reachesAlone(view, f.VPC, addr) != Translated {
			continue
		}
		if at := slices.Index(v.own[:place], f.VPC); at >= 0 {
			own, place = f, at
		}
		several = several || found != nil && found.VPC != f.VPC
		if found == nil {
			found = f
		}
	}
	if own != nil {
		return own
	}
	if several {
		return nil
	}
	return found
}

// Instance returns the interface with the primary address of an instance, and whether the
// view gets its private address; nil for none that is known. It doesn't allocate.
func (a *Inventory) Instance(view int, id []byte) (f *Interface, reached bool) {
	f = a.firstOf(id)
	if f == nil {
		return nil, false
	}
	return f, a.reachesAlone(view, f.VPC, f.Private) == Translated
}

// Inside reports whether an address lies in a CIDR of the view's own VPCs.
func (a *Inventory) Inside(view int, addr [4]byte) bool {
	return a.views[view].overlaps(netip.AddrFrom4(addr))
}

// Region returns the region of an interface.
func (a *Inventory) Region(f *Interface) string { return a.VPCs[f.VPC].Region }

func (v *viewReach) owns(vpc uint32) bool {
	for _, o := range v.own {
		if o == vpc {
			return true
		}
	}
	return false
}

func (v *viewReach) overlaps(addr netip.Addr) bool { return contains(v.cidrs, addr) }

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
