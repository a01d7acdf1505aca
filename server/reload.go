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
	"inside53/server/transfer"
	"inside53/server/update"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/health"
)

// runSources keeps the sources of the configuration running, and those of a new one
// after each reload.
func (a *App) runSources(ctx context.Context) error {
	sources, err := a.sources.build(a.config.Load(), a.accounts)
	if err != nil {
		return err
	}
	for {
		next, err := a.untilReload(ctx, sources)
		if err != nil {
			return err
		}
		sources = next
	}
}

// untilReload runs the sources until a new configuration has come and could be
// applied, and returns its sources. A configuration that is at fault changes
// nothing.
func (a *App) untilReload(ctx context.Context, sources []zonesource.Source) ([]zonesource.Source, error) {
	running, stop := context.WithCancel(ctx)
	defer stop()
	a.sources.secondaries.use(sources)
	ended := make(chan error, 1)
	go a.runKeeper(running, sources, ended)
	detected := make(chan struct{})
	go a.detectSelf(running, detected)
	watched := make(chan struct{})
	go a.health.run(running, watched)
	for {
		select {
		case err := <-ended:
			stop()
			<-detected
			<-watched
			return nil, err
		case <-a.opts.Reload:
		}
		plan, err := a.planReload(ctx)
		if err != nil {
			a.opts.Log.Error("configuration not reloaded; the old one stays", "error", err)
			continue
		}
		stop()
		err = <-ended
		<-detected // it changes the keeper's configuration too
		<-watched
		if ctx.Err() != nil || err != nil && !errors.Is(err, context.Canceled) {
			return nil, err
		}
		return a.apply(plan, sources), nil
	}
}

// runKeeper runs the keeper; it is a goroutine of untilReload.
func (a *App) runKeeper(ctx context.Context, sources []zonesource.Source, ended chan<- error) {
	ended <- a.keeper.Run(ctx, sources...)
}

// detectSelf finds out which VPC this is, once for all views.
func (a *App) detectSelf(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	c := a.config.Load()
	if !c.UsesAWS() || len(a.accounts) == 0 {
		return
	}
	self := awsclient.Self(ctx, a.accounts[0])
	if self.VPC == "" {
		return
	}
	here := zonesource.Self{VPC: self.VPC, Region: self.Region}
	a.health.self.Store(&here)
	err := a.keeper.SetSelf(here)
	if err != nil {
		a.opts.Log.Warn("own VPC not taken into account", "vpc", self.VPC, "error", err)
	}
}

// reloadPlan is a new configuration, ready to be applied.
type reloadPlan struct {
	config   *config.Config
	accounts []*awsclient.Account
	sources  []zonesource.Source
	monitor  *health.Monitor // nil: none
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
	p.updates, err = newUpdatePolicy(c)
	if err != nil {
		return nil, err
	}
	if c.KeepsState() && !a.opts.Config.KeepsState() {
		return nil, errors.New("turning on the first of transfers and secondary needs a restart: it opens state_dir")
	}
	p.transfer, err = newTransferPolicy(c)
	if err != nil {
		return nil, err
	}
	if c.UsesAWS() {
		p.accounts, err = a.sources.loadAccounts(ctx, c)
		if err != nil {
			return nil, err
		}
	}
	p.sources, err = a.sources.build(c, p.accounts)
	if err != nil {
		return nil, err
	}
	p.monitor, err = a.health.newMonitor(c, p.accounts)
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

// apply makes a planned configuration the one in force, as a whole, and returns the
// sources to run from now on.
func (a *App) apply(p *reloadPlan, old []zonesource.Source) []zonesource.Source {
	err := a.keeper.Reconfigure(keeperConfig(p.config, p.accounts))
	if err != nil {
		a.opts.Log.Error("configuration not reloaded; the old one stays", "error", err)
		again, err := a.sources.build(a.config.Load(), a.accounts)
		if err != nil {
			return old
		}
		return again // a source runs once
	}
	a.config.Store(p.config)
	a.forwarder.SetPackets(packetsOf(p.config, a.resolver.Snapshot()))
	a.transfers.SetPolicy(p.transfer)
	before := a.accounts
	a.accounts = p.accounts
	a.keys.Store(&p.updates.Keys)
	if a.updates != nil {
		a.updater.SetAccounts(p.accounts)
		a.updates.SetPolicy(p.updates)
	}
	a.health.use(p.monitor)
	for _, account := range before {
		account.CloseIdle()
	}
	a.opts.Log.Info("configuration reloaded", "file", p.config.File())
	return p.sources
}
