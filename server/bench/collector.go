//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// gcCycle is one line of GODEBUG=gctrace=1.
type gcCycle struct {
	at    time.Duration // since the start of the program
	pause time.Duration // both times that the world stood
	cpu   time.Duration // of all phases but what idle processors gave
}

// traceLine is, as the package runtime has it: gc # @#s #%: #+#+# ms clock,
// #+#/#/#+# ms cpu, ... The clock's first and last are pauses; the cpu's are sweep
// termination, assist / background / idle mark, and mark termination.
var traceLine = regexp.MustCompile(`(?m)^gc \d+ @([0-9.]+)s \d+%: ([0-9.]+)\+([0-9.]+)\+([0-9.]+) ms clock, ([0-9.]+)\+([0-9.]+)/([0-9.]+)/([0-9.]+)\+([0-9.]+) ms cpu`)

// parseTrace reads the cycles among what a program said.
func parseTrace(text string) []gcCycle {
	var cycles []gcCycle
	for _, m := range traceLine.FindAllStringSubmatch(text, -1) {
		at := func(i int, unit time.Duration) time.Duration {
			v, _ := strconv.ParseFloat(m[i], 64) // it is digits and dots
			return time.Duration(v * float64(unit))
		}
		ms := time.Millisecond
		cycles = append(cycles, gcCycle{
			at:    at(1, time.Second),
			pause: at(2, ms) + at(4, ms),
			cpu:   at(5, ms) + at(6, ms) + at(7, ms) + at(9, ms),
		})
	}
	return cycles
}

// shareOf returns what part of one processor the collector took in that time.
func shareOf(cycles []gcCycle, in time.Duration) float64 {
	var all time.Duration
	for _, c := range cycles {
		all += c.cpu
	}
	return all.Seconds() / in.Seconds()
}

// changingZone is a master file of 10,000 records that is replaced again and again.
type changingZone struct{ path string }

func newChangingZone(at site) (*changingZone, error) {
	z := &changingZone{filepath.Join(at.dir, "changing.zone")}
	return z, z.write(0)
}

// change writes a new version each churnPause, until ctx ends.
func (z *changingZone) change(ctx context.Context) error {
	for version := 1; ; version++ {
		if sleep(ctx, churnPause) != nil {
			return nil // the end was asked for
		}
		err := z.write(version)
		if err != nil {
			return err
		}
	}
}

// write replaces the file at once. Every address tells the version.
func (z *changingZone) write(version int) error {
	var b strings.Builder
	b.WriteString("$TTL 60\n@ IN SOA ns1 host 1 3600 600 86400 60\n@ IN NS ns1\nns1 IN A 10.255.0.1\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "host-%05d IN A 10.%d.%d.%d\n", i, version%256, i>>8, i&255)
	}
	err := os.WriteFile(z.path+".new", []byte(b.String()), 0o644)
	if err != nil {
		return err
	}
	return os.Rename(z.path+".new", z.path)
}
