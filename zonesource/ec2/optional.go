package ec2

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
)

// refreshPeerings takes the peerings as they were listed, or not. Where they weren't the last
// good ones stay, unless we may not see them: then there are none. The error is that of the
// context alone.
func (l *listing) refreshPeerings(ctx context.Context, pages lazy[types.VpcPeeringConnection], err error) error {
	var listed []types.VpcPeeringConnection
	if err == nil {
		listed, err = pages.all(ctx)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil || awscall.IsDenied(err) {
		l.region.peerings = l.peeringsOf(listed)
	}
	if err != nil {
		l.problem("", "listing VPC peerings: %v: addresses of peered VPCs are given as last known, if at all", err)
	}
	return nil
}

func (l *listing) listPeerings(ctx context.Context) (lazy[types.VpcPeeringConnection], error) {
	active := types.Filter{Name: aws.String("status-code"),
		Values: []string{string(types.VpcPeeringConnectionStateReasonCodeActive)}}
	return listAll(ctx, l, l.api.peerings,
		func(token *string) *ec2.DescribeVpcPeeringConnectionsInput {
			return &ec2.DescribeVpcPeeringConnectionsInput{Filters: []types.Filter{active}, MaxResults: aws.Int32(pageSize),
				NextToken: token}
		}, func(out *ec2.DescribeVpcPeeringConnectionsOutput) ([]types.VpcPeeringConnection, *string) {
			return out.VpcPeeringConnections, out.NextToken
		})
}

// peeringsOf takes those that are active, by id.
func (l *listing) peeringsOf(listed []types.VpcPeeringConnection) []zonesource.Peering {
	var all []zonesource.Peering
	for i := range listed {
		p, ok := l.peering(&listed[i])
		if ok {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b zonesource.Peering) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// peering takes an active peering; A is the requester. The option of a side, "allow
// DNS resolution from remote VPC", lets the clients of the *other* side resolve the
// public names of this one to private addresses.
func (l *listing) peering(p *types.VpcPeeringConnection) (zonesource.Peering, bool) {
	if p.Status == nil || p.Status.Code != types.VpcPeeringConnectionStateReasonCodeActive || p.RequesterVpcInfo == nil ||
		p.AccepterVpcInfo == nil {
		return zonesource.Peering{}, false
	}
	id := aws.ToString(p.VpcPeeringConnectionId)
	return zonesource.Peering{
		ID:     id,
		A:      l.peer(p.RequesterVpcInfo),
		B:      l.peer(p.AccepterVpcInfo),
		ADNS:   opens(p.AccepterVpcInfo),
		BDNS:   opens(p.RequesterVpcInfo),
		ACIDRs: l.peerCIDRs(id, p.RequesterVpcInfo),
		BCIDRs: l.peerCIDRs(id, p.AccepterVpcInfo),
	}, true
}

func (l *listing) peer(side *types.VpcPeeringConnectionVpcInfo) zone.VPC {
	v := zone.VPC{ID: aws.ToString(side.VpcId), Region: aws.ToString(side.Region)}
	if v.Region == "" {
		v.Region = l.name // before there were peerings between regions
	}
	return v
}

// opens reports whether the side lets the other one's clients see its private
// addresses.
func opens(side *types.VpcPeeringConnectionVpcInfo) bool {
	return side.PeeringOptions != nil && aws.ToBool(side.PeeringOptions.AllowDnsResolutionFromRemoteVpc)
}

func (l *listing) peerCIDRs(id string, side *types.VpcPeeringConnectionVpcInfo) []netip.Prefix {
	all := l.appendPrefix(nil, id, side.CidrBlock)
	for _, c := range side.CidrBlockSet {
		all = l.appendPrefix(all, id, c.CidrBlock)
	}
	for _, c := range side.Ipv6CidrBlockSet {
		all = l.appendPrefix(all, id, c.Ipv6CidrBlock)
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	return slices.Compact(all)
}

// refreshBalancers takes the load balancers, if they were asked for, in the manner of
// refreshPeerings.
func (l *listing) refreshBalancers(ctx context.Context, pages lazy[elbtypes.LoadBalancer], err error) error {
	if !l.o.LoadBalancers {
		return nil
	}
	var listed []elbtypes.LoadBalancer
	if err == nil {
		listed, err = pages.all(ctx)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case err == nil:
		l.region.balancers = l.balancersOf(listed)
	case awscall.IsDenied(err):
		l.region.balancers = balancers{}
	}
	if err != nil {
		l.problem("", "listing load balancers: %v: their interfaces are known by description alone", err)
	}
	return nil
}

func (l *listing) listBalancers(ctx context.Context) (lazy[elbtypes.LoadBalancer], error) {
	if !l.o.LoadBalancers {
		return nil, nil
	}
	// 400 is the most that ELB puts on a page, and what it takes by itself.
	return listAll(ctx, l, l.api.balancers, func(token *string) *elb.DescribeLoadBalancersInput {
		return &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(400), Marker: token}
	}, func(out *elb.DescribeLoadBalancersOutput) ([]elbtypes.LoadBalancer, *string) {
		return out.LoadBalancers, out.NextMarker
	})
}

// balancersOf takes the static addresses of load balancers.
func (l *listing) balancersOf(listed []elbtypes.LoadBalancer) balancers {
	found := balancers{byAddress: map[netip.Addr]string{}}
	for _, b := range listed {
		name := aws.ToString(b.LoadBalancerName)
		for _, z := range b.AvailabilityZones {
			for _, a := range z.LoadBalancerAddresses {
				public, private := l.addr(name, a.IpAddress), l.addr(name, a.PrivateIPv4Address)
				if public.IsValid() {
					found.byAddress[public] = name
				}
				if private.IsValid() {
					found.byAddress[private] = name
				}
			}
		}
	}
	return found
}
