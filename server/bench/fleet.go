//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// fleetRun is one run of 'bench fleet'.
type fleetRun struct {
	*fleetWorld
	mu       sync.Mutex // of rng, counts and the trace
	rng      *rand.Rand
	counts   map[string]int
	order    []string
	trace    trace
	progress io.Writer
	last     map[string]string // of shared names: what they had last, as far as is known
	failed   []error           // what the test couldn't do
	events   eventWay
	members  int
	started  time.Time
	replaced time.Duration // at the end one is replaced so often, in place of all else
	rollback bool
}

// runFleet tortures a fleet, and says whether it held its rules.
func runFleet(ctx context.Context, flags *flag.FlagSet, args []string, stdout, stderr io.Writer) error {
	r := &fleetRun{started: time.Now(), counts: map[string]int{}, last: map[string]string{}, progress: stderr}
	program := flags.String("inside53", "bin/inside53-fleettest", "our `program`, with a clock that may be wrong")
	gateway := flags.String("s3", "bin/tools/versitygw", "the `program` that is S3")
	length := flags.Duration("time", 90*time.Second, "for how `long`")
	seed := flags.Uint64("seed", uint64(time.Now().UnixNano()), "the `number` that chance follows from")
	keep := flags.String("keep", "", "the `directory` where logs and what was seen are left when rules were broken; else "+
		"one for what is temporary")
	flags.IntVar(&r.members, "members", 5, "how `many` servers")
	flags.DurationVar(&r.replaced, "replace", 5*time.Second, "at the end replace a server so `often`, and do nothing else")
	flags.BoolVar(&r.rollback, "rollback", true, "set head back, and empty the bucket")
	err := parse(flags, args)
	if err != nil {
		return err
	}
	r.rng = rand.New(rand.NewPCG(*seed, 53))
	fmt.Fprintf(stderr, "the same chance again: bin/bench fleet -seed %d -time %s\n", *seed, *length)
	var paths [2]string
	for i, name := range []string{*program, *gateway} {
		paths[i], err = filepath.Abs(name)
		if err == nil {
			_, err = os.Stat(paths[i])
		}
		if err != nil {
			return fmt.Errorf("finding %s (make build deps): %w", name, err)
		}
	}
	dir, err := os.MkdirTemp("", "inside53-fleet-")
	if err != nil {
		return err
	}
	began := time.Now()
	failed := r.torture(ctx, dir, paths[0], paths[1], *length)
	var faults []string
	if failed == nil {
		faults = r.trace.check()
	}
	r.table(stdout, *seed, time.Since(began), faults)
	if failed == nil && len(faults) > 0 {
		failed = fmt.Errorf("%d rules were broken", len(faults))
	}
	if len(faults) > 0 {
		return errors.Join(failed, r.leave(dir, *keep, stderr))
	}
	return errors.Join(failed, os.RemoveAll(dir))
}

// leave leaves the logs of the servers, the store, and what was seen.
func (r *fleetRun) leave(dir, keep string, stderr io.Writer) error {
	text, err := json.Marshal(&r.trace)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "trace.json"), text, 0o600)
	}
	if err == nil && keep != "" {
		err = os.Rename(dir, keep)
		dir = keep
	}
	fmt.Fprintf(stderr, "what was seen, the store and the logs of the servers: %s\n", dir)
	return err
}

// torture runs the fleet, and gathers the trace.
func (r *fleetRun) torture(ctx context.Context, dir, program, gateway string, length time.Duration) error {
	var err error
	r.fleetWorld, err = newFleetWorld(ctx, dir, program, gateway)
	if r.fleetWorld != nil {
		defer r.fleetWorld.close()
	}
	if err != nil {
		return err
	}
	for n := range r.members {
		err = r.add(n+1, r.random)
		if err != nil {
			return err
		}
	}
	for _, s := range r.all {
		err = s.run()
		if err != nil {
			return err
		}
	}
	for _, s := range r.all {
		err = s.awaitReady(ctx)
		if err != nil {
			return err
		}
	}
	running, stop := context.WithTimeout(ctx, length)
	defer stop()
	var load sync.WaitGroup
	for n := range fleetUpdaters {
		load.Go(func() { r.update(running, n) })
	}
	for n := range fleetSwappers {
		load.Go(func() { r.swap(running, n) })
	}
	for n := range fleetChangers {
		load.Go(func() { r.change(running, n) })
	}
	load.Go(func() { r.switchEvents(running) })
	load.Go(func() { r.watchStore(running) })
	for _, s := range r.all {
		load.Go(func() { r.lookUp(running, s) })
		load.Go(func() { r.follow(running, s) })
		load.Go(func() { r.listen(running, s) })
	}
	err = r.harmAll(running, length)
	load.Wait()
	err = errors.Join(append(r.failed, err, ctx.Err())...)
	if err != nil {
		return err
	}
	return r.finish(ctx)
}

// random draws a number below n.
func (r *fleetRun) random(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.IntN(n)
}

// between draws a time.
func (r *fleetRun) between(from, to time.Duration) time.Duration {
	return from + time.Duration(r.random(int((to-from)/time.Millisecond)))*time.Millisecond
}

// note notes what was done, and to whom.
func (r *fleetRun) note(what string, to ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts[what] == 0 {
		r.order = append(r.order, what)
	}
	r.counts[what]++
	if what != lookedUp {
		r.trace.Noted = append(r.trace.Noted, noted{what, to, time.Since(r.started)})
	}
}

// replacing is for how long at the end servers are replaced; of a short run it is a third.
const replacing = 25 * time.Second

// harmAll harms until ctx ends, and mends what is left then.
func (r *fleetRun) harmAll(ctx context.Context, length time.Duration) error {
	var under sync.WaitGroup
	defer under.Wait()
	until := time.Now().Add(length - min(replacing, length/3))
	harming, stop := context.WithDeadline(ctx, until)
	defer stop()
	for ctx.Err() == nil {
		replaces := r.replaced > 0 && time.Now().After(until)
		pause := r.between(400*time.Millisecond, 2*time.Second)
		if replaces {
			pause = r.replaced
		}
		if sleep(ctx, pause) != nil {
			return nil
		}
		s := r.all[r.random(len(r.all))]
		if replaces {
			err := r.restart(ctx, s)
			if err != nil {
				return err
			}
			continue
		}
		if steady, _ := s.steady(time.Now()); !steady {
			continue
		}
		err := r.harm(harming, s, &under)
		if err != nil && harming.Err() == nil { // else its time was over while it was done
			return err
		}
	}
	return nil
}

// restart replaces a process by a new one.
func (r *fleetRun) restart(ctx context.Context, s *fleetServer) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	r.note("killed, and started again", s.name)
	s.link.set(func(l *link) { l.left = 0 })
	s.kill()
	err := s.run()
	if err != nil {
		return err
	}
	err = s.awaitReady(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// table prints what was done and found.
func (r *fleetRun) table(w io.Writer, seed uint64, took time.Duration, faults []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	acked, unsure, repeated := 0, 0, 0
	for _, u := range r.trace.Updates {
		switch {
		case u.Acked:
			acked++
		default:
			unsure++
		}
		if u.Again != "" {
			repeated++
		}
	}
	last := seenHead{}
	if len(r.trace.Heads) > 0 {
		last = r.trace.Heads[len(r.trace.Heads)-1]
	}
	fmt.Fprintf(w, "fleet of %d, seed %d, %s\n", r.members, seed, took.Round(time.Second))
	for _, what := range r.order {
		fmt.Fprintf(w, "  %-28s %6d\n", what, r.counts[what])
	}
	fmt.Fprintf(w, "  %-28s %6d\n  %-28s %6d\n  %-28s %6d\n", "updates acknowledged", acked, "not acknowledged", unsure,
		"sent again elsewhere", repeated)
	fmt.Fprintf(w, "  %-28s %6d\n", "compared and swapped", len(r.trace.Swaps))
	if r.fleetWorld != nil {
		_, events := r.sim.Events()
		fmt.Fprintf(w, "  %-28s %6d\n  %-28s %6d\n  %-28s %6d\n  %-28s %6d\n", "changes in AWS", len(r.trace.Changes),
			"events sent", events.Sent, "events lost", events.Lost, "events twice", events.Doubled)
		fmt.Fprintf(w, "  %-28s %6d\n", "commits by events", r.trace.ByEvents)
	}
	fmt.Fprintf(w, "  %-28s %6d\n  %-28s %6d\n", "versions", last.Version, "epochs", last.Epoch)
	fmt.Fprintf(w, "  %-28s %6d\n", "rules broken", len(faults))
	for i, f := range faults {
		if i == 40 {
			fmt.Fprintf(w, "    and %d more\n", len(faults)-i)
			break
		}
		fmt.Fprintf(w, "    %s\n", f)
	}
}
