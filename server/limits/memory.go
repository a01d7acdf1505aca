package limits

import (
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// unlimitedMemory is what version 1 of cgroups says for no limit, or less: it is that of the
// architecture in pages.
const unlimitedMemory = 1 << 60

// FitMemory has the collector of garbage keep within the memory that the process may have: nine
// tenths of the limit of its cgroup, where there is one and the environment (GOMEMLIMIT) names
// no other. Near the limit it works harder, where the kernel would end the process. undo takes
// it back.
func FitMemory(log *slog.Logger) (undo func()) {
	limit, ok := Memory(os.DirFS("/"))
	if !ok || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	soft := limit / 10 * 9
	before := debug.SetMemoryLimit(soft)
	log.Info("memory is limited", "cgroup", limit, "collector", soft)
	return func() { debug.SetMemoryLimit(before) }
}

// Memory returns the least limit of memory of the cgroup of this process and those
// above it, of either version (cgroups(7)), seen from the root of the file system.
func Memory(root fs.FS) (int64, bool) {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	least := int64(math.MaxInt64)
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3) // number, controllers, path
		if len(fields) < 3 {
			continue
		}
		switch {
		case fields[1] == "":
			for _, mount := range []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"} {
				least = min(least, leastLimit(root, mount, fields[2], "memory.max", "memory.high"))
			}
		case hasController(fields[1], "memory"):
			least = min(least, leastLimit(root, "sys/fs/cgroup/memory", fields[2], "memory.limit_in_bytes"))
		}
	}
	return least, least < unlimitedMemory
}

func hasController(list, name string) bool {
	for controller := range strings.SplitSeq(list, ",") {
		if controller == name {
			return true
		}
	}
	return false
}

// leastLimit reads files of a cgroup and of all above it. Those that aren't there say nothing:
// in a container the path may be that of the host.
func leastLimit(root fs.FS, mount, group string, files ...string) int64 {
	least := int64(math.MaxInt64)
	for dir := path.Clean("/" + group); ; dir = path.Dir(dir) {
		for _, file := range files {
			text, err := fs.ReadFile(root, path.Join(mount, dir, file))
			if err != nil {
				continue
			}
			n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			if err == nil && n > 0 { // "max" is no number
				least = min(least, n)
			}
		}
		if dir == "/" {
			return least
		}
	}
}

// cacheShare and lateShare are the parts of the memory of a process that its cache may have, and
// answers by TCP that wait for their clients: what both hold is counted, what the collector and the
// kernel need for it is not, and clients can fill both at once.
const (
	cacheShare = 6
	lateShare  = 8
)

// Waiters is how many queries may wait for upstreams: a sixteenth of the memory of the process, where
// its cgroup has a limit. 0 is the standard, which takes 64 MiB.
func Waiters(root fs.FS) int {
	const each, standard, share = 2 << 10, 32768, 16
	limit, ok := Memory(root)
	if !ok || limit/share >= each*standard {
		return 0
	}
	return int(max(limit/share/each, 1024))
}

// LateBytes is what answers that wait for their clients may hold, all together: 0 is the standard.
func LateBytes(root fs.FS) int64 {
	limit, ok := Memory(root)
	if !ok || limit/lateShare >= 64<<20 {
		return 0
	}
	return limit / lateShare
}

// CacheBytes is the memory that the cache may have: as configured, but no more than its share of
// what the process may have, where its cgroup has a limit.
func CacheBytes(configured int, root fs.FS, log *slog.Logger) int {
	limit, ok := Memory(root)
	if !ok || int64(configured) <= limit/cacheShare {
		return configured
	}
	log.Info("cache is bounded by the memory of the process", "configured", configured, "bytes", limit/cacheShare,
		"cgroup", limit)
	return int(limit / cacheShare)
}
