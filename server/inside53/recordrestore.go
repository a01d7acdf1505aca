package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"inside53/zonesource/changes"

	"github.com/spf13/cobra"
)

func newRecordRestore() *cobra.Command {
	var where accountFlags
	var which zoneFlags
	var how applyFlags
	var at string
	var yes bool
	c := &cobra.Command{
		Use:   "restore ZONE NAME [TYPE] --at T --config F [--dry-run] [--yes]",
		Short: "Put back what a name was",
		Long: `restore reads from the ledger of a server, in the state_dir of its configuration, what a name
was at T, prints what it would create, change and delete, and does it in one batch: where
somebody else changed the name meanwhile, AWS refuses, and nothing is lost. Without TYPE it is
all types of the name. It asks where a key of updates owns the name: whoever has the key may
change it back. T is RFC 3339, a date, or how long ago: 2h, 3d.`,
		Example: "  inside53 record restore example.com www A --at 2h --config /etc/inside53/inside53.yaml",
		Args:    arguments(2, 3),
		RunE: workOn(func(ctx context.Context, c console, args []string) error {
			client, z, err := where.zone(ctx, &which, args[0])
			if err != nil {
				return err
			}
			kind := ""
			if len(args) > 2 {
				kind = args[2]
			}
			name, err := parseOwner(z, args[1], kind)
			if err != nil {
				return usage{err}
			}
			past, err := readPast(ctx, where.config, at, z.ID)
			if err != nil {
				return err
			}
			current, err := client.RecordsAt(ctx, z, name)
			if err != nil {
				return err
			}
			p, notes := past.restore(z, current, name, strings.ToUpper(kind))
			how.warnings = notes
			if !how.asJSON {
				_, err = fmt.Fprintf(c.out, "%s as it was at %s\n", changes.ReadableName(name),
					past.from.UTC().Format(time.RFC3339))
				err = errors.Join(err, printNotes(c, notes), printPlan(c, p))
			}
			if err != nil || len(p.Steps) == 0 && !how.asJSON {
				return err
			}
			keys, err := where.owners(z, name)
			if err == nil && len(keys) > 0 && !yes && !how.dryRun {
				err = c.confirm(fmt.Sprintf("%s is owned by the keys %s of updates. Restore it all the same?",
					changes.ReadableName(name), strings.Join(keys, ", ")))
			}
			if err != nil {
				return err
			}
			return apply(ctx, c, client, z, p, how)
		}),
	}
	where.add(c)
	which.add(c)
	how.add(c)
	c.Flags().StringVar(&at, "at", "", "the `time` it is put back to")
	required(c, "at")
	c.Flags().BoolVar(&yes, "yes", false, "don't ask")
	return c
}

// parseOwner returns the API's form of a name, and checks a type, "" for all.
func parseOwner(z changes.Zone, name, kind string) (string, error) {
	if kind == "" {
		return recordOwner(z, name, true)
	}
	at, err := parseRecordName(z, name, kind)
	return at.name, err
}

// restore is the plan that makes a name what it was. The SOA and NS records of the apex are
// Route 53's own.
func (z *zoneAt) restore(of changes.Zone, current []changes.RecordSet, name, kind string) (changes.Plan, []string) {
	all, notes := z.wanted(current)
	meant := func(r *changes.RecordSet) bool {
		return changes.CanonicalName(textOf(r.Name)) == changes.CanonicalName(name) && (kind == "" || string(r.Type) == kind)
	}
	other := func(r changes.RecordSet) bool { return !meant(&r) }
	current = slices.DeleteFunc(slices.Clone(current), other)
	all = slices.DeleteFunc(all, other)
	notes = slices.DeleteFunc(notes, func(n string) bool { return !strings.HasPrefix(n, changes.ReadableName(name)+" ") })
	return changes.NewPlan(of, current, all, true), notes
}

// owners are the keys of the configuration that may update a name.
func (f *accountFlags) owners(z changes.Zone, name string) ([]string, error) {
	conf, err := loadConfig(f.config)
	if err != nil {
		return nil, err
	}
	return owners(conf, z, name), nil
}
