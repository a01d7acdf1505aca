// Package awscall calls operations of AWS: paid, bounded in time, counted and repeated.
//
//	Op, Call ── Do ──┬── Budget.Wait ── Op.Call ──> OnCall(operation, result)
//	                 └── again, after a pause: throttled, busy, fault of the service or the network
//
// An [Op] is one operation, which [Bind] makes of a method of an SDK's client. [Do] is the
// only way in which a call is made and repeated: slower when AWS throttles, and with an
// error that names the missing permission, or begins with what to do ([WithCure]). (EC2's
// inventory leaves repeating to the SDK: it has no budget.) [Pages] is the only way in which
// the pages of a listing are followed.
//
// A call whose context has a [Page] compares the page with the one of the last listing, by its octets
// where that one is kept, or else by their hash (without EC2's id of the request and token), and decodes
// nothing of one that is the same, or of none if its caller wants them as they came; a body can be decoded
// later, also a part of it, by a call with [WithBody], which asks nobody.
// [ComparePages] is the middleware for both, and has pages decoded a piece at a time.
//
// # Contract
//
// A [Budget] is the rate of requests that this process allows itself. It is halved when
// AWS throttles, and recovers slowly.
//
// An operation that changes something is repeated only after an answer which says that
// it did not happen.
//
// Nothing here keeps a goroutine. All methods are safe for concurrent use.
//
// # Use
//
//	getZone := awscall.Bind("route53", "GetHostedZone", client.GetHostedZone)
//	call := awscall.Call{Account: account.Name, What: "asking for " + id, Budgets: budgets, Timeout: timeout, ...}
//	out, err := awscall.Do(ctx, call, getZone, &route53.GetHostedZoneInput{Id: &id})
package awscall
