package awssim

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"inside53/examples"
)

// inRegion asks another region.
func inRegion(region string) func(*ec2.Options) { return func(o *ec2.Options) { o.Region = region } }

// instancesOf pages through the instances of the region.
func instancesOf(t *testing.T, c aClient, in *ec2.DescribeInstancesInput, region string) []types.Instance {
	t.Helper()
	var all []types.Instance
	pages := ec2.NewDescribeInstancesPaginator(c.ec2, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context(), inRegion(region))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Reservations {
			all = append(all, r.Instances...)
		}
	}
	return all
}

func instanceNames(instances []types.Instance) []string {
	var names []string
	for _, i := range instances {
		for _, tag := range i.Tags {
			if *tag.Key == "Name" {
				names = append(names, *tag.Value)
			}
		}
	}
	return names
}

func TestDemoInstances(t *testing.T) {
	s := newSim(t, Options{Data: examples.Demo()})
	c := serve(t, s)
	dublin := instancesOf(t, c, &ec2.DescribeInstancesInput{}, "eu-west-1")
	virginia := instancesOf(t, c, &ec2.DescribeInstancesInput{}, "us-east-1")
	if len(dublin) != 11 || len(virginia) != 4 ||
		len(instancesOf(t, c, &ec2.DescribeInstancesInput{}, "ap-south-1")) != 0 {
		t.Errorf("%d instances in eu-west-1, %d in us-east-1", len(dublin), len(virginia))
	}
	bastion := dublin[0]
	eni := bastion.NetworkInterfaces[0]
	if *bastion.PrivateIpAddress != "10.0.1.10" || *bastion.PublicIpAddress != "203.0.113.10" ||
		*eni.PrivateIpAddresses[0].Association.PublicIp != "203.0.113.10" ||
		bastion.State.Name != types.InstanceStateNameRunning || bastion.LaunchTime.Year() != 2025 ||
		bastion.SecurityGroups[0].GroupName == nil ||
		*bastion.Placement.AvailabilityZone != "eu-west-1a" || !*eni.PrivateIpAddresses[0].Primary {
		t.Errorf("the bastion: %+v", bastion)
	}
	if vpn := dublin[1].NetworkInterfaces[0].PrivateIpAddresses; len(vpn) != 2 ||
		*vpn[1].Association.PublicIp != "203.0.113.12" {
		t.Errorf("the secondary address of vpn: %+v", vpn)
	}
}

// Paging is on when the client asks, and when the simulator wants it.
func TestInventoryPages(t *testing.T) {
	for _, c := range []struct {
		name     string
		pageSize int
		asked    *int32
		calls    int
	}{
		{"unpaged", 0, nil, 1}, {"asked", 0, aws.Int32(5), 3}, {"forced", 4, nil, 3}, {"both", 4, aws.Int32(10), 3},
		{"whole", 11, nil, 1},
	} {
		s := newSim(t, Options{Data: examples.Demo(), PageSize: c.pageSize})
		got := instancesOf(t, serve(t, s), &ec2.DescribeInstancesInput{MaxResults: c.asked}, "eu-west-1")
		if len(got) != 11 || s.Calls()["DescribeInstances"] != c.calls {
			t.Errorf("%s: %d instances in %d calls, want 11 in %d", c.name, len(got), s.Calls()["DescribeInstances"], c.calls)
		}
	}
}

func TestFilters(t *testing.T) {
	c := serve(t, newSim(t, Options{Data: examples.Demo()}))
	filter := func(name string, values ...string) types.Filter { return types.Filter{Name: &name, Values: values} }
	for _, q := range []struct {
		name    string
		filters []types.Filter
		want    []string
	}{
		{"stopped", []types.Filter{filter("instance-state-name", "stopped")}, []string{"batch"}},
		{"either", []types.Filter{filter("tag:Name", "batch", "mail")}, []string{"mail", "batch"}},
		{"both", []types.Filter{filter("tag:Name", "batch", "mail"), filter("instance-state-name", "running")},
			[]string{"mail"}},
		{"wildcard", []types.Filter{filter("tag:dns", "web*")}, []string{"web-1", "web-2"}},
		{"one octet", []types.Filter{filter("tag:Name", "web-?")}, []string{"web-1", "web-2"}},
		{"vpc", []types.Filter{filter("vpc-id", "vpc-0d9e8f7a6b5c40312")}, []string{"sandbox"}},
		{"address", []types.Filter{filter("private-ip-address", "10.0.20.15")}, []string{"db-1"}},
		{"no tag", []types.Filter{filter("tag-key", "nothing")}, nil},
	} {
		got := instanceNames(instancesOf(t, c, &ec2.DescribeInstancesInput{Filters: q.filters}, "eu-west-1"))
		if !slices.Equal(got, q.want) {
			t.Errorf("%s: got %q, want %q", q.name, got, q.want)
		}
	}
	_, err := c.ec2.DescribeInstances(t.Context(),
		&ec2.DescribeInstancesInput{Filters: []types.Filter{filter("colour", "red")}})
	wantCode(t, "unknown filter", err, "InvalidParameterValue")
	_, err = c.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{Filters: []types.Filter{filter("vpc-id")}})
	wantCode(t, "no values", err, "InvalidParameterValue")
}

func TestInventoryCalls(t *testing.T) {
	s := newSim(t, Options{Data: examples.Demo()})
	c := serve(t, s)
	ctx := t.Context()
	addresses, err := c.ec2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{})
	if err != nil || len(addresses.Addresses) != 9 {
		t.Errorf("addresses: %v, %v", addresses, err)
	}
	free, err := c.ec2.DescribeAddresses(ctx,
		&ec2.DescribeAddressesInput{Filters: []types.Filter{
			{Name: aws.String("public-ip"), Values: []string{"203.0.113.40"}}}})
	if err != nil || len(free.Addresses) != 1 || free.Addresses[0].AssociationId != nil {
		t.Errorf("the free address: %v, %v", free, err)
	}
	vpcs, err := c.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
	if err != nil || len(vpcs.Vpcs) != 2 || *vpcs.Vpcs[0].CidrBlockAssociationSet[0].CidrBlock != "10.0.0.0/16" ||
		!*vpcs.Vpcs[1].IsDefault {
		t.Errorf("VPCs: %v, %v", vpcs, err)
	}
	subnets, err := c.ec2.DescribeSubnets(ctx,
		&ec2.DescribeSubnetsInput{Filters: []types.Filter{
			{Name: aws.String("vpc-id"), Values: []string{*vpcs.Vpcs[0].VpcId}}}})
	if err != nil || len(subnets.Subnets) != 3 {
		t.Errorf("subnets: %v, %v", subnets, err)
	}
	for _, region := range []string{"eu-west-1", "us-east-1"} {
		peerings, err := c.ec2.DescribeVpcPeeringConnections(ctx, &ec2.DescribeVpcPeeringConnectionsInput{}, inRegion(region))
		if err != nil || len(peerings.VpcPeeringConnections) != 1 ||
			!*peerings.VpcPeeringConnections[0].AccepterVpcInfo.PeeringOptions.AllowDnsResolutionFromRemoteVpc ||
			peerings.VpcPeeringConnections[0].Status.Code != types.VpcPeeringConnectionStateReasonCodeActive {
			t.Errorf("peerings of %s: %v, %v", region, peerings, err)
		}
	}
	interfaces, err := c.ec2.DescribeNetworkInterfaces(ctx,
		&ec2.DescribeNetworkInterfacesInput{
			Filters: []types.Filter{{Name: aws.String("requester-managed"), Values: []string{"true"}}}})
	if err != nil || len(interfaces.NetworkInterfaces) != 5 {
		t.Errorf("managed interfaces: %d, %v", len(interfaces.NetworkInterfaces), err)
	}
	regions, err := c.ec2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
	if err != nil || len(regions.Regions) != 2 {
		t.Errorf("regions: %v, %v", regions, err)
	}
	one, err := c.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{*vpcs.Vpcs[1].VpcId}})
	if err != nil || len(one.Vpcs) != 1 {
		t.Errorf("VPC by id: %v, %v", one, err)
	}
	_, err = c.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-0"}})
	wantCode(t, "no VPC", err, "InvalidVpcID.NotFound")
	_, err = c.ec2.DescribeInstances(ctx,
		&ec2.DescribeInstancesInput{InstanceIds: []string{"i-0"}, MaxResults: aws.Int32(5)})
	wantCode(t, "ids and pages", err, "InvalidInstanceID.NotFound")
}

func TestDryRun(t *testing.T) {
	s := newSim(t, Options{Data: examples.Demo()})
	c := serve(t, s)
	in := &ec2.DescribeInstancesInput{DryRun: aws.Bool(true)}
	_, err := c.ec2.DescribeInstances(t.Context(), in)
	wantCode(t, "allowed", err, "DryRunOperation")
	arm(t, s, Fault{Operation: "DescribeInstances", Fault: "access-denied"})
	_, err = c.ec2.DescribeInstances(t.Context(), in)
	wantCode(t, "denied", err, "UnauthorizedOperation")
}

func TestLoadBalancers(t *testing.T) {
	s := newSim(t, Options{Data: examples.Demo()})
	c := serve(t, s)
	var names []string
	pages := elasticloadbalancingv2.NewDescribeLoadBalancersPaginator(c.elb,
		&elasticloadbalancingv2.DescribeLoadBalancersInput{PageSize: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, lb := range page.LoadBalancers {
			names = append(names, *lb.LoadBalancerName)
			if lb.State.Code != "active" || len(lb.AvailabilityZones) != 2 || lb.CreatedTime.Year() != 2024 {
				t.Errorf("%+v", lb)
			}
		}
	}
	if !slices.Equal(names, []string{"web-prod", "intranet"}) || s.Calls()["DescribeLoadBalancers"] != 2 {
		t.Errorf("balancers %q in %d calls", names, s.Calls()["DescribeLoadBalancers"])
	}
	one, err := c.elb.DescribeLoadBalancers(t.Context(),
		&elasticloadbalancingv2.DescribeLoadBalancersInput{Names: []string{"intranet"}})
	if err != nil || len(one.LoadBalancers) != 1 {
		t.Errorf("by name: %v, %v", one, err)
	}
	_, err = c.elb.DescribeLoadBalancers(t.Context(),
		&elasticloadbalancingv2.DescribeLoadBalancersInput{Names: []string{"none"}})
	wantCode(t, "no balancer", err, "LoadBalancerNotFound")
}

// A moved elastic IP shows in all three places, and no longer where it was.
func TestAssociateAddress(t *testing.T) {
	s := newSim(t, Options{Data: examples.Demo()})
	c := serve(t, s)
	ctx := t.Context()
	const public = "203.0.113.10"
	interfaceOf := func(private string) types.NetworkInterface {
		t.Helper()
		out, err := c.ec2.DescribeNetworkInterfaces(ctx,
			&ec2.DescribeNetworkInterfacesInput{
				Filters: []types.Filter{{Name: aws.String("addresses.private-ip-address"), Values: []string{private}}}})
		if err != nil || len(out.NetworkInterfaces) != 1 {
			t.Fatal(out, err)
		}
		return out.NetworkInterfaces[0]
	}
	instanceOf := func(private string) types.Instance {
		t.Helper()
		all := instancesOf(t, c, &ec2.DescribeInstancesInput{
			Filters: []types.Filter{{Name: aws.String("private-ip-address"), Values: []string{private}}}}, "eu-west-1")
		if len(all) != 1 {
			t.Fatal(all)
		}
		return all[0]
	}
	web := interfaceOf("10.0.1.21")
	err := s.AssociateAddress("eu-west-1", public, *web.NetworkInterfaceId, "")
	if err != nil {
		t.Fatal(err)
	}
	if old := interfaceOf("10.0.1.10"); old.Association != nil || old.PrivateIpAddresses[0].Association != nil {
		t.Errorf("the old interface still has %+v", old.Association)
	}
	if old := instanceOf("10.0.1.10"); old.PublicIpAddress != nil || old.NetworkInterfaces[0].Association != nil {
		t.Errorf("the old instance still has %v", *old.PublicIpAddress)
	}
	if now := interfaceOf("10.0.1.21"); *now.Association.PublicIp != public ||
		*now.PrivateIpAddresses[0].Association.PublicIp != public || now.Association.AllocationId == nil {
		t.Errorf("the new interface has %+v", now.Association)
	}
	if now := instanceOf("10.0.1.21"); *now.PublicIpAddress != public ||
		*now.NetworkInterfaces[0].Association.PublicIp != public {
		t.Errorf("the new instance has %+v", now.PublicIpAddress)
	}
	address := func() types.Address {
		t.Helper()
		out, err := c.ec2.DescribeAddresses(ctx,
			&ec2.DescribeAddressesInput{Filters: []types.Filter{{Name: aws.String("public-ip"), Values: []string{public}}}})
		if err != nil || len(out.Addresses) != 1 {
			t.Fatal(out, err)
		}
		return out.Addresses[0]
	}
	if a := address(); *a.PrivateIpAddress != "10.0.1.21" || *a.NetworkInterfaceId != *web.NetworkInterfaceId ||
		*a.InstanceId != *web.Attachment.InstanceId {
		t.Errorf("the address: %+v", a)
	}
	// To a secondary address: the instance's own public address is another's.
	db := interfaceOf("10.0.20.15")
	err = s.AssociateAddress("eu-west-1", public, *db.NetworkInterfaceId, "10.0.20.16")
	if err != nil {
		t.Fatal(err)
	}
	if now := interfaceOf("10.0.20.16"); now.Association != nil ||
		*now.PrivateIpAddresses[1].Association.PublicIp != public {
		t.Errorf("the secondary address: %+v", now.PrivateIpAddresses)
	}
	if now := instanceOf("10.0.20.15"); now.PublicIpAddress != nil {
		t.Errorf("the instance shows %s", *now.PublicIpAddress)
	}
	err = s.AssociateAddress("eu-west-1", public, "", "")
	if a := address(); err != nil || a.AssociationId != nil || a.PrivateIpAddress != nil ||
		interfaceOf("10.0.20.16").PrivateIpAddresses[1].Association != nil {
		t.Errorf("taken away: %+v, %v", a, err)
	}
	for name, err := range map[string]error{
		"no address":         s.AssociateAddress("eu-west-1", "192.0.2.1", *web.NetworkInterfaceId, ""),
		"no interface":       s.AssociateAddress("eu-west-1", public, "eni-0", ""),
		"no private address": s.AssociateAddress("eu-west-1", public, *web.NetworkInterfaceId, "10.9.9.9"),
		"no region":          s.AssociateAddress("ap-south-1", public, *web.NetworkInterfaceId, ""),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
