package server

import (
	"time"

	"inside53/resolver"
	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/config"

	"github.com/miekg/dns"
	"golang.org/x/time/rate"
)

// assembleTransfers makes what serves secondaries, whether the configuration has any or
// not: a reload may bring some.
func (a *App) assembleTransfers(c *config.Config) error {
	policy, err := newTransferPolicy(c)
	if err != nil {
		return err
	}
	notify := newCounter(a.registry, metric{
		"inside53_notifies_total", "NOTIFY to secondaries by outcome; gave_up counts zones, the others messages.",
		[]string{"result"},
	})
	transfer := newCounter(a.registry, metric{
		"inside53_transfers_total",
		"Transfers to secondaries and NOTIFY from primaries by kind and outcome; " +
			"whole: an IXFR answered by the whole zone; udp: by one message.",
		[]string{"kind", "result"},
	})
	a.registry.MustRegister(a.transferMetrics())
	a.notifier = newNotifier(func(result string) { notify(result) }, a.opts.Log)
	t := &transfers{
		queue: make(chan transferJob, transfersWaiting), count: func(kind, result string) { transfer(kind, result) }, log: a.opts.Log,
		notified: a.sources.secondaries.notified,
		faults:   rate.Sometimes{First: 10, Interval: time.Second},
	}
	t.publisher = newPublisher(a.resolver, t.policy.Load, &aliases{ask: a.askAlias, targets: map[aliasTarget]*aliasState{}}, a.notifier, c.StateDir, a.opts.Log)
	t.use(policy)
	a.transfers = t
	return nil
}

// use makes a policy the one in force.
func (t *transfers) use(policy *transferPolicy) {
	t.policy.Store(policy)
	t.publisher.wake()
}

// publishLive makes a table of health the one that queries and secondaries see.
func (a *App) publishLive(live *zone.Live) {
	a.resolver.PublishLive(live)
	a.transfers.publisher.wake()
}

// Transfers implements [admin.Secondaries].
func (a *App) Transfers() admin.Transfers {
	zones, catalogs := a.transfers.publisher.list()
	info := admin.Transfers{Zones: []admin.Transfer{}, Catalogs: []admin.Transfer{}, Pending: a.notifier.pending()}
	snap := a.resolver.Snapshot()
	for _, z := range zones {
		i := describeTransfer(z)
		for _, v := range snap.Views {
			apex := v.Apex(z.apex)
			if v.Name == z.view && apex != nil {
				addFindings(&i, resolver.ForwardedBelow(snap, v, apex))
			}
		}
		info.Zones = append(info.Zones, i)
	}
	for _, z := range catalogs {
		info.Catalogs = append(info.Catalogs, describeTransfer(z))
	}
	return info
}

func describeTransfer(z *publishedZone) admin.Transfer {
	info := admin.Transfer{View: z.view, Zone: zone.String(z.apex), Findings: []admin.Finding{}}
	v := z.history.Version()
	if v != nil {
		info.Serial, info.Records = v.Serial, v.Tree.Stats().Records
	}
	info.Journal, info.JournalBytes = z.history.Journal()
	addFindings(&info, z.findings)
	return info
}

func addFindings(i *admin.Transfer, findings []resolver.Finding) {
	for _, f := range findings {
		i.Findings = append(i.Findings, admin.Finding{Name: zone.String(f.Name), Type: dns.Type(f.Type).String(), Reason: f.Reason})
	}
}

// transferMetrics are those of what secondaries may have.
func (a *App) transferMetrics() *collector {
	return newCollector([]metric{
		{"inside53_transfer_zones", "Zones that secondaries may have, by view.", []string{"view"}},
		{"inside53_transfer_journal_bytes", "Differences of these zones kept for IXFR.", []string{"view"}},
		{"inside53_notifies_pending", "Secondaries, times zones, that haven't acknowledged NOTIFY yet.", nil},
	}, func(r reading) {
		zones, _ := a.transfers.publisher.list()
		count, bytes := map[string]int{}, map[string]int{}
		for _, z := range zones {
			_, octets := z.history.Journal()
			count[z.view]++
			bytes[z.view] += octets
		}
		for view, n := range count {
			r.gauge("inside53_transfer_zones", float64(n), view)
			r.gauge("inside53_transfer_journal_bytes", float64(bytes[view]), view)
		}
		r.gauge("inside53_notifies_pending", float64(a.notifier.pending()))
	})
}
