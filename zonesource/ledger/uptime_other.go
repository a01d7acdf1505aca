//go:build !linux

package ledger

import (
	"time"

	"golang.org/x/sys/unix"
)

// Uptime is the time since the machine was started. Where CLOCK_MONOTONIC stands still while it sleeps, as on the BSDs,
// nobody should lead on a machine that does.
func Uptime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // all of them have it
	return time.Duration(t.Nano())
}
