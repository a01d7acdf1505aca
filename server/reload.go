package server

import (
	"context"

	"inside53/server/limits"
	"inside53/server/past"
	"inside53/server/sources"
)

// runSources keeps the sources of the configuration running, and those of a new one
// after each reload. What a reload doesn't change goes on undisturbed. A configuration that
// is at fault changes nothing.
func (a *App) runSources(ctx context.Context) error {
	if !a.opts.AsOf.IsZero() {
		return a.keeper.Run(ctx, &past.Source{Config: a.config.Load(), At: a.opts.AsOf})
	}
	plans := planner{a.opts.Config, a.opts.User, &a.sources, &a.health, a.opts.Log}
	err := plans.first(ctx, a.config.Load(), &a.running)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	own := a.fleet.Local(a.running.sources)
	a.sources.Use(own)
	ended := make(chan error, 1)
	go func() { ended <- a.keeper.Run(running, own...) }()
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
		plan, err := plans.plan(ctx, a.config.Load(), &a.running)
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

// apply makes a planned configuration the one in force, as a whole: the keeper has it
// already. It returns what ends the monitor that runs from now on.
func (a *App) apply(ctx context.Context, p *reloadPlan, endWatch func()) func() {
	a.config.Store(p.config)
	if a.opts.SetLog != nil {
		a.opts.SetLog(p.config.Log)
	}
	a.observe(p.config)
	a.forwarder.SetPackets(limits.Packets(p.config, a.resolver.Snapshot()))
	a.front.Transfers.SetPolicy(p.transfer)
	before := a.running.accounts
	again := a.running.generation != p.running.generation
	sources := a.fleet.Local(p.running.sources)
	a.running = p.running
	a.reloads.accounts.Store(&p.running.accounts)
	a.sources.Use(sources)
	err := a.fleet.Reconfigure(p.config, p.running.accounts, p.running.generation)
	if err != nil {
		a.opts.Log.Error("what is read for the fleet isn't reconfigured", "error", err)
	}
	a.keeper.Switch(sources...)
	a.fleet.Readopt(ctx)
	a.keys.Store(&p.updates.Keys)
	if again {
		if a.updater != nil {
			a.updater.SetAccounts(p.running.accounts)
		}
		a.fleet.SetAccounts(p.running.accounts)
	}
	err = a.fleet.SetKeys(p.config)
	if err != nil {
		a.opts.Log.Error("keys of the fleet not changed", "error", err)
	}
	if a.front.Updates != nil {
		a.front.Updates.SetPolicy(p.updates)
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
