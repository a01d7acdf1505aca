package zonesource

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
)

// TestKeeperLogsWhatStays: that data stay is said only where there are some.
func TestKeeperLogsWhatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := newBench(t, hostedConfig(), "")
		b.log = slog.New(slog.NewTextHandler(&log, nil))
		b.start()
		z := publicZone(t, "Z1", "example.com.", numbered("example.com.", 0, 1)...)
		b.deliver(failing(z.Key, "away"))
		if got := log.String(); !strings.Contains(got, "listing failed; there are none of it yet") ||
			strings.Contains(got, "stay") {
			t.Errorf("without data: %s", got)
		}
		b.deliver(z)
		log.Reset()
		b.deliver(failing(z.Key, "away"))
		if got := log.String(); !strings.Contains(got, "listing failed; the last good data stay") {
			t.Errorf("with data: %s", got)
		}
		b.end()
	})
}
