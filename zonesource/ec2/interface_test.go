package ec2

import (
	"net/netip"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"inside53/zonesource"
)

// TestInterfacesOfInstances: what instances tell of their interfaces, where these aren't listed.
func TestInterfacesOfInstances(t *testing.T) {
	public := func(ip string) *types.InstanceNetworkInterfaceAssociation {
		return &types.InstanceNetworkInterfaceAssociation{PublicIp: aws.String(ip)}
	}
	reservations := []types.Reservation{{Instances: []types.Instance{
		{InstanceId: aws.String("i-flat"), VpcId: aws.String("vpc-a"), PrivateIpAddress: aws.String("10.0.0.1"),
			PublicIpAddress: aws.String("192.0.2.1")},
		{InstanceId: aws.String("i-elastic"), VpcId: aws.String("vpc-a"), PrivateIpAddress: aws.String("10.0.0.2")},
		{InstanceId: aws.String("i-none")},
		{InstanceId: aws.String("i-full"), VpcId: aws.String("vpc-a"), PrivateIpAddress: aws.String("10.0.0.3"),
			NetworkInterfaces: []types.InstanceNetworkInterface{
				{
					NetworkInterfaceId: aws.String("eni-1"), VpcId: aws.String("vpc-a"), SubnetId: aws.String("subnet-1"),
					PrivateIpAddresses: []types.InstancePrivateIpAddress{
						{PrivateIpAddress: aws.String("10.0.0.4")},
						{PrivateIpAddress: aws.String("10.0.0.3"), Primary: aws.Bool(true), Association: public("192.0.2.3")},
					},
					Ipv6Addresses: []types.InstanceIpv6Address{{Ipv6Address: aws.String("2001:db8::3")}},
				},
				{NetworkInterfaceId: aws.String("eni-2"), PrivateIpAddress: aws.String("10.0.0.5"),
					Association: public("192.0.2.5")},
			}},
	}}}
	l := &listing{region: &region{}}
	got := l.interfaces(cardsOf(reservations))
	settle(got, []elasticIP{{public: "192.0.2.2", private: "10.0.0.2", instance: "i-elastic", card: "eni-9"}})
	want := []*zonesource.Interface{
		{ID: "eni-1", VPC: "vpc-a", Subnet: "subnet-1", Private: addr("10.0.0.3"), Public: addr("192.0.2.3"),
			IPv6: []netip.Addr{addr("2001:db8::3")}, Instance: "i-full", Primary: true},
		{ID: "eni-1", VPC: "vpc-a", Subnet: "subnet-1", Private: addr("10.0.0.4"), Instance: "i-full"},
		{ID: "eni-2", VPC: "vpc-a", Private: addr("10.0.0.5"), Public: addr("192.0.2.5"), Instance: "i-full"},
		{ID: "i-elastic", VPC: "vpc-a", Private: addr("10.0.0.2"), Public: addr("192.0.2.2"), Instance: "i-elastic",
			Primary: true},
		{ID: "i-flat", VPC: "vpc-a", Private: addr("10.0.0.1"), Public: addr("192.0.2.1"), Instance: "i-flat",
			Primary: true},
	}
	diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }))
	if diff != "" || len(l.problems) != 0 {
		t.Errorf("problems %v, %s", l.problems, diff)
	}
}

// TestInterfacesListedAlone: an interface that is told of with its first address alone, and one
// whose public address stands at the interface alone.
func TestInterfacesListedAlone(t *testing.T) {
	l := &listing{region: &region{}}
	got := l.interfaces([]types.NetworkInterface{{
		NetworkInterfaceId: aws.String("eni-1"), PrivateIpAddress: aws.String("10.0.0.1"),
		Association: &types.NetworkInterfaceAssociation{PublicIp: aws.String("192.0.2.1")},
	}, {
		NetworkInterfaceId: aws.String("eni-2"), PrivateIpAddress: aws.String("10.0.0.2"),
		Association: &types.NetworkInterfaceAssociation{PublicIp: aws.String("192.0.2.2")},
		PrivateIpAddresses: []types.NetworkInterfacePrivateIpAddress{
			{PrivateIpAddress: aws.String("10.0.0.2"), Primary: aws.Bool(true)},
			{PrivateIpAddress: aws.String("10.0.0.3")},
		},
	}})
	want := []*zonesource.Interface{{ID: "eni-1", Private: addr("10.0.0.1"), Public: addr("192.0.2.1")},
		{ID: "eni-2", Private: addr("10.0.0.2"), Public: addr("192.0.2.2")}, {ID: "eni-2", Private: addr("10.0.0.3")}}
	diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }))
	if diff != "" {
		t.Error(diff)
	}
}

func TestVPCCIDRs(t *testing.T) {
	block := func(cidr string, state types.VpcCidrBlockStateCode) types.VpcCidrBlockAssociation {
		a := types.VpcCidrBlockAssociation{CidrBlock: aws.String(cidr)}
		if state != "" {
			a.CidrBlockState = &types.VpcCidrBlockState{State: state}
		}
		return a
	}
	for _, c := range []struct {
		vpc  types.Vpc
		want []string
	}{
		{types.Vpc{CidrBlock: aws.String("10.0.0.0/16")}, []string{"10.0.0.0/16"}},
		{types.Vpc{CidrBlock: aws.String("10.0.0.0/16"), CidrBlockAssociationSet: []types.VpcCidrBlockAssociation{
			block("10.0.0.0/16", types.VpcCidrBlockStateCodeAssociated),
			block("10.1.0.0/16", types.VpcCidrBlockStateCodeDisassociating), block("10.2.0.0/16", ""),
		}}, []string{"10.0.0.0/16", "10.2.0.0/16"}},
	} {
		var got []string
		for _, p := range (&listing{region: &region{}}).vpcCIDRs(c.vpc) {
			got = append(got, p.String())
		}
		diff := cmp.Diff(c.want, got)
		if diff != "" {
			t.Error(diff)
		}
	}
}
