package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"inside53/server/config"
	"inside53/server/confine"
	"inside53/server/limits"
	"inside53/server/past"
	"inside53/server/policy"
	"inside53/server/sources"
	"inside53/server/transfer"
	"inside53/server/update"
	"inside53/zonesource"
)

// runSources keeps the sources of the configuration running, and those of a new one
// after each reload. What a reload doesn't change goes on undisturbed. A configuration that
// is at fault changes nothing.
func (a *App) runSources(ctx context.Context) error {
	if !a.opts.AsOf.IsZero() {
		return a.keeper.Run(ctx, &past.Source{Config: a.config.Load(), At: a.opts.AsOf})
	}
	err := a.buildFirst(ctx)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	own := a.fleet.Local(a.running.sources)
	a.sources.Use(own)
	ended := make(chan error, 1)
	go a.runKeeper(running, own, ended)
	detected := make(chan struct{})
	if len(a.running.accounts) > 0 {
		here := &sources.Whereabouts{Start: a.opts.Config, Keeper: a.keeper, Known: a.health.Self.Store, Log: a.opts.Log}
		go here.Detect(running, a.running.accounts[0], detected)
	} else {
		close(detected)
	}
	endWatch := a.health.Start(running)
	defer func() {
		stop()
		<-detected
		endWatch()
	}()
	for {
		select {
		case err := <-ended:
			return err
		case <-a.opts.Reload:
		}
		plan, err := a.planReload(ctx)
		if err == nil {
			err = a.keeper.Reconfigure(sources.KeeperConfig(plan.config, plan.running.accounts))
		}
		a.reloads.note(err)
		if err != nil {
			a.opts.Log.Error("configuration not reloaded; the old one stays", "error", err)
			continue
		}
		endWatch = a.apply(running, plan, endWatch)
	}
}

// buildFirst makes the sources of the configuration that the program starts with.
func (a *App) buildFirst(ctx context.Context) error {
	c, r := a.config.Load(), &a.running
	var err error
	r.sources, err = a.sources.Build(c, r.accounts, r.generation, nil)
	if err != nil {
		return err
	}
	if len(r.accounts) > 0 {
		r.access = accessOf(ctx, c, r.accounts)
	}
	r.watches, _, err = a.watchesOf(c, r)
	return err
}

// watchesOf returns what the monitor is made of, and whether there is one.
func (a *App) watchesOf(c *config.Config, r *running) (watches, bool, error) {
	options, wanted, err := a.health.Options(c, r.accounts)
	return watches{r.generation, options}, wanted, err
}

// runKeeper runs the keeper; it is a goroutine of untilReload.
func (a *App) runKeeper(ctx context.Context, sources []zonesource.Source, ended chan<- error) {
	ended <- a.keeper.Run(ctx, sources...)
}

// reloadPlan is a new configuration, ready to be applied.
type reloadPlan struct {
	config   *config.Config
	running  running
	updates  *update.Policy
	transfer *transfer.Policy
}

// planReload reads the configuration again and makes all that can fail.
func (a *App) planReload(ctx context.Context) (*reloadPlan, error) {
	old := a.config.Load()
	c, err := config.Load(old.File())
	if err != nil {
		return nil, a.asUser(err)
	}
	err = a.needsRoot(c)
	if err != nil {
		return nil, err
	}
	if c.ServesNothing() && !old.ServesNothing() {
		return nil, fmt.Errorf("reading %s: there is nothing left to serve; it may be written in part, restart if that "+
			"is meant", c.File())
	}
	fixed := a.opts.Config.FixedChanges(c)
	if len(fixed) > 0 {
		a.opts.Log.Warn("these changes need a restart", "keys", strings.Join(fixed, " "))
	}
	if c.UsesAWS() && !a.opts.Config.UsesAWS() {
		return nil, errors.New("turning on the first of route53 and ec2 needs a restart: it opens state_dir")
	}
	p := &reloadPlan{config: c}
	p.updates, err = policy.Updates(c)
	if err != nil {
		return nil, err
	}
	if c.KeepsState() && !a.opts.Config.KeepsState() {
		return nil, errors.New("turning on the first of transfers and secondary needs a restart: it opens state_dir")
	}
	p.transfer, err = policy.Transfers(c)
	if err != nil {
		return nil, err
	}
	p.running, err = a.planRunning(ctx, c)
	return p, err
}

// asUser adds to an error that it may come of root having been given up.
func (a *App) asUser(err error) error {
	if a.opts.User != "" && errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; root is given up since the start: let the user %s read it, or restart", err, a.opts.User)
	}
	return err
}

// lowestOpenPort is the first that anybody may bind.
const lowestOpenPort = 1024

// needsRoot says what of a new configuration can't be had any more since root was given up.
func (a *App) needsRoot(c *config.Config) error {
	if a.opts.User == "" {
		return nil
	}
	has := a.opts.Config
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
			return a.asUser(err)
		}
	}
	return nil
}

// planRunning makes what a new configuration needs, of what runs where that is the same.
func (a *App) planRunning(ctx context.Context, c *config.Config) (running, error) {
	old := &a.running
	r := running{accounts: old.accounts, access: old.access, generation: old.generation, monitor: a.health.Monitor.Load()}
	if c.UsesAWS() || c.Fleet != nil {
		accounts, err := a.sources.LoadAccounts(ctx, c)
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
	r.sources, err = a.sources.Build(c, r.accounts, r.generation, old.sources)
	if err != nil {
		return r, err
	}
	var wanted bool
	r.watches, wanted, err = a.watchesOf(c, &r)
	if err != nil || same(r.watches, old.watches) && wanted == (r.monitor != nil) {
		return r, err
	}
	r.monitor, err = a.health.NewMonitor(c, r.accounts)
	return r, err
}

// apply makes a planned configuration the one in force, as a whole: the keeper has it
// already. It returns what ends the monitor that runs from now on.
func (a *App) apply(ctx context.Context, p *reloadPlan, endWatch func()) func() {
	a.config.Store(p.config)
	if a.opts.SetLog != nil {
		a.opts.SetLog(p.config.Log)
	}
	a.observe(p.config)
	a.forwarder.SetPackets(limits.Packets(p.config, a.resolver.Snapshot()))
	a.transfers.SetPolicy(p.transfer)
	before := a.running.accounts
	again := a.running.generation != p.running.generation
	sources := a.fleet.Local(p.running.sources)
	a.running = p.running
	a.setAccounts(a.running.accounts)
	a.sources.Use(sources)
	err := a.fleet.Reconfigure(p.config, p.running.accounts, p.running.generation)
	if err != nil {
		a.opts.Log.Error("what is read for the fleet isn't reconfigured", "error", err)
	}
	a.keeper.Switch(sources...)
	a.fleet.Readopt(ctx)
	a.keys.Store(&p.updates.Keys)
	if again {
		a.setUpdateAccounts()
	}
	err = a.fleet.SetKeys(p.config)
	if err != nil {
		a.opts.Log.Error("keys of the fleet not changed", "error", err)
	}
	if a.updates != nil {
		a.updates.SetPolicy(p.updates)
	}
	if p.running.monitor != a.health.Monitor.Load() {
		endWatch() // it saves what the next one begins with
		a.health.Use(p.running.monitor)
		endWatch = a.health.Start(ctx)
	}
	if again {
		for _, account := range before {
			account.CloseIdle()
		}
	}
	a.opts.Log.Info("configuration reloaded", "file", p.config.File())
	return endWatch
}
