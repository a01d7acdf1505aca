package server

import (
	"net/http"
	"strings"
	"testing"
)

const (
	prodVPC = "vpc-0a1b2c3d4e5f60718"
	webOne  = "i-0f669cd25356a21c5" // 10.0.1.21
	webTwo  = "i-08756ea7a85bb4fc2" // 10.0.2.21
)

// instancesConfig has a client on this host in each of two availability zones of the VPC.
const instancesConfig = `
listen: {dns: ["127.0.0.1:0"]}
admin: "127.0.0.1:0"
drain: 0s
state_dir: state
views: [{name: prod, clients: [127.0.0.0/8], vpcs: [` + prodVPC + `]}]
route53: {refresh: 300ms, requests_per_second: 100}
ec2:
  regions: [eu-west-1]
  refresh: 200ms
  names: ["{tag:dns|tag:Name}", "{id}.hosts.example.com.", "{tag:Name}.corp.example.", "{tag:dns}.example.com."]
  domains: [corp.example]
`

// placeClients puts the clients 127.0.1.x and 127.0.2.x into the two zones.
func (c *cloud) placeClients(t *testing.T) {
	t.Helper()
	subnet := func(id, cidr, zone string) string {
		return `{"SubnetId":"` + id + `","VpcId":"` + prodVPC + `","CidrBlock":"` + cidr +
			`","AvailabilityZoneId":"` + zone + `"}`
	}
	err := c.Replace("eu-west-1/describe-subnets.json", []byte(`{"Subnets":[`+strings.Join([]string{
		subnet("subnet-09ef62c2f7167b4b5", "10.0.1.0/24", "euw1-az1"), subnet("subnet-clients1", "127.0.1.0/24", "euw1-az1"),
		subnet("subnet-0e2ef57ec7c8f8275", "10.0.2.0/24", "euw1-az2"), subnet("subnet-clients2", "127.0.2.0/24", "euw1-az2"),
	}, ",")+`]}`))
	if err != nil {
		t.Fatal(err)
	}
}

// TestProgramNamesInstances: by template, in any zone of ours and in a trusted domain, and
// nowhere else; names that records have too are reported.
func TestProgramNamesInstances(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, instancesConfig+"forward: [{zone: ., upstreams: ['"+c.dns+"']}]\n")
	p.check(t,
		asks("127.0.0.1", "web.internal A", "10.0.1.21", "10.0.2.21"),
		asks("127.0.0.1", webOne+".hosts.example.com A", "10.0.1.21"),
		asks("127.0.0.1", "web-1.corp.example A", "10.0.1.21"),
		asks("127.0.0.1", webOne+".eu-west-1.compute.internal A", "10.0.1.21"),
		asks("127.0.0.1", "jump.example.com A", "10.0.1.10"),
	)
	_, text := p.get(t, http.MethodGet, "/report")
	for _, want := range []string{
		"ends in org., which nobody means relatively", // db.corp.example.org
		"is a name of i-", "the instances' addresses count",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report has no %q", want)
		}
	}
}

// TestProgramLeavesOutUnhealthy instances, by AWS's word and by its own, and says why; without
// a healthy one all stay; nobody is asked unless that is wanted.
func TestProgramLeavesOutUnhealthy(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	p := s.ready(t, instancesConfig)
	c.SetStatus("eu-west-1", webOne, "ok", "impaired")
	c.SetLifecycle("eu-west-1", webTwo, "web", "InService")
	both := asks("127.0.0.1", "web.internal A", "10.0.1.21", "10.0.2.21")
	p.check(t, both)
	calls := c.Calls()
	for _, op := range []string{"DescribeInstanceStatus", "DescribeAutoScalingInstances", "DescribeTargetGroups"} {
		if calls[op] > 0 {
			t.Errorf("%s is asked unasked", op)
		}
	}
	p.reloaded(t, s,
		strings.Replace(instancesConfig, "refresh: 200ms", "refresh: 200ms\n  health: [status, lifecycle]", 1))
	two := asks("127.0.0.1", "web.internal A", "10.0.2.21")
	p.await(t, "the healthy one alone", func() bool { return p.answers(t, two) })
	text := strings.Join(p.explain(t, "web.internal A", "127.0.0.1", "").Lines(false), "\n")
	want := "left out " + webOne + ": 10.0.1.21 in " + prodVPC + ": unhealthy (status check: instance impaired)"
	if !strings.Contains(text, want) {
		t.Errorf("%q isn't in\n%s", want, text)
	}
	c.SetLifecycle("eu-west-1", webTwo, "web", "Terminating:Wait")
	p.await(t, "both, as none is healthy", func() bool { return p.answers(t, both) })
	c.SetStatus("eu-west-1", webOne, "ok", "ok")
	one := asks("127.0.0.1", "web.internal A", "10.0.1.21")
	p.await(t, "the one that is well again", func() bool { return p.answers(t, one) })
}

// TestProgramPrefersTheClientsZone: its members alone with strict, and balancers that the
// inventory knows without an upstream.
func TestProgramPrefersTheClientsZone(t *testing.T) {
	c := newCloud(t, nil)
	c.placeClients(t)
	p := newSite(t).ready(t, strings.Replace(instancesConfig, "refresh: 200ms", "refresh: 200ms\n  affinity: strict", 1))
	p.check(t,
		asks("127.0.1.5", "web.internal A", "10.0.1.21"), asks("127.0.2.5", "web.internal A", "10.0.2.21"),
		asks("127.0.3.5", "web.internal A", "10.0.1.21", "10.0.2.21"),
		asks("127.0.2.5", "bastion.internal A", "10.0.1.10"),
		asks("127.0.1.5", "example.com A", "203.0.113.101", "203.0.113.102"),
		asks("127.0.1.5", "intranet.example.com A", "10.0.1.110", "10.0.2.110"),
	)
	text := strings.Join(p.explain(t, "web.internal A", "127.0.1.5", "").Lines(false), "\n")
	if !strings.Contains(text, "left out "+webTwo+": 10.0.2.21 in "+prodVPC+": other zone") {
		t.Errorf("the other zone isn't in\n%s", text)
	}
	p.await(t, "a crossing", func() bool {
		n, _ := p.metric(t, `inside53_cross_zone_answers_total{kind="instance"}`)
		return n == "1"
	})
}
