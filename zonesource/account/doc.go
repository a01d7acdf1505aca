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
// Nothing here keeps a goroutine. All methods are safe for concurrent use.
//
// # Use
//
//	accounts, err := account.Load(ctx, account.Options{Region: "eu-west-1", Resolve: upstreams.Addresses})
//	...
//	client := route53.NewFromConfig(accounts[0].Config)
package account
