package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"inside53/zonesource/changes"
	"inside53/zonesource/export"

	"github.com/spf13/cobra"
)

// applyFlags say how changes are made.
type applyFlags struct {
	dryRun, noWait, asJSON bool
}

func (f *applyFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "print the change batches and send none")
	c.Flags().BoolVar(&f.noWait, "no-wait", false, "don't wait until all name servers of Route 53 have the change")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
}

// outcome is what came of changes, for programs.
type outcome struct {
	Zone    changes.Zone      `json:"zone"`
	Changes []string          `json:"changes"` // ids of accepted batches
	Status  string            `json:"status"`  // INSYNC, PENDING, "dry run" or "nothing to do"
	Batches []json.RawMessage `json:"batches,omitempty"`
}

// apply sends the changes of a plan in as few batches as there can be, one after the
// other, and waits until they have arrived everywhere.
func apply(ctx context.Context, c console, client *changes.Client, z changes.Zone, p changes.Plan, f applyFlags) error {
	batches, err := changes.Split(p.Units())
	if err != nil {
		return err
	}
	done := outcome{Zone: z, Changes: []string{}, Status: "nothing to do"}
	switch {
	case len(batches) == 0:
		return report(c, done, f)
	case f.dryRun:
		return printBatches(c, done, batches, f)
	}
	done.Changes, err = sendBatches(ctx, c, client, z, batches)
	if err != nil {
		return err
	}
	done.Status = "PENDING"
	if !f.noWait {
		err = wait(ctx, c, client, done.Changes)
		if err != nil {
			return err
		}
		done.Status = "INSYNC"
	}
	c.progress("")
	return report(c, done, f)
}

// sendPlan sends the changes of a plan, waits for nothing, and returns the ids of the changes.
func sendPlan(ctx context.Context, c console, client *changes.Client, z changes.Zone, p changes.Plan) ([]string, error) {
	batches, err := changes.Split(p.Units())
	if err != nil {
		return nil, err
	}
	return sendBatches(ctx, c, client, z, batches)
}

func sendBatches(ctx context.Context, c console, client *changes.Client, z changes.Zone, batches []changes.Batch) ([]string, error) {
	defer c.progress("")
	ids := []string{}
	for i, b := range batches {
		c.progress("sending batch %d of %d", i+1, len(batches))
		id, err := client.Submit(ctx, z, b)
		if err != nil {
			if i > 0 {
				err = fmt.Errorf("%w\n%d of %d batches had been accepted before; the others were not sent", err, i, len(batches))
			}
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// wait waits for changes, with progress on a terminal.
func wait(ctx context.Context, c console, client *changes.Client, ids []string) error {
	c.progress("waiting for INSYNC")
	err := client.Wait(ctx, ids, func(arrived, all int) {
		c.progress("waiting for INSYNC: %d of %d changes", arrived, all)
	})
	c.progress("")
	return err
}

func report(c console, done outcome, f applyFlags) error {
	if f.asJSON {
		return c.printJSON(done)
	}
	text := done.Status
	ids := strings.Join(done.Changes, ", ")
	if strings.Trim(ids, ", ") != "" {
		text += " (" + ids + ")"
	}
	_, err := fmt.Fprintln(c.out, text)
	return err
}

// printBatches prints what would be sent, as `aws route53 change-resource-record-sets`
// takes it.
func printBatches(c console, done outcome, batches []changes.Batch, f applyFlags) error {
	done.Status = "dry run"
	for i, b := range batches {
		text, err := export.EncodeJSON(b.Input(""))
		if err != nil {
			return err
		}
		if f.asJSON {
			done.Batches = append(done.Batches, text)
			continue
		}
		cost := changes.CostOf(b)
		_, err = fmt.Fprintf(c.out, "batch %d of %d: %d changes, %d records, %d characters\n%s", i+1, len(batches), len(b), cost.Records, cost.Characters, text)
		if err != nil {
			return err
		}
	}
	return report(c, done, f)
}

// printPlan prints what would change, a line a record set, and what stays.
func printPlan(c console, p changes.Plan) error {
	err := printSteps(c, p)
	if err != nil {
		return err
	}
	for _, n := range p.Notes {
		_, err = fmt.Fprintf(c.out, "! left alone: %s: %s\n", strings.TrimSpace(strings.Join(describe(&n.Set), " ")), n.Reason)
		if err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(c.out, "%s; %d as wanted already, %d others stay\n", p.Summary(), p.Same, p.Other)
	return err
}

// printSteps prints what would change, a line a record set.
func printSteps(c console, p changes.Plan) error {
	rows := make([][]string, 0, len(p.Steps))
	for _, s := range p.Steps {
		if s.Kind() == "change" {
			rows = append(rows, append([]string{"- change"}, describe(s.Old)...))
			rows = append(rows, append([]string{"+"}, describe(s.New)...))
			continue
		}
		sign := map[string]string{"create": "+ create", "delete": "- delete"}[s.Kind()]
		rows = append(rows, append([]string{sign}, describe(s.Set())...))
	}
	return c.table(rows)
}

// describe is a record set as columns. The routing is the last: it is long where there is
// one, and would push all values away.
func describe(r *changes.RecordSet) []string {
	ttl, values := "-", make([]string, 0, len(r.ResourceRecords))
	if r.TTL != nil {
		ttl = fmt.Sprint(*r.TTL)
	}
	for _, v := range r.ResourceRecords {
		if v.Value != nil {
			values = append(values, *v.Value)
		}
	}
	text := strings.Join(values, ", ")
	if t := r.AliasTarget; t != nil {
		text = "alias " + changes.ReadableName(textOf(t.DNSName)) + " (" + textOf(t.HostedZoneId) + ")"
		if t.EvaluateTargetHealth {
			text += " with its health"
		}
	}
	return []string{changes.ReadableName(textOf(r.Name)), ttl, string(r.Type), text, changes.Extension(r)}
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
