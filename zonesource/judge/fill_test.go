//go:build judge

package judge

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// createZone makes a zone, a private one where a VPC is given.
func (m *moto) createZone(t *testing.T, name, vpc string) string {
	t.Helper()
	in := &route53.CreateHostedZoneInput{
		Name: aws.String(name), CallerReference: aws.String(t.Name() + name + vpc),
		HostedZoneConfig: &types.HostedZoneConfig{Comment: aws.String("made by <judge> & co"), PrivateZone: vpc != ""},
	}
	if vpc != "" {
		in.VPC = &types.VPC{VPCId: aws.String(vpc), VPCRegion: region}
	}
	out, err := m.route53.CreateHostedZone(bounded(t), in)
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimPrefix(aws.ToString(out.HostedZone.Id), "/hostedzone/")
	m.change(t, id, types.ChangeActionUpsert, plain(name, "SOA", 900, soa))
	return id
}

// soa is the value that AWS gives the SOA record of a zone. moto writes the one it makes
// as a dictionary of Python, {'Value': '...'}: createZone puts it right.
const soa = "ns-2048.awsdns-64.com. hostmaster.example.com. 1 7200 900 1209600 86400"

// change makes changes to a zone, in batches as large as Route 53 takes.
func (m *moto) change(t *testing.T, id string, action types.ChangeAction, sets ...types.ResourceRecordSet) {
	t.Helper()
	var changes []types.Change
	values := 0
	flush := func() {
		if len(changes) == 0 {
			return
		}
		_, err := m.route53.ChangeResourceRecordSets(bounded(t), &route53.ChangeResourceRecordSetsInput{
			HostedZoneId: aws.String(id), ChangeBatch: &types.ChangeBatch{Changes: changes},
		})
		if err != nil {
			t.Fatalf("changing %d record sets from %s: %v", len(changes), aws.ToString(changes[0].ResourceRecordSet.Name), err)
		}
		changes, values = nil, 0
	}
	for i := range sets {
		if values+len(sets[i].ResourceRecords) > 400 {
			flush()
		}
		values += max(1, len(sets[i].ResourceRecords))
		changes = append(changes, types.Change{Action: action, ResourceRecordSet: &sets[i]})
	}
	flush()
}

// create writes plain records below a zone's name.
func (m *moto) create(t *testing.T, id, zone string, records ...record) {
	t.Helper()
	var sets []types.ResourceRecordSet
	for _, r := range records {
		sets = append(sets, plain(below(r.name, zone), r.kind, r.ttl, r.values...))
	}
	m.change(t, id, types.ChangeActionCreate, sets...)
}

// plain is a record set without a policy.
func plain(name, kind string, ttl int64, values ...string) types.ResourceRecordSet {
	set := types.ResourceRecordSet{Name: aws.String(name), Type: types.RRType(kind), TTL: aws.Int64(ttl)}
	for _, v := range values {
		set.ResourceRecords = append(set.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
	}
	return set
}

// alias is an alias record set of type A.
func alias(name, zone, target string) types.ResourceRecordSet {
	return types.ResourceRecordSet{Name: aws.String(name), Type: types.RRTypeA,
		AliasTarget: &types.AliasTarget{HostedZoneId: aws.String(zone), DNSName: aws.String(target)}}
}

// member makes a record set one of a group.
func member(set types.ResourceRecordSet, id string, policy func(*types.ResourceRecordSet)) types.ResourceRecordSet {
	set.SetIdentifier = aws.String(id)
	policy(&set)
	return set
}

// network is what the judge makes in EC2.
type network struct {
	inside, other string // VPCs
	private       string // address of the instance in the former
	elastic       string // its elastic IP
	free          string // an elastic IP of nobody
}

// createNetwork makes two VPCs, and an instance with names and an elastic IP.
func (m *moto) createNetwork(t *testing.T) network {
	t.Helper()
	var n network
	n.inside, n.other = m.createVPC(t, "10.20.0.0/16"), m.createVPC(t, "10.30.0.0/16")
	subnet, err := m.ec2.CreateSubnet(bounded(t),
		&ec2.CreateSubnetInput{VpcId: aws.String(n.inside), CidrBlock: aws.String("10.20.1.0/24")})
	if err != nil {
		t.Fatal(err)
	}
	run := func(address string, tags ...string) string {
		in := &ec2.RunInstancesInput{
			ImageId: aws.String("ami-12345678"), MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
			InstanceType: ec2types.InstanceTypeT3Micro,
			SubnetId:     subnet.Subnet.SubnetId, PrivateIpAddress: aws.String(address),
		}
		spec := ec2types.TagSpecification{ResourceType: ec2types.ResourceTypeInstance}
		for i := 0; i < len(tags); i += 2 {
			spec.Tags = append(spec.Tags, ec2types.Tag{Key: aws.String(tags[i]), Value: aws.String(tags[i+1])})
		}
		in.TagSpecifications = []ec2types.TagSpecification{spec}
		out, err := m.ec2.RunInstances(bounded(t), in)
		if err != nil {
			t.Fatal(err)
		}
		return aws.ToString(out.Instances[0].InstanceId)
	}
	n.private = "10.20.1.10"
	id := run(n.private, "dns", "web, shop", "Name", "Not This One")
	run("10.20.1.11", "dns", "web")
	run("10.20.1.12", "Name", "named")
	run("10.20.1.13", "Name", "no name of DNS at all!")
	for _, p := range []*string{&n.elastic, &n.free} {
		out, err := m.ec2.AllocateAddress(bounded(t), &ec2.AllocateAddressInput{Domain: ec2types.DomainTypeVpc})
		if err != nil {
			t.Fatal(err)
		}
		*p = aws.ToString(out.PublicIp)
		if p == &n.elastic {
			_, err = m.ec2.AssociateAddress(bounded(t),
				&ec2.AssociateAddressInput{AllocationId: out.AllocationId, InstanceId: aws.String(id)})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return n
}

func (m *moto) createVPC(t *testing.T, cidr string) string {
	t.Helper()
	out, err := m.ec2.CreateVpc(bounded(t), &ec2.CreateVpcInput{CidrBlock: aws.String(cidr)})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.Vpc.VpcId)
}
