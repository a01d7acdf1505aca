package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/past"
	"inside53/server/sources"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/changes"
	"inside53/zonesource/follow"
	"inside53/zonesource/ledger"
	"inside53/zonesource/rdata"
	"inside53/zonesource/recorder"

	"github.com/spf13/cobra"
)

func newFollow() *cobra.Command {
	var path string
	var dryRun, asJSON bool
	c := &cobra.Command{
		Use:   "follow ZONE --config F --dry-run [--json]",
		Short: "Show what a followed zone would change in Route 53",
		Long: `follow transfers a zone of the section follow from its master, and prints what the server would
change in the hosted zone for it, and what it would leave alone. The server does it, by itself, at
each NOTIFY; this changes nothing.

It ends with 0 where there is nothing to do, 1 where there is something, and 2 where that can't
be known. What the server has followed already is read from its state_dir, in a fleet from its store:
there the plan is the same wherever the command runs.`,
		Example: "  inside53 follow corp.example --config /etc/inside53/inside53.yaml --dry-run",
		Args:    arguments(1, 1),
		RunE: workOn(func(ctx context.Context, c console, args []string) error {
			if !dryRun {
				return usage{errors.New("the server follows by itself (inside53 serve); --dry-run shows what it would do")}
			}
			p, problems, err := previewFollow(ctx, path, args[0])
			var asked usage
			if errors.As(err, &asked) {
				return err
			}
			if err != nil {
				return undecided{err}
			}
			return printFollow(c, p, problems, asJSON)
		}),
	}
	configFlag(c, &path)
	c.Flags().BoolVar(&dryRun, "dry-run", false, "print the plan and change nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON: the change batch, as the AWS CLI takes it")
	return c
}

// previewFollow makes the plan of a followed zone of a configuration.
func previewFollow(ctx context.Context, path, name string) (changes.Plan, []zonesource.Problem, error) {
	var none changes.Plan
	conf, accounts, err := exportAccounts(ctx, path)
	if err != nil {
		return none, nil, err
	}
	apex, err := rdata.ParseMasterName(strings.ToLower(strings.TrimSuffix(name, ".")) + ".")
	if err != nil {
		return none, nil, usage{err}
	}
	o, there, err := sources.FollowOptions(conf, apex)
	if err == nil && !there {
		var known []string
		for _, f := range conf.Follow {
			known = append(known, string(f.Zone))
		}
		slices.Sort(known)
		err = usage{fmt.Errorf("the configuration doesn't follow %s; it follows %s", name, orNone(words(known)))}
	}
	if err != nil {
		return none, nil, err
	}
	err = ofFleet(ctx, conf, &o)
	if err != nil {
		return none, nil, fmt.Errorf("reading what the fleet has followed of %s: %w", zone.String(apex), err)
	}
	client, into, err := hostedZoneOf(ctx, accounts, o.Into)
	if err != nil {
		return none, nil, err
	}
	wire, err := rdata.ParseName(into.Name)
	if err != nil || !bytes.Equal(wire, apex) {
		return none, nil, fmt.Errorf("the %s has not the name %s", into, name)
	}
	return follow.Preview(ctx, o, client, into)
}

// ofFleet has a preview begin with what the fleet of a configuration has followed, whoever led it; nothing where
// there is no fleet, or no server of it has ever run.
func ofFleet(ctx context.Context, conf *config.Config, o *follow.Options) error {
	if conf.Fleet == nil {
		return nil
	}
	l, err := past.Ledger(ctx, conf)
	if err != nil {
		return err
	}
	v, err := l.Follow(ctx, nil)
	if errors.Is(err, ledger.ErrAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	read := func(key zonesource.Key) (func() *zonesource.Part, error) {
		if v.Parts[recorder.KeyText(key)].List == "" {
			return func() *zonesource.Part { return nil }, nil
		}
		p, err := recorder.Part(ctx, l, v, key)
		return func() *zonesource.Part { return &p }, err
	}
	o.Committed = func(context.Context) error { return nil } // nothing is made
	o.Saved, err = read(follow.PartKey(o.Master.Apex))
	if err == nil {
		o.Begun, err = read(follow.BegunKey(o.Master.Apex))
	}
	return err
}

// hostedZoneOf finds the account that has a hosted zone.
func hostedZoneOf(ctx context.Context, accounts []*awsclient.Account, id string) (*changes.Client, changes.Zone,
	error) {
	var faults []error
	for _, a := range accounts {
		client := changes.New(a, changes.Options{})
		z, err := client.Zone(ctx, id)
		if err == nil {
			return client, z, nil
		}
		faults = append(faults, err)
	}
	return nil, changes.Zone{}, errors.Join(faults...)
}

func printFollow(c console, p changes.Plan, problems []zonesource.Problem, asJSON bool) error {
	err := printDifferences(c, p, asJSON)
	if err == nil && !asJSON {
		err = printProblems(c, problems)
	}
	if err != nil {
		return undecided{err}
	}
	if len(p.Steps) > 0 {
		return failure{fmt.Errorf("there is something to do: %s", p.Summary())}
	}
	return nil
}
