package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

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
