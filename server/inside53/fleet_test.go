package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"inside53/examples"
	"inside53/zonesource/awssim"
)

// clan is a simulated AWS with a bucket, and processes of one fleet on it.
type clan struct {
	sim     *awssim.Sim
	url     string
	members []*clansman
}

// clansman is one process of a fleet.
type clansman struct {
	*stateServer
	name string
}

func newClan(t *testing.T, n int) *clan {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Data: examples.Demo(), Reads: awssim.Unlimited(), Changes: awssim.Unlimited()})
	if err == nil {
		err = sim.CreateBucket("fleet")
	}
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	c := &clan{sim: sim, url: web.URL}
	for i := range n {
		c.members = append(c.members, c.start(t, fmt.Sprintf("m%d", i+1)))
	}
	return c
}

// start starts a member.
func (c *clan) start(t *testing.T, name string) *clansman {
	t.Helper()
	text := strings.ReplaceAll(stateConfig, "STATE", filepath.Join(t.TempDir(), "state"))
	key := "{name: fleet, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}"
	text = strings.Replace(text, "keys: [", "keys: ["+key+", ", 1)
	text += "fleet: {name: " + name + ", store: s3://fleet/prod, keys: [fleet]}\n"
	config := write(t, text)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := spawnWith(t, func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL="+c.url) }, self,
		"serve", "--config", config)
	return &clansman{begun(t, p), name}
}

// answers checks that a known name has its address.
func (m *clansman) answers(t *testing.T) {
	t.Helper()
	if got := ask(t, m.dns, known); got != knownAddress {
		t.Errorf("%s: %s has the address %q", m.name, known, got)
	}
}

// leader waits until one of the members leads, as it says itself, and returns it.
func (c *clan) leader(t *testing.T, of ...*clansman) *clansman {
	t.Helper()
	var leader *clansman
	eventually(t, "a member leads", func() bool {
		for _, m := range of {
			if strings.Contains(m.get(t, "/metrics"), "\ninside53_fleet_leader 1\n") {
				leader = m
			}
		}
		return leader != nil
	})
	return leader
}

// TestFleetLeaderKilled kills who leads: the others serve on, one of them leads within 15 seconds,
// and what changed meanwhile is served.
func TestFleetLeaderKilled(t *testing.T) {
	c := newClan(t, 3)
	first := c.leader(t, c.members...)
	var left []*clansman
	for _, m := range c.members {
		m.answers(t)
		if m != first {
			left = append(left, m)
		}
	}
	first.signal(t, syscall.SIGKILL)
	began, ttl := time.Now(), int64(60)
	_, err := c.sim.Change("Z0731658FW9JB6C8QTRG", awssim.Change{Action: "CREATE", RecordSet: awssim.RecordSet{
		Name: "after.example.net.", Type: "A", TTL: &ttl,
		ResourceRecords: []awssim.ResourceRecord{{Value: "10.7.0.9"}}}})
	if err != nil {
		t.Fatal(err)
	}
	second := c.leader(t, left...)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("%s led after %v", second.name, took)
	}
	for _, m := range left {
		eventually(t, m.name+" serves the change", func() bool { return ask(t, m.dns, "after.example.net.") == "10.7.0.9" })
		m.answers(t)
	}
	var out, errs strings.Builder
	code := run(t.Context(), []string{"fleet", "--admin", "http://" + left[0].admin}, &out, &errs)
	if code != exitDone || !strings.Contains(out.String(), "leads, epoch 2") || !strings.Contains(out.String(), "m1") {
		t.Errorf("fleet: exit code %d, %q, %q", code, out.String(), errs.String())
	}
	// Asked to, the leader lets another lead.
	code = run(t.Context(), []string{"fleet", "step-down", "--admin", "http://" + second.admin}, &out, &errs)
	if code != exitDone {
		t.Errorf("step-down: exit code %d, %q", code, errs.String())
	}
	began = time.Now()
	var third *clansman
	for _, m := range left {
		if m != second {
			third = c.leader(t, m)
		}
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("%s led %v after the step-down", third.name, took)
	}
	// Whoever is asked hands that on to who leads.
	code = run(t.Context(), []string{"fleet", "step-down", "--admin", "http://" + second.admin}, &out, &errs)
	if code != exitDone {
		t.Errorf("step-down of %s by way of %s: exit code %d, %q", third.name, second.name, code, errs.String())
	}
}
