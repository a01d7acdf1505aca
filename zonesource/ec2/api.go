package ec2

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/smithy-go/middleware"

	"inside53/zonesource/awscall"
)

// api is what a listing calls. The SDK repeats what failed: there is no budget here that
// each attempt would be paid from.
type api struct {
	instances  awscall.Op[ec2.DescribeInstancesInput, ec2.DescribeInstancesOutput]
	interfaces awscall.Op[ec2.DescribeNetworkInterfacesInput, ec2.DescribeNetworkInterfacesOutput]
	addresses  awscall.Op[ec2.DescribeAddressesInput, ec2.DescribeAddressesOutput]
	vpcs       awscall.Op[ec2.DescribeVpcsInput, ec2.DescribeVpcsOutput]
	subnets    awscall.Op[ec2.DescribeSubnetsInput, ec2.DescribeSubnetsOutput]
	peerings   awscall.Op[ec2.DescribeVpcPeeringConnectionsInput, ec2.DescribeVpcPeeringConnectionsOutput]
	balancers  awscall.Op[elb.DescribeLoadBalancersInput, elb.DescribeLoadBalancersOutput]
	attributes awscall.Op[elb.DescribeLoadBalancerAttributesInput, elb.DescribeLoadBalancerAttributesOutput]
	groups     awscall.Op[elb.DescribeTargetGroupsInput, elb.DescribeTargetGroupsOutput]
	targets    awscall.Op[elb.DescribeTargetHealthInput, elb.DescribeTargetHealthOutput]
	statuses   awscall.Op[ec2.DescribeInstanceStatusInput, ec2.DescribeInstanceStatusOutput]
	scaling    awscall.Op[autoscaling.DescribeAutoScalingInstancesInput, autoscaling.DescribeAutoScalingInstancesOutput]
}

// The services that are called, as IAM has them.
const (
	serviceEC2     = "ec2"
	serviceELB     = "elasticloadbalancing"
	serviceScaling = "autoscaling"
)

func newAPI(cfg aws.Config, region string, onCall func(operation, code string)) api {
	cfg = cfg.Copy()
	cfg.Region = region
	if onCall != nil {
		cfg.APIOptions = append(slices.Clone(cfg.APIOptions), countCalls(onCall))
	}
	c, b, s := ec2.NewFromConfig(cfg), elb.NewFromConfig(cfg), autoscaling.NewFromConfig(cfg)
	return api{
		instances:  awscall.Bind(serviceEC2, "DescribeInstances", c.DescribeInstances),
		interfaces: awscall.Bind(serviceEC2, "DescribeNetworkInterfaces", c.DescribeNetworkInterfaces),
		addresses:  awscall.Bind(serviceEC2, "DescribeAddresses", c.DescribeAddresses),
		vpcs:       awscall.Bind(serviceEC2, "DescribeVpcs", c.DescribeVpcs),
		subnets:    awscall.Bind(serviceEC2, "DescribeSubnets", c.DescribeSubnets),
		peerings:   awscall.Bind(serviceEC2, "DescribeVpcPeeringConnections", c.DescribeVpcPeeringConnections),
		balancers:  awscall.Bind(serviceELB, "DescribeLoadBalancers", b.DescribeLoadBalancers),
		attributes: awscall.Bind(serviceELB, "DescribeLoadBalancerAttributes", b.DescribeLoadBalancerAttributes),
		groups:     awscall.Bind(serviceELB, "DescribeTargetGroups", b.DescribeTargetGroups),
		targets:    awscall.Bind(serviceELB, "DescribeTargetHealth", b.DescribeTargetHealth),
		statuses:   awscall.Bind(serviceEC2, "DescribeInstanceStatus", c.DescribeInstanceStatus),
		scaling:    awscall.Bind(serviceScaling, "DescribeAutoScalingInstances", s.DescribeAutoScalingInstances),
	}
}

// countCalls reports each attempt: it sits below the SDK's own retries.
func countCalls(onCall func(operation, code string)) func(*middleware.Stack) error {
	count := middleware.FinalizeMiddlewareFunc("CountCalls", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleFinalize(ctx, in)
		if awscall.IsReplay(ctx) {
			return out, metadata, err // nobody was asked
		}
		onCall(awsmiddleware.GetOperationName(ctx), awscall.Result(err))
		return out, metadata, err
	})
	return func(stack *middleware.Stack) error { return stack.Finalize.Insert(count, "Retry", middleware.After) }
}

// ask makes one call, its repetitions included, within the timeout.
func ask[In, Out any](ctx context.Context, timeout time.Duration, op awscall.Op[In, Out], in *In) (*Out, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s", timeout))
	defer cancel()
	out, err := op.Call(ctx, in)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return out, awscall.WithCure(err)
}
