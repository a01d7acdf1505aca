package statedir

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"inside53/zonesource/atomicfile"
)

const (
	// checkEvery is the pause between two checks while there is no fault.
	checkEvery = 10 * time.Second
	// healEvery is the pause while there is one.
	healEvery = time.Second
	// lockFile is held by the process that writes.
	lockFile = "lock"
)

// Dir is the state directory.
type Dir struct {
	path string
	log  *slog.Logger
	kick chan struct{} // a write has failed

	checking sync.Mutex      // serialises checks; of what follows
	lock     *os.File        // nil: not held
	made     map[string]bool // directories below that have been asked for

	mu         sync.Mutex // held for moments
	held       error      // why the lock isn't held; nil: it is
	fault      error      // of the last check; nil: the directory can be written to
	foreign    bool       // another process holds the lock
	failing    map[string]error
	generation int
	saved      time.Time // when something was written last
	closed     bool
}

// Open makes the directory if needed, locks it for this process, and removes what a process
// that was killed has left half-written there. What of this can't be done is the fault of the
// Dir.
func Open(path string, log *slog.Logger) *Dir {
	d := &Dir{path: path, log: log, kick: make(chan struct{}, 1), made: map[string]bool{}, failing: map[string]error{}}
	d.Check()
	return d
}

// Close gives the directory free. Nothing is written after it.
func (d *Dir) Close() error {
	d.checking.Lock()
	defer d.checking.Unlock()
	d.mu.Lock()
	d.closed, d.held = true, errors.New("the state directory is closed")
	d.mu.Unlock()
	return d.unlock()
}

func (d *Dir) unlock() error {
	if d.lock == nil {
		return nil
	}
	err := d.lock.Close()
	d.lock = nil
	return err
}

// Path is where the directory is.
func (d *Dir) Path() string { return d.path }

// Hold returns nil where this process may write, and why not elsewhere: as of the last check.
func (d *Dir) Hold() error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.held
}

// Writable returns nil where the directory could be written to, too, at the last check.
func (d *Dir) Writable() error {
	if d == nil {
		return nil
	}
	return d.checked()
}

// Foreign reports whether another process holds the lock.
func (d *Dir) Foreign() bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.foreign
}

// Generation is another number after the directory was got, or was found without what had been
// written there.
func (d *Dir) Generation() int {
	if d == nil {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.generation
}

// Note says how the last write of something went, by the name of what it is.
func (d *Dir) Note(what string, err error) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.failing[what]
	if err == nil {
		if d.fault == nil { // else there was nothing to write
			d.saved = time.Now()
		}
		delete(d.failing, what)
		if before != nil {
			d.log.Info("saved again", "what", what)
		}
		return
	}
	d.failing[what] = err
	if before != nil {
		return
	}
	select {
	case d.kick <- struct{}{}:
	default: // it is on its way
	}
	if d.held == nil {
		d.log.Error("not saved; it is tried again", "what", what, "error", err)
	}
}

// Fault returns why not all is written that should be; nil while all is.
func (d *Dir) Fault() error { return errors.Join(d.Faults()...) }

// Faults returns the faults one by one. One of the directory itself is the only one: all others
// come from it.
func (d *Dir) Faults() []error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault != nil {
		return []error{d.fault}
	}
	var faults []error
	for _, what := range slices.Sorted(maps.Keys(d.failing)) {
		faults = append(faults, fmt.Errorf("%s not saved in the state directory %s: %w", what, d.path, d.failing[what]))
	}
	return faults
}

// Saved is when something was written last; zero for not since it was opened.
func (d *Dir) Saved() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.saved
}

// Make makes a directory below, and returns its path. The error is that of [Dir.Hold] or says
// what can't be made.
func (d *Dir) Make(name string) (string, error) {
	err := d.Hold()
	if err != nil {
		return "", err
	}
	d.checking.Lock()
	defer d.checking.Unlock()
	path := filepath.Join(d.path, name)
	if d.made[name] {
		return path, nil
	}
	err = os.MkdirAll(path, 0o700)
	if err == nil {
		err = atomicfile.RemoveLeft(path)
	}
	if err != nil {
		return "", err
	}
	d.made[name] = true
	return path, nil
}

// Run checks the directory again and again until stop is closed. It calls healed after each
// check that ends a fault of the directory, or that finds another generation: then what was
// written is lost.
func (d *Dir) Run(stop <-chan struct{}, healed func(lost bool)) {
	generation, fault := d.Generation(), d.checked()
	for {
		pause := checkEvery
		if d.Fault() != nil {
			pause = healEvery
		}
		timer := time.NewTimer(pause)
		select {
		case <-stop:
			timer.Stop()
			return
		case <-timer.C:
		case <-d.kick:
			timer.Stop()
		}
		d.Check()
		was := fault
		fault = d.checked()
		lost := d.Generation() != generation && d.Hold() == nil
		if lost || was != nil && fault == nil {
			generation = d.Generation()
			healed(lost)
		}
	}
}

// checked is what the last check has found.
func (d *Dir) checked() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fault
}

// Check makes, locks and proves the directory, as far as that isn't so already.
func (d *Dir) Check() {
	d.checking.Lock()
	defer d.checking.Unlock()
	held, lost := d.acquire()
	fault := held
	if held == nil {
		fault = atomicfile.Prove(d.path)
	}
	if fault != nil {
		fault = fmt.Errorf("the state directory can't be written: %w", fault)
	}
	d.note(held, fault, lost)
}

// note keeps what a check has found, and says what is new about it.
func (d *Dir) note(held, fault error, lost bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	before := d.fault
	d.held, d.fault, d.foreign = held, fault, errors.Is(held, errForeign)
	if lost {
		d.generation++
	}
	if fault == nil {
		d.saved = time.Now()
	}
	switch {
	case fault != nil && (before == nil || before.Error() != fault.Error()):
		d.log.Error("queries are answered; until this ends, changes are not saved and updates are refused", "error", fault)
	case fault == nil && before != nil:
		clear(d.failing) // who fails still says so at its next attempt
		d.log.Info("the state directory can be written again", "dir", d.path)
	}
}

// errForeign says who has the lock.
var errForeign = errors.New("another process uses it")

// acquire makes sure that the directory is there and that the lock in it is ours. lost says that
// what this process wrote there is gone, or that it had not written yet.
func (d *Dir) acquire() (err error, lost bool) {
	if d.closed {
		return nil, false
	}
	err = os.MkdirAll(d.path, 0o700)
	if err != nil {
		return fmt.Errorf("making %s: %w", d.path, err), false
	}
	if d.lock != nil && !isAt(d.lock, filepath.Join(d.path, lockFile)) {
		_ = d.unlock() // of a file that is deleted
	}
	if d.lock == nil {
		err = d.acquireLock()
		if err != nil {
			return fmt.Errorf("locking %s: %w", d.path, err), false
		}
		clear(d.made)
		return atomicfile.RemoveLeft(d.path), true
	}
	for name := range d.made {
		_, err = os.Stat(filepath.Join(d.path, name))
		if errors.Is(err, fs.ErrNotExist) {
			delete(d.made, name)
			lost = true
		}
	}
	return nil, lost
}

// acquireLock locks the directory by a file, which is made where there is none. Where it can't be
// written it is enough to read it.
func (d *Dir) acquireLock() error {
	path := filepath.Join(d.path, lockFile)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		var readErr error
		file, readErr = os.Open(path)
		if readErr != nil {
			return err
		}
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errForeign
	}
	if err == nil && !isAt(file, path) {
		err = errForeign // it was deleted meanwhile: another time
	}
	if err != nil {
		_ = file.Close()
		return err
	}
	d.lock = file
	return nil
}

// isAt reports whether an open file is the one at a path.
func isAt(file *os.File, path string) bool {
	is, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(is, there)
}
