package server

import (
	"io/fs"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/listen"

	"golang.org/x/sys/unix"
)

// Descriptors that connections of clients leave to the others: sockets, upstreams, AWS, the
// state directory, the admin address.
const (
	leastOtherFiles = 64
	mostOtherFiles  = 512
)

// Connections that an HTTP address may have. Who watches the server needs few; more would be
// at the cost of clients, upstreams and AWS.
const (
	leastWeb = 4
	mostWeb  = 64
)

// fitWeb returns how many connections an HTTP address may have where so many files may be.
func fitWeb(files uint64) int { return int(min(max(files/64, leastWeb), mostWeb)) }

// boundWeb bounds the connections of an HTTP address, by its key in the configuration. admin
// is on loopback, where one address is everybody's.
func boundWeb(key string, l net.Listener) net.Listener {
	var files unix.Rlimit
	total := leastWeb
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files)
	if err == nil {
		total = fitWeb(uint64(files.Cur)) // signed on some systems
	}
	if key == "admin" {
		return listen.Bounded(l, total, total)
	}
	return listen.Bounded(l, total, total/2)
}

// fitConnections returns how many connections of clients may be open at once where so many
// files may be: all others need some too, or clients that hold connections would take
// away forwarding, AWS, and the word of readiness.
func fitConnections(want int, files uint64) int {
	others := min(max(files/8, leastOtherFiles), mostOtherFiles)
	if files <= others {
		return 1
	}
	if room := files - others; uint64(want) > room {
		return int(room)
	}
	return want
}

// fitSockets returns how many UDP sockets for upstreams may be open where so many files may be: half
// of what connections of clients leave to the others.
func fitSockets(files uint64) int { return int(min(max(files/8, leastOtherFiles), mostOtherFiles)) / 2 }

// boundSockets is fitSockets for the bound of this process.
func boundSockets() int {
	var files unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files)
	if err != nil {
		return leastOtherFiles / 2
	}
	return fitSockets(uint64(files.Cur)) // signed on some systems
}

// boundConnections is fitConnections for the bound of this process, which it says where
// it counts.
func boundConnections(want int, log *slog.Logger) int {
	var files unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files)
	if err != nil {
		log.Warn("bound of open files not known", "error", err)
		return want
	}
	fit := fitConnections(want, uint64(files.Cur)) // signed on some systems
	if fit < want {
		log.Warn("fewer tcp connections than configured: too few open files are allowed (ulimit -n, LimitNOFILE)",
			"files", files.Cur, "configured", want, "connections", fit)
	}
	return fit
}

// unlimitedMemory is what version 1 of cgroups says for no limit, or less: it is that of the
// architecture in pages.
const unlimitedMemory = 1 << 60

// FitMemory has the collector of garbage keep within the memory that the process may have: nine
// tenths of the limit of its cgroup, where there is one and the environment (GOMEMLIMIT) names
// no other. Near the limit it works harder, where the kernel would end the process. undo takes
// it back.
func FitMemory(log *slog.Logger) (undo func()) {
	limit, ok := cgroupMemory(os.DirFS("/"))
	if !ok || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	soft := limit / 10 * 9
	before := debug.SetMemoryLimit(soft)
	log.Info("memory is limited", "cgroup", limit, "collector", soft)
	return func() { debug.SetMemoryLimit(before) }
}

// cgroupMemory returns the least limit of memory of the cgroup of this process and those
// above it, of either version (cgroups(7)), seen from the root of the file system.
func cgroupMemory(root fs.FS) (int64, bool) {
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

// packetsOf returns how many packets a second upstreams get, by their texts, where that
// isn't the default: those of the configuration, and Amazon's number for the resolver that
// each VPC has at an address of its own. s is nil while there are no data.
func packetsOf(c *config.Config, s *zone.Snapshot) map[string]int {
	rates := make(map[string]int)
	if s != nil && s.Inventory != nil {
		amazon := vpcResolvers(s.Inventory.VPCs)
		for _, f := range s.Forwarders {
			for _, text := range f.Upstreams {
				up, err := wire.ParseUpstream(text)
				if err == nil && amazon[up.Addr.Addr()] {
					rates[text] = forward.AmazonPackets
				}
			}
		}
	}
	for _, f := range c.Forward {
		for _, up := range f.Upstreams {
			if f.Packets != config.AutoPackets {
				rates[up.String()] = int(f.Packets)
			}
		}
	}
	return rates
}

// vpcResolvers returns the addresses of the VPCs' own resolvers: the base of the VPC's
// prefix plus two.
func vpcResolvers(vpcs []zone.Network) map[netip.Addr]bool {
	addrs := make(map[netip.Addr]bool, len(vpcs))
	for _, v := range vpcs {
		for _, p := range v.CIDRs {
			if p.Addr().Is4() {
				addrs[p.Masked().Addr().Next().Next()] = true
			}
		}
	}
	return addrs
}
