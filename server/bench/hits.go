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
	"runtime"
	"sync/atomic"
	"time"

	"inside53/resolver/freeport"
	"inside53/server/bench/dataset"
	"inside53/server/bench/upstream"

	"golang.org/x/sync/errgroup"
)

// traces are the streams that runHits asks, see dataset.NewStream.
func traces() []string { return []string{"trace", "once", "flood"} }

// runHits asks servers with caches of the same memory the same names, many more than fit, and
// prints the share that they answered without asking the upstream.
func runHits(ctx context.Context, flags *flag.FlagSet, args []string, stdout, stderr io.Writer) error {
	p := &report{comparison: &comparison{progress: stderr, works: []workload{cache}}}
	path := flags.String("inside53", "bin/inside53", "our `program`")
	memory := flags.Int("memory", 8, "`MiB` of each cache")
	rate := flags.Float64("rate", 10000, "queries `a second`")
	long := flags.Duration("measure", 15*time.Second, "how `long` is asked, after as long to fill the cache")
	err := parse(flags, args)
	if err != nil {
		return err
	}
	err = p.prepare(*path)
	if err != nil {
		return err
	}
	defer os.RemoveAll(p.dir)
	servers := []peer{{name: ourName, program: p.program, argv: func(s site, program string) ([]string, error) {
		const sections = "cache: { entries: 10000000, bytes: %dMiB }\nforward:\n" +
			"  - { zone: \".\", upstreams: [\"127.0.0.1:%d\"] }\n"
		return inside53(s, program, fmt.Sprintf(sections, *memory, s.upstream))
	}}}
	unboundPath, err := exec.LookPath("unbound")
	if err == nil {
		servers = append(servers, peer{name: "Unbound", program: unboundPath,
			argv: func(s site, program string) ([]string, error) { return boundedUnbound(s, program, *memory<<20) }})
	} else {
		fmt.Fprintln(stderr, "unbound is not on PATH: apt-get install unbound")
	}
	fmt.Fprintln(stdout, "| trace | server | asked | lost | hits of the names that are asked again |")
	fmt.Fprintln(stdout, "| --- | --- | ---: | ---: | ---: |")
	for _, trace := range traces() {
		for _, s := range servers {
			err := p.hits(ctx, stdout, s, trace, *rate, *long)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", s.name, trace, err)
			}
		}
	}
	return nil
}

// boundedUnbound is Unbound with so many octets for its caches: its manual advises twice as
// much for record sets as for messages.
func boundedUnbound(s site, program string, memory int) ([]string, error) {
	argv, err := unbound(s, program)
	if err != nil {
		return nil, err
	}
	conf := argv[len(argv)-1]
	text, err := os.ReadFile(conf)
	if err != nil {
		return nil, err
	}
	text = fmt.Appendf(text, "server:\n  msg-cache-size: %d\n  rrset-cache-size: %d\n", memory/3, memory/3*2)
	return argv, os.WriteFile(conf, text, 0o644)
}

// hits measures one server with one trace.
func (p *report) hits(
	ctx context.Context, out io.Writer, s peer, trace string, rate float64, long time.Duration,
) error {
	fmt.Fprintf(p.progress, "%s: %s\n", trace, s.name)
	at, err := p.siteOf(fmt.Sprintf("hits-%s-%s", s.name, trace), cache)
	if err != nil {
		return err
	}
	at.upstream, err = freeport.Find()
	if err != nil {
		return err
	}
	var questions atomic.Uint64
	answering, stop := context.WithCancel(ctx)
	var world errgroup.Group
	world.Go(func() error {
		runtime.LockOSThread()
		return upstream.Run(answering, loopback(at.upstream), upstream.Options{Count: &questions})
	})
	err = p.hitsBeside(ctx, out, s, at, trace, &questions, rate, long)
	stop()
	return errors.Join(err, world.Wait())
}

// hitsBeside is hits while the upstream answers, which counts.
func (p *report) hitsBeside(ctx context.Context, out io.Writer, s peer, at site, trace string,
	questions *atomic.Uint64, rate float64, long time.Duration) error {
	argv, err := s.argv(at, s.program)
	if err != nil {
		return err
	}
	server, err := startChild(s.name, []int{p.cpus.server}, at.dir, nil, argv)
	if err != nil {
		return err
	}
	defer server.stop()
	err = server.awaitAnswer(ctx, loopback(at.port), firstOf("miss"), patience)
	if err != nil {
		return err
	}
	ask := func(seed string) (asked, lost, missed uint64, err error) {
		before := questions.Load()
		r, err := p.generator.generate(ctx, "-server", loopback(at.port).String(), "-stream", trace, "-seed", seed,
			"-warm", "0s", "-measure", long.String(), "-rate", fmt.Sprint(rate))
		return r.Answered + r.Lost + r.Bad, r.Lost + r.Bad, questions.Load() - before, err
	}
	_, _, _, err = ask("1")
	if err != nil {
		return err
	}
	asked, lost, missed, err := ask("2")
	if err != nil {
		return err
	}
	once := dataset.OnceOf(trace) * float64(asked) // nobody can know them
	fmt.Fprintf(out, "| %s | %s | %d | %d | %.1f %% |\n", trace, s.name, asked, lost,
		100*(1-(float64(missed)-once)/(float64(asked)-once)))
	return nil
}
