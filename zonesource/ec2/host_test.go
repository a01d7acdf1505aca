package ec2

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"inside53/zonesource"
	"inside53/zonesource/nametemplate"
)

// running is an instance that runs, of the tags KEY=VALUE, launched that many minutes after
// the others.
func running(id string, minute int, tags ...string) types.Instance {
	in := types.Instance{
		InstanceId: aws.String(id), VpcId: aws.String("vpc-1"), SubnetId: aws.String("subnet-1"),
		State:            &types.InstanceState{Name: types.InstanceStateNameRunning},
		PrivateIpAddress: aws.String("10.0.0.1"), Placement: &types.Placement{AvailabilityZone: aws.String("eu-west-1a")},
		LaunchTime:     aws.Time(time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)),
		SecurityGroups: []types.GroupIdentifier{{GroupName: aws.String("default")}, {GroupName: aws.String("app")}},
	}
	for _, t := range tags {
		key, value, _ := strings.Cut(t, "=")
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(value)})
	}
	return in
}

// hostsOf returns the hosts that a listing makes of instances, of templates, after kept.
func hostsOf(t *testing.T, kept *zonesource.Region, templates string, in ...types.Instance) ([]*zonesource.Host,
	[]zonesource.Problem) {
	t.Helper()
	all, err := nametemplate.ParseAll(strings.Fields(templates), "dns")
	if err != nil {
		t.Fatal(err)
	}
	o := &Options{templates: all, Kept: func(zonesource.Key) (zonesource.Part, bool) {
		return zonesource.Part{Region: kept}, kept != nil
	}}
	l := &listing{region: &region{o: o, name: "eu-west-1"}}
	return l.hosts([]types.Reservation{{Instances: in}}, nil, "111111111111"), l.problems
}

// show writes the names of hosts.
func show(hosts []*zonesource.Host) []string {
	var out []string
	for _, h := range hosts {
		line := h.Instance
		for _, n := range h.Names {
			line += " " + n.Text
		}
		out = append(out, line)
	}
	return out
}

func TestTemplates(t *testing.T) {
	hosts, problems := hostsOf(t, nil,
		"{tag:role}.{tag:env}.example.com. {id} {az}.{vpc}.{account}.{region} {security-group} {asg}",
		running("i-1", 0, "role=web", "env=prod,dr", "aws:autoscaling:groupName=web-asg"), running("i-2", 0, "role=web"))
	want := []string{
		"i-1 web.prod.example.com. web.dr.example.com. i-1 eu-west-1a.vpc-1.111111111111.eu-west-1 app web-asg",
		"i-2 i-2 eu-west-1a.vpc-1.111111111111.eu-west-1 app",
	}
	if diff := cmp.Diff(want, show(hosts)); diff != "" || len(problems) > 0 {
		t.Errorf("names (-want +got)\n%s%v", diff, problems)
	}
	if hosts[0].Group != "web-asg" || hosts[0].Subnet != "subnet-1" || hosts[0].Ordinal != 0 {
		t.Errorf("the host %+v", hosts[0])
	}
}

// TestOrdinals: who is there keeps its number, whoever comes has the lowest that is free, by
// the time of its launch; groups count for themselves.
func TestOrdinals(t *testing.T) {
	in := func(minute int, id, group string) types.Instance {
		return running(id, minute, "aws:autoscaling:groupName="+group)
	}
	var kept *zonesource.Region
	for _, step := range []struct {
		instances []types.Instance
		want      string
	}{
		{[]types.Instance{in(2, "i-a", "web"), in(1, "i-b", "web"), in(1, "i-c", "api"), running("i-d", 0)},
			"i-a web-2; i-b web-1; i-c api-1; i-d"},
		{[]types.Instance{in(2, "i-a", "web"), in(5, "i-e", "web"), in(4, "i-f", "web"), in(1, "i-c", "api")},
			"i-a web-2; i-c api-1; i-e web-3; i-f web-1"},
		{[]types.Instance{in(2, "i-a", "web"), in(5, "i-e", "web"), in(9, "i-c", "web")},
			"i-a web-2; i-c web-1; i-e web-3"},
		{[]types.Instance{in(9, "i-y", "web"), in(9, "i-x", "web")}, "i-x web-1; i-y web-2"},
	} {
		hosts, _ := hostsOf(t, kept, "{asg}-{ordinal}", step.instances...)
		if got := strings.Join(show(hosts), "; "); got != step.want {
			t.Errorf("%s, want %s", got, step.want)
		}
		kept = &zonesource.Region{Hosts: hosts}
	}
	// Where some instances are read alone, the others hold their numbers.
	all, err := nametemplate.ParseAll([]string{"{asg}-{ordinal}"}, "dns")
	if err != nil {
		t.Fatal(err)
	}
	o := &Options{templates: all, Kept: func(zonesource.Key) (zonesource.Part, bool) {
		return zonesource.Part{Region: kept}, true
	}}
	l := &listing{region: &region{o: o, name: "eu-west-1"}, read: []string{"i-y", "i-z"}}
	some := l.hosts([]types.Reservation{{Instances: []types.Instance{in(1, "i-z", "web")}}}, nil, "111111111111")
	if got := strings.Join(show(some), "; "); got != "i-z web-2" {
		t.Errorf("%s, want i-z web-2: i-x has web-1, i-y is gone", got)
	}
	hosts, _ := hostsOf(t, nil, "{asg}", in(1, "i-a", "web"))
	if hosts[0].Ordinal != 0 {
		t.Error("a number that nobody asks for")
	}
}

func TestServices(t *testing.T) {
	hosts, problems := hostsOf(t, nil, "{id}", running("i-1", 0,
		"dns-srv=_http._tcp:8080, _HTTP._TCP:8080,_m._udp:0,http:80,_x._tcp", "dns-check= tcp:5432 "))
	if got := fmt.Sprint(hosts[0].Services, hosts[0].Check); got != "[{_http._tcp 8080}]tcp:5432" {
		t.Error(got)
	}
	if len(problems) != 3 || problems[0].Reason != `its tag dns-srv has "_m._udp:0"; want the like of _http._tcp:8080` {
		t.Errorf("problems %v", problems)
	}
}

func TestDescribedService(t *testing.T) {
	for description, want := range map[string]string{
		"EFS mount target for fs-0a1b (fsmt-0c)": "efs fs-0a1b",
		"VPC Endpoint Interface vpce-0a1b":       "vpce vpce-0a1b",
		"ELB net/fast/5d1b75f4f1cee11e":          "nlb fast-5d1b75f4f1cee11e",
		"ELB app/shop/50dc6c495c0c9188":          "alb shop/50dc6c495c0c9188",
		"ELB my-elb":                             "clb my-elb",
		"ELB gwy/x/50dc6c495c0c9188":             "",
		"Interface for NAT Gateway nat-0123":     "",
		"EFS mount target":                       "",
	} {
		if got := describedService(description); got != want {
			t.Errorf("%q is of %q, want %q", description, got, want)
		}
	}
}
