package front

import (
	"bytes"
	"net/netip"
	"slices"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/listen"
	"inside53/server/transfer"
	"inside53/server/tsig"
	"inside53/server/update"
)

// Handler sees what is more than a question, as [resolver.Handler]: updates, transfers, and
// what is signed. First it finds out whether the client may send it, by its address and
// by the name of its key; all else, and the unpacking, is done off the packet loops.
type Handler struct {
	Updates   *update.Server // nil leaves them refused
	Transfers *transfer.Server
	Keys      func() tsig.Keyring
	Desk      *Desk
	Bell      Bell        // nil without a fleet
	Released  func() bool // whether updates are another process's from now on
}

// Bell answers NOTIFY between the servers of a fleet.
type Bell interface {
	// Admits reports whether a packet is one, as far as that is seen before its signature is checked.
	Admits(p *resolver.Packet) bool
	// Accept has one answered later. It doesn't block.
	Accept(p *resolver.Packet) ([]byte, resolver.Result)
}

// Handle implements [resolver.Handler].
func (f *Handler) Handle(p *resolver.Packet) (answer []byte, result resolver.Result, done bool) {
	at, _ := p.Signature()
	switch {
	case p.Opcode() == wire.OpcodeUpdate:
		if f.Updates == nil {
			return nil, 0, false
		}
		if !f.Updates.Admits(p.Client.Addr(), p.Allowed()) {
			f.Updates.Refused(p.Client.Addr())
			return nil, 0, false
		}
		if f.Released() {
			return f.later(p)
		}
		answer, result = f.Updates.Serve(p.Bytes, p.Client, p.Transport, isHandedOn(p.Suspender), p)
	case p.Type() == wire.TypeSOA && p.Opcode() == wire.OpcodeQuery && f.Transfers.Fenced(p.View(), p.Name()):
		return wire.AppendError(p.Out[:0], p.Bytes, wire.RcodeServFail), resolver.ServFail, true
	case f.Bell != nil && f.Bell.Admits(p):
		answer, result = f.Bell.Accept(p)
	case f.Transfers.Admits(p):
		answer, result = f.Desk.accept(p, true)
	default:
		f.Transfers.Refused(p)
		if p.Opcode() != wire.OpcodeQuery || at == 0 || !p.Allowed() || len(f.Keys()) == 0 {
			return nil, 0, false
		}
		answer, result = f.Desk.accept(p, false)
	}
	return answer, result, true
}

// later has an update come again, when another process accepts it.
func (f *Handler) later(p *resolver.Packet) ([]byte, resolver.Result, bool) {
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

// Welcome says how TCP connections of a client are accepted: of whoever may ask, and whom
// the configuration names for updates, transfers or as a primary. Where a key alone opens a
// transfer, anybody may have it: a few are let in, for a short time.
func Welcome(c *config.Config, s *zone.Snapshot, client netip.Addr) listen.Welcome {
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

// isPrimary reports whether an address is that of a primary.
func isPrimary(primaries []config.HostPort, client netip.Addr) bool {
	return slices.ContainsFunc(primaries, func(p config.HostPort) bool { return p.Addr().Unmap() == client })
}

// NamesPrimary reports whether a configuration has a zone come from a server of that address.
func NamesPrimary(c *config.Config, apex []byte, from netip.Addr) bool {
	is := func(name config.DomainName, primaries []config.HostPort) bool {
		return isPrimary(primaries, from) && bytes.Equal(zone.MustName(string(name)), apex)
	}
	return slices.ContainsFunc(c.Secondary, func(s config.Secondary) bool { return is(s.Zone, s.Primaries) }) ||
		slices.ContainsFunc(c.Follow, func(f config.Follow) bool { return is(f.Zone, f.Primaries) })
}
