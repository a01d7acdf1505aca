package health

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inside53/zonesource/awssim"
)

// TestListingFaults loses no check by a listing that isn't whole, and removes what is gone.
func TestListingFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks []string
		for i := range 250 {
			checks = append(checks, checkJSON(fmt.Sprintf("c%03d", i), `"Type":"CLOUDWATCH_METRIC"`))
		}
		w := newWorld(t, listed(checks...))
		m, stop := w.start(w.options())
		defer stop()
		if n := w.sim.Calls(); n["ListHealthChecks"] != 3 || n["GetMetricData"] != 1 {
			t.Errorf("calls %v", n)
		}
		for _, f := range []awssim.Fault{{Fault: "empty", Page: 2}, {Fault: "stuck", Page: 3}, {Fault: "fail", Page: 2},
			{Fault: "500", Page: 3}} {
			f.Operation = "ListHealthChecks"
			w.faults(f)
			time.Sleep(12 * time.Minute)
			if n := len(m.Checks()); n != 250 {
				t.Errorf("%s: %d checks", f.Fault, n)
			}
			w.sim.ClearFaults()
		}
		err := w.sim.Replace("route53/list-health-checks.json",
			listed(checks[:10]...)["route53/list-health-checks.json"].Data)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(12 * time.Minute)
		if n := len(m.Checks()); n != 10 || len(w.live().Checks) != 10 {
			t.Errorf("%d checks", n)
		}
	})
}

// TestManyMetrics asks for more than one call takes, page by page.
func TestManyMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks []string
		for i := range 501 {
			checks = append(checks, checkJSON(fmt.Sprintf("c%03d", i), `"Type":"CLOUDWATCH_METRIC"`))
		}
		w := newWorld(t, listed(checks...))
		w.setHealth("c500", false)
		m, stop := w.start(w.options())
		if n := w.sim.Calls(); n["GetMetricData"] != 2 {
			t.Errorf("calls %v", n)
		}
		stop()
		if s := m.Stats(); s.Healthy != 500 || s.Unhealthy != 1 {
			t.Errorf("%+v", s)
		}
		var err error
		w.sim, err = awssim.New(awssim.Options{Data: listed(checks...), Reads: awssim.Unlimited(),
			Inventory: awssim.Unlimited(), PageSize: 100})
		if err != nil {
			t.Fatal(err)
		}
		o := w.options()
		o.StateDir = ""
		m, stop = w.start(o)
		if n := w.sim.Calls(); n["GetMetricData"] != 6 {
			t.Errorf("calls %v", n)
		}
		if s := m.Stats(); s.Healthy != 501 {
			t.Errorf("%+v", s)
		}
		w.faults(awssim.Fault{Operation: "GetMetricData", Fault: "stuck", Page: 2})
		time.Sleep(2 * time.Minute)
		stop()
		if !strings.Contains(w.log.String(), "doesn't advance") {
			t.Errorf("a page that leads to itself: %s", w.log)
		}
	})
}

// TestMetricFaults keeps AWS's last word while it says nothing.
func TestMetricFaults(t *testing.T) {
	for _, fault := range []string{"500", "throttle", "hang", "access-denied", "fail", "empty"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, listed(web("a", "10.0.0.1"), web("b", "10.0.0.2")))
			w.set("200", "10.0.0.1")
			w.setHealth("b", false)
			_, stop := w.start(w.options())
			defer w.sim.ClearFaults()
			defer stop()
			time.Sleep(30 * time.Second)
			w.want("a+ b-")
			w.faults(awssim.Fault{Operation: "GetMetricData", Fault: fault})
			time.Sleep(30 * time.Minute)
			w.want("a+ b-")
			if b := w.live().Checks["b"]; !b.AWS.Known || time.Since(b.AWS.Seen) < 29*time.Minute {
				t.Errorf("%s: %+v", fault, b)
			}
			w.set("503", "10.0.0.1")
			w.between("local flip", w.until("a", false), 20*time.Second, 31*time.Second)
		})
	}
}

// TestStartsListNothingAgain: a process that is started again and again lists the definitions
// no more often than one that runs.
func TestStartsListNothingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, listed(web("a", "10.0.0.1")))
		w.set("200", "10.0.0.1")
		for range 4 {
			_, stop := w.start(w.options())
			time.Sleep(30 * time.Second)
			stop()
		}
		if n := w.sim.Calls()[opListChecks]; n != 1 {
			t.Errorf("listed %d times in four starts", n)
		}
		_, stop := w.start(w.options())
		time.Sleep(4 * time.Minute)
		stop()
		if n := w.sim.Calls()[opListChecks]; n != 2 {
			t.Errorf("listed %d times in six minutes", n)
		}
	})
}
