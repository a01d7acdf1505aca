package warm

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"inside53/resolver/forward"
	"inside53/zonesource/statedir"
)

// TestWarmth: what can't be read or written never stops anything, and a damaged file is replaced.
func TestWarmth(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cache")
	state := statedir.Open(dir, slog.New(slog.DiscardHandler))
	defer func() { _ = state.Close() }()
	f, err := forward.New(forward.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ending, end := context.WithCancel(t.Context())
	end()
	for name, prepare := range map[string]func() error{
		"nothing":   func() error { return nil },
		"damaged":   func() error { return os.WriteFile(path, []byte("inside53 cache 1\n\x00\x00"), 0o600) },
		"foreign":   func() error { return os.WriteFile(path, []byte("something else"), 0o600) },
		"directory": func() error { return os.MkdirAll(path, 0o700) },
	} {
		err := os.RemoveAll(path)
		if err != nil {
			t.Fatal(err)
		}
		err = prepare()
		if err != nil {
			t.Fatal(err)
		}
		err = NewCache(state, f, slog.New(slog.DiscardHandler)).Run(ending, t.Context())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		file, err := os.ReadFile(path)
		if name != "directory" && (err != nil || string(file) != "inside53 cache 1\n") {
			t.Errorf("%s: saved %q, %v", name, file, err)
		}
	}
}

// full is a memory for which the disk has no room while left is above 0.
type full struct{ left int }

func (f *full) Restore(io.Reader) (int, error)     { return 0, nil }
func (f *full) SaveLast(to io.Writer) (int, error) { return f.Save(to) }
func (f *full) Save(to io.Writer) (int, error) {
	_, err := to.Write([]byte("new"))
	if f.left > 0 {
		f.left--
		err = syscall.ENOSPC
	}
	return 1, err
}

// TestDiskFull: a full disk costs the new file, never the old one, and is said once until there is room again.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "usage")
	err := os.WriteFile(path, []byte("old"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	state := statedir.Open(dir, slog.New(slog.DiscardHandler))
	defer func() { _ = state.Close() }()
	var log strings.Builder
	f := NewUsage(state, &full{left: 3}, slog.New(slog.NewTextHandler(&log, nil)))
	for i := range 5 {
		f.save(f.memory.Save)
		want := "old"
		if i >= 3 {
			want = "new"
		}
		text, err := os.ReadFile(path)
		if err != nil || string(text) != want {
			t.Errorf("save %d: %q, %v; want %q", i, text, err, want)
		}
	}
	if got := log.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "usage not saved; it is tried") ||
		!strings.Contains(got, "no space left") || !strings.Contains(got, "usage saved again") {
		t.Errorf("it says\n%s", got)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 { // and the lock
		t.Errorf("left are %v, %v", left, err)
	}
}
