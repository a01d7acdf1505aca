package health

import (
	"maps"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/awssim"
)

// balancerFiles are two load balancers and a gateway one.
func balancerFiles() fstest.MapFS {
	f := listed()
	f["eu-west-1/describe-load-balancers.json"] = &fstest.MapFile{Data: []byte(`{"LoadBalancers":[
		{"LoadBalancerArn":"lb/web","DNSName":"Web-1.eu-west-1.elb.amazonaws.com","Type":"application"},
		{"LoadBalancerArn":"lb/bare","DNSName":"bare-1.eu-west-1.elb.amazonaws.com","Type":"network"},
		{"LoadBalancerArn":"lb/gw","DNSName":"","Type":"gateway"}]}`)}
	f["eu-west-1/describe-target-groups.json"] = &fstest.MapFile{Data: []byte(`{"TargetGroups":[
		{"TargetGroupArn":"tg/a","TargetGroupName":"a","LoadBalancerArns":["lb/web"]},
		{"TargetGroupArn":"tg/b","TargetGroupName":"b","LoadBalancerArns":["lb/web"]},
		{"TargetGroupArn":"tg/gw","TargetGroupName":"gw","LoadBalancerArns":["lb/gw"]},
		{"TargetGroupArn":"tg/idle","TargetGroupName":"idle","LoadBalancerArns":[]}]}`)}
	return f
}

func TestBalancers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, balancerFiles())
		o := w.options()
		o.Balancers, o.Regions, o.Refresh = true, []string{"eu-west-1", "us-east-1"}, 10*time.Second
		targets := func(group string, states ...string) {
			t.Helper()
			err := w.sim.SetTargets("eu-west-1", group, states...)
			if err != nil {
				t.Fatal(err)
			}
		}
		healthy := func(name string) bool { return w.live().HealthyTarget(zone.MustName(name)) }
		m, stop := w.start(o)
		for _, tt := range []struct {
			a, b string
			want bool
			why  string
		}{
			{"", "", false, "has no targets"},
			{"healthy", "", false, "target group b has no targets"},
			{"healthy", "healthy", true, "each of 2 target groups"},
			{"healthy unhealthy", "healthy draining", true, "each of 2 target groups"},
			{"unhealthy unhealthy", "healthy", false, "target group a: 0 of 2 targets healthy"},
			{"healthy", "initial", false, "target group b: 0 of 1"},
			{"healthy", "draining unused", false, "target group b: 0 of 2"},
			{"unavailable", "healthy", true, "each of 2 target groups"},
		} {
			targets("a", strings.Fields(tt.a)...)
			targets("b", strings.Fields(tt.b)...)
			time.Sleep(12 * time.Second)
			for _, name := range []string{"web-1.eu-west-1.elb.amazonaws.com.", "dualstack.web-1.eu-west-1.elb.amazonaws.com."} {
				target := w.live().Targets[string(zone.MustName(name))]
				if healthy(name) != tt.want || !strings.Contains(target.Why, tt.why) || target.Seen.IsZero() {
					t.Errorf("%+v: %s: %+v", tt, name, target)
				}
			}
		}
		if !healthy("bare-1.eu-west-1.elb.amazonaws.com.") || !healthy("other.elb.amazonaws.com.") {
			t.Error("what has no target groups, or isn't ours, is unhealthy")
		}
		if s := m.Stats(); s.Targets != 2 || s.UnhealthyTargets != 0 {
			t.Errorf("%+v", s)
		}
		if all := m.Balancers(); len(all) != 2 || !all["web-1.eu-west-1.elb.amazonaws.com."].Healthy {
			t.Errorf("%+v", all)
		}
		// Each change is told once, new ones where they are unhealthy.
		changes := strings.Count(w.log.String(),
			`msg="load balancer changed" name=web-1.eu-west-1.elb.amazonaws.com. healthy=`)
		if changes != 4 || strings.Count(w.log.String(), "load balancer changed") != changes {
			t.Errorf("%d changes in %s", changes, w.log)
		}
		// A call that goes wrong changes nothing, and the state outlives a restart.
		targets("a", "unhealthy")
		time.Sleep(12 * time.Second)
		w.faults(awssim.Fault{Operation: "DescribeTargetHealth", Fault: "500"})
		targets("a", "healthy")
		time.Sleep(time.Minute)
		stop()
		_, stop = w.start(o)
		if healthy("web-1.eu-west-1.elb.amazonaws.com.") {
			t.Error("healthy after a restart with ELB away")
		}
		w.sim.ClearFaults()
		time.Sleep(12 * time.Second)
		if !healthy("web-1.eu-west-1.elb.amazonaws.com.") {
			t.Error("unhealthy with ELB back")
		}
		// Without permission all count as healthy, and nothing is asked any more.
		targets("a", "unhealthy")
		time.Sleep(12 * time.Second)
		w.faults(awssim.Fault{Operation: "DescribeTargetHealth", Fault: "access-denied"})
		time.Sleep(12 * time.Second)
		calls := w.sim.Calls()["DescribeTargetHealth"]
		time.Sleep(5 * time.Minute)
		if n := w.sim.Calls()["DescribeTargetHealth"]; n != calls || !healthy("web-1.eu-west-1.elb.amazonaws.com.") ||
			!strings.Contains(w.log.String(), "elasticloadbalancing:DescribeTargetHealth") {
			t.Errorf("%d calls more, log %s", n-calls, w.log)
		}
		stop()
	})
}

// TestWantedTargets asks only for load balancers that aliases lead to.
func TestWantedTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, balancerFiles())
		o := w.options()
		o.Balancers, o.Regions = true, []string{"eu-west-1"}
		o.WantedTargets = func() []string { return []string{string(zone.MustName("bare-1.eu-west-1.elb.amazonaws.com."))} }
		m, stop := w.start(o)
		stop()
		if n := w.sim.Calls()["DescribeTargetHealth"]; n != 0 || m.Stats().Targets != 1 {
			t.Errorf("%d calls, %+v", n, m.Stats())
		}
		o.WantedTargets = func() []string {
			return []string{string(zone.MustName("dualstack.web-1.eu-west-1.elb.amazonaws.com."))}
		}
		o.StateDir = ""
		m, stop = w.start(o)
		stop()
		if n := w.sim.Calls()["DescribeTargetHealth"]; n != 1 || m.Stats().Targets != 1 { // the first group is bad enough
			t.Errorf("%d calls, %+v", n, m.Stats())
		}
	})
}

// TestBalancersThatNobodyNeeds: nothing is asked of a region that no alias leads to, nor
// before there are data that say which do.
func TestBalancersThatNobodyNeeds(t *testing.T) {
	web := string(zone.MustName("dualstack.web-1.eu-west-1.elb.amazonaws.com."))
	for _, tt := range []struct {
		name   string
		wanted []string
		want   map[string]int
	}{
		{"not known yet", nil, map[string]int{}},
		{"none", []string{}, map[string]int{}},
		{"of another kind", []string{string(zone.MustName("d-1.execute-api.eu-west-1.amazonaws.com."))}, map[string]int{}},
		{"of another region", []string{string(zone.MustName("a-1.us-west-2.elb.amazonaws.com."))}, map[string]int{}},
		{"of one region", []string{web}, map[string]int{opBalancers: 1, opTargetGroups: 1, opTargetHealth: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, balancerFiles())
				o := w.options()
				o.Balancers, o.Regions, o.StateDir = true, []string{"eu-west-1", "us-east-1"}, ""
				o.WantedTargets = func() []string { return tt.wanted }
				_, stop := w.start(o)
				time.Sleep(30 * time.Second)
				stop()
				got := map[string]int{}
				for _, op := range []string{opBalancers, opTargetGroups, opTargetHealth} {
					if n := w.sim.Calls()[op]; n > 0 {
						got[op] = n
					}
				}
				if !maps.Equal(got, tt.want) {
					t.Errorf("calls %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// TestBalancerRegion reads the region out of the names of load balancers.
func TestBalancerRegion(t *testing.T) {
	for name, want := range map[string]bool{
		"web-1.eu-west-1.elb.amazonaws.com.": true, "web-1.elb.eu-west-1.amazonaws.com.": true,
		"dualstack.web-1.eu-west-1.elb.amazonaws.com.": true, "web-1.elb.localhost.": true,
		"web-1.us-east-1.elb.amazonaws.com.": false, "web-1.elb.us-east-1.amazonaws.com.": false,
		"eu-west-1.elb.us-east-1.amazonaws.com.": false, "eu-west-1.amazonaws.com.": false,
		"web-1.cn-north-1.elb.amazonaws.com.cn.": false, "web-1.elb.us-iso-east-1.c2s.ic.gov.": false,
	} {
		if got := mayBeIn(string(zone.MustName(name)), "eu-west-1"); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestWantTargets has the health of load balancers read when it is asked for, long before its time.
func TestWantTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, balancerFiles())
		o := w.options()
		o.Balancers, o.Regions, o.Refresh = true, []string{"eu-west-1"}, time.Hour
		targets := func(state string) {
			t.Helper()
			for _, group := range []string{"a", "b"} {
				err := w.sim.SetTargets("eu-west-1", group, state)
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		healthy := func() bool {
			return w.live().HealthyTarget(zone.MustName("web-1.eu-west-1.elb.amazonaws.com."))
		}
		targets("healthy")
		m, stop := w.start(o)
		defer stop()
		time.Sleep(5 * time.Second)
		targets("unhealthy")
		m.WantTargets("", "us-east-1")
		time.Sleep(10 * time.Second)
		if !healthy() {
			t.Error("another region was read")
		}
		m.WantTargets("", "eu-west-1")
		time.Sleep(10 * time.Second)
		if healthy() {
			t.Error("it wasn't read")
		}
	})
}
