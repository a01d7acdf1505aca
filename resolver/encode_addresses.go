package resolver

import (
	"encoding/binary"
	"net/netip"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

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
	rrs := m.RRs()
	for n := range m.Answers {
		rr := &rrs[n]
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
	for p := paramsAt(rdata); p+4 <= len(rdata); {
		end := p + 4 + int(binary.BigEndian.Uint16(rdata[p+2:]))
		if end > len(rdata) {
			return false
		}
		for h := p + 4; binary.BigEndian.Uint16(rdata[p:]) == wire.ParamIPv4Hint && h+4 <= end; h += 4 {
			_, ok := e.private([4]byte(rdata[h:]))
			if ok {
				return true
			}
		}
		p = end
	}
	return false
}

// equalizeTTLs gives all records of an RRset of which some were translated one TTL (RFC
// 2181 section 5.2).
func (e *encoder) equalizeTTLs(w *writing) {
	if !w.changed || e.over {
		return
	}
	for p := w.from; p < len(e.buf); {
		p = wire.SkipName(e.buf, p)
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
	params := paramsAt(rdata)
	v6from, v6to, needsV6 := 0, 0, false
	for p := params; p+4 <= len(rdata); {
		key := binary.BigEndian.Uint16(rdata[p:])
		end := p + 4 + int(binary.BigEndian.Uint16(rdata[p+2:]))
		if end > len(rdata) {
			return changed
		}
		switch key {
		case wire.ParamMandatory:
			for m := p + 4; m+2 <= end; m += 2 {
				needsV6 = needsV6 || binary.BigEndian.Uint16(rdata[m:]) == wire.ParamIPv6Hint
			}
		case wire.ParamIPv4Hint:
			for h := p + 4; h+4 <= end; h += 4 {
				private, ok := e.private([4]byte(rdata[h:]))
				if ok {
					copy(rdata[h:], private[:])
					changed = true
				}
			}
		case wire.ParamIPv6Hint:
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

// paramsAt returns where the parameters of SVCB or HTTPS rdata begin: behind priority and
// target. It is the end where there is no target.
func paramsAt(rdata []byte) int {
	at := wire.SkipName(rdata, 2)
	if at < 0 {
		return len(rdata)
	}
	return at
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
		if string(e.buf[p+size-4:p+size]) == string(e.buf[len(e.buf)-4:]) &&
			string(e.buf[p:p+size-10]) == string(e.buf[start:at+4]) {
			return true
		}
	}
	return false
}
