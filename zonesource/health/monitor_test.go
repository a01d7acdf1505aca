package health

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/account"
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
			if s.ProbesOK == 0 || s.ProbesFailed < 9 || s.ProbesRefused != 0 || s.Healthy != 3 || s.Unhealthy+s.Unknown != 0 || s.LocalLost || s.Oldest.IsZero() {
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
		w := newWorld(t, listed(web("a", "10.0.0.1"), checkJSON("alarm", `"Type":"CLOUDWATCH_METRIC"`), checkJSON("control", `"Type":"RECOVERY_CONTROL"`),
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
		w := newWorld(t, listed(web("a", "10.0.0.1"), web("public", "192.0.2.1"), web("metadata", "169.254.169.254"), checkJSON("broken", `"Type":"TCP"`)))
		m, stop := w.start(w.options())
		defer stop()
		time.Sleep(5 * time.Minute)
		w.want("a+ public+ metadata+ broken+")
		if !strings.Contains(w.live().Checks["metadata"].Local.Why, "never probed") || w.dialled("169.254.169.254") != 0 || w.dialled("192.0.2.1") != 0 {
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
		for _, f := range []awssim.Fault{{Fault: "empty", Page: 2}, {Fault: "stuck", Page: 3}, {Fault: "fail", Page: 2}, {Fault: "500", Page: 3}} {
			f.Operation = "ListHealthChecks"
			w.faults(f)
			time.Sleep(12 * time.Minute)
			if n := len(m.Checks()); n != 250 {
				t.Errorf("%s: %d checks", f.Fault, n)
			}
			w.sim.ClearFaults()
		}
		err := w.sim.Replace("route53/list-health-checks.json", listed(checks[:10]...)["route53/list-health-checks.json"].Data)
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
		w.sim, err = awssim.New(awssim.Options{Data: listed(checks...), Reads: awssim.Unlimited(), Inventory: awssim.Unlimited(), PageSize: 100})
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
		if w.dialled("10.0.0.1") == 0 || w.dialled("10.0.0.2") != 0 || w.dialled("10.0.0.3") == 0 || w.live().Checks["b"].AWS.Known || !w.live().Checks["child"].AWS.Known {
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
		time.Sleep(70 * time.Second)
		if w.dialled("10.0.0.2") == 0 || w.sim.Calls()["ListHealthChecks"] != lists+1 {
			t.Errorf("%d lists", w.sim.Calls()["ListHealthChecks"]-lists)
		}
		time.Sleep(2 * time.Minute)
		if n := w.sim.Calls()["ListHealthChecks"]; n != lists+1 {
			t.Errorf("listed %d times for what isn't there", n-lists)
		}
		later := m.Checks()[3]
		if later.ID != "later" || !later.Wanted || !later.Check.Healthy || later.Check.Why != "no account has it; counts as healthy" || m.Stats().Unknown != 1 {
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

// TestRestart keeps a known-bad primary bad, with AWS away, and probes it all the same.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, listed(web("a", "10.0.0.1"), web("b", "10.0.0.2"), checkJSON("alarm", `"Type":"CLOUDWATCH_METRIC"`)))
		w.set("200", "10.0.0.1", "10.0.0.2")
		_, stop := w.start(w.options())
		time.Sleep(time.Minute)
		w.set("503", "10.0.0.1")
		w.setHealth("alarm", false)
		time.Sleep(2 * time.Minute)
		w.want("a- b+ alarm-")
		since := w.live().Checks["a"].Local.Since
		stop()

		w.faults(awssim.Fault{Fault: "500"})
		w.forget()
		time.Sleep(time.Hour)
		_, stop = w.start(w.options())
		if len(w.all()) == 0 {
			t.Fatal("nothing was published at once")
		}
		first := w.all()[0]
		if c := first.Checks["a"]; c.Healthy || !c.Local.Since.Equal(since) || time.Since(c.Local.Seen) < time.Hour || first.Checks["alarm"].Healthy || !first.Checks["b"].Healthy {
			t.Errorf("%+v", first.Checks)
		}
		time.Sleep(5 * time.Minute)
		w.want("a- b+ alarm-")
		w.set("200", "10.0.0.1")
		w.between("a has to succeed as often as ever", w.until("a", true), 20*time.Second, 31*time.Second)
		w.set("503", "10.0.0.2")
		w.until("b", false)
		stop()

		// AWS's word of endpoints counts no longer where it isn't asked any more.
		w.sim.ClearFaults()
		w.setHealth("b", false)
		o := w.options()
		o.Mode = AWS
		_, stop = w.start(o)
		time.Sleep(2 * time.Minute)
		w.want("a+ b- alarm-")
		stop()
		w.faults(awssim.Fault{Fault: "500"})
		o.Mode = Local
		w.forget()
		_, stop = w.start(o)
		if c := w.all()[0].Checks["b"]; !c.Healthy || c.AWS.Known {
			t.Errorf("%+v", c)
		}
		w.want("alarm-")
		stop()

		time.Sleep(25 * time.Hour)
		w.forget()
		_, stop = w.start(o)
		if len(w.all()[0].Checks) != 0 || !strings.Contains(w.log.String(), "too old to count") {
			t.Errorf("a day later: %+v", w.all()[0])
		}
		stop()
	})
}

// TestDamagedState puts a state aside that isn't whole.
func TestDamagedState(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut":     func(b []byte) []byte { return b[:len(b)-1] },
		"changed": func(b []byte) []byte { b[len(b)-10] ^= 1; return b },
		"empty":   func([]byte) []byte { return nil },
		"another": func([]byte) []byte { return []byte("inside53 health 2 x\n{}") },
		"no JSON": func([]byte) []byte {
			return []byte("inside53 health 1 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n")
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, listed(web("a", "10.0.0.1")))
			w.setHealth("a", false)
			_, stop := w.start(w.options())
			stop()
			path := filepath.Join(w.state, stateFile)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			err = os.WriteFile(path, damage(text), 0o600)
			if err != nil {
				t.Fatal(err)
			}
			w.forget()
			w.faults(awssim.Fault{Fault: "500"})
			m, err := New(w.options())
			if err != nil {
				t.Fatal(err)
			}
			m.Load()
			m.Load()
			aside, err := filepath.Glob(path + ".unusable-*")
			if len(w.all()) != 1 || len(w.all()[0].Checks) != 0 || err != nil || len(aside) != 1 || !strings.Contains(w.log.String(), "unusable and put aside") {
				t.Errorf("%s: %+v, %v, %s", name, w.all(), aside, w.log)
			}
		})
	}
}

// TestStateNotWritable goes on without.
func TestStateNotWritable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, listed(web("a", "10.0.0.1")))
		path := filepath.Join(w.state, "file")
		err := os.WriteFile(path, nil, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		o := w.options()
		o.StateDir = path
		_, stop := w.start(o)
		time.Sleep(time.Minute)
		w.want("a+")
		stop()
		if !strings.Contains(w.log.String(), "health not saved") {
			t.Errorf("log: %s", w.log)
		}
	})
}

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
		if s := m.Stats(); s.Targets != 4 || s.UnhealthyTargets != 0 {
			t.Errorf("%+v", s)
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
		if n := w.sim.Calls()["DescribeTargetHealth"]; n != 0 || m.Stats().Targets != 2 {
			t.Errorf("%d calls, %+v", n, m.Stats())
		}
		o.WantedTargets = func() []string {
			return []string{string(zone.MustName("dualstack.web-1.eu-west-1.elb.amazonaws.com."))}
		}
		o.StateDir = ""
		m, stop = w.start(o)
		stop()
		if n := w.sim.Calls()["DescribeTargetHealth"]; n != 1 || m.Stats().Targets != 2 { // the first group is bad enough
			t.Errorf("%d calls, %+v", n, m.Stats())
		}
	})
}

func TestNewRefuses(t *testing.T) {
	_, err := New(Options{Mode: "cloud", Refresh: -1, Balancers: true})
	for _, want := range []string{"no account", "nobody to publish to", `source "cloud"`, "nobody to resolve", "can't be negative", "no regions"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	_, err = New(Options{Mode: AWS, Accounts: []*account.Account{{}}, Publish: func(*zone.Live) {}})
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
us-east-1 elasticloadbalancing:DescribeLoadBalancers ok
us-east-1 elasticloadbalancing:DescribeTargetGroups ok
us-east-1 elasticloadbalancing:DescribeTargetHealth untried`
		if got := check(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		w.faults(awssim.Fault{Operation: "GetMetricData", Fault: "access-denied"}, awssim.Fault{Operation: "DescribeTargetGroups", Fault: "access-denied"})
		if got := check(); strings.Count(got, "NO") != 3 || !strings.Contains(got, "cloudwatch:GetMetricData NO") {
			t.Errorf("got\n%s", got)
		}
	})
	if got := Actions(true); !slices.IsSorted(got) || len(got) != 5 || len(Actions(false)) != 2 {
		t.Errorf("%v, %v", got, Actions(false))
	}
}
