// Package history keeps serials and differences of a published zone, for IXFR (RFC
// 1995).
//
//	Publish(tree) ──> Version{serial, SOA, tree}     AXFR, SOA answers, NOTIFY
//	      │
//	      └─ zone.Diff ──> Delta, Delta, Delta ..    IXFR, from a serial that is here
//
// A [Zone] is given each version of a zone. One that differs from the version before
// gets a serial of its own, max(last + 1, Unix time): it grows whatever clocks and
// restarts do. What differs is kept record by record, the oldest first to go when all
// of it takes more than the journal may.
//
// # Contract
//
// The trees that are published hold plain records and an SOA record at the apex, whose
// serial doesn't matter. A Zone is safe for concurrent use; what it hands out is
// immutable. It does no I/O of its own: [Zone.MarshalBinary] is what to save, and after
// [Zone.UnmarshalBinary] the first version that is published either is the one that was
// saved, by its checksum, and goes on with its serial and its differences, or gets a
// new serial and begins a new journal.
//
// # Use
//
//	z := history.New(64 << 20)
//	changed, err := z.Publish(tree, time.Now())
//	v := z.Version()
//	deltas, ok := z.Since(serial)
package history
