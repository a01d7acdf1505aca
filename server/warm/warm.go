package warm

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

// Cache keeps the forwarder's cache over restarts, in a file of the state directory.
type Cache struct {
	path      string // "": nowhere
	state     *statedir.Dir
	forwarder *forward.Forwarder
	log       *slog.Logger
}

// NewCache makes what keeps the cache of a forwarder in the state directory; nil is none, and keeps nothing.
func NewCache(state *statedir.Dir, f *forward.Forwarder, log *slog.Logger) *Cache {
	w := &Cache{state: state, forwarder: f, log: log}
	if state != nil {
		w.path = filepath.Join(state.Path(), "cache")
	}
	return w
}

// Run restores the cache, while queries are answered, and saves it at times and when ending is
// done: that is when the server begins to drain, so that nobody waits for the file.
func (w *Cache) Run(ending, all context.Context) error {
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
func (w *Cache) restore() {
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

func (w *Cache) save() {
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
