package server

import (
	"net/netip"

	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/front"
	"inside53/server/healthwatch"
	"inside53/server/listen"
	"inside53/server/metrics"
	"inside53/server/policy"
	"inside53/server/transfer"
)

// assembleTransfers makes what serves secondaries, whether the configuration has any or
// not: a reload may bring some.
func (a *App) assembleTransfers(c *config.Config) error {
	policy, err := policy.Transfers(c)
	if err != nil {
		return err
	}
	count := metrics.NewCounter(a.registry, metrics.Metric{
		Name: "inside53_transfers_total", Labels: []string{"kind", "result"},
		Help: "Transfers to secondaries and NOTIFY from primaries by kind and outcome; " +
			"whole: an IXFR answered by the whole zone; udp: by one message.",
	})
	countNotify := metrics.NewCounter(a.registry, metrics.Metric{
		Name: "inside53_notifies_total", Labels: []string{"result"},
		Help: "NOTIFY to secondaries by outcome; gave_up counts zones, the others messages.",
	})
	options := transfer.Options{
		Resolver: a.resolver, Ask: a.sources.Hosts.Alias(transfer.TargetTTL), Notified: a.sources.Secondaries.Notified,
		Primary:     a.isPrimary,
		Count:       func(kind, result string) { count(kind, result) },
		CountNotify: func(result string) { countNotify(result) }, StateDir: c.StateDir, State: a.keeper.State(),
		Log: a.opts.Log,
	}
	if a.fleet != nil {
		options.Fleet = a.fleet.Handing
	}
	a.front.Transfers = transfer.New(options)
	a.front.Transfers.SetPolicy(policy)
	a.front.Keys, a.front.Released = a.keyring, a.handover.HasBegun
	if a.fleet != nil {
		a.front.Bell = a.fleet.Bell
	}
	a.front.Desk = front.NewDesk(a.front.Transfers, a.keyring, func() listen.Worker { return a.resolver.NewWorker() })
	return nil
}

// isPrimary reports whether a zone comes from other servers, one of which has that address: one
// that this server reads, or in a fleet whoever leads.
func (a *App) isPrimary(apex []byte, from netip.Addr) bool {
	if a.sources.Secondaries.IsPrimary(apex, from) {
		return true
	}
	if a.fleet == nil {
		return false
	}
	return front.NamesPrimary(a.config.Load(), apex, from)
}

// publishLive makes a table of health the one that queries and secondaries see. Nothing is
// to be published to these where only the times of looks have changed.
func (a *App) publishLive(live *zone.Live) {
	a.hands.Trend.Observe(live)
	if a.resolver.PublishLive(live) {
		a.front.Transfers.Wake()
	}
}

// newInstances makes who probes instances.
func (a *App) newInstances() *healthwatch.Instances {
	return &healthwatch.Instances{
		Config: a.config.Load, Regions: a.sources.Inventory, Listeners: a.health.Listeners, Publish: a.publishSick,
		Log: a.opts.Log,
	}
}

// publishSick makes instances that are unhealthy from here leave their names. Nothing is
// answered otherwise by it, and secondaries are told nothing, where no decision is another one.
func (a *App) publishSick(sick map[string]string) {
	if a.resolver.PublishSick(sick) {
		a.front.Transfers.Wake()
	}
}
