package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"inside53/examples"
	"inside53/zonesource/awssim"
)

// simulated points the SDK of this process at a simulator with the demo data.
func simulated(t *testing.T) (*awssim.Sim, string) {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Data: examples.Demo()})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": web.URL, "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_SESSION_TOKEN": "",
		"AWS_REGION":        "eu-west-1", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	return sim, web.URL
}

// deny makes the simulator refuse an operation.
func deny(t *testing.T, url, operation string) {
	t.Helper()
	body := strings.NewReader(`{"operation": "` + operation + `", "fault": "access-denied"}`)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/_sim/faults", body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // read
	if err != nil || response.StatusCode/100 != 2 {
		t.Fatalf("%s: %s, %v", response.Status, text, err)
	}
}

const awsConfig = `
aws: {accounts: [{name: data, role_arn: "arn:aws:iam::210987654321:role/inside53"}]}
route53: {requests_per_second: 50}
ec2: {regions: [eu-west-1, us-east-1], translate: [instances, load_balancers], affinity: prefer,
  health: [status, targets, lifecycle, probe]}
health_checks:
forward: [{zone: ., upstreams: [10.0.0.2]}]
`

func TestCheckAWS(t *testing.T) {
	simulated(t)
	code, stdout, stderr := command(t, "check", "--config", write(t, awsConfig), "--aws")
	if code != exitDone || stderr != "" {
		t.Errorf("code %d, errors %q", code, stderr)
	}
	for _, want := range []string{
		"sts:AssumeRole data - allowed",
		"ec2:DescribeInstances (credentials) eu-west-1 allowed",
		"elasticloadbalancing:DescribeLoadBalancers data us-east-1 allowed",
		"route53:ListHostedZonesByVPC (credentials) - allowed",
		"cloudwatch:GetMetricData data - allowed",
		"elasticloadbalancing:DescribeTargetHealth (credentials) eu-west-1 allowed",
		"elasticloadbalancing:DescribeInstanceHealth data eu-west-1 allowed",
		"elasticloadbalancing:DescribeLoadBalancerAttributes data us-east-1 allowed",
		"autoscaling:DescribeAutoScalingInstances (credentials) eu-west-1 allowed",
		"ec2:DescribeInstanceStatus (credentials) us-east-1 allowed",
		"account (credentials): 4 zones (2 private),",
		"zones are refreshed every 1m0s",
	} {
		if !strings.Contains(strings.Join(strings.Fields(stdout), " "), want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
}

// TestCheckAWSAbsent: names with a slip in them are right for the file, and not on AWS.
func TestCheckAWSAbsent(t *testing.T) {
	simulated(t)
	code, stdout, stderr := command(t, "check", "--aws", "--config", write(t, `
route53: {requests_per_second: 50, zones: [exmaple.com, example.net]}
ec2: {regions: [eu-west-1, eu-west-2]}
keys:
- {name: ops., secret: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}
- {name: other., secret: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}
updates:
- {zone: example.net, visibility: public, keys: [ops.]}
- {zone: example.net, visibility: private, vpc: vpc-0a1b2c3d4e5f60719, keys: [other.]}
- {zone: Z0000000000000, keys: [ops.]}
transfers: [{view: prod, zones: [example.net, example.nte, internal, z.example], keys: [ops.]}]
secondary: [{zone: z.example, primaries: [10.0.0.9]}]
views: [{name: prod, clients: [10.0.0.0/16], vpcs: [vpc-0a1b2c3d4e5f60718, vpc-0a1b2c3d4e5f60719]}]
forward: [{zone: ., upstreams: [10.0.0.2]}]
`))
	if code != exitDone || stderr != "" {
		t.Errorf("code %d, errors %q", code, stderr)
	}
	at := strings.Index(stdout, "\nwarning: ec2.regions")
	const want = `
warning: ec2.regions: eu-west-2 has no VPC; is it the region that was meant?
warning: updates[1].vpc: no region that ec2 reads has vpc-0a1b2c3d4e5f60719
warning: views[0].vpcs: no region that ec2 reads has vpc-0a1b2c3d4e5f60719: view prod gives none of its private addresses
warning: route53.zones: exmaple.com.: no account has a hosted zone of this name or id and of the wanted visibility
warning: updates[1].zone: no hosted zone example.net. private is served: updates of it are refused
warning: updates[2].zone: no hosted zone Z0000000000000 is served: updates of it are refused
warning: transfers[0].zones: nobody has a zone example.nte.: transfers of it are refused
`
	if at < 0 || stdout[at:] != want {
		t.Errorf("the output is\n%s", stdout)
	}
}

// TestCheckAWSUnreachable: an upstream that doesn't answer is not one that says that a
// host has no address.
func TestCheckAWSUnreachable(t *testing.T) {
	simulated(t)
	t.Setenv("AWS_ENDPOINT_URL", "http://aws.example:1")
	code, _, stderr := command(t, "check", "--config",
		write(t, "ec2:\nforward: [{zone: ., upstreams: ['127.0.0.1:1']}]\n"), "--aws")
	const want = `no usable answer for aws.example. from the forwarder for "." (asking 127.0.0.1:1: no upstream answered`
	if code != exitFailed || !strings.Contains(stderr, want) ||
		!strings.Contains(stderr, "); is it reachable from here?") {
		t.Errorf("code %d, errors %q", code, stderr)
	}
}

func TestNoCredentials(t *testing.T) {
	simulated(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	code, stdout, stderr := command(t, "zone", "ls")
	const want = "inside53: listing the hosted zones: there are no credentials: give the instance a role, or set " +
		"AWS_PROFILE, " +
		"or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: operation error Route 53: ListHostedZones, "
	if code != exitFailed || stdout != "" || !strings.HasPrefix(stderr, want) {
		t.Errorf("code %d, errors %q", code, stderr)
	}
}

func TestCheckJSON(t *testing.T) {
	_, url := simulated(t)
	deny(t, url, "ListResourceRecordSets")
	path := write(t, "route53: {requests_per_second: 50, refresh: 100ms, zones: [example.net, nowhere.example]}\n")
	code, stdout, stderr := command(t, "check", "--json", "--config", path)
	var r checkReport
	err := json.Unmarshal([]byte(stdout), &r)
	if code != exitDone || stderr != "" || err != nil || r.Configuration != path || len(r.Warnings) != 1 ||
		r.Actions != nil {
		t.Errorf("code %d, errors %q, %v, %+v", code, stderr, err, r)
	}
	code, stdout, stderr = command(t, "check", "--json", "--aws", "--config", path)
	err = json.Unmarshal([]byte(stdout), &r)
	if code != exitFailed || !strings.Contains(stderr, "AWS does not let us use route53:ListResourceRecordSets;") ||
		err != nil {
		t.Fatalf("code %d, errors %q, %v", code, stderr, err)
	}
	if len(r.Warnings) != 2 || !strings.Contains(r.Warnings[1], "nowhere.example") || len(r.Accounts) != 1 ||
		r.Accounts[0].Zones != 1 || r.Accounts[0].Records != 14 {
		t.Errorf("%+v", r)
	}
	results := map[string]string{}
	for _, a := range r.Actions {
		results[a.Action] = a.Result
		if (a.Why == "") != (a.Result == "allowed") {
			t.Errorf("%+v", a)
		}
	}
	if results["route53:ListHostedZones"] != "allowed" || results["route53:ListResourceRecordSets"] != "denied" {
		t.Errorf("%v", results)
	}
}

func TestCheckAWSDenied(t *testing.T) {
	_, url := simulated(t)
	deny(t, url, "DescribeSubnets")
	deny(t, url, "ListResourceRecordSets")
	path := write(t,
		"route53: {requests_per_second: 50, refresh: 100ms}\nec2:\nforward: [{zone: ., upstreams: [10.0.0.2]}]\n")
	code, stdout, stderr := command(t, "check", "--config", path, "--aws")
	want := "inside53: AWS does not let us use ec2:DescribeSubnets, route53:ListResourceRecordSets; " +
		"examples/iam-policy.json has what is needed\n"
	if code != exitFailed || stderr != want {
		t.Errorf("code %d, errors %q", code, stderr)
	}
	if strings.Count(stdout, "NO: ") != 2 || !strings.Contains(stdout, "not tried: there is nothing to try it on") ||
		!strings.Contains(stdout, "warning: the budget of account (credentials) allows no refresh in 100ms") {
		t.Errorf("the output is\n%s", stdout)
	}
}

func TestCheckAWSAway(t *testing.T) {
	simulated(t)
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	code, _, stderr := command(t, "check", "--config", write(t, "ec2:\nforward: [{zone: ., upstreams: [10.0.0.2]}]\n"),
		"--aws")
	if code != exitFailed || !strings.Contains(stderr, "connection refused") {
		t.Errorf("code %d, errors %q", code, stderr)
	}
	code, stdout, stderr := command(t, "check", "--config", write(t, "forward: [{zone: ., upstreams: [10.0.0.2]}]\n"),
		"--aws")
	if code != exitDone || stderr != "" ||
		!strings.HasSuffix(stdout, "\nneither route53 nor ec2 is on: nothing is asked of AWS\n") {
		t.Errorf("code %d, output %q, errors %q", code, stdout, stderr)
	}
}

// allowedActions returns the actions of the example policy, without their services.
func allowedActions(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../examples/iam-policy.json")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`"[a-z0-9]+:([A-Z][A-Za-z0-9]+)"`).FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return names
}

// called returns the operations that the simulator was asked for. GetCallerIdentity needs
// no permission.
func called(sim *awssim.Sim) []string {
	var names []string
	for name := range sim.Calls() {
		if name != "GetCallerIdentity" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestCallsAreThePolicy runs check and the server with all of AWS on, and compares what
// they call with what examples/iam-policy.json allows.
func TestCallsAreThePolicy(t *testing.T) {
	sim, _ := simulated(t)
	config := awsConfig + "listen: {dns: ['127.0.0.1:0']}\nadmin: 127.0.0.1:0\nstate_dir: state\ndrain: 0s\n"
	path := write(t, strings.ReplaceAll(config, "requests_per_second: 50", "requests_per_second: 50, refresh: 200ms"))
	code, _, stderr := command(t, "check", "--config", path, "--aws")
	if code != exitDone {
		t.Errorf("code %d, errors %q", code, stderr)
	}
	// Which of two calls tells the VPCs of private zones depends on what is fewer: the
	// server may have no need of what the check tried.
	tried := sim.Calls()
	r := begin(t, "serve", "--config", path)
	r.line(t)
	want := allowedActions(t)
	eventually(t, "all is called that the policy allows", func() bool {
		calls := sim.Calls()
		again := calls["ListResourceRecordSets"] > tried["ListResourceRecordSets"]+8 &&
			calls["DescribeLoadBalancers"] > tried["DescribeLoadBalancers"]
		return again && len(called(sim)) >= len(want)
	})
	if code := r.end(t); code != exitDone {
		t.Errorf("it ended with %d: %s", code, r.errs)
	}
	if got := called(sim); !slices.Equal(got, want) {
		t.Errorf("called are\n%v\nallowed are\n%v", got, want)
	}
}
