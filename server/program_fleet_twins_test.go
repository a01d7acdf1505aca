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
