package server

import (
	"context"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/health"
)

// healthWatch is what App has of health.
type healthWatch struct {
	monitor atomic.Pointer[health.Monitor] // nil: off
	self    atomic.Pointer[zonesource.Self]
	uses    uses
}

// newMonitor makes the monitor that a configuration asks for; nil for none.
func (a *App) newMonitor(c *Config, accounts []*awsclient.Account) (*health.Monitor, error) {
	if !c.WatchesHealth() {
		return nil, nil
	}
	h := c.HealthChecks
	targets, err := health.ParseTargets(h.ProbeTargets)
	if err != nil {
		return nil, err
	}
	return health.New(health.Options{
		Accounts: accounts, Mode: health.Mode(h.Source), Refresh: h.Refresh, Probes: h.Probes, Targets: targets,
		OwnListeners: a.ownListeners(), Resolve: a.resolveOwn, Translate: a.translateProbe,
		Balancers: true, Regions: healthRegions(c, accounts),
		Wanted:        func() []string { return a.watch.uses.checks(a.resolver.Snapshot()) },
		WantedTargets: func() []string { return a.watch.uses.targets(a.resolver.Snapshot()) },
		Publish:       a.publishLive, StateDir: c.StateDir, Log: a.log, OnCall: a.metrics.awsCall,
	})
}

// healthRegions returns the regions whose load balancers are looked at.
func healthRegions(c *Config, accounts []*awsclient.Account) []string {
	if c.EC2 != nil {
		return regionsOf(c, accounts)
	}
	if c.AWS.Region != "" {
		return []string{c.AWS.Region}
	}
	return []string{accounts[0].Config.Region}
}

// useMonitor makes a monitor the one that people see; without one nothing is unhealthy.
func (a *App) useMonitor(m *health.Monitor) {
	a.watch.monitor.Store(m)
	if m == nil {
		a.publishLive(&zone.Live{})
	}
}

// runMonitor watches health until ctx ends; it is a goroutine of untilReload.
func (a *App) runMonitor(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	m := a.watch.monitor.Load()
	if m == nil {
		return
	}
	err := m.Run(ctx)
	if ctx.Err() == nil {
		a.log.Error("health is no longer watched", "error", err)
	}
}

// ownListeners are the sockets that must not be probed.
func (a *App) ownListeners() []netip.AddrPort {
	var own []netip.AddrPort
	if a.server != nil { // a check of the configuration binds none
		own = a.server.Addrs()
	}
	for _, s := range a.admin {
		addr, err := netip.ParseAddrPort(s.listener.Addr().String())
		if err == nil {
			own = append(own, addr)
		}
	}
	return own
}

// resolveOwn resolves the host of a health check as a client on this host would: through
// our own socket, so that private zones and addresses count.
func (a *App) resolveOwn(ctx context.Context, host string) ([]netip.Addr, error) {
	return a.lookupHost(ctx, []string{reachable(a.server.Addrs()[0]).String()}, host)
}

// reachable returns an address by which a socket of ours can be asked.
func reachable(own netip.AddrPort) netip.AddrPort {
	switch own.Addr() {
	case netip.IPv4Unspecified():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), own.Port())
	case netip.IPv6Unspecified():
		return netip.AddrPortFrom(netip.IPv6Loopback(), own.Port())
	}
	return own
}

// translateProbe returns the private address for a public one of the inventory, where no
// other host can have it: private addresses of different VPCs may be the same.
func (a *App) translateProbe(public netip.Addr) (netip.Addr, bool) {
	snap := a.resolver.Snapshot()
	if !public.Is4() || len(snap.Views) == 0 {
		return netip.Addr{}, false
	}
	_, f, _ := snap.Inventory.Translate(0, public.As4())
	if f == nil || f.Owner == zone.OtherOwner || snap.Inventory.VPCs[f.VPC].Stale {
		return netip.Addr{}, false
	}
	self := a.watch.self.Load()
	for i, vpc := range snap.Inventory.VPCs {
		elsewhere := i != int(f.VPC) && slices.ContainsFunc(vpc.CIDRs, func(p netip.Prefix) bool { return p.Contains(f.Private) })
		if elsewhere && (self == nil || self.VPC != snap.Inventory.VPCs[f.VPC].ID) {
			return netip.Addr{}, false
		}
	}
	return f.Private, true
}

// healthInfo is one entry of /health-checks.
type healthInfo struct {
	ID       string          `json:"id"`
	Type     string          `json:"type"`
	Account  string          `json:"account,omitempty"`
	Endpoint string          `json:"endpoint,omitempty"`
	Used     bool            `json:"used"`
	Healthy  bool            `json:"healthy"`
	Why      string          `json:"why"`
	AWS      observationInfo `json:"aws"`
	Local    observationInfo `json:"local"`
}

// observationInfo is what one place says.
type observationInfo struct {
	Known      bool       `json:"known"`
	Healthy    bool       `json:"healthy"`
	Why        string     `json:"why"`
	Since      *time.Time `json:"since,omitempty"`
	AgeSeconds *float64   `json:"age_seconds,omitempty"`
}

// serveHealthChecks lists the health checks, with what both places say of them, and the
// load balancers.
func (a *App) serveHealthChecks(w http.ResponseWriter, _ *http.Request) {
	out := []healthInfo{}
	if m := a.watch.monitor.Load(); m != nil {
		for _, s := range m.Checks() {
			out = append(out, healthInfo{
				ID: s.ID, Type: s.Type, Account: s.Account, Endpoint: s.Endpoint, Used: s.Wanted, Healthy: s.Check.Healthy, Why: s.Check.Why,
				AWS: describeObservation(s.Check.AWS), Local: describeObservation(s.Check.Local),
			})
		}
	}
	writeJSON(w, http.StatusOK, append(out, balancersOf(a.watch.monitor.Load())...))
}

// balancersOf describes load balancers as health checks of a type of their own.
func balancersOf(m *health.Monitor) (out []healthInfo) {
	if m == nil {
		return nil
	}
	all := m.Balancers()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t := all[name]
		o := zone.Observation{Known: true, Healthy: t.Healthy, Seen: t.Seen, Why: t.Why}
		out = append(out, healthInfo{ID: name, Type: "LOAD_BALANCER", Used: true, Healthy: t.Healthy, Why: t.Why, AWS: describeObservation(o)})
	}
	return out
}

func describeObservation(o zone.Observation) observationInfo {
	info := observationInfo{Known: o.Known, Healthy: o.Healthy, Why: o.Why}
	if !o.Since.IsZero() {
		info.Since = &o.Since
	}
	if !o.Seen.IsZero() {
		age := time.Since(o.Seen).Seconds()
		info.AgeSeconds = &age
	}
	return info
}

// health reads the counters of the monitor, when there is one.
func (r reading) health(m *health.Monitor) {
	if m == nil {
		return
	}
	s := m.Stats()
	r.gauge("inside53_health_checks", float64(s.Healthy), "healthy")
	r.gauge("inside53_health_checks", float64(s.Unhealthy), "unhealthy")
	r.gauge("inside53_health_checks", float64(s.Unknown), "unknown")
	r.gauge("inside53_health_disagreeing", float64(s.Disagreeing))
	r.gauge("inside53_health_local_lost", truth(s.LocalLost))
	r.counter("inside53_health_probes_total", s.ProbesOK, "ok")
	r.counter("inside53_health_probes_total", s.ProbesFailed, "failed")
	r.counter("inside53_health_probes_total", s.ProbesRefused, "refused")
	r.gauge("inside53_health_targets", float64(s.Targets-s.UnhealthyTargets), "healthy")
	r.gauge("inside53_health_targets", float64(s.UnhealthyTargets), "unhealthy")
	if !s.Oldest.IsZero() {
		r.gauge("inside53_health_age_seconds", max(0, time.Since(s.Oldest).Seconds()))
	}
}
