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
	Zone    uint16     // its availability zone: index into Inventory.Zones, from 1; 0 is unknown
	Private netip.Addr // zero when there is none
	Public  netip.Addr // zero when there is none; a global IPv6 address is a public one
	// KeepsPublic says that the public address, where there is one, is never translated.
	KeepsPublic bool
	// Rdata is what is answered in place of the address (of SRV records); nil for the address.
	Rdata []byte
}

// The flags of a packed instance.
const (
	instancePrivate = 1 << iota
	instancePublic
	instanceKeepsPublic
	instanceRdata
)

// NewInstances packs the addresses, of one family, of the instances that have a name. The
// set holds which instance each address is of, as two VPCs may have the same addresses:
// what a view gets of it is up to [Inventory.Given].
//
// The data are the header of a packed record, with the length of an address or 0, then the
// instances, sorted by their private addresses: flags (1), VPC (4), zone (2), private and public
// address, each behind its length (1) where that isn't the header's, id (1+n), rdata (2+n). A
// public address that two claim is that of the first.
func NewInstances(rrtype uint16, ttl uint32, members []InstanceAddress) (RRset, error) {
	size, most := 4, rrHeader+4
	switch rrtype {
	case TypeAAAA:
		size, most = 16, rrHeader+16
	case TypeSRV:
		size, most = 0, rrHeader+MaxName+6
	}
	if len(members) == 0 || len(members)*most > maxRRset {
		return RRset{}, fmt.Errorf("%d addresses of instances: %w", len(members), ErrTooLarge)
	}
	members = slices.Clone(members)
	slices.SortFunc(members, func(a, b InstanceAddress) int {
		return cmp.Or(
			a.Private.Compare(b.Private), a.Public.Compare(b.Public), cmp.Compare(a.VPC, b.VPC), bytes.Compare(a.ID, b.ID),
			bytes.Compare(a.Rdata, b.Rdata),
		)
	})
	data := AppendRecord(make([]byte, 0, rrHeader+len(members)*(2*size+30)), rrtype, ttl, nil)
	binary.BigEndian.PutUint16(data[10:], uint16(size))
	claimed := make(map[netip.Addr]bool, len(members))
	for i := range members {
		m := &members[i]
		if claimed[m.Public] && m.Rdata == nil {
			m.Public = netip.Addr{}
		}
		claimed[m.Public] = m.Public.IsValid()
		data = m.append(data, size)
	}
	return RRset{Type: rrtype, Count: uint16(len(members)), Kind: Instances, Flags: TagNames, Data: data}, nil
}

func (m *InstanceAddress) append(dst []byte, size int) []byte {
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
	if m.Rdata != nil {
		flags |= instanceRdata
	}
	dst = binary.BigEndian.AppendUint32(append(dst, flags), m.VPC)
	dst = binary.BigEndian.AppendUint16(dst, m.Zone)
	for _, addr := range [...]netip.Addr{m.Private, m.Public} {
		octets := addr.AsSlice()
		if size == 0 && len(octets) > 0 {
			dst = append(dst, byte(len(octets)))
		}
		dst = append(dst, octets...)
	}
	dst = appendShort(dst, m.ID)
	if m.Rdata != nil {
		dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(m.Rdata))), m.Rdata...)
	}
	return dst
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
	m.VPC, m.Zone = binary.BigEndian.Uint32(w.rest[1:]), binary.BigEndian.Uint16(w.rest[5:])
	m.KeepsPublic = flags&instanceKeepsPublic != 0
	w.rest = w.rest[7:]
	m.Private = w.address(flags & instancePrivate)
	m.Public = w.address(flags & instancePublic)
	m.ID, w.rest = cutShort(w.rest)
	m.Rdata = nil
	if flags&instanceRdata != 0 {
		end := 2 + int(binary.BigEndian.Uint16(w.rest))
		m.Rdata, w.rest = w.rest[2:end:end], w.rest[end:]
	}
	return true
}

func (w *InstanceWalk) address(there byte) netip.Addr {
	if there == 0 {
		return netip.Addr{}
	}
	size := w.size
	if size == 0 {
		size, w.rest = int(w.rest[0]), w.rest[1:]
	}
	b := w.rest[:size]
	w.rest = w.rest[size:]
	if size == 4 {
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

// Pick narrows the members of a set of instances that a view reaches. The zero value leaves
// all of them.
type Pick struct {
	Zone  uint16 // of the client: its members come first, or alone; 0 for none
	Alone bool   // members of other zones are left out
	Well  bool   // unhealthy members are left out
}

// Given is a walk over the addresses that a view gets of a set of instances, each once.
// It doesn't allocate.
type Given struct {
	inventory *Inventory
	view      int
	data      []byte
	walk      InstanceWalk
	last      netip.Addr // the private address given last
	rdata     []byte     // the rdata given last
	sick      map[string]string
	pick      Pick
	others    bool // the members of the client's zone have had their turn
	fenced    bool
}

// GivenAddress is what a view gets of one member.
type GivenAddress struct {
	Addr       netip.Addr
	Rdata      []byte // in place of the address; nil for the address
	Zone       uint16
	Translated bool // it stands in place of a public address
}

// Given begins a walk over the data of a set of instances. sick are those that are
// unhealthy.
func (a *Inventory) Given(view int, data []byte, pick Pick, sick map[string]string) Given {
	return Given{inventory: a, view: view, data: data, walk: walkInstances(data), pick: pick, sick: sick,
		others: pick.Zone == 0}
}

// Next fills to with the next address; false at the end.
func (g *Given) Next(to *GivenAddress) bool {
	var m InstanceAddress
	for {
		for g.walk.Next(&m) {
			if g.takes(&m, to) {
				return true
			}
		}
		if g.others || g.pick.Alone {
			return false
		}
		g.others, g.walk, g.last, g.rdata = true, walkInstances(g.data), netip.Addr{}, nil
	}
}

// takes reports whether the view gets something of a member, and what.
func (g *Given) takes(m *InstanceAddress, to *GivenAddress) bool {
	given, why := g.inventory.Fence(g.view, m)
	if !given.IsValid() {
		g.fenced = true
		return false
	}
	if g.pick.Zone != 0 && g.others == (m.Zone == g.pick.Zone) {
		return false
	}
	if g.pick.Well {
		_, sick := g.sick[string(m.ID)]
		if sick {
			return false
		}
	}
	to.Addr, to.Rdata, to.Zone, to.Translated = given, m.Rdata, m.Zone, why == Translated && m.Public.IsValid()
	switch {
	case m.Rdata != nil:
		if string(m.Rdata) == string(g.rdata) {
			return false // instances of one name and port are one record
		}
		g.rdata, to.Translated = m.Rdata, false
	case why == Translated:
		if given == g.last { // equal private addresses stand side by side
			return false
		}
		g.last = given
	}
	return true
}

// Fenced reports whether an instance has been left out so far as the view doesn't reach it.
func (g *Given) Fenced() bool { return g.fenced }

// Pick says how the members of a set are to be narrowed for a client of a zone, 0 for
// none, where some are unhealthy: these go while one is there that is healthy, and then those
// of other zones where the client's has one and alone is asked for. It doesn't allocate.
func (a *Inventory) Pick(view int, data []byte, clientZone uint16, alone bool, sick map[string]string) Pick {
	well, unwell, near, nearWell := false, false, false, false
	var m InstanceAddress
	for w := walkInstances(data); w.Next(&m); {
		given, _ := a.Fence(view, &m)
		if !given.IsValid() {
			continue
		}
		isSick := false
		if len(sick) > 0 {
			_, isSick = sick[string(m.ID)]
		}
		here := clientZone != 0 && m.Zone == clientZone
		well, unwell = well || !isSick, unwell || isSick
		near, nearWell = near || here, nearWell || here && !isSick
	}
	p := Pick{Well: well && unwell}
	if p.Well {
		near = nearWell
	}
	if near {
		p.Zone, p.Alone = clientZone, alone
	}
	return p
}

// Interface returns the interface of the inventory that has the private address of an
// instance; one without an id where the inventory has none.
func (a *Inventory) Interface(m *InstanceAddress) *Interface {
	if m.Private.Is4() {
		for f := range a.withPrivate(m.Private.As4()) {
			if f.VPC == m.VPC && (!m.Public.IsValid() || f.Public == m.Public) {
				return f
			}
		}
	}
	return &Interface{Private: m.Private, Public: m.Public, VPC: m.VPC, OwnerID: string(m.ID)}
}
