package resolver

import (
	"time"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// waiting is all that is kept of a query while an upstream is asked: an exchange without the
// room that it works in. As very many may wait, it is small: names and records of the
// answer's own lie in bytes, in a row, as long as they are.
type waiting struct {
	resolver *Resolver
	done     func(*forward.Message, error) // resume, bound once
	state    *state
	finish   func(answer []byte, result Result)
	since    time.Time
	observe  func(x *exchange, answer []byte)
	query    particulars
	answer   gist
	hops     []hop
	items    []item
	made     []madeItem
	bytes    []byte // the question as sent, the names of all hops but the first, the target of an alias, records made
}

// madeItem says that the data of an item are a record that was made for the answer.
type madeItem struct{ item, at, size int }

// suspend returns what there is to keep of x, which needs an upstream.
func (x *exchange) suspend() *waiting {
	w, a := x.resolver.waiting.Get().(*waiting), &x.a
	w.state, w.finish, w.observe, w.query, w.answer = x.state, x.finish, x.observe, x.q.particulars, a.gist
	w.since = x.since
	w.answer.target = nil
	w.hops = append(w.hops[:0], a.hops[:a.nhops]...)
	w.items, w.made = append(w.items[:0], a.items[:a.nitems]...), w.made[:0]
	w.bytes = append(w.bytes[:0], x.q.asked[:x.q.askedLen]...)
	for i := range w.hops {
		if i > 0 {
			w.bytes = append(w.bytes, w.hops[i].name...)
		}
		w.hops[i].name = nil
	}
	if a.asAlias {
		w.bytes = append(w.bytes, a.target...)
	}
	w.bytes = append(w.bytes, a.made[:a.madeLen]...)
	for i := range w.items {
		at := a.madeAt(w.items[i].data)
		if at >= 0 {
			w.made = append(w.made, madeItem{i, at, len(w.items[i].data)})
			w.items[i].data = nil
		}
	}
	return w
}

// restore makes x what was suspended.
func (w *waiting) restore(x *exchange) {
	q, a := &x.q, &x.a
	x.state, x.finish, x.observe, q.particulars, a.gist = w.state, w.finish, w.observe, w.query, w.answer
	x.since = w.since
	rest := w.bytes[copy(q.asked[:q.askedLen], w.bytes):]
	copy(q.name[:q.nameLen], q.asked[:])
	zone.Lower(q.name[:q.nameLen])
	q.Labels.Parse(q.Name())
	copy(a.hops[:], w.hops)
	a.hops[0].name = q.Name()
	name := func(room *[zone.MaxName]byte) []byte {
		size := wire.SkipName(rest, 0)
		copied := room[:copy(room[:], rest[:size])]
		rest = rest[size:]
		return copied
	}
	for i := 1; i < a.nhops; i++ {
		a.hops[i].name = name(&a.names[i])
		a.labels.Parse(a.hops[i].name)
	}
	a.target = a.last().name
	if a.asAlias {
		a.target = name(&a.external)
	}
	copy(a.made[:a.madeLen], rest)
	copy(a.items[:], w.items)
	for _, m := range w.made {
		a.items[m.item].data = a.made[m.at : m.at+m.size : m.at+m.size]
	}
}

// resume is called on a goroutine of the forwarder's with what an upstream said.
func (w *waiting) resume(m *forward.Message, err error) {
	r := w.resolver
	x := r.exchange()
	w.restore(x)
	w.release()
	x.resume(m, err)
	x.release()
	r.exchanges.Put(x)
}

// release gives w back. It keeps nothing of what it was.
func (w *waiting) release() {
	w.state, w.finish, w.observe, w.query, w.answer = nil, nil, nil, particulars{}, gist{}
	clear(w.hops)
	clear(w.items)
	w.resolver.waiting.Put(w)
}

// madeAt returns where in a.made a record begins, -1 for what is none of it.
func (a *Answer) madeAt(data []byte) int {
	for at := range a.made[:a.madeLen] {
		if len(data) > 0 && &a.made[at] == &data[0] {
			return at
		}
	}
	return -1
}
