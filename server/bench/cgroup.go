//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroups is where cgroups with a bound on memory can be made.
type cgroups struct {
	parent  string // directory
	unified bool   // version 2
	seen    bool   // the server finds it where it looks, below /sys/fs/cgroup
}

// findCgroups finds a place: below the cgroup of this process, at the top, or in a mount of
// its own in dir, which takes root. The error says why there is none.
func findCgroups(dir string) (cgroups, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return cgroups{}, fmt.Errorf("finding a cgroup: %w", err)
	}
	var why []error
	for _, c := range candidates(string(text)) {
		err = c.try()
		if err == nil {
			return c, nil
		}
		why = append(why, err)
	}
	for _, c := range []cgroups{
		{parent: filepath.Join(dir, "cgroup1")}, {parent: filepath.Join(dir, "cgroup2"), unified: true},
	} {
		err = c.mount()
		if err == nil {
			return c, nil
		}
		why = append(why, err)
	}
	return cgroups{}, fmt.Errorf("no cgroup with a bound on memory can be made here: %w", errors.Join(why...))
}

// candidates are where the kernel's list of a process's cgroups says that they are mounted.
func candidates(list string) []cgroups {
	var all []cgroups
	for line := range strings.Lines(list) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3) // number, controllers, path
		if len(fields) < 3 {
			continue
		}
		var mounts []string
		unified := fields[1] == ""
		switch {
		case unified:
			mounts = []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}
		case strings.Contains(","+fields[1]+",", ",memory,"):
			mounts = []string{"/sys/fs/cgroup/memory"}
		}
		for _, m := range mounts {
			for _, at := range []string{filepath.Join(m, fields[2]), m} {
				all = append(all, cgroups{at, unified, true})
			}
		}
	}
	return all
}

// mount mounts the controller of memory, where it is mounted nowhere.
func (c cgroups) mount() error {
	err := os.MkdirAll(c.parent, 0o755)
	if err != nil {
		return err
	}
	kind, options := "cgroup", "memory"
	if c.unified {
		kind, options = "cgroup2", ""
	}
	err = unix.Mount("cgroup", c.parent, kind, 0, options)
	if err != nil {
		return fmt.Errorf("mounting %s at %s: %w", kind, c.parent, err)
	}
	err = c.try()
	if err != nil {
		return errors.Join(err, c.unmount())
	}
	return nil
}

// unmount undoes mount; it does nothing elsewhere.
func (c cgroups) unmount() error {
	if c.seen || c.parent == "" {
		return nil
	}
	return unix.Unmount(c.parent, unix.MNT_DETACH)
}

func (c cgroups) try() error {
	g, err := c.make("probe", 64<<20)
	if err != nil {
		return err
	}
	return g.remove()
}

// make makes a cgroup with a bound on memory, in octets.
func (c cgroups) make(name string, limit int64) (*cgroup, error) {
	if c.unified {
		// It is on already, or the kernel says below why it can't be had.
		_ = os.WriteFile(filepath.Join(c.parent, "cgroup.subtree_control"), []byte("+memory"), 0)
	}
	g := &cgroup{dir: filepath.Join(c.parent, fmt.Sprintf("inside53-bench-%d-%s", os.Getpid(), name)), unified: c.unified}
	err := os.Mkdir(g.dir, 0o755)
	if err != nil {
		return nil, err
	}
	file := "memory.limit_in_bytes"
	if c.unified {
		file = "memory.max"
	}
	err = os.WriteFile(filepath.Join(g.dir, file), []byte(strconv.FormatInt(limit, 10)), 0)
	if err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

// cgroup is one that was made.
type cgroup struct {
	dir     string
	unified bool
}

// members is the file that a process writes its id to, to be in it.
func (g *cgroup) members() string { return filepath.Join(g.dir, "cgroup.procs") }

// killed is how many processes ended for want of memory.
func (g *cgroup) killed() (int, error) {
	file := "memory.oom_control"
	if g.unified {
		file = "memory.events"
	}
	text, err := os.ReadFile(filepath.Join(g.dir, file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 2 && fields[0] == "oom_kill" {
			return strconv.Atoi(fields[1])
		}
	}
	return 0, fmt.Errorf("%s in %s says nothing of oom_kill", file, g.dir)
}

// remove removes it, when its processes have ended; the kernel may be a little late.
func (g *cgroup) remove() error {
	var err error
	for range 50 {
		err = os.Remove(g.dir)
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}
