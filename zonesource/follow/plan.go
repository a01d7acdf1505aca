package follow

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/changes"
	"inside53/zonesource/rdata"
)

// Pattern is one name, or all below it.
type Pattern struct {
	Name  []byte // in lower-case wire form; nil is every name
	Below bool
}

func (p Pattern) fits(name []byte) bool {
	switch {
	case p.Name == nil:
		return true
	case p.Below:
		return len(name) > len(p.Name) && zone.IsSubdomain(name, p.Name)
	}
	return bytes.Equal(name, p.Name)
}

// setKey names an RRset.
type setKey struct {
	name   string // wire form
	rrtype uint16
}

// planner holds versions of the master's zone against what Route 53 has.
type planner struct {
	hosted changes.Zone
	apex   []byte
	names  []Pattern
	before []*zone.Tree // versions of which Route 53 may have something
	target *zone.Tree
}

// affected are the names at which a version before has otherwise than the target, in wire form;
// all of the target where there is none before.
func (p *planner) affected() []string {
	found := map[string]bool{}
	note := func(name []byte, _, _ zone.RRset) bool {
		if slices.ContainsFunc(p.names, func(o Pattern) bool { return o.fits(name) }) {
			found[string(name)] = true
		}
		return true
	}
	before := p.before
	if len(before) == 0 {
		before = []*zone.Tree{zone.NewTree(p.apex)}
	}
	for _, tree := range before {
		zone.Diff(tree, p.target, note)
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// plan is what has to change at some names, of which Route 53 has current; problems are what is
// left alone.
func (p *planner) plan(names []string, current []changes.RecordSet) (changes.Plan, []zonesource.Problem) {
	listed := map[setKey][]*changes.RecordSet{}
	kinds := map[string][]uint16{}
	for i := range current {
		r := &current[i]
		name, err := rdata.ParseName(aws.ToString(r.Name))
		rrtype, _ := rdata.Type(string(r.Type)) // 0 is a type of its own: it exists
		if err != nil {
			continue // Route 53 has none such
		}
		k := setKey{string(name), rrtype}
		if listed[k] == nil {
			kinds[k.name] = append(kinds[k.name], rrtype)
		}
		listed[k] = append(listed[k], r)
	}
	var steps []changes.Step
	var problems []zonesource.Problem
	for _, name := range names {
		at := &atName{planner: p, name: []byte(name), listed: listed, there: kinds[name]}
		steps = append(steps, at.steps()...)
		problems = append(problems, at.problems...)
	}
	return changes.PlanOf(p.hosted, steps...), problems
}

// atName plans one name.
type atName struct {
	*planner
	name     []byte
	listed   map[setKey][]*changes.RecordSet
	there    []uint16 // types that Route 53 has
	problems []zonesource.Problem
}

func (a *atName) problem(rrtype uint16, format string, args ...any) {
	a.problems = append(a.problems, zonesource.Problem{
		Zone: zone.String(a.apex), Name: zone.String(a.name), Type: rdata.TypeText(rrtype),
		Reason: "not followed: " + fmt.Sprintf(format, args...),
	})
}

// steps are the steps of the name. What can't stand beside others there is left out as a whole.
func (a *atName) steps() []changes.Step {
	types := slices.Clone(a.there)
	for _, tree := range append(slices.Clone(a.before), a.target) {
		for s := range tree.Lookup(a.name).RRsets {
			types = append(types, s.Type)
		}
	}
	slices.Sort(types)
	types = slices.Compact(types)
	var steps []changes.Step
	after := 0 // types that the name would have
	cname := false
	for _, rrtype := range types {
		step, stays := a.step(rrtype)
		if step != nil {
			steps = append(steps, *step)
			stays = step.New != nil
		}
		if stays {
			after++
			cname = cname || rrtype == zone.TypeCNAME
		}
	}
	if cname && after > 1 && len(steps) > 0 {
		a.problem(zone.TypeCNAME, "a CNAME record can't be beside the others of the name that Route 53 has")
		return nil
	}
	return steps
}

// step is the step of one type, nil for none; stays says that there are such records then.
func (a *atName) step(rrtype uint16) (step *changes.Step, stays bool) {
	want := a.target.Lookup(a.name).RRset(rrtype)
	listed := a.listed[setKey{string(a.name), rrtype}]
	if bytes.Equal(a.name, a.apex) && (rrtype == zone.TypeSOA || rrtype == zone.TypeNS) {
		return nil, len(listed) > 0
	}
	var next *changes.RecordSet
	if want.Exists() {
		var why string
		next, why = a.recordSet(rrtype, want)
		if why != "" {
			a.problem(rrtype, "%s", why)
		}
	}
	switch {
	case len(listed) == 0 && next == nil:
		return nil, false
	case len(listed) == 0:
		return &changes.Step{New: next}, true
	case next != nil && len(listed) == 1 && changes.Equal(listed[0], next):
		return nil, true
	case !a.isOurs(rrtype, listed):
		if want.Exists() || a.was(rrtype) {
			a.problem(rrtype, "Route 53 has another one, which isn't of the master; it stays")
		}
		return nil, true
	case next == nil && want.Exists():
		return nil, true // what Route 53 can't have leaves what it has
	}
	return &changes.Step{Old: listed[0], New: next}, next != nil
}

// was reports whether a version before had the type at the name.
func (a *atName) was(rrtype uint16) bool {
	return slices.ContainsFunc(a.before, func(t *zone.Tree) bool { return t.Lookup(a.name).RRset(rrtype).Exists() })
}

// isOurs reports whether what Route 53 has is what a version before had.
func (a *atName) isOurs(rrtype uint16, listed []*changes.RecordSet) bool {
	if len(listed) != 1 {
		return false
	}
	for _, tree := range a.before {
		old := tree.Lookup(a.name).RRset(rrtype)
		if !old.Exists() {
			continue
		}
		set, _ := a.recordSet(rrtype, old)
		if set != nil && changes.Equal(listed[0], set) {
			return true
		}
	}
	return false
}

// recordSet is an RRset as Route 53 has it, or why it can't have it.
func (a *atName) recordSet(rrtype uint16, s zone.RRset) (*changes.RecordSet, string) {
	kind := rdata.TypeText(rrtype)
	if !changes.KnownType(kind) {
		return nil, "Route 53 has no records of the type " + kind
	}
	if s.TTL() > math.MaxInt32 {
		return nil, fmt.Sprintf("a TTL of %d", s.TTL())
	}
	r := &changes.RecordSet{
		Name: aws.String(rdata.FormatName(a.name)), Type: changes.RecordType(kind), TTL: aws.Int64(int64(s.TTL())),
	}
	for d := range s.Rdata() {
		text, err := rdata.FormatValue(rrtype, d)
		if err != nil {
			return nil, err.Error()
		}
		r.ResourceRecords = append(r.ResourceRecords, changes.Value{Value: aws.String(text)})
	}
	notes := changes.Impossible(a.hosted, nil, []changes.RecordSet{*r}, false)
	if len(notes) > 0 {
		return nil, notes[0].Reason
	}
	return r, ""
}
