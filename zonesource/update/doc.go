// Package update makes dynamic updates (RFC 2136) in hosted zones of Route 53.
//
//	Message ──> Updater ──> a goroutine a hosted zone
//	                              │ gathers for a moment
//	                              ├── plan: one batch, whole messages (CREATE, DELETE), each
//	                              │   evaluated first: prerequisites, changes (RecordsOf)
//	                              ├── intents: in a journal on the disk, in a fleet in the ledger
//	                              ├── Submit ── refused: read again, or told apart
//	                              └── Amend: served at once ──> Result
//
// [Message.Check] finds what no zone could take. [Updater.Submit] hands a message over,
// and its result comes through a callback. Who may send it, and the wire, are not of
// this package.
//
// # Contract
//
// Prerequisites see the hosted zone alone, read for them. What is changed is compared
// and swapped: an RRset that is new is a CREATE, one that changes a DELETE of exactly
// what it was and a CREATE in the same batch; there is no UPSERT. So what is held
// against what we serve can be wrong without harm: Route 53 refuses the batch, the
// names are read once, and all is evaluated again. What changes nothing of an RRset,
// and so couldn't be refused, is read before it is answered.
//
// Messages that come within a short window, or while a batch is on its way, share the
// next batch, as far as AWS's bounds go; one message is never divided, and is refused if
// it is larger than a batch. Of a batch that is refused, the messages at fault are told
// apart from the others until the bad one is alone.
//
// The SOA record of the apex and the last of its NS records stay as they are. RRsets
// that are aliases, or have a routing policy or a health check, are left alone: a
// message that would change one is refused.
//
// The result NoError comes after Route 53 has accepted the changes and the keeper
// serves them. Every batch is in the journal before it is sent. What has neither been
// accepted nor dropped by the journal, after a crash or a lost answer, is found out by
// reading, and never sent again.
//
// In a fleet [Options.Term] keeps intents and results, in the part [PartName] of the ledger: an
// intent is committed before its batch is sent, the result before it is answered. A message that
// comes again, whoever leads by then, gets the first result. What an earlier leader has left is
// found out by reading before anything else is done with these names: made, or never.
//
// # Use
//
//	u, err := update.New(update.Options{
//		Source: route53.Name, Hosted: keeper.Hosted, Amend: keeper.Amend, Synced: keeper.Synced, StateDir: dir,
//	})
//	u.SetAccounts(accounts)
//	go u.Run(ctx)
//	u.Submit(zone, message, func(r update.Result) { ... })
package update
