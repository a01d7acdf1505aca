package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"

	"inside53/server/config"
	"inside53/server/confine"
	"inside53/server/healthwatch"
	"inside53/server/policy"
	"inside53/server/sources"
	"inside53/server/transfer"
	"inside53/server/update"
)

// planner makes of a configuration all that can fail: what runs, of what runs already where that is the same.
type planner struct {
	start   *config.Config // with what can't be changed without a restart
	user    string         // who the process became; "": it has the rights that it was started with
	sources *sources.Builder
	health  *healthwatch.Watch
	log     *slog.Logger
}

// reloadPlan is a new configuration, ready to be applied.
type reloadPlan struct {
	config   *config.Config
	running  running
	updates  *update.Policy
	transfer *transfer.Policy
}

// plan reads the configuration again and makes all that can fail.
func (p *planner) plan(
	ctx context.Context, old *config.Config, is *running,
) (*reloadPlan, error) {
	c, err := config.Load(old.File())
	if err != nil {
		return nil, p.asUser(err)
	}
	err = p.needsRoot(c)
	if err != nil {
		return nil, err
	}
	if c.ServesNothing() && !old.ServesNothing() {
		return nil, fmt.Errorf("reading %s: there is nothing left to serve; it may be written in part, restart if that "+
			"is meant", c.File())
	}
	fixed := p.start.FixedChanges(c)
	if len(fixed) > 0 {
		p.log.Warn("these changes need a restart", "keys", strings.Join(fixed, " "))
	}
	if c.UsesAWS() && !p.start.UsesAWS() {
		return nil, errors.New("turning on the first of route53 and ec2 needs a restart: it opens state_dir")
	}
	out := &reloadPlan{config: c}
	out.updates, err = policy.Updates(c)
	if err != nil {
		return nil, err
	}
	if c.KeepsState() && !p.start.KeepsState() {
		return nil, errors.New("turning on the first of transfers and secondary needs a restart: it opens state_dir")
	}
	out.transfer, err = policy.Transfers(c)
	if err != nil {
		return nil, err
	}
	out.running, err = p.next(ctx, c, is)
	return out, err
}

// asUser adds to an error that it may come of root having been given up.
func (p *planner) asUser(err error) error {
	if p.user != "" && errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; root is given up since the start: let the user %s read it, or restart", err, p.user)
	}
	return err
}

// lowestOpenPort is the first that anybody may bind.
const lowestOpenPort = 1024

// needsRoot says what of a new configuration can't be had any more since root was given up.
func (p *planner) needsRoot(c *config.Config) error {
	if p.user == "" {
		return nil
	}
	has := p.start
	before := append(slices.Clone(has.Listen.DNS), has.Admin, has.Health, has.Metrics)
	for _, at := range append(slices.Clone(c.Listen.DNS), c.Admin, c.Health, c.Metrics) {
		if at.IsValid() && at.Port() != 0 && at.Port() < lowestOpenPort && !slices.Contains(before, at) {
			return fmt.Errorf("binding %s needs root, which is given up since the start: restart", at)
		}
	}
	for _, path := range confine.Needed(c) {
		f, err := os.Open(path)
		if err == nil {
			_ = f.Close() // nothing was read
		}
		if errors.Is(err, fs.ErrPermission) {
			return p.asUser(err)
		}
	}
	return nil
}

// next makes what a new configuration needs, of what runs where that is the same.
func (p *planner) next(ctx context.Context, c *config.Config, old *running) (running, error) {
	r := running{accounts: old.accounts, access: old.access, generation: old.generation, monitor: p.health.Monitor.Load()}
	if c.UsesAWS() || c.Fleet != nil {
		accounts, err := p.sources.LoadAccounts(ctx, c)
		if err != nil {
			return r, err
		}
		access := accessOf(ctx, c, accounts)
		if len(old.accounts) == 0 || !same(access, old.access) {
			r.accounts, r.access, r.generation = accounts, access, old.generation+1
		}
	} else {
		r.accounts, r.access = nil, access{}
	}
	var err error
	r.sources, err = p.sources.Build(c, r.accounts, r.generation, old.sources)
	if err != nil {
		return r, err
	}
	var wanted bool
	r.watches, wanted, err = p.watchesOf(c, &r)
	if err != nil || same(r.watches, old.watches) && wanted == (r.monitor != nil) {
		return r, err
	}
	r.monitor, err = p.health.NewMonitor(c, r.accounts)
	return r, err
}

// first makes the sources of the configuration that the program starts with.
func (p *planner) first(ctx context.Context, c *config.Config, r *running) error {
	var err error
	r.sources, err = p.sources.Build(c, r.accounts, r.generation, nil)
	if err != nil {
		return err
	}
	if len(r.accounts) > 0 {
		r.access = accessOf(ctx, c, r.accounts)
	}
	r.watches, _, err = p.watchesOf(c, r)
	return err
}

// watchesOf returns what the monitor is made of, and whether there is one.
func (p *planner) watchesOf(c *config.Config, r *running) (watches, bool, error) {
	options, wanted, err := p.health.Options(c, r.accounts)
	return watches{r.generation, options}, wanted, err
}
