package ledger

import (
	"time"

	"golang.org/x/sys/unix"
)

// Uptime is the time since the machine was started, asleep or not.
func Uptime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) // every Linux that Go runs on has it
	return time.Duration(t.Nano())
}
