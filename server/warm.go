package server

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"inside53/resolver/forward"
	"inside53/zonesource/atomicfile"
	"inside53/zonesource/statedir"
)

// saveCacheEach is how much of what the cache has learnt a kill may cost.
const saveCacheEach = 15 * time.Minute

// warmth keeps the forwarder's cache over restarts, in a file of the state directory.
type warmth struct {
	path      string // "": nowhere
	state     *statedir.Dir
	forwarder *forward.Forwarder
	log       *slog.Logger
}

func newWarmth(state *statedir.Dir, f *forward.Forwarder, log *slog.Logger) *warmth {
	w := &warmth{state: state, forwarder: f, log: log}
	if state != nil {
		w.path = filepath.Join(state.Path(), "cache")
	}
	return w
}

// run restores the cache, while queries are answered, and saves it at times and when ending is
// done: that is when the server begins to drain, so that nobody waits for the file.
func (w *warmth) run(ending, all context.Context) error {
	if w.path == "" {
		return nil
	}
	w.restore()
	at := time.NewTicker(saveCacheEach)
	defer at.Stop()
	for {
		select {
		case <-at.C:
			w.save()
		case <-ending.Done():
			w.save()
			return nil
		case <-all.Done():
			return nil // it failed
		}
	}
}

// restore reads the file. A damaged one costs what stands behind the damage, and is replaced by the next.
func (w *warmth) restore() {
	file, err := os.Open(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		w.log.Warn("cache not restored", "error", err)
		return
	}
	defer file.Close()
	began := time.Now()
	n, err := w.forwarder.Restore(file)
	if err != nil {
		w.log.Warn("cache not restored as a whole", "file", w.path, "answers", n, "error", err)
		return
	}
	w.log.Info("cache restored", "answers", n, "seconds", time.Since(began).Seconds())
}

func (w *warmth) save() {
	answers := 0
	err := w.state.Hold()
	if err != nil {
		return // it isn't ours, and says so
	}
	err = atomicfile.Write(w.path, func(to io.Writer) (err error) {
		answers, err = w.forwarder.Save(to)
		return err
	})
	if err != nil {
		w.log.Warn("cache not saved", "error", err)
		return
	}
	w.log.Debug("cache saved", "answers", answers)
}

// cacheShare and lateShare are the parts of the memory of a process that its cache may have, and
// answers by TCP that wait for their clients: what both hold is counted, what the collector and the
// kernel need for it is not, and clients can fill both at once.
const (
	cacheShare = 6
	lateShare  = 8
)

// waiters is how many queries may wait for upstreams: a sixteenth of the memory of the process, where
// its cgroup has a limit. 0 is the standard, which takes 64 MiB.
func waiters(root fs.FS) int {
	const each, standard, share = 2 << 10, 32768, 16
	limit, ok := cgroupMemory(root)
	if !ok || limit/share >= each*standard {
		return 0
	}
	return int(max(limit/share/each, 1024))
}

// lateBytes is what answers that wait for their clients may hold, all together: 0 is the standard.
func lateBytes(root fs.FS) int64 {
	limit, ok := cgroupMemory(root)
	if !ok || limit/lateShare >= 64<<20 {
		return 0
	}
	return limit / lateShare
}

// cacheBytes is the memory that the cache may have: as configured, but no more than its share of
// what the process may have, where its cgroup has a limit.
func cacheBytes(configured int, root fs.FS, log *slog.Logger) int {
	limit, ok := cgroupMemory(root)
	if !ok || int64(configured) <= limit/cacheShare {
		return configured
	}
	log.Info("cache is bounded by the memory of the process", "configured", configured, "bytes", limit/cacheShare,
		"cgroup", limit)
	return int(limit / cacheShare)
}
