package healthwatch

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/config"
	"inside53/server/metrics"
	"inside53/server/sources"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/health"
	"inside53/zonesource/statedir"
)

// Watch is what is known of the health of endpoints and load balancers, and who
// finds it out.
type Watch struct {
	Monitor atomic.Pointer[health.Monitor] // nil: off
	Self    atomic.Pointer[zonesource.Self]
	uses    uses

	Log       *slog.Logger
	State     *statedir.Dir // nil: there is none
	Shared    bool          // AWS is read by one server of a fleet
	Hosts     sources.Hosts
	OnCall    func(operation, code string)
	Listeners func() []netip.AddrPort // ours, DNS first
	Snapshot  func() *zone.Snapshot
	Publish   func(*zone.Live)
}

// Options are those of the monitor that a configuration asks for; false for none.
func (w *Watch) Options(c *config.Config, accounts []*awsclient.Account) (health.Options, bool, error) {
	if !c.WatchesHealth() {
		return health.Options{}, false, nil
	}
	h := c.HealthChecks
	targets, err := health.ParseTargets(h.ProbeTargets)
	return health.Options{
		Mode: health.Mode(h.Source), Refresh: h.Refresh, Probes: h.Probes, Targets: targets,
		Shared:       c.Fleet != nil && w.Shared,
		OwnListeners: w.Listeners(), Balancers: true, Regions: healthRegions(c, accounts), StateDir: c.StateDir,
	}, true, err
}

// NewMonitor makes the monitor that a configuration asks for; nil for none.
func (w *Watch) NewMonitor(c *config.Config, accounts []*awsclient.Account) (*health.Monitor, error) {
	o, wanted, err := w.Options(c, accounts)
	if err != nil || !wanted {
		return nil, err
	}
	o.Accounts, o.Resolve, o.Translate = accounts, w.Resolve, w.Translate
	o.Wanted = func() []string { return w.uses.checks(w.Snapshot()) }
	o.WantedTargets = func() []string { return w.uses.targets(w.Snapshot()) }
	o.Publish, o.State, o.Log, o.OnCall = w.Publish, w.State, w.Log, w.OnCall
	return health.New(o)
}

// healthRegions returns the regions whose load balancers are looked at.
func healthRegions(c *config.Config, accounts []*awsclient.Account) []string {
	if c.EC2 != nil {
		return sources.RegionsOf(c, accounts)
	}
	if c.AWS.Region != "" {
		return []string{c.AWS.Region}
	}
	return []string{accounts[0].Config.Region}
}

// WantTargets has the health of a region's load balancers read soon, where it is watched.
func (w *Watch) WantTargets(account, region, _ string) {
	monitor := w.Monitor.Load()
	if monitor != nil {
		monitor.WantTargets(account, region)
	}
}

// Use makes a monitor the one that people see; without one nothing is unhealthy.
func (w *Watch) Use(m *health.Monitor) {
	w.Monitor.Store(m)
	if m == nil {
		w.Publish(&zone.Live{})
	}
}

// Load publishes what was saved: a known-bad primary is bad from the first answer on.
func (w *Watch) Load() {
	m := w.Monitor.Load()
	if m != nil {
		m.Load()
	}
}

// Start has the monitor watch health until end is called, which returns when it has ended.
func (w *Watch) Start(ctx context.Context) (end func()) {
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go w.run(running, ended)
	return func() {
		stop()
		<-ended
	}
}

// run watches health until ctx ends; it is a goroutine of start.
func (w *Watch) run(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	m := w.Monitor.Load()
	if m == nil {
		return
	}
	err := m.Run(ctx)
	if ctx.Err() == nil {
		w.Log.Error("health is no longer watched", "error", err)
	}
}

// Resolve resolves the host of a health check as a client on this host would: through
// our own socket, so that private zones and addresses count.
func (w *Watch) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	return w.Hosts.Addresses(ctx, []string{Reachable(w.Listeners()[0]).String()}, host)
}

// Reachable returns an address by which a socket of ours can be asked.
func Reachable(own netip.AddrPort) netip.AddrPort {
	switch own.Addr() {
	case netip.IPv4Unspecified():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), own.Port())
	case netip.IPv6Unspecified():
		return netip.AddrPortFrom(netip.IPv6Loopback(), own.Port())
	}
	return own
}

// Translate returns the private address for a public one of the inventory, where no
// other host can have it: private addresses of different VPCs may be the same.
func (w *Watch) Translate(public netip.Addr) (netip.Addr, bool) {
	snap := w.Snapshot()
	if !public.Is4() || len(snap.Views) == 0 {
		return netip.Addr{}, false
	}
	_, f, _ := snap.Inventory.Translate(0, public.As4())
	if f == nil || f.Owner == zone.OtherOwner || snap.Inventory.VPCs[f.VPC].Stale {
		return netip.Addr{}, false
	}
	self := w.Self.Load()
	for i, vpc := range snap.Inventory.VPCs {
		elsewhere := i != int(f.VPC) && slices.ContainsFunc(vpc.CIDRs,
			func(p netip.Prefix) bool { return p.Contains(f.Private) })
		if elsewhere && (self == nil || self.VPC != snap.Inventory.VPCs[f.VPC].ID) {
			return netip.Addr{}, false
		}
	}
	return f.Private, true
}

// HealthChecks implements [admin.Health].
func (w *Watch) HealthChecks(page *admin.Page) ([]admin.HealthCheck, int) {
	out := []admin.HealthCheck{}
	m := w.Monitor.Load()
	if m == nil {
		return out, 0
	}
	for _, s := range m.Checks() {
		out = append(out, admin.HealthCheck{
			ID: s.ID, Type: s.Type, Account: s.Account, Endpoint: s.Endpoint,
			Used: s.Wanted, Healthy: s.Check.Healthy, Why: s.Check.Why,
			AWS: describeObservation(s.Check.AWS), Local: describeObservation(s.Check.Local),
		})
	}
	out = slices.DeleteFunc(append(out, balancersOf(m)...), func(c admin.HealthCheck) bool {
		return !page.Has(page.ID, c.ID) || !page.Has(page.Type, c.Type) || page.Failing && c.Healthy
	})
	return admin.Cut(page, out), len(out)
}

// balancersOf describes load balancers as health checks of a type of their own.
func balancersOf(m *health.Monitor) (out []admin.HealthCheck) {
	all := m.Balancers()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t := all[name]
		o := zone.Observation{Known: true, Healthy: t.Healthy, Seen: t.Seen, Why: t.Why}
		out = append(out, admin.HealthCheck{
			ID: name, Type: "LOAD_BALANCER", Used: true, Healthy: t.Healthy, Why: t.Why, AWS: describeObservation(o),
		})
	}
	return out
}

func describeObservation(o zone.Observation) admin.Observation {
	info := admin.Observation{Known: o.Known, Healthy: o.Healthy, Why: o.Why}
	if !o.Since.IsZero() {
		info.Since = &o.Since
	}
	if !o.Seen.IsZero() {
		age := time.Since(o.Seen).Seconds()
		info.AgeSeconds = &age
	}
	return info
}

// Metrics are those of the monitor, when there is one.
func (w *Watch) Metrics() *metrics.Collector {
	return metrics.New([]metrics.Metric{
		{
			Name: "inside53_health_checks", Labels: []string{"state"},
			Help: "Health checks by what counts; unknown ones count as healthy.",
		},
		{Name: "inside53_health_disagreeing", Help: "Health checks of which AWS and the local probes say opposite things."},
		{
			Name: "inside53_health_local_lost",
			Help: "1 when most endpoints are silent from here and the states of local probes are frozen.",
		},
		{
			Name: "inside53_health_probes_total", Labels: []string{"result"},
			Help: "Probes by outcome; refused: the target isn't allowed.",
		},
		{
			Name: "inside53_health_targets", Labels: []string{"state"},
			Help: "Names of load balancers by the health of their target groups.",
		},
		{
			Name: "inside53_health_age_seconds",
			Help: "Age of the last look at the health check that was looked at longest ago.",
		},
	}, w.collect)
}

func (w *Watch) collect(r metrics.Reading) {
	m := w.Monitor.Load()
	if m == nil {
		return
	}
	s := m.Stats()
	r.Gauge("inside53_health_checks", float64(s.Healthy), "healthy")
	r.Gauge("inside53_health_checks", float64(s.Unhealthy), "unhealthy")
	r.Gauge("inside53_health_checks", float64(s.Unknown), "unknown")
	r.Gauge("inside53_health_disagreeing", float64(s.Disagreeing))
	r.Gauge("inside53_health_local_lost", metrics.Truth(s.LocalLost))
	r.Counter("inside53_health_probes_total", s.ProbesOK, "ok")
	r.Counter("inside53_health_probes_total", s.ProbesFailed, "failed")
	r.Counter("inside53_health_probes_total", s.ProbesRefused, "refused")
	r.Gauge("inside53_health_targets", float64(s.Targets-s.UnhealthyTargets), "healthy")
	r.Gauge("inside53_health_targets", float64(s.UnhealthyTargets), "unhealthy")
	if !s.Oldest.IsZero() {
		r.Gauge("inside53_health_age_seconds", max(0, time.Since(s.Oldest).Seconds()))
	}
}

// uses finds out what of health the records of a snapshot use. A zone is walked once: it is
// immutable, and snapshots share it.
type uses struct {
	mu    sync.Mutex // guards zones, and is held while one is walked
	zones map[*zone.Zone]use
}

// use is what one zone uses.
type use struct {
	checks  []string // ids
	targets []string // lower-case wire names of aliases' targets outside, whose health counts
}

// checks returns the ids of health checks that records name; nil until there are data.
func (u *uses) checks(s *zone.Snapshot) []string {
	return u.collect(s, func(z use) []string { return z.checks })
}

// targets returns the names of load balancers and the like that aliases with
// EvaluateTargetHealth lead to; nil until there are data.
func (u *uses) targets(s *zone.Snapshot) []string {
	return u.collect(s, func(z use) []string { return z.targets })
}

func (u *uses) collect(s *zone.Snapshot, of func(use) []string) []string {
	if !s.Loaded {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	walked := make(map[*zone.Zone]use, len(s.Zones))
	all := map[string]bool{}
	for _, z := range s.Zones {
		found, known := u.zones[z]
		if !known {
			found = useOf(z)
		}
		walked[z] = found
		for _, text := range of(found) {
			all[text] = true
		}
	}
	u.zones = walked
	return append([]string{}, slices.Sorted(maps.Keys(all))...)
}

// useOf walks a zone.
func useOf(z *zone.Zone) use {
	checks, targets := map[string]bool{}, map[string]bool{}
	leads := func(set zone.RRset) {
		if set.Kind != zone.Aliased {
			return
		}
		alias := set.Alias()
		if alias.Health && !alias.SameZone {
			targets[string(alias.Target)] = true
		}
	}
	for _, n := range z.Tree.All {
		for set := range n.RRsets {
			leads(set)
			if set.Kind != zone.Group {
				continue
			}
			var m zone.Member
			for w := set.Members(); w.Next(&m); {
				leads(m.Set)
				if len(m.Check) > 0 {
					checks[string(m.Check)] = true
				}
			}
		}
	}
	return use{slices.Collect(maps.Keys(checks)), slices.Collect(maps.Keys(targets))}
}
