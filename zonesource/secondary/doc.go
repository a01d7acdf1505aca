// Package secondary serves zones that other servers are authoritative for.
//
//	primary ── SOA, IXFR, AXFR ──> Source ── Part ──> Keeper
//	   └─────── NOTIFY ──────────> Notify
//
// A [Source] is a secondary of one zone (RFC 1034 section 4.3.5). It asks its primaries
// for the serial when the zone's refresh time is over, when NOTIFY came, and after the
// retry time where none answered, and takes what is newer: the differences (IXFR, RFC
// 1995) where it has the zone, else the whole (AXFR, RFC 5936). Requests are signed by
// TSIG where there is a key.
//
// # Contract
//
// The zone is served as it was transferred last until its expire time is over. Then, and
// before the first transfer, a part is delivered whose zone is unavailable: names in it
// get SERVFAIL, and nobody else is asked for them. Each check that succeeded delivers the
// part anew, so that its age is that of the check, also after a restart. What primaries
// send is checked in form, and bounded; records outside of the zone are left out.
//
// # Use
//
//	s, err := secondary.New(secondary.Config{Apex: apex, Primaries: primaries}, log)
//	err = s.Run(ctx, deliver)
//	refused := s.Notify(from, key)
package secondary
