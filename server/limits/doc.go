// Package limits says how much of the host the program may use.
//
//	RLIMIT_NOFILE ──> limits.go   connections, sockets for upstreams
//	cgroup ─────────> memory.go   cache, late answers, waiting queries, the collector's limit
//	VPCs, forward ──> packets.go  packets a second that an upstream gets
//
// # Contract
//
// A bound is never more than what is configured, and less where the process may have less. What
// can't be found out bounds nothing but what strangers may hold. Nothing here keeps count of what is
// used: whoever is bounded does.
//
// # Use
//
//	undo := limits.FitMemory(log)
//	connections := limits.Connections(configured, log)
//	bytes := limits.CacheBytes(configured, os.DirFS("/"), log)
package limits
