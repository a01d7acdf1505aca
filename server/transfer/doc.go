// Package transfer is what secondaries get: the zones of a view, as that view sees them, by
// AXFR (RFC 5936) and IXFR (RFC 1995), with NOTIFY (RFC 1996) and catalogs (RFC 9432).
//
//	packet ─ [Server.Serve] ─┬─ SOA, IXFR by UDP: at once (transfer.go)
//	                         ├─ AXFR, IXFR by TCP: queue ─> sixteen senders ─> [Stream] (stream.go)
//	                         ├─ SOA where another server leads: the serial that is committed (soa.go)
//	                         └─ NOTIFY: Options.Notified, a zone that comes from elsewhere
//	snapshot, health ─ Wake ─> publish.go ─> resolver.Merger ─> history ─> serials
//	                              │             ↑ alias.go: targets outside
//	                              ├─> catalog.go: the zones' names, as a zone
//	                              ├─> form.go: what views see alike is merged once for all of them
//	                              ├─> save.go, histories.go: one file of histories, for after a restart
//	                              └─> notify.go: secondaries are notified
//
// Who may have what is a [Policy] (policy.go). Serve never waits. [Server.Run] has a publisher,
// a notifier, with a goroutine for each NOTIFY under way, and sixteen senders.
package transfer
