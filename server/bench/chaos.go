//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"inside53/server/bench/dataset"
	"inside53/zonesource/awssim"
)

const (
	// starting is how long a start may take until it answers, whatever is broken.
	starting = 20 * time.Second
	// healing is how long it may take until all is right again by itself.
	healing = 60 * time.Second
	again   = 50 * time.Millisecond
)

// chaos is one run of 'bench chaos'.
type chaos struct {
	*comparison
	rng    *rand.Rand
	at     site
	disk   *disk
	sky    *sky
	oracle *oracle
	argv   []string
	server *child
	seen   map[string]*event
	order  []string
	starts []time.Duration
	heals  []time.Duration
	rounds int
	late   bool // the metadata service may be late
	sum    tallied
}

// event is one kind of what goes wrong, and how often.
type event struct{ count, skipped int }

// runChaos has everything go wrong at random, and starts the server after it with AWS away.
func runChaos(ctx context.Context, flags *flag.FlagSet, args []string, stdout, stderr io.Writer) error {
	c := &chaos{comparison: &comparison{progress: stderr, works: []workload{auth}}, oracle: newOracle(),
		seen: map[string]*event{}}
	program := flags.String("inside53", "bin/inside53", "our `program`")
	seed := flags.Uint64("seed", uint64(time.Now().UnixNano()), "the `number` that all chance follows from")
	flags.BoolVar(&c.late, "late", true, "the metadata service is late, too")
	flags.IntVar(&c.rounds, "rounds", 20, "how `often` something goes wrong")
	err := parse(flags, args)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "to see the same again: bin/bench chaos -seed %d -rounds %d\n", *seed, c.rounds)
	c.rng = rand.New(rand.NewPCG(*seed, 53))
	err = c.prepareChaos(*program)
	if err != nil {
		return err
	}
	began := time.Now()
	failed := c.run(ctx)
	if c.server != nil {
		c.kill()
	}
	err = errors.Join(c.sky.close(), c.disk.close(), os.RemoveAll(c.dir))
	c.table(stdout, *seed, time.Since(began))
	return errors.Join(failed, err)
}

func (c *chaos) prepareChaos(program string) error {
	var err error
	c.program, err = filepath.Abs(program)
	if err == nil {
		_, err = os.Stat(c.program)
	}
	if err != nil {
		return fmt.Errorf("finding inside53 (make build): %w", err)
	}
	c.cpus, err = findProcessors()
	if err == nil {
		c.dir, err = os.MkdirTemp("", "inside53-chaos-")
	}
	if err != nil {
		return err
	}
	err = c.world()
	if err != nil {
		return errors.Join(err, os.RemoveAll(c.dir))
	}
	return nil
}

// world makes the disk, AWS and the configuration.
func (c *chaos) world() error {
	data := filepath.Join(c.dir, "aws")
	err := dataset.WriteChaos(data)
	if err != nil {
		return err
	}
	c.at, err = c.siteOf("chaos", auth)
	if err != nil {
		return err
	}
	zone := filepath.Join(c.dir, "lab.zone")
	err = os.WriteFile(zone, []byte("$ORIGIN lab.internal.\n@ 60 IN SOA ns host 1 3600 600 86400 60\n@ 60 IN NS ns\n"+
		"ns 60 IN A 192.0.2.1\nfile 60 IN A 192.0.2.53\n"), 0o644)
	if err != nil {
		return err
	}
	c.disk, err = newDisk(filepath.Join(c.dir, "state"))
	if err != nil {
		return err
	}
	c.sky, err = newSky(data)
	if err != nil {
		return errors.Join(err, c.disk.close())
	}
	path, err := c.at.put("inside53.yaml", `listen: { dns: ["127.0.0.1:%d"] }
admin: ""
state_dir: %s
drain: 0s
allow: [private, vpcs]
route53: { refresh: 300ms, requests_per_second: 1000 }
ec2: { regions: [%s], refresh: 300ms }
zonefiles: [{ origin: lab.internal., file: %s }]
keys: [{ name: %s, secret: %s }]
updates: [{ zone: %s, keys: [%s] }]
`, c.at.port, filepath.Join(c.disk.dir, "state"), dataset.Region, zone, keyName, keySecret, dataset.UpdatedID, keyName)
	c.argv = []string{c.program, "serve", "--config", path}
	return err
}

// run is all rounds; the first fault ends it.
func (c *chaos) run(ctx context.Context) error {
	err := c.start(ctx)
	if err == nil {
		err = c.heal(ctx)
	}
	for round := 0; err == nil && round < c.rounds; round++ {
		err = c.round(ctx, round)
		if err != nil {
			err = fmt.Errorf("round %d, after %s: %w", round+1, strings.Join(c.order, ", "), err)
		}
	}
	return err
}

// note counts what goes wrong.
func (c *chaos) note(what string, done bool) {
	e := c.seen[what]
	if e == nil {
		e = new(event)
		c.seen[what] = e
	}
	e.count++
	c.order = append(c.order, what)
	if !done {
		e.skipped++
	}
}

// round is one: data change, things go wrong, it ends, it starts with AWS away, all is mended.
func (c *chaos) round(ctx context.Context, round int) error {
	c.order = c.order[:0]
	for zone, id := range map[string]string{dataset.ChaosZone: dataset.ChaosID, dataset.OtherZone: dataset.OtherID} {
		c.oracle.versions[zone]++
		err := c.sky.change(ctx, zone, id, c.oracle.versions[zone])
		if err != nil {
			return err
		}
	}
	whole := true // what is served now will be on the disk
	for range 1 + c.rng.IntN(3) {
		harmless, err := c.harm(ctx, round)
		if err != nil {
			return err
		}
		whole = whole && harmless
		err = sleep(ctx, time.Duration(c.rng.Int64N(int64(100*time.Millisecond))))
		if err != nil {
			return err
		}
	}
	if c.server.over() {
		return fmt.Errorf("it has ended%s", c.server.lastWords())
	}
	t := c.oracle.look(ctx, loopback(c.at.port).String())
	err := c.judge(t)
	if err != nil {
		return fmt.Errorf("before its end: %w", err)
	}
	err = c.end(ctx, whole)
	if err == nil {
		err = c.spoil()
	}
	if err == nil {
		err = c.revive(ctx)
	}
	if err != nil {
		return err
	}
	return c.heal(ctx)
}

// harm is one thing that goes wrong while it runs; harmless says that it saves what it serves.
func (c *chaos) harm(ctx context.Context, round int) (harmless bool, err error) {
	switch c.rng.IntN(7) {
	case 0:
		err = c.disk.fill()
		c.note("full disk", err == nil)
		return false, nil
	case 1:
		done, err := c.disk.remount(true)
		c.note("read-only", done)
		return false, err
	case 2:
		err = c.disk.remove()
		c.note("state removed", err == nil) // it can't be on a disk that is read-only
		return false, nil
	case 3:
		kinds := []string{"500", "throttle", "access-denied", "hang", "fail", "empty", "changing", "stuck"}
		operations := []string{"*", "ListHostedZones", "ListResourceRecordSets", "GetHostedZone", "DescribeInstances",
			"DescribeNetworkInterfaces", "DescribeVpcs"}
		kind := kinds[c.rng.IntN(len(kinds))]
		f := awssim.Fault{Operation: operations[c.rng.IntN(len(operations))], Fault: kind,
			Count: c.rng.IntN(5)}
		if kind == "empty" {
			f.Count = 1 // said twice it would be true
			if slices.Contains(c.order, "AWS: empty") {
				f.Fault = "500"
			}
		}
		c.note("AWS: "+f.Fault, true)
		return f.Fault != "empty" && f.Fault != "changing", c.sky.sim.AddFaults(f)
	case 4:
		c.note("AWS away", true)
		c.sky.aws.set(1 + c.rng.Int32N(ways-1))
		return true, nil
	case 5:
		c.note("update", true)
		n := len(c.oracle.acked) + len(c.oracle.tried)
		c.oracle.update(ctx, loopback(c.at.port).String(), fmt.Sprintf("u%04d-%04d.%s", round, n, dataset.UpdatedZone),
			fmt.Sprintf("10.99.%d.%d", n>>8, n&255))
		return true, nil
	default:
		c.note("nothing", true)
		return true, nil
	}
}
