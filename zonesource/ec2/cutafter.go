package ec2

import (
	"bytes"
	"encoding/binary"

	"inside53/zonesource"
	"inside53/zonesource/breath"
)

// Most pages that differ from last time do so in an item or two. What lies before and behind these was cut already, and
// how an item is cut is a matter of its own text and of whether another one stands before it: so the chunks of it are
// taken over, and the octets are no more than compared.

// window is where two versions of a page differ, by chunks: last.chunks[from:toLast] and c.chunks[from:to] hold all
// that differs.
type window struct{ from, toLast, to int }

// cutAfter is cutPage, of a page another version of which has been cut with the same salt: only what differs of them is
// looked at, and where that lies is told.
func (f *form) cutAfter(body []byte, last *cutting, more bool, salt zonesource.Sum) (c cutting, w window, ok bool) {
	begin, end, ok := f.tags(body)
	if !ok || hasMarkup(body[:begin]) || hasMarkup(body[end:]) {
		return cutting{}, window{}, false
	}
	w, from, to := last.differing(body[begin:end])
	from, to = begin+from, begin+to
	if hasMarkup(body[from:to]) { // none lies across its ends: behind each there is the < of a tag
		return cutting{}, window{}, false
	}
	c = cutting{body: body, from: begin, chunks: make([]chunk, 0, len(last.chunks)+1)}
	c.take(last.chunks[:w.from], begin-last.from)
	if !c.addItems(f, from, to, salt) { // where none is left at the front, the next one doesn't begin a chunk any more
		return f.cutWhole(body, last, more, salt)
	}
	w.to = len(c.chunks)
	c.take(last.chunks[w.toLast:], end-last.end())
	if c.hasToken() != more {
		return cutting{}, window{}, false
	}
	return c, w, true
}

// cutWhole is cutAfter where nothing of the other version helps.
func (f *form) cutWhole(body []byte, last *cutting, more bool, salt zonesource.Sum) (c cutting, w window, ok bool) {
	c, ok = f.cutPage(body, more, salt)
	return c, window{toLast: len(last.chunks), to: len(c.chunks)}, ok
}

// take adds chunks of another version, which lie further behind by so much here.
func (c *cutting) take(chunks []chunk, by int) {
	for _, k := range chunks {
		c.chunks = append(c.chunks, chunk{k.to + by, k.sum})
	}
}

// differing returns the chunks that hold what differs from the items of another version, but for w.to, and where that
// lies in these items. A chunk begins where it does because of the item there: that is certain to be the same one
// only where all of it is, so the last chunk before what differs belongs to that.
func (c *cutting) differing(items []byte) (w window, from, to int) {
	old := c.body[c.from:c.end()]
	front := commonPrefix(old, items)
	back := commonSuffix(old[front:], items[front:])
	for w.from < len(c.chunks) && c.chunks[w.from].to-c.from <= front {
		w.from++
	}
	w.from = max(0, w.from-1)
	if w.from > 0 {
		from = c.chunks[w.from-1].to - c.from
	}
	w.toLast = w.from + 1 // not before the first chunk: that begins with any item
	for c.chunks[w.toLast-1].to < c.end()-back {
		w.toLast++
	}
	return w, from, len(items) - (c.end() - c.chunks[w.toLast-1].to)
}

// compared is how much is compared at once: a rest is taken after some hundred of these.
const compared = 4 << 10

// commonPrefix returns how many octets two texts begin with that are the same.
func commonPrefix(a, b []byte) (n int) {
	var pace breath.Pace
	size := min(len(a), len(b))
	for size-n >= compared && bytes.Equal(a[n:n+compared], b[n:n+compared]) {
		n += compared
		pace.Step()
	}
	for size-n >= 8 && binary.NativeEndian.Uint64(a[n:]) == binary.NativeEndian.Uint64(b[n:]) {
		n += 8
	}
	for n < size && a[n] == b[n] {
		n++
	}
	return n
}

// commonSuffix returns how many octets two texts end with that are the same.
func commonSuffix(a, b []byte) (n int) {
	var pace breath.Pace
	size := min(len(a), len(b))
	a, b = a[len(a)-size:], b[len(b)-size:]
	for size-n >= compared && bytes.Equal(a[size-n-compared:size-n], b[size-n-compared:size-n]) {
		n += compared
		pace.Step()
	}
	for size-n >= 8 && binary.NativeEndian.Uint64(a[size-n-8:]) == binary.NativeEndian.Uint64(b[size-n-8:]) {
		n += 8
	}
	for n < size && a[size-n-1] == b[size-n-1] {
		n++
	}
	return n
}
