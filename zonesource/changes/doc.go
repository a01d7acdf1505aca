// Package changes makes changes in Route 53.
//
//	what there is ──┐
//	                ├── Plan ── units ── Split ── batches ── Submit ── ids ── Wait
//	what shall be ──┘                                │                         │
//	                               ChangeResourceRecordSets               GetChange
//
// A [RecordSet] is the API's own. [NewPlan] compares two lists of them; [Split] puts
// the changes into batches as AWS counts them; a [Client] sends the batches, and waits
// until all name servers have them. [ReadFile] reads record sets out of master files,
// with the extensions for aliases and routing policies that cli53 has.
//
// The dialect of cli53 belongs here, both ways of it ([Extension] and [AliasLine] write
// what ReadFile reads): it says in text what a RecordSet is, package export writes it and
// imports this package, and one place keeps what is written and what is read the same. The
// AWS CLI's own JSON is only written, and so stands beside its files, in package export.
//
// # Contract
//
// A record set that changes is deleted as it was listed and created anew in one batch,
// so that what somebody else changed meanwhile is never lost: AWS then refuses the
// batch. The SOA and NS records of an apex alone are replaced by UPSERT, since a zone
// can't be without them. What has to happen together stands in one [Unit] and is never
// split over batches.
//
// A batch holds at most 1,000 ResourceRecord elements, an alias counts as one, and
// 32,000 characters of values; an UPSERT counts twice.
//
// Every attempt of a call is paid from the account's budget, and the SDK repeats
// none by itself. Throttling and PriorRequestNotComplete are waited out, with jitter,
// for as long as Options.Patience says. A batch whose answer was lost is not sent again
// before the zone has been read: either it is there, or it is sent once more.
//
// Names and values are in the form of the Route 53 API, with octal escapes; see package
// rdata. All functions are pure, and a Client may be used by several goroutines.
//
// # Use
//
//	client := changes.New(accounts[0], changes.Options{})
//	zone, err := client.Find(ctx, changes.Selector{Text: "example.com", Visibility: changes.Private})
//	current, err := client.Records(ctx, zone)
//	plan := changes.NewPlan(zone, current, wanted, false)
//	batches, err := changes.Split(plan.Units())
//	for _, b := range batches {
//		id, err := client.Submit(ctx, zone, b)
//		...
//	}
//	err = client.Wait(ctx, ids, nil)
package changes
