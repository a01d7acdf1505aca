package server

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"inside53/resolver"
	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
)

// explain asks the admin address why.
func (p *program) explain(t *testing.T, nameAndType, client, diff string) *resolver.Explanation {
	t.Helper()
	name, kind, _ := strings.Cut(nameAndType, " ")
	var e resolver.Explanation
	path := "/explain?" + url.Values{"name": {name}, "type": {kind}, "client": {client}, "diff": {diff}}.Encode()
	code := p.into(t, path, &e)
	if code != http.StatusOK {
		t.Fatalf("GET %s: %d", path, code)
	}
	return &e
}

// TestProgramExplains: what is explained is what is answered, for every question of the
// demo and every view.
func TestProgramExplains(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	for _, q := range demoQuestions() {
		nameAndType := q.name + " " + q.kind
		for _, client := range []string{dublin, virginia, outside} {
			q := asks(client, nameAndType)
			reply := p.ask(t, q)
			e := p.explain(t, nameAndType, client, "")
			var want, got []string
			for _, rr := range reply.Answer {
				rr.Header().Ttl = 0
				want = append(want, strings.ReplaceAll(rr.String(), "\t", " "))
			}
			for _, record := range e.Answer {
				words := strings.SplitN(record, " ", 3)
				got = append(got, words[0]+" 0 "+words[2])
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) || e.Name+" "+e.Type != dns.Fqdn(q.name)+" "+q.kind {
				t.Errorf("%s: explained %s %s %q, answered %q", q, e.Name, e.Type, got, want)
			}
			if len(e.Steps) < 3 || e.Steps[0].Step != "view "+e.View {
				t.Errorf("%s: steps are\n%s", q, strings.Join(e.Lines(false), "\n"))
			}
		}
	}
}

// holds reports whether some step, at any depth, begins and is explained so.
func holds(steps []resolver.Step, title, why string) bool {
	return slices.ContainsFunc(steps, func(s resolver.Step) bool {
		return strings.HasPrefix(s.Step, title) && strings.Contains(s.Why, why) || holds(s.Steps, title, why)
	})
}

func TestProgramExplainsWhy(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	tests := []struct {
		nameAndType, client string
		view, rcode         string
		steps               [][2]string // title, part of the reason
	}{
		{"www.example.com A", dublin, "dublin", "NOERROR", [][2]string{
			{"view dublin", dublin}, {"layer private zone Z1009382KD7YH2M4ZSLC", "decides"},
			{"layer public zone Z0484276PQ3RN1T5XWVB", "hidden by a layer above"},
			{"private zone Z1009382KD7YH2M4ZSLC", "listed "},
		}},
		{"app.example.com A", dublin, "dublin", "NOERROR", [][2]string{
			{"failover policy", "2 members"}, {"member primary", "chosen (100 %)"},
			{"member secondary", "not chosen: the primary is healthy"},
			{"address 203.0.113.30", "becomes 10.0.2.40: interface eni-"}, {"TTL", "at most 30 s"},
		}},
		{"app.example.com A", outside, "outside", "NOERROR",
			[][2]string{{"address 203.0.113.30", "as it is: interface eni-"}}},
		{"cdn.example.com A", virginia, "virginia", "NOERROR",
			[][2]string{{"member virginia", "the client's own region"}, {"member dublin", "another is nearer"}}},
		{"anything.dev.example.com A", dublin, "dublin", "NOERROR",
			[][2]string{{"wildcard in private zone", "*.dev.example.com."}, {"alias to ", "an AWS resource"}, {"cache", ""}}},
		{"ip-10-0-1-10.eu-west-1.compute.internal A", dublin, "dublin", "NOERROR",
			[][2]string{{"private name of 10.0.1.10", "of instance i-"}}},
		{"partner.example.org A", dublin, "dublin", "NOERROR",
			[][2]string{{"forwarder " + c.dns, "asked for partner.example.org. A"},
				{"address 203.0.113.10", "becomes 10.0.1.10"}}},
		{"no.example.com A", dublin, "dublin", "NXDOMAIN", [][2]string{{"SOA", "public zone Z0484276PQ3RN1T5XWVB"}}},
		{"www.example.com A", "127.9.0.1", "", "REFUSED",
			[][2]string{{"view", "127.9.0.1 is "}, {"extended error", "18 (Prohibited)"}}},
	}
	for _, tt := range tests {
		e := p.explain(t, tt.nameAndType, tt.client, "")
		if e.View != tt.view || e.Rcode != tt.rcode {
			t.Errorf("%s for %s: view %q, %s", tt.nameAndType, tt.client, e.View, e.Rcode)
		}
		for _, s := range tt.steps {
			if !holds(e.Steps, s[0], s[1]) {
				t.Errorf("%s for %s: no step %q with %q in\n%s", tt.nameAndType, tt.client, s[0], s[1],
					strings.Join(e.Lines(false), "\n"))
			}
		}
	}
}

// TestProgramExplainsAge: records are as old as their last listing, and why they aren't
// listed any more is told.
func TestProgramExplainsAge(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	told := func(why string) func() bool {
		return func() bool {
			return holds(p.explain(t, "www.example.com A", dublin, "").Steps, "private zone Z1009382KD7YH2M4ZSLC", why)
		}
	}
	p.await(t, "a listing that changed nothing", told("listed 0s ago, as it is since "))
	c.fault(t, awssim.Fault{Operation: "ListResourceRecordSets", Fault: "500"})
	p.await(t, "a listing that went wrong", told("; not listed since: "))
}

// TestProgramExplainsSubnet: a client behind a trusted forwarder is where its subnet is.
func TestProgramExplainsSubnet(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config()+"ecs: {trust: ["+dublin+"]}\n")
	for path, want := range map[string]string{
		"name=cdn.example.com&client=" + dublin:                                 "the client's own region",
		"name=cdn.example.com&client=" + dublin + "&subnet=" + virginia + "/32": "another is nearer",
	} {
		var e resolver.Explanation
		code := p.into(t, "/explain?"+path, &e)
		if code != http.StatusOK || !holds(e.Steps, "member dublin", want) {
			t.Errorf("%s: %d, no %q in\n%s", path, code, want, strings.Join(e.Lines(false), "\n"))
		}
	}
}

func TestProgramExplainsTheDifference(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	for _, tt := range []struct {
		nameAndType string
		step, why   string
	}{
		{"www.example.com A", "because",
			"decided here by private zone Z1009382KD7YH2M4ZSLC, outside by public zone Z0484276PQ3RN1T5XWVB"},
		{"db-1.example.com A", "rcode", "NOERROR here, NXDOMAIN outside"},
		{"bastion.example.com A", "because", "203.0.113.10 becomes 10.0.1.10"},
		{"example.com MX", "same", "a client outside gets the same records"},
	} {
		e := p.explain(t, tt.nameAndType, dublin, "public")
		if e.Outside == nil || !holds(e.Differences, tt.step, tt.why) {
			t.Errorf("%s: no %q with %q in\n%s", tt.nameAndType, tt.step, tt.why, strings.Join(e.Lines(false), "\n"))
		}
	}
}

func TestProgramExplainErrors(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	for query, want := range map[string]string{
		"":                                  "which name?",
		"name=":                             "which name?",
		"name=a..b":                         `name "a..b": not a domain name`,
		"name=x&type=NOTHING":               `type "NOTHING": not a type of records`,
		"name=x&client=me":                  `client "me": not an address`,
		"name=x&diff=private":               `diff "private": there is only public`,
		"name=x&names=y":                    `parameter "names": there are name, type, client, subnet, diff`,
		"name=x&subnet=10.0.0.1/8":          `subnet "10.0.0.1/8": not a prefix like 10.1.2.0/24`,
		"name=x&subnet=10.0.0.0/8":          `subnet: that of client 127.0.0.1 isn't believed, it is not in ecs.trust`,
		"name=x&name=y":                     `parameter "name": more than one`,
		"name=" + strings.Repeat("a.", 200): "not a domain name",
	} {
		code, body := p.get(t, http.MethodGet, "/explain?"+query)
		if code != http.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("%q: %d %q, want %q", query, code, body, want)
		}
	}
	code, _ := p.get(t, http.MethodPost, "/explain?name=x")
	if code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", code)
	}
	// Type and client have defaults: A, and who asks.
	var e resolver.Explanation
	p.into(t, "/explain?name=www.example.com", &e)
	if e.Type != "A" || e.Client != "127.0.0.1" {
		t.Errorf("by default %s for %s", e.Type, e.Client)
	}
	p.into(t, fmt.Sprintf("/explain?name=www.example.com&client=::ffff:%s", virginia), &e)
	if e.Client != virginia {
		t.Errorf("a mapped address is %s", e.Client)
	}
}
