package server

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestWatchdog tells systemd that the server lives as long as it does.
func TestWatchdog(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	path := filepath.Join(t.TempDir(), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = systemd.Close() }()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "100000")
	t.Setenv("WATCHDOG_PID", "")
	alive := func() bool {
		_ = systemd.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		b := make([]byte, 100)
		n, err := systemd.Read(b)
		if err == nil && string(b[:n]) != "WATCHDOG=1" {
			t.Errorf("systemd reads %q", b[:n])
		}
		return err == nil
	}

	var stands atomic.Bool
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	log := new(record)
	go func() {
		ended <- watchdog(ctx, slog.New(slog.NewTextHandler(log, nil)), func() []string {
			if stands.Load() {
				return []string{"udp loop 0"}
			}
			return nil
		})
	}()
	for range 2 {
		if !alive() {
			t.Error("systemd is not told that the server lives")
		}
	}
	stands.Store(true)
	for alive() { // what was under way
	}
	if alive() {
		t.Error("systemd is told that a server lives that stands still")
	}
	stands.Store(false)
	if !alive() {
		t.Error("systemd is not told that the server lives again")
	}
	end()
	err = <-ended
	if err != nil {
		t.Error(err)
	}

	t.Setenv("WATCHDOG_USEC", "")
	err = watchdog(t.Context(), slog.New(slog.DiscardHandler), func() []string { return nil })
	if err != nil {
		t.Errorf("without a watchdog: %v", err)
	}
}
