// Package awscall calls operations of AWS: paid, bounded in time, counted and repeated.
//
//	Call ── Do ──┬── Budget.Wait ── f(ctx) ──> OnCall(operation, result)
//	             └── again, after a pause: throttled, busy, fault of the service or the network
//
// [Do] is the only way in which a call is made and repeated: slower when AWS throttles,
// and with an error that names the missing permission. (EC2's inventory leaves repeating
// to the SDK: it has no budget.)
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
//	call := awscall.Call{Service: "route53", Operation: "GetHostedZone", What: "asking for " + id, ...}
//	out, err := awscall.Do(ctx, call, func(ctx context.Context) (*route53.GetHostedZoneOutput, error) {
//		return client.GetHostedZone(ctx, in)
//	})
package awscall
