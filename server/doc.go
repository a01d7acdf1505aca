// Package server is the outside: sockets, processes, people.
//
//	                clients                            operators, balancers
//	                   │                                        │
//	            server/listen            server/admin <── readiness.go  data.go  metrics.go
//	                   │ Serve                                  │
//	               front.go ──> server/update ──> zonesource/update ──> Route 53
//	                   │   └──> server/transfer (secondaries) <── resolver.Merger
//	                   │                                        │
//	              resolver.Worker ──> resolver ──> forward      │
//	                                     ↑ Publish              │
//	sources.go ──> zonesource: sources ─> Keeper <──────────────┘
//	health.go ──> zonesource/health: Monitor ──> resolver.PublishLive
//	     ↑
//	server/config (strict; every fault with its line) <── reload.go (SIGHUP)
//
// [App] is the composition root: it makes all of it from a [config.Config] and owns its
// lifetime. Its parts own their state and register their metrics; it translates the
// configuration to their options.
//
// # Goroutines
//
// All start in a Run method and end before it returns. A packet loop a core and
// address owns its socket, its buffers and its worker, and never waits; TCP has a
// goroutine a connection. What needs an upstream is handed to the forwarder's pool,
// which answers later through the socket that the query came from. Updates have a pool
// of their own, that finds out who sends them, and a goroutine a hosted zone. Transfers have sixteen
// goroutines, their publisher and the notifier one each, and that one for each NOTIFY under way. The keeper runs
// the sources; it publishes, no query ever waits for it. The health monitor runs beside it. The heartbeat asks each
// packet loop and TCP listener a real question twice a second.
//
// # The end
//
// When its context ends, App says that it isn't ready and goes on answering for
// Config.Drain. Then the sockets close, what is in flight is answered, and only
// then do the forwarder and the keeper end, which saves what it knows.
//
// # Where the time goes
//
// One core, saturated over loopback with the AUTH workload of the bench (100,000
// addresses, 10,000 CNAMEs, batches of up to 64, which are full then; perf and pprof; EPYC
// Zen 3, Linux 6.18, Go 1.26). An answer takes 3.4 to 4.7 us, as fast as the machine is:
//
//	76 %  sendmmsg: the kernel's way through UDP, IP and the loopback device and,
//	      on loopback, into the client's socket (22 % alone)
//	12 %  recvmmsg
//	 1 %  poller, scheduler
//	11 %  ours, 0.4 us: 2.2 % Expect and Fetch, the rest Serve, of which parsing 1.3,
//	      view and zone 1.5, lookup 2.6, encoding 0.7
//
// A C program that only echoes packets with the same two calls takes nearly the
// kernel's share, so at most a tenth is left to win, and no one thing has more than
// 2 % of it.
//
// What made it so, each measured in pairs with and without:
//
//   - Raw system calls on preallocated headers, 64 packets each, and waiting in the
//     runtime's poller and not in the call (see run in udp_linux.go).
//   - A lookup in a large zone reads memory that is far away three or four times, each
//     address depending on the last; that was 60 % of our time. Once the index lay in
//     the page it was one time less, and since the packets of a batch are prepared for
//     together (resolver.Worker.Expect) they wait at the same time: AUTH -9 %.
//   - Where few packets come a loop asks the poller for more and not the socket (see
//     serveAll): one system call of three less at 20,000 queries a second.
//   - A member of a policy is drawn in one pass over a group that is packed for it:
//     weighted answers cost 4 to 7 % more than plain ones, and had cost 15.
//
// What was tried and is not here: huge pages for zone data (MADV_COLLAPSE of the whole
// heap: -5 % before the lookups were taken together, -2 % within the noise after, for
// 15 % more memory); profile-guided optimization (-1 %, for a build twice as long); one
// processor more for the runtime than there are, so that one is always free to poll (late
// answers during publications -20 %, but AUTH +30 %, as idle threads look for work). UDP
// segmentation offload cannot help: it sends to one address a call.
//
// A cache hit has the same shape, with a copy of the cached message in place of the
// encoder. By TCP all queries of one read are answered by one write: where 32 are in
// flight an answer takes 1.1 to 1.5 us. A miss takes 13 to 16 us: a packet to the
// upstream, its answer read by another goroutine, which the poller has to wake, and the
// late answer to the client, each by a system call of its own.
//
// While ten zones of 10,000 records are read anew each second beside a million, 20,000
// queries a second on one core have a p99.9 of 7 to 8 ms, and of 3 ms when nothing is
// read; the collector pauses for 0.05 ms and takes 0.4 % of the processor. What is left
// is the comparing of a zone, 2 ms for 10,000 records, in one piece. At twice the load
// that it can take it answers 96 % of its peak (bench program).
package server
