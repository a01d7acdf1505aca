// Package recorder keeps the past of what is served: it writes each accepted change of each
// part into a ledger, and reads parts and changes back.
//
//	Keeper ── Accepted ──> Recorder ── 50 ms ──> Draft ──> ledger.Writer ──> state_dir/ledger
//	                          │                                                   │
//	                          └── Status: version, gap, alarms        History, Part, zones of a moment
//
// A part is records of the ledger: of a zone one for each RRset, of a catalog and a region one
// for each thing in them (see part.go). What differs is found in proportion to the change, by
// the pages that the trees of two versions share, and is noted in words too (see words.go):
// master-file values, and "ALIAS target zone-id evaluate".
//
// # Contract
//
// Publication never waits: [Recorder.Accept] notes what has changed and returns. What changes
// within 50 ms, for one cause and by one actor, is one version. Where four versions wait, what further events bring is
// one, of all who made it: a store takes some ten versions a second. What can't be written is a gap:
// the version stands still, [Status.Gap] says so, and all that has been accepted meanwhile is
// written once the store takes it, as one version where it was much. A store that has lost
// something is written anew as a whole (cause repair).
//
// When a process starts it compares what it has with the ledger, beside the way of the data to
// the queries: what changed while nobody recorded is one version more.
//
// # Use
//
//	r := recorder.New(recorder.Options{Ledger: l, Name: host, Log: log})
//	keeper, err := zonesource.NewKeeper(zonesource.Options{Accepted: r.Accept, ...})
//	err = r.Run(ctx)
package recorder
