package server

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"inside53/resolver"
	"inside53/server/admin"
)

// TestProgramAnswers: who sees what, and what each view is answered, is what its clients are.
func TestProgramAnswers(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	var views []admin.View
	if code := p.into(t, "/views", &views); code != http.StatusOK || len(views) < 3 {
		t.Fatalf("%d, %d views", code, len(views))
	}
	for _, v := range views {
		if v.Client == "" {
			t.Errorf("view %s has no client", v.Name)
			continue
		}
		if e := p.explain(t, "www.example.com A", v.Client, ""); e.View != v.Name {
			t.Errorf("%s is a client of view %s, not %s", v.Client, e.View, v.Name)
		}
	}
	var answers []resolver.ViewAnswer
	if code := p.into(t, "/answers?name=WWW.example.com", &answers); code != http.StatusOK {
		t.Fatalf("%d", code)
	}
	if len(answers) != len(views)+1 || !answers[len(views)].Outside || !answers[len(views)].Differs {
		t.Fatalf("answers %+v", answers)
	}
	for i, v := range views {
		e := p.explain(t, "www.example.com A", v.Client, "")
		if answers[i].View != v.Name || answers[i].Rcode != e.Rcode || len(answers[i].Answer) != len(e.Answer) {
			t.Errorf("view %s is answered %+v, its client %s %q", v.Name, answers[i], e.Rcode, e.Answer)
		}
	}
	if code, body := p.get(t, http.MethodGet, "/answers?name=a..b"); code != http.StatusBadRequest {
		t.Errorf("%d %s", code, body)
	}
}

// TestProgramZoneAnswers: what views are answered to the names of a zone, by parts, is what they are one by one.
func TestProgramZoneAnswers(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	type named struct {
		Name, Type string
		Answers    []resolver.ViewAnswer
	}
	read := func(query string) (part []named) {
		t.Helper()
		if code := p.into(t, "/answers?zone=example.com"+query, &part); code != http.StatusOK {
			t.Fatalf("%s: %d", query, code)
		}
		return part
	}
	var records []admin.Record
	p.into(t, "/records?zone=example.com&merged=true", &records)
	var all []named
	for offset := 0; offset < len(records); offset += 7 {
		all = append(all, read(fmt.Sprintf("&offset=%d&limit=7", offset))...)
	}
	if len(all) != len(records) {
		t.Fatalf("%d questions of %d", len(all), len(records))
	}
	differing := 0
	for i, one := range all {
		if one.Name != records[i].Name || one.Type != records[i].Type {
			t.Errorf("%s %s in place of %s %s", one.Name, one.Type, records[i].Name, records[i].Type)
		}
		var alone []resolver.ViewAnswer
		p.into(t, "/answers?name="+url.QueryEscape(one.Name)+"&type="+one.Type, &alone)
		differs := false
		for v := range alone {
			if v >= len(one.Answers) || one.Answers[v].View != alone[v].View || one.Answers[v].Rcode != alone[v].Rcode {
				t.Errorf("%s %s: %+v, alone %+v", one.Name, one.Type, one.Answers, alone)
				break
			}
			differs = differs || one.Answers[v].Differs
		}
		if differs {
			differing++
		}
	}
	if got := len(read("&differing=true")); differing == 0 || got < differing-2 || got > differing+2 { // by chance
		t.Errorf("%d differ, and %d alone", got, differing)
	}
	if got := read("&text=cache&type=a"); len(got) != 1 || got[0].Name != "cache.example.com." {
		t.Errorf("cache A is %+v", got)
	}
	if code, body := p.get(t, http.MethodGet, "/answers?zone=no.example"); code != http.StatusNotFound {
		t.Errorf("%d %s", code, body)
	}
}

// TestProgramRecords reads zones by parts.
func TestProgramRecords(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	read := func(query string) (names []string) {
		t.Helper()
		var records []admin.Record
		if code := p.into(t, "/records?"+query, &records); code != http.StatusOK {
			t.Fatalf("%s: %d", query, code)
		}
		for _, r := range records {
			names = append(names, fmt.Sprintf("%s %s %s %d %s", r.Name, r.Type, strings.Join(r.Values, ","), r.TTL, r.Set))
		}
		return names
	}
	const private = "zone=Z1009382KD7YH2M4ZSLC"
	all := read(private)
	if z := p.zone(t, "Z1009382KD7YH2M4ZSLC"); len(all) < z.Records || !strings.HasPrefix(all[0], "example.com. ") {
		t.Errorf("%d records of %d: %q", len(all), z.Records, all)
	}
	var parts []string
	for offset := 0; offset < len(all); offset += 5 {
		parts = append(parts, read(fmt.Sprintf("%s&offset=%d&limit=5", private, offset))...)
	}
	if strings.Join(parts, "\n") != strings.Join(all, "\n") {
		t.Errorf("in parts:\n%s\nat once:\n%s", strings.Join(parts, "\n"), strings.Join(all, "\n"))
	}
	for query, want := range map[string]string{
		private + "&text=CACHE": "cache.example.com. A 10.0.2.60 60 dublin latency eu-west-1\n" +
			"cache.example.com. A 10.1.2.60 60 virginia latency us-east-1",
		private + "&text=db-1&type=a":             "db-1.example.com. A 10.0.20.15 60 ",
		private + "&unservable=true":              "",
		private + "&policies=true&limit=1":        "cache.example.com. A 10.0.2.60 60 dublin latency eu-west-1",
		"zone=tags&apex=internal.&text=web.":      "web.internal. A 10.0.1.21 i-",
		"zone=example.com&merged=true&text=cache": "cache.example.com. A  0 ",
	} {
		got := strings.Join(read(query), "\n")
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s:\n%s\nwant\n%s", query, got, want)
		}
	}
	merged := read("zone=example.com&merged=true")
	for i := range merged[1:] {
		if merged[i] == merged[i+1] {
			t.Errorf("%s is there twice", merged[i])
		}
	}
	if code, body := p.get(t, http.MethodGet, "/records?zone=no.example"); code != http.StatusNotFound {
		t.Errorf("%d %s", code, body)
	}
}

// TestProgramTrend: a check that fails is a line of the last hour.
func TestProgramTrend(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config()+"health_checks: { source: aws, refresh: 100ms }\n")
	read := func() (trend admin.Trend) {
		t.Helper()
		if code := p.into(t, "/trend", &trend); code != http.StatusOK {
			t.Fatalf("%d", code)
		}
		return trend
	}
	if first := read(); first.EverySeconds != 10 || len(first.Results) != resolver.Results || len(first.Health) != 0 {
		t.Errorf("it begins with %+v", first)
	}
	err := c.SetHealth(appCheck, false)
	if err != nil {
		t.Fatal(err)
	}
	p.await(t, "the failure is remembered", func() bool {
		all := read().Health
		return len(all) > 0 && all[0].ID == appCheck && !all[0].Healthy && all[0].Why != ""
	})
	err = c.SetHealth(appCheck, true)
	if err != nil {
		t.Fatal(err)
	}
	p.await(t, "so is its end", func() bool {
		all := read().Health
		return len(all) > 1 && all[0].ID == appCheck && all[0].Healthy
	})
}
