package ec2

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"inside53/zonesource"
	"inside53/zonesource/awscall"
)

// The words of Options.Health.
const (
	StatusHealth    = "status"    // EC2's status checks
	TargetHealth    = "targets"   // the health of targets of target groups
	LifecycleHealth = "lifecycle" // the life cycle of auto scaling
)

// vitals is what AWS says of the health of instances, as it is being listed: what was wanted
// and could be read.
type vitals struct {
	statuses lazy[types.InstanceStatus]
	members  lazy[asgtypes.AutoScalingInstanceDetails]
	targets  []target
	err      error // joins what failed
}

// target is a target of a target group.
type target struct{ instance, group, state string }

func (o *Options) looksAfter(kind string) bool { return slices.Contains(o.Health, kind) }

// listVitals asks what is wanted. What fails costs what it would have told.
func (l *listing) listVitals(ctx context.Context) vitals {
	var v vitals
	var errs []error
	note := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	if l.o.looksAfter(StatusHealth) {
		var err error
		v.statuses, err = l.listStatuses(ctx)
		note("status checks", err)
	}
	if l.o.looksAfter(LifecycleHealth) {
		var err error
		v.members, err = listAll(ctx, l, l.api.scaling, func(token *string) *autoscaling.DescribeAutoScalingInstancesInput {
			return &autoscaling.DescribeAutoScalingInstancesInput{MaxRecords: aws.Int32(50), NextToken: token}
		}, func(out *autoscaling.DescribeAutoScalingInstancesOutput) ([]asgtypes.AutoScalingInstanceDetails, *string) {
			return out.AutoScalingInstances, out.NextToken
		})
		note("auto scaling", err)
	}
	if l.o.looksAfter(TargetHealth) {
		var err error
		v.targets, err = l.listTargets(ctx)
		note("target groups", err)
	}
	v.err = errors.Join(errs...)
	return v
}

// listStatuses asks for the instances of which one of the two checks fails: these are few.
func (l *listing) listStatuses(ctx context.Context) (lazy[types.InstanceStatus], error) {
	var all lazy[types.InstanceStatus]
	for _, check := range []string{"instance-status.status", "system-status.status"} {
		impaired := types.Filter{Name: aws.String(check), Values: []string{string(types.SummaryStatusImpaired)}}
		some, err := listAll(ctx, l, l.api.statuses, func(token *string) *ec2.DescribeInstanceStatusInput {
			return &ec2.DescribeInstanceStatusInput{Filters: []types.Filter{impaired}, MaxResults: aws.Int32(pageSize),
				NextToken: token}
		}, func(out *ec2.DescribeInstanceStatusOutput) ([]types.InstanceStatus, *string) {
			return out.InstanceStatuses, out.NextToken
		})
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// listTargets asks for the targets of all target groups of instances. They are decoded in any
// case, as the groups say what else to ask for.
func (l *listing) listTargets(ctx context.Context) ([]target, error) {
	pages, err := listAll(ctx, l, l.api.groups, func(token *string) *elb.DescribeTargetGroupsInput {
		return &elb.DescribeTargetGroupsInput{PageSize: aws.Int32(400), Marker: token}
	}, func(out *elb.DescribeTargetGroupsOutput) ([]elbtypes.TargetGroup, *string) {
		return out.TargetGroups, out.NextMarker
	})
	if err != nil {
		return nil, err
	}
	groups, err := pages.all(ctx)
	if err != nil {
		return nil, err
	}
	var all []target
	for _, g := range groups {
		if g.TargetType != elbtypes.TargetTypeEnumInstance {
			continue
		}
		page, err := listAll(ctx, l, l.api.targets, func(*string) *elb.DescribeTargetHealthInput {
			return &elb.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn}
		}, func(out *elb.DescribeTargetHealthOutput) ([]elbtypes.TargetHealthDescription, *string) {
			return out.TargetHealthDescriptions, nil
		})
		if err != nil {
			return nil, err
		}
		found, err := page.all(ctx)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			if d.Target != nil && d.TargetHealth != nil {
				all = append(all, target{aws.ToString(d.Target.Id), aws.ToString(g.TargetGroupName),
					string(d.TargetHealth.State)})
			}
		}
	}
	return all, nil
}

// failing are the members of auto-scaling groups of which something is told against them, and others. Of a page on
// which all are in service nothing is decoded.
func (v *vitals) failing(ctx context.Context) ([]asgtypes.AutoScalingInstanceDetails, error) {
	var all []asgtypes.AutoScalingInstanceDetails
	for i := range v.members {
		p := &v.members[i]
		if p.raw != nil && areInService(p.raw) {
			continue
		}
		some, err := p.get(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// areInService reports whether all members on a page are.
func areInService(page []byte) bool {
	n := bytes.Count(page, []byte("<LifecycleState>"))
	return n > 0 && n == bytes.Count(page, []byte("<member>")) &&
		n == bytes.Count(page, []byte("<LifecycleState>InService</LifecycleState>")) &&
		n == bytes.Count(page, []byte("<HealthStatus>HEALTHY</HealthStatus>"))
}

// lastVitals are those of the last good listing, of an earlier process too.
func (l *listing) lastVitals() []zonesource.Vital {
	kept, _ := l.o.Kept(l.key())
	if l.region.vitals == nil && kept.Region != nil {
		return kept.Region.Vitals
	}
	return l.region.vitals
}

// vitalsOf takes what is wrong with instances. Where something could not be read the last
// good ones stay, unless we may not see it. The error is that of the context, or of a page.
func (l *listing) vitalsOf(ctx context.Context, v *vitals) ([]zonesource.Vital, error) {
	if len(l.o.Health) == 0 {
		return nil, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if v.err != nil {
		l.problem("", "reading the health of instances: %v: it is as last known, if at all", v.err)
		if !awscall.IsDenied(v.err) {
			return l.lastVitals(), nil
		}
	}
	statuses, err := v.statuses.all(ctx)
	if err != nil {
		return nil, err
	}
	members, err := v.failing(ctx)
	if err != nil {
		return nil, err
	}
	why := map[string][]string{}
	against := func(instance, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if !slices.Contains(why[instance], text) {
			why[instance] = append(why[instance], text)
		}
	}
	for _, s := range statuses {
		if s.InstanceStatus != nil && s.InstanceStatus.Status == types.SummaryStatusImpaired {
			against(aws.ToString(s.InstanceId), "status check: instance impaired")
		}
		if s.SystemStatus != nil && s.SystemStatus.Status == types.SummaryStatusImpaired {
			against(aws.ToString(s.InstanceId), "status check: system impaired")
		}
	}
	for _, m := range members {
		state := aws.ToString(m.LifecycleState)
		switch {
		case state != string(asgtypes.LifecycleStateInService):
			against(aws.ToString(m.InstanceId), "auto scaling: %s", state)
		case strings.EqualFold(aws.ToString(m.HealthStatus), "unhealthy"):
			against(aws.ToString(m.InstanceId), "auto scaling: unhealthy")
		}
	}
	for _, t := range v.targets {
		switch elbtypes.TargetHealthStateEnum(t.state) {
		case elbtypes.TargetHealthStateEnumUnhealthy, elbtypes.TargetHealthStateEnumDraining,
			elbtypes.TargetHealthStateEnumUnhealthyDraining:
			against(t.instance, "target group %s: %s", t.group, t.state)
		}
	}
	all := []zonesource.Vital{}
	for instance, texts := range why {
		all = append(all, zonesource.Vital{Instance: instance, Why: strings.Join(texts, ", ")})
	}
	slices.SortFunc(all, func(a, b zonesource.Vital) int { return cmp.Compare(a.Instance, b.Instance) })
	l.region.vitals = all
	if len(all) == 0 {
		return nil, nil
	}
	return all, nil
}
