package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inside53/resolver/history"
	"inside53/zonesource/atomicfile"
)

// TestHistoriesNotSaved has the disk refuse them: that is said for all of them at once, and
// not again with each attempt.
func TestHistoriesNotSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		blocked := filepath.Join(dir, "transfers")
		err := os.WriteFile(blocked, nil, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		p := newPublisher(nil, nil, nil, nil, dir, nil, slog.New(slog.NewTextHandler(&log, nil)))
		for _, apex := range []string{"\x01a\x00", "\x01b\x00", "\x01c\x00"} {
			p.zones[viewApex{"v", apex}] = &publishedZone{
				view:    "v",
				apex:    []byte(apex),
				history: history.New(1),
				dirty:   true,
			}
		}
		for range 3 * saveRest / saveGap {
			p.saveSome()
			time.Sleep(saveGap)
		}
		lines := strings.Count(log.String(), "\n")
		if lines != 4 || // and that none could be loaded
			!strings.Contains(log.String(), "zones=3") {
			t.Errorf("the log of three times %s:\n%s", saveRest, &log)
		}

		err = os.Remove(blocked)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(saveRest)
		p.saveSome()
		_, err = os.Stat(p.histories.path)
		for _, z := range p.zones {
			if err != nil || z.dirty {
				t.Errorf("%q: dirty %v, %v", z.apex, z.dirty, err)
			}
		}
		if !p.unsaved.IsZero() || strings.Count(log.String(), "\n") != lines {
			t.Errorf("all saved, and the log says\n%s", &log)
		}
	})
}

// TestKilledWriteIsCleaned has a process killed while it wrote a history: the next one
// deletes what it left, and nothing else.
func TestKilledWriteIsCleaned(t *testing.T) {
	dir := t.TempDir()
	histories := filepath.Join(dir, "transfers")
	err := os.Mkdir(histories, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	var left string
	whole := filepath.Join(histories, "view%2Fv%2Fa."+historySuffix)
	err = atomicfile.Write(whole, func(w io.Writer) error {
		written := w.(*os.File).Name()
		left = written + "2" // as the file of another process is called
		return os.WriteFile(left, []byte("half"), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	p := newPublisher(nil, nil, nil, nil, dir, nil, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = p.run(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	names, err := filepath.Glob(filepath.Join(histories, "*"))
	if err != nil || len(names) != 1 || names[0] != whole {
		t.Errorf("there are %q, %v, want only %s (%s was left)", names, err, whole, left)
	}
	_, err = os.Stat(left)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", left, err)
	}
}
