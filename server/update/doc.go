// Package update is who may change Route 53 by dynamic updates (RFC 2136).
//
//	packet ─ [Server.Serve] ─ queue ─> [Server.Run] ─ who: server/tsig ─ what: [Policy] ─> zonesource/update
//	                                       │
//	                                       └─ flights: a request that comes again is made once
//
// Serve never waits. Run has a goroutine a processor, which unpack, check the signature and
// hold the changes against the policy. What is granted goes to zonesource/update, which makes
// it and calls back.
package update
