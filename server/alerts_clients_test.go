//go:build clients

package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
)

// recording is what /metrics said at a moment: values by series.
type recording map[string]float64

// record reads the metrics.
func (p *program) record(t *testing.T) recording {
	t.Helper()
	_, body := p.get(t, http.MethodGet, "/metrics")
	r := recording{}
	for line := range strings.Lines(body) {
		series, text, ok := strings.Cut(strings.TrimSpace(line), " ")
		value, err := strconv.ParseFloat(text, 64)
		if !ok || !strings.HasPrefix(series, "inside53_") || err != nil || math.IsInf(value, 0) || math.IsNaN(value) {
			continue
		}
		name, labels, _ := strings.Cut(series, "{")
		if labels != "" {
			labels = "," + labels
		} else {
			labels = "}"
		}
		r[name+`{instance="here"`+labels] = value
	}
	if len(r) < 50 {
		t.Fatalf("only %d series", len(r))
	}
	return r
}

// settled reads the metrics at a moment at which all that was accepted is written.
func (p *program) settled(t *testing.T) (r recording) {
	t.Helper()
	p.await(t, "all is written", func() bool {
		r = p.record(t)
		return r[`inside53_ledger_gap{instance="here"}`] == 0
	})
	return r
}

// calls are how often AWS was called.
func (r recording) calls() (n float64) {
	for series, value := range r {
		if strings.HasPrefix(series, "inside53_aws_calls_total{") {
			n += value
		}
	}
	return n
}

// input is a series of a test of promtool's, a value a minute.
type input struct {
	Series string `json:"series"`
	Values string `json:"values"`
}

// counts reports whether a series only rises.
func counts(series string) bool {
	name, _, _ := strings.Cut(series, "{")
	return regexp.MustCompile(`_(total|bucket|sum|count)$`).MatchString(name)
}

// inputs are ten minutes as it was before, then an hour of the fault: gauges as in the last recording, counters rising
// in each minute by what they rose between the two of the fault.
func inputs(before, first, last recording) []input {
	var all []input
	for _, series := range slices.Sorted(maps.Keys(last)) {
		v0, v1, v2 := before[series], first[series], last[series]
		values := fmt.Sprintf("%vx9 %vx60", v0, v2)
		if counts(series) {
			values = fmt.Sprintf("%vx9 %v+%vx60", v0, v1, v2-v1)
		}
		all = append(all, input{series, values})
	}
	return all
}

// firing is a time at which rules fire, and no others.
type firing struct {
	name   string
	series []input
	want   []string
}

// checkFiring has promtool say which rules fire: none after nine minutes, those that are wanted at some time after.
func checkFiring(t *testing.T, cases []firing) {
	t.Helper()
	type sample struct {
		Labels string  `json:"labels"`
		Value  float64 `json:"value"`
	}
	type expression struct {
		Expr    string   `json:"expr"`
		At      string   `json:"eval_time"`
		Samples []sample `json:"exp_samples"`
	}
	type test struct {
		Name     string       `json:"name"`
		Interval string       `json:"interval"`
		Series   []input      `json:"input_series"`
		Queries  []expression `json:"promql_expr_test"`
	}
	rules, err := filepath.Abs(filepath.Join(examples, "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file := struct {
		Rules    []string `json:"rule_files"`
		Interval string   `json:"evaluation_interval"`
		Tests    []test   `json:"tests"`
	}{Rules: []string{rules}, Interval: "1m"}
	for _, c := range cases {
		made := test{Name: c.name, Interval: "1m", Series: c.series, Queries: []expression{
			{Expr: `ALERTS{alertstate="firing"}`, At: "9m"},
		}}
		for _, alert := range c.want {
			made.Queries = append(made.Queries, expression{
				Expr: fmt.Sprintf(`sum(max_over_time(ALERTS{alertname=%q,alertstate="firing"}[61m])) > bool 0`, alert),
				At:   "69m", Samples: []sample{{"{}", 1}},
			})
		}
		made.Queries = append(made.Queries, expression{At: "69m",
			Expr: fmt.Sprintf(`sum by (alertname) (max_over_time(ALERTS{alertname!~%q,alertstate="firing"}[61m]))`,
				strings.Join(c.want, "|"))})
		file.Tests = append(file.Tests, made)
	}
	text, err := json.MarshalIndent(file, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tests.yaml")
	err = os.WriteFile(path, text, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	command(t, "", "promtool", "check", "rules", rules)
	if out := command(t, "", "promtool", "test", "rules", path); !strings.Contains(out, "SUCCESS") {
		t.Errorf("%s", out)
	}
}

// TestClientAlerts records real faults and has promtool run the rules over them.
func TestClientAlerts(t *testing.T) {
	cases := slices.Concat(recordedFaults(t), madeFaults())
	checkFiring(t, cases)
	fired := map[string]bool{}
	for _, c := range cases {
		for _, alert := range c.want {
			fired[alert] = true
		}
	}
	for _, group := range readAlerts(t).Groups {
		for _, rule := range group.Rules {
			if !fired[rule.Alert] {
				t.Errorf("no fault makes %s fire", rule.Alert)
			}
		}
	}
}

// recordedFaults runs the program, and has things go wrong.
func recordedFaults(t *testing.T) []firing {
	t.Helper()
	c := filled(t)
	silent, err := net.ListenPacket("udp", "127.0.0.1:0") // an upstream that answers until its fault comes
	if err != nil {
		t.Fatal(err)
	}
	var isSilent atomic.Bool
	upstream := &dns.Server{PacketConn: silent, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if !isSilent.Load() {
			_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeNameError)) // who asked may be gone
		}
	})}
	ended := make(chan error, 1)
	go func() { ended <- upstream.ActivateAndServe() }()
	t.Cleanup(func() { _ = upstream.Shutdown(); <-ended })
	p := newSite(t).ready(t, c.config("UPSTREAM", silent.LocalAddr().String())+
		"health_checks: { source: aws, refresh: 100ms }\n")
	p.await(t, "it knows of health", func() bool {
		n, _ := p.metric(t, `inside53_health_checks{state="healthy"}`)
		return n != "0"
	})
	healthy := p.settled(t)
	cases := []firing{{"all is well", inputs(healthy, healthy, healthy), nil}}
	var heals func()
	fault := func(name string, begins func(), shows func(recording) bool, want ...string) {
		t.Helper()
		before := p.settled(t)
		begins()
		var first, last recording
		p.await(t, name+" shows", func() bool { first = p.settled(t); return shows(first) })
		p.await(t, name+" goes on", func() bool { last = p.settled(t); return last.calls() > first.calls()+200 })
		cases = append(cases, firing{name, inputs(before, first, last), want})
		c.ClearFaults()
		if heals != nil {
			heals()
		}
		p.await(t, "it is over", func() bool {
			now := p.record(t)
			return now[failing] == 0 && now[pending] == 0
		})
	}
	fault("IAM refuses", func() {
		c.fault(t, awssim.Fault{Operation: "ListResourceRecordSets", Fault: "access-denied"})
	}, func(r recording) bool { return r[failing] > 0 }, "Inside53AccessDenied", "Inside53ReadingFails")
	fault("AWS throttles", func() {
		c.fault(t, awssim.Fault{Operation: "ListResourceRecordSets", Fault: "throttle"})
	}, func(r recording) bool { return r[failing] > 0 }, "Inside53Throttled", "Inside53ReadingFails")
	before := c.Records(productZone)
	heals = func() {
		err := c.SetRecords(productZone, before)
		if err != nil {
			t.Fatal(err)
		}
	}
	fault("a zone shrinks", func() {
		err := c.SetRecords(productZone, before[:10])
		if err != nil {
			t.Fatal(err)
		}
	}, func(r recording) bool { return r[pending] > 0 }, "Inside53HeldBack")
	ttl := int64(60)
	fault("a record can't be served", func() {
		err := c.SetRecords(productZone, append(before, awssim.RecordSet{Name: "odd.example.net.", Type: "A", TTL: &ttl,
			ResourceRecords: []awssim.ResourceRecord{{Value: "no address"}}}))
		if err != nil {
			t.Fatal(err)
		}
	}, func(r recording) bool { return r[`inside53_unservable_records{instance="here"}`] > 0 }, "Inside53Unservable")
	heals = nil
	fault("a health check fails", func() {
		err := c.SetHealth("3c9d2e7b-61f4-4b8a-8e0d-9f1a2b3c4d5e", false)
		if err != nil {
			t.Fatal(err)
		}
	}, func(r recording) bool {
		return r[`inside53_health_checks{instance="here",state="unhealthy"}`] >
			healthy[`inside53_health_checks{instance="here",state="unhealthy"}`]
	}, "Inside53Unhealthy")
	fault("the upstream is silent", func() {
		isSilent.Store(true)
		for i := range 6 {
			p.check(t, asks(outside, fmt.Sprintf("www%d.example.org A", i), "SERVFAIL 22"))
		}
	}, func(r recording) bool {
		return r[fmt.Sprintf(`inside53_upstream_up{instance="here",upstream="%s"}`, silent.LocalAddr())] == 0
	}, "Inside53UpstreamDown", "Inside53Servfail")
	return append(cases, unready(t, c))
}

const (
	failing = `inside53_source_failing_parts{instance="here",source="route53"}`
	pending = `inside53_source_pending_parts{instance="here",source="route53"}`
)

// unready is a server that has started without AWS.
func unready(t *testing.T, c *cloud) firing {
	t.Helper()
	c.fault(t, awssim.Fault{Operation: "ListHostedZones", Fault: "500"})
	p := newSite(t).start(t, c.config())
	p.await(t, "it is asked", func() bool {
		p.check(t, asks(dublin, "www.example.com A", "SERVFAIL 14"))
		return p.record(t)[`inside53_queries_total{instance="here",result="servfail",transport="udp"}`] > 10
	})
	first := p.settled(t)
	p.check(t, asks(dublin, "www.example.com A", "SERVFAIL 14"))
	before := recording{} // there was none
	f := firing{"it starts without AWS", inputs(before, first, p.settled(t)),
		[]string{"Inside53NotReady", "Inside53Servfail"}}
	c.ClearFaults()
	for i := range f.series {
		f.series[i].Values = strings.Replace(f.series[i].Values, "0x9", "_x9", 1)
	}
	return f
}

// madeFaults are those that no test brings about in a program of its own.
func madeFaults() []firing {
	one := func(name, series, values string, want string) firing {
		return firing{name, []input{{series, values}}, []string{want}}
	}
	return []firing{
		one("it is away", `up{job="inside53",instance="here"}`, "1x9 0x60", "Inside53Away"),
		{"slow", []input{
			{`inside53_upstream_seconds_bucket{instance="here",upstream="10.0.0.2:53",le="0.1"}`, "0+60x9 600+0x60"},
			{`inside53_upstream_seconds_bucket{instance="here",upstream="10.0.0.2:53",le="2.5"}`, "0+60x70"},
			{`inside53_upstream_seconds_bucket{instance="here",upstream="10.0.0.2:53",le="+Inf"}`, "0+60x70"},
		}, []string{"Inside53UpstreamSlow"}},
		one("old", `inside53_source_age_seconds{instance="here",source="ec2"}`, "20x9 60+60x60", "Inside53AnswersOld"),
		one("no probe gets through", `inside53_health_local_lost{instance="here"}`, "0x9 1x60", "Inside53ProbesLost"),
		one("a full disk", `inside53_state_writable{instance="here"}`, "1x9 0x60", "Inside53StateUnwritable"),
		one("a gap", `inside53_ledger_gap{instance="here"}`, "0x9 1x60", "Inside53LedgerStandsStill"),
		one("damage", `inside53_ledger_alarms_total{instance="here",reason="damaged"}`, "0x9 0+1x60", "Inside53LedgerAlarm"),
		one("no reader", `inside53_log_writable{instance="here"}`, "1x9 0x60", "Inside53LogUnread"),
		one("drops", `inside53_udp_kernel_drops_total{instance="here",address="0.0.0.0:53",loop="0"}`, "0x9 0+600x60",
			"Inside53KernelDrops"),
		one("full", `inside53_forward_refused_total{instance="here",reason="full"}`, "0x9 0+600x60",
			"Inside53ForwardRefused"),
		one("behind", `inside53_fleet_behind_seconds{instance="here"}`, "0x9 60+60x60", "Inside53FleetBehind"),
		{"nobody leads", []input{{`inside53_fleet_leader{instance="here"}`, "1x9 0x60"},
			{`inside53_fleet_leader{instance="there"}`, "0x70"}}, []string{"Inside53FleetWithoutLeader"}},
		one("configured otherwise", `inside53_fleet_config_differs{instance="here"}`, "0x9 1x70", "Inside53FleetDiffers"),
		{"two versions", []input{{`inside53_build_info{instance="here",version="v1.0.0"}`, "1x90"},
			{`inside53_build_info{instance="there",version="v1.0.0"}`, "1x9"},
			{`inside53_build_info{instance="there",version="v1.1.0"}`, "_x5 1x85"}}, []string{"Inside53VersionsDiffer"}},
	}
}
