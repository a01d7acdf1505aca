// Package server is the outside: sockets, processes, people.
//
//	           clients                              operators, balancers
//	              │                                          │
//	           listen/  UDP, TCP, heartbeat       admin/ <── readiness.go served/ hands/
//	              │ Serve                                    │
//	           front/    ──> update/ ──> zonesource/update ──> Route 53
//	              │  │ └──> transfer/ (secondaries) <── resolver.Merger
//	              │  └────> tsig/ (a signed question, without its signature)
//	              │                                          │
//	           resolver.Worker ──> resolver ──> forward      │
//	                                  ↑ Publish              │
//	sources/   ──> zonesource: sources ─> Keeper <───────────┘
//	healthwatch/ ──> zonesource/health: Monitor ──> resolver.PublishLive
//	     ↑
//	config/ (strict; every fault with its line) <── reload.go, planner.go (SIGHUP)
//
// The configuration is translated by sources/ (what is read) and policy/ (keys, updates, transfers); what is
// asked for knows nothing of it. preflight/ looks at it before it serves.
//
// front/ says whose TCP connections are accepted as well, limits/ how many descriptors, how much memory and how
// many packets there may be; package share counts who has how much of what waits. warm/ keeps the cache, and
// who asks for what, over restarts. announce.go says when it is ready, and feeds systemd's watchdog while the
// packet loops live. member/ is this server as one of a fleet. handover/ passes the sockets on to the process
// after this one. Packages confine and logs are of the process, not of the App.
//
// What people see is served/ (zones, records, views, secondaries, who asks for what), what they do and look at first
// is hands/ (status, parts, flush, refresh, rates), what was is past/; plan.go has what came of reloads and what is
// read next.
//
// app.go runs and ends it all, assemble.go makes it, with updates.go and transfers.go; observing.go has what is
// watched, and the faults of what isn't data.
//
// [App] is the composition root: it makes all of it from a [config.Config] and owns its
// lifetime. Its parts own their state and register their metrics (metrics/); package admin
// asks them through interfaces of its own. Package listen is the packet engines alone and knows nothing of data.
//
// # Goroutines
//
// All start in a Run method and end before it returns. A packet loop a core and
// address owns its socket, its buffers and its worker, and never waits; TCP has a
// goroutine a connection. What needs an upstream is handed to the forwarder's pool,
// which answers later through the socket that the query came from. Updates have a pool
// of their own, which finds out who sends them, and a goroutine a hosted zone. A desk for each processor
// (front/) unpacks what may be for transfers, and signed questions. Transfers
// have sixteen goroutines, their publisher and the notifier one each, and that one for
// each NOTIFY under way. The keeper runs the sources; it publishes, no query ever waits
// for it. The health monitor runs beside it. The heartbeat asks each packet loop and TCP
// listener a real question twice a second.
//
// # The end
//
// When its context ends, App says that it isn't ready and goes on answering for
// Config.Drain. Then the sockets close, what is in flight is answered, and only
// then do the forwarder and the keeper end, which saves what it knows.
//
// Another process may go on in its place (handover/). Then it ends without the drain: first
// whatever writes, so that the other can read the state directory; then, once the other has its
// data, the packet loops. Both have the same sockets, so nothing that waits in one is lost.
//
// # Where the time goes
//
// What an answer costs, where that goes, and what was tried, is in bench/NOTES.md.
package server
