package resolver

import (
	"net/netip"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// expected is what a Worker knows of the packets it will be given next.
type expected struct {
	query Query
	ahead zone.Ahead
}

// Expect says that pkt from client will be served soon, before which [Worker.Fetch]
// has to be called once, after all that are expected. It only saves time, where
// several packets are there at once: nothing is decided, and a packet may as well not
// come.
func (w *Worker) Expect(pkt []byte, client netip.AddrPort) {
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
	w.expected.ahead.Fetch()
	w.x.outbox = w.outbox
}
