package health

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"inside53/zonesource/account"
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
	denials         = []string{"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
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
	account *account.Account
	op      operation
	budget  *account.Budget // nil: none
	what    string          // it is about, for people
}

// How often a call is tried before the cycle goes on without it.
const (
	attempts         = 3
	throttleAttempts = 5
	firstPause       = 200 * time.Millisecond
)

// call makes one call, again if that may help. Each attempt is bounded in time.
func call[In, Out, Opt any](ctx context.Context, c caller, f function[In, Out, Opt], in *In) (*Out, error) {
	pause := firstPause
	for n := 1; ; n++ {
		out, err := attempt(ctx, c, f, in)
		if err == nil {
			return out, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		throttled := isThrottling(err)
		if throttled && c.budget != nil {
			c.budget.Throttled()
		}
		if n >= patience(err) {
			return nil, c.describe(err)
		}
		c.m.log.Debug("repeating an aws call", "operation", c.op.name, "account", c.account.Name, "attempt", n, "error", err)
		err = sleep(ctx, pause/2+rand.N(pause))
		if err != nil {
			return nil, err
		}
		pause *= 4
	}
}

func attempt[In, Out, Opt any](ctx context.Context, c caller, f function[In, Out, Opt], in *In) (*Out, error) {
	if c.budget != nil {
		err := c.budget.Wait(ctx)
		if err != nil {
			return nil, err
		}
	}
	bounded, cancel := context.WithTimeout(ctx, c.m.options.Timeout)
	defer cancel()
	out, err := f(bounded, in)
	if ctx.Err() == nil {
		c.m.options.OnCall(c.op.name, code(err))
	}
	return out, err
}

// code is the result of an attempt for metrics.
func code(err error) string {
	var fault smithy.APIError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &fault):
		return fault.ErrorCode()
	case isTimeout(err):
		return "timeout"
	}
	return "error"
}

// patience is how many attempts a call is worth after this error.
func patience(err error) int {
	var fault smithy.APIError
	switch {
	case isThrottling(err):
		return throttleAttempts
	case errors.As(err, &fault) && fault.ErrorFault() != smithy.FaultServer && status(err) < 500:
		return 1
	case isTimeout(err):
		return attempts - 1 // each costs the whole timeout
	}
	return attempts
}

func isThrottling(err error) bool {
	return retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool()
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// status is the HTTP status of the response that an error is of, 0 for none.
func status(err error) int {
	var response interface{ HTTPStatusCode() int }
	if !errors.As(err, &response) {
		return 0
	}
	return response.HTTPStatusCode()
}

func isDenied(err error) bool {
	var fault smithy.APIError
	if !errors.As(err, &fault) {
		return false
	}
	for _, c := range denials {
		if fault.ErrorCode() == c {
			return true
		}
	}
	return false
}

// describe says what was done, and which permission is missing where that is it.
func (c caller) describe(err error) error {
	if !isDenied(err) {
		return fmt.Errorf("%s: %w", c.what, err)
	}
	action := c.op.action()
	for e := err; e != nil; e = errors.Unwrap(e) {
		inner, is := e.(*smithy.OperationError)
		if is && inner.Service() == sts.ServiceID {
			action = "sts:" + inner.Operation() // the credentials of the role could not be had
		}
	}
	return fmt.Errorf("%s: needs the IAM action %s: %w", c.what, action, err)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
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
		text = code(err)
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
