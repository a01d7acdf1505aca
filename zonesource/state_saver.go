package zonesource

import (
	"bytes"
	"iter"
	"log/slog"
	"maps"
	"sync"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/statedir"
)

const (
	// timesEvery bounds how often the times of unchanged parts are written.
	timesEvery = time.Minute
	// restFactor bounds the share of time that goes into writing one part again
	// and again: it rests for so many times as long as the last write took.
	restFactor = 20
	// retryAfter is the pause after a write that failed.
	retryAfter = 30 * time.Second
	// fileSource names the source of parts that come from files.
	fileSource = "zonefile"
)

// saver writes changed parts to the state directory, beside the way of the data to
// the queries. Without a store it does nothing.
type saver struct {
	store *store
	log   *slog.Logger
	wake  chan struct{}

	mu      sync.Mutex // never held while writing
	dirty   map[Key]Part
	removed map[Key]bool
	kept    map[Key]Part         // listed and unchanged: their files should be there
	times   map[string]time.Time // when parts were listed, by file name
	aged    bool                 // times has changed
	mark    []byte               // what all parts were adopted as last
	again   bool                 // what is dirty is due
	lost    bool                 // and what was written is lost

	due      map[Key]time.Time // of the goroutine of run: when a part may be written again
	timesDue time.Time
	marked   []byte // the mark that is written
}

func newSaver(store *store, log *slog.Logger) *saver {
	return &saver{
		store: store, log: log, wake: make(chan struct{}, 1),
		dirty: map[Key]Part{}, removed: map[Key]bool{}, kept: map[Key]Part{}, times: map[string]time.Time{},
		due: map[Key]time.Time{},
	}
}

// state is the directory, nil for none.
func (s *saver) state() *statedir.Dir {
	if s.store == nil {
		return nil
	}
	return s.store.state
}

func (s *saver) close() error {
	if s.store == nil {
		return nil
	}
	return s.store.close()
}

// has reports whether a part is saved. Nothing is without a store.
func (s *saver) has(key Key) bool { return s.store != nil && s.store.has(key) }

// retry has what could not be written tried again at once. lost says that what was written may be there no more.
func (s *saver) retry(lost bool) {
	s.mu.Lock()
	s.again, s.lost = true, s.lost || lost
	s.mu.Unlock()
	s.awake()
}

// load reads the saved parts, with the time at which they were last found to be so.
func (s *saver) load() iter.Seq[Part] {
	return func(yield func(Part) bool) {
		if s.store == nil {
			return
		}
		times := s.store.loadTimes()
		s.mu.Lock()
		s.times = times
		s.mu.Unlock()
		for p, whole := range s.store.load() {
			p.Listed = since(p, whole, times)
			if !yield(p) {
				return
			}
		}
	}
}

// note notes that a part was listed, and whether it has to be written.
func (s *saver) note(p Part, changed bool) {
	if s.store == nil || p.Zone != nil &&
		(p.Zone.Origin == zone.File && p.Key.Source == fileSource || p.Zone.Unavailable != "") {
		return // files are there anyway, and what can't be served must not hide what was saved
	}
	s.mu.Lock()
	_, waits := s.dirty[p.Key]
	if changed || waits {
		s.dirty[p.Key] = p
		delete(s.removed, p.Key)
		delete(s.kept, p.Key)
	} else {
		s.kept[p.Key] = p
		s.times[fileName(p.Key)] = p.Listed
		s.aged = true
	}
	s.mu.Unlock()
	s.awake()
}

// setMark notes what all parts were adopted as. It is written once they are.
func (s *saver) setMark(mark []byte) {
	if s.store == nil {
		return
	}
	s.mu.Lock()
	s.mark = mark
	s.mu.Unlock()
	s.awake()
}

// remove notes that a part is gone.
func (s *saver) remove(key Key) {
	if s.store == nil {
		return
	}
	s.mu.Lock()
	delete(s.dirty, key)
	delete(s.kept, key)
	delete(s.times, fileName(key))
	s.removed[key] = true
	s.mu.Unlock()
	s.awake()
}

func (s *saver) awake() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
}

// run writes until stop is closed, and then all that is left.
func (s *saver) run(stop <-chan struct{}) {
	if s.store == nil {
		<-stop
		return
	}
	for {
		next := s.flush(false)
		var timer <-chan time.Time
		var t *time.Timer
		if !next.IsZero() {
			t = time.NewTimer(time.Until(next))
			timer = t.C
		}
		stopped := false
		select {
		case <-stop:
			stopped = true
		case <-s.wake:
		case <-timer:
		}
		if t != nil {
			t.Stop()
		}
		if stopped {
			s.flush(true)
			return
		}
	}
}

// flush writes what is due, or everything, and returns when there is more to do;
// zero for not before something changes.
func (s *saver) flush(everything bool) time.Time {
	s.missLost()
	s.mu.Lock()
	dirty, removed, mark := s.dirty, s.removed, s.mark
	s.dirty, s.removed = map[Key]Part{}, map[Key]bool{}
	if s.again {
		clear(s.due)
		s.timesDue, s.again = time.Time{}, false
	}
	if s.lost {
		s.store.forget()
		s.lost, s.marked = false, nil
	}
	s.mu.Unlock()

	var next time.Time
	later := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	var why error
	for key := range removed {
		delete(s.due, key)
		err := s.store.remove(key)
		if err != nil {
			why = err
			s.postponeRemoval(key)
			later(time.Now().Add(retryAfter))
		}
	}
	for key, p := range dirty {
		if !everything && time.Now().Before(s.due[key]) {
			s.postpone(p)
			later(s.due[key])
			continue
		}
		began := time.Now()
		done, err := false, error(nil)
		if s.store.has(key) { // what differs is of no use without what it differs from
			done, err = s.store.append(p)
		}
		if err == nil && !done {
			err = s.store.save(p)
		}
		if err != nil {
			why = err
			s.due[key] = time.Now().Add(retryAfter)
			s.postpone(p)
			later(s.due[key])
			continue
		}
		s.due[key] = time.Now().Add(restFactor * time.Since(began))
	}
	if everything && why == nil {
		why = s.store.compact()
	}
	wrote := len(dirty)+len(removed) > 0
	if why == nil && !bytes.Equal(mark, s.marked) && !s.waits() {
		why = s.store.saveMark(mark)
		if why == nil {
			s.marked, wrote = mark, true
		}
	}
	if why != nil || wrote && !s.waits() {
		s.store.state.Note("data", why)
	}
	at := s.flushTimes(everything)
	if !at.IsZero() {
		later(at)
	}
	return next
}

// missLost has the parts written again whose files somebody has deleted.
func (s *saver) missLost() {
	s.mu.Lock()
	kept := s.kept
	s.kept = map[Key]Part{}
	s.mu.Unlock()
	for key, p := range kept {
		if !s.store.has(key) {
			s.log.Warn("saved data are gone and written again", "part", key)
			s.postpone(p)
		}
	}
}

// waits reports whether there is something that could not be written yet.
func (s *saver) waits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.dirty)+len(s.removed) > 0
}

// postpone puts a part back, unless there is a newer one or none any more.
func (s *saver) postpone(p Part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.times, fileName(p.Key)) // of what isn't written
	_, newer := s.dirty[p.Key]
	if !newer && !s.removed[p.Key] {
		s.dirty[p.Key] = p
	}
}

// postponeRemoval has a part deleted later, unless it has come back.
func (s *saver) postponeRemoval(key Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, back := s.dirty[key]
	if !back {
		s.removed[key] = true
	}
}

// flushTimes writes the times of listings if they have changed and it is due, and
// returns when it will be.
func (s *saver) flushTimes(now bool) time.Time {
	s.mu.Lock()
	if !s.aged {
		s.mu.Unlock()
		return time.Time{}
	}
	if !now && time.Now().Before(s.timesDue) {
		s.mu.Unlock()
		return s.timesDue
	}
	times := maps.Clone(s.times)
	s.aged = false
	s.mu.Unlock()

	s.timesDue = time.Now().Add(timesEvery)
	err := s.store.saveTimes(times)
	s.store.state.Note("times of listings", err)
	if err != nil {
		s.timesDue = time.Now().Add(retryAfter)
		s.mu.Lock()
		s.aged = true
		s.mu.Unlock()
		return s.timesDue
	}
	return time.Time{}
}
