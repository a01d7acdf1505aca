package export

import (
	"context"
	"fmt"
	"path"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"inside53/zonesource/awscall"
)

// RegionActions are the IAM actions of a region that an export of data needs, in
// alphabetical order.
func RegionActions() []string {
	return []string{
		"ec2:DescribeAddresses", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
		"ec2:DescribeVpcPeeringConnections", "ec2:DescribeVpcs", "elasticloadbalancing:DescribeLoadBalancers",
	}
}

// pageSize is how many items a page of EC2 has at most.
const pageSize = 1000

// region keeps the inventory of a region, and notes its VPCs.
func (c *collector) region(ctx context.Context, name string, vpcs map[string]string) error {
	c.options.Progress("the inventory of " + name)
	cfg := c.account.Config.Copy()
	cfg.Region = name
	sdk := ec2.NewFromConfig(cfg)
	found, err := list(ctx, awscall.Bind("ec2", "DescribeVpcs", sdk.DescribeVpcs),
		func(token *string) *ec2.DescribeVpcsInput {
			return &ec2.DescribeVpcsInput{MaxResults: aws.Int32(pageSize), NextToken: token}
		}, func(out *ec2.DescribeVpcsOutput) ([]ec2types.Vpc, *string) { return out.Vpcs, out.NextToken })
	if err == nil {
		err = c.put(path.Join(name, "describe-vpcs.json"), struct{ Vpcs []ec2types.Vpc }{found})
	}
	if err != nil {
		return fmt.Errorf("listing the VPCs of %s: %w", name, err)
	}
	for _, v := range found {
		vpcs[aws.ToString(v.VpcId)] = name
	}
	err = c.machines(ctx, name, awscall.Bind("ec2", "DescribeInstances", sdk.DescribeInstances),
		awscall.Bind("ec2", "DescribeNetworkInterfaces", sdk.DescribeNetworkInterfaces))
	if err == nil {
		err = c.network(ctx, name, awscall.Bind("ec2", "DescribeAddresses", sdk.DescribeAddresses),
			awscall.Bind("ec2", "DescribeSubnets", sdk.DescribeSubnets))
	}
	if err == nil {
		err = c.peerings(ctx, name, awscall.Bind("ec2", "DescribeVpcPeeringConnections", sdk.DescribeVpcPeeringConnections))
	}
	if err == nil {
		client := elb.NewFromConfig(cfg)
		err = c.balancers(ctx, name, awscall.Bind("elasticloadbalancing", "DescribeLoadBalancers",
			client.DescribeLoadBalancers))
	}
	return err
}

// list calls an operation page by page and returns all items, which is never nil.
func list[In, Out, Item any](
	ctx context.Context, op awscall.Op[In, Out], in func(token *string) *In, items func(*Out) ([]Item, *string),
) ([]Item, error) {
	all := []Item{}
	err := awscall.Pages(op.Name, func(marker string) (string, error) {
		out, err := op.Call(ctx, in(awscall.Token(marker)))
		if err != nil {
			return "", err
		}
		some, next := items(out)
		all = append(all, some...)
		return aws.ToString(next), nil
	})
	return all, err
}

func (c *collector) machines(ctx context.Context, name string,
	instances awscall.Op[ec2.DescribeInstancesInput, ec2.DescribeInstancesOutput],
	interfaces awscall.Op[ec2.DescribeNetworkInterfacesInput, ec2.DescribeNetworkInterfacesOutput],
) error {
	reservations, err := list(ctx, instances, func(token *string) *ec2.DescribeInstancesInput {
		return &ec2.DescribeInstancesInput{MaxResults: aws.Int32(pageSize), NextToken: token}
	}, func(out *ec2.DescribeInstancesOutput) ([]ec2types.Reservation, *string) {
		return out.Reservations, out.NextToken
	})
	if err == nil {
		err = c.put(path.Join(name, "describe-instances.json"), struct{ Reservations []ec2types.Reservation }{reservations})
	}
	if err != nil {
		return fmt.Errorf("listing the instances of %s: %w", name, err)
	}
	cards, err := list(ctx, interfaces, func(token *string) *ec2.DescribeNetworkInterfacesInput {
		return &ec2.DescribeNetworkInterfacesInput{MaxResults: aws.Int32(pageSize), NextToken: token}
	}, func(out *ec2.DescribeNetworkInterfacesOutput) ([]ec2types.NetworkInterface, *string) {
		return out.NetworkInterfaces, out.NextToken
	})
	if err == nil {
		err = c.put(path.Join(name, "describe-network-interfaces.json"),
			struct{ NetworkInterfaces []ec2types.NetworkInterface }{cards})
	}
	if err != nil {
		return fmt.Errorf("listing the network interfaces of %s: %w", name, err)
	}
	return nil
}

func (c *collector) network(ctx context.Context, name string,
	addresses awscall.Op[ec2.DescribeAddressesInput, ec2.DescribeAddressesOutput],
	subnets awscall.Op[ec2.DescribeSubnetsInput, ec2.DescribeSubnetsOutput],
) error {
	elastic, err := addresses.Call(ctx, &ec2.DescribeAddressesInput{}) // which has no pages
	if err == nil {
		err = c.put(path.Join(name, "describe-addresses.json"), struct{ Addresses []ec2types.Address }{elastic.Addresses})
	}
	if err != nil {
		return fmt.Errorf("listing the elastic addresses of %s: %w", name, err)
	}
	found, err := list(ctx, subnets, func(token *string) *ec2.DescribeSubnetsInput {
		return &ec2.DescribeSubnetsInput{MaxResults: aws.Int32(pageSize), NextToken: token}
	}, func(out *ec2.DescribeSubnetsOutput) ([]ec2types.Subnet, *string) { return out.Subnets, out.NextToken })
	if err == nil {
		err = c.put(path.Join(name, "describe-subnets.json"), struct{ Subnets []ec2types.Subnet }{found})
	}
	if err != nil {
		return fmt.Errorf("listing the subnets of %s: %w", name, err)
	}
	return nil
}

func (c *collector) peerings(ctx context.Context, name string,
	peerings awscall.Op[ec2.DescribeVpcPeeringConnectionsInput, ec2.DescribeVpcPeeringConnectionsOutput],
) error {
	found, err := list(ctx, peerings, func(token *string) *ec2.DescribeVpcPeeringConnectionsInput {
		return &ec2.DescribeVpcPeeringConnectionsInput{MaxResults: aws.Int32(pageSize), NextToken: token}
	}, func(out *ec2.DescribeVpcPeeringConnectionsOutput) ([]ec2types.VpcPeeringConnection, *string) {
		return out.VpcPeeringConnections, out.NextToken
	})
	if err == nil {
		err = c.put(path.Join(name, "describe-vpc-peering-connections.json"), struct {
			VpcPeeringConnections []ec2types.VpcPeeringConnection
		}{found})
	}
	if err != nil {
		err = fmt.Errorf("listing the VPC peerings of %s (ec2:DescribeVpcPeeringConnections): %w", name, err)
	}
	return c.without(err, "VPC peerings", awscall.IsDenied(err))
}

func (c *collector) balancers(ctx context.Context, name string,
	f awscall.Op[elb.DescribeLoadBalancersInput, elb.DescribeLoadBalancersOutput]) error {
	found, err := list(ctx, f, func(token *string) *elb.DescribeLoadBalancersInput {
		return &elb.DescribeLoadBalancersInput{Marker: token}
	}, func(out *elb.DescribeLoadBalancersOutput) ([]elbtypes.LoadBalancer, *string) {
		return out.LoadBalancers, out.NextMarker
	})
	if err == nil {
		err = c.put(path.Join(name, "describe-load-balancers.json"), struct{ LoadBalancers []elbtypes.LoadBalancer }{found})
	}
	if err != nil {
		err = fmt.Errorf("listing the load balancers of %s (elasticloadbalancing:DescribeLoadBalancers): %w", name, err)
	}
	return c.without(err, "load balancers", awscall.IsDenied(err))
}
