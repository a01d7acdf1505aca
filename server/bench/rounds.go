//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"inside53/resolver/freeport"
	"inside53/server/bench/dataset"
	"inside53/server/bench/load"
)

// ourName is how inside53 is called in tables, and the servers that are ratios' ours.
const ourName = "inside53"

// outcome is what was seen of one workload, in the order it was measured.
type outcome struct {
	work workload
	rows []*row
}

// row is one server, or inside53 asked in another way.
type row struct {
	name    string
	ours    bool
	rounds  map[int]load.Result
	seconds map[int]float64 // LOAD: from start to the first right answer
	spent   map[int]float64 // LOAD: seconds of CPU until then

	stream string
	tcp    bool
	warm   []string // flags of the queries that come before all rounds; nil: none
	server *running
}

// running is a server with its address.
type running struct {
	*child
	port int
}

// askAll starts every server that can do w, and measures them in turns.
func (c *comparison) askAll(ctx context.Context, w workload) (outcome, error) {
	up, err := c.startUpstream(ctx)
	if err != nil {
		return outcome{}, err
	}
	defer up.stop()
	f := &field{comparison: c, work: w, upstream: up.port}
	defer f.stop()
	err = f.fill(ctx)
	if err != nil {
		return outcome{}, err
	}
	for _, r := range f.rows {
		for range 2 {
			if r.warm == nil {
				break
			}
			_, err = c.ask(ctx, r, 0, r.warm...)
			if err != nil {
				return outcome{}, err
			}
		}
	}
	for round := range c.rounds {
		for _, r := range f.rows {
			result, err := c.ask(ctx, r, round+1, "-measure", c.measure.String(), "-warm", c.warm.String())
			if err != nil {
				return outcome{}, err
			}
			r.rounds[round] = result
			fmt.Fprintf(c.progress, "  %d %-40s %6.2f us  %7.0f/s  util %.2f  answered %.2f %%\n",
				round+1, r.name, result.CPU, result.QPS(), result.Util, 100*result.Share())
			if result.Bad > 0 {
				fmt.Fprintf(c.progress, "    %d bad answers, the first: %s: %s\n", result.Bad, result.Fault, result.FaultAnswer)
			}
		}
	}
	return outcome{w, f.rows}, nil
}

// ask measures one row once. Each round has its own names in MISS.
func (c *comparison) ask(ctx context.Context, r *row, round int, more ...string) (load.Result, error) {
	args := []string{"-server", loopback(r.server.port).String(), "-stream", r.stream, "-seed", strconv.Itoa(round),
		"-process", strconv.Itoa(r.server.pid())}
	if c.rate > 0 {
		args = append(args, "-rate", fmt.Sprint(c.rate))
	}
	if r.tcp {
		args = append(args, "-tcp")
	}
	return c.generator.generate(ctx, append(args, more...)...)
}

// startUpstream starts the world outside, with more flags than where it listens.
func (c *comparison) startUpstream(ctx context.Context, more ...string) (*running, error) {
	port, err := freeport.Find()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(c.dir, fmt.Sprintf("upstream-%d", port))
	err = os.Mkdir(dir, 0o755)
	if err != nil {
		return nil, err
	}
	up, err := startChild("upstream", []int{c.cpus.rest}, dir, nil,
		append([]string{c.self, "upstream", "-listen", loopback(port).String()}, more...))
	if err != nil {
		return nil, err
	}
	err = up.awaitAnswer(ctx, loopback(port), firstOf("cache"), patience)
	if err != nil {
		up.stop()
		return nil, err
	}
	return &running{up, port}, nil
}

// firstOf returns the first query of a kind, as often as it is called.
func firstOf(kind string) func() load.Stream {
	return func() load.Stream {
		s, err := dataset.NewStream(kind, 0)
		if err != nil {
			panic(err) // the kinds are our own
		}
		return s
	}
}
