//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"inside53/resolver/freeport"
	"inside53/server/bench/dataset"
	"inside53/server/bench/load"
)

// savedState makes a state directory with 1,000,000 records in 500 zones, by letting
// inside53 read them from a simulated AWS.
type savedState struct {
	program   string
	dir       string // where to
	processor int
	progress  io.Writer
}

// madeState is such a directory, and an environment in which AWS is away.
type madeState struct {
	dir         string
	environment []string
}

// make returns when all is saved. AWS is away then: what is measured afterwards is
// the saved data alone.
func (s savedState) make(ctx context.Context) (madeState, error) {
	fmt.Fprintln(s.progress, "  saving 500 zones of 2000 records")
	data, m := filepath.Join(s.dir, "aws-many"), madeState{dir: filepath.Join(s.dir, "state")}
	err := dataset.WriteManyZones(data)
	if err == nil {
		err = os.MkdirAll(m.dir, 0o755)
	}
	if err != nil {
		return madeState{}, err
	}
	cloud, err := newCloud(os.DirFS(data))
	if err != nil {
		return madeState{}, err
	}
	m.environment = cloud.environment()
	err = s.fill(ctx, m)
	if err != nil {
		return madeState{}, err
	}
	return m, cloud.close()
}

// fill runs inside53 until it serves every zone, and ends it, which saves the rest.
func (s savedState) fill(ctx context.Context, m madeState) error {
	port, err := freeport.Find()
	if err != nil {
		return err
	}
	argv, err := manyZones(site{work: bulk, dir: m.dir, port: port}, s.program, "")
	if err != nil {
		return err
	}
	server, err := startChild("inside53 on a simulated AWS", []int{s.processor}, m.dir, m.environment, argv)
	if err != nil {
		return err
	}
	defer server.stop()
	for zone := range dataset.ManyZones {
		err = server.awaitAnswer(ctx, loopback(port), func() load.Stream { return dataset.HostOf(zone) }, 3*patience)
		if err != nil {
			return err
		}
	}
	return sleep(ctx, 2*time.Second)
}
