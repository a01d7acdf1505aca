package health

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
)

// TestFlips turns an endpoint bad and good: the check follows within threshold × interval, and
// nothing else changes meanwhile.
func TestFlips(t *testing.T) {
	for _, mode := range []Mode{Local, Both} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, listed(web("a", "10.0.0.1"), web("b", "10.0.0.2"), web("c", "10.0.0.3")))
			w.set("200", "10.0.0.1", "10.0.0.2", "10.0.0.3")
			o := w.options()
			o.Mode = mode
			m, stop := w.start(o)
			defer stop()
			time.Sleep(15 * time.Second)
			w.want("a+ b+ c+")
			if local := w.live().Checks["a"].Local; !local.Known || !local.Healthy || local.Why != "HTTP 200" {
				t.Errorf("local: %+v", local)
			}
			for _, how := range []string{"503", "refused", "dark"} {
				w.set(how, "10.0.0.1")
				slack := 100 * time.Millisecond
				if how == "dark" {
					slack += httpConnect
				}
				w.between(how, w.until("a", false), 20*time.Second, 30*time.Second+slack)
				w.want("b+ c+")
				if why := w.live().Checks["a"].Why; !strings.HasPrefix(why, "local: ") {
					t.Errorf("why: %s", why)
				}
				if disagree := m.Stats().Disagreeing; disagree != map[Mode]int{Local: 0, Both: 1}[mode] {
					t.Errorf("%d disagreeing", disagree)
				}
				w.set("200", "10.0.0.1")
				w.between("200", w.until("a", true), 20*time.Second, 30*time.Second+slack)
			}
			for _, live := range w.all() {
				if !live.Healthy([]byte("b")) || !live.Healthy([]byte("c")) {
					t.Fatal("another check has changed")
				}
			}
			s := m.Stats()
			if s.ProbesOK == 0 || s.ProbesFailed < 9 || s.ProbesRefused != 0 || s.Healthy != 3 || s.Unhealthy+s.Unknown != 0 ||
				s.LocalLost || s.Oldest.IsZero() {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// TestPace counts the probes: each check has one an interval, whatever the others do.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, listed(web("a", "10.0.0.1"), web("dark", "10.0.0.2"),
			checkJSON("slow", `"Type":"TCP","IPAddress":"10.0.0.3","Port":22,"RequestInterval":10,"FailureThreshold":3`),
			checkJSON("seldom", `"Type":"TCP","IPAddress":"10.0.0.4","Port":22,"RequestInterval":30,"FailureThreshold":3`)))
		w.set("200", "10.0.0.1", "10.0.0.4")
		_, stop := w.start(w.options())
		time.Sleep(10 * time.Minute)
		stop()
		for host, want := range map[string]int{"10.0.0.1": 60, "10.0.0.2": 60, "10.0.0.4": 20} {
			if n := w.dials[host]; n < want-1 || n > want+1 {
				t.Errorf("%s was probed %d times, want %d", host, n, want)
			}
		}
		// One that takes its whole interval is followed at once, and never doubled.
		if n := w.dials["10.0.0.3"]; n < 58 || n > 60 {
			t.Errorf("a slow one was probed %d times", n)
		}
	})
}

// TestProbesAreBounded has far more checks than may be probed at a time.
func TestProbesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks []string
		for i := range 300 {
			checks = append(checks, web(fmt.Sprintf("c%d", i), fmt.Sprintf("10.0.%d.%d", i/200, i%200)))
		}
		w := newWorld(t, listed(checks...))
		o := w.options()
		o.Probes = 7
		_, stop := w.start(o)
		time.Sleep(5 * time.Minute)
		stop()
		total := 0
		for _, n := range w.dials {
			total += n
		}
		// Seven slots and 4 s each.
		if w.most != 7 || total < 490 || total > 7*300/4+7 || len(w.dials) != 300 {
			t.Errorf("%d probes of %d endpoints, at most %d at a time", total, len(w.dials), w.most)
		}
	})
}

// TestModeAWS believes AWS alone, and makes no connection.
func TestModeAWS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, listed(web("a", "10.0.0.1"), checkJSON("alarm", `"Type":"CLOUDWATCH_METRIC"`),
			checkJSON("control", `"Type":"RECOVERY_CONTROL"`),
			checkJSON("all", `"Type":"CALCULATED","HealthThreshold":2,"ChildHealthChecks":["a","alarm"]`),
			checkJSON("off", `"Type":"TCP","IPAddress":"10.0.0.1","Port":22,"Disabled":true`)))
		o := w.options()
		o.Mode = AWS
		m, stop := w.start(o)
		defer stop()
		w.want("a+ alarm+ control+ all+ off+")
		if r := w.live().Checks["all"]; !r.AWS.Known || r.Local.Known || r.Why != "aws: HealthCheckStatus 1" {
			t.Errorf("%+v", r)
		}
		w.setHealth("alarm", false)
		w.between("AWS's word", w.until("alarm", false), 0, 67*time.Second)
		w.want("a+ alarm- control+ all- off+")
		w.setHealth("control", false)
		w.setHealth("off", false)
		time.Sleep(2 * time.Minute)
		w.want("a+ alarm- control- all- off+")
		w.setHealth("alarm", true)
		w.until("all", true)
		if w.dialled("10.0.0.1") != 0 {
			t.Error("probed")
		}
		if s := m.Stats(); s.Healthy != 4 || s.Unhealthy != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestModeLocal asks AWS for what it alone can know, and calculates the rest.
func TestModeLocal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, listed(web("a", "10.0.0.1"), web("b", "10.0.0.2"), checkJSON("alarm", `"Type":"CLOUDWATCH_METRIC"`),
			checkJSON("any", `"Type":"CALCULATED","HealthThreshold":1,"ChildHealthChecks":["a","b"]`),
			checkJSON("all", `"Type":"CALCULATED","HealthThreshold":2,"ChildHealthChecks":["any","alarm"]`)))
		w.set("200", "10.0.0.1", "10.0.0.2")
		o := w.options()
		o.Mode = Local
		_, stop := w.start(o)
		defer stop()
		for _, id := range []string{"a", "b", "any"} {
			w.setHealth(id, false) // AWS's word doesn't count
		}
		time.Sleep(2 * time.Minute)
		w.want("a+ b+ any+ alarm+ all+")
		w.set("refused", "10.0.0.1")
		time.Sleep(time.Minute)
		w.want("a- b+ any+ all+")
		w.set("refused", "10.0.0.2")
		time.Sleep(time.Minute)
		w.want("a- b- any- all-")
		w.set("200", "10.0.0.1")
		w.setHealth("alarm", false)
		time.Sleep(2 * time.Minute)
		w.want("a+ b- any+ alarm- all-")
	})
}

// TestNeverAnswered keeps a check healthy that the server has no way to.
func TestNeverAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, listed(web("a", "10.0.0.1"), web("public", "192.0.2.1"), web("metadata", "169.254.169.254"),
			checkJSON("broken", `"Type":"TCP"`)))
		m, stop := w.start(w.options())
		defer stop()
		time.Sleep(5 * time.Minute)
		w.want("a+ public+ metadata+ broken+")
		if !strings.Contains(w.live().Checks["metadata"].Local.Why, "never probed") || w.dialled("169.254.169.254") != 0 ||
			w.dialled("192.0.2.1") != 0 {
			t.Errorf("%+v", w.live().Checks["metadata"])
		}
		if s := m.Stats(); s.ProbesRefused == 0 || s.Unhealthy != 0 {
			t.Errorf("%+v", s)
		}
		// AWS's word still counts.
		w.setHealth("a", false)
		w.setHealth("metadata", false)
		time.Sleep(2 * time.Minute)
		w.want("a- public+ metadata- broken+")
	})
}

// TestLost cuts the server's own network: states freeze, and AWS's word goes on to count.
func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}
		w := newWorld(t, listed(web("a", hosts[0]), web("b", hosts[1]), web("c", hosts[2]), web("d", hosts[3])))
		w.set("200", hosts...)
		m, stop := w.start(w.options())
		defer stop()
		time.Sleep(time.Minute)
		w.set("dark", hosts...)
		time.Sleep(5 * time.Minute)
		w.want("a+ b+ c+ d+")
		if !m.Stats().LocalLost || !strings.Contains(w.log.String(), "local health source lost") {
			t.Errorf("not lost: %+v %s", m.Stats(), w.log)
		}
		for i, live := range w.all() {
			for id := range live.Checks {
				if !live.Checks[id].Healthy {
					t.Fatalf("table %d: %s is unhealthy: %+v", i, id, live.Checks[id])
				}
			}
		}
		w.setHealth("b", false)
		time.Sleep(2 * time.Minute)
		w.want("a+ b- c+ d+")
		w.set("200", hosts[:3]...)
		time.Sleep(15 * time.Second)
		if m.Stats().LocalLost || !strings.Contains(w.log.String(), "local health source is back") {
			t.Errorf("still lost: %s", w.log)
		}
		time.Sleep(time.Minute)
		w.want("a+ b- c+ d-")
	})
}

// TestFirstPublish says at once that nothing is known, and probes as soon as AWS is back.
func TestFirstPublish(t *testing.T) {
	for _, fault := range []string{"500", "throttle", "hang", "access-denied", "fail"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, listed(web("a", "10.0.0.1")))
			w.set("200", "10.0.0.1")
			w.faults(awssim.Fault{Fault: fault})
			began := time.Now()
			m, stop := w.start(w.options())
			if len(w.all()) == 0 || time.Since(began) > 0 {
				t.Fatalf("%s: nothing was published", fault)
			}
			time.Sleep(3 * time.Minute)
			if n := strings.Count(w.log.String(), "health checks not read"); n != 1 {
				t.Errorf("%s: %d lines about it: %s", fault, n, w.log)
			}
			if fault == "access-denied" && !strings.Contains(w.log.String(), "route53:ListHealthChecks") {
				t.Errorf("the action is not named: %s", w.log)
			}
			w.sim.ClearFaults()
			time.Sleep(2 * time.Minute)
			if len(m.Checks()) != 1 || !w.live().Checks["a"].Local.Known || !w.live().Checks["a"].AWS.Known {
				t.Errorf("%s: %+v", fault, m.Checks())
			}
			if !strings.Contains(w.log.String(), "health checks read again") {
				t.Errorf("%s: not said that it is over: %s", fault, w.log)
			}
			stop()
			_ = w.sim.AddFaults(awssim.Fault{Fault: fault})
		})
	}
}

// TestWanted asks and probes no more than records need.
func TestWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, listed(web("a", "10.0.0.1"), web("b", "10.0.0.2"), web("child", "10.0.0.3"), web("new", "10.0.0.4"),
			checkJSON("parent", `"Type":"CALCULATED","HealthThreshold":1,"ChildHealthChecks":["child"]`)))
		w.set("200", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
		var wanted atomic.Pointer[[]string]
		wanted.Store(&[]string{"a", "parent"})
		o := w.options()
		o.Wanted = func() []string { return *wanted.Load() }
		m, stop := w.start(o)
		defer stop()
		time.Sleep(time.Minute)
		if w.dialled("10.0.0.1") == 0 || w.dialled("10.0.0.2") != 0 || w.dialled("10.0.0.3") == 0 ||
			w.live().Checks["b"].AWS.Known || !w.live().Checks["child"].AWS.Known {
			t.Error("asked or probed what isn't wanted, or not what is")
		}
		for _, s := range m.Checks() {
			if s.Wanted != slices.Contains([]string{"a", "parent", "child"}, s.ID) {
				t.Errorf("%s: wanted %t", s.ID, s.Wanted)
			}
		}
		// A record comes that names another check, and one that doesn't exist yet.
		lists := w.sim.Calls()["ListHealthChecks"]
		wanted.Store(&[]string{"a", "b", "later"})
		for begin := time.Now(); w.dialled("10.0.0.2") == 0 && time.Since(begin) < 2*time.Minute; {
			time.Sleep(time.Second) // until it is seen, and then for its turn
		}
		if w.dialled("10.0.0.2") == 0 || w.sim.Calls()["ListHealthChecks"] != lists+1 {
			t.Errorf("%d lists", w.sim.Calls()["ListHealthChecks"]-lists)
		}
		time.Sleep(2 * time.Minute)
		if n := w.sim.Calls()["ListHealthChecks"]; n != lists+1 {
			t.Errorf("listed %d times for what isn't there", n-lists)
		}
		later := m.Checks()[3]
		if later.ID != "later" || !later.Wanted || !later.Check.Healthy ||
			later.Check.Why != "no account has it; counts as healthy" || m.Stats().Unknown != 1 {
			t.Errorf("a check that doesn't exist: %+v, %+v", later, m.Stats())
		}
		child := w.dialled("10.0.0.3")
		wanted.Store(new([]string))
		time.Sleep(2 * time.Minute)
		if w.dialled("10.0.0.3") == child || w.dialled("10.0.0.4") == 0 {
			t.Error("nil is not all")
		}
	})
}

func TestNewRefuses(t *testing.T) {
	_, err := New(Options{Mode: "cloud", Refresh: -1, Balancers: true})
	for _, want := range []string{"no account", "nobody to publish to", `source "cloud"`, "nobody to resolve",
		"can't be negative", "no regions"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	_, err = New(Options{Mode: AWS, Accounts: []*awsclient.Account{{}}, Publish: func(*zone.Live) {}})
	if err != nil {
		t.Errorf("aws alone needs no resolver: %v", err)
	}
}

func TestCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, balancerFiles())
		o := w.options()
		o.Balancers, o.Regions = true, []string{"eu-west-1", "us-east-1"}
		m, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		check := func() string {
			findings, err := m.Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var words []string
			for _, f := range findings {
				result := "ok"
				switch {
				case f.Err == ErrUntried:
					result = "untried"
				case f.Err != nil:
					result = "NO"
					if !strings.Contains(f.Err.Error(), f.Action) {
						t.Errorf("%v doesn't name %s", f.Err, f.Action)
					}
				}
				words = append(words, f.Region+" "+f.Action+" "+result)
			}
			return strings.Join(words, "\n")
		}
		want := ` route53:ListHealthChecks ok
 cloudwatch:GetMetricData ok
eu-west-1 elasticloadbalancing:DescribeLoadBalancers ok
eu-west-1 elasticloadbalancing:DescribeTargetGroups ok
eu-west-1 elasticloadbalancing:DescribeTargetHealth ok
eu-west-1 elasticloadbalancing:DescribeInstanceHealth ok
us-east-1 elasticloadbalancing:DescribeLoadBalancers ok
us-east-1 elasticloadbalancing:DescribeTargetGroups ok
us-east-1 elasticloadbalancing:DescribeTargetHealth untried
us-east-1 elasticloadbalancing:DescribeInstanceHealth ok`
		if got := check(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		w.faults(awssim.Fault{Operation: "GetMetricData", Fault: "access-denied"},
			awssim.Fault{Operation: "DescribeTargetGroups", Fault: "access-denied"})
		if got := check(); strings.Count(got, "NO") != 3 || !strings.Contains(got, "cloudwatch:GetMetricData NO") {
			t.Errorf("got\n%s", got)
		}
	})
	if got := Actions(true); !slices.IsSorted(got) || len(got) != 6 || len(Actions(false)) != 2 {
		t.Errorf("%v, %v", got, Actions(false))
	}
}
