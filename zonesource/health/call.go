package health

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	classic "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/refresh"
)

// The services that are called, as IAM has them.
const (
	serviceRoute53    = "route53"
	serviceCloudWatch = "cloudwatch"
	serviceELB        = "elasticloadbalancing"
)

// Operations that are called, as metrics and IAM call them.
const (
	opListChecks   = "ListHealthChecks"
	opMetricData   = "GetMetricData"
	opBalancers    = "DescribeLoadBalancers"
	opTargetGroups = "DescribeTargetGroups"
	opTargetHealth = "DescribeTargetHealth"
	// Classic load balancers are listed by an operation of the name that newer ones have.
	opInstanceHealth = "DescribeInstanceHealth"
)

// Actions are the IAM actions that this package needs, in alphabetical order: with
// balancers also those of ELB.
func Actions(balancers bool) []string {
	all := []string{serviceCloudWatch + ":" + opMetricData}
	if balancers {
		all = append(all, serviceELB+":"+opInstanceHealth, serviceELB+":"+opBalancers,
			serviceELB+":"+opTargetGroups, serviceELB+":"+opTargetHealth)
	}
	return append(all, serviceRoute53+":"+opListChecks)
}

// routeAPI is what is called of the global services, for one account.
type routeAPI struct {
	checks  awscall.Op[route53.ListHealthChecksInput, route53.ListHealthChecksOutput]
	metrics awscall.Op[cloudwatch.GetMetricDataInput, cloudwatch.GetMetricDataOutput]
}

// newRouteAPI makes the clients. They never repeat a call by themselves: each attempt is
// counted, and those of Route 53 paid from the budget.
func newRouteAPI(c aws.Config) routeAPI {
	r := route53.NewFromConfig(c, func(o *route53.Options) { o.Retryer = aws.NopRetryer{} })
	w := cloudwatch.NewFromConfig(c, func(o *cloudwatch.Options) {
		o.Retryer = aws.NopRetryer{}
		o.Region = metricRegion(c.Region)
	})
	return routeAPI{
		checks:  awscall.Bind(serviceRoute53, opListChecks, r.ListHealthChecks),
		metrics: awscall.Bind(serviceCloudWatch, opMetricData, w.GetMetricData),
	}
}

// balancerAPI is what is called of ELB in one region.
type balancerAPI struct {
	balancers awscall.Op[elb.DescribeLoadBalancersInput, elb.DescribeLoadBalancersOutput]
	groups    awscall.Op[elb.DescribeTargetGroupsInput, elb.DescribeTargetGroupsOutput]
	health    awscall.Op[elb.DescribeTargetHealthInput, elb.DescribeTargetHealthOutput]
	classic   awscall.Op[classic.DescribeLoadBalancersInput, classic.DescribeLoadBalancersOutput]
	instances awscall.Op[classic.DescribeInstanceHealthInput, classic.DescribeInstanceHealthOutput]
}

func newBalancerAPI(c aws.Config, region string) balancerAPI {
	client := elb.NewFromConfig(c, func(o *elb.Options) {
		o.Retryer = aws.NopRetryer{}
		o.Region = region
	})
	old := classic.NewFromConfig(c, func(o *classic.Options) {
		o.Retryer = aws.NopRetryer{}
		o.Region = region
	})
	return balancerAPI{
		balancers: awscall.Bind(serviceELB, opBalancers, client.DescribeLoadBalancers),
		groups:    awscall.Bind(serviceELB, opTargetGroups, client.DescribeTargetGroups),
		health:    awscall.Bind(serviceELB, opTargetHealth, client.DescribeTargetHealth),
		classic:   awscall.Bind(serviceELB, opBalancers, old.DescribeLoadBalancers),
		instances: awscall.Bind(serviceELB, opInstanceHealth, old.DescribeInstanceHealth),
	}
}

// call is how one call to an account is made, again if that may help. Each attempt is
// bounded in time.
func (m *Monitor) call(account *awsclient.Account, what string, budgets ...*awscall.Budget) awscall.Call {
	return awscall.Call{
		Account: account.Name, What: what, Budgets: budgets, Timeout: m.options.Timeout, OnCall: m.options.OnCall, Log: m.log,
	}
}

// loop is how an account or a region is read again and again.
func (m *Monitor) loop() refresh.Loop {
	plan := refresh.NewPlan()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.plans = append(m.plans, plan)
	return refresh.Loop{Every: m.options.Refresh, Least: time.Second, Plan: plan}
}

// NextRound returns when AWS is asked next; zero while that isn't known.
func (m *Monitor) NextRound() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return refresh.Soonest(m.plans)
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
