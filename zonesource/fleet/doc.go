// Package fleet has one server read AWS and write the ledger, and all others adopt what it has
// written.
//
//	       Lead(ctx, Term): sources -> reading Keeper ─ Term.Accept -> Recorder ─ commit -> Store
//	         ↑ as long as the lease is held                                                  │
//	lease ─ Member ─ head, each poll, and at each NOTIFY ────────────────────────────────────┤
//	         │                                                                               │
//	         └─> Keeper.Adopt(version, parts) <─ what is new of commit, map, lists, pages ───┘
//
// The objects are those of package ledger and two kinds more, each one line of JSON with its MAC:
//
//	lease        {"epoch","node","nonce","address","ages"}: who leads; node "" offers it. Liveness alone
//	member/NODE  {"name","node","address","zone","version","epoch","failed","whole","had",
//	             "serials","build","config","twin"}: each minute, for people and wake-ups; a member is who wrote within
//	             2 minutes
//
// # Contract
//
// Lead: the lease is replaced by compare-and-swap, with the greatest epoch known plus 1. Then the
// commit of cause leader with that epoch is the fence: before it nothing is read, and whoever finds
// a greater epoch in head, or its own with another node, leads no more and throws away what it has
// read. The lease is renewed each 3 s; without that for 9 s by CLOCK_BOOTTIME, counted from the
// beginning of the last renewal that succeeded, the term ends.
//
// Follow: what serves is adopted from the ledger, at the leader too: a change is seen by queries once
// it is committed. A part that can't be read, or that the compiler doesn't bear, stays what it
// was, and is said; all others go on. One in whose adoption two processes have ended is left out: what is being
// adopted stands in a file of the state directory meanwhile. A head below the version adopted isn't followed.
//
// Repair: where head has gone back or is gone, that server leads which last had the greatest version with all its
// parts, and writes anew what it serves, above all versions that anybody knows. Who led until then does so at once;
// another one waits until all have said what they know. What somebody else has repaired meanwhile is adopted instead.
// A process that begins with saved data knows which version they are of: it doesn't go back behind that, and counts by
// it, for an hour of the same start of its machine.
//
// No clocks of two machines are compared: ages are durations, and what waits counts the uptime of its
// own machine.
//
// # Use
//
//	m, err := fleet.New(fleet.Options{Ledger: l, Store: s, Keeper: keeper, Lead: lead, ...})
//	err = m.Run(ctx)                // follows, and leads when it is its turn, until ctx ends
//
//	s := m.Standing()               // role, leader's name and address, epoch, version, how far behind
//	t := m.Term()                   // nil unless this server leads, else:
//	t.Accept(accepted)              //   the Accepted function of the keeper that reads; doesn't block
//	v, err := t.Commit(ctx, Change{Cause, Actor, Records}) //   returns when it is served here
//	ok := t.Fresh(4 * time.Second)  //   whether the last renewal that succeeded began within it
//	late := t.AwaitMembers(ctx, v)  //   until the members have answered the NOTIFY of a version
//	v, err := m.Sync(ctx)           // reads head now and adopts it: at a NOTIFY, and after a hand-on
//	v, changed := m.Adopted()       // the version adopted last, and a channel closed at the next
//	all := m.Peers()                // name, address, version, ... of the members
//
// Parts that no keeper serves, such as intents and serials, are records by key of the ledger: they
// are written by Change.Records, under keys without a slash, and read by Member.Records, or by
// Ledger.Find and Ledger.Records of the version of Adopted. Where what there is of them is
// damaged, Commit returns [ledger.ErrDamaged] or [ledger.ErrAbsent], and Change.Whole writes them
// anew. Options.Adopted is called with each version and the keys of parts that differ.
//
// The files: fleet.go has the options and the loop, follow.go what is adopted, lease.go who may
// lead, lead.go what the leader does, told.go whom it tells, repair.go what it does
// where the store has lost something, peer.go who the members are, twin.go whether two have one name, had.go
// what earlier processes had, crash.go what they didn't live through.
package fleet
