// Package server is the outside: sockets, processes, people.
//
//	                clients                            operators, balancers
//	                   │                                        │
//	udp_linux.go  udp_portable.go  tcp.go          admin.go  metrics.go  heartbeat.go
//	                   │ Serve                                  │
//	              resolver.Worker ──> resolver ──> forward      │
//	                                     ↑ Publish              │
//	sources.go ──> zonesource: sources ─> Keeper <──────────────┘
//	health.go ──> zonesource/health: Monitor ──> resolver.PublishLive
//	     ↑
//	config.go (strict; every fault with its line) <── reload.go (SIGHUP)
//
// [App] is the composition root: it makes all of it from a [Config] and owns its
// lifetime. [Server] is the packet engines alone and knows nothing of data.
//
// # Goroutines
//
// All start in a Run method and end before it returns. A packet loop a core and
// address owns its socket, its buffers and its worker, and never waits; TCP has a
// goroutine a connection. What needs an upstream is handed to the forwarder's pool,
// which answers later through the socket that the query came from. The keeper runs
// the sources; it publishes, no query ever waits for it. The health monitor runs beside it. The heartbeat asks each
// packet loop and TCP listener a real question twice a second.
//
// # The end
//
// When its context ends, App says that it isn't ready and goes on answering for
// Config.Drain. Then the sockets close, what is in flight is answered, and only
// then do the forwarder and the keeper end, which saves what it knows.
package server
