package resolver

import (
	"encoding/binary"
	"net/netip"

	"inside53/resolver/wire"
	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// Query is one question with all that the decision may depend on. It is made by
// [Query.parse] and belongs to one worker; nothing may keep it.
type Query struct {
	Client    netip.Addr // not IPv4-mapped, no zone
	Transport Transport
	Now       int64  // Unix seconds
	Rand      uint64 // 64 random bits for draws
	fixed     bool   // policies choose by a fixed rule, for secondaries (see Merger)

	ID         uint16
	RD, AD, CD bool
	opcode     byte
	Type       uint16
	Class      uint16
	EDNS       bool
	DO         bool
	UDPSize    uint16 // as the client said; 512 without EDNS
	KeepAlive  bool   // EDNS TCP keepalive option (RFC 7828)
	// ECS is the client subnet (RFC 7871) of a forwarder that is trusted to tell it;
	// the zero Prefix otherwise.
	ECS netip.Prefix

	Labels zone.Labels // of Name

	name     [zone.MaxName]byte
	nameLen  int
	asked    [zone.MaxName + 4]byte // the question as sent, letter case and all
	askedLen int
}

// Name returns the lower-case wire form of the name asked for.
func (q *Query) Name() []byte { return q.name[:q.nameLen:q.nameLen] }

// verdict is what the parsers make of a packet.
type verdict uint8

const (
	accepted  verdict = iota // a question to be answered
	ignored                  // not a query: nothing goes out
	malformed                // FORMERR
	badOpcode                // NOTIMP: an opcode that nobody defined, or that we don't have
	refused                  // REFUSED: UPDATE and NOTIFY
	badVers                  // BADVERS (RFC 6891 section 6.1.3)
	unsure                   // the strict parser doesn't want it; the lenient one decides
)

// parse reads a packet into q. The strict parser takes what ordinary resolvers
// send; miekg/dns decides on all else.
func (q *Query) parse(pkt []byte) verdict {
	if len(pkt) < wire.HeaderSize || pkt[2]&0x80 != 0 {
		return ignored // RFC 8906: neither a query nor an error one could answer
	}
	q.ID = binary.BigEndian.Uint16(pkt)
	q.RD = pkt[2]&0x01 != 0
	q.AD = pkt[3]&0x20 != 0
	q.CD = pkt[3]&0x10 != 0
	q.reset()
	q.opcode = pkt[2] >> 3 & 0xf
	switch q.opcode {
	case wire.OpcodeQuery:
	case wire.OpcodeNotify, wire.OpcodeUpdate:
		q.hearOPT(pkt)
		return refused
	default:
		q.hearOPT(pkt)
		return badOpcode
	}
	v := q.parseStrict(pkt)
	if v == unsure {
		v = q.parseLenient(pkt)
	}
	if v == malformed {
		q.hearOPT(pkt)
	}
	return v
}

// reset forgets what the query before said.
func (q *Query) reset() {
	q.EDNS, q.DO, q.KeepAlive, q.UDPSize = false, false, false, 512
	q.ECS = netip.Prefix{}
	q.nameLen, q.askedLen, q.Type, q.Class = 0, 0, 0, 0
}

// parseStrict accepts one uncompressed question and at most one OPT record at
// the end, nothing else. Refusing is always safe; accepting means that miekg/dns
// would give the same facts.
func (q *Query) parseStrict(pkt []byte) verdict {
	// One question, no answer, no authority, at most one additional record.
	if binary.BigEndian.Uint64(pkt[4:])&^1 != 1<<48 {
		return unsure
	}
	n := q.parseName(pkt[wire.HeaderSize:])
	if n == 0 || wire.HeaderSize+n+4 > len(pkt) {
		return unsure
	}
	at := wire.HeaderSize + n
	q.Type = binary.BigEndian.Uint16(pkt[at:])
	q.Class = binary.BigEndian.Uint16(pkt[at+2:])
	at += 4
	q.askedLen = copy(q.asked[:], pkt[wire.HeaderSize:at])
	if pkt[11] == 0 {
		if at != len(pkt) {
			return unsure
		}
		return accepted
	}
	return q.parseOPT(pkt[at:])
}

// parseName lower-cases the uncompressed name at the start of b into q, with its
// labels and their hashes, and returns its length in b; 0 when it isn't one.
func (q *Query) parseName(b []byte) int {
	var starts [zone.MaxLabels + 1]uint8
	n, i := 0, 0
	for {
		if i >= len(b) || i >= zone.MaxName {
			return 0
		}
		size := int(b[i])
		if size == 0 {
			break
		}
		if size > 63 || i+1+size >= len(b) || i+1+size >= zone.MaxName {
			return 0
		}
		starts[n] = uint8(i)
		n++
		q.name[i] = b[i]
		i++
		for _, c := range b[i : i+size] {
			if c-'A' < 26 {
				c += 'a' - 'A'
			}
			q.name[i] = c
			i++
		}
	}
	q.name[i] = 0
	q.nameLen = i + 1
	q.Labels.Set(q.name[:i+1], starts[:n])
	return i + 1
}

// parseOPT reads the one OPT record that must fill b.
func (q *Query) parseOPT(b []byte) verdict {
	if len(b) < wire.OPTSize || b[0] != 0 || binary.BigEndian.Uint16(b[1:]) != wire.TypeOPT {
		return unsure
	}
	if int(binary.BigEndian.Uint16(b[9:])) != len(b)-wire.OPTSize {
		return unsure
	}
	q.EDNS = true
	q.UDPSize = max(512, binary.BigEndian.Uint16(b[3:]))
	q.DO = b[7]&0x80 != 0
	version := b[6]
	for b = b[wire.OPTSize:]; len(b) > 0; {
		if len(b) < 4 {
			return unsure
		}
		size := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if size > len(b) {
			return unsure
		}
		switch binary.BigEndian.Uint16(b) {
		case wire.OptionKeepAlive:
			if size != 4 {
				return unsure // a query's has no time in it (RFC 7828 section 3.2.1)
			}
			q.KeepAlive = true
		case wire.OptionSubnet:
			var ok bool
			q.ECS, ok = parseSubnet(b[4:size])
			if !ok {
				return unsure
			}
		case 3, 10, 12: // NSID, COOKIE, padding: no form that could be wrong for us
		default:
			return unsure // others have forms of their own, which miekg/dns checks
		}
		b = b[size:]
	}
	if version != 0 {
		return badVers
	}
	return accepted
}

// parseLenient lets miekg/dns read the packet.
func (q *Query) parseLenient(pkt []byte) verdict {
	q.reset()
	tidied, whole := tidy(pkt)
	if !whole {
		return malformed
	}
	var m dns.Msg
	err := m.Unpack(tidied)
	if err != nil || len(m.Question) != 1 {
		return malformed
	}
	var wire [zone.MaxName + 1]byte
	n, err := dns.PackDomainName(m.Question[0].Name, wire[:], 0, nil, false)
	if err != nil || q.parseName(wire[:n]) != n {
		return malformed
	}
	q.Type, q.Class = m.Question[0].Qtype, m.Question[0].Qclass
	q.askedLen = copy(q.asked[:], wire[:n])
	q.askedLen += copy(q.asked[n:], []byte{byte(q.Type >> 8), byte(q.Type), byte(q.Class >> 8), byte(q.Class)})
	var opt *dns.OPT
	for _, rr := range m.Extra {
		o, ok := rr.(*dns.OPT)
		if !ok {
			continue
		}
		if opt != nil || o.Hdr.Name != "." {
			return malformed // RFC 6891 section 6.1.1: at most one, owned by the root
		}
		opt = o
	}
	if opt == nil {
		return accepted
	}
	q.EDNS = true
	q.UDPSize = max(512, opt.UDPSize())
	q.DO = opt.Do()
	for _, o := range opt.Option {
		switch o := o.(type) {
		case *dns.EDNS0_TCP_KEEPALIVE:
			q.KeepAlive = true
		case *dns.EDNS0_SUBNET:
			q.ECS = subnetOf(o)
		}
	}
	if opt.Version() != 0 {
		return badVers
	}
	return accepted
}

// parseSubnet reads the client subnet option of a query (RFC 7871 section 6): family,
// source prefix length, scope, which is 0 in queries, and as many octets of the
// address as the length needs, with no bit set beyond it.
func parseSubnet(b []byte) (netip.Prefix, bool) {
	if len(b) < 4 || b[3] != 0 {
		return netip.Prefix{}, false
	}
	length, octets := int(b[2]), b[4:]
	if len(octets) != (length+7)/8 {
		return netip.Prefix{}, false
	}
	var addr netip.Addr
	switch {
	case binary.BigEndian.Uint16(b) == 1 && length <= 32:
		var a [4]byte
		copy(a[:], octets)
		addr = netip.AddrFrom4(a)
	case binary.BigEndian.Uint16(b) == 2 && length <= 128:
		var a [16]byte
		copy(a[:], octets)
		addr = netip.AddrFrom16(a)
	default:
		return netip.Prefix{}, false
	}
	p := netip.PrefixFrom(addr, length)
	return p, p.Masked() == p
}

// subnetOf returns the client subnet as miekg/dns has it; the zero Prefix where it
// isn't one.
func subnetOf(o *dns.EDNS0_SUBNET) netip.Prefix {
	addr, ok := netip.AddrFromSlice(o.Address)
	if !ok {
		return netip.Prefix{}
	}
	if o.Family == 1 {
		addr = addr.Unmap()
	}
	p, err := addr.Prefix(int(o.SourceNetmask))
	if err != nil || (o.Family == 1) != addr.Is4() {
		return netip.Prefix{}
	}
	return p
}
