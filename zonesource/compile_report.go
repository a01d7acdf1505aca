package zonesource

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"inside53/resolver/zone"
)

// Report is what people should know of a compilation.
type Report struct {
	// Problems are those of all parts and of the compilation, sorted.
	Problems []Problem
	// Unservable counts RRsets that exist and can't be served.
	Unservable int
	// Served counts what is served, by the origin of its zone.
	Served [zone.Public + 1]Served
	// Failing counts zones whose names fail.
	Failing int
	// Missing says why the data aren't complete; empty when they are.
	Missing []Gap

	parts []*Part      // the first of zones are theirs
	zones []*zone.Zone // that are served
}

// Served counts zones and their record sets.
type Served struct{ Zones, Sets int }

// ZoneSummary is one zone of a report.
type ZoneSummary struct {
	Key  Key // zero for zones of tags
	Zone *zone.Zone
}

// Zones returns the zones that are served, sorted by name, origin and id.
func (r *Report) Zones() []ZoneSummary {
	out := make([]ZoneSummary, len(r.zones))
	for i, z := range r.zones {
		out[i].Zone = z
		if i < len(r.parts) {
			out[i].Key = r.parts[i].Key
		}
	}
	slices.SortStableFunc(out, func(a, b ZoneSummary) int {
		return cmp.Or(bytes.Compare(a.Zone.Apex, b.Zone.Apex), cmp.Compare(a.Zone.Origin, b.Zone.Origin),
			strings.Compare(a.Zone.ID, b.Zone.ID))
	})
	return out
}

// count counts a zone, or no longer with a sign of -1.
func (r *Report) count(z *zone.Zone, sign int) {
	stats := z.Tree.Stats()
	r.Unservable += sign * stats.Unservable
	if z.Unavailable != "" {
		r.Failing += sign
	}
	r.Served[z.Origin].Zones += sign
	r.Served[z.Origin].Sets += sign * stats.Sets
}

// report gathers what people should know.
func (c *Compiled) report() {
	r := Report{Missing: c.in.missing, parts: c.in.zones, zones: c.Snapshot.Served()}
	r.Problems = slices.Concat(c.tags.problems, c.problems, c.shared, c.collisions)
	for _, list := range [][]*Part{c.in.zones, c.in.catalogs, c.in.regions} {
		for _, p := range list {
			r.Problems = append(r.Problems, p.Problems...)
			if p.Zone != nil && p.Zone.Unavailable != "" {
				r.Problems = append(r.Problems, Problem{
					Zone: zone.String(p.Zone.Apex), Reason: p.Zone.Unavailable + ": its names get SERVFAIL",
				})
			}
		}
	}
	slices.SortStableFunc(r.Problems, compareProblems)
	for _, z := range r.zones {
		r.count(z, 1)
	}
	c.Report = r
}
