package zone

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// Affinity says what becomes of members in other availability zones than the client's.
type Affinity uint8

// The kinds of affinity.
const (
	NoAffinity   Affinity = iota // zones don't matter, and nobody looks for the client's
	OwnZoneFirst                 // those of the client's zone come first
	OwnZone                      // those of the client's zone alone, where there are some
)

// Subnet is the zone of a subnet: a prefix of addresses of clients.
type Subnet struct {
	Prefix netip.Prefix
	Zone   uint16 // index into Inventory.Zones, from 1
}

// affinity is what an inventory knows of availability zones. It is none where they don't
// matter.
type affinity struct {
	mode    Affinity
	subnets []bart.Table[uint16] // by view index; 0 is a prefix whose zone isn't unique
}

// SetAffinity says, during construction and ahead of the views, that availability zones
// matter, and names them.
func (a *Inventory) SetAffinity(mode Affinity, zones []string) {
	a.affinity.mode, a.Zones = mode, zones
}

// SetSubnets tells, after [Inventory.AddView], where the clients of a view are: in the subnets
// of its own VPCs, else in those that it reaches. A prefix of several zones is of none.
func (a *Inventory) SetSubnets(view int, own, reached []Subnet) {
	if a.affinity.mode == NoAffinity {
		return
	}
	for len(a.affinity.subnets) <= view {
		a.affinity.subnets = append(a.affinity.subnets, bart.Table[uint16]{})
	}
	t := &a.affinity.subnets[view]
	for _, s := range own {
		insertSubnet(t, s)
	}
	var others bart.Table[uint16]
	for _, s := range reached {
		if !t.OverlapsPrefix(s.Prefix) {
			insertSubnet(&others, s)
		}
	}
	for prefix, in := range others.All() {
		t.Insert(prefix, in)
	}
}

func insertSubnet(t *bart.Table[uint16], s Subnet) {
	known, there := t.Get(s.Prefix.Masked())
	if there && known != s.Zone {
		s.Zone = 0
	}
	t.Insert(s.Prefix.Masked(), s.Zone)
}

// Affinity says what becomes of members in other zones than the client's.
func (a *Inventory) Affinity() Affinity { return a.affinity.mode }

// ZoneOf returns the availability zone of a client of a view; 0 where it isn't known. It
// doesn't allocate.
func (a *Inventory) ZoneOf(view int, client netip.Addr) uint16 {
	if view >= len(a.affinity.subnets) {
		return 0
	}
	in, _ := a.affinity.subnets[view].Lookup(client)
	return in
}

// ZoneName returns the name of an availability zone by its number; "" for 0.
func (a *Inventory) ZoneName(number uint16) string {
	if number == 0 || int(number) > len(a.Zones) {
		return ""
	}
	return a.Zones[number-1]
}
