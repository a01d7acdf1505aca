package server

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"inside53/resolver"
	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/config"
	"inside53/server/front"
	"inside53/server/healthwatch"
	"inside53/server/listen"
	"inside53/server/metrics"
	"inside53/server/policy"
	"inside53/server/transfer"

	"github.com/miekg/dns"
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
	a.transfers = transfer.New(options)
	a.transfers.SetPolicy(policy)
	a.desk = front.NewDesk(a.transfers, a.keyring, func() listen.Worker { return a.resolver.NewWorker() })
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
	a.trend.observe(live)
	if a.resolver.PublishLive(live) {
		a.transfers.Wake()
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
		a.transfers.Wake()
	}
}

// transferred is what secondaries may have, for people.
type transferred struct {
	server   *transfer.Server
	resolver *resolver.Resolver
}

// Transfers implements [admin.Secondaries].
func (t *transferred) Transfers(page *admin.Page) (admin.Transfers, int) {
	zones, catalogs := t.server.Zones()
	zones = slices.DeleteFunc(zones, func(z transfer.Zone) bool {
		return !page.Has(page.View, z.View) || !page.IsZone(zone.String(z.Apex), "")
	})
	total := len(zones)
	zones = admin.Cut(page, zones)
	out := admin.Transfers{Zones: []admin.Transfer{}, Catalogs: []admin.Transfer{}, Pending: t.server.Pending()}
	snap := t.resolver.Snapshot()
	for _, z := range zones {
		described := describeTransfer(z)
		for _, v := range snap.Views {
			apex := v.Apex(z.Apex)
			if v.Name == z.View && apex != nil {
				described.Findings = append(described.Findings, findings(resolver.ForwardedBelow(snap, v, apex))...)
			}
		}
		out.Zones = append(out.Zones, described)
	}
	for _, z := range catalogs {
		out.Catalogs = append(out.Catalogs, describeTransfer(z))
	}
	return out, total
}

func describeTransfer(z transfer.Zone) admin.Transfer {
	return admin.Transfer{
		View: z.View, Zone: zone.String(z.Apex), Serial: z.Serial, Records: z.Records,
		Journal: z.Journal, JournalBytes: z.JournalBytes, Findings: findings(z.Findings),
	}
}

func findings(list []resolver.Finding) []admin.Finding {
	out := make([]admin.Finding, len(list))
	for i, f := range list {
		out[i] = admin.Finding{Name: zone.String(f.Name), Type: dns.Type(f.Type).String(), Reason: f.Reason}
	}
	return out
}

// metrics are those of the zones that secondaries may have.
func (t *transferred) metrics() *metrics.Collector {
	return metrics.New([]metrics.Metric{
		{Name: "inside53_transfer_zones", Help: "Zones that secondaries may have, by view.", Labels: []string{"view"}},
		{
			Name: "inside53_transfer_journal_bytes", Labels: []string{"view"},
			Help: "Differences of these zones kept for IXFR.",
		},
		{Name: "inside53_notifies_pending", Help: "Secondaries, times zones, that haven't acknowledged NOTIFY yet."},
	}, t.collect)
}

func (t *transferred) collect(r metrics.Reading) {
	for view, n := range t.server.Counts() {
		r.Gauge("inside53_transfer_zones", float64(n.Zones), view)
		r.Gauge("inside53_transfer_journal_bytes", float64(n.JournalBytes), view)
	}
	r.Gauge("inside53_notifies_pending", float64(t.server.Pending()))
}

// refusedTransfers are the lines of the report about what was refused.
func refusedTransfers(all []transfer.Refusal) []admin.Problem {
	var out []admin.Problem
	for _, r := range all {
		out = append(out, admin.Problem{Zone: zone.String(r.Zone), Reason: fmt.Sprintf(
			"%s of %s refused at %s (%s), %d times", r.Kind, r.Client, r.At.UTC().Format(time.RFC3339), r.Reason, r.Count)})
	}
	return out
}
