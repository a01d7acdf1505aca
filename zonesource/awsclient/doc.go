// Package awsclient makes the AWS configurations that the sources call AWS with.
//
//	environment, ~/.aws, IMDS ──> base account ──┬── Account "" ── Config, Budget
//	                                             │
//	                       sts:AssumeRole ───────┼── Account "shared" ── Config, Budget
//	                                             └── Account ...
//
// [Load] follows the SDK's usual chain for credentials, endpoint (AWS_ENDPOINT_URL
// included) and proxy. One base account and any number of roles come out, each with
// its own credentials and all with one HTTP client. [Self] asks the instance metadata
// service who we are.
//
// # Contract
//
// The HTTP client never asks the resolver of the host, which may be inside53
// itself: hosts are resolved by /etc/hosts and then by the function in [Options].
// Its waits are bounded: 5 s to connect, 15 s for the header of an answer.
//
// An account has one Budget for its Route 53 requests, which all that call it for the
// account share. Changes of records are paid from a second one besides: throttling of
// changes doesn't slow the listings. Package awscall spends them.
//
// Nothing here keeps a goroutine. All methods are safe for concurrent use.
//
// # Use
//
//	accounts, err := awsclient.Load(ctx, awsclient.Options{Region: "eu-west-1", Resolve: upstreams.Addresses})
//	...
//	client := route53.NewFromConfig(accounts[0].Config, func(o *route53.Options) { o.Retryer = aws.NopRetryer{} })
package awsclient
