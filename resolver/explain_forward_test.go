package resolver

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"inside53/resolver/zone"
)

// TestExplainUpstreams: each upstream of a forwarder is told of: what it said or didn't,
// in how much time and how many tries, whether it is up, since when, how far away.
func TestExplainUpstreams(t *testing.T) {
	w, _ := newWorld(t, parseBlocks(`
forwarder good
    reply www.example.net. A NOERROR
    an www.example.net. 300 A 192.0.2.1
forwarder refusing
    reply www.example.net. A REFUSED
forwarder other
    reply www.example.net. A NOERROR
    an www.example.net. 300 A 192.0.2.1
view all forward=good
rest
allow 0.0.0.0/0
query x. A
`))
	refusing, good, other := w.upstream["refusing"].addr, w.upstream["good"].addr, w.upstream["other"].addr
	ask := func(upstreams ...string) *Explanation {
		t.Helper()
		err := w.resolver.Publish(snapshotOf(t, 1, []zone.Forwarder{{Upstreams: upstreams}}))
		if err != nil {
			t.Fatal(err)
		}
		return w.explain("upstreams", ExplainRequest{
			Name: zone.MustName("www.example.net."), Type: zone.TypeA, Client: netip.MustParseAddr("10.0.0.1"),
		})
	}
	const state = `; up since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`
	const refusal = `^(not asked|REFUSED, 0\.\d+ seconds, 1 try)%` // by how quick the other one seems
	for _, tt := range []struct {
		upstreams []string
		want      []string // by upstream; % is how it is
		ede       string
	}{
		{[]string{good}, []string{`^NOERROR, 0\.\d+ seconds, (1 try|2 tries)%, RTT 0\.\d+ seconds$`}, ""},
		{[]string{refusing, good}, []string{refusal, `^NOERROR, 0\.\d+ seconds, (1 try|2 tries)%, RTT 0\.\d+ seconds$`}, ""},
		{[]string{refusing, other}, []string{refusal, `^NOERROR, 0\.\d+ seconds, (1 try|2 tries)%, RTT 0\.\d+ seconds$`}, ""},
		{[]string{refusing}, []string{`^REFUSED, 0\.\d+ seconds, 1 try%$`},
			"23 (Network Error): " + refusing + " answered REFUSED after 0"},
		{[]string{"127.0.0.1:1"}, []string{`^unreachable, [0-9.]+ seconds, 1 try; down since`},
			"22 (No Reachable Authority): 127.0.0.1:1 is unreachable; "},
	} {
		e := ask(tt.upstreams...)
		if !strings.HasPrefix(e.EDE, tt.ede) || tt.ede == "" && e.EDE != "" {
			t.Errorf("%v: extended error %q, want %q", tt.upstreams, e.EDE, tt.ede)
		}
		steps := find(t, e.Steps, "upstream").Steps
		if len(steps) != len(tt.upstreams) {
			t.Fatalf("%v: %+v", tt.upstreams, steps)
		}
		for i, s := range steps {
			want := regexp.MustCompile(strings.ReplaceAll(tt.want[i], "%", state))
			if s.Step != "upstream "+tt.upstreams[i] || !want.MatchString(s.Why) {
				t.Errorf("%v: %s: %q, want %s", tt.upstreams, s.Step, s.Why, want)
			}
		}
	}
}
