//go:build fleettest

package clock

import (
	"fmt"
	"os"
	"time"
)

// wrong is by how much the clock is ahead, and what ages are divided by.
func wrong() (ahead time.Duration, divisor int64) {
	text, err := os.ReadFile(os.Getenv("INSIDE53_CLOCK"))
	if err != nil {
		return 0, 1
	}
	var by string
	_, err = fmt.Sscan(string(text), &by, &divisor)
	if err == nil {
		ahead, err = time.ParseDuration(by)
	}
	if err != nil || divisor < 1 {
		return 0, 1
	}
	return ahead, divisor
}

// Now is the time by a clock on the wall that may be wrong.
func Now() time.Time {
	ahead, _ := wrong()
	return time.Now().Add(ahead)
}

// Age is the age at which something is old, in a hurry.
func Age(d time.Duration) time.Duration {
	_, divisor := wrong()
	return d / time.Duration(divisor)
}
