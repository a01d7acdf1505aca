package server

import (
	"log/slog"

	"github.com/coreos/go-systemd/v22/daemon"
)

const (
	systemdReady     = daemon.SdNotifyReady
	systemdStopping  = daemon.SdNotifyStopping
	systemdReloading = daemon.SdNotifyReloading
)

// notifySystemd tells systemd the state of the service (sd_notify(3)); without
// systemd it does nothing.
func notifySystemd(log *slog.Logger, state string) {
	_, err := daemon.SdNotify(false, state)
	if err != nil {
		log.Warn("systemd not notified", "state", state, "error", err)
	}
}
