package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestProgressOnTerminal: long work says on a terminal how far it is, and leaves the line empty.
func TestProgressOnTerminal(t *testing.T) {
	simulate(t)
	endpoint := os.Getenv("AWS_ENDPOINT_URL")
	config := write(t, "ec2: { regions: [eu-west-1, us-east-1] }\n")
	zone := filepath.Join(t.TempDir(), "more.zone")
	replace(t, zone, "a.example.net. 60 IN A 10.0.0.1\n")
	for _, tt := range []struct {
		args string
		want []string
	}{
		{"export hosts --region eu-west-1 --config " + config,
			[]string{"reading the inventory: 2 of 2 regions", "reading the list of hosted zones"}},
		{"export json --config " + config + " --dir " + filepath.Join(t.TempDir(), "out"),
			[]string{"reading the inventory of eu-west-1"}},
		{"record import example.net " + zone + " --yes",
			[]string{"reading public zone example.net.", "sending batch 1 of 1", "waiting for INSYNC"}},
		{"record add example.net b A 10.0.0.2", []string{"waiting for INSYNC"}},
	} {
		master, slave := pseudoTerminal(t, 100)
		shown := onTerminal(master)
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		p := spawnWith(t, func(c *exec.Cmd) {
			c.Env = append(c.Env, "AWS_ENDPOINT_URL="+endpoint)
			c.Stderr = slave
		}, self, strings.Fields(tt.args)...)
		code := p.wait(t)
		_ = slave.Close()
		text := shown()
		for _, want := range tt.want {
			at := strings.Index(text, want)
			if code != exitDone || at < 0 || at > strings.LastIndex(text, "\r\x1b[K") {
				t.Errorf("%s: code %d, %q isn't in %q", tt.args, code, want, text)
			}
		}
	}
}
