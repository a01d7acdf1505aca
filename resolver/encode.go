package resolver

import (
	"encoding/binary"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// encoder writes one response. It is the only encoder of answers; it also
// translates addresses (clause 6), because that depends on the view and nothing
// that is stored may.
type encoder struct {
	buf    []byte
	limit  int // octets that records may fill, OPT already taken off
	q      *Query
	a      *Answer
	snap   *zone.Snapshot
	counts [3]uint16
	hopAt  [maxHops + 1]int // where the name of each hop stands; 0 = nowhere yet
	nameAt int              // where the target of the last CNAME stands, 0 for none
	nameTo int              // and where it ends
	over   bool             // something didn't fit
	marked bool             // some address was translated
	last   writing          // of the item before
	nsAt   int              // where the NS records of a referral begin
	nsTo   int              // and where they end
	id     string           // of this server, where it is asked for
}

// limits are the sizes that a response may have.
type limits struct {
	udp       uint16 // configured maximum
	keepAlive uint16 // idle time of TCP connections in units of 100 ms (RFC 7828)
	id        func() string
}

// maxID is how much of its name a server says, in octets.
const maxID = 255

// AppendResponse writes the answer to q into out[:0], whose capacity is the most
// that the transport can send, and returns it. snap may be nil where a carries no
// address records. It doesn't allocate and can't fail: what doesn't fit is
// truncated (TC).
func appendResponse(out []byte, q *Query, a *Answer, snap *zone.Snapshot, l limits) []byte {
	e := encoder{q: q, a: a, snap: snap}
	size := min(cap(out), 65535)
	if q.Transport == UDP {
		size = min(size, int(min(q.UDPSize, l.udp)))
		if !q.EDNS {
			size = min(size, 512)
		}
	}
	if q.NSID && l.id != nil {
		e.id = l.id()
		e.id = e.id[:min(len(e.id), maxID)]
	}
	e.limit = size - e.optLen()
	e.buf = append(out[:wire.HeaderSize], q.asked[:q.askedLen]...)
	e.hopAt[0] = wire.HeaderSize
	for i := range a.items[:a.nitems] {
		e.item(&a.items[i], i)
		if e.over {
			break
		}
	}
	// Glue of very many name servers is more than an Answer holds: over TCP there is
	// no way to ask for more than what there is.
	e.over = e.over || a.full && q.Transport == UDP
	if e.over {
		e.buf = e.buf[:wire.HeaderSize+q.askedLen]
		e.counts = [3]uint16{}
	}
	e.opt(l)
	e.header()
	return e.buf
}

func (e *encoder) header() {
	q, a, h := e.q, e.a, (*[wire.HeaderSize]byte)(e.buf)
	binary.BigEndian.PutUint16(h[:], q.ID)
	h[2] = 0x80 | q.opcode<<3
	if a.AA {
		h[2] |= 0x04
	}
	if e.over {
		h[2] |= 0x02
	}
	if q.RD {
		h[2] |= 0x01
	}
	h[3] = a.Rcode & 0xf
	if a.View != nil && a.View.Forwards() {
		h[3] |= 0x80
	}
	if a.AD && !e.marked && !e.over {
		h[3] |= 0x20
	}
	if q.CD {
		h[3] |= 0x10
	}
	h[4], h[5] = 0, 0
	if q.askedLen > 0 {
		h[5] = 1
	}
	if q.EDNS {
		e.counts[inAdditional]++
	}
	binary.BigEndian.PutUint16(h[6:], e.counts[inAnswer])
	binary.BigEndian.PutUint16(h[8:], e.counts[inAuthority])
	binary.BigEndian.PutUint16(h[10:], e.counts[inAdditional])
}

// optLen is the room to keep for the OPT record, with all options that may come.
func (e *encoder) optLen() int {
	if !e.q.EDNS {
		return 0
	}
	n := wire.OPTSize + 6 + len(e.a.edeText)
	if e.q.KeepAlive {
		n += 6
	}
	if e.id != "" {
		n += wire.OptionFixed + len(e.id)
	}
	if e.q.ECS.IsValid() {
		n += 8 + (e.q.ECS.Bits()+7)/8
	}
	return n
}

// subnet returns the client subnet with the scope of the answer: the whole prefix
// where a policy looked at it, else everybody (RFC 7871 section 7.2.1).
func (e *encoder) subnet() {
	p := e.q.ECS
	family, scope, octets := byte(1), byte(0), (p.Bits()+7)/8
	if p.Addr().Is6() {
		family = 2
	}
	if e.a.Tailored {
		scope = byte(p.Bits())
	}
	e.buf = append(e.buf, 0, wire.OptionSubnet, 0, byte(4+octets), 0, family, byte(p.Bits()), scope)
	a := p.Addr().As16()
	if p.Addr().Is4() {
		e.buf = append(e.buf, a[12:12+octets]...)
	} else {
		e.buf = append(e.buf, a[:octets]...)
	}
}

func (e *encoder) opt(l limits) {
	q, a := e.q, e.a
	if !q.EDNS {
		return
	}
	ede := a.EDE
	if e.marked && ede == wire.NoEDE {
		ede = wire.EDESynthesized
	}
	var flags byte
	if q.DO {
		flags = 0x80
	}
	at := len(e.buf)
	e.buf = append(e.buf, 0, 0, wire.TypeOPT, byte(l.udp>>8), byte(l.udp), a.Rcode>>4, 0, flags, 0, 0, 0)
	if ede != wire.NoEDE {
		e.buf = append(e.buf, 0, wire.OptionEDE, 0, byte(2+len(a.edeText)), byte(ede>>8), byte(ede))
		e.buf = append(e.buf, a.edeText...)
	}
	if q.ECS.IsValid() {
		e.subnet()
	}
	if q.KeepAlive && q.Transport == TCP {
		e.buf = append(e.buf, 0, wire.OptionKeepAlive, 0, 2, byte(l.keepAlive>>8), byte(l.keepAlive))
	}
	if e.id != "" {
		e.buf = append(e.buf, 0, wire.OptionNSID, 0, byte(len(e.id)))
		e.buf = append(e.buf, e.id...)
	}
	binary.BigEndian.PutUint16(e.buf[at+9:], uint16(len(e.buf)-at-wire.OPTSize))
}

func (e *encoder) item(i *item, n int) {
	if i.message != nil {
		e.message(i)
		return
	}
	if i.flags&zone.TagNames != 0 {
		e.instances(i)
		return
	}
	w := writing{item: i, section: i.section, from: len(e.buf),
		translate: i.flags&zone.Translatable != 0 && e.snap.Inventory.Any()}
	if w.translate && n > 0 && e.a.items[n-1].continues(i) {
		w.from, w.changed = e.last.from, e.last.changed
	}
	e.local(&w, i)
	e.equalizeTTLs(&w)
	if i.section == inAuthority && binary.BigEndian.Uint16(i.data[2:]) == zone.TypeNS {
		e.nsAt, e.nsTo = w.from, len(e.buf)
	}
	e.last = w
}

// local writes an item of our own records. Answers of several records begin with any
// one of them (AWS: "Simple routing").
func (e *encoder) local(w *writing, i *item) {
	if i.count > 1 && i.section == inAnswer {
		turn := uint16(uint32(e.q.Rand) % uint32(i.count))
		cut := i.offset(turn)
		e.records(w, i.data[cut:], i.count-turn)
		e.records(w, i.data[:cut], turn)
		return
	}
	e.records(w, i.data, i.count)
}

// offset returns where the n-th record of an item's data begins, counted from 0.
func (i *item) offset(n uint16) (at int) {
	rrtype := binary.BigEndian.Uint16(i.data[2:])
	if rrtype == zone.TypeA || rrtype == zone.TypeAAAA {
		return int(n) * (len(i.data) / int(i.count)) // all of one size
	}
	for range n {
		at += wire.PackedHeader + int(binary.BigEndian.Uint16(i.data[at+10:]))
	}
	return at
}

// writing is the state of one RRset, or run of records, being written.
type writing struct {
	item      *item
	section   section
	from      int  // where it begins in the message
	translate bool // its addresses may have to be translated
	changed   bool // one of them was
}

// records writes n packed records.
func (e *encoder) records(w *writing, data []byte, n uint16) {
	i := w.item
	if !w.translate && i.hop == 0 && i.suffix == 0 && i.maxTTL == 0 && i.owner == nil && e.a.nhops == 1 {
		if len(e.buf)+len(data) > e.limit {
			e.over = true
			return
		}
		e.buf = append(e.buf, data...)
		e.counts[i.section] += n
		return
	}
	for len(data) > 0 && !e.over {
		end := wire.PackedHeader + int(binary.BigEndian.Uint16(data[10:]))
		ttl := binary.BigEndian.Uint32(data[6:])
		if i.maxTTL > 0 {
			ttl = min(ttl, i.maxTTL)
		}
		start := len(e.buf)
		if e.owner(i) {
			e.record(w, start, data[2:end], ttl)
		}
		data = data[end:]
	}
}

// record writes type, class, TTL and rdata of a record whose owner stands at
// start. It translates an address, and takes the record back when it is then a
// duplicate.
func (e *encoder) record(w *writing, start int, rest []byte, ttl uint32) {
	at := len(e.buf)
	if at+len(rest) > e.limit {
		e.over = true
		return
	}
	e.buf = append(e.buf, rest...)
	rrtype := binary.BigEndian.Uint16(rest)
	if w.translate {
		if e.translate(rrtype, at) {
			w.changed, e.marked = true, true
			ttl = min(ttl, e.snap.TranslatedTTL)
		}
		if w.changed && e.duplicate(w.from, start, at) {
			e.buf = e.buf[:start]
			return
		}
	}
	binary.BigEndian.PutUint32(e.buf[at+4:], ttl)
	if rrtype == zone.TypeCNAME && w.section == inAnswer {
		e.nameAt, e.nameTo = at+10, len(e.buf)
		if hop := int(w.item.hop) + 1; hop < e.a.nhops {
			e.hopAt[hop] = at + 10
		}
	}
	e.counts[w.section]++
}

// owner writes the owner name of an item's records; false when it doesn't fit.
func (e *encoder) owner(i *item) bool {
	hop := e.hopAt[i.hop]
	at := hop + int(i.suffix)
	switch {
	case i.owner != nil:
		return e.glueOwner(i.owner)
	case hop != 0 && at <= wire.MaxPointer:
		return e.pointer(at)
	default:
		return e.name(e.a.hops[i.hop].name[i.suffix:])
	}
}

// glueOwner writes the name of a name server: it stands in the NS records above.
func (e *encoder) glueOwner(name []byte) bool {
	for p := e.nsAt; p < e.nsTo; {
		rdata := wire.SkipName(e.buf, p) + wire.RecordFixed
		p = rdata + int(binary.BigEndian.Uint16(e.buf[rdata-2:]))
		if rdata <= wire.MaxPointer && string(e.buf[rdata:p]) == string(name) {
			return e.pointer(rdata)
		}
	}
	return e.name(name)
}

func (e *encoder) pointer(at int) bool {
	if len(e.buf)+2 > e.limit {
		e.over = true
		return false
	}
	e.buf = append(e.buf, 0xc0|byte(at>>8), byte(at))
	return true
}

func (e *encoder) name(name []byte) bool {
	if len(e.buf)+len(name) > e.limit {
		e.over = true
		return false
	}
	e.buf = append(e.buf, name...)
	return true
}
