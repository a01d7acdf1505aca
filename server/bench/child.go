//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"inside53/server/bench/load"
)

// processors are the two that everything runs on: one for the server and one for all
// that is not measured.
type processors struct{ server, rest int }

// findProcessors takes the first two that this process may use.
func findProcessors() (processors, error) {
	var set unix.CPUSet
	err := unix.SchedGetaffinity(0, &set)
	if err != nil {
		return processors{}, fmt.Errorf("reading which processors there are: %w", err)
	}
	var usable []int
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			usable = append(usable, i)
		}
	}
	if len(usable) < 2 {
		return processors{}, fmt.Errorf("there are %d processors: the server needs one and the generator another",
			len(usable))
	}
	return processors{usable[0], usable[1]}, nil
}

// child is a process that was started.
type child struct {
	name    string
	command *exec.Cmd
	output  string // file with what it said
	ended   chan error
	since   time.Time
}

// startChild starts a program on those processors, in dir, where its output goes too.
func startChild(name string, on []int, dir string, environment, argv []string) (*child, error) {
	c := &child{name: name, command: exec.Command(argv[0], argv[1:]...), output: filepath.Join(dir, "output"),
		ended: make(chan error, 1)}
	out, err := os.Create(c.output)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	c.command.Dir, c.command.Stdout, c.command.Stderr = dir, out, out
	c.command.Env = append(os.Environ(), environment...)
	c.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL} // none outlives us
	c.since = time.Now()
	err = onProcessors(on, c.command.Start)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() { c.ended <- c.command.Wait() }()
	return c, nil
}

// onProcessors calls start on a thread that runs on those processors alone, which what
// it starts inherits.
func onProcessors(on []int, start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, only unix.CPUSet
	err := unix.SchedGetaffinity(0, &before)
	if err != nil {
		return err
	}
	for _, p := range on {
		only.Set(p)
	}
	err = unix.SchedSetaffinity(0, &only)
	if err != nil {
		return err
	}
	return errors.Join(start(), unix.SchedSetaffinity(0, &before))
}

// over reports whether the process has ended.
func (c *child) over() bool {
	select {
	case err := <-c.ended:
		c.ended <- err
		return true
	default:
		return false
	}
}

func (c *child) pid() int { return c.command.Process.Pid }

// awaitAnswer asks until the answer is right.
func (c *child) awaitAnswer(ctx context.Context, server netip.AddrPort, stream func() load.Stream,
	patience time.Duration) error {
	for {
		err := load.Ask(stream(), server, 50*time.Millisecond)
		if err == nil {
			return nil
		}
		if time.Since(c.since) > patience {
			return fmt.Errorf("%s does not answer: %w%s", c.name, err, c.lastWords())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-c.ended:
			c.ended <- err
			return fmt.Errorf("%s has ended: %w%s", c.name, err, c.lastWords())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// lastWords is the end of what the program said.
func (c *child) lastWords() string {
	text, err := os.ReadFile(c.output)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return ""
	}
	text = bytes.TrimSpace(text[max(0, len(text)-800):])
	return ", saying:\n  " + strings.ReplaceAll(string(text), "\n", "\n  ")
}

// stop ends the process, by force if it goes on.
func (c *child) stop() {
	_ = c.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(-c.pid(), syscall.SIGKILL)
		<-c.ended
	}
}

// generator runs 'bench generate' on its processors.
type generator struct {
	self string // this program
	on   []int
}

// generate asks with those flags.
func (g generator) generate(ctx context.Context, args ...string) (load.Result, error) {
	command := exec.CommandContext(ctx, g.self, append([]string{"generate"}, args...)...)
	command.Env = append(os.Environ(), "GOGC=off")
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err := onProcessors(g.on, command.Start)
	if err == nil {
		err = command.Wait()
	}
	if err != nil {
		return load.Result{}, fmt.Errorf("running bench generate: %w: %s", err, bytes.TrimSpace(errs.Bytes()))
	}
	var r load.Result
	err = json.Unmarshal(out.Bytes(), &r)
	if err != nil {
		return load.Result{}, fmt.Errorf("reading what bench generate printed: %w", err)
	}
	return r, nil
}

func loopback(port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
}
