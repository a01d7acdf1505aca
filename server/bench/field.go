//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"inside53/server/bench/dataset"
	"inside53/server/bench/load"
)

// streams are what is asked in each workload, where no row says otherwise.
var streams = map[workload]string{auth: "auth", tcp: "auth", cache: "cache", miss: "miss"}

// field is the servers of one workload, all running: the others are idle while one is
// measured.
type field struct {
	*comparison
	work     workload
	upstream int // its port
	started  []*child
	rows     []*row
}

// stop ends the servers.
func (f *field) stop() {
	for _, s := range f.started {
		s.stop()
	}
}

// fill starts every server that there is for the workload. A peer that does not start
// is named and left out; ours has to.
func (f *field) fill(ctx context.Context) error {
	err := f.add(ctx, ourName, true, func(s site) ([]string, error) { return plain(s, f.program) })
	if err != nil {
		return err
	}
	for _, p := range f.found {
		if !slices.Contains(p.works, f.work) {
			continue
		}
		err = f.add(ctx, p.name, false, func(s site) ([]string, error) { return p.argv(s, p.path) })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			fmt.Fprintf(f.progress, "%s: not measured: %v\n", p.name, err)
		}
	}
	if f.work == auth {
		return f.addVariants(ctx)
	}
	return nil
}

// add starts a server and makes its row.
func (f *field) add(ctx context.Context, name string, ours bool, argv func(site) ([]string, error)) error {
	server, err := f.start(ctx, name, nil, argv, streams[f.work])
	if err != nil {
		return err
	}
	r := &row{name: name, ours: ours, stream: streams[f.work], tcp: f.work == tcp, server: server,
		rounds: make(map[int]load.Result)}
	if f.work == cache {
		r.warm = []string{"-stream", "warm", "-once", "-lanes", "2", "-window", "16"}
	}
	f.rows = append(f.rows, r)
	return nil
}

// start starts a server and waits for its first right answer.
func (f *field) start(ctx context.Context, name string, environment []string, argv func(site) ([]string, error),
	stream string) (*running, error) {
	s, err := f.siteOf(name, f.work)
	if err != nil {
		return nil, err
	}
	s.upstream = f.upstream
	command, err := argv(s)
	if err != nil {
		return nil, err
	}
	server, err := startChild(name, []int{f.cpus.server}, s.dir, environment, command)
	if err != nil {
		return nil, err
	}
	f.started = append(f.started, server)
	return &running{server, s.port}, server.awaitAnswer(ctx, loopback(s.port), firstOf(stream), patience)
}

// addVariants starts inside53 with all that its views, layers, policies and aliases
// can cost. The same server is asked in three ways.
func (f *field) addVariants(ctx context.Context) error {
	dir := filepath.Join(f.dir, "aws-split")
	err := dataset.WriteAWS(dir)
	if err != nil {
		return err
	}
	cloud, err := newCloud(os.DirFS(dir))
	if err != nil {
		return err
	}
	server, err := f.start(ctx, ourName+" split", cloud.environment(),
		func(s site) ([]string, error) { return split(s, f.program) }, "split")
	if err != nil {
		return err
	}
	err = server.awaitAnswer(ctx, loopback(server.port), firstOf("alias"), patience)
	if err != nil {
		return err
	}
	for _, v := range []struct{ name, stream string }{
		{"20 views, overlay, translation", "split"}, {"weighted records", "weighted"}, {"warm aliases", "alias"},
	} {
		f.rows = append(f.rows, &row{name: ourName + ", " + v.name, ours: true, stream: v.stream, server: server,
			warm: []string{"-measure", time.Second.String()}, rounds: make(map[int]load.Result)})
	}
	return cloud.close() // what was read stays, and nothing disturbs
}
