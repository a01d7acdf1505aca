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

	"inside53/zonesource/atomicfile"
	"inside53/zonesource/statedir"
)

const (
	// cacheEach is how much of what the cache has learnt a kill may cost.
	cacheEach = 15 * time.Minute
	// usageEach is how much of what is known of who asks a kill may cost.
	usageEach = 5 * time.Minute
)

// Memory is what is known in memory. It writes itself, and adds what it has written; n is how much that is.
type Memory interface {
	Save(to io.Writer) (n int, err error)
	Restore(from io.Reader) (n int, err error)
}

// Whole is a memory of which it matters whether anything is missing.
type Whole interface {
	Memory
	// SaveLast is Save when nothing comes any more.
	SaveLast(to io.Writer) (n int, err error)
}

// File keeps a memory over restarts, in a file of the state directory.
type File struct {
	what   string
	path   string // "": nowhere
	each   time.Duration
	state  *statedir.Dir
	memory Memory
	log    *slog.Logger
	last   func(to io.Writer) (n int, err error) // writes the memory when it ends
	failed bool                                  // it wasn't saved the last time
}

// NewCache makes what keeps the forwarder's cache in the state directory; nil is none, and keeps nothing.
func NewCache(state *statedir.Dir, m Memory, log *slog.Logger) *File {
	return newFile(state, "cache", cacheEach, m, log)
}

// NewUsage makes what keeps who asks for which record sets, likewise.
func NewUsage(state *statedir.Dir, m Whole, log *slog.Logger) *File {
	f := newFile(state, "usage", usageEach, m, log)
	f.last = m.SaveLast
	return f
}

func newFile(state *statedir.Dir, what string, each time.Duration, m Memory, log *slog.Logger) *File {
	f := &File{what: what, each: each, state: state, memory: m, last: m.Save, log: log}
	if state != nil {
		f.path = filepath.Join(state.Path(), what)
	}
	return f
}

// Run restores the memory, while queries are answered, and saves it at times and when ending is
// done: that is when the server begins to drain, so that nobody waits for the file.
func (f *File) Run(ending, all context.Context) error {
	if f.path == "" {
		return nil
	}
	f.restore()
	at := time.NewTicker(f.each)
	defer at.Stop()
	for {
		select {
		case <-at.C:
			f.save(f.memory.Save)
		case <-ending.Done():
			f.End()
			return nil
		case <-all.Done():
			return nil // it failed
		}
	}
}

// End saves the memory as the last that there is. It is called once more after Run where something has come since.
func (f *File) End() {
	if f.path != "" {
		f.save(f.last)
	}
}

// restore reads the file. One that is damaged is replaced by the next.
func (f *File) restore() {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		f.log.Warn(f.what+" not restored", "error", err)
		return
	}
	defer file.Close()
	began := time.Now()
	n, err := f.memory.Restore(file)
	if err != nil {
		f.log.Warn(f.what+" not restored as a whole", "file", f.path, "restored", n, "error", err)
		return
	}
	f.log.Info(f.what+" restored", "restored", n, "seconds", time.Since(began).Seconds())
}

func (f *File) save(write func(io.Writer) (int, error)) {
	n := 0
	err := f.state.Hold()
	if err != nil {
		return // it isn't ours, and says so
	}
	err = atomicfile.Write(f.path, func(to io.Writer) (err error) {
		n, err = write(to)
		return err
	})
	failedBefore := f.failed
	f.failed = err != nil
	switch {
	case err != nil && !failedBefore:
		f.log.Warn(f.what+" not saved; it is tried again", "error", err)
	case err == nil && failedBefore:
		f.log.Info(f.what+" saved again", "saved", n)
	case err == nil:
		f.log.Debug(f.what+" saved", "saved", n)
	}
}
