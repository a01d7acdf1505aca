// Package follow brings the zone of another server into a hosted zone of Route 53.
//
//	master ── NOTIFY, SOA, IXFR ──> secondary.Source ──> the zone as it shall be
//	                                                        │ less what it was: the names to look at
//	Route 53 ── RecordsOf ── the names as they are ────────>│
//	                                                        ├── plan: what is ours, and what isn't
//	state_dir/follow ── what it was, what it shall be <─────┤
//	                                                        └── batches ── Submit ──> Amend, audit
//
// # Contract
//
// The zone is transferred as package secondary does it, and each version that comes is made in
// the hosted zone; serials that come in one transfer are made together. What differs between
// the versions is held against what Route 53 has:
//
//   - A record set is ours where Route 53 has what a version of the master had. It is changed by
//     deleting exactly that and creating what the new version has, in one batch: where somebody
//     else changed it meanwhile, AWS refuses, the names are read again, and all is planned anew.
//   - What is there and isn't ours stays, and so does whatever is an alias, or has a routing
//     policy or a health check. It is told, in the log and in the problems of the part.
//   - SOA and NS records of the apex are Route 53's own; types that Route 53 doesn't have, and
//     record sets that it never takes, are left out and told.
//
// What Route 53 may have of us is on the disk before a batch is sent: after a crash at any moment
// the next process knows its own record sets, and goes on from there with the differences since
// the last serial (IXFR). A Route 53 that can't be reached is tried again until it can.
//
// In a fleet it is committed before instead, as a part of its own, and a version that was begun is
// finished before the next: who leads then, after a kill at any moment, goes on likewise.
//
// The part that is delivered is the last version that was made, for the ledger and for who leads
// next. No view sees it: clients get what the hosted zone has.
//
// # Use
//
//	s, err := follow.New(follow.Options{...})
//	err = s.Run(ctx, deliver)
//	refused := s.Notify(from, key)
//
//	p, err := follow.Preview(ctx, options, client, hostedZone)
package follow
