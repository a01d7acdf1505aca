package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"inside53/zonesource/changes"
	"inside53/zonesource/export"

	"github.com/spf13/cobra"
)

func newZoneDiff() *cobra.Command {
	var where accountFlags
	var which zoneFlags
	var asJSON bool
	var past pastFlags
	c := &cobra.Command{
		Use:   "diff ZONE [OTHER | --at T [--to T] --config F] [--public | --private] [--vpc ID] [--json]",
		Short: "Compare a hosted zone with another one, or with a file",
		Long: `diff prints what would have to change in ZONE to make it like OTHER: the id of another
hosted zone of the same name, or a master file as record import reads it. Without OTHER it
compares the private zone of a name with the public one. SOA and NS records of the apex
don't count, nor does what no master file can hold. With --at OTHER is the zone as it was
then, by the ledger of a server, in the state_dir of its configuration; with --to too it is
what changed from --at to --to. T is RFC 3339, a date, or how long ago: 2h, 3d. Exit codes: 0 no difference, 1 some, 2
failed or usage.`,
		Example: `  inside53 zone diff example.com
  inside53 zone diff example.com example.com.zone --public
  inside53 zone diff example.com --at 2h --config /etc/inside53/inside53.yaml`,
		Args: arguments(1, 2),
		RunE: workOn(func(ctx context.Context, c console, args []string) error {
			client, err := where.client(ctx)
			if err != nil {
				return undecided{err}
			}
			var p changes.Plan
			if past == (pastFlags{}) {
				p, err = difference(ctx, c, client, which, args, asJSON)
			} else {
				p, err = past.difference(ctx, c, client, which, where.config, args, asJSON)
			}
			if err != nil {
				return undecided{err}
			}
			return printDifference(c, p, asJSON)
		}),
	}
	where.add(c)
	which.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON: the changes as a change batch")
	c.Flags().StringVar(&past.at, "at", "", "compare with what the zone was at this `time`")
	c.Flags().StringVar(&past.to, "to", "", "with --at: what changed from then to this `time`")
	return c
}

// difference is the plan that makes a zone like the other one.
func difference(ctx context.Context, c console, client *changes.Client, which zoneFlags, args []string, asJSON bool,
) (changes.Plan, error) {
	var none changes.Plan
	z, err := which.find(ctx, client, args[0])
	var ambiguous *changes.AmbiguousError
	if errors.As(err, &ambiguous) && len(args) == 1 && which.visibility() == changes.Any {
		which.private = true // compared with the public one
		z, err = which.find(ctx, client, args[0])
	}
	if err != nil {
		return none, err
	}
	current, err := client.Records(ctx, z)
	if err != nil {
		return none, err
	}
	wanted, err := other(ctx, c, client, z, current, args, asJSON)
	if err != nil {
		return none, err
	}
	p := changes.NewPlan(z, current, wanted, true)
	p.Notes = nil // what is no change of ours is no difference
	return p, nil
}

// other is the record sets that a zone with its current ones is compared with, as they would
// be in it.
func other(ctx context.Context, c console, client *changes.Client, z changes.Zone, current []changes.RecordSet,
	args []string, asJSON bool,
) ([]changes.RecordSet, error) {
	if len(args) == 2 && isFile(args[1]) {
		file, err := changes.ReadFile(ctx, z, args[1])
		if err != nil {
			return nil, err
		}
		wanted, _ := changes.KeepUnwritable(z, current, file.Sets)
		if asJSON {
			return wanted, nil
		}
		return wanted, printNotes(c, file.Notes)
	}
	s := changes.Selector{Text: changes.ReadableName(z.Name), Visibility: changes.Public}
	if !z.Private {
		s.Visibility = changes.Private
	}
	if len(args) == 2 {
		s = changes.Selector{Text: args[1]}
	}
	o, err := client.Find(ctx, s)
	if len(args) == 2 && errors.Is(err, changes.ErrNoZone) {
		return nil, fmt.Errorf("%w, and no file of that name", err)
	}
	if err != nil {
		return nil, err
	}
	if o.Name != z.Name {
		return nil, usage{fmt.Errorf("%s and %s have different names; only zones of one name can be compared", z, o)}
	}
	if o.ID == z.ID {
		return nil, usage{errors.New("both are the same zone")}
	}
	sets, err := client.Records(ctx, o)
	if err != nil {
		return nil, err
	}
	return changes.Localise(sets, o.ID, z.ID), nil
}

// isFile reports whether there is a file of that path.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

func printDifference(c console, p changes.Plan, asJSON bool) error {
	err := printDifferences(c, p, asJSON)
	if err != nil {
		return undecided{err}
	}
	if len(p.Steps) > 0 {
		return fmt.Errorf("there are differences: %s", p.Summary())
	}
	return nil
}

func printDifferences(c console, p changes.Plan, asJSON bool) error {
	if !asJSON {
		return printPlan(c, p)
	}
	var all changes.Batch
	for _, u := range p.Units() {
		all = append(all, u...)
	}
	text, err := export.EncodeJSON(all.Input(""))
	if err != nil {
		return err
	}
	_, err = c.out.Write(text)
	return err
}
