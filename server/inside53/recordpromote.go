package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"inside53/zonesource/changes"

	"github.com/spf13/cobra"
)

func newRecordPromote() *cobra.Command {
	var where accountFlags
	var which zoneFlags
	var how applyFlags
	var slaves string
	c := &cobra.Command{
		Use:   "promote ZONE NAME SETID|VALUE [--slaves NAME] [--dry-run] [--no-wait]",
		Short: "Make a slave the master: both change places in one batch",
		Long: `promote makes one of those behind a name the first, and what was the first takes its place,
in one batch: where somebody else changed the name meanwhile, AWS refuses, nothing is done, and
the exit code is 1.

  failover   SETID becomes PRIMARY, and the primary becomes SECONDARY
  weighted   SETID gets the weight of the heaviest member, and that gets SETID's
  simple     the name gets VALUE in place of the value that it has; with --slaves the member
             of the group NAME that has VALUE gets the old value

All types of the name that SETID is in change together. Who is the first already stays so: there
is nothing to do then.`,
		Example: `  inside53 record promote example.com app standby
  inside53 record promote example.com db ec2-203-0-113-7.eu-west-1.compute.amazonaws.com --slaves slave-db`,
		Args: arguments(3, 3),
		RunE: workOn(func(ctx context.Context, c console, args []string) error {
			client, z, err := where.zone(ctx, &which, args[0])
			if err != nil {
				return err
			}
			p, err := promotion(ctx, client, z, args[1], args[2], slaves)
			if err != nil {
				return err
			}
			for _, warning := range unwatched(p) {
				_, err = fmt.Fprintf(c.errors, "warning: %s\n", warning)
				if err != nil {
					return err
				}
			}
			if !how.asJSON {
				err = printSteps(c, p)
				if err != nil {
					return err
				}
			}
			return apply(ctx, c, client, z, p, how)
		}),
	}
	where.add(c)
	which.add(c)
	how.add(c)
	c.Flags().StringVar(&slaves, "slaves", "",
		"`name` of the group of slaves, where the old master takes the place of VALUE")
	return c
}

// promotion is the plan that makes the member of an identifier, or a value, the first of a name.
func promotion(ctx context.Context, client *changes.Client, z changes.Zone, name, to, slaves string) (changes.Plan,
	error) {
	owner, err := recordOwner(z, name, true)
	if err != nil {
		return changes.Plan{}, usage{err}
	}
	sets, err := client.RecordsAt(ctx, z, owner)
	if err != nil {
		return changes.Plan{}, err
	}
	if len(sets) == 0 {
		return changes.Plan{}, fmt.Errorf("%w: %s", errNoRecord, changes.ReadableName(owner))
	}
	isGroup := slices.ContainsFunc(sets, func(r changes.RecordSet) bool { return r.SetIdentifier != nil })
	if isGroup && slaves != "" {
		return changes.Plan{},
			usage{errors.New("--slaves is for a name with one simple value; in a group both change places")}
	}
	if isGroup {
		return promoteMember(z, sets, changes.ReadableName(owner), to)
	}
	return promoteValue(ctx, client, z, sets, owner, to, slaves)
}

// promoteMember has a member and the first of its group change places, in each type that has it.
func promoteMember(z changes.Zone, sets []changes.RecordSet, name, to string) (changes.Plan, error) {
	var steps []changes.Step
	var ids []string
	found := false
	for i := range sets {
		r := &sets[i]
		if r.SetIdentifier == nil {
			continue
		}
		if !slices.Contains(ids, *r.SetIdentifier) {
			ids = append(ids, *r.SetIdentifier)
		}
		if *r.SetIdentifier != to {
			continue
		}
		found = true
		first, err := firstOf(sets, r)
		if err != nil {
			return changes.Plan{}, err
		}
		if first == r {
			continue
		}
		steps = append(steps, trade(r, first)...)
	}
	if !found {
		return changes.Plan{}, fmt.Errorf("%w: %s has no member %q; there are %s", errNoRecord, name, to,
			strings.Join(ids, ", "))
	}
	return changes.PlanOf(z, steps...), nil
}

// unwatched says which members a plan makes primary though nothing watches them: nobody would take their place.
func unwatched(p changes.Plan) []string {
	var all []string
	for _, s := range p.Steps {
		if s.New == nil || s.New.Failover != "PRIMARY" || s.New.HealthCheckId != nil ||
			s.New.AliasTarget != nil && s.New.AliasTarget.EvaluateTargetHealth {
			continue
		}
		all = append(all, nameOf(s.New)+" becomes primary and has no health check: the secondary takes its place never")
	}
	return all
}

// firstOf returns the primary or the heaviest of the group that a member is in.
func firstOf(sets []changes.RecordSet, of *changes.RecordSet) (*changes.RecordSet, error) {
	policy := changes.Policy(of)
	if of.Failover == "" && of.Weight == nil {
		return nil, fmt.Errorf("%s is %s: only failover and weighted members have a first one", nameOf(of), policy)
	}
	first := of
	for i := range sets {
		r := &sets[i]
		switch {
		case r.Type != of.Type || r.SetIdentifier == nil || *r.SetIdentifier == *of.SetIdentifier:
		case of.Failover != "" && r.Failover == "PRIMARY":
			return r, nil
		case of.Failover == "" && r.Weight != nil && *r.Weight > *first.Weight:
			first = r
		}
	}
	if first == of && of.Failover == "SECONDARY" {
		return nil, fmt.Errorf("%s has no primary to change places with", nameOf(of))
	}
	return first, nil
}

// trade is the steps that have two members change places.
func trade(a, b *changes.RecordSet) []changes.Step {
	newA, newB := *a, *b
	newA.Failover, newB.Failover = b.Failover, a.Failover
	newA.Weight, newB.Weight = b.Weight, a.Weight
	return []changes.Step{{Old: a, New: &newA}, {Old: b, New: &newB}}
}

// promoteValue gives a simple name another value, and the old one the place of that in a group
// of slaves.
func promoteValue(ctx context.Context, client *changes.Client, z changes.Zone, sets []changes.RecordSet, owner, to,
	slaves string,
) (changes.Plan, error) {
	old, value, err := valueOf(sets, owner, to)
	if err != nil {
		return changes.Plan{}, err
	}
	before := textOf(old.ResourceRecords[0].Value)
	if sameValue(string(old.Type), before, value) {
		return changes.Plan{}, nil
	}
	set := *old
	set.ResourceRecords = []changes.Value{{Value: &value}}
	steps := []changes.Step{{Old: old, New: &set}}
	if slaves == "" {
		return changes.PlanOf(z, steps...), nil
	}
	name, err := recordOwner(z, slaves, true)
	if err != nil {
		return changes.Plan{}, usage{fmt.Errorf("--slaves: %w", err)}
	}
	group, err := client.RecordsAt(ctx, z, name)
	if err != nil {
		return changes.Plan{}, err
	}
	for i := range group {
		slave := &group[i]
		at := valueAt(slave, old.Type, value)
		if at < 0 {
			continue
		}
		next := *slave
		next.ResourceRecords = slices.Clone(slave.ResourceRecords)
		if valueAt(slave, old.Type, before) >= 0 { // it was among the slaves too
			next.ResourceRecords = slices.Delete(next.ResourceRecords, at, at+1)
		} else {
			next.ResourceRecords[at] = changes.Value{Value: &before}
		}
		return changes.PlanOf(z, append(steps, changes.Step{Old: slave, New: &next})...), nil
	}
	return changes.Plan{}, fmt.Errorf("%s has no slave with the value %s: nobody to change places with",
		changes.ReadableName(name), value)
}

// valueAt is where a record set of a type has a value; -1 for nowhere.
func valueAt(r *changes.RecordSet, kind changes.RecordType, value string) int {
	if r.Type != kind {
		return -1
	}
	return slices.IndexFunc(r.ResourceRecords, func(v changes.Value) bool {
		return sameValue(string(kind), textOf(v.Value), value)
	})
}

// valueOf returns the one record set whose value a text may become, and the text as Route 53
// has it.
func valueOf(sets []changes.RecordSet, owner, text string) (*changes.RecordSet, string, error) {
	var found *changes.RecordSet
	var value string
	var faults []error
	for i := range sets {
		r := &sets[i]
		if r.AliasTarget != nil || len(r.ResourceRecords) == 0 || r.Type == "SOA" || r.Type == "NS" {
			continue
		}
		values, err := parseValues(string(r.Type), []string{text})
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if found != nil {
			return nil, "", fmt.Errorf("%s has records of types %s and %s; which has the master is not clear",
				changes.ReadableName(owner), found.Type, r.Type)
		}
		found, value = r, values[0]
	}
	switch {
	case found == nil && len(faults) > 0:
		return nil, "", usage{errors.Join(faults...)}
	case found == nil:
		return nil, "", fmt.Errorf("%s has no record with values, and no members: there is nothing to promote in",
			changes.ReadableName(owner))
	case len(found.ResourceRecords) > 1:
		return nil, "", fmt.Errorf("%s has %d values; which is the master is not clear", nameOf(found),
			len(found.ResourceRecords))
	}
	return found, value, nil
}
