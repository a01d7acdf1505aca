package served

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"inside53/resolver"
	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/metrics"
	"inside53/zonesource"
)

// Data is what is served, for people: what the keeper has and what the resolver makes
// of it.
type Data struct {
	Keepers  *Keepers
	Resolver *resolver.Resolver
	Watched  *Watched
	Past     func(ctx context.Context, name string) []resolver.Step // what of the past explains a name
	Faults   func() []admin.Problem                                 // of what isn't data
}

// Zones implements [admin.Data].
func (d *Data) Zones(page *admin.Page) ([]admin.Zone, int) {
	status := d.Keepers.Status()
	parts := make(map[zonesource.Key]zonesource.PartStatus, len(status.Parts))
	for _, p := range status.Parts {
		parts[p.Key] = p
	}
	wanted := func(name, id, visibility, account string, failing bool) bool {
		return page.IsZone(name, id) && page.Has(page.Visibility, visibility) && page.Has(page.Account, account) &&
			(failing || !page.Failing)
	}
	var all []func() admin.Zone // those on the page alone are described
	for _, summary := range status.Report.Zones() {
		z, p := summary.Zone, parts[summary.Key]
		failing := p.Err != nil || p.Pending != nil || len(p.Problems) > 0
		if wanted(zone.String(z.Apex), z.ID, z.Origin.String(), z.Account, failing) {
			all = append(all, func() admin.Zone { return describeZone(z, p) })
		}
	}
	for _, gap := range status.Report.Missing {
		if gap.Zone == "" {
			continue
		}
		unread := unreadZone(gap, parts[gap.Key].Err)
		if wanted(unread.Name, unread.ID, unread.Visibility, unread.Account, true) {
			all = append(all, func() admin.Zone { return unread })
		}
	}
	out := []admin.Zone{}
	for _, describe := range admin.Cut(page, all) {
		out = append(out, describe())
	}
	return out, len(all)
}

// unreadZone describes a hosted zone that exists and could not be read yet.
func unreadZone(gap zonesource.Gap, err error) admin.Zone {
	out := admin.Zone{
		ID: strings.TrimPrefix(gap.Key.Name, "zone/"), Name: gap.Zone, Visibility: "public",
		VPCs: []string{}, Unservable: []admin.Unservable{}, Error: "not read yet",
	}
	if gap.Private {
		out.Visibility = "private"
	}
	if err != nil {
		out.Error = err.Error()
	}
	return out
}

func describeZone(z *zone.Zone, p zonesource.PartStatus) admin.Zone {
	out := admin.Zone{
		ID: z.ID, Name: zone.String(z.Apex), Visibility: z.Origin.String(), Account: z.Account,
		VPCs: []string{}, Records: z.Tree.Stats().Sets, Unservable: []admin.Unservable{},
	}
	for _, v := range z.VPCs {
		out.VPCs = append(out.VPCs, v.ID)
	}
	switch age := admin.SecondsTo(time.Now(), p.Listed); {
	case z.Origin == zone.File: // it is read when it changes: it has none
		out.AgeSeconds = new(float64)
	default:
		out.AgeSeconds = age
	}
	if p.Err != nil {
		out.Error = p.Err.Error()
	}
	if p.Pending != nil {
		out.Shrunk = &admin.Shrunk{Before: p.Pending.Before, Now: p.Pending.Now}
	}
	for _, problem := range p.Problems {
		out.Unservable = append(out.Unservable, admin.Unservable{Name: problem.Name, Type: problem.Type,
			Reason: problem.Reason})
	}
	return out
}

// Problems implements [admin.Data].
func (d *Data) Problems() []admin.Problem {
	out := []admin.Problem{}
	for _, p := range d.Keepers.Served.Report().Problems {
		out = append(out, admin.Problem(p))
	}
	for _, p := range d.Keepers.Waiting() {
		out = append(out, waitingProblem(&p))
	}
	return append(out, d.Faults()...)
}

// waitingProblem is the line of the report about a part that has shrunk or vanished.
func waitingProblem(p *zonesource.PartStatus) admin.Problem {
	out := admin.Problem{Zone: p.Key.Name}
	if p.Zone != nil {
		out.Zone = zone.String(p.Zone.Apex)
	}
	accept := strings.TrimPrefix(p.Key.Name, "zone/")
	if p.Pending == nil {
		out.Reason = fmt.Sprintf("held: the zone isn't listed any more since %s; it stays until that is certain, or "+
			"POST /accept?zone=%s", p.Vanished.UTC().Format(time.RFC3339), accept)
		return out
	}
	out.Reason = fmt.Sprintf("held: shrunk from %d to %d; the last good data stay until a second listing says the same, "+
		"or POST /accept?zone=%s; /parts names what would go", p.Pending.Before, p.Pending.Now, accept)
	return out
}

// Explain implements [admin.Explainer].
func (d *Data) Explain(ctx context.Context, q admin.Question) (any, error) {
	req := resolver.ExplainRequest{Client: q.Client, ECS: q.Subnet, Outside: q.Outside}
	var err error
	req.Name, req.Type, err = resolver.ParseQuestion(q.Name, q.Type)
	if err != nil {
		return nil, err
	}
	if q.Subnet.IsValid() && !d.Resolver.Snapshot().Trusted(q.Client) {
		return nil, fmt.Errorf("subnet: that of client %s isn't believed, it is not in ecs.trust", q.Client)
	}
	req.Listing = listings(d.Keepers.Served.Status())
	e, err := d.Resolver.Explain(ctx, req)
	hint := zone.OctalHint(q.Name)
	if err == nil && hint != "" {
		e.Steps = append(e.Steps, resolver.Step{Step: "hint", Why: hint})
	}
	if err == nil {
		e.Steps = append(e.Steps, d.Watched.steps(e.Used)...)
		e.Steps = append(e.Steps, d.Past(ctx, zone.String(req.Name))...)
	}
	if errors.Is(err, resolver.ErrNoOutside) {
		return nil, &admin.Refusal{Status: http.StatusConflict, Err: err}
	}
	return e, err
}

// listings returns what is known of the listings of hosted zones.
func listings(status zonesource.Status) func(*zone.Zone) resolver.Listing {
	known := map[string]resolver.Listing{}
	for _, p := range status.Parts {
		if p.Zone != nil && p.Zone.Origin != zone.File {
			known[p.Zone.ID] = resolver.Listing{Good: p.Listed, Err: p.Err, Held: p.Pending != nil}
		}
	}
	return func(z *zone.Zone) resolver.Listing { return known[z.ID] }
}

// Metrics are those of sources, zones and the inventory.
func (d *Data) Metrics() *metrics.Collector {
	return metrics.New([]metrics.Metric{
		{Name: "inside53_source_age_seconds", Help: "Age of the oldest data of a source.", Labels: []string{"source"}},
		{
			Name: "inside53_source_failing_parts", Labels: []string{"source"},
			Help: "Parts of a source whose last listing failed.",
		},
		{
			Name: "inside53_source_pending_parts", Labels: []string{"source"},
			Help: "Parts that have shrunk or vanished and wait to be confirmed.",
		},
		{Name: "inside53_zones", Help: "Zones served.", Labels: []string{"visibility"}},
		{Name: "inside53_records", Help: "Record sets served.", Labels: []string{"visibility"}},
		{Name: "inside53_unservable_records", Help: "Record sets that exist and can't be served."},
		{Name: "inside53_problems", Help: "Lines of the report: records, names and zones that need a look."},
		{Name: "inside53_state_writable", Help: "0 when the state directory can't be written, or not all that should be."},
		{
			Name: "inside53_state_saved_seconds",
			Help: "Time since something was written to the state directory; +Inf for not since the start.",
		},
		{Name: "inside53_stale_regions", Help: "Regions whose inventory is too old to translate addresses by."},
	}, d.collect)
}

// secondsSince is the age of a moment; one that isn't known was an infinite time ago.
func secondsSince(at, now time.Time) float64 {
	if at.IsZero() {
		return math.Inf(1)
	}
	return max(0, now.Sub(at).Seconds())
}

func (d *Data) collect(r metrics.Reading) {
	s, now := d.Keepers.Brief(), time.Now()
	if state := d.Keepers.Served.State(); state != nil {
		r.Gauge("inside53_state_writable", metrics.Truth(state.Fault() == nil))
		r.Gauge("inside53_state_saved_seconds", secondsSince(state.Saved(), now))
	}
	for name, source := range s.Sources {
		r.Gauge("inside53_source_age_seconds", secondsSince(source.Oldest, now), name)
		r.Gauge("inside53_source_failing_parts", float64(source.Failing), name)
		r.Gauge("inside53_source_pending_parts", float64(source.Pending), name)
	}
	for origin, served := range s.Served {
		if served.Zones > 0 {
			r.Gauge("inside53_zones", float64(served.Zones), zone.Origin(origin).String())
			r.Gauge("inside53_records", float64(served.Sets), zone.Origin(origin).String())
		}
	}
	r.Gauge("inside53_unservable_records", float64(s.Unservable))
	r.Gauge("inside53_problems", float64(s.Problems))
	stale := map[string]bool{}
	for _, v := range d.Resolver.Snapshot().Inventory.VPCs {
		if v.Stale {
			stale[v.Account+"/"+v.Region] = true
		}
	}
	r.Gauge("inside53_stale_regions", float64(len(stale)))
}
