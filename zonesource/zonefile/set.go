package zonefile

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"inside53/zonesource"
)

const (
	// sweepEvery is how often all files are looked at, whatever the kernel has said of them:
	// it doesn't tell when a directory above is replaced.
	sweepEvery = time.Minute
	// looksASecond bounds the looks at files of which the kernel says nothing.
	looksASecond = 1000
)

// Set serves zone files as one zonesource.Source. The kernel says which of them have
// changed; the others cost nothing. Files of file systems that other hosts write to are
// looked at again and again.
type Set struct {
	sources []*Source
	poll    time.Duration
	log     *slog.Logger
	deaf    bool          // to the kernel, for tests
	looks   atomic.Uint64 // at zones, after they were read
}

// NewSet returns the source of the files of all sources.
func NewSet(log *slog.Logger, sources ...*Source) *Set {
	s := &Set{sources: sources, poll: DefaultPoll, log: log}
	for i, source := range sources {
		if i == 0 || source.config.Poll < s.poll {
			s.poll = source.config.Poll
		}
	}
	return s
}

// file is one zone, and what is known of the files that it is made of.
type file struct {
	*Source
	known  []watched // as read
	seen   []watched // at the last look
	again  bool      // other files were in place at the last look
	busy   bool      // it is being read
	silent bool      // the kernel doesn't say when it changes
}

// reading is what came of reading a zone.
type reading struct {
	file  *file
	known []watched
	err   error
}

// Run reads all files at once and then each whenever it or a file that it includes
// has changed and has then stayed the same for one pause, so that no half-written
// file is taken. One that another takes the place of at every look (by rename, as
// deployments do) never stays the same, but is whole: it is read. Each reading delivers a
// part: the zone, or the error, once. A Set runs once.
func (s *Set) Run(ctx context.Context, deliver func(zonesource.Part)) error {
	if len(s.sources) == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	r := &run{Set: s, ctx: ctx, deliver: deliver, restless: map[*file]bool{}, done: make(chan reading)}
	events := make(<-chan fsnotify.Event)
	errs := make(<-chan error)
	kernel, err := fsnotify.NewWatcher()
	if err == nil && !s.deaf {
		events, errs = kernel.Events, kernel.Errors
		r.places = newPlaces(kernel)
	} else {
		s.log.Warn("no word of the kernel when zone files change; they are looked at again and again", "error", err)
		r.places = newPlaces(nil)
	}
	r.readAll()
	err = r.loop(events, errs)
	r.reading.Wait()
	if kernel != nil {
		err = errors.Join(err, kernel.Close())
	}
	return err
}

// run is one run of a set.
type run struct {
	*Set
	ctx     context.Context
	deliver func(zonesource.Part)
	files   []*file
	places  *places
	reading sync.WaitGroup
	done    chan reading // of files that are read again

	restless map[*file]bool // may have changed since it was read
	silent   []*file        // the kernel doesn't say when they change
	next     int            // of silent, to be looked at
	owed     float64        // looks
}

// readAll reads all files, in their order, as many at a time as there are processors.
func (r *run) readAll() {
	r.files = make([]*file, len(r.sources))
	var readers sync.WaitGroup
	todo := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			for i := range todo {
				known, _ := r.sources[i].read(r.ctx, r.deliver, false) // the error is that of ctx
				r.files[i] = &file{Source: r.sources[i], known: known, seen: known}
			}
		})
	}
	for i := range r.sources {
		todo <- i
	}
	close(todo)
	readers.Wait()
	for _, f := range r.files {
		r.watch(f)
	}
}

// watch has the kernel say when the files of a zone change.
func (r *run) watch(f *file) {
	was := f.silent
	f.silent = !r.places.watch(f)
	if f.silent && !was {
		r.silent = append(r.silent, f)
	}
	if r.differs(f) { // before anybody would have said so
		r.restless[f] = true
	}
}

// loop reads again what has changed until ctx ends.
func (r *run) loop(events <-chan fsnotify.Event, errs <-chan error) error {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	ticker := time.NewTicker(r.poll)
	defer ticker.Stop()
	ticks := true
	for {
		switch wanted := len(r.restless)+len(r.silent) > 0; {
		case wanted && !ticks:
			ticker.Reset(r.poll)
		case !wanted && ticks:
			ticker.Stop()
		}
		ticks = len(r.restless)+len(r.silent) > 0
		select {
		case <-r.ctx.Done():
			return r.ctx.Err()
		case e := <-events:
			for f := range r.places.concerned(e.Name) {
				r.restless[f] = true
			}
		case err := <-errs:
			r.log.Debug("word of changed zone files lost; all of them are looked at", "error", err)
			r.suspectAll()
		case <-sweep.C:
			r.suspectAll()
		case done := <-r.done:
			done.file.busy = false
			if done.err != nil {
				return done.err
			}
			done.file.known, done.file.seen = done.known, done.known
			r.watch(done.file)
		case <-ticker.C:
			r.tick()
		}
	}
}

// suspectAll has all files looked at.
func (r *run) suspectAll() {
	for _, f := range r.files {
		if r.differs(f) {
			r.restless[f] = true
		}
	}
	r.places.forget()
	for _, f := range r.files {
		f.silent = !r.places.watch(f)
	}
	r.silent = r.silent[:0]
	for _, f := range r.files {
		if f.silent {
			r.silent = append(r.silent, f)
		}
	}
}

// tick looks at the files that may have changed, and at some of those that the kernel says
// nothing of.
func (r *run) tick() {
	r.owed = min(r.owed+looksASecond*r.poll.Seconds(), float64(len(r.silent)))
	for ; r.owed >= 1 && len(r.silent) > 0; r.owed-- {
		r.next = (r.next + 1) % len(r.silent)
		f := r.silent[r.next]
		if !r.restless[f] && r.differs(f) {
			r.restless[f] = true
		}
	}
	for f := range r.restless {
		if !f.busy && r.settled(f) {
			delete(r.restless, f)
			if !same(f.seen, f.known) {
				r.readAgain(f)
			}
		}
	}
}

// differs looks at the files of a zone, and reports whether they are others than it was read
// from.
func (r *run) differs(f *file) bool {
	r.looks.Add(1)
	return !same(look(f.known), f.known)
}

// settled looks at the files of a zone, and reports whether they have stayed the same since
// the last look, or are others each time.
func (r *run) settled(f *file) bool {
	r.looks.Add(1)
	now := look(f.known)
	settled, other := same(now, f.seen), replaced(now, f.seen)
	whole := settled || other && f.again
	f.seen, f.again = now, other
	return whole
}

// readAgain reads a zone when it is its turn.
func (r *run) readAgain(f *file) {
	f.busy = true
	r.reading.Go(func() {
		known, err := f.Source.readAgain(r.ctx, r.deliver)
		select {
		case r.done <- reading{f, known, err}:
		case <-r.ctx.Done():
		}
	})
}
