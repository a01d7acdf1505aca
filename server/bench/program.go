//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"inside53/server/bench/load"
)

// report is one run of 'bench program'.
type report struct {
	*comparison
	b strings.Builder
}

// runProgram measures what the program alone does.
func runProgram(ctx context.Context, flags *flag.FlagSet, args []string, stdout, stderr io.Writer) error {
	p := &report{comparison: &comparison{progress: stderr, works: []workload{bulk}}}
	flags.IntVar(&p.rounds, "rounds", 3, "how `often` it is started with each kind of data")
	only := flags.String("only", strings.Join(programSteps, ","), "which `steps`, with commas")
	path := flags.String("inside53", "bin/inside53", "our `program`")
	err := parse(flags, args)
	if err != nil {
		return err
	}
	if p.rounds < 1 {
		return fmt.Errorf("-rounds %d: at least one is needed", p.rounds)
	}
	steps, err := p.steps(*only)
	if err != nil {
		return err
	}
	err = p.prepare(*path)
	if err != nil {
		return err
	}
	defer os.RemoveAll(p.dir)
	fmt.Fprintf(&p.b, "%s, %s\n", time.Now().UTC().Format(time.DateOnly), machine())
	for _, step := range steps {
		err = step(ctx)
		if err != nil {
			return err
		}
	}
	_, err = io.WriteString(stdout, p.b.String())
	return err
}

// programSteps are what 'bench program' does, in this order.
var programSteps = []string{"startup", "changes", "collector", "overload", "cores"}

// steps returns those that are named.
func (p *report) steps(names string) ([]func(context.Context) error, error) {
	all := []func(context.Context) error{p.startup, p.changed, p.collector, p.overload, p.cores}
	var steps []func(context.Context) error
	for name := range strings.SplitSeq(names, ",") {
		i := slices.Index(programSteps, strings.TrimSpace(name))
		if i < 0 {
			return nil, fmt.Errorf("-only: no step is called %q; there are %s", name, strings.Join(programSteps, ","))
		}
		steps = append(steps, all[i])
	}
	return steps, nil
}

// startup is how fast it answers from 1,000,000 records, and what memory they take.
func (p *report) startup(ctx context.Context) error {
	fmt.Fprintln(p.progress, "starting with 1,000,000 records")
	starts, err := p.ours(ctx, true)
	if err != nil {
		return err
	}
	o, err := p.rotate(ctx, starts)
	if err != nil {
		return err
	}
	o.startTable(&p.b)
	return nil
}

// changed is what a change costs, from its delivery to the answer.
func (p *report) changed(ctx context.Context) error {
	fmt.Fprintln(p.progress, "changing records")
	p.b.WriteString("\n### Changes, from delivered to served\n\n| change | ms |\n| --- | ---: |\n")
	for _, n := range []int{1_000, 10_000, 1_000_000} {
		c, err := measureChanges(ctx, n, 20, n == 10_000)
		if err != nil {
			return fmt.Errorf("changing a zone of %d: %w", n, err)
		}
		if n == 10_000 {
			fmt.Fprintf(&p.b, "| a zone of %d listed anew, compared and published | %s |\n", n, c.listing)
		} else {
			fmt.Fprintf(&p.b, "| one record of %d | %s |\n", n, c.one)
		}
	}
	p.b.WriteString("\nIn each are the 5 ms in which the keeper waits for more.\n")
	return nil
}

// churn is how the collector is seen at work.
const (
	churnRate  = 20_000 // queries a second
	churnTime  = 30 * time.Second
	churnZones = 10          // of 10,000 records each
	churnPause = time.Second // between two versions of each
)

// collector is what the garbage collector does to a server of 1,000,000 records that
// is asked at a constant rate while zones of 10,000 records change all the time.
func (p *report) collector(ctx context.Context) error {
	fmt.Fprintln(p.progress, "watching the collector")
	at, err := p.siteOf("collector", bulk)
	if err != nil {
		return err
	}
	zones, err := newChangingZones(at)
	if err != nil {
		return err
	}
	argv, err := inside53(at, p.program, zones.sections(p.bigFile))
	if err != nil {
		return err
	}
	server, err := startChild(ourName, []int{p.cpus.server}, at.dir, []string{"GODEBUG=gctrace=1"}, argv)
	if err != nil {
		return err
	}
	defer server.stop()
	err = server.awaitAnswer(ctx, loopback(at.port), firstOf("last"), patience)
	if err != nil {
		return err
	}
	loaded := time.Since(server.since)
	changing, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- zones.change(changing) }()
	result, err := p.generator.generate(ctx, "-server", loopback(at.port).String(), "-stream", "million", "-rate",
		fmt.Sprint(churnRate),
		"-measure", churnTime.String(), "-process", fmt.Sprint(server.pid()))
	stop()
	failed := <-ended
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	return p.reportCollector(server, loaded, result)
}

func (p *report) reportCollector(server *child, loaded time.Duration, result load.Result) error {
	text, err := os.ReadFile(server.output)
	if err != nil {
		return err
	}
	read := strings.Count(string(text), `msg="zone file read"`) - churnZones - 1
	if read <= 0 {
		return errors.New("watching the collector: no zone was read anew: nothing was measured")
	}
	cycles := slices.DeleteFunc(parseTrace(string(text)), func(c gcCycle) bool { return c.at < loaded })
	fmt.Fprintf(&p.b, "\n### Collector: 1,000,000 records, %d queries/s for %s, %d zones of 10,000 records new every "+
		"%s\n\n| | |\n| --- | ---: |\n", churnRate, churnTime, churnZones, churnPause)
	fmt.Fprintf(&p.b, "| zones read anew | %d |\n", read)
	fmt.Fprintf(&p.b, "| answered | %.3f %% |\n| latency p50, p99, p99.9, ms | %.2f, %.2f, %.2f |\n", 100*result.Share(),
		result.P50/1000, result.P99/1000, result.P999/1000)
	fmt.Fprintf(&p.b, "| CPU of the server | %.2f |\n| RSS, peak RSS, MiB | %d, %d |\n", result.Util, result.RSS>>20,
		result.PeakRSS>>20)
	fmt.Fprintf(&p.b, "| cycles of the collector | %d |\n", len(cycles))
	if len(cycles) > 0 {
		var pauses []float64
		for _, c := range cycles {
			pauses = append(pauses, milliseconds(c.pause))
		}
		fmt.Fprintf(&p.b, "| both pauses of a cycle, ms | %s |\n| CPU of the collector, of one processor | %.1f %% |\n",
			spreadOf(pauses), 100*shareOf(cycles, time.Duration(result.Seconds*float64(time.Second))))
	}
	return nil
}
