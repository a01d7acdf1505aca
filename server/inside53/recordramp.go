package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"inside53/zonesource/changes"
	"inside53/zonesource/health"
	"inside53/zonesource/refresh"

	"github.com/spf13/cobra"
)

// rampFlags are the flags of record ramp.
type rampFlags struct {
	where       accountFlags
	which       zoneFlags
	to          string
	start, step int
	every       time.Duration
	below       threshold
	comment     commentFlag
	dryRun      bool
}

func newRecordRamp() *cobra.Command {
	f := &rampFlags{}
	c := &cobra.Command{
		Use: "ramp ZONE NAME --to SETID [--start 10] [--step 5] [--every 5m] [--stop-below SHARE|healthy] " +
			"[--dry-run]",
		Short: "Let a member of a weighted group in, step by step",
		Long: `ramp gives the member SETID of a weighted group --start percent of the answers, and --step
percent more each time --every has gone by, until it has all. The others keep their shares among
one another. All types of the name that SETID is in move together, each step in one batch.

While it waits it looks at the target's health: its health check, and the load balancer or health
check of an alias that evaluates its target's. It goes back to 0 percent, and ends with exit
code 1, when that is unhealthy, or with --stop-below 80% when less than that share of checkers or
targets find it healthy. What can't be asked for stops the ramp where it is until it can. A target
that has no health is let in without looking.

It can be interrupted at any time: the weights stay as they are then. The same command goes on
from the share that it finds, after one pause. Where somebody else changes the group it ends, with
exit code 1.`,
		Example: "  inside53 record ramp example.com api --to green --start 10 --step 5 --every 5m --stop-below 80%",
		Args:    arguments(2, 2),
		RunE: workOn(func(ctx context.Context, c console, args []string) error {
			ctx, stop := untilSignal(ctx)
			defer stop()
			return f.run(ctx, c, args[0], args[1])
		}),
	}
	f.where.add(c)
	f.which.add(c)
	c.Flags().StringVar(&f.to, "to", "", "set `identifier` of the member that is let in")
	c.Flags().IntVar(&f.start, "start", 10, "its share after the first step, in `percent`")
	c.Flags().IntVar(&f.step, "step", 5, "by how many `percent` it grows")
	c.Flags().DurationVar(&f.every, "every", 5*time.Minute, "the `time` between two steps")
	c.Flags().Var(&f.below, "stop-below", "go back when less than this `share` (80%) finds the target healthy, "+
		"or when it is not healthy (default healthy)")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "print the steps and send nothing")
	f.comment.add(c)
	required(c, "to")
	return c
}

// threshold is the health below which a ramp goes back; 0 is what Route 53 calls unhealthy.
type threshold struct {
	share float64
	given bool
}

// String implements pflag.Value.
func (t *threshold) String() string { return "" }

// Type implements pflag.Value.
func (t *threshold) Type() string { return "share" }

// Set implements pflag.Value.
func (t *threshold) Set(text string) error {
	t.given = true
	if text == "healthy" {
		t.share = 0
		return nil
	}
	number, percent := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(number, 64)
	if percent {
		share /= 100
	}
	if err != nil || !(share > 0 && share <= 1) {
		return errors.New("write a share from 0 to 1, like 80% or 0.8, or healthy")
	}
	t.share = share
	return nil
}

// isMet reports whether a health is good enough to go on.
func (t *threshold) isMet(s health.Sight) bool {
	if t.share == 0 {
		return s.Healthy
	}
	return s.Share >= t.share
}

func (f *rampFlags) check() error {
	switch {
	case f.start < 1 || f.start > 100:
		return fmt.Errorf("--start %d is not from 1 to 100", f.start)
	case f.step < 1 || f.step > 100:
		return fmt.Errorf("--step %d is not from 1 to 100", f.step)
	case f.every < 100*time.Millisecond:
		return fmt.Errorf("--every %s is less than 100ms", f.every)
	}
	return nil
}

func (f *rampFlags) run(ctx context.Context, c console, zoneText, name string) error {
	err := f.check()
	if err != nil {
		return usage{err}
	}
	account, err := f.where.chosen(ctx)
	if err != nil {
		return err
	}
	client := changes.New(account, changes.Options{Comment: f.comment.text})
	z, err := f.which.find(ctx, client, zoneText)
	if err != nil {
		return err
	}
	owner, err := recordOwner(z, name, true)
	if err != nil {
		return usage{err}
	}
	r := &ramp{console: c, flags: f, client: client, zone: z, owner: owner, looker: health.NewLooker(account)}
	group, err := r.read(ctx)
	if err != nil {
		return err
	}
	err = r.watch(ctx, group)
	if err != nil {
		return err
	}
	if f.dryRun {
		return r.print(group)
	}
	return r.climb(ctx, group)
}

// ramp is one run of the command.
type ramp struct {
	console
	flags  *rampFlags
	client *changes.Client
	zone   changes.Zone
	owner  string
	looker *health.Looker
	looks  []look
}

// look is one thing that the target's health depends on.
type look struct {
	what string
	see  func(context.Context) (health.Sight, error)
}

// read returns the weighted groups of the name that have the target.
func (r *ramp) read(ctx context.Context) (*rampGroup, error) {
	sets, err := r.client.RecordsAt(ctx, r.zone, r.owner)
	if err != nil {
		return nil, err
	}
	return newRampGroup(sets, changes.ReadableName(r.owner), r.flags.to)
}

// watch finds what the target's health depends on. A threshold that is given needs some.
func (r *ramp) watch(ctx context.Context, g *rampGroup) error {
	seen := map[string]bool{}
	for _, target := range g.targets() {
		err := r.watchSet(ctx, target, seen, true)
		if err != nil {
			return err
		}
	}
	if len(r.looks) == 0 && r.flags.below.given {
		return usage{fmt.Errorf("--stop-below: %s has no health check and is no alias that evaluates its target's health",
			r.flags.to)}
	}
	return nil
}

// watchSet adds what the health of a record set depends on. An alias inside the zone has that of
// its targets, of which one may be an alias again.
func (r *ramp) watchSet(ctx context.Context, set *changes.RecordSet, seen map[string]bool, follow bool) error {
	if id := textOf(set.HealthCheckId); id != "" && !seen[id] {
		seen[id] = true
		r.looks = append(r.looks, look{"health check " + id, func(ctx context.Context) (health.Sight, error) {
			return r.looker.Check(ctx, id)
		}})
	}
	t := set.AliasTarget
	if t == nil || !t.EvaluateTargetHealth {
		return nil
	}
	name := textOf(t.DNSName)
	if seen[name] {
		return nil
	}
	seen[name] = true
	if strings.TrimPrefix(textOf(t.HostedZoneId), "/hostedzone/") != r.zone.ID {
		r.looks = append(r.looks, look{changes.ReadableName(name), func(ctx context.Context) (health.Sight, error) {
			return r.looker.Balancer(ctx, name)
		}})
		return nil
	}
	if !follow {
		return nil
	}
	targets, err := r.client.RecordsAt(ctx, r.zone, changes.CanonicalName(name))
	if err != nil {
		return err
	}
	for i := range targets {
		if targets[i].Type != set.Type {
			continue
		}
		err = r.watchSet(ctx, &targets[i], seen, false)
		if err != nil {
			return err
		}
	}
	return nil
}

// print prints the steps that there would be.
func (r *ramp) print(g *rampGroup) error {
	for share := g.share(); share < 100; {
		share = r.next(share)
		err := r.say("%s at %d%%: weights %s", r.flags.to, share, g.at(share).weights())
		if err != nil {
			return err
		}
	}
	return r.say("dry run")
}

func (r *ramp) say(format string, args ...any) error {
	_, err := fmt.Fprintf(r.out, format+"\n", args...)
	return err
}

// next is the share after the next step.
func (r *ramp) next(share int) int {
	if share < r.flags.start {
		return r.flags.start
	}
	return min(100, share+r.flags.step)
}

// climb goes up step by step. original is how the group was found: all steps come of it, so
// that the others keep their shares among one another.
func (r *ramp) climb(ctx context.Context, original *rampGroup) error {
	now, aim := original, original.share() // whoever keeps some weight among many lets a share be less than its aim
	for wait := now.share() >= r.flags.start; now.share() < 100; wait = true {
		pause := time.Duration(0)
		if wait {
			pause = r.flags.every
			err := r.say("%s at %d%%; the next step is in %s", r.flags.to, now.share(), pause)
			if err != nil {
				return err
			}
		}
		unhealthy, err := r.hold(ctx, pause)
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted with %s at %d%%; the same command goes on from there", r.flags.to,
				now.share())
		}
		if err != nil {
			return err
		}
		if unhealthy != "" {
			return r.back(ctx, original, now, unhealthy)
		}
		aim = r.next(aim)
		next := original.at(aim)
		err = r.send(ctx, now, next)
		if err != nil {
			return err
		}
		now = next
	}
	return r.say("%s at %d%%", r.flags.to, now.share())
}

// back gives the target nothing.
func (r *ramp) back(ctx context.Context, original, now *rampGroup, why string) error {
	if now.share() == 0 {
		return fmt.Errorf("%s is not let in: %s", r.flags.to, why)
	}
	next := original.at(0)
	if original.share() == 0 {
		next = original
	}
	err := r.send(ctx, now, next)
	if err != nil {
		return fmt.Errorf("%s: it can't be taken back: %w", why, err)
	}
	return fmt.Errorf("%s went back from %d%% to 0%%: %s", r.flags.to, now.share(), why)
}

// send makes the group another one, where it is still as it was.
func (r *ramp) send(ctx context.Context, old, next *rampGroup) error {
	p := changes.PlanOf(r.zone, old.steps(next)...)
	done := outcome{Zone: r.zone}
	err := sendPlan(ctx, r.console, r.client, &done, p, false)
	var refused *changes.RefusedError
	if errors.As(err, &refused) && refused.Changed() {
		return fmt.Errorf("somebody else has changed %s meanwhile; look at it, and run the command again: %w",
			changes.ReadableName(r.owner), err)
	}
	return err
}

// looksPerStep is how often the health is asked for between two steps, not more often than each
// ten seconds but for short steps.
const looksPerStep = 10

// hold waits, and looks at the target's health at once, while it waits and at the end. What
// can't be asked for makes it wait on. It returns why the target is unhealthy.
func (r *ramp) hold(ctx context.Context, pause time.Duration) (unhealthy string, err error) {
	until := time.Now().Add(pause)
	between := min(max(pause, r.flags.every)/looksPerStep, 10*time.Second)
	said := false
	for {
		why, err := r.look(ctx)
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case errors.Is(err, health.ErrUnseen):
			return "", err
		case err != nil && !said:
			said = true
			_, _ = fmt.Fprintf(r.errors, "inside53: waiting at this step: %v\n", err) // nobody depends on it
		case why != "":
			return why, nil
		}
		left := time.Until(until)
		if err == nil && left <= 0 {
			return "", nil
		}
		if err == nil {
			left = min(left, between)
		} else {
			left = between
		}
		err = refresh.Pause(ctx, left)
		if err != nil {
			return "", err
		}
	}
}

// look returns why the target is not healthy enough; "" when it is.
func (r *ramp) look(ctx context.Context) (string, error) {
	for _, l := range r.looks {
		s, err := l.see(ctx)
		if err != nil {
			return "", err
		}
		if !r.flags.below.isMet(s) {
			return fmt.Sprintf("%s: %s (%d%%)", l.what, s.Why, int(math.Round(100*s.Share))), nil
		}
	}
	return "", nil
}
