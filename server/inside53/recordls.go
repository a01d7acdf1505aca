package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"inside53/zonesource/changes"
	"inside53/zonesource/export"

	"github.com/spf13/cobra"
)

func newRecordLs() *cobra.Command {
	var where accountFlags
	var which zoneFlags
	var asJSON bool
	c := &cobra.Command{
		Use:     "ls ZONE [NAME] [TYPE] [--json]",
		Aliases: []string{"list"},
		Short:   "List the record sets of a zone, a name or a type",
		Long: `ls lists what Route 53 has: all record sets of a zone, those of a name, or the one of a name
and type with all its members. It fails where a name that is given has none.`,
		Example: "  inside53 record ls example.com\n  inside53 record ls example.com www A --public",
		Args:    arguments(1, 3),
		RunE: workOn(func(ctx context.Context, c console, args []string) error {
			client, z, err := where.zone(ctx, &which, args[0])
			if err != nil {
				return err
			}
			sets, err := recordsOf(ctx, client, z, args[1:])
			if err != nil {
				return err
			}
			return printRecords(c, sets, asJSON)
		}),
	}
	where.add(c)
	which.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, as the AWS CLI does")
	return c
}

// recordsOf are the record sets of a zone, of a name, or of a name and type.
func recordsOf(ctx context.Context, client *changes.Client, z changes.Zone, of []string) ([]changes.RecordSet, error) {
	if len(of) == 0 {
		return client.Records(ctx, z)
	}
	kind := ""
	if len(of) > 1 {
		kind = strings.ToUpper(of[1])
	}
	name, err := parseOwner(z, of[0], kind)
	if err != nil {
		return nil, usage{err}
	}
	sets, err := client.RecordsAt(ctx, z, name)
	if err != nil {
		return nil, err
	}
	sets = slices.DeleteFunc(sets, func(r changes.RecordSet) bool { return kind != "" && string(r.Type) != kind })
	if len(sets) == 0 {
		return nil, fmt.Errorf("%w: %s", errNoRecord, strings.TrimSpace(changes.ReadableName(name)+" "+kind))
	}
	return sets, nil
}

func printRecords(c console, sets []changes.RecordSet, asJSON bool) error {
	if asJSON {
		text, err := export.EncodeJSON(sets)
		if err != nil {
			return err
		}
		return c.printJSON(json.RawMessage(text))
	}
	return c.table(recordRows(sets))
}
