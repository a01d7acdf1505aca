package limits

import (
	"log/slog"
	"testing"
	"testing/fstest"
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
		got := CacheBytes(256<<20, test.root, log)
		if got != test.want {
			t.Errorf("%v: %d bytes, want %d", test.root, got, test.want)
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
		if late, queries := LateBytes(root), int64(Waiters(root)); late != want[0] || queries != want[1] {
			t.Errorf("%s: %d octets of late answers and %d waiting queries, want %v", limit, late, queries, want)
		}
	}
}
