package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const ordinalsConfig = `
listen: {dns: ["127.0.0.1:0"]}
admin: ""
state_dir: %q
drain: 0s
ec2: {regions: [eu-west-1], refresh: 100ms, names: ["{asg}-{ordinal}"]}
`

// groupOf describes running instances of the group web, in the order of their launch.
func groupOf(ids ...string) []byte {
	var all []string
	for _, id := range ids {
		n := strings.TrimPrefix(id, "i-")
		all = append(all, fmt.Sprintf(`{"InstanceId":%q,"VpcId":"vpc-0a1b2c3d4e5f60718","PrivateIpAddress":"10.0.1.20%s",
			"LaunchTime":"2026-01-01T00:00:0%sZ","State":{"Name":"running"},
			"Tags":[{"Key":"aws:autoscaling:groupName","Value":"web"}]}`, id, n, n))
	}
	return []byte(`{"Reservations":[{"ReservationId":"r-1","Instances":[` + strings.Join(all, ",") + `]}]}`)
}

// TestExportHostsOrdinals: a member of a group has the number in hosts files that it has in DNS: the
// server's, where its data can be read, and else in a watch the one that it had.
func TestExportHostsOrdinals(t *testing.T) {
	sim := simulate(t)
	state := filepath.Join(t.TempDir(), "state")
	config, alone := write(t, fmt.Sprintf(ordinalsConfig, state)), write(t, fmt.Sprintf(ordinalsConfig, state+"-none"))
	running := func(ids ...string) {
		t.Helper()
		err := sim.Replace("eu-west-1/describe-instances.json", groupOf(ids...))
		if err != nil {
			t.Fatal(err)
		}
	}
	running("i-1", "i-2", "i-3")
	k := &killable{t: t, config: config, url: os.Getenv("AWS_ENDPOINT_URL")}
	k.start()
	defer k.kill()

	watched := filepath.Join(t.TempDir(), "hosts")
	ctx, stop := context.WithTimeout(t.Context(), 60*time.Second)
	ended := make(chan int, 1)
	go func() {
		var out, errs bytes.Buffer
		ended <- run(ctx, []string{"export", "hosts", "--config", alone, "--region", "eu-west-1", "--output", watched,
			"--watch"}, &out, &errs)
	}()
	defer func() {
		stop()
		<-ended
	}()
	lines := func(text string) []string {
		var all []string
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "10.0.1.20") {
				all = append(all, strings.Join(strings.Fields(line)[:2], " "))
			}
		}
		slices.Sort(all)
		return all
	}
	has := func(what string, text func() string, want ...string) {
		t.Helper()
		eventually(t, fmt.Sprintf("%s has %q", what, want), func() bool { return slices.Equal(lines(text()), want) })
	}
	once := func() string { return exportsHosts(t, "--config", config, "--region", "eu-west-1") }
	watch := func() string {
		text, _ := os.ReadFile(watched) // it is made soon
		return string(text)
	}
	all := []string{"10.0.1.201 web-1.internal", "10.0.1.202 web-2.internal", "10.0.1.203 web-3.internal"}
	has("the file", once, all...)
	has("the watched file", watch, all...)
	running("i-2", "i-3")
	has("the file", once, all[1:]...)
	has("the watched file", watch, all[1:]...)
	running("i-2", "i-3", "i-4")
	has("the file", once, append(slices.Clone(all[1:]), "10.0.1.204 web-1.internal")...)
	has("the watched file", watch, append(slices.Clone(all[1:]), "10.0.1.204 web-1.internal")...)
}
