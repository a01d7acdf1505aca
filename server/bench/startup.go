//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"inside53/server/bench/load"
)

// settle is how long a server has between its first answer and the look at its memory.
const settle = 1500 * time.Millisecond

// start is a way to start a server with 1,000,000 records.
type start struct {
	row         *row
	argv        func(site) ([]string, error)
	environment []string
	state       string // directory that stays between rounds; "": a new one each
}

// loadAll starts every server with 1,000,000 records, in turns.
func (c *comparison) loadAll(ctx context.Context) (outcome, error) {
	starts, err := c.ours(ctx, false)
	if err != nil {
		return outcome{}, err
	}
	for _, p := range c.found {
		if slices.Contains(p.works, bulk) {
			starts = append(starts, start{row: newStartRow(p.name, "last"),
				argv: func(s site) ([]string, error) { return p.argv(s, p.path) }})
		}
	}
	return c.rotate(ctx, starts)
}

func newStartRow(name, stream string) *row {
	return &row{name: name, stream: stream, rounds: make(map[int]load.Result), seconds: make(map[int]float64),
		spent: make(map[int]float64)}
}

// ours are the ways to start inside53: from a master file and from saved state and,
// where asked for, from that with 20 views.
func (c *comparison) ours(ctx context.Context, views bool) ([]start, error) {
	saved, err := savedState{c.program, c.dir, c.cpus.server, c.progress}.make(ctx)
	if err != nil {
		return nil, err
	}
	fromState := func(name, views string) start {
		return start{row: newStartRow(name, "many"), environment: saved.environment, state: saved.dir,
			argv: func(s site) ([]string, error) { return manyZones(s, c.program, views) }}
	}
	all := []start{
		{row: newStartRow(ourName+", master file", "last"),
			argv: func(s site) ([]string, error) { return plain(s, c.program) }},
		fromState(ourName+", saved state of 500 zones", ""),
	}
	if views {
		all = append(all, fromState(ourName+", the same and 20 views", twentyViews()))
	}
	for _, s := range all {
		s.row.ours = true
	}
	return all, nil
}

// rotate starts the servers in turns. A peer that can't be measured is named.
func (c *comparison) rotate(ctx context.Context, starts []start) (outcome, error) {
	o := outcome{work: bulk}
	for round := range c.rounds {
		for _, s := range starts {
			took, spent, use, err := c.loadOnce(ctx, s)
			if ctx.Err() != nil {
				return outcome{}, ctx.Err()
			}
			if err != nil && s.row.ours {
				return outcome{}, err
			}
			if err != nil {
				fmt.Fprintf(c.progress, "  %d %s: not measured: %v\n", round+1, s.row.name, err)
				continue
			}
			s.row.seconds[round], s.row.spent[round] = took.Seconds(), spent.Seconds()
			s.row.rounds[round] = load.Result{RSS: use.RSS, PeakRSS: use.PeakRSS, Processes: use.Processes}
			fmt.Fprintf(c.progress, "  %d %-40s %5.2f s  RSS %4d MiB, at most %4d MiB\n", round+1, s.row.name, took.Seconds(),
				use.RSS>>20, use.PeakRSS>>20)
		}
	}
	for _, s := range starts {
		if len(s.row.rounds) > 0 {
			o.rows = append(o.rows, s.row)
		}
	}
	return o, nil
}

// loadOnce returns the time from start to the first right answer, the processor time
// until then, and the memory a little later.
func (c *comparison) loadOnce(ctx context.Context, s start) (took, spent time.Duration, later load.Usage, err error) {
	at, err := c.siteOf(filepath.Base(s.row.name), bulk)
	if err != nil {
		return 0, 0, load.Usage{}, err
	}
	at.zoneFile = c.bigFile
	if s.state != "" {
		at.dir = s.state
	}
	argv, err := s.argv(at)
	if err != nil {
		return 0, 0, load.Usage{}, err
	}
	server, err := startChild(s.row.name, []int{c.cpus.server}, at.dir, s.environment, argv)
	if err != nil {
		return 0, 0, load.Usage{}, err
	}
	defer server.stop()
	err = server.awaitAnswer(ctx, loopback(at.port), firstOf(s.row.stream), patience)
	if err != nil {
		return 0, 0, load.Usage{}, err
	}
	took = time.Since(server.since)
	first, err := load.UsageOf(server.pid())
	if err != nil {
		return 0, 0, load.Usage{}, err
	}
	err = sleep(ctx, settle)
	if err != nil {
		return 0, 0, load.Usage{}, err
	}
	later, err = load.UsageOf(server.pid())
	return took, first.CPU, later, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
