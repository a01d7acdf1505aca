package server

import (
	"net/netip"

	"inside53/server/config"
	"inside53/server/metrics"
	"inside53/server/policy"
	"inside53/server/served"
	"inside53/server/update"
	"inside53/zonesource/route53"
	zoneupdate "inside53/zonesource/update"
)

// assembleUpdates makes what accepts updates. It is there with AWS alone, whether the
// configuration has updates or not: a reload may bring some.
func (a *App) assembleUpdates(c *config.Config, keepers *served.Keepers) error {
	policy, err := policy.Updates(c)
	if err != nil {
		return err
	}
	a.keys.Store(&policy.Keys)
	if !c.UsesAWS() || !a.opts.AsOf.IsZero() {
		return nil
	}
	count := metrics.NewCounter(a.registry, metrics.Metric{
		Name: "inside53_updates_total", Labels: []string{"result"},
		Help: "Dynamic updates by response code or fault of the signature; dropped: too many at a time.",
	})
	options := update.Options{
		Registrar: a.sources.Registrar.Now, Registers: func() bool { return len(a.config.Load().Register) > 0 },
		Hosted: keepers.Hosted, Count: func(result string) { count(result) }, Log: a.opts.Log,
		Allowed: func(client netip.Addr) bool { return a.resolver.Snapshot().Client(client).Allowed },
	}
	if a.fleet != nil {
		options.Updater, options.Fleet = a.fleet.Handing, a.fleet.Handing
	} else {
		a.updater = zoneupdate.New(zoneupdate.Options{
			Source: route53.Name, Hosted: a.keeper.Hosted, Amend: a.keeper.Amend, Synced: a.keeper.Synced,
			StateDir: c.StateDir, State: a.keeper.State(), OnCall: a.sources.OnCall, Log: a.opts.Log,
		})
		a.updater.SetAccounts(a.running.accounts)
		options.Updater = a.updater
	}
	a.front.Updates = update.New(options, policy)
	return nil
}
