//go:build linux

package load

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Usage is what a process and all below it have used.
type Usage struct {
	CPU       time.Duration // user and system, of ended children too
	RSS       int64         // octets; pages that processes share count for each
	PeakRSS   int64         // octets, the sum of each process's peak
	Processes int
}

// tick is the unit of times in /proc on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// process is one line of the table of processes.
type process struct {
	parent int
	cpu    time.Duration
}

// UsageOf reads what the process with that id and its descendants have used so far.
func UsageOf(pid int) (Usage, error) {
	table, err := processes()
	if err != nil {
		return Usage{}, err
	}
	_, there := table[pid]
	if !there {
		return Usage{}, fmt.Errorf("reading what process %d has used: no such process", pid)
	}
	var u Usage
	for id, p := range table {
		if !descends(table, id, pid) {
			continue
		}
		u.CPU += p.cpu
		u.Processes++
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", id))
		if err != nil {
			continue // it has ended since
		}
		u.RSS += kilobytes(status, "VmRSS:")
		u.PeakRSS += kilobytes(status, "VmHWM:")
	}
	return u, nil
}

func descends(table map[int]process, id, ancestor int) bool {
	for id > 1 {
		if id == ancestor {
			return true
		}
		id = table[id].parent
	}
	return false
}

func processes() (map[int]process, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	table := make(map[int]process, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended since
		}
		id, p, err := parseStat(text)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		table[id] = p
	}
	return table, nil
}

// parseStat reads a line of proc_pid_stat(5). The name, in brackets, may hold spaces
// and brackets of its own.
func parseStat(text []byte) (int, process, error) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return 0, process{}, fmt.Errorf("no name in %q", text)
	}
	id, err := strconv.Atoi(string(bytes.TrimSpace(text[:open])))
	if err != nil {
		return 0, process{}, err
	}
	fields := bytes.Fields(text[end+1:]) // from field 3, state
	if len(fields) < 15 {
		return 0, process{}, fmt.Errorf("%d fields after the name are too few", len(fields))
	}
	parent, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return 0, process{}, err
	}
	p := process{parent: parent}
	for _, field := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, process{}, err
		}
		p.cpu += time.Duration(n) * tick
	}
	return id, p, nil
}

// kilobytes returns a line of proc_pid_status(5), in octets; 0 when it isn't there.
func kilobytes(status []byte, key string) int64 {
	_, rest, found := bytes.Cut(status, []byte(key))
	fields := bytes.Fields(rest)
	if !found || len(fields) == 0 {
		return 0
	}
	n, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}
