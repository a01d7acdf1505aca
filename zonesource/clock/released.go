//go:build !fleettest

package clock

import "time"

// Now is the time by the clock on the wall.
func Now() time.Time { return time.Now() }

// Age is the age at which something is old.
func Age(d time.Duration) time.Duration { return d }
