package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"inside53/resolver"
	"inside53/resolver/forward"
	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/config"
	"inside53/server/dangling"
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
	"inside53/server/sources"
	"inside53/server/tsig"
	"inside53/server/warm"
	"inside53/zonesource"
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
	config   atomic.Pointer[config.Config] // in force
	registry *prometheus.Registry
	running  running // of the goroutine of runSources, once that runs
	reloads  reloads

	forwarder *forward.Forwarder
	resolver  *resolver.Resolver
	keeper    *zonesource.Keeper
	past      past.Past    // with its recorder, where this server records
	fleet     *member.Side // nil without a fleet
	sources   sources.Builder
	health    healthwatch.Watch
	cache     *warm.File // of the forwarder, over restarts
	usage     *warm.File // who asks, likewise
	dangling  *dangling.Watch

	keys    atomic.Pointer[tsig.Keyring]
	updater *zoneupdate.Updater // nil without AWS, and in a fleet
	front   front.Handler       // with what serves updates and transfers

	readiness readiness
	observer  *observe.Observer
	messages  *dnstap.Sender
	hands     *hands.Hands
	admin     *admin.Server
	server    *listen.Server
	handover  *handover.Side
	closed    atomic.Bool // the state directory is free
}

// NewApp binds every address and opens the state directory; nothing runs and
// nothing is answered before Run. The error says what can't be used.
func NewApp(ctx context.Context, o AppOptions) (*App, error) {
	if !o.AsOf.IsZero() {
		o.Config = past.ReadOnly(o.Config)
	}
	if o.LogFault == nil {
		o.LogFault = func() error { return nil }
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

// keyring is the keys of the configuration in force.
func (a *App) keyring() tsig.Keyring { return *a.keys.Load() }

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
		a.dangling.Wake()
	}
	if a.front.Transfers != nil { // before, nobody asks
		a.front.Transfers.Wake()
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
	g.Go(func() error { return a.front.Desk.Run(all) })
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

// write runs what writes to the state directory, until all ends or a successor needs that. What
// was learnt is saved when process ends, or before a successor looks for it.
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
		var kept errgroup.Group
		for _, f := range []*warm.File{a.cache, a.usage} {
			kept.Go(func() error { return f.Run(ending, working) })
		}
		return kept.Wait()
	})
	recording, stopRecording := context.WithCancel(context.WithoutCancel(working))
	defer stopRecording()
	g.Go(func() error {
		defer stopRecording() // what the sources deliver last is recorded too
		return a.runSources(working)
	})
	g.Go(func() error { return past.Record(recording, a.past.Recorder) })
	g.Go(func() error { return a.fleet.Run(working) })
	g.Go(func() error { return a.front.Transfers.Run(working) })
	g.Go(func() error { return a.dangling.Run(working) })
	if a.updater != nil {
		g.Go(func() error { return a.updater.Run(working) })
	}
	if a.front.Updates != nil {
		g.Go(func() error { return a.front.Updates.Run(working) })
	}
	err := g.Wait()
	if !a.handover.HasBegun() {
		if process.Err() != nil { // what was asked while it drained counts too
			a.usage.End()
		}
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
