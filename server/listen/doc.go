// Package listen is the packet engines: sockets, and what reads from them and writes to
// them. It knows nothing of data: what a query is answered with comes from a [Worker].
//
//	           [Bind] ──> [Server]: an address is bound for UDP and TCP
//	                         │
//	udp_linux.go  raw recvmmsg and sendmmsg, a socket a core and address  ─┐
//	udp_portable.go  net.UDPConn, the same by one socket                   ├─ Worker.Serve
//	tcp.go  connections and their bounds; tcpconn.go  one of them         ─┘
//	                         │
//	heartbeat.go  asks each of them a real question (probe.go) twice a second
//	sockets.go   sockets of others: of systemd, of a process that ends: [Sockets]
//	counters.go  what they have done: [Stats]
//	memory.go    how much memory connections hold; who holds how many is counted by package share
//	rounds.go    late answers that are given one after the other go together
//	handedon.go  what other servers of a fleet hand on (package handon), in place of queries
//	web.go       the same bounds for listeners of others: [Bounded]
//
// A packet loop owns its socket, its buffers and its worker, and never waits. TCP has a
// goroutine a connection, and a second one while answers are late. A query that needs an
// upstream is suspended, and answered later through the socket that it came from.
package listen
