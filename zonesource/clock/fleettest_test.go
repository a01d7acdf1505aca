//go:build fleettest

package clock

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestFleetTest reads a clock that is wrong.
func TestFleetTest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	t.Setenv("INSIDE53_CLOCK", path)
	for text, want := range map[string]struct{ ahead, hour time.Duration }{
		"1h 1200": {time.Hour, 3 * time.Second}, "-5m 1": {-5 * time.Minute, time.Hour}, "": {0, time.Hour},
		"1h": {0, time.Hour}, "1h 0": {0, time.Hour}, "x 2": {0, time.Hour},
	} {
		err := os.WriteFile(path, []byte(text), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		ahead := time.Until(Now()).Round(time.Second)
		if ahead != want.ahead || Age(time.Hour) != want.hour {
			t.Errorf("%q: ahead by %v, an hour is %v", text, ahead, Age(time.Hour))
		}
	}
}
