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

	"inside53/server/bench/dataset"
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
var traceLine = regexp.MustCompile(`(?m)^gc \d+ @([0-9.]+)s \d+%: ([0-9.]+)\+([0-9.]+)\+([0-9.]+) ms clock, ` +
	`([0-9.]+)\+([0-9.]+)/([0-9.]+)/([0-9.]+)\+([0-9.]+) ms cpu`)

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

// changingZones are master files of 10,000 records that are replaced again and again.
type changingZones struct{ paths []string }

func newChangingZones(at site) (*changingZones, error) {
	z := new(changingZones)
	for i := range churnZones {
		z.paths = append(z.paths, filepath.Join(at.dir, fmt.Sprintf("changing-%d.zone", i)))
	}
	return z, z.write(0)
}

// sections is the part of the configuration with them, and with another file for the
// zone that is asked.
func (z *changingZones) sections(asked string) string {
	text := fmt.Sprintf("zonefiles:\n  - { origin: %s, file: %q }\n", dataset.Zone, asked)
	for i, path := range z.paths {
		text += fmt.Sprintf("  - { origin: changing-%d.internal, file: %q }\n", i, path)
	}
	return text
}

// change writes new versions each churnPause, until ctx ends.
func (z *changingZones) change(ctx context.Context) error {
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

// write replaces each file at once. Every address tells the version.
func (z *changingZones) write(version int) error {
	var b strings.Builder
	b.WriteString("$TTL 60\n@ IN SOA ns1 host 1 3600 600 86400 60\n@ IN NS ns1\nns1 IN A 10.255.0.1\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "host-%05d IN A 10.%d.%d.%d\n", i, version%256, i>>8, i&255)
	}
	for _, path := range z.paths {
		err := os.WriteFile(path+".new", []byte(b.String()), 0o644)
		if err == nil {
			err = os.Rename(path+".new", path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
