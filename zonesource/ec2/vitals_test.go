package ec2

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"inside53/zonesource"
)

// TestVitals: each kind of health is asked for where it is wanted, and says what is wrong.
func TestVitals(t *testing.T) {
	l := newLab(t, 0)
	l.sim.SetStatus("eu-west-1", "i-web", "ok", "impaired")
	l.sim.SetStatus("eu-west-1", "i-db", "impaired", "ok")
	l.sim.SetLifecycle("eu-west-1", "i-web", "web", "Terminating:Wait")
	l.sim.SetLifecycle("eu-west-1", "i-db", "db", "InService")
	for _, test := range []struct {
		health []string
		want   []zonesource.Vital
		calls  map[string]int
	}{
		{nil, nil, map[string]int{}},
		{[]string{StatusHealth}, []zonesource.Vital{
			{Instance: "i-db", Why: "status check: system impaired"},
			{Instance: "i-web", Why: "status check: instance impaired"},
		}, map[string]int{"DescribeInstanceStatus": 2}},
		{[]string{LifecycleHealth}, []zonesource.Vital{{Instance: "i-web", Why: "auto scaling: Terminating:Wait"}},
			map[string]int{"DescribeAutoScalingInstances": 1}},
		{[]string{StatusHealth, LifecycleHealth}, []zonesource.Vital{
			{Instance: "i-db", Why: "status check: system impaired"},
			{Instance: "i-web", Why: "status check: instance impaired, auto scaling: Terminating:Wait"},
		}, map[string]int{"DescribeInstanceStatus": 2, "DescribeAutoScalingInstances": 1}},
		{[]string{TargetHealth}, nil, map[string]int{"DescribeTargetGroups": 1}},
	} {
		o := l.options()
		o.Health = test.health
		l.sim.ResetCalls()
		p := list(t, o)
		if diff := cmp.Diff(test.want, p.Region.Vitals); diff != "" {
			t.Errorf("%v (-want +got)\n%s", test.health, diff)
		}
		got := map[string]int{}
		for op, n := range l.sim.Calls() {
			switch op {
			case "DescribeInstanceStatus", "DescribeAutoScalingInstances", "DescribeTargetGroups", "DescribeTargetHealth",
				"DescribeLoadBalancerAttributes":
				got[op] = n
			}
		}
		if diff := cmp.Diff(test.calls, got); diff != "" {
			t.Errorf("%v: calls (-want +got)\n%s", test.health, diff)
		}
	}
}

// TestMembersInServiceAreNotDecoded: where all members of groups stay as they are nothing is decoded, and where one
// doesn't its page.
func TestMembersInServiceAreNotDecoded(t *testing.T) {
	l := newLab(t, 10)
	for i := range 200 {
		l.sim.SetLifecycle("eu-west-1", fmt.Sprintf("i-%03d", i), "web", "InService")
	}
	o := l.options()
	o.Health = []string{LifecycleHealth}
	var kept zonesource.Part
	o.Kept = func(zonesource.Key) (zonesource.Part, bool) { return kept, kept.Region != nil }
	w, of := &world{t: t, l: l}, startAgain(t, o)
	for _, c := range []struct {
		what   string
		change func()
		most   int
		want   []zonesource.Vital
	}{
		{"the first", func() {}, 1000, nil},
		{"unchanged", func() {}, 0, nil},
		{"one ends", func() { l.sim.SetLifecycle("eu-west-1", "i-050", "web", "Terminating") }, 10,
			[]zonesource.Vital{{Instance: "i-050", Why: "auto scaling: Terminating"}}},
		{"another one", func() { l.sim.SetLifecycle("eu-west-1", "i-090", "web", "Standby") }, 20,
			[]zonesource.Vital{{Instance: "i-050", Why: "auto scaling: Terminating"},
				{Instance: "i-090", Why: "auto scaling: Standby"}}},
		{"both are well", func() {
			l.sim.SetLifecycle("eu-west-1", "i-050", "web", "InService")
			l.sim.SetLifecycle("eu-west-1", "i-090", "web", "InService")
		}, 0, nil},
	} {
		c.change()
		n, part := w.refresh(of)
		kept = part
		if diff := cmp.Diff(c.want, part.Region.Vitals); diff != "" || n > c.most {
			t.Errorf("%s: %d items are decoded, want %d at most (-want +got)\n%s", c.what, n, c.most, diff)
		}
	}
}

// TestCrossZone: network load balancers alone are asked what they are set to, where zones
// matter.
func TestCrossZone(t *testing.T) {
	l := newLab(t, 0)
	o := l.options()
	o.Affinity = true
	p := list(t, o)
	if len(p.Region.CrossZone) != 0 {
		t.Errorf("by default %v lead to all zones", p.Region.CrossZone)
	}
	if n := l.sim.Calls()["DescribeLoadBalancerAttributes"]; n != 1 {
		t.Errorf("%d load balancers are asked, want 1", n)
	}
}
