package resolver

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"inside53/resolver/zone"
)

// set tells how a set of records was walked down to plain ones. It asks the judge
// again, with the same random bits, so that the draws are those that were made.
func (s *story) set(d *decision, z *zone.Zone, set zone.RRset) []Step {
	p := policyStory{story: s}
	d.judge(&p.judge, z)
	steps := p.walk(set, 0)
	if set.Kind == zone.Aliased && set.Alias().Health {
		health := p.targetHealth(set, false)
		health.Why += "; it is no member of a policy, so it answers in any case"
		steps[0].Steps = append([]Step{health}, steps[0].Steps...)
	}
	return steps
}

// policyStory is the story of one tree of policies and aliases.
type policyStory struct {
	*story
	judge  judge
	capped bool     // by a failover policy
	chain  [][]byte // targets of the aliases that were followed
	noted  [][]byte // targets whose members' health was told
}

func (p *policyStory) walk(set zone.RRset, depth int) []Step {
	if depth == maxAliases {
		return []Step{{Step: "too deep",
			Why: fmt.Sprintf("more than %d aliases and policies in a row: SERVFAIL", maxAliases)}}
	}
	switch set.Kind {
	case zone.Records:
		why := fmt.Sprintf("%s, TTL %d s", counted(int(set.Count), "record"), set.TTL())
		if p.capped && set.TTL() > failoverTTL {
			why += fmt.Sprintf(", here at most %d s: a failover policy led here", failoverTTL)
		}
		return []Step{{Step: typeName(set.Type) + " records", Why: why}}
	case zone.Instances:
		return []Step{{Step: typeName(set.Type) + " records",
			Why: fmt.Sprintf("of %s, TTL %d s", counted(int(set.Count), "instance"), set.TTL())}}
	case zone.Group:
		return []Step{p.policy(set, depth)}
	case zone.Aliased:
		return []Step{p.alias(set, depth)}
	default:
		reason, _ := set.Unservable()
		return []Step{{Step: typeName(set.Type) + " record",
			Why: "can't be expressed, so SERVFAIL and not a wrong answer: " + reason}}
	}
}

// alias tells of clause 4e and of aliases to AWS resources.
func (p *policyStory) alias(set zone.RRset, depth int) Step {
	a := set.Alias()
	step := Step{Step: "alias to " + zone.String(a.Target)}
	if !a.SameZone {
		step.Why = "an AWS resource"
		if len(a.ZoneID) > 0 {
			step.Why += " (hosted zone " + string(a.ZoneID) + ")"
		}
		step.Why += ": its " + typeName(set.Type) + " records, asked for outside"
		return step
	}
	target := p.judge.zone.Tree.Lookup(a.Target).RRset(set.Type)
	if !target.Exists() {
		step.Why = "in its own hosted zone, which has no " + typeName(set.Type) + " there: NODATA"
		return step
	}
	again := slices.ContainsFunc(p.chain, func(seen []byte) bool { return string(seen) == string(a.Target) })
	if again && p.a.last().outcome == unservable { // a draw may have led out of the loop
		step.Why = "where it was before: a loop, so SERVFAIL"
		return step
	}
	p.chain = append(p.chain, a.Target)
	step.Why = "in its own hosted zone"
	step.Steps = p.walk(target, depth+1)
	return step
}

// policy tells of one group: who may be chosen, who was, and why not the others.
func (p *policyStory) policy(set zone.RRset, depth int) Step {
	g := group{set: set, chosen: map[int]bool{}}
	j := p.judge // a copy: what is looked at here doesn't count for the choice
	g.chance, g.healthy = j.odds(set)
	p.capped = p.capped || set.Policy() == zone.Failover
	step := Step{Step: set.Policy().String() + " policy"}
	if set.Policy() == zone.Multivalue {
		p.drawMany(&g)
	} else {
		p.drawOneOf(&g)
	}
	step.Why = p.summary(&g)
	var m zone.Member
	i := 0
	for w := set.Members(); w.Next(&m); i++ {
		step.Steps = append(step.Steps, p.member(&g, i, &m, depth))
	}
	p.note(&g)
	return step
}

// group is a policy's group with what became of it.
type group struct {
	set     zone.RRset
	chance  []float64
	healthy []bool
	chosen  map[int]bool
}

// desperate reports whether no member that could have been chosen is healthy, so that
// all count as healthy.
func (g *group) desperate() bool {
	could := false
	for i, c := range g.chance {
		if c > 0 && g.healthy[i] {
			return false
		}
		could = could || c > 0
	}
	return could
}

func (p *policyStory) drawOneOf(g *group) {
	var m zone.Member
	if p.judge.choose(g.set, &m) {
		g.choose(&m)
	}
}

// choose marks a member, which is known by where its records lie.
func (g *group) choose(m *zone.Member) {
	var each zone.Member
	i := 0
	for w := g.set.Members(); w.Next(&each); i++ {
		if &each.Set.Data[0] == &m.Set.Data[0] {
			g.chosen[i] = true
		}
	}
}

func (p *policyStory) drawMany(g *group) {
	var m zone.Member
	var w multivalues
	w.init(&p.judge, g.set)
	for w.next(&p.judge, &m) {
		g.choose(&m)
	}
}

// note keeps who was chosen, for comparing answers.
func (p *policyStory) note(g *group) {
	if len(p.decisions) == 0 {
		return
	}
	var ids []string
	var m zone.Member
	i := 0
	for w := g.set.Members(); w.Next(&m); i++ {
		if g.chosen[i] {
			ids = append(ids, memberName(&m, i))
		}
	}
	now := &p.decisions[len(p.decisions)-1]
	if now.choice != "" {
		now.choice = ", " + now.choice // inner groups are noted first
	}
	now.choice = g.set.Policy().String() + " policy " + strings.Join(ids, " ") + now.choice
	now.place = p.judge.region
}

// summary says what was chosen from.
func (p *policyStory) summary(g *group) string {
	n := 0
	for _, ok := range g.healthy {
		if ok {
			n++
		}
	}
	text := fmt.Sprintf("%s, %d healthy", counted(len(g.healthy), "member"), n)
	switch g.set.Policy() {
	case zone.Latency, zone.Geolocation, zone.Geoproximity:
		text += "; for a client in " + placeText(p.judge.region)
	case zone.IPBased:
		text += "; for the client " + p.judge.client.String()
	case zone.Weighted:
		text += "; drawn by weight"
	case zone.Multivalue:
		text += fmt.Sprintf("; up to %d at random", maxMultivalue)
	}
	switch {
	case len(g.chosen) == 0:
		text += "; none is for this client and there is no default: NODATA"
	case g.desperate():
		text += "; none that is for this client is healthy, so all count as healthy"
	}
	return text
}

func memberName(m *zone.Member, i int) string {
	if len(m.SetID) == 0 {
		return fmt.Sprintf("#%d", i+1)
	}
	return string(m.SetID)
}

// member tells of one member: chosen or not and why, how likely, how healthy.
func (p *policyStory) member(g *group, i int, m *zone.Member, depth int) Step {
	verdict := "not chosen: " + p.whyNot(g, i, m)
	if g.chosen[i] {
		verdict = "chosen"
	}
	terms := p.terms(g, m)
	if terms != "" {
		terms += "; "
	}
	health, looks := p.health(g, i, m)
	step := Step{
		Step:  "member " + memberName(m, i),
		Why:   fmt.Sprintf("%s (%s); %s%s", verdict, percent(g.chance[i]), terms, health),
		Steps: looks,
	}
	if g.chosen[i] {
		step.Steps = append(step.Steps, p.walk(m.Set, depth+1)...)
	}
	return step
}

func percent(chance float64) string {
	text := fmt.Sprintf("%.1f", chance*100)
	return strings.TrimSuffix(text, ".0") + " %"
}

// terms says by what a policy measures a member.
func (p *policyStory) terms(g *group, m *zone.Member) string {
	switch g.set.Policy() {
	case zone.Weighted:
		return fmt.Sprintf("weight %d", m.Weight)
	case zone.Failover:
		if m.Secondary {
			return "secondary"
		}
		return "primary"
	case zone.Latency:
		if string(m.Region) == p.judge.region {
			return "the client's own region"
		}
		return fmt.Sprintf("%s, %s from the client's", m.Region,
			kilometres(distance(locate(p.judge.region), locate(string(m.Region)))))
	case zone.Geolocation:
		return locationText(m)
	case zone.Geoproximity:
		where := string(m.Region) + string(m.LocalZone) + string(m.Coordinates)
		return fmt.Sprintf("%s, bias %d: %s", where, m.Bias, kilometres(p.judge.biased(m)))
	case zone.IPBased:
		return p.blockText(m)
	}
	return ""
}

func kilometres(d float64) string {
	if d == halfWay {
		return "at an unknown distance"
	}
	return fmt.Sprintf("%.0f km", math.Round(d))
}

func locationText(m *zone.Member) string {
	switch {
	case len(m.Subdivision) > 0:
		return fmt.Sprintf("state %s of %s", m.Subdivision, m.Country)
	case string(m.Country) == "*":
		return "default"
	case len(m.Country) > 0:
		return "country " + string(m.Country)
	default:
		return "continent " + string(m.Continent)
	}
}

func (p *policyStory) blockText(m *zone.Member) string {
	if string(m.Location) == "*" {
		return "default"
	}
	text := "location " + string(m.Location)
	r, ok := p.judge.ipRank(m)
	switch {
	case ok:
		return fmt.Sprintf("%s: its block of length /%d holds the client", text, int(-r.distance))
	case !p.snap.Locations.Known(m.Collection):
		return text + ": no blocks of its CIDR collection are known"
	default:
		return text + ": no block of it holds the client"
	}
}

// whyNot says why a member wasn't chosen.
func (p *policyStory) whyNot(g *group, i int, m *zone.Member) string {
	policy := g.set.Policy()
	_, fits := p.judge.rank(policy, m)
	switch {
	case !fits:
		return "not for this client"
	case g.chance[i] > 0:
		return "the draw fell on others"
	case !g.healthy[i] && !g.desperate():
		return "unhealthy"
	case policy == zone.Weighted && m.Weight == 0:
		return "weight 0 counts only while all others are unhealthy"
	case policy == zone.Failover && g.desperate():
		return "with both unhealthy the primary is given"
	case policy == zone.Failover && m.Secondary:
		return "the primary is healthy"
	case policy == zone.Latency || policy == zone.Geoproximity:
		return p.fartherThan(g, m)
	case policy == zone.Geolocation:
		return "another is for a smaller place"
	case policy == zone.IPBased:
		return "another has a longer block"
	default:
		return "others come first"
	}
}

// fartherThan compares a member with the one chosen by distance.
func (p *policyStory) fartherThan(g *group, m *zone.Member) string {
	own, _ := p.judge.rank(g.set.Policy(), m)
	var each zone.Member
	i := 0
	for w := g.set.Members(); w.Next(&each); i++ {
		r, _ := p.judge.rank(g.set.Policy(), &each)
		if g.chosen[i] && !r.before(own) {
			return "another as near comes first"
		}
	}
	return "another is nearer"
}
