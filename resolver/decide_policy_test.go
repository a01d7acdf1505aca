package resolver

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"inside53/resolver/zone"
)

// at is the address of a number, for answers that are told apart by it.
func at(n int) []string { return []string{fmt.Sprint("198.18.0.", n)} }

func to(policy zone.Policy, members ...modelMember) *modelSet {
	return &modelSet{grouped: true, policy: policy, members: members}
}

func plain(m modelMember) *modelSet { return &modelSet{members: []modelMember{m}} }

func inCNAME(s *modelSet) *modelSet {
	s.cname = true
	return s
}

type names = map[string]*modelSet

// policyCase is one row: a question for www.example. and the odds of its answers, by
// number: "1 2" is the addresses at(1) and at(2).
type policyCase struct {
	name    string
	zone    names
	failing string // health checks and resources, separated by blanks
	// address, by which modelViews has the region: 10.0 eu-west-1, 10.1 us-east-1, 10.2 ap-southeast-2, 10.3 nowhere
	client  string
	subnet  string // its client subnet, if it sends one
	private bool
	want    map[string]float64
}

// the only answer.
func only(answer string) map[string]float64 { return map[string]float64{answer: 1} }

// policyCollections are those of IP-based cases.
var policyCollections = map[string][]modelBlock{"c": {
	{"wide", netip.MustParsePrefix("203.0.0.0/16")}, {"narrow", netip.MustParsePrefix("203.0.112.0/20")},
	{"nobody", netip.MustParsePrefix("203.0.113.0/24")},
	{"six", netip.MustParsePrefix("2001:db8::/32")}, {"inside", netip.MustParsePrefix("10.0.0.0/20")},
}}

// TestPolicies holds decide, and the model, against what AWS documents.
func TestPolicies(t *testing.T) {
	for _, tt := range policyCases() {
		t.Run(tt.name, func(t *testing.T) { tt.run(t) })
	}
}

func policyCases() []policyCase {
	return slices.Concat(weightedCases(), failoverCases(), placeCases(), multivalueCases(), ipCases(), aliasCases())
}

// modelZone is the zone of the row.
func (c *policyCase) modelZone() *modelZone {
	z := &modelZone{public: !c.private, sets: names{}}
	for name, set := range c.zone {
		z.sets[name+".example."] = set
	}
	return z
}

// asker is who asks.
func (c *policyCase) asker() modelClient {
	client := modelClient{address: netip.MustParseAddr("10.0.0.99")}
	if c.client != "" {
		client.address = netip.MustParseAddr(c.client)
	}
	if c.subnet != "" {
		client.subnet = netip.MustParsePrefix(c.subnet)
	}
	return client
}

// state is what queries see.
func (c *policyCase) state(t testing.TB) *state {
	live := &zone.Live{Checks: map[string]zone.Check{}, Targets: map[string]zone.Target{}}
	for _, id := range strings.Fields(c.failing) {
		live.Checks[id] = zone.Check{}
		if strings.HasSuffix(id, ".") {
			live.Targets[string(zone.MustName(id))] = zone.Target{}
		}
	}
	snap := c.modelZone().snapshot(t, policyCollections)
	return &state{snap: snap, live: live, views: new(state).countsOf(snap.Views)}
}

// worker answers the question of the row.
func (c *policyCase) worker(t testing.TB) (*Worker, []byte) {
	r := New(nil, Options{})
	r.state.Store(c.state(t))
	return r.NewWorker(), c.asker().packet(t, "www.example.")
}

func (c *policyCase) run(t *testing.T) {
	z, client, unhealthy := c.modelZone(), c.asker(), map[string]bool{}
	for _, id := range strings.Fields(c.failing) {
		unhealthy[id] = true
	}
	ref := &modelReference{zone: z, collections: policyCollections, unhealthy: unhealthy}
	ref.region, ref.client = client.place(z.public)
	model := ref.answers("www.example.")
	for answer, p := range model {
		want := c.want[strings.ReplaceAll(answer, "198.18.0.", "")]
		if !ref.doubtful && (p-want > 1e-9 || want-p > 1e-9) {
			t.Errorf("the model gives %q %.3f, want %.3f", answer, p, want)
		}
	}
	run := &modelRun{TB: t, r: rand.New(rand.NewPCG(53, 53)),
		x: &exchange{resolver: New(nil, Options{}), state: c.state(t)}}
	pkt := client.packet(t, "www.example.")
	const draws = 3000
	got := map[string]int{}
	for range draws {
		got[strings.ReplaceAll(run.answer(pkt, client.address), "198.18.0.", "")]++
	}
	for answer := range got {
		if c.want[answer] == 0 {
			t.Errorf("answered %q %d times, want of %v", answer, got[answer], c.want)
		}
	}
	statistic, bound := chiSquare(c.want, got, draws)
	if len(c.want) > 1 && statistic > bound {
		t.Errorf("chi-square %.1f > %.1f: %v of %d, want %v", statistic, bound, got, draws, c.want)
	}
}

func weightedCases() []policyCase {
	weights := func(w ...int) names {
		var members []modelMember
		for i, n := range w {
			members = append(members, modelMember{weight: n, check: fmt.Sprint("h", i+1), addresses: at(i + 1)})
		}
		return names{"www": to(zone.Weighted, members...)}
	}
	return []policyCase{
		{name: "weighted", zone: weights(10, 20, 20), want: map[string]float64{"1": .2, "2": .4, "3": .4}},
		{name: "weighted, the third unhealthy", zone: weights(10, 20, 20), failing: "h3",
			want: map[string]float64{"1": 1. / 3, "2": 2. / 3}},
		{name: "weighted, extremes", zone: weights(255, 1), want: map[string]float64{"1": 255. / 256, "2": 1. / 256}},
		{name: "weighted, all zero", zone: weights(0, 0, 0), want: map[string]float64{"1": 1. / 3, "2": 1. / 3, "3": 1. / 3}},
		{name: "weighted, all zero, one unhealthy", zone: weights(0, 0, 0), failing: "h1",
			want: map[string]float64{"2": .5, "3": .5}},
		{name: "weighted, zero beside others", zone: weights(0, 10, 30), want: map[string]float64{"2": .25, "3": .75}},
		{name: "weighted, zero while one of the others is healthy", zone: weights(0, 10, 30), failing: "h3", want: only("2")},
		{name: "weighted, zero when all others are unhealthy", zone: weights(0, 0, 10, 30), failing: "h3 h4",
			want: map[string]float64{"1": .5, "2": .5}},
		{name: "weighted, zero and unhealthy too", zone: weights(0, 0, 10, 30), failing: "h1 h3 h4", want: only("2")},
		{name: "weighted, all unhealthy", zone: weights(0, 10, 30), failing: "h1 h2 h3",
			want: map[string]float64{"2": .25, "3": .75}},
		{name: "weighted, one of one, unhealthy", zone: weights(7), failing: "h1", want: only("1")},
		{name: "simple with a check that fails",
			zone: names{"www": to(zone.Simple, modelMember{check: "h1", addresses: at(1)})}, failing: "h1", want: only("1")},
		{name: "simple", zone: names{"www": plain(modelMember{addresses: []string{at(1)[0], at(2)[0]}})}, want: only("1 2")},
		{name: "weighted names that follow one another are drawn independently", zone: names{
			"www": inCNAME(to(zone.Weighted, modelMember{weight: 1, target: "a.example."},
				modelMember{weight: 1, target: "b.example."})),
			"a": to(zone.Weighted, modelMember{weight: 1, addresses: at(1)}, modelMember{weight: 1, addresses: at(2)}),
			"b": to(zone.Weighted, modelMember{weight: 1, addresses: at(3)}, modelMember{weight: 1, addresses: at(4)}),
		}, want: map[string]float64{"cname a.example.; 1": .25, "cname a.example.; 2": .25, "cname b.example.; 3": .25,
			"cname b.example.; 4": .25}},
	}
}

func failoverCases() []policyCase {
	pair := names{"www": to(zone.Failover, modelMember{check: "h1", addresses: at(1)},
		modelMember{secondary: true, check: "h2", addresses: at(2)})}
	open := names{"www": to(zone.Failover, modelMember{secondary: true, addresses: at(2)},
		modelMember{check: "h1", addresses: at(1)})}
	return []policyCase{
		{name: "failover", zone: pair, want: only("1")},
		{name: "failover, secondary unhealthy", zone: pair, failing: "h2", want: only("1")},
		{name: "failover, primary unhealthy", zone: pair, failing: "h1", want: only("2")},
		{name: "failover, both unhealthy", zone: pair, failing: "h1 h2", want: only("1")},
		{name: "failover, secondary without a check", zone: open, failing: "h1", want: only("2")},
		{name: "failover, listed the other way", zone: open, want: only("1")},
		{name: "failover, secondary alone",
			zone: names{"www": to(zone.Failover, modelMember{secondary: true, check: "h1", addresses: at(2)})}, failing: "h1",
			want: only("2")},
	}
}

// placeCases are those of latency, geolocation and geoproximity.
func placeCases() []policyCase {
	latency := names{"www": to(zone.Latency,
		modelMember{region: "us-west-2", check: "h1", addresses: at(1)},
		modelMember{region: "eu-west-1", check: "h2", addresses: at(2)},
		modelMember{region: "ap-northeast-1", check: "h3", addresses: at(3)})}
	geo := func(members ...modelMember) names { return names{"www": to(zone.Geolocation, members...)} }
	state := modelMember{country: "US", subdivision: "VA", check: "h1", addresses: at(1)}
	country := modelMember{country: "US", check: "h2", addresses: at(2)}
	continent := modelMember{continent: "NA", check: "h3", addresses: at(3)}
	rest := modelMember{country: "*", check: "h4", addresses: at(4)}
	other := modelMember{country: "US", subdivision: "OR", addresses: at(5)}
	near := func(a, b int) names {
		return names{"www": to(zone.Geoproximity, modelMember{region: "eu-central-1", bias: a, check: "h1", addresses: at(1)},
			modelMember{region: "us-east-1", bias: b, addresses: at(2)})}
	}
	return []policyCase{
		{name: "latency, the client's own region", zone: latency, want: only("2")},
		{name: "latency, the nearest region", zone: latency, client: "10.1.0.1", want: only("1")},
		{name: "latency, the nearest from Sydney", zone: latency, client: "10.2.0.1", want: only("3")},
		{name: "latency, unhealthy: the next best", zone: latency, failing: "h1", client: "10.1.0.1", want: only("2")},
		{name: "latency, only the farthest is healthy", zone: latency, failing: "h1 h2", client: "10.1.0.1", want: only("3")},
		{name: "latency, none healthy", zone: latency, failing: "h1 h2 h3", client: "10.1.0.1", want: only("1")},
		{name: "latency, in private zones too", zone: latency, private: true, client: "10.1.0.1", want: only("1")},
		{name: "latency, a region that nobody knows is its own",
			zone: names{"www": to(zone.Latency, modelMember{region: "eu-west-1", addresses: at(1)},
				modelMember{region: "xx-nowhere-1", addresses: at(2)})}, client: "10.3.0.1", want: only("2")},

		{name: "geolocation, the state", zone: geo(rest, continent, country, state, other), client: "10.1.0.1",
			want: only("1")},
		{name: "geolocation, the country", zone: geo(rest, continent, country, other), client: "10.1.0.1", want: only("2")},
		{name: "geolocation, the continent", zone: geo(rest, continent, other), client: "10.1.0.1", want: only("3")},
		{name: "geolocation, the default", zone: geo(rest, continent, country), client: "10.0.0.1", want: only("4")},
		{name: "geolocation, no match and no default", zone: geo(continent, country), client: "10.0.0.1",
			want: only("nodata")},
		{name: "geolocation, state unhealthy", zone: geo(rest, continent, country, state), failing: "h1", client: "10.1.0.1",
			want: only("2")},
		{name: "geolocation, country unhealthy too", zone: geo(rest, continent, country, state), failing: "h1 h2",
			client: "10.1.0.1", want: only("3")},
		{name: "geolocation, continent unhealthy too", zone: geo(rest, continent, country, state), failing: "h1 h2 h3",
			client: "10.1.0.1", want: only("4")},
		{name: "geolocation, all unhealthy", zone: geo(rest, continent, country, state), failing: "h1 h2 h3 h4",
			client: "10.1.0.1", want: only("1")},
		{name: "geolocation, unhealthy without a default", zone: geo(country), failing: "h2", client: "10.1.0.1",
			want: only("2")},
		{name: "geolocation, a client from nowhere", zone: geo(rest, continent, country), client: "10.3.0.1",
			want: only("4")},
		{name: "geolocation, a client from nowhere without a default", zone: geo(continent, country), client: "10.3.0.1",
			want: only("nodata")},

		{name: "geoproximity, the nearest", zone: near(0, 0), want: only("1")},
		{name: "geoproximity, a bias that isn't enough", zone: near(0, 70), want: only("1")},
		{name: "geoproximity, a bias that shrinks the far one", zone: near(0, 90), want: only("2")},
		{name: "geoproximity, a bias that stretches the near one", zone: near(-90, 0), want: only("2")},
		{name: "geoproximity, both", zone: near(-60, 60), want: only("2")},
		{name: "geoproximity, unhealthy", zone: near(0, 0), failing: "h1", want: only("2")},
		{name: "geoproximity, coordinates",
			zone: names{"www": to(zone.Geoproximity, modelMember{coordinates: &[2]float64{-33.9, 151.2}, addresses: at(1)},
				modelMember{region: "eu-west-1", addresses: at(2)})}, client: "10.2.0.1", want: only("1")},
	}
}

func multivalueCases() []policyCase {
	of := func(n int) names {
		var members []modelMember
		for i := range n {
			members = append(members, modelMember{check: fmt.Sprint("h", i+1), addresses: at(i + 1)})
		}
		return names{"www": to(zone.Multivalue, members...)}
	}
	eights := func(n int) map[string]float64 { // all ways to leave out n-8, for n = 9
		out := map[string]float64{}
		for left := range n {
			var chosen []string
			for i := range n {
				if i != left {
					chosen = append(chosen, at(i + 1)[0])
				}
			}
			out[strings.ReplaceAll(sortedText(chosen), "198.18.0.", "")] = 1 / float64(n)
		}
		return out
	}
	return []policyCase{
		{name: "multivalue", zone: of(3), want: only("1 2 3")},
		{name: "multivalue, one unhealthy", zone: of(3), failing: "h2", want: only("1 3")},
		{name: "multivalue, all unhealthy", zone: of(3), failing: "h1 h2 h3", want: only("1 2 3")},
		{name: "multivalue, eight", zone: of(8), want: only("1 2 3 4 5 6 7 8")},
		{name: "multivalue, nine: any eight", zone: of(9), want: eights(9)},
		{name: "multivalue, nine, one unhealthy", zone: of(9), failing: "h9", want: only("1 2 3 4 5 6 7 8")},
		{name: "multivalue, nine, all unhealthy: any eight", zone: of(9), failing: "h1 h2 h3 h4 h5 h6 h7 h8 h9",
			want: eights(9)},
		{name: "alias to multivalue", zone: names{"www": plain(modelMember{alias: "m.example."}), "m": of(3)["www"]},
			failing: "h1", want: only("2 3")},
	}
}

const policyTrusted = "10.0.0.53" // of modelTrusted

func ipCases() []policyCase {
	ip := func(locations ...string) names {
		var members []modelMember
		for _, l := range locations {
			n := 1 + slices.Index([]string{"*", "wide", "narrow", "six", "inside"}, l)
			members = append(members, modelMember{collection: "c", location: l, check: fmt.Sprint("h", n), addresses: at(n)})
		}
		return names{"www": to(zone.IPBased, members...)}
	}
	all := ip("wide", "*", "narrow", "six", "inside")
	geo := names{"www": to(zone.Geolocation, modelMember{continent: "EU", addresses: at(1)},
		modelMember{country: "US", addresses: at(2)}, modelMember{country: "*", addresses: at(3)})}
	return []policyCase{
		{name: "ip-based, longest block", zone: all, client: policyTrusted, subnet: "203.0.112.0/24", want: only("3")},
		{name: "ip-based, exactly the block", zone: all, client: policyTrusted, subnet: "203.0.112.0/20", want: only("3")},
		{name: "ip-based, a shorter prefix than the longest block", zone: all, client: policyTrusted,
			subnet: "203.0.112.0/19", want: only("2")},
		{name: "ip-based, a shorter prefix than any block", zone: all, client: policyTrusted, subnet: "203.0.0.0/15",
			want: only("1")},
		{name: "ip-based, IPv6", zone: all, client: policyTrusted, subnet: "2001:db8:1::/48", want: only("4")},
		{name: "ip-based, IPv6, shorter", zone: all, client: policyTrusted, subnet: "2001:d00::/24", want: only("1")},
		{name: "ip-based, no block", zone: all, client: policyTrusted, subnet: "198.51.100.0/24", want: only("1")},
		{name: "ip-based, no block and no default", zone: ip("wide", "narrow"), client: policyTrusted,
			subnet: "198.51.100.0/24", want: only("nodata")},
		{name: "ip-based, unhealthy: the next longest", zone: all, failing: "h3", client: policyTrusted,
			subnet: "203.0.112.0/24", want: only("2")},
		{name: "ip-based, unhealthy: the default", zone: all, failing: "h2 h3", client: policyTrusted,
			subnet: "203.0.112.0/24", want: only("1")},
		{name: "ip-based, all unhealthy", zone: all, failing: "h1 h2 h3 h4 h5", client: policyTrusted,
			subnet: "203.0.112.0/24", want: only("3")},
		{name: "ip-based, a location without a record", zone: all, client: policyTrusted, subnet: "203.0.113.0/24",
			want: only("3")},
		{name: "ip-based, the client's own address", zone: all, client: "10.0.7.7", want: only("5")},
		{name: "ip-based, the client's own address, private zone", zone: all, client: "10.0.7.7", private: true,
			want: only("5")},
		{name: "ip-based, a subnet that isn't to be used", zone: all, client: policyTrusted, subnet: "0.0.0.0/0",
			want: only("5")},
		{name: "ip-based, not trusted", zone: all, client: "10.0.7.7", subnet: "203.0.112.0/24", want: only("5")},
		{name: "ip-based, a private zone believes nobody", zone: all, client: policyTrusted, subnet: "203.0.112.0/24",
			private: true, want: only("5")},

		{name: "client subnet of a view", zone: geo, client: policyTrusted, subnet: "10.1.5.0/24", want: only("2")},
		{name: "client subnet of no view", zone: geo, client: policyTrusted, subnet: "198.51.100.0/24", want: only("1")},
		{name: "client subnet wider than the view", zone: geo, client: policyTrusted, subnet: "10.0.0.0/8", want: only("1")},
		{name: "client subnet, private zone", zone: geo, client: policyTrusted, subnet: "10.1.5.0/24", private: true,
			want: only("1")},
		{name: "client subnet, not trusted", zone: geo, client: "10.0.0.54", subnet: "10.1.5.0/24", want: only("1")},
	}
}

// regionTree is the example of AWS's "How health checks work in complex Amazon Route 53
// configurations": latency aliases to weighted records of each region.
func regionTree(evaluate bool) names {
	return names{
		"www": to(zone.Latency, modelMember{region: "us-east-1", alias: "us.example.", evaluate: evaluate},
			modelMember{region: "ap-southeast-2", alias: "ap.example.", evaluate: evaluate}),
		"us": to(zone.Weighted, modelMember{weight: 10, check: "us1", addresses: at(1)},
			modelMember{weight: 30, check: "us2", addresses: at(2)}),
		"ap": to(zone.Weighted, modelMember{weight: 10, check: "ap1", addresses: at(3)},
			modelMember{weight: 30, check: "ap2", addresses: at(4)}),
	}
}

func aliasCases() []policyCase {
	const us = "10.1.0.1"
	with := func(base names, name string, set *modelSet) names {
		out := maps.Clone(base)
		out[name] = set
		return out
	}
	both := names{
		"www": to(zone.Failover, modelMember{check: "h1", alias: "a.example.", evaluate: true},
			modelMember{secondary: true, addresses: at(9)}),
		"a": to(zone.Weighted, modelMember{weight: 1, check: "h2", addresses: at(1)}),
	}
	external := names{"www": to(zone.Failover, modelMember{alias: modelTarget, external: true, evaluate: true},
		modelMember{secondary: true, addresses: at(9)})}
	blind := names{"www": to(zone.Failover, modelMember{alias: modelTarget, external: true},
		modelMember{secondary: true, addresses: at(9)})}
	return []policyCase{
		{name: "tree, steps 1 and 2: the region, then by weight", zone: regionTree(true), client: us,
			want: map[string]float64{"1": .25, "2": .75}},
		{name: "tree, step 3: an unhealthy leaf", zone: regionTree(true), failing: "us2", client: us, want: only("1")},
		{name: "tree, steps 4 and 5: the branch is left", zone: regionTree(true), failing: "us1 us2", client: us,
			want: map[string]float64{"3": .25, "4": .75}},
		{name: "tree, the other branch in part", zone: regionTree(true), failing: "us1 us2 ap2", client: us, want: only("3")},
		{name: "tree, last resort: of the best branch, of all in it", zone: regionTree(true), failing: "us1 us2 ap1 ap2",
			client: us, want: map[string]float64{"1": .25, "2": .75}},
		{name: "tree, target health not evaluated: the branch is never left", zone: regionTree(false), failing: "us1 us2",
			client: us, want: map[string]float64{"1": .25, "2": .75}},
		{name: "tree, a leaf without a check",
			zone: with(regionTree(true), "us", to(zone.Weighted, modelMember{weight: 10, check: "us1", addresses: at(1)},
				modelMember{weight: 30, addresses: at(2)})), failing: "us1", client: us, want: only("2")},
		{name: "tree, a leaf of weight 0 makes a branch healthy",
			zone: with(regionTree(true), "us", to(zone.Weighted, modelMember{weight: 10, check: "us1", addresses: at(1)},
				modelMember{weight: 0, addresses: at(2)})), failing: "us1", client: us, want: only("2")},

		{name: "check and target health, both good", zone: both, want: only("1")},
		{name: "check and target health, the check fails", zone: both, failing: "h1", want: only("9")},
		{name: "check and target health, the target fails", zone: both, failing: "h2", want: only("9")},
		{name: "check and target health, both fail", zone: both, failing: "h1 h2", want: only("9")},
		{name: "resource, healthy", zone: external, want: only("external " + modelTarget)},
		{name: "resource, unhealthy", zone: external, failing: modelTarget, want: only("9")},
		{name: "resource, unhealthy and not evaluated", zone: blind, failing: modelTarget,
			want: only("external " + modelTarget)},

		{name: "alias to an alias that evaluates", zone: names{
			"www": to(zone.Failover, modelMember{alias: "a.example.", evaluate: true},
				modelMember{secondary: true, addresses: at(9)}),
			"a": plain(modelMember{alias: "b.example.", evaluate: true}),
			"b": to(zone.Simple, modelMember{check: "h1", addresses: at(1)}),
		}, failing: "h1", want: only("9")},
		{name: "alias to an alias that doesn't evaluate", zone: names{
			"www": to(zone.Failover, modelMember{alias: "a.example.", evaluate: true},
				modelMember{secondary: true, addresses: at(9)}),
			"a": plain(modelMember{alias: "b.example."}), "b": to(zone.Simple, modelMember{check: "h1", addresses: at(1)}),
		}, failing: "h1", want: only("1")},
		{name: "alias without policy, target unhealthy",
			zone: names{"www": plain(modelMember{alias: "b.example.", evaluate: true}),
				"b": to(zone.Simple, modelMember{check: "h1", addresses: at(1)})}, failing: "h1", want: only("1")},
		{name: "alias to nothing", zone: names{"www": plain(modelMember{alias: "nobody.example."})}, want: only("nodata")},
		{name: "failover of CNAMEs", zone: names{
			"www": inCNAME(to(zone.Failover, modelMember{check: "h1", target: "a.example."},
				modelMember{secondary: true, target: "b.example."})),
			"a": plain(modelMember{addresses: at(1)}), "b": plain(modelMember{addresses: at(2)}),
		}, failing: "h1", want: only("cname b.example.; 2")},
		{name: "geolocation CNAMEs, no default", zone: names{
			"www": inCNAME(to(zone.Geolocation, modelMember{continent: "AF", target: "a.example."})),
			"a":   plain(modelMember{addresses: at(1)}),
		}, want: only("nodata")},
	}
}
