package server

import (
	"net/netip"
	"slices"
	"sync/atomic"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/listen"
	"inside53/server/transfer"
	"inside53/server/tsig"
	"inside53/server/update"
)

// front sees what is more than a question, as [resolver.Handler]: updates, transfers, and
// what is signed. First it finds out whether the client may send it, by its address and
// by the name of its key; all else, and the unpacking, is done off the packet loops.
type front struct {
	updates   *update.Server // nil leaves them refused
	transfers *transfer.Server
	keys      func() tsig.Keyring
	desk      *desk
	bell      *bell        // nil without a fleet
	released  *atomic.Bool // whether updates are another process's from now on
}

// Handle implements [resolver.Handler].
func (f *front) Handle(p *resolver.Packet) (answer []byte, result resolver.Result, done bool) {
	at, _ := p.Signature()
	switch {
	case p.Opcode() == wire.OpcodeUpdate:
		if f.updates == nil {
			return nil, 0, false
		}
		if !f.updates.Admits(p.Client.Addr(), p.Allowed()) {
			f.updates.Refused(p.Client.Addr())
			return nil, 0, false
		}
		if f.released.Load() {
			return f.later(p)
		}
		answer, result = f.updates.Serve(p.Bytes, p.Client, p.Transport, isHandedOn(p.Suspender), p)
	case p.Type() == wire.TypeSOA && p.Opcode() == wire.OpcodeQuery && f.transfers.Fenced(p.View(), p.Name()):
		return wire.AppendError(p.Out[:0], p.Bytes, wire.RcodeServFail), resolver.ServFail, true
	case f.bell.admits(p):
		answer, result = f.bell.accept(p)
	case f.transfers.Admits(p):
		answer, result = f.desk.accept(p, true)
	default:
		f.transfers.Refused(p)
		if p.Opcode() != wire.OpcodeQuery || at == 0 || !p.Allowed() || len(f.keys()) == 0 {
			return nil, 0, false
		}
		answer, result = f.desk.accept(p, false)
	}
	return answer, result, true
}

// later has an update come again, when another process accepts it.
func (f *front) later(p *resolver.Packet) ([]byte, resolver.Result, bool) {
	if p.Transport == resolver.UDP {
		return nil, resolver.Dropped, true
	}
	return wire.AppendError(p.Out[:0], p.Bytes, wire.RcodeServFail), resolver.ServFail, true
}

// isHandedOn reports whether another server of the fleet has handed a query on.
func isHandedOn(s resolver.Suspender) bool {
	by, can := s.(listen.HandedOn)
	return can && by.HandedOn()
}

// streamOf returns what suspends a query for an answer of many messages; nil where the
// transport has none.
func streamOf(s resolver.Suspender) listen.Stream {
	streamer, ok := s.(listen.Streamer)
	if !ok {
		return nil
	}
	return streamer.Stream()
}

// welcomeOf says how TCP connections of a client are accepted: of whoever may ask, and whom
// the configuration names for updates, transfers or as a primary. Where a key alone opens a
// transfer, anybody may have it: a few are let in, for a short time.
func welcomeOf(c *config.Config, s *zone.Snapshot, client netip.Addr) listen.Welcome {
	within := func(p netip.Prefix) bool { return p.Contains(client) }
	named := func(prefixes []netip.Prefix) bool { return slices.ContainsFunc(prefixes, within) }
	switch {
	case s.Client(client).Allowed,
		slices.ContainsFunc(c.Updates, func(u config.Update) bool { return named(u.Clients) }),
		slices.ContainsFunc(c.Transfers, func(t config.Transfer) bool { return named(t.Clients) }),
		slices.ContainsFunc(c.Secondary, func(s config.Secondary) bool { return isPrimary(s.Primaries, client) }),
		slices.ContainsFunc(c.Follow, func(f config.Follow) bool { return isPrimary(f.Primaries, client) }):
		return listen.Known
	case slices.ContainsFunc(c.Transfers, config.Transfer.KeysAlone):
		return listen.Keyed
	}
	return listen.Stranger
}

func isPrimary(primaries []config.HostPort, client netip.Addr) bool {
	return slices.ContainsFunc(primaries, func(p config.HostPort) bool { return p.Addr().Unmap() == client })
}
