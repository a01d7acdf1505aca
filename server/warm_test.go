package server

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"inside53/resolver/forward"
	"inside53/zonesource/statedir"
)

// TestCacheBytes: the cache has what is configured, but at most a third of what the process may have.
func TestCacheBytes(t *testing.T) {
	cgroup := func(limit string) fstest.MapFS {
		return fstest.MapFS{
			"proc/self/cgroup":              {Data: []byte("0::/unit\n")},
			"sys/fs/cgroup/unit/memory.max": {Data: []byte(limit + "\n")},
		}
	}
	log := slog.New(slog.DiscardHandler)
	for _, test := range []struct {
		root fstest.MapFS
		want int
	}{
		{nil, 256 << 20},
		{cgroup("max"), 256 << 20},
		{cgroup("2147483648"), 256 << 20},
		{cgroup("268435456"), 268435456 / 6},
	} {
		got := cacheBytes(256<<20, test.root, log)
		if got != test.want {
			t.Errorf("%v: %d bytes, want %d", test.root, got, test.want)
		}
	}
}

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
		err = newWarmth(state, f, slog.New(slog.DiscardHandler)).run(ending, t.Context())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		file, err := os.ReadFile(path)
		if name != "directory" && (err != nil || string(file) != "inside53 cache 1\n") {
			t.Errorf("%s: saved %q, %v", name, file, err)
		}
	}
}

// TestSharesOfMemory: what waits for upstreams and for clients is bounded by a small memory, and
// by the standards otherwise.
func TestSharesOfMemory(t *testing.T) {
	for limit, want := range map[string][2]int64{
		"max": {0, 0}, "1073741824": {0, 0}, "268435456": {32 << 20, 8192}, "8388608": {1 << 20, 1024},
	} {
		root := fstest.MapFS{
			"proc/self/cgroup":              {Data: []byte("0::/unit\n")},
			"sys/fs/cgroup/unit/memory.max": {Data: []byte(limit + "\n")},
		}
		if late, queries := lateBytes(root), int64(waiters(root)); late != want[0] || queries != want[1] {
			t.Errorf("%s: %d octets of late answers and %d waiting queries, want %v", limit, late, queries, want)
		}
	}
}
