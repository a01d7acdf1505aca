package resolver

import (
	"bytes"
	"net/netip"
	"time"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// Handled counts what a [Handler] answers, and shows it to who watches, as what the resolver answers itself. It is for
// one goroutine at a time. A nil one does nothing.
type Handled struct {
	resolver *Resolver
	query    particulars
	name     []byte
	cell     int
	since    time.Time
	asked    bool // the question was shown
}

// Handled returns what counts the answer to a packet; nil for one that came to no worker. It keeps nothing of the
// packet.
func (p *Packet) Handled() *Handled {
	if p.worker == nil {
		return nil
	}
	return &Handled{
		resolver: p.worker.r, query: p.query.particulars, name: bytes.Clone(p.query.Name()), cell: p.worker.x.cell,
		since: time.Now(),
	}
}

// Suspend suspends a packet as the transport does, and has its answer counted.
func (p *Packet) Suspend() func(answer []byte, result Result) {
	h := p.Handled()
	h.Question(p.Bytes)
	finish := p.Suspender.Suspend()
	return func(answer []byte, result Result) {
		h.Answer(answer, result)
		finish(answer, result)
	}
}

func (h *Handled) client() netip.AddrPort { return netip.AddrPortFrom(h.query.Client, h.query.port) }

// Question shows the packet to who sees whole messages, once.
func (h *Handled) Question(packet []byte) {
	if h == nil {
		return
	}
	to := h.resolver.state.Load().messages()
	if to != nil && !h.asked {
		to.Question(packet, h.client(), h.query.Transport)
	}
	h.asked = true
}

// Answer counts an answer, and shows it. What isn't sent and what no metric counts is left alone. Of an answer of many
// messages the first one is given here.
func (h *Handled) Answer(answer []byte, result Result) {
	if h == nil || len(answer) < wire.HeaderSize || result == Dropped || result == Uncounted {
		return
	}
	r := h.resolver
	x := r.exchange()
	x.state, x.cell, x.since = r.state.Load(), h.cell, h.since
	x.q.particulars, x.q.nameLen = h.query, copy(x.q.name[:], h.name)
	client := x.state.snap.Client(h.query.Client)
	var view *zone.View
	if client.View >= 0 {
		view = x.state.snap.Views[client.View]
	}
	x.a.reset(view, &x.q)
	x.a.Rcode, x.a.Result = answer[wire.AtRcode]&wire.MaskRcode, result
	x.count(nil)
	if messages := x.state.messages(); messages != nil {
		messages.Answer(answer, h.client(), h.query.Transport, time.Since(h.since))
	}
	x.release()
	r.exchanges.Put(x)
}
