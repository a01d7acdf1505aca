package ec2

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/smithy-go/middleware"

	"inside53/zonesource/awscall"
)

// api is the calls that a listing makes, as functions: a client behind an interface
// would keep all of its some seven hundred operations in the program, because the
// linker can't tell which of them reflection may reach.
type api struct {
	instances  call[ec2.DescribeInstancesInput, ec2.DescribeInstancesOutput, ec2.Options]
	interfaces call[ec2.DescribeNetworkInterfacesInput, ec2.DescribeNetworkInterfacesOutput, ec2.Options]
	addresses  call[ec2.DescribeAddressesInput, ec2.DescribeAddressesOutput, ec2.Options]
	vpcs       call[ec2.DescribeVpcsInput, ec2.DescribeVpcsOutput, ec2.Options]
	subnets    call[ec2.DescribeSubnetsInput, ec2.DescribeSubnetsOutput, ec2.Options]
	peerings   call[ec2.DescribeVpcPeeringConnectionsInput, ec2.DescribeVpcPeeringConnectionsOutput, ec2.Options]
	balancers  call[elb.DescribeLoadBalancersInput, elb.DescribeLoadBalancersOutput, elb.Options]
}

// call is one operation of a client.
type call[In, Out, Opt any] func(context.Context, *In, ...func(*Opt)) (*Out, error)

func newAPI(cfg aws.Config, region string, onCall func(operation, code string)) api {
	cfg = cfg.Copy()
	cfg.Region = region
	if onCall != nil {
		cfg.APIOptions = append(slices.Clone(cfg.APIOptions), countCalls(onCall))
	}
	c, b := ec2.NewFromConfig(cfg), elb.NewFromConfig(cfg)
	return api{
		instances:  c.DescribeInstances,
		interfaces: c.DescribeNetworkInterfaces,
		addresses:  c.DescribeAddresses,
		vpcs:       c.DescribeVpcs,
		subnets:    c.DescribeSubnets,
		peerings:   c.DescribeVpcPeeringConnections,
		balancers:  b.DescribeLoadBalancers,
	}
}

// countCalls reports each attempt: it sits below the SDK's own retries.
func countCalls(onCall func(operation, code string)) func(*middleware.Stack) error {
	count := middleware.FinalizeMiddlewareFunc("CountCalls", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleFinalize(ctx, in)
		onCall(awsmiddleware.GetOperationName(ctx), awscall.Result(err))
		return out, metadata, err
	})
	return func(stack *middleware.Stack) error { return stack.Finalize.Insert(count, "Retry", middleware.After) }
}

// eachPage calls page with the token of each page, nil for the first, until there
// is no next one. The SDK's paginators follow a token for ever that leads round in
// a circle, or end at it as if the listing were whole; here it is an error.
func eachPage(ctx context.Context, timeout time.Duration, page func(ctx context.Context, token *string) (next *string, err error)) error {
	var token *string
	seen := map[string]bool{}
	for {
		next, err := onePage(ctx, timeout, token, page)
		if err != nil {
			return err
		}
		if aws.ToString(next) == "" {
			return nil
		}
		if seen[*next] {
			return fmt.Errorf("page %d: its next page has been listed before", len(seen)+1)
		}
		seen[*next] = true
		token = next
	}
}

func onePage(ctx context.Context, timeout time.Duration, token *string, page func(context.Context, *string) (*string, error)) (*string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s", timeout))
	defer cancel()
	next, err := page(ctx, token)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return next, err
}
