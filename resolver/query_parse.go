package resolver

import (
	"encoding/binary"
	"net/netip"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// parseName lower-cases the uncompressed name at the start of b into q, with its
// labels and their hashes, and returns its length in b; 0 when it isn't one.
func (q *Query) parseName(b []byte) int {
	q.names++
	size, labels := wire.FoldName(&q.name, &q.starts, b)
	if size < 0 {
		return 0
	}
	q.nameLen = size
	q.Labels.Set(b[:size], q.starts[:labels])
	return size
}

// record is where a record stands in a packet.
type record struct {
	at, fixed, rdata, end int // of the owner, behind it, of the data, behind it
	rrtype                uint16
}

// record finds the parts of the record at an offset; end is -1 when it isn't whole.
func (q *Query) record(pkt []byte, at int) record {
	q.names++
	r := record{at: at, fixed: wire.SkipName(pkt, at), end: -1}
	r.rdata = r.fixed + wire.RecordFixed
	if r.fixed < 0 || r.rdata > len(pkt) {
		return r
	}
	r.rrtype = binary.BigEndian.Uint16(pkt[r.fixed:])
	end := r.rdata + int(binary.BigEndian.Uint16(pkt[r.rdata-2:]))
	if end <= len(pkt) {
		r.end = end
	}
	return r
}

// parseAdditional reads a record of the additional section and returns where it ends; -1
// for one that a question can't have.
func (q *Query) parseAdditional(pkt []byte, at int, last bool) int {
	if at < len(pkt) && pkt[at] == 0 && !q.EDNS {
		// What most questions have: RFC 6891 section 6.1.1, at most one, owned by the root.
		end := q.parseOPT(pkt, at)
		if end > 0 {
			return end
		}
	}
	r := q.record(pkt, at)
	switch {
	case r.end < 0:
		return -1
	case r.rrtype == wire.TypeTSIG && last && q.isTSIG(pkt, r):
		q.signature = at
	case r.rrtype == wire.TypeSIG && last && q.isSIG0(pkt, r):
	default:
		return -1
	}
	return r.end
}

// parseOPT reads the OPT record at the offset of its owner, the root, and returns where it
// ends; -1 for another record.
func (q *Query) parseOPT(pkt []byte, at int) int {
	b := pkt[at:]
	if len(b) < wire.OPTSize || binary.BigEndian.Uint16(b[1:]) != wire.TypeOPT {
		return -1
	}
	size := wire.OPTSize + int(binary.BigEndian.Uint16(b[wire.OPTSize-2:]))
	if size > len(b) {
		return -1
	}
	q.setOPT(b[1:wire.OPTSize], span{at + wire.OPTSize, at + size})
	return at + size
}

// setOPT notes what an OPT record says beside its options, in what stands between its owner
// and its data.
func (q *Query) setOPT(fixed []byte, options span) {
	q.EDNS = true
	q.UDPSize = max(wire.MinUDP, binary.BigEndian.Uint16(fixed[2:]))
	q.version = fixed[5]
	q.DO = fixed[6]&wire.FlagDO != 0
	q.options = options
}

// skipSOA returns where the SOA record of an IXFR question ends (RFC 1995 section 3); -1
// when it is none.
func (q *Query) skipSOA(pkt []byte, at int) int {
	r := q.record(pkt, at)
	var scratch [zone.MaxName]byte
	q.names += 3
	_, owner := wire.AppendName(scratch[:0], pkt, at)
	if r.end < 0 || owner < 0 || r.rrtype != wire.TypeSOA {
		return -1
	}
	data := pkt[:r.end]
	_, mname := wire.AppendName(scratch[:0], data, r.rdata)
	if mname < 0 {
		return -1
	}
	_, rname := wire.AppendName(scratch[:0], data, mname)
	if rname < 0 || rname+5*4 != r.end {
		return -1
	}
	return r.end
}

// isTSIG reports whether a TSIG record has the form of one (RFC 8945 section 4.2). Whether
// it is right is for whoever has the keys.
func (q *Query) isTSIG(pkt []byte, r record) bool {
	q.names += 2
	var scratch [zone.MaxName]byte
	_, owner := wire.AppendName(scratch[:0], pkt, r.at)
	if owner < 0 {
		return false
	}
	const timeAndFudge, idAndError = 6 + 2, 2 + 2
	at := skipPlainName(pkt[:r.end], r.rdata) + timeAndFudge
	if at < r.rdata+timeAndFudge || at+2 > r.end {
		return false
	}
	at += 2 + int(binary.BigEndian.Uint16(pkt[at:])) + idAndError // the MAC
	return at+2 <= r.end && at+2+int(binary.BigEndian.Uint16(pkt[at:])) == r.end
}

// isSIG0 reports whether a SIG record is that of a transaction (RFC 2931 section 3). Nobody
// checks it here, as it was not asked for.
func (q *Query) isSIG0(pkt []byte, r record) bool {
	q.names += 2
	const fixed = 18 // type covered, algorithm, labels, TTL, two times, key tag
	var scratch [zone.MaxName]byte
	_, owner := wire.AppendName(scratch[:0], pkt, r.at)
	if owner < 0 || r.rdata+fixed > r.end || binary.BigEndian.Uint16(pkt[r.rdata:]) != 0 {
		return false
	}
	return skipPlainName(pkt[:r.end], r.rdata+fixed) > 0
}

// skipPlainName returns where the uncompressed name at an offset ends; -1 when it is none.
// Data of TSIG and SIG have no pointers (RFC 3597 section 4).
func skipPlainName(msg []byte, at int) int {
	var name [zone.MaxName]byte
	var starts wire.Starts
	size, _ := wire.FoldName(&name, &starts, msg[at:])
	if size < 0 {
		return -1
	}
	return at + size
}

// parseOptions reads the EDNS options of a client that may ask; false when one that means
// something here is malformed, and then the question isn't repeated. Others are skipped,
// whatever they hold.
func (q *Query) parseOptions(pkt []byte) bool {
	for b := pkt[q.options.from:q.options.to]; len(b) > 0; {
		size := 0
		if len(b) >= wire.OptionFixed {
			size = wire.OptionFixed + int(binary.BigEndian.Uint16(b[2:]))
		}
		if size == 0 || size > len(b) || !q.parseOption(binary.BigEndian.Uint16(b), b[wire.OptionFixed:size]) {
			q.askedLen, q.KeepAlive, q.NSID, q.ECS = 0, false, false, netip.Prefix{}
			return false
		}
		b = b[size:]
	}
	return true
}

// parseOption reads one EDNS option.
func (q *Query) parseOption(code uint16, data []byte) (ok bool) {
	switch code {
	case wire.OptionKeepAlive:
		// A query's has no time in it (RFC 7828 section 3.2.1), but with one it is clear
		// what is meant.
		q.KeepAlive = true
		return len(data) == 0 || len(data) == 2
	case wire.OptionNSID:
		q.NSID = true // whatever is in it (RFC 5001 section 2.1)
	case wire.OptionSubnet:
		q.ECS, ok = parseSubnet(data)
		return ok
	}
	return true
}

// parseSubnet reads the client subnet option of a query (RFC 7871 section 6): family,
// source prefix length, scope, which is 0 in queries, and as many octets of the
// address as the length needs, with no bit set beyond it. FORMERR is what that section
// has for others. The family 0 with nothing behind it says that there is no subnet, as
// some clients put it.
func parseSubnet(b []byte) (netip.Prefix, bool) {
	if len(b) < 4 || b[3] != 0 {
		return netip.Prefix{}, false
	}
	length, octets := int(b[2]), b[4:]
	if len(octets) != (length+7)/8 {
		return netip.Prefix{}, false
	}
	var addr netip.Addr
	switch family := binary.BigEndian.Uint16(b); {
	case family == 0 && length == 0:
		return netip.Prefix{}, true
	case family == 1 && length <= 32:
		var a [4]byte
		copy(a[:], octets)
		addr = netip.AddrFrom4(a)
	case family == 2 && length <= 128:
		var a [16]byte
		copy(a[:], octets)
		addr = netip.AddrFrom16(a)
	default:
		return netip.Prefix{}, false
	}
	p := netip.PrefixFrom(addr, length)
	return p, p.Masked() == p
}
