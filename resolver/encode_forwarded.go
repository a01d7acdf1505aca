package resolver

import (
	"encoding/binary"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// message writes records of an upstream's answer: RRs[skip:skip+count] of it, the
// answer section's first, then the authority's.
func (e *encoder) message(i *item) {
	m := i.message
	translate := i.flatten == 0 && m.Flags&forward.HasAddress != 0 && e.snap.Inventory.Any() && e.translates(m)
	if i.flatten != 0 {
		translate = e.snap.Inventory.Any()
	}
	if !translate && i.flatten == 0 && i.count == m.Answers+m.Authority && len(e.buf) == wire.HeaderSize+e.q.askedLen {
		e.whole(i)
		return
	}
	w := writing{item: i, section: inAnswer, from: len(e.buf), translate: translate}
	turn, rrs := e.turn(i), m.RRs()
	for n := i.skip; n < i.skip+i.count && !e.over; n++ {
		rr := &rrs[n]
		if n-m.Turn < m.Turns {
			rr = &rrs[m.Turn+(n-m.Turn+turn)%m.Turns]
		}
		if n >= m.Answers {
			w.section, w.translate = inAuthority, false
		}
		rest := messageRecord(m, rr)
		switch {
		case i.flatten != 0 && (rr.Type != i.flatten || n >= m.Answers):
			continue
		case translate && rr.Type == zone.TypeRRSIG && signsAddresses(rest):
			continue // clause 6: never a signature over what was changed
		}
		start := len(e.buf)
		if e.messageOwner(i, m, rr) {
			e.record(&w, start, rest, aged(i, binary.BigEndian.Uint32(rest[4:])))
		}
	}
	e.equalizeTTLs(&w)
}

// whole copies a message that is the entire answer: its pointers hold as they are.
func (e *encoder) whole(i *item) {
	m := i.message
	at := len(e.buf)
	if at+len(m.Body()) > e.limit {
		e.over = true
		return
	}
	e.body(m, e.turn(i))
	for _, rr := range m.RRs() {
		ttl := e.buf[at+int(rr.TTLOff):]
		binary.BigEndian.PutUint32(ttl, aged(i, binary.BigEndian.Uint32(ttl)))
	}
	e.counts[inAnswer], e.counts[inAuthority] = m.Answers, m.Authority
}

// turn returns by how many records the addresses of a message are turned: clients
// prefer the first, and whatever the upstream's order was, it is that of one moment.
func (e *encoder) turn(i *item) uint16 {
	if i.message.Turns == 0 || i.skip > i.message.Turn || i.skip+i.count < i.message.Turn+i.message.Turns {
		return 0
	}
	return uint16(uint32(e.q.Rand) % uint32(i.message.Turns))
}

// body copies all records of a message, its addresses turned.
func (e *encoder) body(m *forward.Message, turn uint16) {
	body := m.Body()
	if turn == 0 {
		e.buf = append(e.buf, body...)
		return
	}
	rrs := m.RRs()[m.Turn:]
	from, size := rrs[0].Off, rrs[1].Off-rrs[0].Off
	cut, end := from+size*uint32(turn), from+size*uint32(m.Turns)
	e.buf = append(e.buf, body[:from]...)
	e.buf = append(e.buf, body[cut:end]...)
	e.buf = append(e.buf, body[from:cut]...)
	e.buf = append(e.buf, body[end:]...)
}

// messageRecord returns one record of a message after its owner: type to rdata.
func messageRecord(m *forward.Message, rr *forward.RR) []byte {
	body := m.Body()
	end := rr.TTLOff + 6 + uint32(binary.BigEndian.Uint16(body[rr.TTLOff+4:]))
	return body[rr.TTLOff-4 : end]
}

// messageRdata returns the rdata of one record of a message.
func messageRdata(m *forward.Message, rr *forward.RR) []byte { return messageRecord(m, rr)[10:] }

// aged returns the TTL of a cached record now.
func aged(i *item, ttl uint32) uint32 {
	switch {
	case i.stale:
		ttl = forward.StaleTTL
	case ttl > i.age:
		ttl -= i.age
	default:
		ttl = 0
	}
	if i.maxTTL > 0 {
		ttl = min(ttl, i.maxTTL)
	}
	return ttl
}

// messageOwner writes the owner of a message's record, compressed against the
// names that are in the response already: that of the hop and that of the last
// CNAME's target.
func (e *encoder) messageOwner(i *item, m *forward.Message, rr *forward.RR) bool {
	hop := e.a.hops[i.hop].name
	if i.flatten != 0 {
		return e.owner(&item{hop: i.hop})
	}
	var buf [zone.MaxName]byte
	name := ownerName(buf[:0], m, rr, hop)
	if at := e.hopAt[i.hop]; at != 0 && zone.IsSubdomain(hop, name) {
		at += len(hop) - len(name)
		if at <= wire.MaxPointer {
			return e.pointer(at)
		}
	}
	if e.nameAt != 0 && e.nameAt <= wire.MaxPointer && wire.EqualNames(e.buf[e.nameAt:e.nameTo], name) {
		return e.pointer(e.nameAt)
	}
	return e.name(name)
}

// ownerName appends the uncompressed owner of a message's record to dst. question
// is the name that the message answers.
func ownerName(dst []byte, m *forward.Message, rr *forward.RR, question []byte) []byte {
	owner := m.Body()[rr.Off : rr.TTLOff-4]
	if owner[0]&0xc0 != 0xc0 {
		return append(dst, owner...)
	}
	at := int(binary.BigEndian.Uint16(owner)) & wire.MaxPointer
	body := wire.HeaderSize + len(question) + 4
	name := m.Body()
	if at < body {
		name = question
		at -= wire.HeaderSize
	} else {
		at -= body
	}
	for name[at] != 0 {
		end := at + 1 + int(name[at])
		dst = append(dst, name[at:end]...)
		at = end
	}
	return append(dst, 0)
}

// signsAddresses reports whether an RRSIG covers an RRset that may be translated.
func signsAddresses(rest []byte) bool {
	switch binary.BigEndian.Uint16(rest[10:]) {
	case zone.TypeA, zone.TypeHTTPS, zone.TypeSVCB:
		return true
	}
	return false
}
