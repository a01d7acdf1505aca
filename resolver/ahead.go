package resolver

import (
	"net/netip"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// idleBatches is how many batches aren't looked at after one of whose names none is in a large tree. Most have such
// names or none has; where clients ask for forwarded names or small zones, looking at all would be 3 % of an answer.
const idleBatches = 7

// expected is what a Worker knows of the packets it will be given next.
type expected struct {
	query Query
	ahead zone.Ahead
	idle  int // batches that aren't looked at
}

// Expect says that pkt from client will be served soon, before which [Worker.Fetch]
// has to be called once, after all that are expected. It only saves time, where
// several packets are there at once: nothing is decided, and a packet may as well not
// come.
func (w *Worker) Expect(pkt []byte, client netip.AddrPort) {
	if w.expected.idle > 0 {
		return
	}
	q, snap := &w.expected.query, w.r.state.Load().snap
	if len(pkt) < wire.HeaderSize || q.parseName(pkt[wire.HeaderSize:]) == 0 {
		return
	}
	c := snap.Client(client.Addr())
	if c.View < 0 {
		return
	}
	l := &q.Labels
	apex := snap.Views[c.View].Closest(l, q.Name(), l.Count)
	if apex == nil {
		return
	}
	for _, layer := range apex.Layers {
		w.expected.ahead.Add(snap.Zone(layer).Tree, l.Hash[l.Count])
	}
}

// Fetch makes what the expected packets need ready. What upstreams are asked from here on may wait for [Worker.Flush].
func (w *Worker) Fetch() {
	w.expected.fetch()
	w.x.outbox = w.outbox
}

// fetch brings near what the batch needs.
func (e *expected) fetch() {
	if e.idle > 0 {
		e.idle--
		return
	}
	if e.ahead.Fetch() == 0 {
		e.idle = idleBatches
	}
}
