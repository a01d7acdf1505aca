//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"inside53/resolver/freeport"

	dnstap "github.com/dnstap/golang-dnstap"
)

// watching is a way to look at what a server does.
type watching struct {
	name     string
	blind    bool   // the build that counts nothing
	sections string // of the configuration; READER and STUCK are sockets
	scraped  bool   // the metrics are read, ten times as often as Prometheus does
}

// watchings are those that are measured: the first is what the others are compared with.
func watchings() []watching {
	return []watching{
		{name: "nobody, nothing counted (a build with the tag blind)", blind: true},
		{name: "as it is: counters, top, usage"},
		{name: "metrics read each second", scraped: true},
		{name: "dnstap, all messages", sections: "dnstap: unix:READER\n"},
		{name: "dnstap, its reader stands still", sections: "dnstap: unix:STUCK\n"},
		{name: "query log, one in 100, a file", sections: "query_log: { sample: 100, file: queries.log }\n"},
		{name: "query log, all, a file", sections: "query_log: { sample: 1, file: queries.log }\n"},
		{name: "query log, all, a file, JSON",
			sections: "log: { format: json }\nquery_log: { sample: 1, file: queries.log }\n"},
	}
}

// runObserve measures what looking at a server costs it.
func runObserve(ctx context.Context, flags *flag.FlagSet, args []string, stdout, stderr io.Writer) error {
	c := &comparison{progress: stderr, works: []workload{auth, cache}}
	flags.IntVar(&c.rounds, "rounds", 5, "how `often` each way is measured")
	flags.DurationVar(&c.measure, "measure", 1500*time.Millisecond, "how `long` a measurement is")
	flags.DurationVar(&c.warm, "warm", 400*time.Millisecond, "how `long` is asked before it")
	program := flags.String("inside53", "bin/inside53", "our `program`")
	blind := flags.String("blind", "bin/inside53-blind", "our `program`, built with the tag blind")
	table := flags.String("table", "", "`file` for the table (Markdown)")
	err := parse(flags, args)
	if err == nil && c.rounds < 1 {
		err = fmt.Errorf("-rounds %d: at least one is needed", c.rounds)
	}
	if err != nil {
		return err
	}
	other, err := filepath.Abs(*blind)
	if err == nil {
		_, err = os.Stat(other)
	}
	if err != nil {
		return fmt.Errorf("finding the build that counts nothing (make bench-observe): %w", err)
	}
	err = c.prepare(*program)
	if err != nil {
		return err
	}
	defer os.RemoveAll(c.dir)
	o := &observation{comparison: c, blind: other}
	err = o.read(ctx)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("Measured %s on %s; %d rounds in turns.\n", time.Now().UTC().Format(time.DateOnly), machine(),
		c.rounds)
	for _, w := range c.works {
		part, err := o.run(ctx, w)
		if err != nil {
			return fmt.Errorf("measuring %s: %w", w, err)
		}
		text += part
	}
	_, err = io.WriteString(stdout, text)
	if err == nil && *table != "" {
		err = os.WriteFile(*table, []byte(text), 0o644)
	}
	return err
}

// observation is one run of 'bench observe'.
type observation struct {
	*comparison
	blind string
}

func (o *observation) reader() string { return filepath.Join(o.dir, "reader.sock") }
func (o *observation) stuck() string  { return filepath.Join(o.dir, "stuck.sock") }

// read listens for messages of dnstap, until ctx ends: one reads all that comes, one nothing.
func (o *observation) read(ctx context.Context) error {
	for _, path := range []string{o.reader(), o.stuck()} {
		l, err := net.Listen("unix", path)
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { _ = l.Close() })
		go func() {
			// It runs where the generator does, until the process ends.
			_ = onProcessors([]int{o.cpus.rest}, func() error {
				for {
					conn, err := l.Accept()
					if err != nil {
						return err
					}
					discard(conn, path == o.stuck())
				}
			})
		}()
	}
	return nil
}

// discard begins a stream, and reads all of it, or nothing more.
func discard(conn net.Conn, stuck bool) {
	defer func() { _ = conn.Close() }()
	r, err := dnstap.NewReader(conn, &dnstap.ReaderOptions{Bidirectional: true})
	if err == nil && stuck {
		time.Sleep(time.Hour)
	}
	for frame := make([]byte, 128<<10); err == nil; {
		_, err = r.ReadFrame(frame)
	}
}

// watched is a server that is looked at in one way.
type watched struct {
	*row
	watching
	admin int
}

// run measures one workload in turns.
func (o *observation) run(ctx context.Context, w workload) (string, error) {
	fmt.Fprintf(o.progress, "%s\n", w)
	up, err := o.startUpstream(ctx)
	if err != nil {
		return "", err
	}
	defer up.stop()
	f := &field{comparison: o.comparison, work: w, upstream: up.port}
	defer f.stop()
	var all []*watched
	for _, way := range watchings() {
		one, err := o.start(ctx, f, way)
		if err != nil {
			return "", fmt.Errorf("%s: %w", way.name, err)
		}
		all = append(all, one)
	}
	for round := range o.rounds {
		for _, one := range all {
			err := o.ask(ctx, one, round)
			if err != nil {
				return "", fmt.Errorf("%s: %w", one.row.name, err)
			}
		}
	}
	return observeTable(w, all), nil
}

// start starts a server that is looked at in one way.
func (o *observation) start(ctx context.Context, f *field, way watching) (*watched, error) {
	admin, err := freeport.Find()
	if err != nil {
		return nil, err
	}
	program := o.program
	if way.blind {
		program = o.blind
	}
	argv := func(s site) ([]string, error) {
		s.admin = admin
		command, err := plain(s, program)
		if err != nil {
			return nil, err
		}
		path := command[len(command)-1]
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		more := strings.NewReplacer("READER", o.reader(), "STUCK", o.stuck()).Replace(way.sections)
		return command, os.WriteFile(path, append(text, more...), 0o644)
	}
	err = f.add(ctx, way.name, true, argv)
	if err != nil {
		return nil, err
	}
	one := &watched{row: f.rows[len(f.rows)-1], watching: way, admin: admin}
	for range 2 {
		if one.warm == nil {
			break
		}
		_, err = o.comparison.ask(ctx, one.row, 0, one.warm...)
		if err != nil {
			return nil, err
		}
	}
	return one, nil
}

// ask measures one server once.
func (o *observation) ask(ctx context.Context, one *watched, round int) error {
	during, stop := context.WithCancel(ctx)
	scraped := make(chan error, 1)
	if one.scraped {
		go func() { scraped <- scrape(during, one.admin) }()
	} else {
		scraped <- nil
	}
	result, err := o.comparison.ask(ctx, one.row, round+1, "-measure", o.measure.String(), "-warm", o.warm.String())
	stop()
	fault := <-scraped
	if err == nil {
		err = fault
	}
	if err != nil {
		return err
	}
	one.rounds[round] = result
	fmt.Fprintf(o.progress, "  %d %-55s %6.2f us  %7.0f/s  util %.2f  answered %.2f %%\n", round+1, one.row.name,
		result.CPU, result.QPS(), result.Util, 100*result.Share())
	return nil
}

// scrape reads the metrics of a server each second, until ctx ends.
func scrape(ctx context.Context, admin int) error {
	for {
		r, err := http.Get(fmt.Sprintf("http://%s/metrics", loopback(admin)))
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
		if err != nil {
			return err
		}
		if sleep(ctx, time.Second) != nil {
			return nil // the end was asked for
		}
	}
}

// observeTable has the processor time for an answer, and how it stands to that of the first row.
func observeTable(w workload, all []*watched) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n| who looks | us of CPU an answer | to the first | util | answered |\n"+
		"| --- | ---: | ---: | ---: | ---: |\n", w)
	for _, one := range all {
		var util, share []float64
		for _, result := range one.rounds {
			util, share = append(util, result.Util), append(share, 100*result.Share())
		}
		ratio := "-"
		s, ok := pairedRatio(one.costs(), all[0].costs())
		if ok && one != all[0] {
			ratio = s.String()
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %.2f | %.2f %% |\n", one.row.name, spreadOf(values(one.costs())), ratio,
			spreadOf(util).median, spreadOf(share).median)
	}
	return b.String()
}
