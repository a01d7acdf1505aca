package health

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"inside53/resolver/zone"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/refresh"
)

// balancerReader reads the health of the load balancers of one region of an account.
type balancerReader struct {
	m       *Monitor
	account *awsclient.Account
	region  string
	api     balancerAPI
	now     chan struct{} // it is read soon
	listing grievance
	// isDenied says that the account doesn't let classic load balancers be looked at.
	isDenied bool
}

// WantTargets has the health of the load balancers of a region read soon, by the configured name
// of its account: targets were registered, or taken away.
func (m *Monitor) WantTargets(account, region string) {
	for _, r := range m.groups {
		if r.account.Name != account || r.region != region {
			continue
		}
		select {
		case r.now <- struct{}{}:
		default: // it is awake
		}
	}
}

// place names the region among all accounts.
func (r *balancerReader) place() string { return r.account.Name + "/" + r.region }

// run reads until ctx ends, which is its error. Where the account doesn't allow it,
// load balancers count as healthy and nothing is asked any more.
func (r *balancerReader) run(ctx context.Context) error {
	loop := r.m.loop()
	loop.Now, loop.NowPause = r.now, wantedPause
	return loop.Run(ctx, func(ctx context.Context) refresh.Next {
		wanted, known := r.wanted()
		if !known {
			return refresh.Next{In: wantedPause}
		}
		found, err := r.read(ctx, wanted)
		switch {
		case ctx.Err() != nil:
			return refresh.Next{}
		case err != nil && awscall.IsDenied(err):
			r.m.log.Warn("health of load balancers is off", "account", r.account.Name, "region", r.region, "error", err)
			r.m.setTargets(r.place(), nil)
			return refresh.Next{Result: refresh.Refused}
		case err == nil:
			r.m.setTargets(r.place(), found)
		}
		r.listing.note(r.m.log, "health of load balancers", err, "account", r.account.Name, "region", r.region)
		return refresh.Next{}
	})
}

func (r *balancerReader) call(what string) awscall.Call {
	return r.m.call(r.account, fmt.Sprintf("%s in %s of %s", what, r.region, r.account))
}

// wantedPause is how soon is looked again whether there are data that say which load
// balancers matter.
const wantedPause = time.Second

// wanted returns the names of the load balancers that matter and may be in this region, nil
// for all. known is false where nothing says yet what matters.
func (r *balancerReader) wanted() (names map[string]bool, known bool) {
	if r.m.options.WantedTargets == nil {
		return nil, true
	}
	all := r.m.options.WantedTargets()
	if all == nil {
		return nil, false
	}
	names = map[string]bool{}
	for _, name := range all {
		if mayBeIn(name, r.region) {
			names[name] = true
		}
	}
	return names, true
}

// regionLabel is a label that is the name of a region.
var regionLabel = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)

// mayBeIn reports whether a name is that of a load balancer that may be in a region. Names
// of load balancers have a label elb in each partition, and that of their region beside it:
// NAME.REGION.elb.amazonaws.com or NAME.elb.REGION.amazonaws.com. What names no region may be
// in any.
func mayBeIn(name, region string) bool {
	labels := strings.Split(zone.String([]byte(name)), ".")
	at := slices.Index(labels, "elb")
	if at < 1 || at+1 >= len(labels) {
		return false
	}
	before, after := labels[at-1], labels[at+1]
	if regionLabel.MatchString(after) {
		return after == region
	}
	return at < 2 || !regionLabel.MatchString(before) || before == region
}

// read returns the health of the wanted load balancers, nil for all, by their names. Where
// none is wanted nobody is asked.
func (r *balancerReader) read(ctx context.Context, wanted map[string]bool) (map[string]zone.Target, error) {
	if wanted != nil && len(wanted) == 0 {
		return nil, nil
	}
	names, err := r.names(ctx, wanted)
	if err != nil {
		return nil, err
	}
	found, err := r.classic(ctx, r.others(wanted, names))
	if err != nil && awscall.IsDenied(err) { // an older policy: they count as healthy, and the others are read
		r.isDenied = true
		r.m.log.Warn("health of classic load balancers is off", "account", r.account.Name, "region", r.region, "error", err)
		found, err = map[string]zone.Target{}, nil
	}
	if err != nil || len(names) == 0 {
		return found, err
	}
	groups, err := r.groups(ctx, names)
	if err != nil {
		return nil, err
	}
	for arn, name := range names {
		t := zone.Target{Healthy: true, Why: "no target groups"}
		for _, g := range groups[arn] {
			healthy, why, err := r.group(ctx, g)
			if err != nil {
				return nil, err
			}
			t.Why = why
			if !healthy {
				t.Healthy = false
				break
			}
		}
		if t.Healthy && len(groups[arn]) > 1 {
			t.Why = fmt.Sprintf("a healthy target in each of %d target groups", len(groups[arn]))
		}
		t.Seen = r.m.options.Now()
		found[name] = t
		found[dualstack(name)] = t
	}
	return found, nil
}

// names returns the names of the wanted load balancers, in wire form by their ARNs.
func (r *balancerReader) names(ctx context.Context, wanted map[string]bool) (map[string]string, error) {
	found := map[string]string{}
	c := r.call("listing the load balancers")
	err := awscall.Pages(c.What, func(marker string) (string, error) {
		in := &elb.DescribeLoadBalancersInput{Marker: awscall.Token(marker), PageSize: aws.Int32(400)}
		out, err := awscall.Do(ctx, c, r.api.balancers, in)
		if err != nil {
			return "", err
		}
		for _, b := range out.LoadBalancers {
			name, err := zone.ParseName(strings.ToLower(aws.ToString(b.DNSName)))
			if err != nil || b.Type == types.LoadBalancerTypeEnumGateway {
				continue // it has no name that an alias could have
			}
			if wanted == nil || wanted[string(name)] || wanted[dualstack(string(name))] {
				found[aws.ToString(b.LoadBalancerArn)] = string(name)
			}
		}
		return aws.ToString(out.NextMarker), nil
	})
	return found, err
}

// dualstack is the name under which the console makes aliases to a load balancer.
func dualstack(name string) string { return "\x09dualstack" + name }

// isDualstack reports whether a name is such a second one.
func isDualstack(name string) bool { return strings.HasPrefix(name, dualstack("")) }

// tabulateTargets puts all load balancers into a table, and returns those whose health isn't
// what it was the last time. Call it with mu held.
func (m *Monitor) tabulateTargets(table map[string]zone.Target) (flips []flip) {
	bad := map[string]bool{}
	for _, targets := range m.targets {
		for name, t := range targets {
			table[name] = t
			if isDualstack(name) {
				continue
			}
			if !t.Healthy {
				bad[name] = true
			}
			if t.Healthy == m.bad[name] {
				flips = append(flips, flip{balancer: true, id: zone.String([]byte(name)), healthy: t.Healthy, why: t.Why})
			}
		}
	}
	m.bad = bad
	return flips
}

// Balancers returns the load balancers that are looked at, by their names with the
// trailing dot.
func (m *Monitor) Balancers() map[string]zone.Target {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string]zone.Target{}
	for _, targets := range m.targets {
		for name, t := range targets {
			if !isDualstack(name) {
				all[zone.String([]byte(name))] = t
			}
		}
	}
	return all
}

// groups returns the target groups that the load balancers route to, by ARN of the
// load balancer.
func (r *balancerReader) groups(ctx context.Context, names map[string]string) (map[string][]types.TargetGroup, error) {
	found := map[string][]types.TargetGroup{}
	c := r.call("listing the target groups")
	err := awscall.Pages(c.What, func(marker string) (string, error) {
		in := &elb.DescribeTargetGroupsInput{Marker: awscall.Token(marker), PageSize: aws.Int32(400)}
		out, err := awscall.Do(ctx, c, r.api.groups, in)
		if err != nil {
			return "", err
		}
		for _, g := range out.TargetGroups {
			for _, arn := range g.LoadBalancerArns {
				if names[arn] != "" {
					found[arn] = append(found[arn], g)
				}
			}
		}
		return aws.ToString(out.NextMarker), nil
	})
	return found, err
}

// group asks for the targets of one group.
func (r *balancerReader) group(ctx context.Context, g types.TargetGroup) (healthy bool, why string, err error) {
	s, err := r.look(ctx, g)
	return s.Healthy, s.Why, err
}
