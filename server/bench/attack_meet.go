//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"inside53/examples"
	"inside53/resolver/freeport"
	"inside53/server/bench/load"
)

// encounter is how one server bore one attack.
type encounter struct {
	result  load.Result // of the clients that may ask
	witness asked       // of those that ask by TCP
	raid    raid
	unheard bool    // the attackers were too slow to say what they did
	others  float64 // processors that others used meanwhile, of the two
	peak    int64   // octets of memory
	ended   string  // why it isn't there any more
	killed  int     // processes that the kernel has ended for want of memory
	silent  string  // why it doesn't answer afterwards
}

const (
	gather    = 300 * time.Millisecond // from the beginning of the attack until it counts
	attackTCP = 2 * time.Second        // a client by TCP waits so long
	answering = 10 * time.Second       // within which it answers when the attack is over
)

// meet starts a server, has it attacked, and asks it meanwhile.
func (s *suite) meet(ctx context.Context, a assault, name, program string,
	argv func(site, string) ([]string, error)) (encounter, error) {
	at, err := s.siteOf("attack-"+name, a.work)
	for _, port := range []*int{&at.admin, &at.health, &at.metrics} {
		if err == nil {
			*port, err = freeport.Find()
		}
	}
	if err != nil {
		return encounter{}, err
	}
	if a.work.forwards() {
		up, err := s.startUpstream(ctx, fmt.Sprintf("-lies=%t", a.lies))
		if err != nil {
			return encounter{}, err
		}
		defer up.stop()
		at.upstream = up.port
	}
	ours := name == ourName
	var environment []string
	if ours && a.cloud {
		aws, err := newCloud(examples.Demo())
		if err != nil {
			return encounter{}, err
		}
		defer func() { _ = aws.close() }() // the server under attack is over
		environment = aws.environment()
	}
	command, err := argv(at, program)
	if err != nil {
		return encounter{}, err
	}
	var room *cgroup
	if ours {
		command, environment, room, err = s.confine(command, environment)
		if err != nil {
			return encounter{}, err
		}
	}
	server, err := startChild(name, []int{s.cpus.server}, at.dir, environment, command)
	if err != nil {
		return encounter{}, err
	}
	e, err := s.besiege(ctx, a, at, server)
	server.stop()
	if room != nil {
		var failed error
		e.killed, failed = room.killed()
		err = errors.Join(err, failed, room.remove())
	}
	return e, err
}

// confine has a command run with few files, and in a cgroup of its own where one can be made.
func (s *suite) confine(command, environment []string) (argv, env []string, room *cgroup, err error) {
	script, members := `ulimit -n "$1" && shift 2 && exec "$@"`, ""
	if s.noPlace == nil {
		room, err = s.places.make("attack", memoryLimit)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("making a cgroup: %w", err)
		}
		script, members = `echo $$ >"$2" && `+script, room.members()
	}
	if !s.places.seen {
		environment = append(environment, "GOMEMLIMIT="+strconv.Itoa(memoryLimit/10*9)) // as the server would choose
	}
	argv = append([]string{"/bin/sh", "-c", script, "sh", strconv.Itoa(s.files), members}, command...)
	return argv, environment, room, nil
}

// besiege asks a server while it is attacked.
func (s *suite) besiege(ctx context.Context, a assault, at site, server *child) (e encounter, err error) {
	stream, rate := "auth", s.rate
	if a.work.forwards() {
		stream, rate = "miss", s.rate/2
	}
	err = server.awaitAnswer(ctx, loopback(at.port), firstOf(stream), patience)
	if err != nil {
		if ctx.Err() != nil {
			return e, ctx.Err()
		}
		return encounter{ended: err.Error()}, nil
	}
	if a.kind == "" {
		e, err = s.ask(ctx, at, server, stream, rate)
		e.afterwards(ctx, a, at, server, stream)
		return e, err
	}
	port := at.port
	if a.port != nil {
		port = a.port(at)
	}
	attackers, err := s.attackers(a.kind, port)
	if err != nil {
		return e, err
	}
	e, err = s.ask(ctx, at, server, stream, rate)
	attackers.stop()
	if err == nil && e.ended == "" {
		e.raid, e.unheard, err = raidOf(attackers)
		e.afterwards(ctx, a, at, server, stream)
	}
	return e, err
}

// ask is the clients that may ask.
func (s *suite) ask(ctx context.Context, at site, server *child, stream string, rate float64) (e encounter, err error) {
	err = sleep(ctx, gather)
	if err != nil {
		return e, err
	}
	before, err := s.cpus.read()
	if err != nil {
		return e, err
	}
	seen := &witness{dns: loopback(at.port).String(), stream: stream, patience: attackTCP}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var both errgroup.Group
	both.Go(func() error { return seen.run(watching) })
	e.result, err = s.generator.generate(ctx, "-server", loopback(at.port).String(), "-stream", stream, "-seed", "7",
		"-process", strconv.Itoa(server.pid()), "-measure", s.measure.String(), "-rate", fmt.Sprint(rate),
		"-lanes", "8", "-window", "256", "-timeout", "2s", "-drain", "-warm", "100ms")
	stop()
	failed := both.Wait()
	e.witness = seen.tcp
	after, unread := s.cpus.read()
	e.others = after.others(before)
	if server.over() {
		e.ended = "it has ended" + server.lastWords()
		return e, nil
	}
	err = errors.Join(err, failed, unread)
	if err != nil {
		return e, err
	}
	use, err := load.UsageOf(server.pid())
	e.peak = use.PeakRSS
	return e, err
}

// afterwards sees whether the server has come through.
func (e *encounter) afterwards(ctx context.Context, a assault, at site, server *child, stream string) {
	until := time.Now().Add(answering)
	for {
		err := load.Ask(firstOf(stream)(), loopback(at.port), 200*time.Millisecond)
		if err == nil && a.check != nil {
			err = a.check(ctx, at)
		}
		if err == nil {
			break
		}
		if time.Now().After(until) || ctx.Err() != nil {
			e.silent = err.Error()
			break
		}
	}
	if server.over() {
		e.ended = "it has ended" + server.lastWords()
		return
	}
	use, err := load.UsageOf(server.pid())
	if err == nil {
		e.peak = max(e.peak, use.PeakRSS)
	}
}

// raidOf reads what attackers that have stopped say of themselves: nothing, where they had to be
// killed, as nothing was left to them of their processor.
func raidOf(c *child) (r raid, unheard bool, err error) {
	text, err := os.ReadFile(c.output)
	if err != nil {
		return raid{}, false, err
	}
	if len(text) == 0 {
		return raid{}, true, nil
	}
	err = json.Unmarshal(text, &r)
	if err != nil {
		return raid{}, false, fmt.Errorf("reading what the attackers have done: %w%s", err, c.lastWords())
	}
	return r, false, nil
}
