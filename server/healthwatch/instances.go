package healthwatch

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"

	"inside53/server/config"
	"inside53/zonesource"
	"inside53/zonesource/health"
)

// Instances probes instances, where ec2.health says so.
type Instances struct {
	Config    func() *config.Config
	Regions   func() []*zonesource.Region // as listed last
	Listeners func() []netip.AddrPort     // ours
	Publish   func(sick map[string]string)
	Log       *slog.Logger
}

// Run probes until ctx ends.
func (i *Instances) Run(ctx context.Context) error {
	return health.NewInstances(health.InstanceOptions{
		Wanted: i.wanted, OwnListeners: i.Listeners, Publish: i.Publish, Log: i.Log,
	}).Run(ctx)
}

// wanted returns the instances to probe, and what may be probed at all.
func (i *Instances) wanted() ([]health.InstanceCheck, health.Targets) {
	c := i.Config()
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
	for _, r := range i.Regions() {
		for _, h := range r.Hosts {
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
