package server

import (
	"slices"

	"inside53/server/config"
	"inside53/zonesource/health"
)

// newInstances makes who probes instances, where ec2.health says so.
func (a *App) newInstances() *health.Instances {
	return health.NewInstances(health.InstanceOptions{
		Wanted: a.probed, OwnListeners: a.health.listeners, Publish: a.publishSick, Log: a.opts.Log,
	})
}

// probed returns the instances to probe, and what may be probed at all.
func (a *App) probed() ([]health.InstanceCheck, health.Targets) {
	c := a.config.Load()
	if c.EC2 == nil || !slices.Contains(c.EC2.Health, config.HealthByProbe) {
		return nil, health.Targets{}
	}
	texts := []string{health.PrivateTargets}
	if c.HealthChecks != nil {
		texts = c.HealthChecks.ProbeTargets
	}
	targets, err := health.ParseTargets(texts)
	if err != nil {
		return nil, health.Targets{} // the configuration was checked
	}
	var all []health.InstanceCheck
	for _, r := range a.sources.inventory() {
		for i := range r.Hosts {
			h := &r.Hosts[i]
			if h.Check == "" {
				continue
			}
			addr := h.Private
			if !addr.IsValid() && len(h.IPv6) > 0 {
				addr = h.IPv6[0]
			}
			all = append(all, health.InstanceCheck{Instance: h.Instance, Check: h.Check, Address: addr})
		}
	}
	return all, targets
}

// publishSick makes instances that are unhealthy from here leave their names. Nothing is
// answered otherwise by it, and secondaries are told nothing, where no decision is another one.
func (a *App) publishSick(sick map[string]string) {
	if a.resolver.PublishSick(sick) {
		a.transfers.Wake()
	}
}
