package hands

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"inside53/resolver"
	"inside53/resolver/forward"
	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/config"
	"inside53/server/healthwatch"
	"inside53/server/served"
	"inside53/zonesource"
	"inside53/zonesource/secondary"

	"golang.org/x/sync/errgroup"
)

// Hands is what people do to the running server, and what they look at first.
type Hands struct {
	Version   string
	Started   time.Time
	Config    func() *config.Config
	Readiness admin.Readiness
	Keepers   *served.Keepers
	Forwarder *forward.Forwarder
	Pulse     *Pulse
	Trend     *Trend
	Standing  func(apex []byte, key zonesource.Key) (secondary.Standing, bool) // of a zone that other servers have
	Health    *healthwatch.Watch
	Fleet     func() admin.FleetStatus
	Reread    func(name string) (admin.Scheduled, error)
}

// Run reads counters until ctx ends.
func (h *Hands) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.Pulse.run(ctx) })
	g.Go(func() error { return h.Trend.run(ctx) })
	return g.Wait()
}

// Status implements [admin.Hands].
func (h *Hands) Status() admin.Status {
	ready := h.Readiness.Readiness()
	now := h.Pulse.read()
	out := admin.Status{
		Version: h.Version, Config: h.Config().Hash(), Started: h.Started, Ready: ready.Ready, Reasons: ready.Reasons,
		Degraded: ready.Degraded, Sources: ready.Sources, QueriesPerSecond: now.queries, HitRatio: now.hits,
		CacheAsked: now.cache, ServfailPerSec: now.failures, Upstreams: []admin.Upstream{}, Fleet: h.Fleet(),
	}
	for _, u := range h.Forwarder.Stats().Upstreams {
		one := admin.Upstream{Name: u.Upstream, Up: u.Up, Since: u.Since, Failed: u.Failures + u.Timeouts}
		if u.RTT > 0 {
			rtt := u.RTT.Seconds()
			one.RTT = &rtt
		}
		out.Upstreams = append(out.Upstreams, one)
	}
	return out
}

// Flush implements [admin.Hands].
func (h *Hands) Flush(name string, tree bool) (int, error) {
	wire, _, err := resolver.ParseQuestion(name, "A")
	if err != nil {
		return 0, err
	}
	return h.Forwarder.Flush(wire, tree), nil
}

// Refresh implements [admin.Hands].
func (h *Hands) Refresh(name string) (admin.Scheduled, error) { return h.Reread(name) }

// lostNames bounds the names of what would go with one listing.
const lostNames = 1000

// Parts implements [admin.Hands].
func (h *Hands) Parts(page *admin.Page) ([]admin.Part, int) {
	status, now, reader := h.Keepers.Served.Status(), time.Now(), h.Keepers.Served
	if lead := h.Keepers.Leading(); lead != nil { // it knows what became of the last readings, and what it holds back
		reader = lead
		own := lead.Status().Parts
		has := make(map[zonesource.Key]bool, len(own))
		for _, p := range own {
			has[p.Key] = true
		}
		status.Parts = slices.DeleteFunc(status.Parts, func(p zonesource.PartStatus) bool { return has[p.Key] })
		status.Parts = append(status.Parts, own...)
	}
	var all []zonesource.PartStatus
	wanted := func(p *zonesource.PartStatus, name, id, account string) bool {
		failing := p.Err != nil || p.Pending != nil || !p.Vanished.IsZero() || p.Listed.IsZero()
		return (page.IsZone(name, id)) && page.Has(page.Source, p.Key.Source) && page.Has(page.Account, account) &&
			(failing || !page.Failing)
	}
	zones := map[zonesource.Key]string{} // of those that were never read
	for _, gap := range status.Report.Missing {
		zones[gap.Key] = gap.Zone
	}
	for _, p := range status.Parts {
		delete(zones, p.Key)
	}
	for key := range zones {
		status.Parts = append(status.Parts, zonesource.PartStatus{Key: key})
	}
	for _, gap := range status.Report.Missing {
		zones[gap.Key] = gap.Zone
	}
	sortParts(status.Parts)
	for _, p := range status.Parts {
		name, id, account := zones[p.Key], "", ""
		if p.Zone != nil {
			name, id, account = zone.String(p.Zone.Apex), p.Zone.ID, p.Zone.Account
		}
		if wanted(&p, name, id, account) {
			all = append(all, p)
		}
	}
	total := len(all)
	watched, isWatched := h.watchedPart(now)
	if isWatched && page.Zone == "" && page.Account == "" && page.Has(page.Source, watched.Source) && !page.Failing {
		total++
	}
	shown := admin.Cut(page, all)
	keys := make([]zonesource.Key, len(shown))
	for i, p := range shown {
		keys[i] = p.Key
	}
	next := h.Keepers.Served.Next(keys)
	if reader != h.Keepers.Served {
		maps.Copy(next, reader.Next(keys))
	}
	out := make([]admin.Part, 0, len(shown)+1)
	for i := range shown {
		out = append(out, h.describe(reader, &shown[i], zones[shown[i].Key], next[shown[i].Key], now))
	}
	room := page.Limit == 0 || len(out) < page.Limit
	if total > len(all) && room && page.Offset <= len(all) {
		out = append(out, watched)
	}
	return out, total
}

// sortParts sorts parts by key.
func sortParts(all []zonesource.PartStatus) {
	slices.SortFunc(all, func(a, b zonesource.PartStatus) int {
		return cmp.Or(cmp.Compare(a.Key.Source, b.Key.Source), cmp.Compare(a.Key.Name, b.Key.Name))
	})
}

// describe describes a part.
func (h *Hands) describe(
	reader *zonesource.Keeper, p *zonesource.PartStatus, name string, next, now time.Time,
) admin.Part {
	out := admin.Part{
		Key: p.Key.String(), Source: p.Key.Source, Zone: name, Records: p.Records, Saved: h.Keepers.Served.Saved(p.Key),
		AgeSeconds: admin.SecondsTo(now, p.Listed), NextSeconds: admin.SecondsTo(next, now),
	}
	if p.Zone != nil {
		out.Zone, out.Account = zone.String(p.Zone.Apex), p.Zone.Account
	}
	switch {
	case p.Err != nil:
		out.Error = p.Err.Error()
	case p.Listed.IsZero():
		out.Error = "not read yet"
	}
	switch {
	case p.Pending != nil:
		out.Shrunk = &admin.LostNames{Before: p.Pending.Before, Now: p.Pending.Now}
	case !p.Vanished.IsZero():
		out.Shrunk = &admin.LostNames{Before: p.Records}
	}
	if out.Shrunk != nil {
		out.Shrunk.Names = append([]string{}, reader.Lost(p.Key, lostNames)...)
	}
	if p.Zone != nil {
		standing, known := h.Standing(p.Zone.Apex, p.Key)
		if known {
			out.Primary, out.Serial = standing.Primary.String(), &standing.Serial
			out.ContactSecs, out.ExpireSeconds = admin.SecondsTo(now, standing.Contact), admin.SecondsTo(standing.Expires, now)
		}
	}
	return out
}

// watchedPart describes what is known of health, where it is watched.
func (h *Hands) watchedPart(now time.Time) (admin.Part, bool) {
	m := h.Health.Monitor.Load()
	if m == nil {
		return admin.Part{}, false
	}
	s := m.Stats()
	return admin.Part{
		Key: "health checks", Source: "health", Records: s.Healthy + s.Unhealthy + s.Unknown,
		AgeSeconds: admin.SecondsTo(now, s.Oldest), NextSeconds: admin.SecondsTo(m.NextRound(), now),
		Saved: h.Keepers.Served.State() != nil,
	}, true
}
