package server

import (
	"net/netip"
	"slices"

	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/listen"
)

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
		slices.ContainsFunc(c.Secondary, func(s config.Secondary) bool { return isPrimary(s, client) }):
		return listen.Known
	case slices.ContainsFunc(c.Transfers, config.Transfer.KeysAlone):
		return listen.Keyed
	}
	return listen.Stranger
}

func isPrimary(s config.Secondary, client netip.Addr) bool {
	return slices.ContainsFunc(s.Primaries, func(p config.HostPort) bool { return p.Addr().Unmap() == client })
}
