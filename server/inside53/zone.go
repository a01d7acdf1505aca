package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"inside53/zonesource/changes"
	"inside53/zonesource/export"

	"github.com/spf13/cobra"
)

func newZone() *cobra.Command {
	c := &cobra.Command{
		Use:   "zone",
		Short: "List, show, create, delete and compare hosted zones",
		Long: `zone works on the hosted zones of Route 53, with the credentials, the region and the
endpoint of the SDK's environment. A zone is named by its id, or by its name; where several
zones have a name, --public, --private and --vpc say which is meant. Nothing is guessed: an
ambiguous name ends with exit code 2 and the list of ids. Escapes in names are octal, as AWS
prints them: \052 is *.`,
		RunE: needsSubcommand,
	}
	c.AddCommand(newZoneLs(), newZoneGet(), newZoneCreate(), newZoneDelete(), newZoneDiff())
	return c
}

// needsSubcommand is the body of a command that has subcommands only.
func needsSubcommand(c *cobra.Command, args []string) error {
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if len(args) > 0 {
		return fmt.Errorf("unknown command %q; there are %s", args[0], strings.Join(names, ", "))
	}
	return fmt.Errorf("no command; there are %s", strings.Join(names, ", "))
}

func newZoneLs() *cobra.Command {
	var where accountFlags
	var which zoneFlags
	var asJSON bool
	c := &cobra.Command{
		Use:     "ls [--public | --private] [--json]",
		Aliases: []string{"list"},
		Short:   "List the hosted zones",
		Example: "  inside53 zone ls --private",
		Args:    cobra.NoArgs,
		RunE: workOn(func(ctx context.Context, c console, _ []string) error {
			client, err := where.client(ctx)
			if err != nil {
				return err
			}
			all, err := client.Zones(ctx)
			if err != nil {
				return err
			}
			zones := []changes.Zone{}
			for _, z := range all {
				if !(z.Private && which.public) && !(!z.Private && which.private) {
					zones = append(zones, z)
				}
			}
			if asJSON {
				return c.printJSON(zones)
			}
			rows := [][]string{{"ID", "NAME", "VISIBILITY", "RECORDS", "COMMENT"}}
			for _, z := range zones {
				rows = append(rows, []string{z.ID, changes.ReadableName(z.Name), z.Kind(),
					fmt.Sprint(z.Records), cmp.Or(z.Comment, "-")})
			}
			return c.table(rows)
		}),
	}
	where.add(c)
	c.Flags().BoolVar(&which.public, "public", false, "public zones only")
	c.Flags().BoolVar(&which.private, "private", false, "private zones only")
	exclusive(c, "public", "private")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func newZoneGet() *cobra.Command {
	var where accountFlags
	var which zoneFlags
	var asJSON, usageToo bool
	var server serverFlags
	c := &cobra.Command{
		Use:   "get ZONE [NAME] [TYPE] [--public | --private] [--vpc ID] [--usage [--admin URL]] [--json]",
		Short: "Show a hosted zone with its records, or those of a name",
		Long: `get shows a hosted zone with its records, or those of one name in it, of all types or of one.

With --usage it asks a running server instead when its record sets, or those of one name in
it, were asked for last, about how often, and by which instances. "never since" is certain; a
time is exact to ten minutes, and may be that of another record set by chance; counts and
clients come from a sample.`,
		Example: "  inside53 zone get example.com --private\n  inside53 zone get example.com www A\n" +
			"  inside53 zone get example.com www.example.com --usage",
		Args: arguments(1, 3),
		RunE: workOn(func(ctx context.Context, c console, args []string) error {
			if usageToo {
				server.asJSON = asJSON
				if len(args) > 2 {
					return usage{errors.New("--usage shows all types of a NAME")}
				}
				return server.showUsage(ctx, c, args[0], strings.Join(args[1:], ""))
			}
			client, z, err := where.zone(ctx, &which, args[0])
			if err != nil {
				return err
			}
			if len(args) > 1 {
				return printName(ctx, c, client, z, args[1:], asJSON)
			}
			c.progress("reading %s", z)
			sets, err := client.Records(ctx, z)
			c.progress("")
			if err != nil {
				return err
			}
			return printZone(c, z, sets, asJSON)
		}),
	}
	where.add(c)
	which.add(c)
	c.Flags().BoolVar(&usageToo, "usage", false, "when a running server was asked last for each record set, and by whom")
	c.Flags().StringVar(&server.admin, "admin", defaultAdmin, "`URL` of the server's admin address, for --usage")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, the records as the AWS CLI does")
	return c
}

// printZoneJSON prints a zone and records of it, these as the AWS CLI does.
func printZoneJSON(c console, z changes.Zone, sets []changes.RecordSet) error {
	text, err := export.EncodeJSON(sets)
	if err != nil {
		return err
	}
	return c.printJSON(struct {
		Zone    changes.Zone    `json:"zone"`
		Records json.RawMessage `json:"records"`
	}{z, text})
}

func printZone(c console, z changes.Zone, sets []changes.RecordSet, asJSON bool) error {
	if asJSON {
		return printZoneJSON(c, z, sets)
	}
	rows := [][]string{{"id", z.ID}, {"name", changes.ReadableName(z.Name)}, {"visibility", z.Kind()}}
	if z.Comment != "" {
		rows = append(rows, []string{"comment", z.Comment})
	}
	for _, v := range z.VPCs {
		rows = append(rows, []string{"vpc", v.ID + " (" + v.Region + ")"})
	}
	for _, s := range z.Servers {
		rows = append(rows, []string{"server", s})
	}
	err := c.table(append(rows, []string{}))
	if err != nil {
		return err
	}
	return c.table(recordRows(sets))
}

// printName prints the record sets of a name, of all types or of one.
func printName(ctx context.Context, c console, client *changes.Client, z changes.Zone, nameAndType []string,
	asJSON bool,
) error {
	kind := ""
	if len(nameAndType) > 1 {
		kind = strings.ToUpper(nameAndType[1])
	}
	name, err := parseOwner(z, nameAndType[0], kind)
	if err != nil {
		return usage{err}
	}
	sets, err := client.RecordsAt(ctx, z, name)
	if err != nil {
		return err
	}
	if kind != "" {
		sets = slices.DeleteFunc(sets, func(r changes.RecordSet) bool { return string(r.Type) != kind })
	}
	if len(sets) == 0 {
		return fmt.Errorf("%s has no records %s", z, strings.TrimSpace(changes.ReadableName(name)+" "+kind))
	}
	if asJSON {
		return printZoneJSON(c, z, sets)
	}
	return c.table(recordRows(sets))
}

// recordRows are record sets as a table.
func recordRows(sets []changes.RecordSet) [][]string {
	rows := [][]string{{"NAME", "TTL", "TYPE", "VALUES", "ROUTING"}}
	for i := range sets {
		rows = append(rows, describe(&sets[i]))
	}
	return rows
}

func newZoneCreate() *cobra.Command {
	var where accountFlags
	var private, noWait, asJSON, yes bool
	var vpc, region, comment, reference string
	c := &cobra.Command{
		Use:   "create ZONE [--private --vpc ID [--vpc-region R]] [--comment TEXT] [--reference R] [--yes] [--no-wait]",
		Short: "Create a hosted zone",
		Long: `create makes a public hosted zone, or with --private and --vpc a private one that is
associated with that VPC. Where the account has a zone of that name already it asks before;
--yes answers.

Route 53 makes one zone of a reference: with --reference, running the same command again
finds the zone that it has made, and makes no second one.`,
		Example: "  inside53 zone create corp.example --private --vpc vpc-0a1b2c3d --vpc-region eu-west-1",
		Args:    arguments(1, 1),
		RunE: workOn(func(ctx context.Context, c console, args []string) error {
			n := changes.NewZone{Name: args[0], Comment: comment, Reference: reference}
			if private != (vpc != "") {
				return usage{errors.New("a private zone needs --private and --vpc, a public one neither")}
			}
			client, err := where.client(ctx)
			if err != nil {
				return err
			}
			if private {
				n.VPC = &changes.VPC{ID: vpc, Region: region}
				if region == "" {
					n.VPC.Region = client.Region()
				}
			}
			if !yes {
				err = confirmSecond(ctx, c, client, n)
				if err != nil {
					return err
				}
			}
			z, id, err := client.CreateZone(ctx, n)
			if err != nil {
				return err
			}
			if !noWait && id != "" {
				err = wait(ctx, c, client, []string{id})
				if err != nil {
					return fmt.Errorf("%s was created: %w", z, err)
				}
			}
			if asJSON {
				return c.printJSON(z)
			}
			done := "created"
			if id == "" {
				done = "there is already, of that reference, the"
			}
			_, err = fmt.Fprintf(c.out, "%s %s\n", done, z)
			for _, s := range z.Servers {
				_, _ = fmt.Fprintf(c.out, "server  %s\n", s)
			}
			return err
		}),
	}
	where.add(c)
	c.Flags().BoolVar(&private, "private", false, "a private zone")
	c.Flags().StringVar(&vpc, "vpc", "", "`id` of the VPC that a private zone is for")
	c.Flags().StringVar(&region, "vpc-region", "", "`region` of that VPC (default: that of the SDK)")
	c.Flags().StringVar(&comment, "comment", "", "`text` beside the zone")
	c.Flags().StringVar(&reference, "reference", "",
		"CallerReference: a `text` of which Route 53 makes one zone (default: random)")
	c.Flags().BoolVar(&yes, "yes", false, "don't ask")
	c.Flags().BoolVar(&noWait, "no-wait", false, "don't wait until all name servers of Route 53 have the zone")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// confirmSecond asks where there is a zone of that name, unless it is the one that is
// wanted.
func confirmSecond(ctx context.Context, c console, client *changes.Client, n changes.NewZone) error {
	there, err := client.Named(ctx, n.Name)
	if err != nil {
		return err
	}
	var others []string
	for _, z := range there {
		if n.Reference != "" && z.Reference == n.Reference {
			return nil
		}
		others = append(others, z.String())
	}
	if len(others) == 0 {
		return nil
	}
	return c.confirm(fmt.Sprintf("There is the %s already. Create another zone of that name?",
		strings.Join(others, " and the ")))
}

func newZoneDelete() *cobra.Command {
	var where accountFlags
	var which zoneFlags
	var yes, purge bool
	var how applyFlags
	c := &cobra.Command{
		Use:   "delete ZONE [--public | --private] [--vpc ID] [--purge] [--yes] [--no-wait] [--json]",
		Short: "Delete a hosted zone",
		Long: `delete deletes a hosted zone that has no records but the SOA and NS that Route 53 gave
it; with --purge it deletes all others first. It asks before; --yes answers.`,
		Example: "  inside53 zone delete old.example --purge",
		Args:    arguments(1, 1),
		RunE: workOn(func(ctx context.Context, c console, args []string) error {
			client, z, err := where.zone(ctx, &which, args[0])
			if err != nil {
				return err
			}
			return deleteZone(ctx, c, client, z, purge, yes, how)
		}),
	}
	where.add(c)
	which.add(c)
	c.Flags().BoolVar(&purge, "purge", false, "delete its records first")
	c.Flags().BoolVar(&yes, "yes", false, "don't ask")
	c.Flags().BoolVar(&how.noWait, "no-wait", false, "don't wait until the zone is gone everywhere")
	c.Flags().BoolVar(&how.asJSON, "json", false, "print JSON")
	how.comment.add(c)
	return c
}

func deleteZone(ctx context.Context, c console, client *changes.Client, z changes.Zone,
	purge, yes bool, how applyFlags,
) error {
	sets, err := client.Records(ctx, z)
	if err != nil {
		return err
	}
	p := changes.NewPlan(z, sets, nil, true)
	if len(p.Steps)+len(p.Notes) > 0 && !purge {
		return fmt.Errorf("%s has %d record sets besides its SOA and NS; --purge deletes them first", z,
			len(p.Steps)+len(p.Notes))
	}
	if purge && !how.asJSON {
		err = printPlan(c, p)
	}
	if err == nil && !yes {
		err = c.confirm(fmt.Sprintf("Delete %s?", z))
	}
	done := outcome{Zone: z, Changes: []string{}, Status: "PENDING"}
	if err == nil {
		err = sendPlan(ctx, c, client.Commented(how.comment.text), &done, p, how.asJSON)
	}
	if err != nil {
		return err
	}
	id, err := client.DeleteZone(ctx, z)
	if err != nil {
		return err
	}
	done.Changes = append(done.Changes, id)
	if !how.noWait {
		err = wait(ctx, c, client, []string{id})
		if err != nil {
			return fmt.Errorf("%s was deleted: %w", z, err)
		}
		done.Status = "INSYNC"
	}
	if how.asJSON {
		return c.printJSON(done)
	}
	_, err = fmt.Fprintf(c.out, "deleted %s\n", z)
	return err
}
