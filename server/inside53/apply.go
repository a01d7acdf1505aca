package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"inside53/zonesource/changes"
	"inside53/zonesource/export"

	"github.com/spf13/cobra"
)

// applyFlags say how changes are made.
type applyFlags struct {
	dryRun, noWait, asJSON bool
	comment                commentFlag

	warnings []string // what is most likely not meant, for programs
}

func (f *applyFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "print the change batches and send none")
	c.Flags().BoolVar(&f.noWait, "no-wait", false, "don't wait until all name servers of Route 53 have the change")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	f.comment.add(c)
}

// commentFlag is what stands at the batches of a command.
type commentFlag struct{ text string }

func (f *commentFlag) add(c *cobra.Command) {
	c.Flags().Var(f, "comment", "`text` at the change, which CloudTrail and GetChange show (default \"inside53\")")
}

// String implements pflag.Value.
func (f *commentFlag) String() string { return f.text }

// Type implements pflag.Value.
func (f *commentFlag) Type() string { return "text" }

// Set implements pflag.Value.
func (f *commentFlag) Set(text string) error {
	switch {
	case utf8.RuneCountInString(text) > changes.MaxComment:
		return fmt.Errorf("%d characters; AWS allows %d", utf8.RuneCountInString(text), changes.MaxComment)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return errors.New("a comment is one line of text")
	}
	f.text = text
	return nil
}

// outcome is what came of changes, for programs.
type outcome struct {
	Zone    changes.Zone      `json:"zone"`
	Changes []string          `json:"changes"` // ids of accepted batches
	Status  string            `json:"status"`  // INSYNC, PENDING, "dry run" or "nothing to do"
	Batches []json.RawMessage `json:"batches,omitempty"`
	// Warnings are what is most likely not meant.
	Warnings []string `json:"warnings,omitempty"`
	// Sets are what has become of each change, where not all of them were made.
	Sets []fate `json:"sets,omitempty"`
}

// fate is what has become of the change of one record set.
type fate struct {
	State string `json:"state"` // made, refused, "not known" or "not sent"
	Kind  string `json:"kind"`  // create, change or delete
	Name  string `json:"name"`
	Type  string `json:"type"`
	ID    string `json:"set_id,omitempty"`
}

// apply sends the changes of a plan in as few batches as there can be, one after the
// other, and waits until they have arrived everywhere.
func apply(ctx context.Context, c console, client *changes.Client, z changes.Zone, p changes.Plan, f applyFlags) error {
	batches, err := changes.Split(p.Units())
	if err != nil {
		return err
	}
	done := outcome{Zone: z, Changes: []string{}, Status: "nothing to do", Warnings: f.warnings}
	switch {
	case len(batches) == 0:
		return report(c, done, f)
	case f.dryRun:
		return printBatches(c, done, batches, f)
	}
	err = sendBatches(ctx, c, client.Commented(f.comment.text), &done, batches, f.asJSON)
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

// sendPlan sends the changes of a plan and waits for nothing. done gets the ids of the
// changes.
func sendPlan(ctx context.Context, c console, client *changes.Client, done *outcome,
	p changes.Plan, asJSON bool,
) error {
	batches, err := changes.Split(p.Units())
	if err != nil {
		return err
	}
	return sendBatches(ctx, c, client, done, batches, asJSON)
}

// sendBatches sends one batch after the other, as long as they are accepted. Where not all
// of several are, it prints of each record set whether it was changed.
func sendBatches(ctx context.Context, c console, client *changes.Client, done *outcome, batches []changes.Batch,
	asJSON bool,
) error {
	defer c.progress("")
	for i, b := range batches {
		c.progress("sending batch %d of %d", i+1, len(batches))
		id, err := client.Submit(ctx, done.Zone, b)
		if err == nil {
			done.Changes = append(done.Changes, id)
			continue
		}
		if len(batches) == 1 {
			return err
		}
		c.progress("")
		return errors.Join(printFates(c, done, batches, i, err, asJSON), fmt.Errorf("batch %d of %d: %w\n%s",
			i+1, len(batches), err, countFates(done.Sets)))
	}
	return nil
}

// printFates prints what has become of the record sets of batches of which the one at failed
// ended with an error.
func printFates(c console, done *outcome, batches []changes.Batch, failed int, err error, asJSON bool) error {
	done.Status = "failed"
	for i, b := range batches {
		state := "made"
		switch {
		case i > failed:
			state = "not sent"
		case i == failed && errors.Is(err, changes.ErrUnknown):
			state = "not known"
		case i == failed:
			state = "refused"
		}
		done.Sets = appendFates(done.Sets, state, b)
	}
	if asJSON {
		return c.printJSON(*done)
	}
	rows := make([][]string, 0, len(done.Sets))
	for _, f := range done.Sets {
		rows = append(rows, []string{f.State, f.Kind, f.Name, f.Type, f.ID})
	}
	return c.table(rows)
}

// appendFates appends the record sets of a batch: one that is deleted and created anew is
// one change.
func appendFates(to []fate, state string, b changes.Batch) []fate {
	first := len(to)
	kinds := map[changes.Action]string{changes.Create: "create", changes.Delete: "delete", changes.Upsert: "change"}
	for _, change := range b {
		set := &change.Set
		f := fate{state, kinds[change.Action], changes.ReadableName(textOf(set.Name)),
			string(set.Type), textOf(set.SetIdentifier)}
		same := func(o fate) bool { return o.Name == f.Name && o.Type == f.Type && o.ID == f.ID }
		i := slices.IndexFunc(to[first:], same)
		if i >= 0 {
			to[first+i].Kind = "change"
			continue
		}
		to = append(to, f)
	}
	return to
}

// countFates says how many record sets have which fate.
func countFates(all []fate) string {
	var parts []string
	for _, state := range []string{"made", "refused", "not known", "not sent"} {
		n := 0
		for _, f := range all {
			if f.State == state {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return "record sets: " + strings.Join(parts, ", ") + "; each of them is listed on standard output"
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
		text, err := export.EncodeJSON(b.Input(f.comment.text))
		if err != nil {
			return err
		}
		if f.asJSON {
			done.Batches = append(done.Batches, text)
			continue
		}
		cost := changes.CostOf(b)
		_, err = fmt.Fprintf(c.out, "batch %d of %d: %d changes, %d records, %d characters\n%s", i+1, len(batches), len(b),
			cost.Records, cost.Characters, text)
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
		_, err = fmt.Fprintf(c.out, "! left alone: %s: %s\n",
			strings.TrimSpace(strings.Join(describe(&n.Set), " ")), n.Reason)
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

// nameOf names a record set: its name, type and set identifier.
func nameOf(r *changes.RecordSet) string {
	text := changes.ReadableName(textOf(r.Name)) + " " + string(r.Type)
	if r.SetIdentifier != nil {
		text += fmt.Sprintf(" (%s)", *r.SetIdentifier)
	}
	return text
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
