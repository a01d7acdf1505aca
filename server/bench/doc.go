//go:build linux

// The bench measures inside53 as a whole, alone and against other servers.
//
//	bench program ──starts──> inside53           time to the first answer, memory,
//	      │                                      collector, cost of a change
//	bench peers ──starts──> knot, nsd, unbound, dnsdist, coredns, inside53   (CPU 0)
//	      │                                 ↑
//	      ├──starts──> bench generate ──────┘    queries, checks of every answer (CPU 1)
//	      ├──starts──> bench upstream            the world outside               (CPU 1)
//	      │
//	      └──> rounds.go ──> ratio.go ──> table.go, chart.go
//
// What counts is the processor time of the server for a query that was answered
// right. It does not depend on what else the machine does as much as a rate would.
// Yet a machine's speed drifts by a fifth within minutes, so the servers take turns,
// round by round, and a figure is the median of the ratios inside the rounds; the
// least and the greatest ratio stand beside it. Read it only where the server was
// saturated (util near 1) and all was answered.
//
// Every server has one worker on one processor, and its configuration (peer.go) gives
// it what it needs to be fast: no query log, minimal answers, caches large enough.
// The workloads:
//
//	AUTH   100,000 hosts, 10,000 CNAMEs, one name in 20 that does not exist; EDNS.
//	       inside53 also with 20 views, a private zone over a public one of the same
//	       name and public addresses that become private; with weighted records; and
//	       with aliases of load balancers whose addresses it keeps at hand
//	CACHE  10,000 hot names by Zipf's law, all in the cache
//	MISS   a new name each time: one query to the upstream for each
//	TCP    AUTH on 8 connections, 32 queries in flight on each
//	LOAD   1,000,000 records: from start to the first right answer, and memory
//
// What it costs to look is measured by bench observe: AUTH and CACHE with counters, metrics, dnstap and the query log,
// in turns with a build that counts nothing (tag blind).
//
// How costs grow is measured by one more: bench scale starts inside53 on a simulated AWS with more and more of one
// thing, and looks at the processor time of a start, of a cycle in which nothing changes and of one change, at memory
// and at what is saved. Cycles are whole ones, however many calls each makes, and a change is measured between two
// that do more than others, as list health checks. It fails where a cost grows with an exponent over 1.1, or a change
// costs more than twice as much at the largest setting. Then two servers with the same data are asked in turns, of
// which one reads them again each second: it fails where that makes the p99.9 worse by more than 2 ms in each round.
//
// What it bears is measured by two more:
//
//	bench attack ──starts──> inside53 in a small cgroup, then a peer        (CPU 0)
//	      │                     ↑
//	      ├──starts──> bench attacker: floods, connections, false signatures (CPU 1)
//	      └──starts──> bench generate, bench upstream; asks by TCP          (CPU 1)
//
//	bench chaos ──> disk: full, read-only, damaged ─┐
//	      │    ──> sky: AWS and metadata, away      ├──> inside53, killed and started
//	      └──> oracle: what may be answered ────────┘
//
//	bench fleet ──> a relay for each of five inside53, with clocks that are wrong ──> versitygw
//	      ├──> updates, at random servers and again at others; RRsets that all swap; look-ups; versions
//	      └──> trace ──> fleet_check.go: which rules were broken
//
// An attack is borne (attack_table.go) when the server comes through in its memory and loses
// no more answers of those who may ask than its peer in the same run. It is tried three times
// before it is missed, since other work on the machine loses answers too. Nothing is judged by
// a time. Chaos is drawn from a seed that is printed; what it does at which moment is not.
//
// All stays on loopback. There the sender's system call also runs the receiver's side
// of the network stack, so a server is charged for delivering into the client's
// socket and not for taking packets from a network card. Memory of a server of
// several processes counts the pages they share once for each.
//
// # Use
//
//	make bench          what the program alone does
//	make bench-peers    against the peers that are on PATH; the others are named
//	make bench-observe  what counters, metrics, dnstap and the query log cost
//	make bench-scale    how costs grow with what there is; SCALE=small or full
//	make attack         what it bears, and a peer beside it; ATTACKTIME=short or full
//	make chaos          kills, damage and faults, CHAOSROUNDS times; CHAOSSEED shows the same again
//	make test-fleet     a fleet with troubles, FLEETTIME long; FLEETSEED shows the same chance again
//	go run ./server/bench hits      what is answered from caches of the same memory, also by Unbound
//	go run ./server/bench -help
package main
