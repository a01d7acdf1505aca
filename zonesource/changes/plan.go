package changes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Step is one record set that changes: created where Old is nil, deleted where New is
// nil, else changed.
type Step struct {
	Old, New *RecordSet
}

// Kind is create, change or delete.
func (s Step) Kind() string {
	switch {
	case s.Old == nil:
		return "create"
	case s.New == nil:
		return "delete"
	}
	return "change"
}

// Set is the record set that the step is about, the new one where there is one.
func (s Step) Set() *RecordSet {
	if s.New != nil {
		return s.New
	}
	return s.Old
}

// Note is a record set that a plan leaves alone, and why.
type Note struct {
	Set    RecordSet
	Reason string
}

// Plan is what has to change.
type Plan struct {
	apex  string
	Steps []Step
	// Notes are wanted record sets that can't be had, and present ones that have to
	// stay.
	Notes []Note
	// Same counts the record sets that are as wanted already, Other those that
	// are there and not wanted, and stay.
	Same, Other int
}

// NewPlan compares what is in a zone with what is wanted. What is not wanted goes only
// with remove, or where the wanted can't stand beside it: a CNAME record beside other
// types, members of a group beside those of another policy. The SOA and NS records of
// the apex are Route 53's own and stay, and so do records of traffic policies.
func NewPlan(z Zone, current, wanted []RecordSet, remove bool) Plan {
	p := Plan{apex: z.Name}
	have := index(current)
	want := index(wanted)
	groups := policies(wanted)
	for i := range wanted {
		set := &wanted[i]
		old := have[keyOf(set)]
		switch {
		case p.isOwn(set):
			if old == nil || !Equal(old, set) {
				p.note(set, "the SOA and NS records of the apex are Route 53's own; they stay as they are")
			}
		case old != nil && Equal(old, set):
			p.Same++
		case set.TrafficPolicyInstanceId != nil || old != nil && old.TrafficPolicyInstanceId != nil:
			p.note(set, "records of a traffic policy change with their policy alone")
		default:
			p.Steps = append(p.Steps, Step{old, set})
		}
	}
	for i := range current {
		set := &current[i]
		if want[keyOf(set)] != nil || p.isOwn(set) {
			continue
		}
		clash := groups.clash(set)
		switch {
		case !remove && !clash:
			p.Other++
		case set.TrafficPolicyInstanceId != nil:
			p.note(set, "records of a traffic policy go with their policy alone")
		default:
			p.Steps = append(p.Steps, Step{Old: set})
		}
	}
	slices.SortStableFunc(p.Steps, func(a, b Step) int { return Compare(a.Set(), b.Set()) })
	return p
}

func index(sets []RecordSet) map[key]*RecordSet {
	out := make(map[key]*RecordSet, len(sets))
	for i := range sets {
		out[keyOf(&sets[i])] = &sets[i]
	}
	return out
}

func (p *Plan) note(set *RecordSet, reason string) {
	p.Notes = append(p.Notes, Note{*set, reason})
}

// isOwn reports whether a record set is one that Route 53 made with the zone.
func (p *Plan) isOwn(r *RecordSet) bool {
	return (r.Type == typeSOA || r.Type == typeNS) && CanonicalName(aws.ToString(r.Name)) == p.apex
}

// Own reports whether a record set of the zone is one that Route 53 made with it.
func (z Zone) Own(r *RecordSet) bool {
	p := Plan{apex: z.Name}
	return p.isOwn(r)
}

// wantedPolicies are the policies of wanted record sets, by name and type.
type wantedPolicies map[string]map[string]string

func policies(sets []RecordSet) wantedPolicies {
	out := wantedPolicies{}
	for i := range sets {
		k := keyOf(&sets[i])
		if out[k.name] == nil {
			out[k.name] = map[string]string{}
		}
		out[k.name][k.kind] = Policy(&sets[i])
	}
	return out
}

// clash reports whether a present record set can't stand beside the wanted ones.
func (w wantedPolicies) clash(set *RecordSet) bool {
	k := keyOf(set)
	kinds := w[k.name]
	if len(kinds) == 0 {
		return false
	}
	policy, wanted := kinds[k.kind]
	if wanted {
		return policy != Policy(set)
	}
	_, cname := kinds[typeCNAME]
	return cname || k.kind == typeCNAME
}

// Changes returns the changes of one step.
func (p *Plan) changes(s Step) []Change {
	switch {
	case s.Old == nil:
		return []Change{{Create, *s.New}}
	case s.New == nil:
		return []Change{{Delete, *s.Old}}
	case p.isOwn(s.New):
		return []Change{{Upsert, *s.New}}
	}
	return []Change{{Delete, *s.Old}, {Create, *s.New}}
}

// Units returns the changes, those of one name together: first deletions, then
// creations. Aliases inside the zone come after what they stand for, and names that
// only lose come last, aliases first.
func (p *Plan) Units() []Unit {
	depths := p.depths()
	type named struct {
		unit  Unit
		depth int
		loses bool
		name  string
	}
	var all []*named
	byName := map[string]*named{}
	for _, s := range p.Steps {
		k := keyOf(s.Set())
		n := byName[k.name]
		if n == nil {
			n = &named{loses: true, name: k.name}
			byName[k.name] = n
			all = append(all, n)
		}
		n.unit = append(n.unit, p.changes(s)...)
		if s.New != nil {
			n.loses = false
			n.depth = max(n.depth, depths[k.name])
		} else if n.loses && s.Old.AliasTarget != nil {
			n.depth = -1 // among those that lose, aliases go first
		}
	}
	for _, n := range all {
		slices.SortStableFunc(n.unit, func(a, b Change) int { return cmp.Compare(order(a), order(b)) })
	}
	slices.SortStableFunc(all, func(a, b *named) int {
		switch {
		case a.loses == b.loses:
			return cmp.Compare(a.depth, b.depth)
		case b.loses:
			return -1
		}
		return 1
	})
	units := make([]Unit, len(all))
	for i, n := range all {
		units[i] = n.unit
	}
	return units
}

// order puts deletions before creations, and what aliases of the same name may stand
// for before them.
func order(c Change) int {
	switch {
	case c.Action == Delete:
		return 0
	case c.Set.AliasTarget == nil:
		return 1
	}
	return 2
}

// depths says for each name with new aliases inside the zone how many other new names
// have to be there first.
func (p *Plan) depths() map[string]int {
	targets := map[string][]string{}
	for _, s := range p.Steps {
		if s.New == nil {
			continue
		}
		k := keyOf(s.New)
		targets[k.name] = append(targets[k.name], "")
		if t := s.New.AliasTarget; t != nil {
			targets[k.name] = append(targets[k.name], CanonicalName(aws.ToString(t.DNSName)))
		}
	}
	depths := make(map[string]int, len(targets))
	var depth func(name string, seen []string) int
	depth = func(name string, seen []string) int {
		known, done := depths[name]
		if done || slices.Contains(seen, name) { // a loop, which AWS refuses
			return known
		}
		most := 0
		for _, t := range targets[name] {
			if t != "" && t != name && targets[t] != nil {
				most = max(most, 1+depth(t, append(seen, name)))
			}
		}
		depths[name] = most
		return most
	}
	for name := range targets {
		depth(name, nil)
	}
	return depths
}

// Summary counts the steps for people: "3 to create, 1 to change, 2 to delete".
func (p *Plan) Summary() string {
	counts := map[string]int{}
	for _, s := range p.Steps {
		counts[s.Kind()]++
	}
	var parts []string
	for _, kind := range []string{"create", "change", "delete"} {
		if counts[kind] > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", counts[kind], kind))
		}
	}
	if len(parts) == 0 {
		return "nothing to do"
	}
	return strings.Join(parts, ", ")
}

// PlanOf is the plan of given steps in a zone.
func PlanOf(z Zone, steps ...Step) Plan { return Plan{apex: z.Name, Steps: steps} }
