package server

import (
	"bytes"
	"context"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/server/listen"
	"inside53/server/transfer"
	"inside53/server/tsig"
)

const (
	// deskWaiting is how many messages may wait for a desk.
	deskWaiting = 2048
	// deskBytes is how many octets they may have.
	deskBytes = 8 << 20
)

// desk answers messages that have to be unpacked for it, off the packet loops: those for
// transfers, and signed questions. What it has no room for is dropped by UDP, and fails
// by TCP: the client asks again.
type desk struct {
	transfers *transfer.Server
	keys      func() tsig.Keyring
	newWorker func() listen.Worker
	queue     chan message
	bytes     atomic.Int64 // of all on their way
}

func newDesk(transfers *transfer.Server, keys func() tsig.Keyring, newWorker func() listen.Worker) *desk {
	return &desk{transfers: transfers, keys: keys, newWorker: newWorker, queue: make(chan message, deskWaiting)}
}

// message is one message as it came.
type message struct {
	packet    []byte
	client    netip.AddrPort
	transport resolver.Transport
	size      int  // the most octets that an answer may have
	transfer  bool // it may be for transfers
	finish    func([]byte, resolver.Result)
	stream    transfer.Stream // the same, for an answer of many messages; nil where it can't be
}

// accept implements the second half of Handle of [resolver.Handler]. It doesn't block.
func (d *desk) accept(p *resolver.Packet, transfers bool) ([]byte, resolver.Result) {
	size := int64(len(p.Bytes))
	if d.bytes.Add(size) > deskBytes || len(d.queue) == cap(d.queue) {
		d.bytes.Add(-size)
		if p.Transport == resolver.UDP {
			return nil, resolver.Dropped
		}
		return wire.AppendError(p.Out[:0], p.Bytes, wire.RcodeServFail), resolver.ServFail
	}
	m := message{
		packet: bytes.Clone(p.Bytes), client: p.Client, transport: p.Transport, size: cap(p.Out), transfer: transfers,
	}
	var finish func([]byte, resolver.Result)
	if transfers && (p.Type() == wire.TypeAXFR || p.Type() == wire.TypeIXFR) {
		m.stream = streamOf(p.Suspender)
	}
	if m.stream != nil {
		finish = func(answer []byte, result resolver.Result) {
			if len(answer) > 0 {
				_ = m.stream.Send(answer) // a client that is gone is told nothing
			}
			m.stream.End(result)
		}
	} else {
		finish = p.Suspender.Suspend()
	}
	m.finish = func(answer []byte, result resolver.Result) {
		d.bytes.Add(-size)
		finish(answer, result)
	}
	select {
	case d.queue <- m:
	default: // others were faster
		m.finish(nil, resolver.Dropped)
	}
	return nil, resolver.Dropped
}

// run answers messages until ctx ends.
func (d *desk) run(ctx context.Context) error {
	var running sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			inner, out := d.newWorker(), make([]byte, 0, wire.MaxMessage)
			for {
				select {
				case <-ctx.Done():
					return
				case m := <-d.queue:
					d.answer(inner, out, m)
				}
			}
		})
	}
	running.Wait()
	for {
		select {
		case m := <-d.queue:
			m.finish(nil, resolver.Dropped)
		default:
			return ctx.Err()
		}
	}
}

// answer answers one message.
func (d *desk) answer(inner listen.Worker, out []byte, m message) {
	out = out[:0:min(cap(out), m.size)]
	late := &deferred{finish: m.finish}
	answer, result, accepted := []byte(nil), resolver.Dropped, false
	if m.transfer {
		var stream func() transfer.Stream
		if m.stream != nil {
			stream = func() transfer.Stream {
				late.gone = true
				d.bytes.Add(-int64(len(m.packet)))
				return m.stream
			}
		}
		answer, result, accepted = d.transfers.Serve(m.packet, m.client, m.transport, out, stream)
	}
	if keys := d.keys(); !accepted && len(keys) > 0 {
		answer, result, accepted = keys.Serve(inner, m.packet, m.client, m.transport, out, late)
	}
	if !accepted {
		answer, result = inner.Serve(m.packet, m.client, m.transport, out, late)
	}
	if !late.gone {
		m.finish(answer, result)
	}
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
