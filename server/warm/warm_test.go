package warm

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
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
