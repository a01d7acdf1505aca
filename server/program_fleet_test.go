package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"inside53/zonesource/awssim"
)

// fleetSecret is that of the fleets of tests.
const fleetSecret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// fleetSection is the configuration of a member of a fleet.
func fleetSection(name string) string {
	return fmt.Sprintf("keys: [{name: fleet., secret: %s}]\nfleet: {name: %s, store: s3://fleet/prod, keys: [fleet.]}\n",
		fleetSecret, name)
}

// startFleet starts members of one fleet, and returns when all are ready.
func startFleet(t *testing.T, c *cloud, n int) []*program {
	t.Helper()
	err := c.CreateBucket("fleet")
	if err != nil {
		t.Fatal(err)
	}
	var all []*program
	for i := range n {
		all = append(all, newSite(t).start(t, c.config()+fleetSection(fmt.Sprintf("m%d", i+1))))
	}
	for _, p := range all {
		p.await(t, "ready", func() bool { return p.readiness(t).Ready })
	}
	return all
}

// leaderOf returns the place of the member that leads.
func leaderOf(t *testing.T, all []*program) int {
	t.Helper()
	leader := -1
	all[0].await(t, "one leads", func() bool {
		leader = -1
		for i, p := range all {
			if p.app.fleet.member.Standing().Leads {
				leader = i
			}
		}
		return leader >= 0
	})
	return leader
}

// within fails the test where something doesn't come about in time.
func (p *program) within(t *testing.T, d time.Duration, what string, is func() bool) {
	t.Helper()
	began := time.Now()
	p.await(t, what, is)
	if took := time.Since(began); took > d {
		t.Errorf("%s took %v, more than %v", what, took, d)
	}
}

// TestFleetServesAlike changes a record in Route 53: each member answers it, one has read it.
func TestFleetServesAlike(t *testing.T) {
	c := newCloud(t, nil)
	all := startFleet(t, c, 3)
	for i, p := range all {
		p.check(t, demoQuestions()...)
		if t.Failed() {
			t.Fatalf("member %d", i+1)
		}
	}
	leader := leaderOf(t, all)
	for n := range 3 {
		c.change(t, privateZone, fmt.Sprintf("CREATE new-%d.example.com A 10.7.0.%d", n, n))
		for _, p := range all {
			p.await(t, "the change at each member", func() bool {
				return p.answers(t, asks(dublin, fmt.Sprintf("new-%d.example.com A", n), fmt.Sprintf("10.7.0.%d", n)))
			})
		}
	}
	if leaderOf(t, all) != leader {
		t.Error("another one leads, with nothing having happened")
	}
}

// TestFleetStepDown has the leader end: another one leads within 2 seconds, and what changes then
// is served.
func TestFleetStepDown(t *testing.T) {
	c := newCloud(t, nil)
	all := startFleet(t, c, 3)
	leader := leaderOf(t, all)
	all[leader].await(t, "the members are known", func() bool { return len(all[leader].app.fleet.member.Peers()) == 3 })
	all[leader].end(t)
	left := append(append([]*program{}, all[:leader]...), all[leader+1:]...)
	left[0].within(t, 2500*time.Millisecond, "another one leads", func() bool {
		return left[0].app.fleet.member.Standing().Leads || left[1].app.fleet.member.Standing().Leads
	})
	c.change(t, privateZone, "CREATE after.example.com A 10.7.0.9")
	for _, p := range left {
		p.await(t, "the change", func() bool { return p.answers(t, asks(dublin, "after.example.com A", "10.7.0.9")) })
	}
}

// TestFleetCalls has three servers make no more calls to AWS than one: those that don't lead make
// none but for the account's id and the store.
func TestFleetCalls(t *testing.T) {
	c := newCloud(t, nil)
	all := startFleet(t, c, 3)
	leader := leaderOf(t, all)
	c.ResetCalls()
	all[leader].await(t, "some rounds", func() bool { return c.Calls()["ListHostedZones"] > 5 })
	for i, p := range all {
		_, body := p.get(t, http.MethodGet, "/metrics")
		for line := range strings.Lines(body) {
			if i != leader && strings.HasPrefix(line, "inside53_aws_calls_total{") {
				t.Errorf("member %d doesn't lead and has called AWS: %s", i+1, line)
			}
		}
	}
}

// TestFleetStoreAway has everybody serve on while the store is away, also who starts then.
func TestFleetStoreAway(t *testing.T) {
	c := newCloud(t, nil)
	all := startFleet(t, c, 2)
	for _, operation := range []string{"GetObject", "PutObject", "ListObjectsV2", "DeleteObject"} {
		c.fault(t, awssim.Fault{Operation: operation, Fault: "500"})
	}
	for range 5 {
		for _, p := range all {
			p.check(t, demoQuestions()...)
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.ClearFaults()
	c.change(t, privateZone, "CREATE back.example.com A 10.7.0.9")
	for _, p := range all {
		p.await(t, "the change", func() bool { return p.answers(t, asks(dublin, "back.example.com A", "10.7.0.9")) })
	}
}
