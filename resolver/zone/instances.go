package zone

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// InstanceAddress is one member of a set of instances: which instance it is, where, and by
// which addresses it can be had.
type InstanceAddress struct {
	ID      []byte     // i-...
	VPC     uint32     // index into Inventory.VPCs
	Private netip.Addr // zero when there is none
	Public  netip.Addr // zero when there is none; a global IPv6 address is a public one
	// KeepsPublic says that the public address, where there is one, is never translated.
	KeepsPublic bool
}

// The flags of a packed instance.
const (
	instancePrivate = 1 << iota
	instancePublic
	instanceKeepsPublic
)

// NewInstances packs the addresses, of one family, of the instances that have a name. The
// set holds which instance each address is of, as two VPCs may have the same addresses:
// what a view gets of it is up to [Inventory.Given].
//
// The data are the header of a packed record, then the instances, sorted by their private
// addresses: flags (1), VPC (4), the addresses there are, id (1+n). A public address that
// two claim is that of the first.
func NewInstances(rrtype uint16, ttl uint32, members []InstanceAddress) (RRset, error) {
	size := 4
	if rrtype == TypeAAAA {
		size = 16
	}
	if len(members) == 0 || len(members)*(rrHeader+size) > maxRRset {
		return RRset{}, fmt.Errorf("%d addresses of instances: %w", len(members), ErrTooLarge)
	}
	members = slices.Clone(members)
	slices.SortFunc(members, func(a, b InstanceAddress) int {
		return cmp.Or(
			a.Private.Compare(b.Private), a.Public.Compare(b.Public), cmp.Compare(a.VPC, b.VPC), bytes.Compare(a.ID, b.ID),
		)
	})
	data := AppendRecord(make([]byte, 0, rrHeader+len(members)*(2*size+28)), rrtype, ttl, nil)
	binary.BigEndian.PutUint16(data[10:], uint16(size))
	claimed := make(map[netip.Addr]bool, len(members))
	for i := range members {
		m := &members[i]
		if claimed[m.Public] {
			m.Public = netip.Addr{}
		}
		claimed[m.Public] = m.Public.IsValid()
		data = m.append(data)
	}
	return RRset{Type: rrtype, Count: uint16(len(members)), Kind: Instances, Flags: TagNames, Data: data}, nil
}

func (m *InstanceAddress) append(dst []byte) []byte {
	var flags byte
	if m.Private.IsValid() {
		flags |= instancePrivate
	}
	if m.Public.IsValid() {
		flags |= instancePublic
	}
	if m.KeepsPublic {
		flags |= instanceKeepsPublic
	}
	dst = binary.BigEndian.AppendUint32(append(dst, flags), m.VPC)
	dst = append(append(dst, m.Private.AsSlice()...), m.Public.AsSlice()...)
	return appendShort(dst, m.ID)
}

// Instances walks the members of a set of instances without allocating:
//
//	for w := set.Instances(); w.Next(&m); {
func (s RRset) Instances() InstanceWalk {
	if s.Kind != Instances {
		return InstanceWalk{}
	}
	return walkInstances(s.Data)
}

func walkInstances(data []byte) InstanceWalk {
	return InstanceWalk{size: int(data[11]), rest: data[rrHeader:]}
}

// InstanceWalk is a position among the members of a set of instances.
type InstanceWalk struct {
	size int // of an address
	rest []byte
}

// Next fills m with the next member, which borrows from the set; false at the end.
func (w *InstanceWalk) Next(m *InstanceAddress) bool {
	if len(w.rest) == 0 {
		return false
	}
	flags := w.rest[0]
	m.VPC = binary.BigEndian.Uint32(w.rest[1:])
	m.KeepsPublic = flags&instanceKeepsPublic != 0
	w.rest = w.rest[5:]
	m.Private = w.address(flags & instancePrivate)
	m.Public = w.address(flags & instancePublic)
	m.ID, w.rest = cutShort(w.rest)
	return true
}

func (w *InstanceWalk) address(there byte) netip.Addr {
	if there == 0 {
		return netip.Addr{}
	}
	b := w.rest[:w.size]
	w.rest = w.rest[w.size:]
	if w.size == 4 {
		return netip.AddrFrom4([4]byte(b))
	}
	return netip.AddrFrom16([16]byte(b))
}

// Fence says which address of an instance a view gets: the private one where it reaches
// it, which Translated tells, else the public one; the zero address where the instance is
// left out, and why.
func (a *Inventory) Fence(view int, m *InstanceAddress) (netip.Addr, Verdict) {
	if m.KeepsPublic && m.Public.IsValid() {
		return m.Public, NotOurs
	}
	if !m.Private.IsValid() {
		return m.Public, Unknown
	}
	if !m.Public.IsValid() {
		why := a.reachesAlone(view, m.VPC, m.Private)
		if why == Translated {
			return m.Private, why
		}
		return netip.Addr{}, why
	}
	why := a.reachable(view, m.VPC, m.Private)
	if why == Translated {
		return m.Private, why
	}
	return m.Public, why
}

// Given is a walk over the addresses that a view gets of a set of instances, each once.
// It doesn't allocate.
type Given struct {
	inventory *Inventory
	view      int
	walk      InstanceWalk
	last      netip.Addr // the private address given last
	fenced    bool
}

// Given begins a walk over the data of a set of instances.
func (a *Inventory) Given(view int, data []byte) Given {
	return Given{inventory: a, view: view, walk: walkInstances(data)}
}

// Next returns the next address, and whether it stands in place of a public one; false at
// the end.
func (g *Given) Next() (addr netip.Addr, translated, ok bool) {
	var m InstanceAddress
	for g.walk.Next(&m) {
		given, why := g.inventory.Fence(g.view, &m)
		switch {
		case !given.IsValid():
			g.fenced = true
		case why != Translated:
			return given, false, true
		case given != g.last: // equal private addresses stand side by side
			g.last = given
			return given, m.Public.IsValid(), true
		}
	}
	return netip.Addr{}, false, false
}

// Fenced reports whether an instance has been left out so far.
func (g *Given) Fenced() bool { return g.fenced }

// Interface returns the interface of the inventory that has the private address of an
// instance; one without an id where the inventory has none.
func (a *Inventory) Interface(m *InstanceAddress) *Interface {
	if m.Private.Is4() {
		first, ok := a.byPrivate[m.Private.As4()]
		for n := first + 1; ok && n != 0; n = a.next[n-1] {
			f := &a.Interfaces[n-1]
			if f.VPC == m.VPC && (!m.Public.IsValid() || f.Public == m.Public) {
				return f
			}
		}
	}
	return &Interface{Private: m.Private, Public: m.Public, VPC: m.VPC, OwnerID: string(m.ID)}
}
