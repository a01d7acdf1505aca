package resolver

import (
	"encoding/binary"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// instances writes the addresses of instances that the view gets, beginning with any one
// of them, or of those in the client's zone where some are (clause 7). decide has counted
// them.
func (e *encoder) instances(i *item) {
	w := writing{item: i, section: i.section, from: len(e.buf)}
	first := i.count
	if i.near > 0 {
		first = i.near
	}
	turn := uint16(0)
	if first > 1 && i.section == inAnswer {
		turn = uint16(uint32(e.q.Rand) % uint32(first))
	}
	e.given(&w, turn, first)
	e.given(&w, 0, turn)
	e.given(&w, first, i.count)
	e.last = w
}

// given writes the addresses from the one number to before the other, as records.
func (e *encoder) given(w *writing, from, to uint16) {
	if from == to {
		return
	}
	i := w.item
	given := e.snap.Inventory.Given(e.a.View.Index, i.data, i.pick, e.a.sick)
	ttl := binary.BigEndian.Uint32(i.data[6:])
	if i.maxTTL > 0 {
		ttl = min(ttl, i.maxTTL)
	}
	var one zone.GivenAddress
	for n := uint16(0); n < to && !e.over; n++ {
		if !given.Next(&one) {
			return
		}
		if n < from || !e.owner(i) {
			continue
		}
		size := one.Addr.BitLen() / 8
		if one.Rdata != nil {
			size = len(one.Rdata)
		}
		if len(e.buf)+wire.PackedHeader-2+size > e.limit {
			e.over = true
			return
		}
		at := len(e.buf)
		e.buf = append(e.buf, i.data[2:wire.PackedHeader]...)
		binary.BigEndian.PutUint32(e.buf[at+4:], ttl)
		binary.BigEndian.PutUint16(e.buf[at+8:], uint16(size))
		switch {
		case one.Rdata != nil:
			e.buf = append(e.buf, one.Rdata...)
		case one.Addr.Is4():
			four := one.Addr.As4()
			e.buf = append(e.buf, four[:]...)
		default:
			sixteen := one.Addr.As16()
			e.buf = append(e.buf, sixteen[:]...)
		}
		e.counts[w.section]++
		e.marked = e.marked || one.Translated
	}
}
