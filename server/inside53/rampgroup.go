package main

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"inside53/zonesource/changes"
)

// rampGroup is the weighted members of a name that a ramp moves: all of those types in which
// the target is a member.
type rampGroup struct {
	target string
	sets   []changes.RecordSet
}

// newRampGroup finds the groups among the record sets of a name.
func newRampGroup(sets []changes.RecordSet, name, target string) (*rampGroup, error) {
	with := map[changes.RecordType]bool{}
	var ids []string
	for i := range sets {
		r := &sets[i]
		if r.SetIdentifier == nil {
			continue
		}
		ids = append(ids, *r.SetIdentifier)
		if *r.SetIdentifier != target {
			continue
		}
		if r.Weight == nil {
			return nil, fmt.Errorf("%s is %s; only weighted members can be let in step by step", nameOf(r),
				changes.Policy(r))
		}
		with[r.Type] = true
	}
	if len(with) == 0 && len(ids) == 0 {
		return nil, fmt.Errorf("%w: %s has no weighted group", errNoRecord, name)
	}
	if len(with) == 0 {
		return nil, fmt.Errorf("%w: %s has no member %q; there are %s", errNoRecord, name, target, strings.Join(ids,
			", "))
	}
	g := &rampGroup{target: target}
	for _, r := range sets {
		if with[r.Type] && r.Weight != nil {
			g.sets = append(g.sets, r)
		}
	}
	if g.sum(g.sets[0].Type) == 0 {
		// AWS: where all weights are 0, all members are answered alike.
		return nil, errors.New("all weights of " + name + " are 0: give one of the others a weight first")
	}
	return g, nil
}

func (g *rampGroup) isTarget(r *changes.RecordSet) bool { return textOf(r.SetIdentifier) == g.target }

// targets are the record sets of the target.
func (g *rampGroup) targets() []*changes.RecordSet {
	var all []*changes.RecordSet
	for i := range g.sets {
		if g.isTarget(&g.sets[i]) {
			all = append(all, &g.sets[i])
		}
	}
	return all
}

// sum is the weight of all members of a type.
func (g *rampGroup) sum(kind changes.RecordType) int64 {
	var sum int64
	for i := range g.sets {
		if g.sets[i].Type == kind {
			sum += *g.sets[i].Weight
		}
	}
	return sum
}

// share is what the target has, in percent: the least of all types, and 100 only where the
// others have nothing.
func (g *rampGroup) share() int {
	least := 100
	for _, t := range g.targets() {
		sum := g.sum(t.Type)
		switch {
		case sum == 0:
			least = 0
		case *t.Weight < sum:
			least = min(least, min(99, int(math.Round(float64(*t.Weight)*100/float64(sum)))))
		}
	}
	return least
}

// scale is the sum of all weights: percents, and finer ones where several others have to keep
// their shares among one another.
func scale(others int) float64 {
	if others > 1 {
		return 250 // a weight is at most 255
	}
	return 100
}

// at is the group with the target at a share. Whoever has some weight keeps some as long as
// the target doesn't have all.
func (g *rampGroup) at(share int) *rampGroup {
	next := &rampGroup{target: g.target, sets: append([]changes.RecordSet(nil), g.sets...)}
	for i := range next.sets {
		r := &next.sets[i]
		var others int64 // their weight
		count := 0
		for j := range g.sets {
			if g.sets[j].Type == r.Type && !g.isTarget(&g.sets[j]) {
				others += *g.sets[j].Weight
				count++
			}
		}
		whole := scale(count)
		weight := whole * float64(share) / 100
		if !g.isTarget(r) {
			weight = 0
			if others > 0 {
				weight = whole * float64(100-share) / 100 * float64(*g.sets[i].Weight) / float64(others)
			}
		}
		rounded := int64(math.Round(weight))
		if weight > 0 && rounded == 0 {
			rounded = 1
		}
		r.Weight = &rounded
	}
	return next
}

// weights are the weights by member, for people.
func (g *rampGroup) weights() string {
	var parts []string
	for i := range g.sets {
		if g.sets[i].Type == g.sets[0].Type {
			parts = append(parts, fmt.Sprintf("%s %d", textOf(g.sets[i].SetIdentifier), *g.sets[i].Weight))
		}
	}
	return strings.Join(parts, ", ")
}

// steps are the changes that make the group another one of the same members.
func (g *rampGroup) steps(next *rampGroup) []changes.Step {
	var steps []changes.Step
	for i := range g.sets {
		if *g.sets[i].Weight != *next.sets[i].Weight {
			steps = append(steps, changes.Step{Old: &g.sets[i], New: &next.sets[i]})
		}
	}
	return steps
}
