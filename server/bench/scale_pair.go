//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"inside53/server/bench/dataset"
)

const (
	// mostTail is by how much the p99.9 may be worse while data are read again.
	mostTail = 2 * time.Millisecond
	// pairRest is how long a server that has stood still has before it is asked.
	pairRest = 500 * time.Millisecond
)

// pairRates are the queries a second at which both are asked.
func pairRates() []int { return []int{200, 20_000} }

// pairSize is how much there is to read again, and how it is looked at.
type pairSize struct {
	records, instances, rounds int
	measure                    time.Duration
}

func pairSizeOf(size string) pairSize {
	if size == "full" {
		return pairSize{100_000, 20_000, 9, 5 * time.Second}
	}
	return pairSize{20_000, 2000, 5, 3 * time.Second}
}

// pairing is the p99.9 at one rate: of the server that reads its data again each second, and of the one
// that doesn't, in turns.
type pairing struct {
	rate              int
	refreshing, still []float64 // milliseconds
}

// worse is by how much the refreshing one is worse in the median of the rounds: what else the machine does is in few.
func (p *pairing) worse() time.Duration {
	var by []float64
	for i := range p.still {
		by = append(by, p.refreshing[i]-p.still[i])
	}
	return time.Duration(spreadOf(by).median * float64(time.Millisecond))
}

// measurePairs has two servers with the same data asked in turns. While one is asked the other one is stopped: both run
// on one processor.
func measurePairs(ctx context.Context, program string, size pairSize, progress io.Writer) (all []pairing, err error) {
	dir, err := os.MkdirTemp("", "inside53-pair")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	scale := dataset.Scale{Zones: 1, Records: size.records, Instances: size.instances}
	data := filepath.Join(dir, "aws")
	err = scale.Write(data)
	if err != nil {
		return nil, err
	}
	cpus, err := findProcessors()
	if err != nil {
		return nil, err
	}
	sky, err := startFarSky(ctx, program, data, dir, cpus.rest)
	if err != nil {
		return nil, err
	}
	defer sky.stop()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	g := generator{self, []int{cpus.rest}}
	var servers []*point
	for _, refresh := range []string{"1s", "24h"} {
		fmt.Fprintf(progress, "paired: refresh %s\n", refresh)
		p := &point{scale: scale, cloud: &cloud{url: sky.url}, dir: filepath.Join(dir, refresh), on: []int{cpus.server}}
		err = os.MkdirAll(filepath.Join(p.dir, "state"), 0o755)
		if err != nil {
			return nil, err
		}
		_, err = p.start(ctx, program, fmt.Sprintf("route53: { requests_per_second: 100000, refresh: %s }\n"+
			"ec2: { regions: [%s], refresh: %[1]s, names: [tag], max_age: 48h }\n", refresh, dataset.Region)+scaleViews(1))
		if err != nil {
			return nil, err
		}
		defer func() {
			_ = p.signal(syscall.SIGCONT)
			p.server.stop()
		}()
		servers = append(servers, p)
	}
	pair := inTurns{sky: sky, generator: g, reads: servers[0], still: servers[1], measure: size.measure}
	for _, rate := range pairRates() {
		one := pairing{rate: rate}
		for round := range size.rounds {
			fmt.Fprintf(progress, "paired: %d queries a second, round %d\n", rate, round+1)
			err = pair.round(ctx, &one, round%2 == 1)
			if err != nil {
				return nil, fmt.Errorf("measuring pairs: %w", err)
			}
		}
		all = append(all, one)
	}
	return all, nil
}

// inTurns asks two servers in turns.
type inTurns struct {
	sky          *farSky
	generator    generator
	reads, still *point
	measure      time.Duration
}

// round asks both once. What the server at rest doesn't read somebody else does meanwhile: what the simulated AWS takes
// of a machine of two processors is in both figures.
func (t *inTurns) round(ctx context.Context, one *pairing, stillFirst bool) error {
	reading := func() error {
		p999, pages, err := t.ask(ctx, t.reads, t.still, one.rate)
		if err == nil && pages == 0 {
			err = errors.New("who is to read its data again didn't")
		}
		one.refreshing = append(one.refreshing, p999)
		return err
	}
	resting := func() error {
		readers, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- t.sky.readAgain(readers, dataset.ScaleZoneID(0)) }()
		before := t.sky.read.Load()
		p999, pages, err := t.ask(ctx, t.still, t.reads, one.rate)
		stop()
		err = errors.Join(err, <-ended)
		mine := t.sky.read.Load() - before
		if err == nil && (mine == 0 || pages > mine+1) { // one may be on its way
			err = fmt.Errorf("beside the server at rest %d pages were read, %d of them by us", pages, mine)
		}
		one.still = append(one.still, p999)
		return err
	}
	if stillFirst {
		reading, resting = resting, reading
	}
	err := reading()
	if err != nil {
		return err
	}
	return resting()
}

// ask asks a server while the other one is stopped, and returns the p99.9 in milliseconds and the pages of records that
// were asked for meanwhile.
func (t *inTurns) ask(ctx context.Context, p, other *point, rate int) (p999 float64, pages int64, err error) {
	err = errors.Join(other.signal(syscall.SIGSTOP), p.signal(syscall.SIGCONT), sleep(ctx, pairRest))
	if err != nil {
		return 0, 0, err
	}
	before, err := t.sky.calls(ctx)
	if err != nil {
		return 0, 0, err
	}
	result, err := t.generator.generate(ctx, "-server", loopback(p.port).String(), "-stream", "scale",
		"-rate", fmt.Sprint(rate), "-measure", t.measure.String())
	if err != nil {
		return 0, 0, err
	}
	if result.Share() < 0.99 {
		return 0, 0, fmt.Errorf("%.2f %% of %d queries a second were answered", 100*result.Share(), rate)
	}
	after, err := t.sky.calls(ctx)
	return result.P999 / 1000, after - before, err
}

// signal sends a signal to the server.
func (p *point) signal(s syscall.Signal) error {
	err := p.server.command.Process.Signal(s)
	if err != nil {
		return fmt.Errorf("sending %s to process %d: %w", s, p.server.pid(), err)
	}
	return nil
}

// pairTable is what was measured, as Markdown.
func pairTable(size pairSize, all []pairing) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nOne server reads %d records and %d instances again each second, another one has the same and "+
		"doesn't; both on one processor, in turns. Beside the one at rest somebody else reads the same.\n\n",
		size.records, size.instances)
	b.WriteString("| queries a second | p99.9 while it reads, ms | p99.9 at rest, ms | worse by, median of the rounds |\n")
	b.WriteString("| ---: | ---: | ---: | ---: |\n")
	for _, p := range all {
		fmt.Fprintf(&b, "| %d | %s | %s | %.2f ms |\n", p.rate, spreadOf(p.refreshing), spreadOf(p.still),
			milliseconds(p.worse()))
	}
	return b.String()
}

// pairFaults names the rates at which reading is felt.
func pairFaults(all []pairing) error {
	var faults []error
	for _, p := range all {
		if p.worse() > mostTail {
			faults = append(faults, fmt.Errorf("paired: at %d queries a second the p99.9 is worse by %s in most rounds "+
				"while data are read again; %s is the most", p.rate, p.worse().Round(10*time.Microsecond), mostTail))
		}
	}
	return errors.Join(faults...)
}
