package resolver

import (
	"encoding/binary"
	"net/netip"

	"inside53/resolver/forward"
	"inside53/resolver/zone"
)

// Parameters of SVCB and HTTPS records that hold addresses (RFC 9460 section 14.3.2).
const (
	paramMandatory = 0
	paramIPv4Hint  = 4
	paramIPv6Hint  = 6
)

// instances writes the addresses of instances that the view gets, beginning with any one
// of them (clause 7). decide has counted them.
func (e *encoder) instances(i *item) {
	w := writing{item: i, section: i.section, from: len(e.buf)}
	turn := uint16(0)
	if i.count > 1 && i.section == inAnswer {
		turn = uint16(uint32(e.q.Rand) % uint32(i.count))
	}
	e.given(&w, turn, i.count)
	e.given(&w, 0, turn)
	e.last = w
}

// given writes the addresses from the one number to before the other, as records.
func (e *encoder) given(w *writing, from, to uint16) {
	i := w.item
	given := e.snap.Inventory.Given(e.a.View.Index, i.data)
	ttl := binary.BigEndian.Uint32(i.data[6:])
	if i.maxTTL > 0 {
		ttl = min(ttl, i.maxTTL)
	}
	for n := uint16(0); n < to && !e.over; n++ {
		addr, translated, ok := given.Next()
		if !ok {
			return
		}
		if n < from || !e.owner(i) {
			continue
		}
		if len(e.buf)+rrHeader-2+addr.BitLen()/8 > e.limit {
			e.over = true
			return
		}
		at := len(e.buf)
		e.buf = append(e.buf, i.data[2:rrHeader]...)
		binary.BigEndian.PutUint32(e.buf[at+4:], ttl)
		if addr.Is4() {
			four := addr.As4()
			e.buf = append(e.buf, four[:]...)
		} else {
			sixteen := addr.As16()
			e.buf = append(e.buf, sixteen[:]...)
		}
		e.counts[w.section]++
		e.marked = e.marked || translated
	}
}

// translate replaces the public addresses of the record whose type stands at
// offset at of the message, where the view has a private way to them.
func (e *encoder) translate(rrtype uint16, at int) (changed bool) {
	switch rrtype {
	case zone.TypeA:
		rdata := e.buf[at+10 : at+14]
		addr := [4]byte(rdata)
		private, ok := e.private(addr)
		if ok {
			copy(rdata, private[:])
		}
		return ok
	case zone.TypeHTTPS, zone.TypeSVCB:
		return e.translateHints(at)
	}
	return false
}

// private returns the private address that the view has for a public one.
func (e *encoder) private(addr [4]byte) ([4]byte, bool) {
	if netip.AddrFrom4(addr).IsPrivate() {
		return addr, false
	}
	private, _, why := e.snap.Inventory.Translate(e.a.View.Index, addr)
	return private, why == zone.Translated
}

// translates reports whether any address of a message would be translated.
func (e *encoder) translates(m *forward.Message) bool {
	for n := range m.RRs[:m.Answers] {
		rr := &m.RRs[n]
		switch rr.Type {
		case zone.TypeA:
			_, ok := e.private([4]byte(messageRdata(m, rr)))
			if ok {
				return true
			}
		case zone.TypeHTTPS, zone.TypeSVCB:
			if e.translatesHints(messageRdata(m, rr)) {
				return true
			}
		}
	}
	return false
}

// translatesHints reports whether an address in the rdata of an SVCB or HTTPS record
// would be translated.
func (e *encoder) translatesHints(rdata []byte) bool {
	for p := skipName(rdata, 2); p+4 <= len(rdata); {
		end := p + 4 + int(binary.BigEndian.Uint16(rdata[p+2:]))
		if end > len(rdata) {
			return false
		}
		for h := p + 4; binary.BigEndian.Uint16(rdata[p:]) == paramIPv4Hint && h+4 <= end; h += 4 {
			_, ok := e.private([4]byte(rdata[h:]))
			if ok {
				return true
			}
		}
		p = end
	}
	return false
}

// even gives all records of an RRset of which some were translated one TTL (RFC
// 2181 section 5.2).
func (e *encoder) even(w *writing) {
	if !w.changed || e.over {
		return
	}
	for p := w.from; p < len(e.buf); {
		if e.buf[p]&0xc0 == 0xc0 {
			p += 2
		} else {
			p = skipName(e.buf, p)
		}
		switch binary.BigEndian.Uint16(e.buf[p:]) {
		case zone.TypeA, zone.TypeHTTPS, zone.TypeSVCB:
			ttl := min(binary.BigEndian.Uint32(e.buf[p+4:]), e.snap.TranslatedTTL)
			binary.BigEndian.PutUint32(e.buf[p+4:], ttl)
		}
		p += 10 + int(binary.BigEndian.Uint16(e.buf[p+8:]))
	}
}

// translateHints translates the ipv4hint of an SVCB or HTTPS record. If one was,
// the ipv6hint goes: it would lead outside. (Where it is mandatory it stays: the record
// would be malformed without, RFC 9460 section 8.)
func (e *encoder) translateHints(at int) (changed bool) {
	rdata := e.buf[at+10:]
	params := skipName(rdata, 2)
	v6from, v6to, needsV6 := 0, 0, false
	for p := params; p+4 <= len(rdata); {
		key := binary.BigEndian.Uint16(rdata[p:])
		end := p + 4 + int(binary.BigEndian.Uint16(rdata[p+2:]))
		if end > len(rdata) {
			return changed
		}
		switch key {
		case paramMandatory:
			for m := p + 4; m+2 <= end; m += 2 {
				needsV6 = needsV6 || binary.BigEndian.Uint16(rdata[m:]) == paramIPv6Hint
			}
		case paramIPv4Hint:
			for h := p + 4; h+4 <= end; h += 4 {
				private, ok := e.private([4]byte(rdata[h:]))
				if ok {
					copy(rdata[h:], private[:])
					changed = true
				}
			}
		case paramIPv6Hint:
			v6from, v6to = p, end
		}
		p = end
	}
	if changed && v6to > 0 && !needsV6 {
		rdata = append(rdata[:v6from], rdata[v6to:]...)
		e.buf = e.buf[:at+10+len(rdata)]
		binary.BigEndian.PutUint16(e.buf[at+8:], uint16(len(rdata)))
	}
	return changed
}

// skipName returns the offset after the uncompressed name at an offset of rdata.
func skipName(rdata []byte, at int) int {
	for at < len(rdata) && rdata[at] != 0 {
		at += 1 + int(rdata[at])
	}
	return at + 1
}

// duplicate reports whether the A record just written, from start with its type at
// offset at, stands in the same RRset already: two public addresses of one
// instance become one.
func (e *encoder) duplicate(from, start, at int) bool {
	if binary.BigEndian.Uint16(e.buf[at:]) != zone.TypeA {
		return false
	}
	size := len(e.buf) - start
	for p := start - size; p >= from; p -= size {
		if string(e.buf[p+size-4:p+size]) == string(e.buf[len(e.buf)-4:]) && string(e.buf[p:p+size-10]) == string(e.buf[start:at+4]) {
			return true
		}
	}
	return false
}
