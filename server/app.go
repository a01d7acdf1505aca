package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"inside53/resolver"
	"inside53/resolver/forward"
	"inside53/resolver/zone"
	"inside53/server/listen"
	"inside53/server/transfer"
	"inside53/server/tsig"
	"inside53/server/update"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/secondary"
	zoneupdate "inside53/zonesource/update"

	"golang.org/x/sync/errgroup"
)

// AppOptions make an [App].
type AppOptions struct {
	Config *Config
	// Reload, when it delivers, has the configuration read again from the file of
	// Config. What can't be changed without a restart is logged and left alone.
	Reload <-chan struct{}
	// Stdout gets one line, "ready dns=ADDR admin=ADDR", when the server answers and
	// has its data, or has waited long enough for them.
	Stdout io.Writer
	Log    *slog.Logger
	// Version is that of the program, "" for what the compiler noted.
	Version string
}

// App is the whole program: sources, keeper, resolver, forwarder, listeners, the
// admin address. It is the composition root: everything is made and joined here.
type App struct {
	log       *slog.Logger
	version   string // of the program: inside53 1.2.3
	stdout    io.Writer
	reload    <-chan struct{}
	started   *Config // the sockets, the state directory and the bounds are its
	config    atomic.Pointer[Config]
	metrics   *metrics
	forwarder *forward.Forwarder
	resolver  *resolver.Resolver
	keeper    *zonesource.Keeper
	updater   *zoneupdate.Updater // nil without AWS
	updates   *update.Server      // nil without AWS
	keys      atomic.Pointer[tsig.Keyring]
	transfers *transfer.Server
	// secondaries are the zones that come from other servers, by apex.
	secondaries atomic.Pointer[map[string]*secondary.Source]
	server      *listen.Server
	admin       []*adminServer
	adminAddr   string // as bound; "" when it is off
	accounts    []*awsclient.Account
	watch       healthWatch
	draining    atomic.Bool
}

// NewApp binds every address and opens the state directory; nothing runs and
// nothing is answered before Run. The error says what can't be used.
func NewApp(ctx context.Context, o AppOptions) (*App, error) {
	a := &App{log: o.Log, version: version(o.Version), stdout: o.Stdout, reload: o.Reload, metrics: newMetrics(), started: o.Config}
	c := o.Config
	a.config.Store(c)
	err := a.assemble(ctx, c)
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *App) assemble(ctx context.Context, c *Config) error {
	var err error
	a.forwarder, err = forward.New(forward.Options{Entries: c.Cache.Entries, Logger: a.log})
	if err != nil {
		return err
	}
	host, _ := os.Hostname() // an empty id is not answered
	a.resolver = resolver.New(a.forwarder, resolver.Options{
		UDPSize: uint16(c.UDPSize), KeepAlive: c.TCP.Idle, ID: host, Version: a.version, SampleQueries: uint64(c.Log.SampleQueries), Log: a.log,
	})
	if c.UsesAWS() {
		a.accounts, err = a.loadAccounts(ctx, c)
		if err != nil {
			return err
		}
	}
	state := ""
	if c.KeepsState() {
		state = c.StateDir
	}
	a.keeper, err = zonesource.NewKeeper(zonesource.Options{Config: keeperConfig(c, a.accounts), StateDir: state, Publish: a.publish, Log: a.log})
	if err != nil {
		return err
	}
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
		NewWorker: a.newWorker,
		TCP:       listen.TCPOptions{Connections: boundConnections(c.TCP.Connections, a.log), PerClient: c.TCP.PerClient, Idle: c.TCP.Idle},
		Log:       a.log,
	})
	if err != nil {
		return err
	}
	err = a.bindAdmin(c)
	if err != nil {
		return err
	}
	monitor, err := a.newMonitor(c, a.accounts)
	a.watch.monitor.Store(monitor)
	return err
}

// keyring is the keys of the configuration in force.
func (a *App) keyring() tsig.Keyring { return *a.keys.Load() }

// newWorker makes the worker of one packet loop.
func (a *App) newWorker() listen.Worker {
	return &front{keys: a.keyring, inner: a.resolver.NewWorker(), transfers: a.transfers, updates: a.updates}
}

// close gives back what assemble took.
func (a *App) close() {
	for _, s := range a.admin {
		_ = s.listener.Close()
	}
	if a.server != nil {
		a.server.Close()
	}
	if a.updater != nil {
		err := a.updater.Close()
		if err != nil {
			a.log.Warn("journal of updates not closed", "error", err)
		}
	}
	if a.keeper != nil {
		err := a.keeper.Close()
		if err != nil {
			a.log.Warn("state directory not closed", "error", err)
		}
	}
}

func (a *App) publish(s *zone.Snapshot) {
	err := a.resolver.Publish(s)
	if err != nil {
		a.log.Error("snapshot not published", "error", err)
	}
	if a.transfers != nil { // before, nobody asks
		a.transfers.Wake()
	}
}

// Run serves until ctx ends, and then goes on for the configured drain, unready, so
// that balancers can turn away. It returns when everything has ended.
func (a *App) Run(ctx context.Context) error {
	defer a.close()
	err := a.keeper.Load()
	if err != nil {
		return err
	}
	if m := a.watch.monitor.Load(); m != nil {
		m.Load() // a known-bad primary is bad from the first answer on
	}
	all, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	serving, stopServing := context.WithCancel(all)
	defer stopServing()
	g, all := errgroup.WithContext(all)
	g.Go(func() error { return a.forwarder.Run(all) })
	g.Go(func() error { return a.resolver.Run(all) })
	g.Go(func() error { return a.runSources(all) })
	g.Go(func() error { return a.transfers.Run(all) })
	if a.updates != nil {
		g.Go(func() error { return a.updater.Run(all) })
		g.Go(func() error { return a.updates.Run(all) })
	}
	g.Go(func() error {
		defer stop() // the others serve the queries that are still on their way
		return a.server.Run(serving)
	})
	for _, s := range a.admin {
		g.Go(func() error { return s.run(all) })
	}
	g.Go(func() error { return a.awaitZoneFiles(all) })
	g.Go(func() error { return a.announce(all) })
	g.Go(func() error {
		defer stopServing()
		a.drain(ctx, all)
		return nil
	})
	err = g.Wait()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// drain waits for the end of ctx, and then as long as the configuration says.
func (a *App) drain(ctx, all context.Context) {
	select {
	case <-ctx.Done():
	case <-all.Done():
		return
	}
	a.draining.Store(true)
	notifySystemd(a.log, systemdStopping)
	wait := a.config.Load().Drain
	a.log.Info("draining", "for", wait)
	select {
	case <-time.After(wait):
	case <-all.Done():
	}
}

// announceAfter is how long the announcement of readiness waits for data.
const announceAfter = 5 * time.Second

// announce says on standard output and to systemd that the server answers. It waits
// for the data a little: whoever starts us wants answers, and has to start when AWS
// is away all the same.
func (a *App) announce(ctx context.Context) error {
	deadline := time.Now().Add(announceAfter)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		sockets, _ := a.server.Ready()
		if sockets && (a.resolver.Snapshot().Loaded || time.Now().After(deadline)) {
			break
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	line := fmt.Sprintf("ready dns=%s", a.server.Addrs()[0])
	if a.adminAddr != "" {
		line += " admin=" + a.adminAddr
	}
	_, err := fmt.Fprintln(a.stdout, line)
	if err != nil {
		return fmt.Errorf("announcing readiness: %w", err)
	}
	notifySystemd(a.log, systemdReady)
	return a.announceData(ctx)
}

// announceData logs what is served, and before, if there is a before, that not all is
// there yet.
func (a *App) announceData(ctx context.Context) error {
	warned := false
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !a.resolver.Snapshot().Loaded {
		if !warned {
			a.log.Warn("not all data are there: names of what is missing get SERVFAIL, until it could be read", "see", "/readyz")
			warned = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	s := a.resolver.Snapshot()
	a.log.Info("serving", "version", a.version, "config", a.started.File(), "zones", len(a.keeper.Status().Report.Zones), "views", len(s.Views))
	return nil
}

// awaitZoneFiles waits for the first reading of the zone files that the server started
// with. One that can't be read then is an error: there is nothing earlier to serve
// instead, and whoever starts the server is there to mend it.
func (a *App) awaitZoneFiles(ctx context.Context) error {
	c := a.started
	waiting := make(map[zonesource.Key]bool, len(c.ZoneFiles))
	for i := range c.ZoneFiles {
		waiting[zonesource.Key{Source: fileSource, Name: fileName(c, i)}] = true
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for len(waiting) > 0 {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, p := range a.keeper.Status().Parts {
			if !waiting[p.Key] || p.Tried.IsZero() {
				continue
			}
			delete(waiting, p.Key)
			if p.Err == nil {
				continue
			}
			_, err := CheckZoneFiles(ctx, c) // not one that was being written
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("there is nothing to serve for a zone file; mend it or take it out of zonefiles: %w", err)
			}
		}
	}
	return nil
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
