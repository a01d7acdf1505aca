package health

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"

	"inside53/resolver/zone"
	"inside53/zonesource/awscall"
)

// others returns the wanted names that no newer load balancer has and a classic one may have:
// NAME.REGION.elb.amazonaws.com. Nil is all.
func (r *balancerReader) others(wanted map[string]bool, names map[string]string) map[string]bool {
	if wanted == nil {
		return nil
	}
	known := map[string]bool{}
	for _, name := range names {
		known[name], known[dualstack(name)] = true, true
	}
	out := map[string]bool{}
	for name := range wanted {
		if !known[name] && strings.Contains(name, "\x03elb\x09amazonaws\x03com\x00") ||
			!known[name] && strings.Contains(name, "\x03elb\x09amazonaws\x03com\x02cn\x00") {
			out[name] = true
		}
	}
	return out
}

// classic returns the health of the wanted classic load balancers, nil for all, by their names:
// one is healthy when an instance of it is in service. Where none is wanted nobody is asked.
func (r *balancerReader) classic(ctx context.Context, wanted map[string]bool) (map[string]zone.Target, error) {
	found := map[string]zone.Target{}
	if wanted != nil && len(wanted) == 0 || r.isDenied {
		return found, nil
	}
	names := map[string]string{} // by name of the load balancer
	c := r.call("listing the classic load balancers")
	err := awscall.Pages(c.What, func(marker string) (string, error) {
		in := &elasticloadbalancing.DescribeLoadBalancersInput{Marker: awscall.Token(marker), PageSize: aws.Int32(400)}
		out, err := awscall.Do(ctx, c, r.api.classic, in)
		if err != nil {
			return "", err
		}
		for _, b := range out.LoadBalancerDescriptions {
			name, err := zone.ParseName(strings.ToLower(aws.ToString(b.DNSName)))
			if err == nil && (wanted == nil || wanted[string(name)] || wanted[dualstack(string(name))]) {
				names[aws.ToString(b.LoadBalancerName)] = string(name)
			}
		}
		return aws.ToString(out.NextMarker), nil
	})
	if err != nil {
		return nil, err
	}
	for balancer, name := range names {
		t, err := r.classicTarget(ctx, balancer)
		if err != nil {
			return nil, err
		}
		found[name], found[dualstack(name)] = t, t
	}
	return found, nil
}

// classicTarget asks for the instances of one classic load balancer.
func (r *balancerReader) classicTarget(ctx context.Context, balancer string) (zone.Target, error) {
	out, err := awscall.Do(ctx, r.call("asking for the instances of "+balancer), r.api.instances,
		&elasticloadbalancing.DescribeInstanceHealthInput{LoadBalancerName: aws.String(balancer)})
	if err != nil {
		return zone.Target{}, err
	}
	up := 0
	for _, s := range out.InstanceStates {
		if aws.ToString(s.State) == "InService" {
			up++
		}
	}
	t := zone.Target{Healthy: up > 0, Seen: r.m.options.Now(),
		Why: fmt.Sprintf("%d of %d instances in service", up, len(out.InstanceStates))}
	if len(out.InstanceStates) == 0 {
		t.Why = "has no instances"
	}
	return t, nil
}
