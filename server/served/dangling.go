package served

import (
	"strings"

	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/dangling"
	"inside53/server/metrics"
	"inside53/zonesource"
	"inside53/zonesource/rdata"
)

// Dangling are records that lead to what is gone, for people.
type Dangling struct {
	Watch  *dangling.Watch
	Keeper *zonesource.Keeper
}

// Problems are the lines of the report about records that lead to what is gone.
func (d *Dangling) Problems() []admin.Problem {
	var out []admin.Problem
	for _, f := range d.Watch.Findings() {
		out = append(out, admin.Problem{
			Zone: zone.String(f.Zone.Apex), Name: zone.String(f.Name), Type: rdata.TypeText(f.Type),
			Reason: "dangling: " + f.Reason,
		})
	}
	return out
}

// sharedName begins the reason of a name that instances of several VPCs share.
const sharedName = "shared by "

// Metrics count them.
func (d *Dangling) Metrics() *metrics.Collector {
	return metrics.New([]metrics.Metric{
		{
			Name: "inside53_dangling_records", Labels: []string{"kind"},
			Help: "Records that lead to what is gone, and names that environments share.",
		},
	}, func(out metrics.Reading) {
		counts := map[string]int{}
		for _, f := range d.Watch.Findings() {
			counts[f.Kind]++
		}
		for _, kind := range dangling.Kinds() {
			out.Gauge("inside53_dangling_records", float64(counts[kind]), kind)
		}
		shared := 0
		for _, p := range d.Keeper.Report().Problems {
			if strings.HasPrefix(p.Reason, sharedName) {
				shared++
			}
		}
		out.Gauge("inside53_dangling_records", float64(shared), "shared")
	})
}
