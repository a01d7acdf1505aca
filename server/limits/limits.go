package limits

import (
	"log/slog"
	"net"

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

// FitWeb returns how many connections an HTTP address may have where so many files may be.
func FitWeb(files uint64) int { return int(min(max(files/64, leastWeb), mostWeb)) }

// BoundWeb bounds the connections of an HTTP address, by its key in the configuration. admin
// is on loopback, where one address is everybody's.
func BoundWeb(key string, l net.Listener) net.Listener {
	var files unix.Rlimit
	total := leastWeb
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files)
	if err == nil {
		total = FitWeb(uint64(files.Cur)) // signed on some systems
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

// Sockets is fitSockets for the bound of this process.
func Sockets() int {
	var files unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files)
	if err != nil {
		return leastOtherFiles / 2
	}
	return fitSockets(uint64(files.Cur)) // signed on some systems
}

// Connections is fitConnections for the bound of this process, which it says where
// it counts.
func Connections(want int, log *slog.Logger) int {
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
