//go:build linux

// Package load asks a DNS server as fast as it answers, or at a given rate, and checks
// what it says.
//
//	Stream ──> lane: a socket and its outstanding queries ──sendmmsg, write──> server
//	                        │                                                    │
//	                     check.go <──────────────recvmmsg, read──────────────────┘
//	                        │
//	                     Result: answers a second, their latency, and the processor
//	                             time of the server's processes for each
//
// Every answer has to be an answer to a query that is outstanding, with its id and its
// question, whole, with the rcode that was expected, and with an answer record where
// data were expected. In one answer of sixteen the address is looked for too. Only
// answers that pass are counted, so that a server gains nothing by being wrong.
//
// In the closed loop a fixed number of queries is outstanding, and a lane waits until
// a quarter of its answers is there before it asks again: the server is never idle
// and its queues never overflow. With a rate, queries are sent when they are due, and
// the latencies mean something.
//
// The processor time is utime + stime of the server's process and of all below it,
// in ticks of 10 ms. So an interval of a second or more is right to a percent.
package load
