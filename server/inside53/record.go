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

func newRecord() *cobra.Command {
	c := &cobra.Command{
		Use:   "record",
		Short: "List, add, change, delete, import, restore, ramp and promote records of hosted zones",
		Long: `record changes what Route 53 has in a hosted zone. ZONE is a name or an id; --public,
--private and --vpc say which zone of that name. NAME is relative to the zone unless it ends
in a dot or in the name of the zone; @ is the zone itself. Escapes in names are octal, as
AWS prints them: \052 is *.

A record set that changes is deleted as it was read and created anew in one batch: where
somebody else changed it meanwhile, AWS refuses, and nothing is lost.`,
		RunE: needsSubcommand,
	}
	c.AddCommand(newRecordLs(), newRecordAdd(), newRecordChange(), newRecordDelete(), newRecordImport(),
		newRecordRestore(), newRecordRamp(), newRecordPromote())
	return c
}

// recordFlags are the flags that all changes of one record set have.
type recordFlags struct {
	where accountFlags
	which zoneFlags
	how   applyFlags
	set   setFlags
}

// edit makes the plan of one command. sets are those of the name; what is the name in
// the form of the API.
type edit func(z changes.Zone, sets []changes.RecordSet, at recordName, values []string) (changes.Plan, error)

// recordName is which record sets a command is about.
type recordName struct{ name, kind string }

// String is the name and type as people write them.
func (r recordName) String() string { return changes.ReadableName(r.name) + " " + r.kind }

// run makes the body of a subcommand ZONE NAME TYPE VALUE...
func (f *recordFlags) run(e edit) func(*cobra.Command, []string) error {
	return workOn(func(ctx context.Context, c console, args []string) error {
		client, z, err := f.where.zone(ctx, &f.which, args[0])
		if err != nil {
			return err
		}
		at, err := parseRecordName(z, args[1], args[2])
		if err != nil {
			return usage{err}
		}
		values, err := parseValues(at.kind, args[3:])
		if err != nil {
			return usage{err}
		}
		sets, err := client.RecordsAt(ctx, z, at.name)
		if err != nil {
			return err
		}
		p, err := e(z, sets, at, values)
		if err != nil {
			return err
		}
		how := f.how
		how.warnings = doubts(z, p, args[1])
		if !how.asJSON {
			err = errors.Join(printNotes(c, how.warnings), printSteps(c, p))
			if err != nil {
				return err
			}
		}
		return apply(ctx, c, client, z, p, how)
	})
}

// doubts are what of a plan for a name, as it was typed, is most likely not meant.
func doubts(z changes.Zone, p changes.Plan, typed string) []string {
	var found []string
	for _, s := range p.Steps {
		if s.New == nil {
			continue
		}
		if s.Old == nil && isOtherDomain(z, typed) {
			found = append(found, fmt.Sprintf("%s is read as %s, below the zone, and looks like a name of another domain",
				typed, changes.ReadableName(textOf(s.New.Name))))
		}
		for _, text := range changes.Doubts(z, s.New) {
			found = append(found, nameOf(s.New)+": "+text)
		}
	}
	return found
}

func newRecordAdd() *cobra.Command {
	f := &recordFlags{}
	c := &cobra.Command{
		Use:   "add ZONE NAME TYPE VALUE... [--ttl 300] [--set-id S] [routing] [--alias NAME --alias-zone ID]",
		Short: "Create a record set",
		Long: `add creates a record set with all the values given; it fails where there is one of that
name, type and set identifier already. Routing is one of --weight, --failover, --region,
--geo, --multivalue, --bias with --region, and --cidr; all of them need --set-id.`,
		Example: `  inside53 record add example.com www A 192.0.2.1 192.0.2.2 --ttl 60
  inside53 record add example.com @ MX "10 mail.example.com"
  inside53 record add example.com api A 192.0.2.1 --set-id blue --weight 10
  inside53 record add example.com www A --alias lb-1.eu-west-1.elb.amazonaws.com --alias-zone Z32O12XQLNTSW2`,
		Args: arguments(3, -1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		return f.run(func(z changes.Zone, sets []changes.RecordSet, at recordName, values []string) (changes.Plan, error) {
			set := f.set.fresh(at)
			err := f.set.apply(c.Flags(), z, &set, values)
			if err != nil {
				return changes.Plan{}, usage{err}
			}
			for i := range sets {
				if string(sets[i].Type) == at.kind && textOf(sets[i].SetIdentifier) == f.set.id {
					return changes.Plan{}, fmt.Errorf("%s%s is there already; change it with: inside53 record change",
						at, f.set.suffix())
				}
			}
			return changes.PlanOf(z, changes.Step{New: &set}), nil
		})(c, args)
	}
	f.add(c)
	f.set.add(c)
	return c
}

func (f *recordFlags) add(c *cobra.Command) {
	f.where.add(c)
	f.which.add(c)
	f.how.add(c)
	c.Flags().StringVar(&f.set.id, "set-id", "", "set `identifier` of the member of a group")
}

func newRecordChange() *cobra.Command {
	f := &recordFlags{}
	c := &cobra.Command{
		Use:   "change ZONE NAME TYPE [VALUE...] [--ttl N] [--set-id S] [routing] [--alias NAME --alias-zone ID]",
		Short: "Change a record set",
		Long: `change replaces what is given of a record set and keeps the rest: all values, when some
are given, the TTL, the routing, the health check.`,
		Example: `  inside53 record change example.com www A 192.0.2.3
  inside53 record change example.com api A --set-id blue --weight 0`,
		Args: arguments(3, -1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		return f.run(func(z changes.Zone, sets []changes.RecordSet, at recordName, values []string) (changes.Plan, error) {
			old, err := f.pick(sets, at)
			if err != nil {
				return changes.Plan{}, err
			}
			set := *old
			err = f.set.apply(c.Flags(), z, &set, values)
			if err != nil {
				return changes.Plan{}, usage{err}
			}
			return planOf(z, old, &set), nil
		})(c, args)
	}
	f.add(c)
	f.set.add(c)
	return c
}

func newRecordDelete() *cobra.Command {
	f := &recordFlags{}
	c := &cobra.Command{
		Use:   "delete ZONE NAME TYPE [VALUE...] [--set-id S]",
		Short: "Delete a record set, or some of its values",
		Long: `delete deletes a record set, or with values those of its values; the set goes with the
last of them.`,
		Example: `  inside53 record delete example.com www A
  inside53 record delete example.com www A 192.0.2.2`,
		Args: arguments(3, -1),
	}
	c.RunE = f.run(func(z changes.Zone, sets []changes.RecordSet, at recordName, values []string) (changes.Plan, error) {
		old, err := f.pick(sets, at)
		if err != nil {
			return changes.Plan{}, err
		}
		if len(values) == 0 {
			return planOf(z, old, nil), nil
		}
		set := *old
		set.ResourceRecords = nil
		for _, v := range old.ResourceRecords {
			i := slices.IndexFunc(values, func(text string) bool { return sameValue(at.kind, text, textOf(v.Value)) })
			if i < 0 {
				set.ResourceRecords = append(set.ResourceRecords, v)
				continue
			}
			values = slices.Delete(values, i, i+1)
		}
		switch {
		case len(values) > 0:
			return changes.Plan{}, fmt.Errorf("%s has no value %s", at, strings.Join(values, ", "))
		case len(set.ResourceRecords) == 0:
			return planOf(z, old, nil), nil
		}
		return planOf(z, old, &set), nil
	})
	f.add(c)
	return c
}

// planOf is the plan of one step, none where nothing changes.
func planOf(z changes.Zone, old, set *changes.RecordSet) changes.Plan {
	if set != nil && changes.Equal(old, set) {
		return changes.Plan{}
	}
	return changes.PlanOf(z, changes.Step{Old: old, New: set})
}

// errNoRecord says that there is nothing to change.
var errNoRecord = errors.New("no such record set")

// pick returns the one record set that a command is about.
func (f *recordFlags) pick(sets []changes.RecordSet, at recordName) (*changes.RecordSet, error) {
	var ids []string
	for i := range sets {
		if string(sets[i].Type) != at.kind {
			continue
		}
		id := textOf(sets[i].SetIdentifier)
		if id == f.set.id {
			return &sets[i], nil
		}
		ids = append(ids, fmt.Sprintf("%q", id))
	}
	switch {
	case len(ids) == 0:
		return nil, fmt.Errorf("%w: %s", errNoRecord, at)
	case f.set.id == "":
		return nil, usage{fmt.Errorf("%s is a group; say which member by --set-id: %s", at, strings.Join(ids, ", "))}
	}
	return nil, fmt.Errorf("%w: %s has no member %q; there are %s", errNoRecord, at, f.set.id, strings.Join(ids, ", "))
}
