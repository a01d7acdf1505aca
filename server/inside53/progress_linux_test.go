package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal, and returns its end for a program, and what it has shown once that end is closed.
func terminal(t *testing.T) (program *os.File, shown func() string) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	var reading sync.WaitGroup
	reading.Go(func() {
		for buffer := make([]byte, 4096); ; {
			n, err := person.Read(buffer)
			text.Write(buffer[:n])
			if err != nil {
				return // the program has ended
			}
		}
	})
	return program, func() string {
		_ = program.Close()
		reading.Wait()
		_ = person.Close()
		return text.String()
	}
}

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
		{"export json --config " + config + " --dir " + filepath.Join(t.TempDir(), "out"), []string{"reading the list of hosted zones"}},
		{"record import example.net " + zone + " --yes", []string{"reading example.net.", "sending batch 1 of 1", "waiting for INSYNC"}},
		{"record add example.net b A 10.0.0.2", []string{"waiting for INSYNC"}},
	} {
		end, shown := terminal(t)
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		p := spawnWith(t, func(c *exec.Cmd) {
			c.Env = append(c.Env, "AWS_ENDPOINT_URL="+endpoint)
			c.Stderr = end
		}, self, strings.Fields(tt.args)...)
		code := p.wait(t)
		text := shown()
		for _, want := range tt.want {
			if code != exitDone || !strings.Contains(text, want) || !strings.HasSuffix(text, "\r\x1b[K") {
				t.Errorf("%s: code %d, %q isn't in %q", tt.args, code, want, text)
			}
		}
	}
}
