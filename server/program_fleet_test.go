package server

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
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
			if p.app.fleet.Member.Standing().Leads {
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
	all[leader].await(t, "the members are known", func() bool { return len(all[leader].app.fleet.Member.Peers()) == 3 })
	all[leader].end(t)
	left := append(append([]*program{}, all[:leader]...), all[leader+1:]...)
	left[0].within(t, 2500*time.Millisecond, "another one leads", func() bool {
		return left[0].app.fleet.Member.Standing().Leads || left[1].app.fleet.Member.Standing().Leads
	})
	c.change(t, privateZone, "CREATE after.example.com A 10.7.0.9")
	for _, p := range left {
		p.await(t, "the change", func() bool { return p.answers(t, asks(dublin, "after.example.com A", "10.7.0.9")) })
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

// TestFleetSolo has the store be away for so long that each server reads by itself: queries see what that
// brings, secondaries do not, and have it when the store is back, under a greater serial.
func TestFleetSolo(t *testing.T) {
	c := newCloud(t, nil)
	err := c.CreateBucket("fleet")
	if err != nil {
		t.Fatal(err)
	}
	config := c.transferConfig(newAudience(t, 0).addr)
	var all []*program
	for n := range 2 {
		all = append(all, newSite(t).start(t, strings.Replace(memberConfig(config, n+1), "keys: [fleet.]}\n",
			"keys: [fleet.], poll: 100ms, solo_after: 100ms}\n", 1)))
	}
	for _, p := range all {
		p.await(t, "ready", func() bool { return p.readiness(t).Ready })
	}
	r := roam(t, all[0], 7)
	r.settle(t, all)
	before := r.f.soa.Serial
	for _, operation := range []string{"GetObject", "PutObject", "ListObjectsV2"} {
		c.fault(t, awssim.Fault{Operation: operation, Fault: "500"})
	}
	c.change(t, privateZone, "CREATE alone.example.com A 10.7.0.9")
	r.during(t, all, func() bool {
		return !slices.ContainsFunc(all, func(p *program) bool {
			return !p.answers(t, asks(dublin, "alone.example.com A", "10.7.0.9"))
		})
	})
	for range 20 {
		r.refresh(t, all)
		time.Sleep(10 * time.Millisecond)
	}
	if r.f.soa.Serial != before {
		t.Errorf("what nobody has committed is transferred: serial %d, then %d", before, r.f.soa.Serial)
	}
	for _, p := range all {
		if !slices.Contains(p.readiness(t).Degraded, "store") {
			t.Errorf("degraded: %v", p.readiness(t).Degraded)
		}
	}
	c.ClearFaults()
	r.during(t, all, func() bool { return slices.Contains(r.f.lines(), "alone.example.com. 60 IN A 10.7.0.9") })
	r.settle(t, all)
	for _, p := range all {
		p.await(t, "the fleet reads again", func() bool {
			return p.answers(t, asks(dublin, "alone.example.com A", "10.7.0.9")) && p.app.fleet.Standing().Leader != ""
		})
	}
}

// TestFleetIdentity says who answers: NSID and id.server.
func TestFleetIdentity(t *testing.T) {
	c := newCloud(t, nil)
	p := startFleet(t, c, 1)[0]
	m := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)
	m.SetEdns0(1232, false).IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
	q := question{from: dublin}
	conn, err := q.dial(p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	reply, err := exchange(conn, m)
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	for _, o := range reply.IsEdns0().Option {
		if id, is := o.(*dns.EDNS0_NSID); is {
			text, _ := hex.DecodeString(id.Nsid)
			said = string(text)
		}
	}
	if !regexp.MustCompile(`^m1 [1-9][0-9]* 1\.2\.3$`).MatchString(said) {
		t.Errorf("NSID %q", said)
	}
	ask := new(dns.Msg)
	ask.Question, ask.Id = []dns.Question{{Name: "id.server.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}}, dns.Id()
	reply, err = exchange(conn, ask)
	if err != nil || len(reply.Answer) != 1 {
		t.Fatalf("%v, %v", reply, err)
	}
	if text := reply.Answer[0].(*dns.TXT).Txt[0]; !strings.HasPrefix(text, "m1 ") {
		t.Errorf("id.server %q", text)
	}
}

// exchange asks over a connection.
func exchange(c *dns.Conn, m *dns.Msg) (*dns.Msg, error) {
	err := c.SetDeadline(time.Now().Add(patience))
	if err == nil {
		err = c.WriteMsg(m)
	}
	if err != nil {
		return nil, err
	}
	return c.ReadMsg()
}
