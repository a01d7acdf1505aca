package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/healthwatch"
	"inside53/zonesource"
	"inside53/zonesource/awssim"
)

const (
	appCheck = "3c9d2e7b-61f4-4b8a-8e0d-9f1a2b3c4d5e" // of the primary of app.example.com
	apiCheck = "0b6f8a1e-2c47-4d0e-9a51-7d3c5e8f1a20"
	siteOf   = "c4a8e6d0-5b72-4193-a7ef-6d0c1b2a3f48" // calculated from both
	public   = "Z0484276PQ3RN1T5XWVB"
)

// endpoint is a web server that may be turned bad.
type endpoint struct {
	bad  atomic.Bool
	port uint16
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if e.bad.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte("it is ok"))
	}))
	t.Cleanup(web.Close)
	e.port = netip.MustParseAddrPort(web.Listener.Addr().String()).Port()
	return e
}

// check has the check of app.example.com look at e: by name, each second, with threshold 2.
func (e *endpoint) check(t *testing.T, c *cloud) {
	t.Helper()
	c.change(t, public, "CREATE probe.example.com. A 127.0.0.1")
	text := fmt.Sprintf(
		`{"HealthChecks":[{"Id":%q,"CallerReference":"a","HealthCheckVersion":1,"HealthCheckConfig":{
		"Type":"HTTP_STR_MATCH","FullyQualifiedDomainName":"probe.example.com","Port":%d,"SearchString":"ok","RequestInterval":1,"FailureThreshold":2}},
		{"Id":%q,"CallerReference":"b","HealthCheckVersion":1,"HealthCheckConfig":{
		"Type":"TCP","IPAddress":"203.0.113.20","Port":443,"RequestInterval":1,"FailureThreshold":2}},
		{"Id":%q,"CallerReference":"c","HealthCheckVersion":1,"HealthCheckConfig":{
		"Type":"CALCULATED","HealthThreshold":2,"ChildHealthChecks":[%q,%q]}}]}`,
		appCheck, e.port, apiCheck, siteOf, appCheck, apiCheck)
	err := c.Replace("route53/list-health-checks.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
}

// healthCheck returns an entry of /health-checks.
func (p *program) healthCheck(t *testing.T, id string) admin.HealthCheck {
	t.Helper()
	var all []admin.HealthCheck
	p.into(t, "/health-checks", &all)
	for _, h := range all {
		if h.ID == id {
			return h
		}
	}
	return admin.HealthCheck{}
}

const watching = "health_checks: { source: both, refresh: 1s, probe_targets: [127.0.0.0/8] }\n"

// TestProgramHealth turns a real endpoint bad and good: the failover answer follows, here and
// nowhere else, survives a restart with AWS away, and ends with the section.
func TestProgramHealth(t *testing.T) {
	c := newCloud(t, nil)
	e := newEndpoint(t)
	e.check(t, c)
	s := newSite(t)
	p := s.ready(t, c.config()+watching)
	primary := asks(outside, "app.example.com A", "203.0.113.30")
	secondary := asks(outside, "app.example.com A", "198.51.100.30")
	p.check(t, primary)
	p.await(t, "both places know", func() bool {
		h := p.healthCheck(t, appCheck)
		return h.AWS.Known && h.Local.Known && h.Healthy
	})
	h := p.healthCheck(t, appCheck)
	if h.Type != "HTTP_STR_MATCH" || !h.Used || !strings.HasPrefix(h.Endpoint, "http://probe.example.com:") ||
		h.Why != "aws: HealthCheckStatus 1" ||
		h.Local.Why != "HTTP 200, string found" || h.Local.Since == nil || h.AWS.AgeSeconds == nil {
		t.Errorf("%+v", h)
	}
	p.await(t, "what may not be probed isn't, and counts as AWS says", func() bool {
		h := p.healthCheck(t, apiCheck)
		return h.Healthy && !h.Local.Known && strings.Contains(h.Local.Why, "not among probe_targets")
	})

	others := p.traffic(t, asks(dublin, "bastion.example.com A", "10.0.1.10"),
		asks(virginia, "cdn.example.com A", "10.1.1.21"))
	e.bad.Store(true)
	p.await(t, "the secondary answers", func() bool { return p.answers(t, secondary) })
	if h := p.healthCheck(t, appCheck); h.Healthy || !h.AWS.Healthy || !strings.HasPrefix(h.Why, "local: HTTP 503") {
		t.Errorf("%+v", h)
	}
	e.bad.Store(false)
	p.await(t, "the primary answers again", func() bool { return p.answers(t, primary) })
	err := c.SetHealth(appCheck, false)
	if err != nil {
		t.Fatal(err)
	}
	p.await(t, "AWS's word counts too", func() bool { return p.answers(t, secondary) })
	others.stop(t, 10)
	for line, want := range map[string]string{
		`inside53_health_checks{state="unhealthy"}`: "1", "inside53_health_local_lost": "0",
		"inside53_health_disagreeing":              "1",
		`inside53_health_targets{state="healthy"}`: "2", `inside53_health_targets{state="unhealthy"}`: "0",
	} {
		p.await(t, line+" is "+want, func() bool {
			got, ok := p.metric(t, line)
			return ok && got == want
		})
	}

	// A known-bad primary is bad from the first answer on.
	p.end(t)
	c.away.Store(true)
	p = s.start(t, c.config()+watching)
	for range 20 {
		p.check(t, secondary)
	}
	c.away.Store(false)
	err = c.SetHealth(appCheck, true)
	if err != nil {
		t.Fatal(err)
	}
	p.await(t, "AWS is back", func() bool { return p.answers(t, primary) })

	e.bad.Store(true)
	p.await(t, "the secondary answers", func() bool { return p.answers(t, secondary) })
	p.reloaded(t, s, c.config()+strings.Replace(watching, "both", "off", 1))
	p.check(t, primary)
	if code, body := p.get(t, http.MethodGet, "/health-checks"); code != http.StatusOK || body != "[]\n" {
		t.Errorf("/health-checks: %d %s", code, body)
	}
	if _, ok := p.metric(t, "inside53_health_local_lost"); ok {
		t.Error("there are metrics of health without health checks")
	}
	p.reloaded(t, s, c.config()+watching)
	p.await(t, "the secondary answers", func() bool { return p.answers(t, secondary) })
	p.reloaded(t, s, c.config()+strings.Replace(watching, "both", "aws", 1))
	p.await(t, "AWS's word alone", func() bool { return p.answers(t, primary) })
}

// TestProgramTargetHealth takes the branch of an alias away when a target group of its load balancer
// has no healthy target.
func TestProgramTargetHealth(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config()+watching)
	err := c.SetTargets("eu-west-1", "web", "unhealthy", "unhealthy")
	if err != nil {
		t.Fatal(err)
	}
	p.await(t, "the load balancer is unhealthy", func() bool {
		got, _ := p.metric(t, `inside53_health_targets{state="unhealthy"}`)
		return got == "1"
	})
	h := p.healthCheck(t, "web-prod-1873456201.eu-west-1.elb.amazonaws.com.")
	if h.Type != "LOAD_BALANCER" || h.Healthy || h.Why != "target group web: 0 of 2 targets healthy" ||
		h.AWS.AgeSeconds == nil {
		t.Errorf("%+v", h)
	}
}

// TestProgramHealthDenied goes on without what it isn't allowed to know.
func TestProgramHealthDenied(t *testing.T) {
	c := newCloud(t, nil)
	for _, operation := range []string{"ListHealthChecks", "GetMetricData", "DescribeTargetGroups"} {
		c.fault(t, awssim.Fault{Operation: operation, Fault: "access-denied"})
	}
	p := newSite(t).ready(t, c.config()+watching)
	p.await(t, "it is said", func() bool {
		return strings.Contains(p.log.String(), "route53:ListHealthChecks") &&
			strings.Contains(p.log.String(), "elasticloadbalancing:DescribeTargetGroups")
	})
	p.check(t, asks(outside, "app.example.com A", "203.0.113.30"))
}

// TestResolveOwn resolves hosts as a client on this host would: of our zones, and others.
func TestResolveOwn(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config()) // this host is outside
	for host, want := range map[string]string{"bastion.example.com": "203.0.113.10", "www.example.org": "192.0.2.80",
		"partner.example.org": "203.0.113.10"} {
		for range 3 {
			got, err := p.app.health.Resolve(t.Context(), host)
			if err != nil || len(got) != 1 || got[0] != netip.MustParseAddr(want) {
				t.Errorf("%s: %v, %v, want %s", host, got, err, want)
			}
		}
	}
	for _, host := range []string{"nothing.example.com", "motto.example.com", "a..b"} {
		got, err := p.app.health.Resolve(t.Context(), host)
		if len(got) != 0 {
			t.Errorf("%s: %v, %v", host, got, err)
		}
	}
	p = newSite(t).ready(t, c.config("127.1.0.0/16", "127.1.0.0/16, 127.0.0.0/30", ", 127.0.0.1/32", ""))
	got, err := p.app.health.Resolve(t.Context(), "bastion.example.com")
	if err != nil || len(got) != 1 || got[0] != netip.MustParseAddr("10.0.1.10") {
		t.Errorf("in a VPC: %v, %v", got, err)
	}
}

// TestTranslateProbe gives a private address only where no other host can have it.
func TestTranslateProbe(t *testing.T) {
	addr, prefix := netip.MustParseAddr, netip.MustParsePrefix
	snap := &zone.Snapshot{Views: []*zone.View{zone.NewView(zone.View{})}, Inventory: zone.NewInventory(
		[]zone.Network{
			{ID: "vpc-a", CIDRs: []netip.Prefix{prefix("10.0.0.0/16"), prefix("172.31.0.0/16")}},
			{ID: "vpc-b", CIDRs: []netip.Prefix{prefix("172.31.0.0/16")}},
			{ID: "vpc-old", CIDRs: []netip.Prefix{prefix("10.9.0.0/16")}, Stale: true},
		},
		[]zone.Interface{
			{Public: addr("203.0.113.1"), Private: addr("10.0.0.1")},
			{Public: addr("203.0.113.2"), Private: addr("172.31.0.2")},
			{Public: addr("203.0.113.3"), Private: addr("172.31.0.3"), VPC: 1},
			{Public: addr("203.0.113.4"), Private: addr("10.9.0.4"), VPC: 2},
			{Public: addr("203.0.113.5"), Private: addr("10.0.0.5"), Owner: zone.OtherOwner},
			{Public: addr("203.0.113.6"), Private: addr("10.0.0.6"), Owner: zone.LoadBalancer},
		})}
	snap.Inventory.AddView(zone.AddressPublic, nil, nil, nil)
	p, err := newSite(t).assemble(t,
		"listen: {dns: ['127.0.0.1:0']}\nadmin: ''\nforward: [{zone: ., upstreams: [192.0.2.1]}]\n")
	if err != nil {
		t.Fatal(err)
	}
	defer p.app.close()
	a := p.app
	if _, known := a.health.Translate(addr("203.0.113.1")); known {
		t.Error("without data something is known")
	}
	a.publish(snap)
	for _, tt := range []struct{ self, public, want string }{
		{"", "203.0.113.1", "10.0.0.1"}, {"", "203.0.113.2", ""}, {"vpc-a", "203.0.113.2", "172.31.0.2"},
		{"vpc-a", "203.0.113.3", ""},
		{"", "203.0.113.4", ""}, {"", "203.0.113.5", ""}, {"", "203.0.113.6", "10.0.0.6"}, {"", "198.51.100.1", ""},
		{"", "2001:db8::1", ""},
	} {
		a.health.Self.Store(nil)
		if tt.self != "" {
			a.health.Self.Store(&zonesource.Self{VPC: tt.self})
		}
		got, known := a.health.Translate(addr(tt.public))
		if known != (tt.want != "") || known && got != addr(tt.want) {
			t.Errorf("%+v: %s, %t", tt, got, known)
		}
	}
	for own, want := range map[string]string{"0.0.0.0:53": "127.0.0.1:53", "[::]:53": "[::1]:53",
		"10.0.0.1:5300": "10.0.0.1:5300"} {
		if got := healthwatch.Reachable(netip.MustParseAddrPort(own)); got != netip.MustParseAddrPort(want) {
			t.Errorf("%s is asked at %s", own, got)
		}
	}
}
