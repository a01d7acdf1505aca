package health

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/awssim"
)

// TestClassic: a classic load balancer that an alias leads to fails when no instance of it is
// in service; where no alias leads to one nobody is asked; what may not be asked for costs the
// others nothing.
func TestClassic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := balancerFiles()
		files["eu-west-1/describe-classic-load-balancers.json"] = &fstest.MapFile{Data: []byte(`{"LoadBalancerDescriptions":[
			{"LoadBalancerName":"my-elb","DNSName":"my-elb-1776383802.eu-west-1.elb.amazonaws.com"}]}`)}
		w := newWorld(t, files)
		o := w.options()
		o.Balancers, o.Regions, o.Refresh = true, []string{"eu-west-1"}, 10*time.Second
		var wanted atomic.Pointer[[]string]
		wanted.Store(&[]string{"web-1.eu-west-1.elb.amazonaws.com."})
		o.WantedTargets = func() []string {
			var out []string
			for _, name := range *wanted.Load() {
				out = append(out, string(zone.MustName(name)))
			}
			return out
		}
		err := w.sim.SetTargets("eu-west-1", "a", "healthy")
		if err == nil {
			err = w.sim.SetTargets("eu-west-1", "b", "healthy")
		}
		if err != nil {
			t.Fatal(err)
		}
		_, stop := w.start(o)
		time.Sleep(12 * time.Second)
		if n := w.sim.Calls()["DescribeInstanceHealth"]; n > 0 {
			t.Errorf("%d calls for what nobody wants", n)
		}
		const name = "my-elb-1776383802.eu-west-1.elb.amazonaws.com."
		wanted.Store(&[]string{"web-1.eu-west-1.elb.amazonaws.com.", "dualstack." + name})
		for _, step := range []struct {
			states []string
			want   bool
			why    string
		}{
			{nil, false, "has no instances"},
			{[]string{"OutOfService", "InService"}, true, "1 of 2 instances in service"},
			{[]string{"OutOfService", "OutOfService"}, false, "0 of 2 instances in service"},
		} {
			w.sim.SetInstanceHealth("eu-west-1", "my-elb", step.states...)
			time.Sleep(12 * time.Second)
			got := w.live().Targets[string(zone.MustName(name))]
			if got.Healthy != step.want || !strings.Contains(got.Why, step.why) {
				t.Errorf("%v: %+v", step.states, got)
			}
		}
		err = w.sim.AddFaults(awssim.Fault{Operation: "DescribeInstanceHealth", Fault: "access-denied"})
		if err != nil {
			t.Fatal(err)
		}
		err = w.sim.SetTargets("eu-west-1", "a", "unhealthy")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(25 * time.Second)
		if !w.live().HealthyTarget(zone.MustName(name)) ||
			w.live().HealthyTarget(zone.MustName("web-1.eu-west-1.elb.amazonaws.com.")) {
			t.Errorf("after a denial: %+v", w.live().Targets)
		}
		stop()
	})
}
