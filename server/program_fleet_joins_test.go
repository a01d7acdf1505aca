package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/resolver/history"
	"inside53/zonesource/awssim"
)

// awsReads are the operations that bring data.
func awsReads() []string {
	return []string{"ListHostedZones", "ListResourceRecordSets", "GetHostedZone", "DescribeInstances",
		"DescribeNetworkInterfaces", "DescribeVpcs", "DescribeAddresses", "DescribeSubnets"}
}

// storeBehind has the fleet's store be so far behind in time.
func (c *cloud) storeBehind(t *testing.T, d time.Duration) {
	t.Helper()
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(-d).UTC().Format(http.TimeFormat))
		c.serve(w, r)
	}))
	t.Cleanup(func() {
		store.CloseClientConnections()
		store.Close()
	})
	t.Setenv("AWS_ENDPOINT_URL_S3", store.URL)
}

// memberConfig is a configuration with keys as that of one member of a fleet.
func memberConfig(config string, n int) string {
	_, list, _ := strings.Cut(config, "keys:\n")
	indent, _, _ := strings.Cut(list, "-")
	key := fmt.Sprintf("keys:\n%s- {name: fleet., secret: %s}\n", indent, fleetSecret)
	return strings.Replace(config, "keys:\n", key, 1) +
		fmt.Sprintf("fleet: {name: m%d, store: s3://fleet/prod, keys: [fleet.]}\n", n)
}

// TestFleetOfThoseWithData has servers that ran alone, with serials ahead of the clock of the store, make an empty
// bucket into a fleet while nothing can be read, and one more join: no zone is lost on the way, the secondaries of
// each never get a smaller serial of any, nor another content under one that they have.
func TestFleetOfThoseWithData(t *testing.T) {
	c := newCloud(t, nil)
	c.storeBehind(t, 24*time.Hour)
	config := c.transferConfig(newAudience(t, 0).addr)
	const founders, all = 3, 4
	var sites []*site
	var roamers []*roamer
	greatest := uint32(0)
	for n := range all {
		s := newSite(t)
		p := s.ready(t, config)
		r := roam(t, p, uint64(n))
		if n == all-1 { // who joins later has told more than the others
			for i := range 3 {
				c.change(t, privateZone, fmt.Sprintf("CREATE late-%d.example.com A 10.7.0.%d", i, i))
				p.await(t, "the change is transferred", func() bool {
					r.refresh(t, []*program{p})
					return slices.Contains(r.f.lines(), fmt.Sprintf("late-%d.example.com. 60 IN A 10.7.0.%d", i, i))
				})
			}
		}
		if n == 0 || history.After(r.f.soa.Serial, greatest) {
			greatest = r.f.soa.Serial
		}
		roamers = append(roamers, r)
		sites = append(sites, s)
		p.end(t)
	}
	err := c.CreateBucket("fleet")
	if err != nil {
		t.Fatal(err)
	}
	for _, operation := range awsReads() {
		c.fault(t, awssim.Fault{Operation: operation, Fault: "500"})
	}
	var members []*program
	var clients []*traffic
	join := func(n int) {
		p := sites[n].start(t, memberConfig(config, n+1))
		p.check(t, demoQuestions()...) // the very first
		clients = append(clients, p.traffic(t, demoQuestions()...))
		members = append(members, p)
	}
	for n := range founders {
		join(n)
	}
	founded := func() bool {
		return !slices.ContainsFunc(members, func(p *program) bool {
			return p.app.fleet.Standing().Version == 0 || p.app.fleet.Standing().Leader == ""
		})
	}
	for i, r := range roamers[:founders] {
		r.during(t, members[i:i+1], founded)
		r.settle(t, members)
	}
	join(founders)
	roamers[founders].during(t, members, founded)
	for _, r := range roamers {
		r.settle(t, members)
		if !history.After(r.f.soa.Serial, greatest) {
			t.Errorf("the serial is %d, %d was told", r.f.soa.Serial, greatest)
		}
	}
	c.ClearFaults()
	c.change(t, privateZone, "CREATE after.example.com A 10.7.0.9")
	for _, p := range members {
		p.await(t, "a change is served", func() bool { return p.answers(t, asks(dublin, "after.example.com A", "10.7.0.9")) })
	}
	for _, r := range roamers {
		r.settle(t, members)
	}
	for _, f := range clients {
		f.stop(t, 20)
	}
}

// TestFleetOlderConfiguration gives who leads an older configuration, which wants less, and the present one back:
// no zone is lost at the others meanwhile, nor at it then.
func TestFleetOlderConfiguration(t *testing.T) {
	c := newCloud(t, nil)
	err := c.CreateBucket("fleet")
	if err != nil {
		t.Fatal(err)
	}
	config := func(n int) string { return c.config() + fleetSection(fmt.Sprintf("m%d", n+1)) }
	var all []*program
	var sites []*site
	for n := range 3 {
		sites = append(sites, newSite(t))
		all = append(all, sites[n].start(t, config(n)))
	}
	for _, p := range all {
		p.await(t, "ready", func() bool { return p.readiness(t).Ready })
	}
	leader := leaderOf(t, all)
	all[leader].await(t, "the members are known", func() bool {
		return len(all[leader].app.fleet.Member.Peers()) == len(all)
	})
	var clients []*traffic
	for i, p := range all {
		if i != leader {
			clients = append(clients, p.traffic(t, demoQuestions()...))
		}
	}
	older := strings.NewReplacer("requests_per_second: 1000", "requests_per_second: 1000, zones: [example.com]",
		"regions: [eu-west-1, us-east-1]", "regions: [eu-west-1]").Replace(config(leader))
	if older == config(leader) {
		t.Fatal("the older configuration is the present one")
	}
	all[leader].configure(t, sites[leader], older)
	all[leader].await(t, "it reads by the older one", func() bool {
		return !all[leader].answers(t, asks(dublin, "15.20.0.10.in-addr.arpa PTR", "db-1.example.com."))
	})
	began := c.Calls()["ListHostedZones"]
	all[leader].await(t, "some rounds", func() bool { return c.Calls()["ListHostedZones"] > began+10 })
	for i, p := range all {
		if i != leader {
			p.check(t, demoQuestions()...)
		}
	}
	if differs, _ := all[leader].metric(t, "inside53_fleet_config_differs"); differs == "" {
		t.Error("no metric says which configuration is read by")
	}
	all[leader].configure(t, sites[leader], config(leader))
	all[leader].await(t, "all is there again", func() bool {
		return !slices.ContainsFunc(demoQuestions(), func(q question) bool { return !all[leader].answers(t, q) })
	})
	for _, f := range clients {
		f.stop(t, 20)
	}
}
