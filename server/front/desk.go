package front

import (
	"bytes"
	"context"
	"net/netip"
	"runtime"
	"sync"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/server/listen"
	"inside53/server/share"
	"inside53/server/transfer"
	"inside53/server/tsig"
)

// deskBounds are those of messages on their way: 2,048 or 8 MiB of all, a quarter of one
// client.
func deskBounds() share.Bounds { return share.Bounds{Places: 2048, PerClient: 512, Size: 4096} }

// Desk answers messages that have to be unpacked for it, off the packet loops: those for
// transfers, and signed questions. What it has no room for is dropped by UDP, and fails
// by TCP: the client asks again.
type Desk struct {
	transfers *transfer.Server
	keys      func() tsig.Keyring
	newWorker func() listen.Worker
	queue     *share.Queue[message]
}

// NewDesk makes a desk; nothing runs before [Desk.Run].
func NewDesk(transfers *transfer.Server, keys func() tsig.Keyring, newWorker func() listen.Worker) *Desk {
	return &Desk{
		transfers: transfers, keys: keys, newWorker: newWorker, queue: share.NewQueue[message](deskBounds()),
	}
}

// message is one message as it came.
type message struct {
	packet    []byte
	client    netip.AddrPort
	transport resolver.Transport
	size      int  // the most octets that an answer may have
	transfer  bool // it may be for transfers
	handed    bool // on, by another server
	finish    func([]byte, resolver.Result)
	stream    listen.Stream // the same, for an answer of many messages; nil where it can't be
	seen      *resolver.Handled
}

// accept implements the second half of Handle of [resolver.Handler]. It doesn't block.
func (d *Desk) accept(p *resolver.Packet, transfers bool) ([]byte, resolver.Result) {
	m := message{
		packet: bytes.Clone(p.Bytes), client: p.Client, transport: p.Transport, size: cap(p.Out), transfer: transfers,
		handed: isHandedOn(p.Suspender), seen: p.Handled(),
	}
	if transfers && (p.Type() == wire.TypeAXFR || p.Type() == wire.TypeIXFR) {
		m.stream = streamOf(p.Suspender)
	}
	if m.stream != nil {
		m.finish = m.stream.Finish
	} else {
		m.finish = p.Suspender.Suspend()
	}
	for _, gone := range d.queue.Push(p.Client.Addr(), len(p.Bytes), m) {
		gone.refuse()
	}
	return nil, resolver.Dropped
}

// refuse ends a message that has lost its place. It doesn't wait for the client.
func (m *message) refuse() {
	if m.transport == resolver.UDP {
		m.finish(nil, resolver.Dropped)
		return
	}
	m.answered(wire.AppendError(nil, m.packet, wire.RcodeServFail), resolver.ServFail, m.finish)
}

// answered shows an answer to who watches, but for what the worker of the desk has shown, and finishes with it.
func (m *message) answered(answer []byte, result resolver.Result, finish func([]byte, resolver.Result)) {
	m.seen.Question(m.packet)
	m.seen.Answer(answer, result)
	finish(answer, result)
}

// Run answers messages until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			inner, out := d.newWorker(), make([]byte, 0, wire.MaxMessage)
			for m := d.queue.Pop(ctx); m != nil; m = d.queue.Pop(ctx) {
				d.answer(inner, out, m)
			}
		})
	}
	running.Wait()
	for _, m := range d.queue.Clear() {
		m.finish(nil, resolver.Dropped)
	}
	return ctx.Err()
}

// answer answers one message. It keeps its place until its answer is complete, whoever sends
// that.
func (d *Desk) answer(inner listen.Worker, out []byte, item *share.Item[message]) {
	m := &item.Value
	out = out[:0:min(cap(out), m.size)]
	finish := func(answer []byte, result resolver.Result) {
		item.Done()
		m.finish(answer, result)
	}
	late := &deferred{finish: finish}
	if m.transfer {
		own := &deferred{finish: func(answer []byte, result resolver.Result) { m.answered(answer, result, finish) }}
		var stream func() transfer.Stream
		if m.stream != nil {
			stream = func() transfer.Stream {
				own.gone = true
				m.seen.Question(m.packet)
				return &placed{Stream: m.stream, item: item}
			}
		}
		answer, result, accepted := d.transfers.Serve(transfer.Received{
			Packet: m.packet, Client: m.client, Transport: m.transport, Handed: m.handed, Out: out, Stream: stream,
			Late: own.Suspend,
		})
		if accepted {
			if !own.gone {
				own.finish(answer, result)
			}
			return
		}
	}
	asked := &askedWorker{Worker: inner}
	answer, result, accepted := []byte(nil), resolver.Dropped, false
	if keys := d.keys(); len(keys) > 0 {
		answer, result, accepted = keys.Serve(asked, m.packet, m.client, m.transport, out, late)
	}
	switch {
	case !accepted:
		answer, result = inner.Serve(m.packet, m.client, m.transport, out, late)
	case !asked.asked: // the signature was wrong
		m.answered(answer, result, finish)
		return
	}
	if !late.gone {
		finish(answer, result)
	}
}

// askedWorker knows whether a worker was asked, which shows its answers to who watches.
type askedWorker struct {
	listen.Worker
	asked bool
}

// Serve implements [tsig.Server].
func (w *askedWorker) Serve(
	pkt []byte, client netip.AddrPort, tr resolver.Transport, out []byte, s resolver.Suspender,
) ([]byte, resolver.Result) {
	w.asked = true
	return w.Worker.Serve(pkt, client, tr, out, s)
}

// placed is the stream of a message, which has its place until it ends.
type placed struct {
	transfer.Stream
	item  *share.Item[message]
	first []byte // message that was sent
}

// Send implements [transfer.Stream].
func (p *placed) Send(message []byte) error {
	if p.first == nil {
		p.first = bytes.Clone(message)
	}
	return p.Stream.Send(message)
}

// End implements [transfer.Stream].
func (p *placed) End(result resolver.Result) {
	p.item.Done()
	p.item.Value.seen.Answer(p.first, result)
	p.Stream.End(result)
}

// Finish implements [transfer.Stream].
func (p *placed) Finish(answer []byte, result resolver.Result) {
	p.item.Done()
	p.item.Value.seen.Answer(answer, result)
	p.Stream.Finish(answer, result)
}

// deferred is the Suspender of a message that has been suspended already.
type deferred struct {
	finish func([]byte, resolver.Result)
	gone   bool // to whoever answers now
}

// Suspend implements [resolver.Suspender].
func (s *deferred) Suspend() func([]byte, resolver.Result) {
	s.gone = true
	return s.finish
}
