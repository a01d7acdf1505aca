//go:build judge

package judge

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// deploy is where the templates are.
const deploy = "../../examples/deploy"

// cli runs the AWS CLI at moto and decodes what it prints.
func (m *moto) cli(t *testing.T, into any, words ...string) {
	t.Helper()
	c := exec.CommandContext(bounded(t), "aws", append([]string{"--output", "json"}, words...)...)
	c.Env = append(m.environment(), "AWS_DEFAULT_REGION="+region, "AWS_PAGER=")
	out, err := c.Output()
	if err != nil {
		if exit, ok := err.(*exec.ExitError); ok {
			out = exit.Stderr
		}
		t.Fatalf("aws %s: %v: %s", strings.Join(words, " "), err, tail(string(out)))
	}
	if into == nil {
		return
	}
	err = json.Unmarshal(out, into)
	if err != nil {
		t.Fatalf("aws %s: %v", strings.Join(words, " "), err)
	}
}

// stack creates a stack and returns its resources by their names in the template.
func (m *moto) stack(t *testing.T, at, name, path string, parameters map[string]string) map[string]string {
	t.Helper()
	words := []string{"cloudformation", "create-stack", "--region", at, "--stack-name", name,
		"--template-body", "file://" + path, "--capabilities", "CAPABILITY_IAM", "--parameters"}
	for key, value := range parameters {
		words = append(words, "ParameterKey="+key+",ParameterValue="+value)
	}
	if len(parameters) == 0 {
		words = words[:len(words)-1]
	}
	m.cli(t, nil, words...)
	var state struct {
		Stacks []struct{ StackStatus string }
	}
	m.cli(t, &state, "cloudformation", "describe-stacks", "--region", at, "--stack-name", name)
	if len(state.Stacks) != 1 || state.Stacks[0].StackStatus != "CREATE_COMPLETE" {
		t.Fatalf("the stack %s is %+v", name, state)
	}
	var all struct {
		StackResources []struct{ LogicalResourceId, PhysicalResourceId, ResourceStatus string }
	}
	m.cli(t, &all, "cloudformation", "describe-stack-resources", "--region", at, "--stack-name", name)
	made := map[string]string{}
	for _, r := range all.StackResources {
		made[r.LogicalResourceId] = r.PhysicalResourceId
	}
	return made
}

// TestJudgeTemplatesAreRight has cfn-lint, which comes with moto, hold the templates to AWS's own descriptions of the
// resources.
func TestJudgeTemplatesAreRight(t *testing.T) {
	for _, name := range []string{"cloudformation.yaml", "us-east-1.yaml"} {
		out, err := exec.CommandContext(bounded(t), "cfn-lint", "--non-zero-exit-code", "error",
			filepath.Join(deploy, name)).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// motoTemplate is the template as moto can have it: its stacks know no balancer of networks, neither the addresses of
// one nor its protocol. What cfn-lint says of these has to do.
func motoTemplate(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deploy, "cloudformation.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const listener = "      Protocol: TCP_UDP\n      Port: 53\n      DefaultActions"
	const mappings = "      SubnetMappings:\n"
	if strings.Count(string(text), listener) != 1 || strings.Count(string(text), mappings) != 1 {
		t.Fatal("the template has no such listener or balancer")
	}
	path := filepath.Join(t.TempDir(), "cloudformation.yaml")
	err = os.WriteFile(path, []byte(strings.NewReplacer(
		listener, "      Protocol: HTTP\n      Port: 53\n      DefaultActions",
		mappings, "      Subnets: [!Ref SubnetA, !Ref SubnetB, !Ref SubnetC]\n"+mappings,
	).Replace(string(text))), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestJudgeStacks creates both stacks at moto, and looks at what is there then.
func TestJudgeStacks(t *testing.T) {
	m := startMoto(t)
	var vpc struct{ Vpc struct{ VpcId string } }
	m.cli(t, &vpc, "ec2", "create-vpc", "--cidr-block", "10.7.0.0/16")
	parameters := map[string]string{"VpcId": vpc.Vpc.VpcId, "Package": "packages/inside53-1.0.0-1.aarch64.rpm"}
	var subnets []string
	for _, letter := range []string{"a", "b", "c"} {
		third := string(rune('1' + letter[0] - 'a'))
		var made struct{ Subnet struct{ SubnetId string } }
		m.cli(t, &made, "ec2", "create-subnet", "--vpc-id", vpc.Vpc.VpcId, "--cidr-block", "10.7."+third+".0/24",
			"--availability-zone", region+letter)
		upper := strings.ToUpper(letter)
		parameters["Subnet"+upper], parameters["Address"+upper] = made.Subnet.SubnetId, "10.7."+third+".53"
		subnets = append(subnets, made.Subnet.SubnetId)
	}
	made := m.stack(t, region, "dns", motoTemplate(t), parameters)
	for _, name := range []string{"Bucket", "Queue", "Unread", "Route53Rule", "CallsRule", "StatesRule", "TrailBucket",
		"Role", "Profile", "Group", "Launch", "Fleet", "Balancer", "Targets", "Listener"} {
		if made[name] == "" {
			t.Errorf("the stack has no %s", name)
		}
	}

	var group struct {
		TargetGroups []struct {
			Protocol, HealthCheckProtocol, HealthCheckPort, HealthCheckPath, TargetType string
			Port                                                                        int
		}
	}
	m.cli(t, &group, "elbv2", "describe-target-groups", "--target-group-arns", made["Targets"])
	if g := group.TargetGroups[0]; g.Protocol != "TCP_UDP" || g.Port != 53 || g.HealthCheckProtocol != "HTTP" ||
		g.HealthCheckPort != "8054" || g.HealthCheckPath != "/readyz" || g.TargetType != "instance" {
		t.Errorf("the targets are %+v", g)
	}
	var fleet struct {
		AutoScalingGroups []struct {
			VPCZoneIdentifier, HealthCheckType string
			MinSize, MaxSize                   int
			Instances                          []struct{ LifecycleState string }
		}
	}
	m.cli(t, &fleet, "autoscaling", "describe-auto-scaling-groups", "--auto-scaling-group-names", made["Fleet"])
	f := fleet.AutoScalingGroups[0]
	if f.VPCZoneIdentifier != strings.Join(subnets, ",") || f.HealthCheckType != "EC2" || f.MinSize != 3 ||
		f.MaxSize != 6 || len(f.Instances) != 3 {
		t.Errorf("the fleet is %+v", f)
	}
	m.judgeUserData(t, made)

	made = m.stack(t, "us-east-1", "dns-events", filepath.Join(deploy, "us-east-1.yaml"),
		map[string]string{"FleetRegion": region})
	var targets struct {
		Targets []struct{ Arn, RoleArn string }
	}
	m.cli(t, &targets, "events", "list-targets-by-rule", "--region", "us-east-1", "--rule", ruleName(made["Route53Rule"]))
	if len(targets.Targets) != 1 || targets.Targets[0].Arn != "arn:aws:events:"+region+":123456789012:event-bus/default" ||
		!strings.Contains(targets.Targets[0].RoleArn, ":role/") {
		t.Errorf("the events of us-east-1 go to %+v", targets)
	}
}

// ruleName is the name in a rule's ARN, or the name itself.
func ruleName(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// judgeUserData has a shell read what the servers start with, and looks for what the stack has made in it.
func (m *moto) judgeUserData(t *testing.T, made map[string]string) {
	t.Helper()
	var launch struct {
		LaunchTemplateVersions []struct {
			LaunchTemplateData struct{ UserData, ImageId string }
		}
	}
	m.cli(t, &launch, "ec2", "describe-launch-template-versions", "--launch-template-id", made["Launch"])
	data := launch.LaunchTemplateVersions[0].LaunchTemplateData
	script, err := base64.StdEncoding.DecodeString(data.UserData)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(bounded(t), "bash", "-n")
	c.Stdin = strings.NewReader(string(script))
	out, err := c.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(script), "#!/bin/bash\n") || !strings.HasPrefix(data.ImageId, "ami-") {
		t.Errorf("%v: %s: the image %s starts\n%s", err, out, data.ImageId, script)
	}
	for _, want := range []string{`store: "s3://` + made["Bucket"] + `/inside53"`, `/` + ruleName(made["Queue"]) + `"`,
		"aws s3 cp 's3://packages/inside53-1.0.0-1.aarch64.rpm' .", "--name '/inside53/fleet-key'"} {
		if !strings.Contains(string(script), want) {
			t.Errorf("the servers start without %s", want)
		}
	}
	if strings.Contains(string(script), "${") {
		t.Error("something isn't filled in")
	}
}
