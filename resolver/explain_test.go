package resolver

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/resolver/zone"

	"github.com/google/go-cmp/cmp"
)

// explainPart is the title of the explanation in a scenario: the steps about names and
// addresses, without those that are alike everywhere; followed by "whole", all steps;
// by "difference", how it differs from what a client outside gets.
const explainPart = ";; explain"

// treeOf are the plain lines of steps.
func treeOf(steps []Step) []string { return new(Drawing).appendTree(nil, steps, "", 1) }

// explainTitle returns the title of the explanation in a scenario's query; "" for none.
func explainTitle(body []string) string {
	i := slices.IndexFunc(body, func(line string) bool { return strings.HasPrefix(line, explainPart) })
	if i < 0 {
		return ""
	}
	return body[i]
}

// explained explains the question of a block, whose answer has been given, and returns
// the part of the scenario for it, if there is one.
func (w *world) explained(where string, b *block, answer []string) []string {
	w.Helper()
	title := explainTitle(b.body)
	client, _, m := w.question(b)
	if !m.RecursionDesired || m.Question[0].Qclass != 1 {
		if title != "" {
			w.Fatalf("%s: explain asks for recursion, in class IN", where)
		}
		return nil
	}
	req := ExplainRequest{
		Name: wireName(w.TB, m.Question[0].Name), Type: m.Question[0].Qtype, Client: client.Addr(),
		DO: m.IsEdns0() != nil && m.IsEdns0().Do(), CD: m.CheckingDisabled, Outside: title == explainPart+" difference",
	}
	e := w.explain(where, req)
	w.agrees(where, e, answer)
	var steps []Step
	switch title {
	case "":
		return nil
	case explainPart:
		steps = plot(e.Steps)
	case explainPart + " whole":
		steps = e.Steps
	case explainPart + " difference":
		steps = e.Differences
	default:
		w.Fatalf("%s: part %q", where, title)
	}
	return append([]string{title}, w.named(treeOf(withoutTries(steps)))...)
}

// withoutTries leaves out what differs each time: how long which upstream took.
func withoutTries(steps []Step) []Step {
	for i := range steps {
		s := &steps[i]
		s.Steps = slices.DeleteFunc(s.Steps, func(s Step) bool { return strings.HasPrefix(s.Step, "upstream ") })
		withoutTries(s.Steps)
	}
	return steps
}

// plot leaves out what is alike everywhere: view, closest zones and response.
func plot(steps []Step) (out []Step) {
	for _, s := range steps[1 : len(steps)-1] {
		s.Steps = slices.DeleteFunc(s.Steps, func(s Step) bool { return strings.HasPrefix(s.Step, "closest") })
		out = append(out, s)
	}
	return out
}

// explain explains with the draws that queries have.
func (w *world) explain(where string, req ExplainRequest) *Explanation {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	e, err := w.resolver.explain(ctx, &req, rand.NewPCG(53, 53).Uint64())
	if err != nil {
		w.Fatalf("%s: explaining: %v", where, err)
	}
	return e
}

// timeless leaves out how long an upstream took.
func timeless(lines []string) []string {
	took := regexp.MustCompile(`(after|in|;) [0-9.]+ s, [0-9]+ (try|tries)$`)
	for i := range lines {
		lines[i] = took.ReplaceAllString(lines[i], "$1 TIME")
	}
	return lines
}

// named has the names of forwarders in place of the ports that they happen to have.
func (w *world) named(lines []string) []string {
	for name, up := range w.upstream {
		for i := range lines {
			lines[i] = strings.ReplaceAll(lines[i], up.addr, "<"+name+">")
		}
	}
	return lines
}

// agrees holds an explanation against the answer that was given: what is told must be
// the answer to the very same question.
func (w *world) agrees(where string, e *Explanation, answer []string) {
	w.Helper()
	head := strings.Fields(answer[0])
	if head[0] != e.Rcode {
		w.Errorf("%s: explained as %s, answered %s", where, e.Rcode, head[0])
	}
	if slices.Contains(head, "tc") {
		return // explain has no limit of size
	}
	var want, got []string
	at := slices.Index(answer, ";; answer")
	for _, line := range answer[at+1:] {
		if at < 0 || strings.HasPrefix(line, ";;") {
			break
		}
		want = append(want, strings.ToLower(line))
	}
	for _, line := range e.Answer {
		got = append(got, strings.ToLower(strings.Join(strings.Fields(line), " ")))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("%s: explain's answer isn't the query's (-query +explain)\n%s", where, diff)
	}
	w.consistent(where, e)
}

// consistent holds the story against itself: the layer that it says decides is the one
// that the Answer names, and the members it says were chosen gave the records.
func (w *world) consistent(where string, e *Explanation) {
	w.Helper()
	var walk func(steps []Step, depth int)
	walk = func(steps []Step, depth int) {
		for _, s := range steps {
			if s.Step == "" || s.Why == "" {
				w.Errorf("%s: a step without words: %+v", where, s)
			}
			walk(s.Steps, depth+1)
		}
	}
	walk(e.Steps, 0)
	for _, d := range e.decisions {
		at := slices.IndexFunc(e.Steps, func(s Step) bool { return strings.HasPrefix(s.Step, d.name+" ") })
		if at < 0 {
			w.Errorf("%s: no step about %s", where, d.name)
			continue
		}
		zoned := strings.HasPrefix(d.by, "private zone ") || strings.HasPrefix(d.by, "public zone ") ||
			strings.HasPrefix(d.by, "zone file ") ||
			strings.HasPrefix(d.by, "names of instances ")
		decides := func(s Step) bool {
			return strings.HasSuffix(s.Step, " "+d.by) &&
				(strings.Contains(s.Why, ": decides") || strings.HasPrefix(s.Why, "delegates ") ||
					strings.HasPrefix(s.Why, "a DNAME at "))
		}
		if zoned && !slices.ContainsFunc(e.Steps[at].Steps, decides) {
			w.Errorf("%s: %s decided about %s, but no layer of the story does:\n%s", where, d.by, d.name,
				strings.Join(treeOf(e.Steps[at:at+1]), "\n"))
		}
	}
}

func TestParseQuestion(t *testing.T) {
	for _, test := range []struct {
		name, rrtype string
		wire         string
		want         uint16
		err          string
	}{
		{"www.Example.com", "a", "\x03www\x07Example\x03com\x00", 1, ""},
		{".", "NS", "\x00", 2, ""},
		{`a\.b.example.`, "TYPE65", "\x03a.b\x07example\x00", 65, ""},
		{"x.", "TYPE65280", "\x01x\x00", 65280, ""},
		{"", "A", "", 0, `name "": not a domain name`},
		{"a..b", "A", "", 0, `name "a..b": not a domain name`},
		{strings.Repeat("a", 64), "A", "", 0, `name "` + strings.Repeat("a", 64) + `": not a domain name`},
		{"x.", "WHAT", "", 0, `type "WHAT": not a type of records, like A or TYPE65`},
		{"x.", "TYPE65536", "", 0, `type "TYPE65536": not a type of records, like A or TYPE65`},
		{"x.", "TYPE1x", "", 0, `type "TYPE1x": not a type of records, like A or TYPE65`},
	} {
		wire, rrtype, err := ParseQuestion(test.name, test.rrtype)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if string(wire) != test.wire || rrtype != test.want || text != test.err {
			t.Errorf("%q %q: %q, %d, %q", test.name, test.rrtype, wire, rrtype, text)
		}
	}
}

func TestLines(t *testing.T) {
	e := &Explanation{
		Name: "www.example.com.", Type: "A", Client: "10.0.0.1", Rcode: "NOERROR", Flags: []string{"aa", "rd"},
		EDE:    "29 (Synthesized)",
		Answer: []string{"www.example.com. 60 IN A 10.0.0.5"},
		Steps: []Step{
			{Step: "view prod", Why: "it is so", Steps: []Step{{Step: "place", Why: "here"}}},
			{Step: "response", Why: "NOERROR",
				Steps: []Step{{Step: "aa", Why: "ours", Steps: []Step{{Step: "a\x1b[2Jb", Why: "c\nd"}}}, {Step: "end"}}},
		},
	}
	want := `www.example.com. A for 10.0.0.1: NOERROR aa rd
  extended error 29 (Synthesized)
  www.example.com. 60 IN A 10.0.0.5

├─ view prod: it is so
│  └─ place: here
└─ response: NOERROR
   ├─ aa: ours
   │  └─ a` + "\ufffd[2Jb: c\ufffdd" + `
   └─ end`
	if diff := cmp.Diff(want, strings.Join(e.Lines(true), "\n")); diff != "" {
		t.Errorf("boxes (-want +got)\n%s", diff)
	}
	e.Steps = e.Steps[:1]
	e.Outside = &Explanation{Name: "www.example.com.", Type: "A", Client: "10.0.0.1", Rcode: "NXDOMAIN",
		Steps: []Step{{Step: "view outside", Why: "so"}}}
	e.Differences = []Step{{Step: "rcode", Why: "NOERROR here, NXDOMAIN outside"}}
	want = `www.example.com. A for 10.0.0.1: NOERROR aa rd
  extended error 29 (Synthesized)
  www.example.com. 60 IN A 10.0.0.5

view prod: it is so
  place: here

from outside, by Route 53
www.example.com. A for 10.0.0.1: NXDOMAIN

view outside: so

the difference
rcode: NOERROR here, NXDOMAIN outside`
	if diff := cmp.Diff(want, strings.Join(e.Lines(false), "\n")); diff != "" {
		t.Errorf("plain (-want +got)\n%s", diff)
	}
}

func TestExplainErrors(t *testing.T) {
	w, _ := newWorld(t, parseBlocks("view all\nrest\nallow 0.0.0.0/0\nquery x. A\n"))
	client := netip.MustParseAddr("192.0.2.1")
	for _, name := range []string{"", "\x03ab", "\x01a\x00\x00", "\xc0\x00"} {
		_, err := w.resolver.Explain(t.Context(), ExplainRequest{Name: []byte(name), Type: zone.TypeA, Client: client})
		if err == nil {
			t.Errorf("%q is no name, and was explained", name)
		}
	}
	_, err := w.resolver.Explain(t.Context(),
		ExplainRequest{Name: []byte{0}, Type: zone.TypeA, Client: client, Outside: true})
	if err != ErrNoOutside {
		t.Errorf("without a view from outside: %v", err)
	}
}

// policyWorld has one failover pair, and is fit for explaining.
func policyWorld(t *testing.T) *world {
	t.Helper()
	w, _ := newWorld(t, parseBlocks(`
zone public example.com. id=Z1
    @ 900 IN SOA ns.example.com. host.example.com. 1 7200 3600 604800 300
    policy www A failover
    member id=p role=primary check=h1 60 192.0.2.1
    member id=s role=secondary check=h2 external=lb.example.net. evaluate=yes
    policy place A latency
    member id=a region=us-east-1 60 192.0.2.1
    member id=b region=eu-west-1 60 192.0.2.2
view eu clients=10.0.0.0/16 region=eu-west-1
    example.com. layers=Z1
view us clients=10.1.0.0/16 region=us-east-1
    example.com. layers=Z1
allow 10.0.0.0/8
query x. A
`))
	return w
}

// find returns the one step of that title, at any depth.
func find(t *testing.T, steps []Step, title string) Step {
	t.Helper()
	var found []Step
	var walk func([]Step)
	walk = func(steps []Step) {
		for _, s := range steps {
			if s.Step == title {
				found = append(found, s)
			}
			walk(s.Steps)
		}
	}
	walk(steps)
	if len(found) != 1 {
		t.Fatalf("%d steps %q in\n%s", len(found), title, strings.Join(treeOf(withoutTries(steps)), "\n"))
	}
	return found[0]
}

func TestExplainHealth(t *testing.T) {
	w := policyWorld(t)
	now := time.Unix(w.clock.Load(), 0)
	w.resolver.PublishLive(&zone.Live{
		Checks: map[string]zone.Check{"h1": {
			Healthy: false, Why: "local decides",
			AWS: zone.Observation{Known: true, Healthy: true, Seen: now.Add(-70 * time.Second), Why: "18 of 18 checkers"},
			Local: zone.Observation{Known: true, Seen: now.Add(-2 * time.Second), Since: now.Add(-3 * time.Minute),
				Why: "HTTP 503"},
		}, "h2": {
			Healthy: true, Why: "nothing is known",
			Local: zone.Observation{Seen: now.Add(-5 * time.Second), Why: "connection refused; it has never answered"},
		}},
		Targets: map[string]zone.Target{
			"\x02lb\x07example\x03net\x00": {Healthy: true, Seen: now.Add(-time.Hour), Why: "2 of 2 target groups"}},
	})
	e := w.explain("health", ExplainRequest{Name: zone.MustName("www.example.com."), Type: zone.TypeA,
		Client: netip.MustParseAddr("10.0.0.1")})
	got := strings.Join(treeOf([]Step{find(t, e.Steps, "failover policy")}), "\n")
	want := `failover policy: 2 members, 1 healthy
  member p: not chosen: unhealthy (0 %); primary; unhealthy
    health check h1: unhealthy: local decides
      aws: healthy, seen 1m10s ago: 18 of 18 checkers
      local: unhealthy, seen 2s ago, so since 3m0s ago: HTTP 503
  member s: chosen (100 %); secondary; healthy
    health check h2: healthy: nothing is known
      local: says nothing, looked 5s ago: connection refused; it has never answered
    target health of lb.example.net.: healthy, seen 1h0m0s ago: 2 of 2 target groups
    alias to lb.example.net.: an AWS resource: its A records, asked for outside`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestExplainSubnet(t *testing.T) {
	w := policyWorld(t)
	w.snap.SetTrusted([]netip.Prefix{netip.MustParsePrefix("10.0.0.53/32")})
	ecs := netip.MustParsePrefix("10.1.2.0/24")
	for client, want := range map[string]string{"10.0.0.53": "192.0.2.1", "10.0.0.54": "192.0.2.2"} {
		e := w.explain(client, ExplainRequest{Name: zone.MustName("place.example.com."), Type: zone.TypeA,
			Client: netip.MustParseAddr(client), ECS: ecs})
		if len(e.Answer) != 1 || !strings.HasSuffix(e.Answer[0], " "+want) {
			t.Errorf("for %s with a client subnet: %q, want %s", client, e.Answer, want)
		}
		if want != "192.0.2.1" {
			continue
		}
		if why := find(t, e.Steps, "client subnet").Why; !strings.HasPrefix(why, "10.1.2.0/24, from a trusted forwarder") ||
			!strings.HasSuffix(why, "us-east-1 (VA, US, NA)") {
			t.Errorf("client subnet: %s", why)
		}
		if why := find(t, e.Steps, "latency policy").Why; !strings.Contains(why, "us-east-1") {
			t.Errorf("policy: %s", why)
		}
	}
}

// TestExplainListing: a zone that was listed again and found as it was is not old.
func TestExplainListing(t *testing.T) {
	w := policyWorld(t)
	now := time.Unix(w.clock.Load(), 0)
	w.zones["Z1"].Listed = now.Add(-time.Hour)
	req := ExplainRequest{Name: zone.MustName("www.example.com."), Type: zone.TypeA,
		Client: netip.MustParseAddr("10.0.0.1")}
	for _, tt := range []struct {
		listing Listing
		want    string
	}{
		{Listing{}, "listed 1h0m0s ago"},
		{Listing{Good: now.Add(-time.Hour)}, "listed 1h0m0s ago"},
		{Listing{Good: now.Add(-2 * time.Second)}, "listed 2s ago, as it is since 1h0m0s ago"},
		{Listing{Good: now.Add(-time.Minute), Err: errors.New("throttled")},
			"listed 1m0s ago, as it is since 1h0m0s ago; not listed since: throttled"},
		{Listing{Good: now.Add(-time.Minute), Held: true},
			"listed 1m0s ago, as it is since 1h0m0s ago; a listing that shrank is held back"},
	} {
		req.Listing = func(z *zone.Zone) Listing {
			if z.ID != "Z1" {
				t.Errorf("asked for zone %q", z.ID)
			}
			return tt.listing
		}
		if why := find(t, w.explain("listing", req).Steps, "public zone Z1").Why; !strings.HasSuffix(why, "; "+tt.want) {
			t.Errorf("%s, want %s", why, tt.want)
		}
	}
}

// The snapshot is that of the question, whatever is published meanwhile; and who
// explains gives up with the context.
func TestExplainGivesUp(t *testing.T) {
	w, _ := newWorld(t, parseBlocks(`
forwarder up
    reply www.example.net. A NOERROR
    an www.example.net. 300 A 198.51.100.1
view all
    . forward=up
rest
allow 0.0.0.0/0
query x. A
`))
	w.upstream["up"].mode.Store("silent")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	req := ExplainRequest{Name: zone.MustName("www.example.net."), Type: zone.TypeA,
		Client: netip.MustParseAddr("192.0.2.1")}
	_, err := w.resolver.Explain(ctx, req)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("explaining what nobody answers: %v", err)
	}
	// Later on it is a failure, which is explained.
	e := w.explain("silent", req)
	if e.Rcode != "SERVFAIL" || !strings.Contains(strings.Join(e.Lines(false), "\n"), "no answer") {
		t.Errorf("explained as\n%s", strings.Join(e.Lines(false), "\n"))
	}
}

// TestExplainDraws: told are the draws that a query with the same bits has made.
func TestExplainDraws(t *testing.T) {
	w, _ := newWorld(t, parseBlocks(`
zone public example.com. id=Z1
    @ 900 IN SOA ns.example.com. host.example.com. 1 7200 3600 604800 300
    policy www A weighted
    member id=a weight=1 alias=b
    member id=b weight=2 60 192.0.2.1
    policy b A weighted
    member id=c weight=1 60 192.0.2.2
    member id=d weight=1 alias=m
    policy m A multivalue
    member id=1 60 192.0.2.11
    member id=2 60 192.0.2.12
    policy to CNAME weighted
    member id=x weight=1 60 www.example.com.
    member id=y weight=1 60 b.example.com.
view all
    example.com. layers=Z1
rest
allow 0.0.0.0/0
query x. A
`))
	seen := map[string]int{}
	for n := range uint64(300) {
		req := ExplainRequest{Name: zone.MustName("to.example.com."), Type: zone.TypeA,
			Client: netip.MustParseAddr("192.0.2.1")}
		e, err := w.resolver.explain(t.Context(), &req, n*0x9e3779b97f4a7c15)
		if err != nil {
			t.Fatal(err)
		}
		if len(e.decisions) != 2 {
			t.Fatalf("%d names", len(e.decisions))
		}
		choice := e.decisions[0].choice + " > " + e.decisions[1].choice
		seen[choice]++
		answer := strings.Join(e.Answer, " ")
		for member, record := range map[string]string{"policy x": "CNAME www.", "policy y": "CNAME b.",
			"policy b": "192.0.2.1 ", "policy c": "192.0.2.2 ", "policy 1 2": "192.0.2.11 "} {
			if strings.Contains(choice+" ", member+" ") != strings.Contains(answer+" ", record) {
				t.Fatalf("told %q, answered %q", choice, answer)
			}
		}
	}
	if len(seen) != 5 {
		t.Errorf("drawn %v, not each of the ways", seen)
	}
}
