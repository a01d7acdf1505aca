package server

import (
	"context"
	"net/netip"
	"os"
	"sync"
	"time"

	"inside53/resolver"
	"inside53/resolver/forward"
	"inside53/server/admin"
	"inside53/server/config"
	"inside53/server/dnstap"
	"inside53/server/front"
	"inside53/server/hands"
	"inside53/server/healthwatch"
	"inside53/server/limits"
	"inside53/server/listen"
	"inside53/server/member"
	"inside53/server/metrics"
	"inside53/server/observe"
	"inside53/server/past"
	"inside53/server/preflight"
	"inside53/server/served"
	"inside53/server/sources"
	"inside53/server/transfer"
	"inside53/server/warm"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/statedir"
)

// assemble makes and joins the parts: each has what it is made of before it.
func (a *App) assemble(ctx context.Context, c *config.Config) error {
	log := a.opts.Log
	var err error
	a.forwarder, err = forward.New(forward.Options{
		Entries: c.Cache.Entries, Bytes: limits.CacheBytes(int(c.Cache.Bytes), os.DirFS("/"), log),
		Waiters: limits.Waiters(os.DirFS("/")), Sockets: limits.Sockets(), Logger: log,
	})
	if err != nil {
		return err
	}
	a.forwarder.SetPackets(limits.Packets(c, nil))
	host, _ := os.Hostname() // "" where it has none
	a.resolver = resolver.New(a.forwarder, resolver.Options{
		UDPSize: uint16(c.UDPSize), KeepAlive: c.TCP.Idle, Version: a.version, Ready: a.readiness.isReady,
		ID: func() string { return a.past.Identity(host, a.version) },
	})
	a.observer = observe.New(observe.Options{Answers: a.resolver, Log: log})
	a.messages = dnstap.New(dnstap.Options{Identity: host, Version: a.version, Log: log})
	a.observe(c)
	seen := &served.Watched{Observer: a.observer, Resolver: a.resolver, Messages: a.messages}
	a.registry.MustRegister(metrics.OfForwarder(a.forwarder.Stats), metrics.OfResolver(a.resolver), seen.Metrics())
	a.sources = sources.Builder{
		Log: log, Hosts: sources.Hosts{Forwarder: a.forwarder}, Config: a.config.Load,
		OnCall: sources.CountCalls(a.registry), OnEvent: sources.CountEvents(a.registry),
		Program: sync.OnceValue(zonesource.Program), WantTargets: a.health.WantTargets,
	}
	if (c.UsesAWS() || c.Fleet != nil) && a.opts.AsOf.IsZero() {
		a.running.accounts, err = a.sources.LoadAccounts(ctx, c)
		if err != nil {
			return err
		}
	}
	err = a.assembleRecorder(c, host)
	if err != nil {
		return err
	}
	err = a.opts.Sockets.Succeed(ctx, func() error {
		_, err := preflight.CheckZoneFiles(ctx, c)
		return err
	})
	if err != nil {
		return err
	}
	state := ""
	var accepted func([]zonesource.Accepted)
	if c.KeepsState() && a.opts.AsOf.IsZero() {
		state = c.StateDir
	}
	if a.past.Recorder != nil {
		accepted = a.past.Recorder.Accept
	}
	kept, err := keeperConfig(ctx, c, a.running.accounts, a.opts.AsOf)
	if err != nil {
		return err
	}
	kept.Self = sources.SavedSelf(c)
	a.keeper, err = zonesource.NewKeeper(zonesource.Options{
		Config: kept, StateDir: state, Publish: a.publish, Log: log,
		Accepted: accepted,
	})
	if err != nil {
		return err
	}
	err = a.assembleFleet(ctx, c, host)
	if err != nil {
		return err
	}
	a.past.Fleet = a.fleet
	keepers := &served.Keepers{Served: a.keeper, Leading: a.fleet.Leading}
	a.dangling = a.newDangling()
	gone := &served.Dangling{Watch: a.dangling, Keeper: a.keeper}
	a.registry.MustRegister(gone.Metrics())
	a.cache = warm.NewCache(a.keeper.State(), a.forwarder, log)
	a.usage = warm.NewUsage(a.keeper.State(), a.observer, log)
	a.sources.Keeper = a.keeper
	a.sources.Secondaries = &sources.Secondaries{Log: log, Keeper: a.keeper}
	a.sources.Registrar = &sources.Registrar{Keeper: a.keeper, Snapshot: a.resolver.Snapshot}
	data := &served.Data{
		Keepers: keepers, Resolver: a.resolver, Past: a.past.Steps, Watched: seen,
	}
	orders := member.NewOrders(a.keeper, a.fleet)
	a.registry.MustRegister(data.Metrics())
	err = a.assembleUpdates(c, keepers)
	if err != nil {
		return err
	}
	err = a.assembleTransfers(c)
	if err != nil {
		return err
	}
	a.server, err = listen.Bind(listen.Options{
		Addresses: c.Listen.DNS,
		Sockets:   a.opts.Sockets.Listeners(),
		Expected:  a.opts.Sockets.Expected(),
		NewWorker: a.newWorker,
		TCP: listen.TCPOptions{
			Connections: limits.Connections(c.TCP.Connections, log), PerClient: c.TCP.PerClient, Idle: c.TCP.Idle,
			Memory: limits.LateBytes(os.DirFS("/")), HandedOn: a.fleet.Door(),
			Welcome: func(client netip.Addr) listen.Welcome {
				if a.fleet.IsMember(client) {
					return listen.Known
				}
				return front.Welcome(a.config.Load(), a.resolver.Snapshot(), client)
			},
		},
		Log: log,
	})
	if err != nil {
		return err
	}
	a.forwarder.SetRounds(a.server)
	secondaries := &served.Transfers{Server: a.front.Transfers, Resolver: a.resolver}
	a.registry.MustRegister(metrics.OfSockets(a.server.Stats, a.resolver.Counts), secondaries.Metrics())
	a.readiness = readiness{
		status: keepers.Brief, sockets: a.server.Ready, logFault: a.opts.LogFault,
		maxAge: func() time.Duration { return a.config.Load().Ready.MaxAge },
		state:  a.keeper.State(), fleet: a.fleet.Standing,
	}
	a.registry.MustRegister(programMetrics(a.version, &a.readiness))
	accounts := a.running.accounts // those of running will be others
	a.reloads.accounts.Store(&accounts)
	a.registry.MustRegister(a.reloads.metrics(a.config.Load, keepers.Soonest))
	faults := &faults{
		state: a.keeper.State(), log: a.opts.LogFault, queryLog: a.observer.LogFault, fleet: a.fleet, reloads: &a.reloads,
		dangling: gone, transfers: secondaries,
	}
	data.Faults = faults.problems
	a.hands = &hands.Hands{
		Version: a.version, Started: time.Now(), Config: a.config.Load, Readiness: &a.readiness, Keepers: keepers,
		Forwarder: a.forwarder, Standing: a.sources.Secondaries.Standing, Health: &a.health,
		Fleet: a.past.Standing, Reread: orders.Refresh,
		Pulse: hands.NewPulse(a.server.Stats, a.resolver.Counts, a.forwarder.Stats),
		Trend: hands.NewTrend(a.server.Stats, a.resolver.Counts, a.forwarder.Stats),
	}
	held := &served.Records{Keeper: a.keeper}
	a.admin, err = admin.Bind(admin.Options{
		Config: c, Metrics: a.registry, Readiness: &a.readiness, Data: data, Accepter: orders, Explainer: data,
		Health: &a.health, Secondaries: secondaries, Past: &a.past, Hands: a.hands, Watcher: seen,
		Fleet: member.NewDesk(a.fleet), Log: log,
		Views: &served.Views{Resolver: a.resolver, Records: held}, Records: held, Trends: a.hands.Trend,
		Bound: limits.BoundWeb, Socket: a.opts.Sockets.Listeners().Listener,
	})
	if err != nil {
		return err
	}
	err = a.opts.Sockets.Finish()
	if err != nil {
		return err
	}
	a.health = healthwatch.Watch{
		Log: log, Shared: a.fleet != nil, State: a.keeper.State(), Hosts: a.sources.Hosts, OnCall: a.sources.OnCall,
		Snapshot: a.resolver.Snapshot, Publish: a.publishLive,
		Listeners: func() []netip.AddrPort { return append(a.server.Addrs(), a.admin.Addrs()...) },
	}
	a.registry.MustRegister(a.health.Metrics())
	a.health.Self.Store(&kept.Self)
	monitor, err := a.health.NewMonitor(c, a.running.accounts)
	a.health.Monitor.Store(monitor)
	return err
}

// keeperConfig is that of the configuration in force. Of the past all is expected that the
// ledger has, and nothing else.
func keeperConfig(
	ctx context.Context, c *config.Config, accounts []*awsclient.Account, asOf time.Time,
) (zonesource.Config, error) {
	k := sources.KeeperConfig(c, accounts)
	if asOf.IsZero() {
		return k, nil
	}
	var err error
	k.Region = c.AWS.Region
	k.Expected, err = (&past.Source{Config: c, At: asOf}).Expected(ctx)
	return k, err
}

// assembleRecorder makes what records the past. Without a state directory there is none.
func (a *App) assembleRecorder(c *config.Config, host string) error {
	if !c.KeepsState() || c.Fleet != nil || !a.opts.AsOf.IsZero() {
		return nil
	}
	var err error
	a.past.Recorder, err = past.NewRecorder(past.RecorderOptions{
		Config: c, Name: host, State: func() *statedir.Dir { return a.keeper.State() }, Retention: a.retention,
		Metrics: a.registry, Log: a.opts.Log,
	})
	return err
}

// retention is how much of the past is kept.
func (a *App) retention() (time.Duration, int64) {
	h := a.config.Load().History
	return h.Keep, int64(h.Max)
}

// assembleFleet makes this server a member of its fleet, where the configuration has one.
func (a *App) assembleFleet(ctx context.Context, c *config.Config, host string) error {
	if c.Fleet == nil || !a.opts.AsOf.IsZero() {
		return nil
	}
	var err error
	a.fleet, err = member.New(ctx, member.Options{
		Config: a.config.Load, Accounts: a.running.accounts, Host: host, Build: a.version, Keys: a.keyring,
		Keeper: a.keeper, Sources: &a.sources, Health: &a.health,
		Transfers: func() *transfer.Server { return a.front.Transfers },
		Sockets:   func() []netip.AddrPort { return a.server.Addrs() },
		Retention: a.retention, Metrics: a.registry, Log: a.opts.Log,
	})
	return err
}

// newWorker makes the worker of one packet loop.
func (a *App) newWorker() listen.Worker {
	w := a.resolver.NewWorker()
	w.HandleWith(&a.front)
	return w
}
