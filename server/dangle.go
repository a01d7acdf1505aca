package server

import (
	"context"
	"path/filepath"
	"strings"

	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/dangling"
	"inside53/server/metrics"
	"inside53/zonesource/rdata"
)

// newDangling makes what looks for records that lead to what is gone.
func (a *App) newDangling() *dangling.Watch {
	o := dangling.Options{Snapshot: a.resolver.Snapshot, Resolve: a.exists, Log: a.opts.Log}
	if state := a.keeper.State(); state != nil {
		o.Path, o.Hold = filepath.Join(state.Path(), "addresses"), state.Hold
	}
	return dangling.New(o)
}

// exists asks whether a name outside exists.
func (a *App) exists(ctx context.Context, name []byte) (bool, error) {
	return a.sources.Hosts.ExistsOutside(ctx, a.config.Load(), name)
}

// danglingProblems are the lines of the report about records that lead to what is gone.
func (a *App) danglingProblems() []admin.Problem {
	var out []admin.Problem
	for _, f := range a.dangling.Findings() {
		out = append(out, admin.Problem{
			Zone: zone.String(f.Zone.Apex), Name: zone.String(f.Name), Type: rdata.TypeText(f.Type),
			Reason: "dangling: " + f.Reason,
		})
	}
	return out
}

// sharedName begins the reason of a name that instances of several VPCs share.
const sharedName = "shared by "

// danglingMetrics count them.
func (a *App) danglingMetrics() *metrics.Collector {
	return metrics.New([]metrics.Metric{
		{
			Name: "inside53_dangling_records", Labels: []string{"kind"},
			Help: "Records that lead to what is gone, and names that environments share.",
		},
	}, func(out metrics.Reading) {
		counts := map[string]int{}
		for _, f := range a.dangling.Findings() {
			counts[f.Kind]++
		}
		for _, kind := range dangling.Kinds() {
			out.Gauge("inside53_dangling_records", float64(counts[kind]), kind)
		}
		shared := 0
		for _, p := range a.keeper.Report().Problems {
			if strings.HasPrefix(p.Reason, sharedName) {
				shared++
			}
		}
		out.Gauge("inside53_dangling_records", float64(shared), "shared")
	})
}
