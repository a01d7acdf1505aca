package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"inside53/zonesource/changes"

	"github.com/spf13/cobra"
)

func newRecordImport() *cobra.Command {
	var where accountFlags
	var which zoneFlags
	var how applyFlags
	var yes, remove bool
	c := &cobra.Command{
		Use:   "import ZONE FILE [--yes] [--delete] [--dry-run]",
		Short: "Make a zone like a master file",
		Long: `import reads a master file, prints what it would create, change and delete, asks, and
does it. Record sets that are not in the file stay, unless --delete says that they go. SOA
and NS records of the apex are Route 53's own and stay, and so does what no master file can
hold. A file with anything that Route 53 never takes changes nothing.

The file is BIND's ($ORIGIN, $TTL, $INCLUDE, $GENERATE), with the extensions of cli53:

  api 60 IN A 192.0.2.1 ; AWS routing="WEIGHTED" weight=10 identifier="blue"
  www 86400 AWS ALIAS A api $self false

and with all that export bind writes.`,
		Example: "  inside53 record import example.com example.com.zone --private --delete",
		Args:    arguments(2, 2),
		RunE: workOn(func(ctx context.Context, c console, args []string) error {
			client, z, err := where.zone(ctx, &which, args[0])
			if err != nil {
				return err
			}
			file, err := changes.ReadFile(ctx, z, args[1])
			if err != nil {
				return err
			}
			c.progress("reading %s", z)
			current, err := client.Records(ctx, z)
			c.progress("")
			if err != nil {
				return err
			}
			err = checkPossible(z, current, file, remove)
			if err != nil {
				return err
			}
			wanted, kept := changes.KeepUnwritable(z, current, file.Sets)
			p := changes.NewPlan(z, current, wanted, remove)
			p.Notes = append(p.Notes, kept...)
			how.warnings = file.Notes
			if !how.asJSON {
				err = errors.Join(printNotes(c, file.Notes), printPlan(c, p))
			}
			if err == nil && len(p.Steps) > 0 && !yes && !how.dryRun {
				err = c.confirm(fmt.Sprintf("Do this in %s?", z))
			}
			if err != nil || len(p.Steps) == 0 && !how.asJSON {
				return err // the plan says that there is nothing to do
			}
			return apply(ctx, c, client, z, p, how)
		}),
	}
	where.add(c)
	which.add(c)
	how.add(c)
	c.Flags().BoolVar(&yes, "yes", false, "don't ask")
	c.Flags().BoolVar(&remove, "delete", false, "delete what is not in the file")
	return c
}

// checkPossible is the error that names what Route 53 never takes of a file, by its lines.
func checkPossible(z changes.Zone, current []changes.RecordSet, file *changes.File, remove bool) error {
	notes := changes.Impossible(z, current, file.Sets, remove)
	if len(notes) == 0 {
		return nil
	}
	var text strings.Builder
	for _, n := range notes {
		fmt.Fprintf(&text, "\n  %s: %s: %s", file.Place(&n.Set), nameOf(&n.Set), n.Reason)
	}
	return fmt.Errorf("nothing was changed: Route 53 never takes %d record sets of the file%s", len(notes), &text)
}

// printNotes prints what a file has that Route 53 can't have.
func printNotes(c console, notes []string) error {
	for _, n := range notes {
		_, err := fmt.Fprintf(c.out, "! %s\n", n)
		if err != nil {
			return err
		}
	}
	return nil
}
