package health

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"inside53/zonesource/awscall"
)

// Finding says whether one account allows one IAM action.
type Finding struct {
	Account string // configured name, "" for the base account
	Region  string // "" for actions without a region
	Action  string // route53:ListHealthChecks
	// Err is nil when the action is allowed. It is ErrUntried when there was nothing
	// to try the action on.
	Err error
}

// ErrUntried says that an action was not tried, because there is nothing to try it on.
var ErrUntried = errors.New("nothing to try it on")

// Check tries each IAM action on each account, and those of load balancers in each
// region, with one call each. The error is ctx's. It must not be called while Run runs.
func (m *Monitor) Check(ctx context.Context) ([]Finding, error) {
	var all []Finding
	for _, r := range m.readers {
		_, err := awscall.Do(ctx, r.listingCall(), r.api.checks, &route53.ListHealthChecksInput{MaxItems: aws.Int32(1)})
		all = append(all, Finding{Account: r.account.Name, Action: r.api.checks.Action(), Err: err})
		// A metric need not exist to be asked for.
		err = r.readChunk(ctx, []string{"none"})
		all = append(all, Finding{Account: r.account.Name, Action: r.api.metrics.Action(), Err: err})
	}
	for _, r := range m.groups {
		all = append(all, r.check(ctx)...)
	}
	return all, ctx.Err()
}

// check tries the actions of one region.
func (r *balancerReader) check(ctx context.Context) []Finding {
	_, err := awscall.Do(ctx, r.call("listing the load balancers"), r.api.balancers,
		&elb.DescribeLoadBalancersInput{PageSize: aws.Int32(1)})
	found := []Finding{r.finding(r.api.balancers.Action(), err)}
	out, err := awscall.Do(ctx, r.call("listing the target groups"), r.api.groups,
		&elb.DescribeTargetGroupsInput{PageSize: aws.Int32(1)})
	found = append(found, r.finding(r.api.groups.Action(), err))
	err = ErrUntried
	if out != nil && len(out.TargetGroups) > 0 {
		_, _, err = r.group(ctx, out.TargetGroups[0])
	}
	found = append(found, r.finding(r.api.health.Action(), err))
	_, err = r.classicTarget(ctx, "none") // AWS says that there is none to whoever may ask
	if awscall.HasCode(err, "LoadBalancerNotFound") {
		err = nil
	}
	return append(found, r.finding(r.api.instances.Action(), err))
}

func (r *balancerReader) finding(action string, err error) Finding {
	return Finding{Account: r.account.Name, Region: r.region, Action: action, Err: err}
}
