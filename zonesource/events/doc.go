// Package events reads what changes in AWS when it changes, by the events of one queue.
//
//	CloudTrail, EC2 ──> EventBridge ──> SQS ── long poll ──> hint: which names, which instances
//	                                     ^                      │ gathered a zone or region
//	                                     │                      v
//	                    deleted <── served, unchanged <── read from Route 53, EC2 ──> Keeper
//
// An event is a hint with names, and nothing else of it is believed: exactly the record sets that it
// names are read (ListResourceRecordSets), or the instances and network interfaces, and what was
// read is served with the identity that the event names as its actor. What is forged, comes twice,
// late, or cut short can cause readings, within half of the budget, and can't put wrong data in.
// The full listings go on beside it: they find what no event told of.
//
// # Contract
//
// Names are gathered a zone: while one reading waits for the budget, more names join it. They are read
// by as many calls as they lie on pages of the zone. Of an event of over 20 names, and of a batch that
// CloudTrail has cut short, the zone is listed; where it left out which zone it was, all zones of the
// account are. A reading overrides nothing that was read or accepted
// after it began ([zonesource.Keeper.Read]); names left out for that are read once more.
//
// A message is deleted when what it names is served, was found unchanged, or was refused by AWS;
// when it is about nothing that is served here; and at its fifth receipt, whatever became of it.
// After any other failure it comes back by itself, when its visibility ends. Messages in work are
// bounded; more stay in the queue.
//
// A queue that can't be read stops nothing: it is said in the log, once, and tried again.
//
// # Use
//
//	reader, err := events.New(events.Options{Queue: url, Config: account.Config, Keeper: keeper, ...})
//	...
//	err = reader.Run(ctx, keeper.Deliver)
package events
