package served

import (
	"fmt"
	"slices"
	"time"

	"inside53/resolver"
	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/metrics"
	"inside53/server/transfer"

	"github.com/miekg/dns"
)

// Transfers are what secondaries may have, for people.
type Transfers struct {
	Server   *transfer.Server
	Resolver *resolver.Resolver
}

// Transfers implements [admin.Secondaries].
func (t *Transfers) Transfers(page *admin.Page) (admin.Transfers, int) {
	zones, catalogs := t.Server.Zones()
	zones = slices.DeleteFunc(zones, func(z transfer.Zone) bool {
		return !page.Has(page.View, z.View) || !page.IsZone(zone.String(z.Apex), "")
	})
	total := len(zones)
	zones = admin.Cut(page, zones)
	out := admin.Transfers{Zones: []admin.Transfer{}, Catalogs: []admin.Transfer{}, Pending: t.Server.Pending()}
	snap := t.Resolver.Snapshot()
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

// Metrics are those of the zones that secondaries may have.
func (t *Transfers) Metrics() *metrics.Collector {
	return metrics.New([]metrics.Metric{
		{Name: "inside53_transfer_zones", Help: "Zones that secondaries may have, by view.", Labels: []string{"view"}},
		{
			Name: "inside53_transfer_journal_bytes", Labels: []string{"view"},
			Help: "Differences of these zones kept for IXFR.",
		},
		{Name: "inside53_notifies_pending", Help: "Secondaries, times zones, that haven't acknowledged NOTIFY yet."},
	}, t.collect)
}

func (t *Transfers) collect(r metrics.Reading) {
	for view, n := range t.Server.Counts() {
		r.Gauge("inside53_transfer_zones", float64(n.Zones), view)
		r.Gauge("inside53_transfer_journal_bytes", float64(n.JournalBytes), view)
	}
	r.Gauge("inside53_notifies_pending", float64(t.Server.Pending()))
}

// Problems are the lines of the report about what was refused.
func (t *Transfers) Problems() []admin.Problem {
	var out []admin.Problem
	for _, r := range t.Server.Refusals() {
		out = append(out, admin.Problem{Zone: zone.String(r.Zone), Reason: fmt.Sprintf(
			"%s of %s refused at %s (%s), %d times", r.Kind, r.Client, r.At.UTC().Format(time.RFC3339), r.Reason, r.Count)})
	}
	return out
}
