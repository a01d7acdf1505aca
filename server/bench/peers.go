//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"inside53/resolver/freeport"
	"inside53/server/bench/dataset"
)

// comparison is one run of 'bench peers'.
type comparison struct {
	rounds    int
	rate      float64 // queries a second; 0 is as fast as they are answered
	warm      time.Duration
	measure   time.Duration
	works     []workload
	dir       string // temporary
	program   string // inside53
	self      string
	cpus      processors
	generator generator
	progress  io.Writer
	zoneFile  string
	bigFile   string
	found     []installed
	missing   []peer
}

// installed is a peer that is here.
type installed struct {
	peer
	path string
}

func runPeers(ctx context.Context, flags *flag.FlagSet, args []string, stdout, stderr io.Writer) error {
	c := &comparison{progress: stderr}
	flags.IntVar(&c.rounds, "rounds", 5, "how `often` each server is measured")
	flags.DurationVar(&c.measure, "measure", 1500*time.Millisecond, "how `long` a measurement is")
	flags.DurationVar(&c.warm, "warm", 400*time.Millisecond, "how `long` is asked before it")
	flags.Float64Var(&c.rate, "rate", 0, "queries `a second`, to see latencies; 0 asks as fast as is answered")
	program := flags.String("inside53", "bin/inside53", "our `program`")
	works := flags.String("works", joined(workloads), "which `workloads`, with commas")
	before := flags.String("before", "", "another build of our `program`, measured like a peer")
	which := flags.String("peers", programs(), "which `peers` to look for, with commas; an empty list is none")
	chart := flags.String("chart", "", "`file` for the chart (SVG)")
	table := flags.String("table", "", "`file` for the table (Markdown)")
	err := parse(flags, args)
	if err != nil {
		return err
	}
	if c.rounds < 1 {
		return fmt.Errorf("-rounds %d: at least one is needed", c.rounds)
	}
	c.works, err = parseWorkloads(*works)
	if err != nil {
		return err
	}
	err = c.findPeers(*which, *before)
	if err != nil {
		return err
	}
	err = c.prepare(*program)
	if err != nil {
		return err
	}
	defer os.RemoveAll(c.dir)
	var all []outcome
	for _, w := range c.works {
		o, err := c.run(ctx, w)
		if err != nil {
			return fmt.Errorf("measuring %s: %w", w, err)
		}
		all = append(all, o)
	}
	report := c.report(all)
	_, err = io.WriteString(stdout, report)
	if err == nil && *table != "" {
		err = os.WriteFile(*table, []byte(report), 0o644)
	}
	if err == nil && *chart != "" {
		err = os.WriteFile(*chart, drawChart(all), 0o644)
	}
	return err
}

func joined(works []workload) string {
	var names []string
	for _, w := range works {
		names = append(names, strings.ToLower(string(w)))
	}
	return strings.Join(names, ",")
}

func parseWorkloads(text string) ([]workload, error) {
	var works []workload
	for name := range strings.SplitSeq(text, ",") {
		w := workload(strings.ToUpper(strings.TrimSpace(name)))
		if !slices.Contains(workloads, w) {
			return nil, fmt.Errorf("-works: no workload is called %q; there are %s", name, joined(workloads))
		}
		works = append(works, w)
	}
	return works, nil
}

// programs lists the programs of all peers.
func programs() string {
	var names []string
	for _, p := range peers {
		names = append(names, p.program)
	}
	return strings.Join(names, ",")
}

// findPeers looks for the wanted ones on PATH, and where Debian puts daemons.
func (c *comparison) findPeers(wanted, before string) error {
	if before != "" {
		path, err := filepath.Abs(before)
		if err != nil {
			return err
		}
		earlier := peer{name: ourName + " before", works: workloads, version: "version", argv: plain}
		c.found = append(c.found, installed{earlier, path})
	}
	names := strings.FieldsFunc(wanted, func(r rune) bool { return r == ',' })
	for _, p := range peers {
		if !slices.Contains(names, p.program) {
			continue
		}
		names = slices.DeleteFunc(names, func(n string) bool { return n == p.program })
		path, err := exec.LookPath(p.program)
		for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
			if err != nil {
				path, err = exec.LookPath(filepath.Join(dir, p.program))
			}
		}
		if err != nil {
			c.missing = append(c.missing, p)
			fmt.Fprintf(c.progress, "%s: not measured, no %s on PATH; to install it: %s\n", p.name, p.program, p.install)
			continue
		}
		c.found = append(c.found, installed{p, path})
	}
	if len(names) > 0 {
		return fmt.Errorf("-peers: no peer is called %q; there are %s", names[0], programs())
	}
	return nil
}

// prepare finds the processors and the programs, and makes the zone files.
func (c *comparison) prepare(program string) error {
	var err error
	c.program, err = filepath.Abs(program)
	if err == nil {
		_, err = os.Stat(c.program)
	}
	if err != nil {
		return fmt.Errorf("finding inside53 (make build): %w", err)
	}
	c.self, err = os.Executable()
	if err != nil {
		return err
	}
	c.cpus, err = findProcessors()
	if err != nil {
		return err
	}
	c.generator = generator{c.self, []int{c.cpus.rest}}
	c.dir, err = os.MkdirTemp("", "inside53-bench-")
	if err != nil {
		return err
	}
	c.zoneFile, c.bigFile = filepath.Join(c.dir, "bench.zone"), filepath.Join(c.dir, "big.zone")
	err = dataset.WriteZoneFile(c.zoneFile, dataset.Hosts, dataset.CNAMEs)
	if err == nil && slices.Contains(c.works, bulk) {
		err = dataset.WriteZoneFile(c.bigFile, dataset.Million, 0)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(c.dir))
	}
	return nil
}

// run measures one workload.
func (c *comparison) run(ctx context.Context, w workload) (outcome, error) {
	fmt.Fprintf(c.progress, "%s\n", w)
	if w == bulk {
		return c.loadAll(ctx)
	}
	return c.askAll(ctx, w)
}

// siteOf makes the directory of a server.
func (c *comparison) siteOf(name string, w workload) (site, error) {
	dir, err := os.MkdirTemp(c.dir, strings.ToLower(strings.ReplaceAll(name, " ", "-"))+"-")
	if err != nil {
		return site{}, err
	}
	err = os.Mkdir(filepath.Join(dir, "db"), 0o755)
	if err != nil {
		return site{}, err
	}
	port, err := freeport.Find()
	return site{work: w, dir: dir, port: port, zoneFile: c.zoneFile}, err
}
