package server

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/server/admin"
)

// post sends a POST and reads the answer into v.
func (p *program) post(t *testing.T, path string, v any) int {
	t.Helper()
	code, body := p.get(t, http.MethodPost, path)
	if code < 300 {
		unmarshal(t, body, v)
	}
	return code
}

// TestProgramStatus reads on one screen how the server is.
func TestProgramStatus(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	p := s.ready(t, c.config())
	p.check(t, asks(outside, "www.example.org A", "CNAME example.org.", "192.0.2.80"))
	var before, is admin.Status
	p.await(t, "what is asked is seen", func() bool {
		p.check(t, asks(outside, "www.example.org A", "CNAME example.org.", "192.0.2.80"))
		p.into(t, "/status", &is)
		return is.QueriesPerSecond > 0 && is.HitRatio > 0 && is.HitRatio <= 1
	})
	if !is.Ready || !strings.HasPrefix(is.Version, "inside53") || is.Config == "" || len(is.Reasons) > 0 ||
		time.Since(is.Started) > time.Hour || is.Sources["ec2"].AgeSeconds == nil {
		t.Errorf("the status is %+v", is)
	}
	if len(is.Upstreams) != 1 || is.Upstreams[0].Name != c.dns || !is.Upstreams[0].Up || is.Upstreams[0].RTT == nil {
		t.Errorf("the upstreams are %+v", is.Upstreams)
	}
	_, ok := p.metric(t, `inside53_config_info{hash="`+is.Config+`"}`)
	if !ok {
		t.Errorf("no metric of the configuration %s", is.Config)
	}
	for _, line := range []string{`inside53_aws_rate{account=""}`, `inside53_source_next_seconds{source="route53"}`,
		`inside53_source_next_seconds{source="ec2"}`, `inside53_reloads_total{result="failed"}`} {
		_, ok := p.metric(t, line)
		if !ok {
			t.Errorf("no metric %s", line)
		}
	}

	// A reload that fails is counted and in the report, and one that works is another hash.
	before = is
	p.configure(t, s, "listen: nonsense\n")
	p.await(t, "the failure is shown", func() bool {
		n, _ := p.metric(t, `inside53_reloads_total{result="failed"}`)
		return n == "1" && reportHas(t, p, "", "the configuration was not reloaded")
	})
	p.reloaded(t, s, c.config()+"\n# another text\n")
	p.into(t, "/status", &is)
	if n, _ := p.metric(t, `inside53_reloads_total{result="ok"}`); n != "1" || is.Config == before.Config {
		t.Errorf("%s reloads, hash %s after %s", n, is.Config, before.Config)
	}
	if reportHas(t, p, "", "the configuration was not reloaded") {
		t.Error("the failure is shown after a reload that worked")
	}
}

// reportHas reports whether a line of the report about a zone says something.
func reportHas(t *testing.T, p *program, zone, reason string) bool {
	t.Helper()
	var all []admin.Problem
	p.into(t, "/report", &all)
	return slices.ContainsFunc(all, func(p admin.Problem) bool {
		return (zone == "" || p.Zone == zone) && strings.Contains(p.Reason, reason)
	})
}

// TestProgramFlush: what the cache has of a name is forgotten, and of those that lead through it.
func TestProgramFlush(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	fill := func() {
		p.check(t, asks(outside, "www.example.org A", "CNAME example.org.", "192.0.2.80"),
			asks(outside, "example.org A", "192.0.2.80"), asks(outside, "nothing.example.org A", "NXDOMAIN"))
	}
	for _, tt := range []struct {
		query string
		code  int
		want  int
	}{
		{"name=www.example.org", 200, 1},
		{"name=EXAMPLE.org.", 200, 2}, // www leads there
		{"name=nothing.example.org", 200, 1},
		{"name=org&tree=true", 200, 3},
		{"name=org", 200, 0},
		{"name=a..b", 400, 0},
		{"name=", 400, 0},
	} {
		fill()
		var got admin.Flushed
		code := p.post(t, "/flush?"+tt.query, &got)
		if code != tt.code || got.Removed != tt.want {
			t.Errorf("%s: %d, %d removed, want %d, %d", tt.query, code, got.Removed, tt.code, tt.want)
		}
	}
}

// TestProgramRefresh reads a zone, a region, or everything when it is told, long before its time.
func TestProgramRefresh(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, strings.ReplaceAll(c.config(), "refresh: 100ms", "refresh: 1h"))
	c.change(t, privateZone, "CREATE hasty.example.com A 10.0.9.9")
	var got admin.Scheduled
	code := p.post(t, "/refresh?zone="+privateZone, &got)
	if code != http.StatusAccepted || !slices.Equal(got.Scheduled, []string{"route53 zone/" + privateZone}) {
		t.Errorf("%d %+v", code, got)
	}
	p.await(t, "the zone is read", func() bool { return p.answers(t, asks(dublin, "hasty.example.com A", "10.0.9.9")) })
	c.change(t, privateZone, "CREATE hastier.example.com A 10.0.9.10")
	code = p.post(t, "/refresh", &got)
	want := []string{"ec2 /eu-west-1", "ec2 /us-east-1", "route53 catalog/"}
	if code != http.StatusAccepted || len(got.Scheduled) < 6 || !slices.Equal(got.Scheduled[:3], want) {
		t.Errorf("%d %+v", code, got)
	}
	p.await(t, "all is read", func() bool { return p.answers(t, asks(dublin, "hastier.example.com A", "10.0.9.10")) })
	if code = p.post(t, "/refresh?zone=us-east-1", &got); code != 202 || len(got.Scheduled) != 1 {
		t.Errorf("a region: %d %+v", code, got)
	}
	if code = p.post(t, "/refresh?zone=nowhere.example", &got); code != 404 {
		t.Errorf("an unknown zone: %d", code)
	}
}

// TestProgramParts shows all that is read, when it is read next, and what a shrunken listing
// would cost.
func TestProgramParts(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, strings.Replace(c.config(), "route53: {", "route53: { max_shrink: 0.1,", 1))
	part := func(key string) admin.Part {
		var all []admin.Part
		p.into(t, "/parts", &all)
		for _, one := range all {
			if one.Key == key {
				return one
			}
		}
		t.Fatalf("no part %s in %+v", key, all)
		return admin.Part{}
	}
	for _, key := range []string{"ec2 /eu-west-1", "ec2 /us-east-1", "route53 catalog/", "route53 zone/" + privateZone} {
		p.await(t, key+" is saved", func() bool { return part(key).Saved })
		one := part(key)
		if one.AgeSeconds == nil || *one.AgeSeconds > 60 || one.NextSeconds == nil || *one.NextSeconds > 60 ||
			one.Error != "" || one.Shrunk != nil || one.Records == 0 {
			t.Errorf("%+v", one)
		}
	}
	if z := part("route53 zone/" + privateZone); z.Zone != "example.com." || z.Source != "route53" {
		t.Errorf("%+v", z)
	}
	var changes []string
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"} {
		changes = append(changes, "CREATE gone-"+name+".example.com A 10.0.9.9")
	}
	c.change(t, privateZone, changes...)
	p.await(t, "they are served", func() bool { return p.answers(t, asks(dublin, "gone-l.example.com A", "10.0.9.9")) })
	for i := range changes {
		changes[i] = strings.Replace(changes[i], "CREATE", "DELETE", 1)
	}
	c.change(t, privateZone, changes...)
	p.await(t, "the listing is held", func() bool { return part("route53 zone/"+privateZone).Shrunk != nil })
	shrunk := part("route53 zone/" + privateZone).Shrunk
	if shrunk.Before-shrunk.Now != 12 || len(shrunk.Names) != 12 || shrunk.Names[0] != "gone-a.example.com." {
		t.Errorf("shrunk: %+v", shrunk)
	}
	if !reportHas(t, p, "example.com.", "held: shrunk") {
		t.Error("the report says nothing of it")
	}
	var some []admin.Part
	p.into(t, "/parts?source=ec2&limit=1", &some)
	if len(some) != 1 || some[0].Source != "ec2" {
		t.Errorf("a page: %+v", some)
	}
	p.into(t, "/parts?failing=true", &some)
	if len(some) != 1 || some[0].Key != "route53 zone/"+privateZone {
		t.Errorf("those that fail: %+v", some)
	}
}

// TestProgramQueryLog logs what the configuration wants, whatever it is changed to.
func TestProgramQueryLog(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	config := c.config() + "log: { format: json }\n" +
		"query_log: { sample: 1, clients: [127.1.0.0/16], names: [example.com], rcodes: [NXDOMAIN], file: queries.log }\n"
	p := s.ready(t, config)
	ask := func() {
		p.check(t, asks(dublin, "nothing.example.com A", "NXDOMAIN"), asks(dublin, "git.example.com A", "10.0.2.40"),
			asks(virginia, "nothing.example.com A", "NXDOMAIN"), asks(dublin, "nothing.internal A", "NXDOMAIN"))
	}
	ask()
	lines := func() []string {
		text, _ := os.ReadFile(filepath.Join(s.dir, "state", "queries.log")) // there is none before the first line
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
	p.await(t, "it is logged", func() bool { return lines()[0] != "" })
	var line struct{ Msg, Client, View, Transport, Name, Type, Rcode, Result string }
	unmarshal(t, lines()[0], &line)
	if got, want := line, (struct{ Msg, Client, View, Transport, Name, Type, Rcode, Result string }{
		"query", dublin, "dublin", "udp", "nothing.example.com.", "A", "NXDOMAIN", "nxdomain",
	}); len(lines()) != 1 || got != want {
		t.Errorf("logged is %v", lines())
	}
	p.reloaded(t, s, c.config()+"query_log: { sample: 1, rcodes: [nxdomain] }\n")
	ask()
	p.await(t, "it is on standard error", func() bool {
		return strings.Count(p.log.String(), "msg=query") == 3
	})
	if len(lines()) != 1 || strings.Contains(p.log.String(), "probe") {
		t.Errorf("logged is %v and\n%s", lines(), p.log)
	}
	p.reloaded(t, s, c.config()+"log: { sample_queries: 1 }\n")
	ask()
	p.await(t, "the old word counts", func() bool { return strings.Count(p.log.String(), "msg=query") == 7 })
	p.reloaded(t, s, c.config())
	ask()
	time.Sleep(300 * time.Millisecond)
	if n := strings.Count(p.log.String(), "msg=query"); n != 7 {
		t.Errorf("%d lines after the query log was turned off", n)
	}
}
