//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// start starts the server, whatever there is, and waits until it answers what it has without
// AWS and its state.
func (c *chaos) start(ctx context.Context) (err error) {
	began := time.Now()
	c.server, err = startChild(ourName, []int{c.cpus.server, c.cpus.rest}, c.at.dir, c.sky.environment(), c.argv)
	if err != nil {
		return err
	}
	err = c.await(ctx, starting, func() (bool, error) {
		conn, err := (&dns.Client{}).DialContext(ctx, c.address())
		if err != nil {
			return false, err
		}
		defer conn.Close()
		return ask(ctx, conn, fileName) == fileAddress, nil
	})
	if err != nil {
		return fmt.Errorf("starting: %w", err)
	}
	c.starts = append(c.starts, time.Since(began))
	return nil
}

// address is where the server answers.
func (c *chaos) address() string { return loopback(c.at.port).String() }

// judge counts what was answered; what is wrong is an error.
func (c *chaos) judge(t tallied) error {
	c.sum.add(t)
	if len(t.wrong) == 0 {
		return nil
	}
	more := ""
	if len(t.wrong) > 5 {
		more = fmt.Sprintf("; and %d more", len(t.wrong)-5)
	}
	return fmt.Errorf("%s%s%s", strings.Join(t.wrong[:min(5, len(t.wrong))], "; "), more, c.server.lastWords())
}

// end ends the server in one way or another. What was served when all was well last is the
// oldest that is right from now on, where it had the time and the room to save it.
func (c *chaos) end(ctx context.Context, whole bool) error {
	if c.rng.IntN(2) == 0 {
		c.note("SIGKILL", true)
		c.kill()
		return nil
	}
	c.note("SIGTERM", true)
	err := c.server.command.Process.Signal(syscall.SIGTERM)
	if err != nil {
		return err
	}
	select {
	case <-c.server.ended:
	case <-time.After(starting):
		c.kill()
		return errors.New("it doesn't end")
	case <-ctx.Done():
		return ctx.Err()
	}
	c.server = nil
	if whole {
		for zone, version := range c.oracle.versions {
			c.oracle.floor[zone] = version - 1
		}
	}
	return nil
}

// kill ends it at once.
func (c *chaos) kill() {
	_ = c.server.command.Process.Kill() // it may have ended
	<-c.server.ended
	c.server = nil
}

// spoil damages what was saved, and the disk that the next start finds.
func (c *chaos) spoil() error {
	kind := c.rng.IntN(5)
	if kind == 0 {
		return nil // the disk stays as it is
	}
	err := c.disk.mend()
	if err != nil {
		return err
	}
	switch kind {
	case 1, 2:
		for range 1 + c.rng.IntN(3) {
			file, err := c.disk.damage(c.rng, kind == 1)
			if err != nil {
				return err
			}
			how := "flipped bits"
			if kind == 1 {
				how = "cut short"
			}
			c.note(how, file != "nothing")
			c.order = append(c.order, file)
		}
	case 3:
		c.note("state removed", true)
		err = c.disk.remove()
		if err != nil {
			return err
		}
	}
	switch c.rng.IntN(4) {
	case 0:
		c.note("start on a full disk", true)
		return c.disk.fill()
	case 1:
		c.note("start on a read-only disk", true)
		_, err = c.disk.remount(true)
		return err
	}
	return nil
}

// revive starts it with AWS away, and looks at what it says.
func (c *chaos) revive(ctx context.Context) error {
	c.sky.sim.ClearFaults()
	c.sky.aws.set(1 + c.rng.Int32N(ways-1))
	if how := c.rng.Int32N(ways); c.late && how != up {
		c.sky.metadata.set(how)
		c.note("metadata late", true)
	}
	c.oracle.here = false // until it has asked
	err := c.start(ctx)
	if err != nil {
		return err
	}
	for range 2 {
		err = c.judge(c.oracle.look(ctx, c.address()))
		if err != nil {
			return fmt.Errorf("with AWS away: %w", err)
		}
		err = sleep(ctx, time.Duration(c.rng.Int64N(int64(2*again))))
		if err != nil {
			return err
		}
	}
	return nil
}

// heal mends all, and waits until all is right.
func (c *chaos) heal(ctx context.Context) error {
	c.sky.sim.ClearFaults()
	c.sky.aws.set(up)
	c.sky.metadata.set(up)
	err := c.disk.mend()
	if err != nil {
		return err
	}
	began := time.Now()
	var last tallied
	err = c.await(ctx, healing, func() (bool, error) {
		last = c.oracle.look(ctx, c.address())
		err := c.judge(tallied{wrong: last.wrong})
		return last.failed == 0 && last.stale == 0, err // late metadata are noticed too
	})
	if err != nil {
		return fmt.Errorf("healing: %w (%d right, %d old, %d failed)", err, last.right, last.stale, last.failed)
	}
	c.sum.add(last)
	c.oracle.here = last.stale == 0
	c.heals = append(c.heals, time.Since(began))
	return nil
}

// await looks until there is nothing to wait for.
func (c *chaos) await(ctx context.Context, long time.Duration, done func() (bool, error)) error {
	for until := time.Now().Add(long); ; {
		yes, err := done()
		if err != nil || yes {
			return err
		}
		if c.server.over() {
			return fmt.Errorf("it has ended%s", c.server.lastWords())
		}
		if time.Now().After(until) {
			return fmt.Errorf("not within %s%s", long, c.server.lastWords())
		}
		err = sleep(ctx, again)
		if err != nil {
			return err
		}
	}
}

// table prints what went wrong, and what was answered.
func (c *chaos) table(out io.Writer, seed uint64, took time.Duration) {
	fmt.Fprintf(out, "%d rounds with seed %d in %s: %d answers right, %d older ones, %d SERVFAIL, %d wrong.\n\n"+
		"| | slowest | median |\n| --- | ---: | ---: |\n", max(0, len(c.heals)-1), seed, took.Round(time.Second),
		c.sum.right, c.sum.stale, c.sum.failed, len(c.sum.wrong))
	for _, row := range []struct {
		name string
		all  []time.Duration
	}{{"start to the first answer, AWS away, s", c.starts}, {"until all is right again, s", c.heals}} {
		slices.Sort(row.all)
		if len(row.all) > 0 {
			fmt.Fprintf(out, "| %s | %.2f | %.2f |\n", row.name, row.all[len(row.all)-1].Seconds(),
				row.all[len(row.all)/2].Seconds())
		}
	}
	fmt.Fprintf(out, "\n| what went wrong | times | could not be done |\n| --- | ---: | ---: |\n")
	names := make([]string, 0, len(c.seen))
	for name := range c.seen {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(out, "| %s | %d | %d |\n", name, c.seen[name].count, c.seen[name].skipped)
	}
}
