// Package account makes the AWS configurations that the sources call AWS with.
//
//	environment, ~/.aws, IMDS ──> base account ──┬── Account "" ── Config, Budget
//	                                             │
//	                       sts:AssumeRole ───────┼── Account "shared" ── Config, Budget
//	                                             └── Account ...
//
// [Load] follows the SDK's usual chain for credentials, endpoint (AWS_ENDPOINT_URL
// included) and proxy. One base account and any number of roles come out, each with
// its own credentials and all with one HTTP client.
//
// # Contract
//
// The HTTP client never asks the resolver of the host, which may be inside53
// itself: hosts are resolved by /etc/hosts and then by the function in [Options].
// Its waits are bounded: 5 s to connect, 15 s for the header of an answer.
//
// A [Budget] is the rate of requests that this process allows itself against one
// account's Route 53. All that call it for that account share it. Changes of records are
// paid from a second one besides: throttling of changes doesn't slow the listings.
//
// [Do] is the only way in which a call is made and repeated: paid, bounded in time,
// counted, slower when AWS throttles, and with an error that names the missing
// permission. (EC2's inventory leaves repeating to the SDK: it has no budget.)
//
// Nothing here keeps a goroutine. All methods are safe for concurrent use.
//
// # Use
//
//	accounts, err := account.Load(ctx, account.Options{Region: "eu-west-1", Resolve: upstreams.Addresses})
//	...
//	client := route53.NewFromConfig(accounts[0].Config, func(o *route53.Options) { o.Retryer = aws.NopRetryer{} })
//	call := account.Call{Account: accounts[0], Service: "route53", Operation: "GetHostedZone", What: "asking for " + id, ...}
//	out, err := account.Do(ctx, call, func(ctx context.Context) (*route53.GetHostedZoneOutput, error) {
//		return client.GetHostedZone(ctx, in)
//	})
package account
