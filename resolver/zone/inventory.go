package zone

import (
	"net/netip"
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
	ID      string // eni-...
	OwnerID string // i-... or the load balancer's name
	// Name is the packed PTR target: the tag name of the instance in wire form,
	// empty when it has none.
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
	VPCs       []Network
	Interfaces []Interface

	byPublic  map[[4]byte]uint32
	byPrivate map[privateKey]uint32
	byVPC     map[string]uint32
	views     []viewReach // by view index
}

type privateKey struct {
	vpc  uint32
	addr [4]byte
}

// viewReach is what one view may know of private addresses.
type viewReach struct {
	reach []bool         // by VPC
	own   []uint32       // the view's own VPCs
	cidrs []netip.Prefix // of the own VPCs
	also  []netip.Prefix // configured CIDRs that can be reached besides
	mode  AddressMode
}

// NewInventory indexes an inventory. Of several interfaces that claim one public
// address the last wins; sources deliver each once.
func NewInventory(vpcs []Network, interfaces []Interface) *Inventory {
	a := &Inventory{
		VPCs: vpcs, Interfaces: interfaces,
		byPublic: make(map[[4]byte]uint32), byPrivate: make(map[privateKey]uint32), byVPC: make(map[string]uint32),
	}
	for i := range vpcs {
		a.byVPC[vpcs[i].ID] = uint32(i)
	}
	for i := range interfaces {
		f := &interfaces[i]
		if f.Public.Is4() && f.Private.Is4() {
			a.byPublic[f.Public.As4()] = uint32(i)
		}
		if f.Private.Is4() {
			a.byPrivate[privateKey{f.VPC, f.Private.As4()}] = uint32(i)
		}
	}
	return a
}

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

// Any reports whether there is any public address that could be translated.
func (a *Inventory) Any() bool { return len(a.byPublic) > 0 }

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
)

// Translate returns the private address for a public one as the view sees it, and
// why. Only Translated changes anything; the interface is nil for Unknown. It
// doesn't allocate.
func (a *Inventory) Translate(view int, public [4]byte) (private [4]byte, f *Interface, why Verdict) {
	i, ok := a.byPublic[public]
	if !ok {
		return public, nil, Unknown
	}
	f = &a.Interfaces[i]
	why = a.reachable(view, f)
	if why != Translated {
		return public, f, why
	}
	return f.Private.As4(), f, Translated
}

func (a *Inventory) reachable(view int, f *Interface) Verdict {
	v := &a.views[view]
	switch {
	case f.Owner == OtherOwner:
		return NotOurs
	case v.mode == AddressPublic:
		return ViewPublic
	case a.VPCs[f.VPC].Stale:
		return StaleRegion
	case v.owns(f.VPC):
		return Translated
	case v.overlaps(f.Private):
		return Overlapping
	case v.mode == AddressPrivate || v.reach[f.VPC] || contains(v.also, f.Private):
		return Translated
	}
	return Unreachable
}

// Hidden reports whether a private address that tag names give for lack of a
// public one must not be shown to the view: it overlaps the view's own VPC and is
// not of it.
func (a *Inventory) Hidden(view int, private [4]byte) bool {
	v := &a.views[view]
	addr := netip.AddrFrom4(private)
	if !v.overlaps(addr) {
		return false
	}
	for _, vpc := range v.own {
		_, ok := a.byPrivate[privateKey{vpc, private}]
		if ok {
			return false
		}
	}
	return true
}

// Private returns the interface that has a private address in one of the VPCs that
// the view can reach, its own first; nil when there is none or it isn't unique.
func (a *Inventory) Private(view int, private [4]byte) *Interface {
	v := &a.views[view]
	for _, vpc := range v.own {
		i, ok := a.byPrivate[privateKey{vpc, private}]
		if ok {
			return &a.Interfaces[i]
		}
	}
	if v.overlaps(netip.AddrFrom4(private)) {
		return nil
	}
	var found *Interface
	for vpc, ok := range v.reach {
		if !ok {
			continue
		}
		i, ok := a.byPrivate[privateKey{uint32(vpc), private}]
		if !ok {
			continue
		}
		if found != nil {
			return nil
		}
		found = &a.Interfaces[i]
	}
	return found
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
