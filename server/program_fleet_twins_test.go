package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"inside53/server/config"
	"inside53/server/sources"
	"inside53/zonesource/fleet"
)

// TestFleetTwins has two servers have one name: both answer, and the report and /fleet of each say it.
func TestFleetTwins(t *testing.T) {
	c := newCloud(t, nil)
	err := c.CreateBucket("fleet")
	if err != nil {
		t.Fatal(err)
	}
	config := c.config() + fleetSection("m1")
	var sites []*site
	var twins []*program
	for range 2 {
		s := newSite(t)
		sites, twins = append(sites, s), append(twins, s.ready(t, config))
	}
	says := func(p *program, path string) bool {
		_, text := p.get(t, http.MethodGet, path)
		return strings.Contains(text, "has the name of this one, m1") || strings.Contains(text, `"twin": "127.0.0.1:`)
	}
	for _, p := range twins {
		if says(p, "/report") {
			t.Error("said at once")
		}
	}
	// Each writes what it is when its configuration changes, and finds what the other one wrote: a few times, as what
	// is seen written may have been the other's.
	for round := 0; round < 9 && !(says(twins[0], "/report") && says(twins[1], "/report")); round++ {
		for i, p := range twins {
			before := c.Object("fleet", "prod/member/m1")
			p.configure(t, sites[i], strings.Replace(config, "requests_per_second: 1000",
				"requests_per_second: 90"+string(rune('0'+round)), 1))
			p.await(t, "it has written", func() bool { return string(c.Object("fleet", "prod/member/m1")) != string(before) })
		}
	}
	for _, p := range twins {
		for _, path := range []string{"/report", "/fleet"} {
			p.await(t, path+" says it", func() bool { return says(p, path) })
		}
		p.check(t, demoQuestions()...)
	}
}

// TestMaxAgeOfFleet allows the servers of a fleet the time that it takes until they know how old data are.
func TestMaxAgeOfFleet(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	for text, want := range map[string]time.Duration{
		c.config(): time.Hour, c.config() + fleetSection("m1"): time.Hour + fleet.Lag,
	} {
		s.write(t, "inside53.yaml", text)
		c, err := config.Load(s.path("inside53.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if is := sources.KeeperConfig(c, nil).MaxAge; is != want {
			t.Errorf("max_age %v, want %v", is, want)
		}
	}
	if fleet.Lag != 19*time.Second {
		t.Errorf("README.md says 19 s, it is %v", fleet.Lag)
	}
}

// TestConfigSum has all that decides what is read be part of the sum, and nothing else.
func TestConfigSum(t *testing.T) {
	sum := func(text, account string) string {
		t.Helper()
		s := newSite(t)
		s.write(t, "inside53.yaml", text)
		c, err := config.Load(s.path("inside53.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		sum, err := configSum(c, account)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	const base = "listen: {dns: [\"127.0.0.1:0\"]}\nstate_dir: state\nroute53: {}\n" +
		"views: [{name: all, clients: [127.0.0.0/8], vpcs: [\"*\"]}]\n"
	was := sum(base, "1")
	for what, text := range map[string]string{
		"aws":           base + "aws: {region: eu-west-1}\n",
		"route53":       strings.Replace(base, "route53: {}", "route53: {zones: [example.com]}", 1),
		"ec2":           base + "ec2: {regions: [eu-west-1]}\n",
		"health_checks": base + "health_checks: {}\n",
		"secondary":     base + "secondary: [{zone: corp.example, primaries: [192.0.2.1]}]\n",
		"follow":        base + "follow: [{zone: corp.example, primaries: [192.0.2.1], into: Z0731658FW9JB6C8QTRG}]\n",
	} {
		if sum(text, "1") == was {
			t.Errorf("%s changes nothing", what)
		}
	}
	if sum(base, "2") == was || sum(base+"cache: {entries: 1000}\n", "1") != was {
		t.Error("of another account the same, or another for what each server has of its own")
	}
}
