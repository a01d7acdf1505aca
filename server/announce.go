package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

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
	if addr := a.admin.Addr(); addr.IsValid() {
		line += " admin=" + addr.String()
	}
	_, err := fmt.Fprintln(a.opts.Stdout, line)
	if err != nil { // whoever read it has gone; clients haven't
		a.opts.Log.Warn("readiness not announced", "error", err)
	}
	notifySystemd(a.opts.Log, systemdReady)
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
			a.opts.Log.Warn("not all data are there: names of what is missing get SERVFAIL, until it could be read",
				"see", "/readyz")
			warned = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	s := a.resolver.Snapshot()
	a.opts.Log.Info("serving", "version", a.version, "config", a.opts.Config.File(),
		"zones", len(s.Served()), "views", len(s.Views))
	return nil
}

const (
	systemdReady     = daemon.SdNotifyReady
	systemdStopping  = daemon.SdNotifyStopping
	systemdReloading = daemon.SdNotifyReloading
	systemdAlive     = daemon.SdNotifyWatchdog
)

// mostWatch is the most time between two words to the watchdog of systemd.
const mostWatch = time.Second

// notifySystemd tells systemd the state of the service (sd_notify(3)); without
// systemd it does nothing.
func notifySystemd(log *slog.Logger, state string) {
	_, err := daemon.SdNotify(false, state)
	if err != nil {
		log.Warn("systemd not notified", "state", state, "error", err)
	}
}

// watchdog tells systemd that the packet loops live, as long as they do and WatchdogSec asks
// for it. A server that stands still is ended and started anew; one that is only overloaded,
// or not ready, is not: that would make it worse.
func watchdog(ctx context.Context, log *slog.Logger, standing func() []string) error {
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("watchdog of systemd not understood", "error", err)
	}
	if within == 0 || err != nil {
		return nil
	}
	tick := time.NewTicker(min(within/4, mostWatch))
	defer tick.Stop()
	said := false
	for {
		still := standing()
		switch {
		case len(still) == 0:
			said = false
			notifySystemd(log, systemdAlive)
		case !said:
			said = true
			log.Error("standing still; systemd's watchdog ends the process if it lasts", "what", still)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
