package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/resolver/zone"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
)

// Sight is what AWS says of the health of something at a moment.
type Sight struct {
	// Share is how many of those who look at it find it healthy, from 0 to 1: checkers of a
	// health check, children of a calculated one, targets of a load balancer.
	Share float64
	// Healthy is what Route 53 acts on.
	Healthy bool
	Why     string // for people
}

// ErrUnseen says that there is nobody whom the health could be asked of.
var ErrUnseen = errors.New("its health can't be asked for")

// Looker asks AWS for the health of one thing, now: what a Monitor reads from CloudWatch is
// some minutes old. It keeps nothing but definitions.
type Looker struct {
	account *awsclient.Account
	checks  map[string]*types.HealthCheck
	check   awscall.Op[route53.GetHealthCheckInput, route53.GetHealthCheckOutput]
	status  awscall.Op[route53.GetHealthCheckStatusInput, route53.GetHealthCheckStatusOutput]
}

const (
	// lookTimeout bounds one attempt of a call.
	lookTimeout = 20 * time.Second
	// lookPatience is for how long throttling is waited out: AWS grants little of these calls.
	lookPatience = time.Minute
)

// NewLooker returns a looker of an account, whose budget it pays from. It calls nobody, and is
// for one goroutine.
func NewLooker(a *awsclient.Account) *Looker {
	client := route53.NewFromConfig(a.Config, func(o *route53.Options) { o.Retryer = aws.NopRetryer{} })
	return &Looker{
		account: a, checks: map[string]*types.HealthCheck{},
		check:  awscall.Bind(serviceRoute53, "GetHealthCheck", client.GetHealthCheck),
		status: awscall.Bind(serviceRoute53, "GetHealthCheckStatus", client.GetHealthCheckStatus),
	}
}

func (l *Looker) call(what string) awscall.Call {
	return awscall.Call{
		Account: l.account.Name, What: what, Budgets: []*awscall.Budget{l.account.Budget},
		Timeout: lookTimeout, Patience: lookPatience,
		OnCall: func(string, string) {}, Log: slog.New(slog.DiscardHandler),
	}
}

// maxDepth bounds the calculated checks above one another; Route 53 has no bound of its own.
const maxDepth = 8

// Check returns what AWS's checkers say of a health check.
func (l *Looker) Check(ctx context.Context, id string) (Sight, error) { return l.checkAt(ctx, id, 0) }

func (l *Looker) checkAt(ctx context.Context, id string, depth int) (Sight, error) {
	check, err := l.definition(ctx, id)
	if err != nil {
		return Sight{}, err
	}
	c := check.HealthCheckConfig
	inverted := aws.ToBool(c.Inverted)
	var s Sight
	switch {
	case aws.ToBool(c.Disabled):
		s = Sight{1, true, "the health check is disabled"}
	case c.Type == types.HealthCheckTypeRecoveryControl:
		return Sight{}, fmt.Errorf("health check %s is a routing control: %w", id, ErrUnseen)
	case c.Type == types.HealthCheckTypeCalculated && depth == maxDepth:
		return Sight{}, fmt.Errorf("health check %s has more than %d calculated ones above it: %w", id, maxDepth,
			ErrUnseen)
	case c.Type == types.HealthCheckTypeCalculated:
		s, err = l.children(ctx, c, depth)
	default:
		s, err = l.observers(ctx, id)
	}
	if err != nil {
		return Sight{}, err
	}
	if inverted {
		s.Share, s.Healthy, s.Why = 1-s.Share, !s.Healthy, s.Why+", inverted"
	}
	return s, nil
}

// definition returns what a health check is. It is asked for once.
func (l *Looker) definition(ctx context.Context, id string) (*types.HealthCheck, error) {
	if l.checks[id] != nil {
		return l.checks[id], nil
	}
	c := l.call("asking for health check " + id)
	out, err := awscall.Do(ctx, c, l.check, &route53.GetHealthCheckInput{HealthCheckId: aws.String(id)})
	if err != nil {
		return nil, err
	}
	if out.HealthCheck == nil || out.HealthCheck.HealthCheckConfig == nil {
		return nil, fmt.Errorf("%s: an answer without a health check", c.What)
	}
	l.checks[id] = out.HealthCheck
	return out.HealthCheck, nil
}

func (l *Looker) children(ctx context.Context, c *types.HealthCheckConfig, depth int) (Sight, error) {
	up, all := 0, len(c.ChildHealthChecks)
	for _, child := range c.ChildHealthChecks {
		s, err := l.checkAt(ctx, child, depth+1)
		if err != nil {
			return Sight{}, err
		}
		if s.Healthy {
			up++
		}
	}
	needed := int(aws.ToInt32(c.HealthThreshold))
	return Sight{shareOf(up, all), up >= needed, fmt.Sprintf("%d of %d health checks healthy, %d needed", up, all,
		needed)}, nil
}

// healthyShare of the checkers has to find an endpoint healthy: more than 18 % (AWS: "How
// Route 53 determines the status of health checks that monitor an endpoint").
const healthyShare = 0.18

func (l *Looker) observers(ctx context.Context, id string) (Sight, error) {
	c := l.call("asking for the status of health check " + id)
	out, err := awscall.Do(ctx, c, l.status, &route53.GetHealthCheckStatusInput{HealthCheckId: aws.String(id)})
	if err != nil {
		return Sight{}, err
	}
	up, all := 0, len(out.HealthCheckObservations)
	for _, o := range out.HealthCheckObservations {
		if o.StatusReport != nil && strings.HasPrefix(aws.ToString(o.StatusReport.Status), "Success") {
			up++
		}
	}
	if all == 0 {
		return Sight{}, fmt.Errorf("%s: no checker has looked yet", c.What)
	}
	share := shareOf(up, all)
	return Sight{share, share > healthyShare, fmt.Sprintf("%d of %d checkers find it healthy", up, all)}, nil
}

func shareOf(up, all int) float64 {
	if all == 0 {
		return 1
	}
	return float64(up) / float64(all)
}

// Balancer returns the health of an application or network load balancer by its DNS name: the
// share of healthy targets in that of its target groups which has least.
func (l *Looker) Balancer(ctx context.Context, name string) (Sight, error) {
	wire, err := zone.ParseName(strings.ToLower(name))
	if err != nil {
		return Sight{}, err
	}
	region := balancerRegion(wire)
	if region == "" {
		return Sight{}, fmt.Errorf("%s is no load balancer: %w", name, ErrUnseen)
	}
	m := &Monitor{options: Options{Timeout: lookTimeout, OnCall: func(string, string) {}},
		log: slog.New(slog.DiscardHandler)}
	r := balancerReader{m: m, account: l.account, region: region, api: newBalancerAPI(l.account.Config, region)}
	names, err := r.names(ctx, map[string]bool{string(wire): true})
	if err != nil {
		return Sight{}, err
	}
	if len(names) == 0 {
		return Sight{}, fmt.Errorf("no load balancer %s in %s: %w", name, region, ErrUnseen)
	}
	groups, err := r.groups(ctx, names)
	if err != nil {
		return Sight{}, err
	}
	s := Sight{1, true, "no target groups"}
	for arn := range names {
		for _, g := range groups[arn] {
			one, err := r.look(ctx, g)
			if err != nil {
				return Sight{}, err
			}
			if s.Why == "no target groups" || one.Share < s.Share {
				s = one
			}
		}
	}
	return s, nil
}

// balancerRegion is the region that the name of a load balancer has, "" where it is none.
func balancerRegion(name []byte) string {
	labels := strings.Split(zone.String(name), ".")
	at := slices.Index(labels, "elb")
	if at < 1 || at+1 >= len(labels) {
		return ""
	}
	for _, label := range []string{labels[at+1], labels[at-1]} {
		if regionLabel.MatchString(label) {
			return label
		}
	}
	return ""
}

// look counts the targets of one group.
func (r *balancerReader) look(ctx context.Context, g elbtypes.TargetGroup) (Sight, error) {
	name := aws.ToString(g.TargetGroupName)
	out, err := awscall.Do(ctx, r.call("asking for the targets of "+name), r.api.health,
		&elb.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn})
	if err != nil {
		return Sight{}, err
	}
	up, all := countTargets(out.TargetHealthDescriptions)
	if all == 0 {
		return Sight{0, false, fmt.Sprintf("target group %s has no targets", name)}, nil
	}
	return Sight{shareOf(up, all), up > 0, fmt.Sprintf("target group %s: %d of %d targets healthy", name, up, all)}, nil
}

// countTargets counts the targets that get traffic. Those whose health is not checked
// ("unavailable": Lambda functions without health checks) count as healthy.
func countTargets(all []elbtypes.TargetHealthDescription) (up, of int) {
	for _, d := range all {
		if d.TargetHealth == nil {
			continue
		}
		switch d.TargetHealth.State {
		case elbtypes.TargetHealthStateEnumHealthy, elbtypes.TargetHealthStateEnumUnavailable:
			up++
		}
	}
	return up, len(all)
}
