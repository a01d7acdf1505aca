//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"inside53/server/bench/dataset"
	"inside53/zonesource/awssim"
)

// inside53 writes a configuration with those sections beside listen and admin, and
// returns the command.
func inside53(s site, program, sections string) ([]string, error) {
	admin := ""
	if s.admin > 0 {
		admin = loopback(s.admin).String()
	}
	path, err := s.put("inside53.yaml", `listen: { dns: ["127.0.0.1:%d"] }
admin: %q
state_dir: %s
drain: 0s
%s`, s.port, admin, s.dir, sections)
	return []string{program, "serve", "--config", path}, err
}

// plain is inside53 as the peers are: a zone file, or an upstream.
func plain(s site, program string) ([]string, error) {
	if s.work.forwards() {
		return inside53(s, program, fmt.Sprintf(
			"cache: { entries: 500000 }\nforward:\n  - { zone: \".\", upstreams: [\"127.0.0.1:%d\"] }\n", s.upstream))
	}
	return inside53(s, program, fmt.Sprintf("zonefiles:\n  - { origin: %s, file: %q }\n", dataset.Zone, s.zoneFile))
}

// split is inside53 with what dataset.WriteAWS wrote, 20 views and an upstream.
func split(s site, program string) ([]string, error) {
	return inside53(s, program, fmt.Sprintf(`route53: { requests_per_second: 10000, refresh: 24h }
ec2: { regions: [%s], refresh: 24h, max_age: 24h }
allow: [private]
%sforward:
  - { zone: ".", upstreams: ["127.0.0.1:%d"] }
`, dataset.Region, twentyViews(), s.upstream))
}

// manyZones is inside53 with what dataset.WriteManyZones wrote.
func manyZones(s site, program, views string) ([]string, error) {
	return inside53(s, program, "route53: { requests_per_second: 100000, refresh: 24h }\n"+views)
}

// twentyViews is the section views: all see the private zones of one VPC.
func twentyViews() string {
	var b strings.Builder
	b.WriteString("views:\n")
	for i := range 20 {
		clients := fmt.Sprintf("10.%d.0.0/16", i)
		if i == 0 {
			clients = "127.0.0.0/8"
		}
		fmt.Fprintf(&b, "  - { name: view-%02d, clients: [%s], vpcs: [%s], addresses: private }\n", i, clients, dataset.VPC)
	}
	return b.String()
}

// cloud is the simulated AWS, in this process.
type cloud struct {
	url    string
	sim    *awssim.Sim
	cancel context.CancelFunc
	ended  chan error
}

// newCloud serves the files of a data directory.
func newCloud(data fs.FS) (*cloud, error) {
	sim, err := awssim.New(awssim.Options{Data: data, Reads: awssim.Unlimited(), Changes: awssim.Unlimited(),
		HealthStatus: awssim.Unlimited(), Inventory: awssim.Unlimited()})
	if err != nil {
		return nil, fmt.Errorf("simulating AWS: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("simulating AWS: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &cloud{sim: sim, url: "http://" + l.Addr().String(), cancel: cancel, ended: make(chan error, 1)}
	go func() { c.ended <- sim.Run(ctx, l) }()
	return c, nil
}

func (c *cloud) close() error {
	c.cancel()
	err := <-c.ended
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// environment is what the SDK of a child has to know. Nothing of the machine's own
// accounts reaches it.
func (c *cloud) environment() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + c.url, "AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=",
		"AWS_REGION=" + dataset.Region, "AWS_PROFILE=", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
}

// patience is how long a server may take to its first right answer.
const patience = 2 * time.Minute
