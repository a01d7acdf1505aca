//go:build judge

package judge

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

const fleetConfig = `
route53: { refresh: 1s, requests_per_second: 50 }
health_checks: { source: aws, refresh: 1s }
ec2:
  refresh: 1s
  regions: [eu-west-1, us-east-1]
  names: ["{asg}-{ordinal}", "{asg}", "{tag:role|security-group}.{az}", "{id}.{vpc}", "{tag:role}.fleet.example."]
  health: [status, targets, lifecycle]
  affinity: prefer
`

// fleet is what is made for names of instances: a group in two zones, load balancers, a file system.
type fleet struct {
	*moto
	vpc     string
	subnets []string // of zones a and b
	members []string // instances of the group, by launch
	address map[string]string
	far     string // an instance where the classic load balancer is
	scaling *autoscaling.Client
	classic *elb.Client
}

func (m *moto) createFleet(t *testing.T) *fleet {
	t.Helper()
	far := m.config.Copy()
	far.Region = "us-east-1" // where moto says by its name that a classic load balancer is
	f := &fleet{moto: m, vpc: m.createVPC(t, "10.40.0.0/16"), address: map[string]string{},
		scaling: autoscaling.NewFromConfig(m.config), classic: elb.NewFromConfig(far)}
	for i, zone := range []string{"a", "b"} {
		out, err := m.ec2.CreateSubnet(bounded(t), &ec2.CreateSubnetInput{VpcId: aws.String(f.vpc),
			CidrBlock: aws.String(fmt.Sprintf("10.40.%d.0/24", i+1)), AvailabilityZone: aws.String(region + zone)})
		if err != nil {
			t.Fatal(err)
		}
		f.subnets = append(f.subnets, aws.ToString(out.Subnet.SubnetId))
	}
	_, err := f.scaling.CreateLaunchConfiguration(bounded(t), &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: aws.String("web"), ImageId: aws.String("ami-12345678"),
		InstanceType: aws.String("t3.micro")})
	if err == nil {
		_, err = f.scaling.CreateAutoScalingGroup(bounded(t), &autoscaling.CreateAutoScalingGroupInput{
			AutoScalingGroupName: aws.String("web"), LaunchConfigurationName: aws.String("web"), MinSize: aws.Int32(0),
			MaxSize: aws.Int32(5), DesiredCapacity: aws.Int32(3), VPCZoneIdentifier: aws.String(strings.Join(f.subnets, ",")),
			Tags: []astypes.Tag{{Key: aws.String("role"), Value: aws.String("shop"), PropagateAtLaunch: aws.Bool(true)}},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.ec2.DescribeInstances(bounded(t), &ec2.DescribeInstancesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range out.Reservations {
		for _, in := range r.Instances {
			id := aws.ToString(in.InstanceId)
			f.members = append(f.members, id)
			f.address[id] = aws.ToString(in.PrivateIpAddress)
		}
	}
	alone, err := ec2.NewFromConfig(far).RunInstances(bounded(t), &ec2.RunInstancesInput{
		ImageId: aws.String("ami-12345678"), MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	f.far = aws.ToString(alone.Instances[0].InstanceId)
	slices.Sort(f.members) // moto launches all in one second
	if len(f.members) != 3 {
		t.Fatalf("the group has %d members", len(f.members))
	}
	return f
}

// addressesOf are those of some members, sorted.
func (f *fleet) addressesOf(ids ...string) []string {
	var all []string
	for _, id := range ids {
		all = append(all, f.address[id])
	}
	slices.Sort(all)
	return all
}

// createBalancers makes load balancers of each kind, and records that lead to the classic one.
func (f *fleet) createBalancers(t *testing.T) {
	t.Helper()
	_, err := f.classic.CreateLoadBalancer(bounded(t), &elb.CreateLoadBalancerInput{
		LoadBalancerName: aws.String("my-elb"), AvailabilityZones: []string{"us-east-1a"},
		Listeners: []elbtypes.Listener{{InstancePort: aws.Int32(80), LoadBalancerPort: 80, Protocol: aws.String("http")}}})
	if err != nil {
		t.Fatal(err)
	}
	v2 := elbv2.NewFromConfig(f.config)
	for _, kind := range []elbv2types.LoadBalancerTypeEnum{elbv2types.LoadBalancerTypeEnumApplication,
		elbv2types.LoadBalancerTypeEnumNetwork} {
		_, err = v2.CreateLoadBalancer(bounded(t), &elbv2.CreateLoadBalancerInput{Name: aws.String("my-" + string(kind)),
			Subnets: f.subnets, Type: kind})
		if err != nil {
			t.Fatal(err)
		}
	}
	group, err := v2.CreateTargetGroup(bounded(t), &elbv2.CreateTargetGroupInput{Name: aws.String("web"),
		Protocol: elbv2types.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: aws.String(f.vpc),
		TargetType: elbv2types.TargetTypeEnumInstance})
	if err != nil {
		t.Fatal(err)
	}
	targets := &elbv2.RegisterTargetsInput{TargetGroupArn: group.TargetGroups[0].TargetGroupArn}
	for _, id := range f.members {
		targets.Targets = append(targets.Targets, elbv2types.TargetDescription{Id: aws.String(id)})
	}
	_, err = v2.RegisterTargets(bounded(t), targets)
	if err != nil {
		t.Fatal(err)
	}
}

// TestJudgeInstances: names by template, the life cycle of auto scaling, target groups and classic
// load balancers, as moto has them. moto makes interfaces of load balancers for nobody, and says of
// those of file systems that they are their owner's own: what they are of isn't believed then.
func TestJudgeInstances(t *testing.T) {
	m := startMoto(t)
	f := m.createFleet(t)
	f.createBalancers(t)
	file := awsCLI(t, m, "efs", "create-file-system", "--creation-token", "judge", "--query", "FileSystemId")
	awsCLI(t, m, "efs", "create-mount-target", "--file-system-id", file, "--subnet-id", f.subnets[0])
	id := m.createZone(t, "fleet.example", "")
	balancers, err := f.classic.DescribeLoadBalancers(bounded(t), &elb.DescribeLoadBalancersInput{})
	if err != nil {
		t.Fatal(err)
	}
	target := aws.ToString(balancers.LoadBalancerDescriptions[0].DNSName)
	primary := alias("site.fleet.example", "Z32O12XQLNTSW2", target)
	primary.AliasTarget.EvaluateTargetHealth = true
	m.change(t, id, types.ChangeActionCreate,
		member(primary, "one", func(s *types.ResourceRecordSet) { s.Failover = types.ResourceRecordSetFailoverPrimary }),
		member(plain("site.fleet.example", "A", 60, "203.0.113.99"), "two",
			func(s *types.ResourceRecordSet) { s.Failover = types.ResourceRecordSetFailoverSecondary }))
	s := serve(t, m, fleetConfig+fmt.Sprintf(views, f.vpc, m.createVPC(t, "10.50.0.0/16")))

	asks := func(name string) (string, []string) {
		got := dig(t, s.dns, inVPC, question{name, "A"})[0]
		values := got.values("A")
		slices.Sort(values)
		return got.status, values
	}
	is := func(name string, want ...string) {
		t.Helper()
		eventually(t, fmt.Sprintf("%s is %q", name, want), func() bool {
			status, values := asks(name)
			return status == "NOERROR" && slices.Equal(values, want)
		})
	}
	is("web.internal", f.addressesOf(f.members...)...)
	is("shop.fleet.example", f.addressesOf(f.members...)...)
	var numbered []string
	for n := range f.members {
		_, values := asks(fmt.Sprintf("web-%d.internal", n+1))
		numbered = append(numbered, values...)
	}
	slices.Sort(numbered)
	if !slices.Equal(numbered, f.addressesOf(f.members...)) {
		t.Errorf("the numbers lead to %q", numbered)
	}
	for _, one := range f.members {
		is(one+"."+f.vpc+".internal", f.address[one])
		is(one+"."+region+".compute.internal", f.address[one])
	}
	var inZones []string
	for _, zone := range []string{"a", "b"} {
		_, values := asks("shop." + region + zone + ".internal")
		inZones = append(inZones, values...)
	}
	slices.Sort(inZones)
	if !slices.Equal(inZones, f.addressesOf(f.members...)) {
		t.Errorf("the zones have %q", inZones)
	}
	if status, values := asks(file + ".efs." + region + ".amazonaws.com"); status != "REFUSED" {
		t.Errorf("an interface that isn't AWS's is a file system's: %s %q", status, values)
	}

	// A classic load balancer without instances gives way to the secondary; with some it doesn't.
	is("site.fleet.example", "203.0.113.99")
	_, err = f.classic.RegisterInstancesWithLoadBalancer(bounded(t), &elb.RegisterInstancesWithLoadBalancerInput{
		LoadBalancerName: aws.String("my-elb"), Instances: []elbtypes.Instance{{InstanceId: aws.String(f.far)}}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the primary counts", func() bool {
		status, _ := asks("site.fleet.example") // there is nobody to ask for its addresses
		return status == "SERVFAIL"
	})

	// In standby a member is out of its name, not out of its own one.
	_, err = f.scaling.EnterStandby(bounded(t), &autoscaling.EnterStandbyInput{AutoScalingGroupName: aws.String("web"),
		InstanceIds: f.members[:1], ShouldDecrementDesiredCapacity: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	is("web.internal", f.addressesOf(f.members[1:]...)...)
	is(f.members[0]+"."+f.vpc+".internal", f.address[f.members[0]])
	var report []struct{ Zone, Name, Reason string }
	s.get(t, "/report", &report)
	for _, p := range report {
		if strings.Contains(p.Reason, "reading the health of instances") || strings.Contains(p.Reason, "network load") {
			t.Errorf("the report has %+v", p)
		}
	}
}

// awsCLI runs the AWS CLI, for what nothing here calls by the SDK, and returns what it prints.
func awsCLI(t *testing.T, m *moto, args ...string) string {
	t.Helper()
	c := exec.CommandContext(bounded(t), "aws", append(args, "--output", "text")...)
	c.Env = append(m.environment(), "AWS_DEFAULT_REGION="+region)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("aws %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}
