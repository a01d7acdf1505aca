// Package ledger keeps versions: of all parts that a server, or a fleet of them, knows, what
// they were, are, and why they changed.
//
//	Draft ──> Writer ── pages, lists, map, commit ──> Store ──> Ledger ──> Version, Past, Difference
//	                └── head, by compare-and-swap ──┘   ├─ Dir: a directory
//	                                                    └─ S3: a bucket
//
// It is what git is, on a store that can compare and swap one object: immutable objects, and
// one head that names the newest of them.
//
//	head                          {"fleet","version","epoch","leader","commit","mac"}, one line of JSON
//	commit/VERSION-SHA256         one version, one line of JSON: see [Commit]
//	map/SHA256-NONCE              all parts; a commit has what differs from it, up to 64 KiB
//	list/SHA256-NONCE             the pages of a part, with the first key of each
//	page/SHA256-NONCE             up to 64 KiB of records in the order of their keys
//	past/FROM-TO-SHA256           causes, actors and changes of finished hours, for [Ledger.History]
//
// VERSION, FROM and TO have 20 digits, so that a list has them in their order. SHA256 is that of
// the octets as they are stored, NONCE are 8 random octets: a name is never used twice, so
// that what is being removed is never what somebody has just begun to name. Maps, lists, pages
// and packs are "i53", a letter for the kind, the format (2 octets) and a zstd stream; in
// maps and lists that is JSON, in pages and packs fields behind their lengths. A part is what
// its owner says: records by key; this package knows nothing of zones.
//
// # Contract
//
// A version is whole or isn't there, whatever crashes between any two calls: head is written
// last, with the tag of the head that the commit was built on. What has become of a Put that
// gave an error is read from head (see [Writer.Settle]). Whoever finds a greater epoch there,
// or its own with another node, leads no more. A commit names what its predecessor names, and
// what was written for it within the hour.
//
// What is read is verified: immutable objects by the hash in their name, head by its MAC where
// there are keys (HMAC-SHA256 over all that stands before the member mac, which is the last).
// Members of JSON that aren't known are skipped; a greater format is [ErrNewer]. A reader
// holds 16 pages at most, and asks for 16 objects at most at once.
//
// A [Ledger] and the stores are safe for concurrent use, a [Writer] isn't. Nothing here logs,
// publishes, or starts a goroutine that outlives a call.
//
// # Use
//
//	l, err := ledger.New(ledger.Options{Store: ledger.NewDir(dir)})
//	w := l.NewWriter(ledger.WriterOptions{Node: "host/" + nonce, Alone: true})
//	v, err := w.Open(ctx)
//	v, err = w.Commit(ctx, ledger.Draft{Cause: ledger.Listing, Actor: "Route 53", Parts: parts})
//	for r, err := range l.Records(ctx, v, "route53/zone/Z0123") { ... }
//	for p, err := range l.History(ctx, v) { ... }
//
// The files: object.go and page.go say what octets objects have, write.go and commit.go how a
// version comes about, read.go how it is read, past.go and retain.go what becomes of it.
package ledger
