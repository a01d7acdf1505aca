package health

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
)

// operation is one operation of AWS, as metrics and IAM policies call it.
type operation struct{ service, name string }

func (o operation) action() string { return o.service + ":" + o.name }

// The operations that are called.
var (
	opListChecks    = operation{"route53", "ListHealthChecks"}
	opMetricData    = operation{"cloudwatch", "GetMetricData"}
	opBalancers     = operation{"elasticloadbalancing", "DescribeLoadBalancers"}
	opTargetGroups  = operation{"elasticloadbalancing", "DescribeTargetGroups"}
	opTargetHealth  = operation{"elasticloadbalancing", "DescribeTargetHealth"}
	errNotAdvancing = errors.New("the page doesn't advance")
	errTooManyPages = errors.New("too many pages")
)

// Actions are the IAM actions that this package needs, in alphabetical order: with
// balancers also those of ELB.
func Actions(balancers bool) []string {
	all := []string{opMetricData.action()}
	if balancers {
		all = append(all, opBalancers.action(), opTargetGroups.action(), opTargetHealth.action())
	}
	return append(all, opListChecks.action())
}

// function is a method value of a client: were the client behind an interface, the
// linker would keep each of its operations.
type function[In, Out, Opt any] func(context.Context, *In, ...func(*Opt)) (*Out, error)

// routeAPI is what is called of the global services, for one account.
type routeAPI struct {
	checks  function[route53.ListHealthChecksInput, route53.ListHealthChecksOutput, route53.Options]
	metrics function[cloudwatch.GetMetricDataInput, cloudwatch.GetMetricDataOutput, cloudwatch.Options]
}

// newRouteAPI makes the clients. They never repeat a call by themselves: each attempt is
// counted, and those of Route 53 paid from the budget.
func newRouteAPI(c aws.Config) routeAPI {
	r := route53.NewFromConfig(c, func(o *route53.Options) { o.Retryer = aws.NopRetryer{} })
	w := cloudwatch.NewFromConfig(c, func(o *cloudwatch.Options) {
		o.Retryer = aws.NopRetryer{}
		o.Region = metricRegion(c.Region)
	})
	return routeAPI{r.ListHealthChecks, w.GetMetricData}
}

// balancerAPI is what is called of ELB in one region.
type balancerAPI struct {
	balancers function[elb.DescribeLoadBalancersInput, elb.DescribeLoadBalancersOutput, elb.Options]
	groups    function[elb.DescribeTargetGroupsInput, elb.DescribeTargetGroupsOutput, elb.Options]
	health    function[elb.DescribeTargetHealthInput, elb.DescribeTargetHealthOutput, elb.Options]
}

func newBalancerAPI(c aws.Config, region string) balancerAPI {
	client := elb.NewFromConfig(c, func(o *elb.Options) {
		o.Retryer = aws.NopRetryer{}
		o.Region = region
	})
	return balancerAPI{client.DescribeLoadBalancers, client.DescribeTargetGroups, client.DescribeTargetHealth}
}

// caller makes the calls to one account.
type caller struct {
	m       *Monitor
	account *awsclient.Account
	op      operation
	budgets []*awscall.Budget
	what    string // it is about, for people
}

// call makes one call, again if that may help. Each attempt is bounded in time.
func call[In, Out, Opt any](ctx context.Context, c caller, f function[In, Out, Opt], in *In) (*Out, error) {
	return awscall.Do(ctx, awscall.Call{
		Account: c.account.Name, Service: c.op.service, Operation: c.op.name, What: c.what,
		Budgets: c.budgets, Timeout: c.m.options.Timeout, OnCall: c.m.options.OnCall, Log: c.m.log,
	}, func(ctx context.Context) (*Out, error) { return f(ctx, in) })
}

// pages bounds how many pages of one listing are followed.
const pages = 1000

// eachPage calls page with the token of each page, nil for the first, until there is no
// next one.
func eachPage(page func(token *string) (next *string, err error)) error {
	var token *string
	seen := map[string]bool{}
	for range pages {
		next, err := page(token)
		if err != nil {
			return err
		}
		if aws.ToString(next) == "" {
			return nil
		}
		if seen[*next] {
			return errNotAdvancing
		}
		seen[*next] = true
		token = next
	}
	return errTooManyPages
}

// grievance logs an error when it comes and when it goes, not each time.
type grievance struct{ text string }

func (g *grievance) note(log logger, what string, err error, args ...any) {
	text := ""
	if err != nil {
		text = awscall.Result(err)
	}
	switch {
	case text == g.text:
	case err != nil:
		log.Warn(what+" not read; what was known stays", append(args, "error", err)...)
	default:
		log.Info(what+" read again", args...)
	}
	g.text = text
}

// logger is the two levels that a grievance has.
type logger interface {
	Warn(message string, args ...any)
	Info(message string, args ...any)
}
