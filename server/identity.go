package server

import (
	"cmp"
	"context"
	"net/netip"
	"strconv"
	"strings"

	"inside53/server/admin"
	"inside53/server/config"
	"inside53/server/member"
	"inside53/server/transfer"
)

// identity says who answers, for NSID and id.server: NAME VERSION BUILD. VERSION is that of the
// data, with a + where some of them aren't in the ledger yet, and - without a ledger.
func (a *App) identity() string {
	name, version := a.host, "-"
	switch {
	case a.fleet != nil:
		name = a.fleet.Member.Name()
		v, _ := a.fleet.Member.Adopted()
		if v != nil {
			version = strconv.FormatUint(v.Number(), 10)
		}
	case a.recorder != nil:
		version = a.recorder.Text()
	}
	return cmp.Or(name, "-") + " " + version + " " + cmp.Or(strings.TrimPrefix(a.version, "inside53 "), "-")
}

// fleetStatus is the version of the data that is served, and who of the fleet leads.
func (a *App) fleetStatus() admin.FleetStatus {
	if a.fleet != nil {
		s := a.fleet.Standing()
		return admin.FleetStatus{Version: s.Version, Leader: s.Leader}
	}
	if a.recorder == nil {
		return admin.FleetStatus{}
	}
	return admin.FleetStatus{Version: a.recorder.Status().Version}
}

// assembleFleet makes this server a member of its fleet, where the configuration has one.
func (a *App) assembleFleet(ctx context.Context, c *config.Config) error {
	if c.Fleet == nil || !a.opts.AsOf.IsZero() {
		return nil
	}
	var err error
	a.fleet, err = member.New(ctx, member.Options{
		Config: a.config.Load, Accounts: a.running.accounts, Host: a.host, Build: a.version, Keys: a.keyring,
		Keeper: a.keeper, Sources: &a.sources, Health: &a.health,
		Transfers: func() *transfer.Server { return a.transfers },
		Sockets:   func() []netip.AddrPort { return a.server.Addrs() },
		Retention: a.retention, Metrics: a.registry, Log: a.opts.Log,
	})
	return err
}
