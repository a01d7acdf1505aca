package zone

import (
	"encoding/binary"
	"fmt"
)

// Policy is a Route 53 routing policy.
type Policy uint8

// The routing policies. Simple is a group of one: a plain record that carries a
// health check or a set identifier.
const (
	Simple Policy = iota
	Weighted
	Failover
	Latency
	Geolocation
	Geoproximity
	Multivalue
	IPBased
	policies
)

var policyNames = [policies]string{"simple", "weighted", "failover", "latency", "geolocation", "geoproximity",
	"multivalue", "ip-based"}

// String returns the policy's name as the AWS documentation has it.
func (p Policy) String() string { return policyNames[p] }

// Member is one record set of a routing policy. The fields of other policies than
// the group's own are empty. Byte slices hold the text that Route 53 gave.
type Member struct {
	SetID       []byte
	Check       []byte // health check id, empty for none
	Weight      uint8  // Weighted: 0-255
	Secondary   bool   // Failover: SECONDARY
	Region      []byte // Latency, Geoproximity: AWS region
	Continent   []byte // Geolocation: AF, AN, AS, EU, OC, NA, SA
	Country     []byte // Geolocation: ISO 3166-1 alpha-2, or * for the default
	Subdivision []byte // Geolocation: state of the US (or oblast of Ukraine)
	Bias        int8   // Geoproximity: -99 to 99
	Coordinates []byte // Geoproximity: "latitude,longitude"
	LocalZone   []byte // Geoproximity: local zone group
	Collection  []byte // IPBased: CIDR collection id
	Location    []byte // IPBased: location name, * for the default
	Set         RRset  // Records, Aliased or Unservable
}

// NewGroup packs the members of one policy. Members keep the order given.
func NewGroup(rrtype uint16, policy Policy, members []Member) (RRset, error) {
	data := []byte{byte(policy)}
	for i := range members {
		at := len(data)
		data = append(data, 0, 0, 0, 0)
		data = members[i].append(data)
		binary.BigEndian.PutUint32(data[at:], uint32(len(data)-at-4))
	}
	if len(members) == 0 || len(members) > 65535 || len(data) > 1<<20 {
		return RRset{}, fmt.Errorf("%d members of %d octets: %w", len(members), len(data), ErrTooLarge)
	}
	return RRset{Type: rrtype, Count: uint16(len(members)), Kind: Group, Flags: translatable(rrtype), Data: data}, nil
}

// append packs a member: what every policy asks for in front, and of the rest only the
// fields that have something, named by a bit each.
func (m *Member) append(dst []byte) []byte {
	var secondary, given byte
	if m.Secondary {
		secondary = 1
	}
	for i, field := range m.placement() {
		if len(*field) > 0 {
			given |= 1 << i
		}
	}
	dst = append(dst, m.Weight, secondary, byte(m.Bias), byte(m.Set.Kind), byte(m.Set.Flags))
	dst = binary.BigEndian.AppendUint16(dst, m.Set.Count)
	dst = append(dst, given)
	dst = appendShort(dst, m.SetID)
	dst = appendShort(dst, m.Check)
	for i, field := range m.placement() {
		if given>>i&1 == 1 {
			dst = appendShort(dst, *field)
		}
	}
	return append(dst, m.Set.Data...)
}

// placement returns the fields that say which clients a member is for.
func (m *Member) placement() [8]*[]byte {
	return [...]*[]byte{&m.Region, &m.Continent, &m.Country, &m.Subdivision, &m.Coordinates, &m.LocalZone, &m.Collection,
		&m.Location}
}

// Policy returns the policy of a Group.
func (s RRset) Policy() Policy { return Policy(s.Data[0]) }

// Members walks the members of a Group without allocating:
//
//	for w := set.Members(); w.Next(&m); {
func (s RRset) Members() MemberWalk {
	if s.Kind != Group {
		return MemberWalk{}
	}
	return MemberWalk{rrtype: s.Type, rest: s.Data[1:]}
}

// MemberWalk is a position among the members of a group.
type MemberWalk struct {
	rrtype uint16
	rest   []byte
}

// Next fills m with the next member; false at the end.
func (w *MemberWalk) Next(m *Member) bool {
	if len(w.rest) < 4 {
		return false
	}
	n := 4 + binary.BigEndian.Uint32(w.rest)
	b := w.rest[4:n:n]
	w.rest = w.rest[n:]
	m.Weight, m.Secondary, m.Bias = b[0], b[1] == 1, int8(b[2])
	m.Set = RRset{Type: w.rrtype, Kind: Kind(b[3]), Flags: Flags(b[4]), Count: binary.BigEndian.Uint16(b[5:])}
	given := b[7]
	m.SetID, b = cutShort(b[8:])
	m.Check, b = cutShort(b)
	m.Region, m.Continent, m.Country, m.Subdivision = nil, nil, nil, nil
	m.Coordinates, m.LocalZone, m.Collection, m.Location = nil, nil, nil, nil
	if given != 0 {
		b = m.cutPlacement(given, b)
	}
	m.Set.Data = b
	return true
}

func (m *Member) cutPlacement(given byte, b []byte) (rest []byte) {
	for i, field := range m.placement() {
		if given>>i&1 == 1 {
			*field, b = cutShort(b)
		}
	}
	return b
}
