package statedir

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"inside53/zonesource/atomicfile"
)

func open(t *testing.T, path string) (*Dir, *strings.Builder) {
	t.Helper()
	var log strings.Builder
	d := Open(path, slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { _ = d.Close() }) // again after a test that closed it itself
	return d, &log
}

func good(t *testing.T, d *Dir) {
	t.Helper()
	err := errors.Join(d.Fault(), d.Hold(), d.Writable())
	if err != nil || d.Foreign() {
		t.Fatalf("foreign %v, %v", d.Foreign(), err)
	}
}

// TestOneHolds: the lock is of one at a time, and the next one gets it at a check.
func TestOneHolds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	first, _ := open(t, path)
	good(t, first)
	second, log := open(t, path)
	if !second.Foreign() || second.Hold() == nil || !strings.Contains(second.Fault().Error(), "another process uses it") {
		t.Fatalf("two hold it: %v", second.Fault())
	}
	_, err := second.Make("parts")
	if err == nil {
		t.Error("who doesn't hold it makes a directory")
	}
	second.Check()
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("said %d times: %s", n, log)
	}
	before := second.Generation()
	err = first.Close()
	if err != nil {
		t.Fatal(err)
	}
	second.Check()
	good(t, second)
	if second.Generation() == before || !strings.Contains(log.String(), "can be written again") {
		t.Errorf("generation %d after %d: %s", second.Generation(), before, log)
	}
	if first.Hold() == nil {
		t.Error("it holds what it has closed")
	}
}

// TestDeleted: what is deleted is made again, and is another generation.
func TestDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	d, _ := open(t, path)
	for _, gone := range []string{path, filepath.Join(path, "lock"), filepath.Join(path, "parts")} {
		_, err := d.Make("parts")
		if err != nil {
			t.Fatal(err)
		}
		d.Check()
		before := d.Generation()
		d.Check()
		if d.Generation() != before {
			t.Fatal("another generation, and nothing was deleted")
		}
		err = os.RemoveAll(gone)
		if err != nil {
			t.Fatal(err)
		}
		d.Check()
		good(t, d)
		if d.Generation() == before {
			t.Errorf("%s was deleted, and nobody is told", gone)
		}
		other, _ := open(t, path)
		if !other.Foreign() {
			t.Errorf("after %s was deleted another one holds the directory, too", gone)
		}
	}
}

// TestNoDirectory: a file in its place is a fault until it is gone, and what a killed process
// left is removed.
func TestNoDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	err := os.WriteFile(path, nil, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	d, _ := open(t, path)
	if d.Fault() == nil || d.Hold() == nil || d.Foreign() || !d.Saved().IsZero() {
		t.Errorf("a file is a directory: %v", d.Fault())
	}
	d.Note("updates", nil) // there are none
	if !d.Saved().IsZero() {
		t.Errorf("what can't be written was saved at %s", d.Saved())
	}
	err = errors.Join(os.Remove(path), os.Mkdir(path, 0o700), os.WriteFile(filepath.Join(path, ".new-1"), nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	d.Check()
	good(t, d)
	if left, _ := filepath.Glob(path + "/.new-*"); len(left) > 0 || d.Saved().IsZero() {
		t.Errorf("left are %v, saved %s", left, d.Saved())
	}
}

// TestWriters: a fault of a writer ends with its next success, and Run tells of healing.
func TestWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state")
		d, log := open(t, path)
		stop, healed := make(chan struct{}), 0
		go d.Run(stop, func(lost bool) {
			if lost {
				healed++
			}
		})
		defer close(stop)
		full := &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
		for range 3 {
			d.Note("data", full)
		}
		synctest.Wait()
		if !atomicfile.IsFull(d.Fault()) || d.Writable() != nil || len(d.Faults()) != 1 ||
			strings.Count(log.String(), "not saved") != 1 {
			t.Errorf("%v: %s", d.Fault(), log)
		}
		d.Note("data", nil)
		good(t, d)
		time.Sleep(2 * checkEvery)
		if healed != 0 {
			t.Errorf("healed %d times of nothing", healed)
		}
		err := os.RemoveAll(path)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * checkEvery)
		synctest.Wait()
		good(t, d)
		if healed != 1 {
			t.Errorf("healed %d times", healed)
		}
	})
}

// TestNobody: a directory that nobody watches may be written to.
func TestNobody(t *testing.T) {
	var d *Dir
	d.Note("data", errors.New("lost"))
	if d.Hold() != nil || d.Writable() != nil || d.Foreign() || d.Fault() != nil || d.Generation() != 0 {
		t.Error("it says something")
	}
}
