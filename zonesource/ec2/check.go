package ec2

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"inside53/zonesource/awscall"
)

// Finding is an action of the policy that can't be used.
type Finding struct {
	Account string // as configured
	Region  string
	Action  string // as IAM policies have it: ec2:DescribeInstances
	// Denied says that the policy lacks the action; otherwise the call went wrong
	// before that could be seen (no way to AWS, bad credentials, a region that the
	// account has not enabled).
	Denied bool
	Err    error
}

// String says it on one line.
func (f Finding) String() string {
	place := f.Region
	if f.Account != "" {
		place = f.Account + "/" + f.Region
	}
	if f.Denied {
		return fmt.Sprintf("%s: the IAM policy lacks %s: %v", place, f.Action, f.Err)
	}
	return fmt.Sprintf("%s: trying %s: %v", place, f.Action, f.Err)
}

// trial is an action with a call that shows whether we may.
type trial struct {
	action string
	try    func(context.Context, *region) error
}

// Actions returns the IAM actions that the source needs, in a fixed order.
func (s *Source) Actions() []string {
	var all []string
	for _, t := range s.trials() {
		all = append(all, t.action)
	}
	return all
}

// Check tries each action in each region of each account, and returns those that
// can't be used, in that order of accounts and regions. EC2's calls are dry runs.
func (s *Source) Check(ctx context.Context) []Finding {
	var mu sync.Mutex
	found := map[string][]Finding{}
	var group errgroup.Group
	group.SetLimit(maxListings)
	for _, acc := range s.o.Accounts {
		for _, name := range s.o.Regions {
			r := s.newRegion(acc, name)
			group.Go(func() error {
				findings := r.check(ctx, s.trials())
				mu.Lock()
				defer mu.Unlock()
				found[r.title()] = findings
				return nil
			})
		}
	}
	_ = group.Wait() // none gives an error
	var all []Finding
	for _, acc := range s.o.Accounts {
		for _, name := range s.o.Regions {
			all = append(all, found[(&region{account: acc, name: name}).title()]...)
		}
	}
	return all
}

func (r *region) check(ctx context.Context, trials []trial) []Finding {
	var all []Finding
	for _, t := range trials {
		err := t.try(ctx, r)
		// DryRunOperation: "Request would have succeeded, but DryRun flag is set."
		if err == nil || awscall.HasCode(err, "DryRunOperation") {
			continue
		}
		all = append(all, Finding{Account: r.account.Name, Region: r.name, Action: t.action, Denied: awscall.IsDenied(err),
			Err: reason(err)})
	}
	return all
}

// reason strips the SDK's wrapping, request ids and the like, off the API's words.
func reason(err error) error {
	var fault smithy.APIError
	if errors.As(err, &fault) {
		return fault
	}
	return err
}

func (s *Source) trials() []trial {
	a := newAPI(aws.Config{}, "", nil) // for the names of the operations
	dry := aws.Bool(true)
	all := []trial{
		trying(&a, func(a *api) awscall.Op[ec2.DescribeAddressesInput, ec2.DescribeAddressesOutput] { return a.addresses },
			&ec2.DescribeAddressesInput{DryRun: dry}),
		trying(&a, func(a *api) awscall.Op[ec2.DescribeInstancesInput, ec2.DescribeInstancesOutput] { return a.instances },
			&ec2.DescribeInstancesInput{DryRun: dry}),
		trying(&a, func(a *api) awscall.Op[ec2.DescribeNetworkInterfacesInput, ec2.DescribeNetworkInterfacesOutput] {
			return a.interfaces
		}, &ec2.DescribeNetworkInterfacesInput{DryRun: dry}),
		trying(&a, func(a *api) awscall.Op[ec2.DescribeSubnetsInput, ec2.DescribeSubnetsOutput] { return a.subnets },
			&ec2.DescribeSubnetsInput{DryRun: dry}),
		trying(&a, func(a *api) awscall.Op[ec2.DescribeVpcPeeringConnectionsInput, ec2.DescribeVpcPeeringConnectionsOutput] {
			return a.peerings
		}, &ec2.DescribeVpcPeeringConnectionsInput{DryRun: dry}),
		trying(&a, func(a *api) awscall.Op[ec2.DescribeVpcsInput, ec2.DescribeVpcsOutput] { return a.vpcs },
			&ec2.DescribeVpcsInput{DryRun: dry}),
	}
	if s.o.LoadBalancers {
		// ELB has no dry run: one item is the least that shows it.
		all = append(all, trying(&a,
			func(a *api) awscall.Op[elb.DescribeLoadBalancersInput, elb.DescribeLoadBalancersOutput] {
				return a.balancers
			},
			&elb.DescribeLoadBalancersInput{PageSize: aws.Int32(1)}))
	}
	return append(all, s.vitalTrials(&a)...)
}

// vitalTrials are those of what is asked for where it is switched on.
func (s *Source) vitalTrials(a *api) []trial {
	var all []trial
	if s.o.Affinity {
		all = append(all, found(trying(a,
			func(a *api) awscall.Op[elb.DescribeLoadBalancerAttributesInput, elb.DescribeLoadBalancerAttributesOutput] {
				return a.attributes
			}, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: aws.String(nobody + "loadbalancer/net/none/none")})))
	}
	if s.o.looksAfter(StatusHealth) {
		all = append(all, trying(a,
			func(a *api) awscall.Op[ec2.DescribeInstanceStatusInput, ec2.DescribeInstanceStatusOutput] {
				return a.statuses
			},
			&ec2.DescribeInstanceStatusInput{DryRun: aws.Bool(true)}))
	}
	if s.o.looksAfter(TargetHealth) {
		all = append(all, trying(a,
			func(a *api) awscall.Op[elb.DescribeTargetGroupsInput, elb.DescribeTargetGroupsOutput] {
				return a.groups
			},
			&elb.DescribeTargetGroupsInput{PageSize: aws.Int32(1)}),
			found(trying(a, func(a *api) awscall.Op[elb.DescribeTargetHealthInput, elb.DescribeTargetHealthOutput] {
				return a.targets
			}, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(nobody + "targetgroup/none/none")})))
	}
	if s.o.looksAfter(LifecycleHealth) {
		all = append(all, trying(a, func(a *api) awscall.Op[autoscaling.DescribeAutoScalingInstancesInput,
			autoscaling.DescribeAutoScalingInstancesOutput] {
			return a.scaling
		}, &autoscaling.DescribeAutoScalingInstancesInput{MaxRecords: aws.Int32(1)}))
	}
	return all
}

// nobody begins the ARN of something that isn't there: AWS says so to whoever may ask.
const nobody = "arn:aws:elasticloadbalancing:eu-west-1:000000000000:"

// found makes a trial whose item isn't there a good one.
func found(t trial) trial {
	return trial{t.action, func(ctx context.Context, r *region) error {
		err := t.try(ctx, r)
		for _, code := range []string{"TargetGroupNotFound", "LoadBalancerNotFound", "ValidationError"} {
			if awscall.HasCode(err, code) {
				return nil
			}
		}
		return err
	}}
}

// trying is the trial of an operation, with an input that changes and lists nothing.
func trying[In, Out any](a *api, of func(*api) awscall.Op[In, Out], in *In) trial {
	return trial{of(a).Action(), func(ctx context.Context, r *region) error {
		_, err := ask(ctx, r.o.CallTimeout, of(&r.api), in)
		return err
	}}
}
