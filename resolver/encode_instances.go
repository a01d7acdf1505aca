package resolver

import (
	"encoding/binary"

	"inside53/resolver/wire"
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
		if len(e.buf)+wire.PackedHeader-2+addr.BitLen()/8 > e.limit {
			e.over = true
			return
		}
		at := len(e.buf)
		e.buf = append(e.buf, i.data[2:wire.PackedHeader]...)
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
