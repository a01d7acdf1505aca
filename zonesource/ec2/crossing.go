package ec2

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"inside53/zonesource"
	"inside53/zonesource/awscall"
)

// crossing is whether the addresses of a network load balancer lead to the targets of all zones,
// as it was asked.
type crossing struct {
	on bool
	at time.Time
}

// crossEvery is how long what a load balancer is set to counts: people change it by hand.
const crossEvery = 10 * time.Minute

// knowsCrossing reports whether what load balancers are set to needn't be asked, and is in what is kept: a listing
// that has shrunk isn't at once.
func (l *listing) knowsCrossing() bool {
	if !l.o.Affinity {
		return true
	}
	var on []string
	now := l.o.Now()
	for id, c := range l.region.crossing {
		if now.Sub(c.at) > crossEvery {
			return false
		}
		if c.on {
			on = append(on, id)
		}
	}
	slices.Sort(on)
	return l.region.crossing != nil && l.last.Region != nil && slices.Equal(on, l.last.Region.CrossZone)
}

// crossZone returns the network load balancers with interfaces in the region that lead to the
// targets of all zones, if that matters. One that isn't told about leads to those of its own
// zone, as they are made. The error is that of the context alone.
func (l *listing) crossZone(ctx context.Context, found *zonesource.Region) ([]string, error) {
	if !l.o.Affinity {
		return nil, nil
	}
	known, now := l.region.crossing, l.o.Now()
	l.region.crossing = map[string]crossing{}
	var on []string
	var failed error
	for _, f := range found.Interfaces {
		id, isNetwork := strings.CutPrefix(f.Service, "nlb ")
		_, seen := l.region.crossing[id]
		if !isNetwork || seen {
			continue
		}
		c, asked := known[id]
		if !asked || now.Sub(c.at) > crossEvery {
			is, err := l.askCrossing(ctx, found, f)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil {
				failed = err
			} else {
				c = crossing{is, now}
			}
		}
		l.region.crossing[id] = c
		if c.on {
			on = append(on, id)
		}
	}
	if failed != nil {
		l.problem("", "asking what network load balancers are set to: %v: they are as last known, else of one zone each",
			failed)
	}
	slices.Sort(on)
	return on, nil
}

// askCrossing asks what the load balancer of an interface is set to.
func (l *listing) askCrossing(ctx context.Context, found *zonesource.Region, f *zonesource.Interface) (bool, error) {
	id := strings.TrimPrefix(f.Service, "nlb ")
	at := strings.LastIndexByte(id, '-')
	if at < 0 || found.AccountID == "" {
		return false, nil
	}
	arn := fmt.Sprintf("arn:%s:elasticloadbalancing:%s:%s:loadbalancer/net/%s/%s", partition(l.name), l.name,
		found.AccountID, id[:at], id[at+1:])
	out, err := ask(ctx, l.o.CallTimeout, l.api.attributes,
		&elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: aws.String(arn)})
	if awscall.HasCode(err, "LoadBalancerNotFound") {
		return false, nil // it goes, or is another account's
	}
	if err != nil {
		return false, err
	}
	for _, a := range out.Attributes {
		if aws.ToString(a.Key) == "load_balancing.cross_zone.enabled" {
			return aws.ToString(a.Value) == "true", nil
		}
	}
	return false, nil
}

// partition is the first part of the ARNs of a region.
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	case strings.HasPrefix(region, "eusc-"):
		return "aws-eusc"
	}
	return "aws"
}
