package server

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"inside53/server/admin"
	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
)

// TestProgramCounts asks so many queries of every kind and finds them in /metrics.
func TestProgramCounts(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	raw := func(change func(*dns.Msg)) *dns.Msg {
		query := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)
		change(query)
		conn, err := asks(dublin, "").dial(p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		reply, _, err := new(dns.Client).ExchangeWithConn(query, conn)
		if err != nil {
			t.Fatal(err)
		}
		return reply
	}
	count := func() map[string]int {
		_, body := p.get(t, http.MethodGet, "/metrics")
		got := make(map[string]int)
		for _, m := range regexp.MustCompile(
			`(?m)^inside53_queries_total\{result="(\w+)",transport="(\w+)"\} (\d+)$`).FindAllStringSubmatch(body, -1) {
			n, err := strconv.Atoi(m[3])
			if err != nil {
				t.Fatal(err)
			}
			got[m[2]+" "+m[1]] = n
		}
		return got
	}
	for name, n := range count() {
		if n != 0 {
			t.Errorf("before any query %s is %d: the server's own must not count", name, n)
		}
	}
	const times = 25
	local, missing, empty := asks(dublin, "www.example.com A", "10.0.1.21", "10.0.2.21"),
		asks(dublin, "nothing.example.com A", "NXDOMAIN"), asks(dublin, "git.example.com MX")
	for range times {
		p.check(t, local, local.byTCP(), missing, empty.byTCP(), asks("127.9.0.1", "www.example.com A", "REFUSED 18"))
	}
	outsider := asks(outside, "www.example.org A", "CNAME example.org.", "192.0.2.80")
	p.check(t, outsider, outsider, outsider.byTCP())
	if r := raw(func(m *dns.Msg) { m.Opcode = dns.OpcodeStatus }); r.Rcode != dns.RcodeNotImplemented {
		t.Errorf("opcode status: %s", r)
	}
	if r := raw(func(m *dns.Msg) { m.SetEdns0(1232, false); m.IsEdns0().SetVersion(1) }); r.Rcode != dns.RcodeBadVers {
		t.Errorf("EDNS version 1: %s", r)
	}
	if r := raw(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }); r.Rcode != dns.RcodeFormatError {
		t.Errorf("two questions: %s", r)
	}
	want := map[string]int{
		"udp local": times, "tcp local": times, "udp nxdomain": times, "tcp nodata": times, "udp refused": times,
		"udp forwarded": 1, "udp cached": 1, "tcp cached": 1, "udp notimp": 1, "udp badvers": 1, "udp formerr": 1,
	}
	p.await(t, "the counters are there", func() bool {
		got := count()
		maps.DeleteFunc(got, func(_ string, n int) bool { return n == 0 })
		return maps.Equal(got, want)
	})
}

// TestProgramMetrics finds every metric that operators rely on, with its value.
func TestProgramMetrics(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	p.check(t, asks(outside, "www.example.org A", "CNAME example.org.", "192.0.2.80"))
	for line, want := range map[string]string{
		"inside53_ready":                                                             "1",
		"inside53_stale_regions":                                                     "0",
		"inside53_unservable_records":                                                "0",
		`inside53_zones{visibility="public"}`:                                        "2",
		`inside53_zones{visibility="private"}`:                                       "2",
		`inside53_source_failing_parts{source="route53"}`:                            "0",
		`inside53_source_pending_parts{source="ec2"}`:                                "0",
		`inside53_source_age_seconds{source="route53"}`:                              "",
		`inside53_source_age_seconds{source="ec2"}`:                                  "",
		`inside53_records{visibility="public"}`:                                      "",
		`inside53_tcp_connections{address="` + p.addr.String() + `"}`:                "",
		`inside53_upstream_up{upstream="` + c.dns + `"}`:                             "1",
		"inside53_problems":                                                          "",
		"inside53_cache_entries":                                                     "",
		"go_goroutines":                                                              "",
		"process_resident_memory_bytes":                                              "",
		`inside53_cache_lookups_total{outcome="miss"}`:                               "",
		`inside53_forward_refused_total{reason="full"}`:                              "0",
		`inside53_upstream_queries_total{outcome="failed",upstream="` + c.dns + `"}`: "0",
	} {
		got, ok := p.metric(t, line)
		if !ok || want != "" && got != want {
			t.Errorf("%s is %q, want %q", line, got, want)
		}
	}
	if n, ok := p.metric(t, `inside53_aws_calls_total{code="ok",operation="ListResourceRecordSets"}`); !ok || n == "0" {
		t.Errorf("calls of ListResourceRecordSets: %q", n)
	}
	c.fault(t, awssim.Fault{Operation: "ListResourceRecordSets", Fault: "access-denied"})
	p.await(t, "failed calls are counted by their error", func() bool {
		n, ok := p.metric(t, `inside53_aws_calls_total{code="AccessDenied",operation="ListResourceRecordSets"}`)
		return ok && n != "0"
	})
}

// TestProgramUnservable serves a zone with a record set that can't be served: its
// name exists, and people are told.
func TestProgramUnservable(t *testing.T) {
	c := newCloud(t, nil)
	ttl := int64(60)
	err := c.SetRecords(productZone, append(c.Records(productZone), awssim.RecordSet{
		Name: "odd.example.net.", Type: "A", TTL: &ttl, ResourceRecords: []awssim.ResourceRecord{{Value: "no address"}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	p := newSite(t).ready(t, c.config())
	p.check(t, asks(outside, "odd.example.net A", "SERVFAIL 24"), asks(outside, "odd.example.net MX"),
		asks(outside, "example.net A", "203.0.113.201"))
	z := p.zone(t, productZone)
	if len(z.Unservable) != 1 || z.Unservable[0].Name != "odd.example.net." || z.Unservable[0].Type != "A" ||
		!strings.Contains(z.Unservable[0].Reason, "no address") {
		t.Errorf("/zones tells %+v", z.Unservable)
	}
	if n, _ := p.metric(t, "inside53_unservable_records"); n != "1" {
		t.Errorf("inside53_unservable_records is %s", n)
	}
	_, body := p.get(t, http.MethodGet, "/report")
	if !strings.Contains(body, `"name": "odd.example.net."`) {
		t.Errorf("/report tells %s", body)
	}
}

// TestProgramTellsWhatIsMissing starts without the permission to read records: every zone
// is named with the reason, readiness stays short, and the log says when all is there.
func TestProgramTellsWhatIsMissing(t *testing.T) {
	c := newCloud(t, nil)
	c.fault(t, awssim.Fault{Operation: "ListResourceRecordSets", Fault: "access-denied", Count: 1 << 20})
	p := newSite(t).start(t, c.config())
	p.await(t, "the zones have their reasons", func() bool {
		var zones []admin.Zone
		p.into(t, "/zones", &zones)
		told := 0
		for _, z := range zones {
			if strings.Contains(z.Error, "needs the IAM action route53:ListResourceRecordSets") && z.Name != "" &&
				z.Records == 0 {
				told++
			}
		}
		return told == 4
	})
	if z := p.zone(t, privateZone); z.Visibility != "private" || z.Name != "example.com." {
		t.Errorf("/zones has %+v", z)
	}
	p.await(t, "the log warns", func() bool { return strings.Contains(p.log.String(), "not all data are there") })
	c.ClearFaults()
	p.await(t, "the log says that all is there",
		func() bool { return strings.Contains(p.log.String(), `msg=serving version="inside53 1.2.3"`) })
	if value, _ := p.metric(t, `inside53_build_info{version="1.2.3"}`); value != "1" {
		t.Errorf("the metric of the version is %q", value)
	}
	p.await(t, "/zones has the records", func() bool { // the last one isn't waited for where the others are there
		z := p.zone(t, privateZone)
		return z.Error == "" && z.Records > 0
	})
}

// TestProgramAddresses asks the two HTTP addresses for all paths.
func TestProgramAddresses(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config()+"health: 127.0.0.1:0\n")
	health := "http://" + p.app.admin.Addrs()[1].String()
	for _, tt := range []struct {
		method, path  string
		admin, health int
	}{
		{http.MethodGet, "/healthz", 200, 200},
		{http.MethodGet, "/readyz", 200, 200},
		{http.MethodGet, "/metrics", 200, 404},
		{http.MethodGet, "/zones", 200, 404},
		{http.MethodGet, "/report", 200, 404},
		{http.MethodPost, "/accept?zone=example.net", 404, 404},
		{http.MethodGet, "/debug/pprof/", 404, 404},
		{http.MethodGet, "/", 200, 404},
		{http.MethodGet, "/nothing", 404, 404},
		{http.MethodPost, "/readyz", 405, 405},
	} {
		code, body := p.get(t, tt.method, tt.path)
		if code != tt.admin {
			t.Errorf("%s %s of admin: status %d: %s", tt.method, tt.path, code, body)
		}
		code, body = request(t, tt.method, health+tt.path)
		if code != tt.health {
			t.Errorf("%s %s of health: status %d: %s", tt.method, tt.path, code, body)
		}
	}
	_, body := p.get(t, http.MethodGet, "/readyz")
	shape := regexp.MustCompile(`\d+\.\d+(e-\d+)?`).ReplaceAllString(strings.Join(strings.Fields(body), ""), "N")
	if want := `{"ready":true,"reasons":[],"degraded":[],"sources":{"ec2":{"age_seconds":N,"error":""},"route53":{"age_` +
		`seconds":N,"error":""}}}`; shape != want {
		t.Errorf("/readyz is %s, want %s", shape, want)
	}
	z := p.zone(t, privateZone)
	slices.Sort(z.VPCs)
	if got, want := fmt.Sprint(z.Name, z.Visibility, z.VPCs, z.Records, z.Unservable, z.Error),
		"example.com.private[vpc-0a1b2c3d4e5f60718 vpc-0b7c1d2e3f4a59687] 16 []"; got != want {
		t.Errorf("/zones has %s, want %s", got, want)
	}
}
