package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"inside53/resolver"
	"inside53/resolver/forward"
	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/config"
	"inside53/server/dnstap"
	"inside53/server/front"
	"inside53/server/handover"
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
	"inside53/server/tsig"
	"inside53/server/update"
	"inside53/server/warm"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/recorder"
	zoneupdate "inside53/zonesource/update"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// AppOptions make an [App].
type AppOptions struct {
	Config *config.Config
	// Reload, when it delivers, has the configuration read again from the file of
	// Config. What can't be changed without a restart is logged and left alone.
	Reload <-chan struct{}
	// Stdout gets one line, "ready dns=ADDR admin=ADDR", when the server answers and
	// has its data, or has waited long enough for them.
	Stdout io.Writer
	Log    *slog.Logger
	// SetLog, when it is there, changes the log to what a configuration says.
	SetLog func(config.Log)
	// LogFault, when it is there, returns why the log can't be written, nil while it can.
	LogFault func() error
	// Sockets are those that are there already; nil for none. The App closes them.
	Sockets *handover.Sockets
	// User names who the process became after it had bound its sockets as root; "" is that it
	// has the rights that it was started with.
	User string
	// AsOf, when it isn't zero, serves what the ledger of the configuration had then, read
	// without a lock: AWS isn't asked, nothing is written, and updates and transfers are refused.
	AsOf time.Time
	// Version is that of the program, "" for what the compiler noted.
	Version string
}

// App is the whole program. It is the composition root: everything is made and joined
// here, runs and ends from here, and is made anew from here when the configuration is
// reloaded. Its parts own their state.
type App struct {
	opts     AppOptions                    // its Config has the sockets, the state directory and the bounds
	version  string                        // of the program: inside53 1.2.3
	host     string                        // the name of the host
	config   atomic.Pointer[config.Config] // in force
	registry *prometheus.Registry

	forwarder *forward.Forwarder
	resolver  *resolver.Resolver
	keeper    *zonesource.Keeper
	keepers   served.Keepers     // that one, and that of what is read for the fleet
	recorder  *recorder.Recorder // nil without a state directory, and in a fleet
	fleet     *member.Side       // nil without a fleet
	running   running            // of the goroutine of runSources, once that runs
	sources   sources.Builder
	health    healthwatch.Watch
	readiness readiness
	hands     *hands.Hands
	observer  *observe.Observer
	messages  *dnstap.Sender
	dangling  *served.Dangling
	reloads   reloads
	accounts  atomic.Pointer[[]*awsclient.Account] // of running, for who isn't its goroutine
	warmth    *warm.Cache

	keys        atomic.Pointer[tsig.Keyring]
	updater     *zoneupdate.Updater // nil without AWS, and in a fleet
	updates     *update.Server      // nil without AWS
	transfers   *transfer.Server
	secondaries *served.Transfers
	desk        *front.Desk
	closed      atomic.Bool // the state directory is free
	server      *listen.Server
	admin       *admin.Server
	handover    *handover.Side
}

// NewApp binds every address and opens the state directory; nothing runs and
// nothing is answered before Run. The error says what can't be used.
func NewApp(ctx context.Context, o AppOptions) (*App, error) {
	if !o.AsOf.IsZero() {
		o.Config = past.ReadOnly(o.Config)
	}
	a := &App{opts: o, version: version(o.Version), registry: metrics.NewRegistry()}
	a.handover = handover.New(handover.Options{Log: o.Log, Address: a.firstAddress, Files: a.files, Next: a.next})
	a.config.Store(o.Config)
	err := a.assemble(ctx, o.Config)
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

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
	a.host = host
	a.resolver = resolver.New(a.forwarder, resolver.Options{
		UDPSize: uint16(c.UDPSize), KeepAlive: c.TCP.Idle, ID: a.identity, Version: a.version,
		Ready: a.readiness.isReady,
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
	err = a.assembleRecorder(c)
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
	if a.recorder != nil {
		accepted = a.recorder.Accept
	}
	kept, err := a.keeperConfig(ctx, c)
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
	err = a.assembleFleet(ctx, c)
	if err != nil {
		return err
	}
	a.keepers = served.Keepers{Served: a.keeper, Leading: a.fleet.Leading}
	a.dangling = &served.Dangling{Watch: a.newDangling(), Keeper: a.keeper}
	a.registry.MustRegister(a.dangling.Metrics())
	a.warmth = warm.NewCache(a.keeper.State(), a.forwarder, log)
	a.sources.Keeper = a.keeper
	a.sources.Secondaries = &sources.Secondaries{Log: log, Keeper: a.keeper}
	a.sources.Registrar = &sources.Registrar{Keeper: a.keeper, Snapshot: a.resolver.Snapshot}
	before := &past.Past{Fleet: a.fleet, Recorder: a.recorder}
	data := &served.Data{
		Keepers: &a.keepers, Resolver: a.resolver, Past: before.Steps, Watched: seen, Faults: a.problems,
	}
	orders := member.NewOrders(a.keeper, a.fleet)
	a.registry.MustRegister(data.Metrics())
	err = a.assembleUpdates(c)
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
	a.secondaries = &served.Transfers{Server: a.transfers, Resolver: a.resolver}
	a.registry.MustRegister(metrics.OfSockets(a.server.Stats, a.resolver.Counts), a.secondaries.Metrics())
	a.readiness = readiness{
		status: a.keepers.Brief, sockets: a.server.Ready, maxAge: a.maxAge, logFault: a.logFault,
		state: a.keeper.State(), fleet: a.fleet.Standing,
	}
	a.registry.MustRegister(programMetrics(a.version, &a.readiness))
	a.setAccounts(a.running.accounts)
	a.registry.MustRegister(a.planMetrics())
	a.hands = &hands.Hands{
		Version: a.version, Started: time.Now(), Config: a.config.Load, Readiness: &a.readiness, Keepers: &a.keepers,
		Forwarder: a.forwarder, Standing: a.sources.Secondaries.Standing, Health: &a.health,
		Fleet: a.fleetStatus, Reread: orders.Refresh,
		Pulse: hands.NewPulse(a.server.Stats, a.resolver.Counts, a.forwarder.Stats),
		Trend: hands.NewTrend(a.server.Stats, a.resolver.Counts, a.forwarder.Stats),
	}
	a.admin, err = admin.Bind(admin.Options{
		Config: c, Metrics: a.registry, Readiness: &a.readiness, Data: data, Accepter: orders, Explainer: data,
		Health: &a.health, Secondaries: a.secondaries, Past: before, Hands: a.hands, Watcher: seen,
		Fleet: member.NewDesk(a.fleet), Log: log,
		Views: &served.Views{Resolver: a.resolver}, Records: &served.Records{Keeper: a.keeper}, Trends: a.hands.Trend,
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

// maxAge is how old data of AWS may be for readiness.
func (a *App) maxAge() time.Duration { return a.config.Load().Ready.MaxAge }

// logFault returns why the log can't be written.
func (a *App) logFault() error {
	if a.opts.LogFault == nil {
		return nil
	}
	return a.opts.LogFault()
}

// keyring is the keys of the configuration in force.
func (a *App) keyring() tsig.Keyring { return *a.keys.Load() }

// newWorker makes the worker of one packet loop.
func (a *App) newWorker() listen.Worker {
	w := a.resolver.NewWorker()
	f := &front.Handler{
		Keys: a.keyring, Transfers: a.transfers, Updates: a.updates, Desk: a.desk, Released: a.handover.HasBegun,
	}
	if a.fleet != nil {
		f.Bell = a.fleet.Bell
	}
	w.HandleWith(f)
	return w
}

// close gives back what assemble opened.
func (a *App) close() {
	if a.admin != nil {
		a.admin.Close()
	}
	if a.server != nil {
		a.server.Close()
	}
	a.opts.Sockets.Close()
	a.closeState()
}

// closeState gives the state directory free, once.
func (a *App) closeState() {
	if a.closed.Swap(true) {
		return
	}
	if a.updater != nil {
		err := a.updater.Close()
		if err != nil {
			a.opts.Log.Warn("journal of updates not closed", "error", err)
		}
	}
	if a.keeper != nil {
		err := a.keeper.Close()
		if err != nil {
			a.opts.Log.Warn("state directory not closed", "error", err)
		}
	}
}

func (a *App) publish(s *zone.Snapshot) {
	a.forwarder.SetPackets(limits.Packets(a.config.Load(), s))
	err := a.resolver.Publish(s)
	if err != nil {
		a.opts.Log.Error("snapshot not published", "error", err)
	}
	if a.dangling != nil {
		a.dangling.Watch.Wake()
	}
	if a.transfers != nil { // before, nobody asks
		a.transfers.Wake()
	}
}

// Run serves until ctx ends, and then goes on for the configured drain, unready, so
// that balancers can turn away; or until another process serves in its place. It returns when
// everything has ended.
func (a *App) Run(ctx context.Context) error {
	err := a.run(ctx)
	return errors.Join(err, a.handover.Wait())
}

func (a *App) run(ctx context.Context) error {
	defer a.close()
	err := a.keeper.Load()
	if err != nil {
		return err
	}
	a.health.Load()
	all, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	serving, stopServing := context.WithCancel(all)
	defer stopServing()
	g, all := errgroup.WithContext(all)
	g.Go(func() error { return a.forwarder.Run(all) })
	g.Go(func() error { return a.resolver.Run(all) })
	g.Go(func() error { return a.observer.Run(all) })
	g.Go(func() error { return a.messages.Run(all) })
	g.Go(func() error { return a.write(ctx, all) })
	g.Go(func() error { return a.desk.Run(all) })
	g.Go(func() error { return a.fleet.RunBell(all) })
	g.Go(func() error { return a.newInstances().Run(all) })
	g.Go(func() error {
		defer stop() // the others serve the queries that are still on their way
		a.fleet.AwaitStore(serving)
		err := a.opts.Sockets.Await(serving, func() bool { return a.resolver.Snapshot().Loaded },
			func() []string { return a.keeper.Brief().Missing })
		if err != nil {
			return err
		}
		return a.server.Run(serving)
	})
	g.Go(func() error { return a.handover.Offer(serving, ctx, stopServing) })
	g.Go(func() error { return a.admin.Run(all) })
	g.Go(func() error { return a.hands.Run(all) })
	g.Go(func() error { return watchdog(all, a.opts.Log, a.server.Standing) })
	g.Go(func() error { return a.announce(all) })
	g.Go(func() error {
		defer stopServing()
		a.drain(ctx, all)
		return nil
	})
	err = g.Wait()
	if errors.Is(err, context.Canceled) && (ctx.Err() != nil || a.handover.IsDone()) {
		return nil
	}
	return err
}

// write runs what writes to the state directory, until all ends or a successor needs that. The
// cache is saved when process ends, or before a successor looks for it.
func (a *App) write(process, all context.Context) error {
	writing, end := context.WithCancel(all)
	defer end()
	ending, save := context.WithCancel(process)
	defer save()
	saved := make(chan struct{})
	g, working := errgroup.WithContext(writing)
	g.Go(func() error {
		select {
		case <-a.handover.Asked():
			save()
			<-saved
			end()
		case <-working.Done():
		}
		return nil
	})
	g.Go(func() error {
		defer close(saved)
		return a.warmth.Run(ending, working)
	})
	recording, stopRecording := context.WithCancel(context.WithoutCancel(working))
	defer stopRecording()
	g.Go(func() error {
		defer stopRecording() // what the sources deliver last is recorded too
		return a.runSources(working)
	})
	g.Go(func() error { return past.Record(recording, a.recorder) })
	g.Go(func() error { return a.fleet.Run(working) })
	g.Go(func() error { return a.transfers.Run(working) })
	g.Go(func() error { return a.dangling.Watch.Run(working) })
	if a.updater != nil {
		g.Go(func() error { return a.updater.Run(working) })
	}
	if a.updates != nil {
		g.Go(func() error { return a.updates.Run(working) })
	}
	err := g.Wait()
	if !a.handover.HasBegun() {
		return err
	}
	a.closeState()
	a.handover.Free()
	<-all.Done()
	return all.Err()
}

// drain waits for the end of ctx, and then as long as the configuration says.
func (a *App) drain(ctx, all context.Context) {
	select {
	case <-ctx.Done():
	case <-all.Done():
		return
	}
	a.readiness.draining.Store(true)
	notifySystemd(a.opts.Log, systemdStopping)
	wait := a.config.Load().Drain
	a.opts.Log.Info("draining", "for", wait)
	select {
	case <-time.After(wait):
	case <-all.Done():
	}
}

// version names the program and its version: the given one, or what the compiler noted.
func version(given string) string {
	if given != "" {
		return "inside53 " + given
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "inside53"
	}
	return "inside53 " + info.Main.Version
}
