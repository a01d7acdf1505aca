//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"inside53/server/bench/dataset"
)

// sweep is what grows, with all else at rest.
type sweep struct {
	name        string
	small, full []int
	account     func(n int) dataset.Scale
	// sections are those of the configuration, beside what every point has; dir is for its files.
	sections func(n int, dir string) (string, error)
	change   func(ctx context.Context, p *point, version int) error // one change; the versions count from 1
	cycle    string                                                 // the call that a cycle begins with; "": seconds
	besides  string                                                 // the call of some cycles that do more; "": none do
	still    func(sections string) string                           // the same without cycles, where a change needs none
}

const (
	scaleRoute53 = "route53: { requests_per_second: 100000, refresh: 1s }\n"
	scaleSecret  = "c2NhbGUgYmVuY2htYXJrIGtleQ=="
	scaleKeys    = "keys: [{ name: bench., algorithm: hmac-sha256, secret: " + scaleSecret + " }]\n"
	scaleUpdates = scaleKeys +
		"updates: [{ zone: %s, keys: [bench.], names: [\"*\"], types: [A], clients: [127.0.0.0/8] }]\n"
)

// atRest are sections whose data aren't read again.
func atRest(sections string) string {
	return strings.ReplaceAll(sections, "refresh: 1s", "refresh: 24h")
}

// scalePaired is what is measured besides the sweeps: see measurePairs.
const scalePaired = "paired"

// sweeps are all that is swept. Their full settings are those of the budgets.
func sweeps() []sweep {
	updated := func(more string) func(int, string) (string, error) {
		return func(int, string) (string, error) {
			return scaleRoute53 + fmt.Sprintf(scaleUpdates, dataset.ScaleZoneID(0)) + more, nil
		}
	}
	return []sweep{
		{name: "zones", small: []int{10, 30, 100}, full: []int{10, 100, 1000}, cycle: "ListHostedZones",
			account:  func(n int) dataset.Scale { return dataset.Scale{Zones: n, Records: 20} },
			sections: updated(""), change: updateRecord, still: atRest},
		{name: "records", small: []int{1000, 3000, 10_000}, full: []int{1000, 10_000, 100_000}, cycle: "ListHostedZones",
			account:  func(n int) dataset.Scale { return dataset.Scale{Zones: 1, Records: n} },
			sections: updated(""), change: updateRecord, still: atRest},
		{name: "instances", small: []int{100, 300, 1000}, full: []int{100, 2000, 20_000}, cycle: "DescribeVpcs",
			account: func(n int) dataset.Scale { return dataset.Scale{Instances: n} },
			sections: func(int, string) (string, error) {
				return fmt.Sprintf("ec2: { regions: [%s], refresh: 1s, names: [tag], max_age: 24h }\n", dataset.Region), nil
			}, change: changeTag},
		{name: "views", small: []int{1, 5, 20}, full: []int{1, 20, 200}, cycle: "ListHostedZones",
			account: func(int) dataset.Scale { return dataset.Scale{Zones: 20, Records: 20} },
			sections: func(n int, _ string) (string, error) {
				return scaleRoute53 + fmt.Sprintf(scaleUpdates, dataset.ScaleZoneID(0)) + scaleViews(n), nil
			}, change: updateRecord, still: atRest},
		{name: "files", small: []int{100, 300, 1000}, full: []int{100, 2000, 20_000},
			account: func(int) dataset.Scale { return dataset.Scale{} }, sections: zoneFiles, change: changeFile},
		{name: "checks", small: []int{10, 50, 200}, full: []int{10, 200, 2000}, cycle: "GetMetricData",
			besides: "ListHealthChecks",
			account: func(n int) dataset.Scale { return dataset.Scale{Zones: 1, Checks: n} },
			sections: func(int, string) (string, error) {
				// A reading is up to half a second: with more time than that each fifth cycle, no other, lists.
				return scaleRoute53 + "health_checks: { source: aws, refresh: 1500ms }\n", nil
			}, change: flipCheck},
		{name: "transfers", small: []int{1, 5, 20}, full: []int{1, 5, 20}, cycle: "ListHostedZones",
			account: func(int) dataset.Scale { return dataset.Scale{Zones: 50, Records: 20} },
			sections: func(n int, _ string) (string, error) {
				text := scaleRoute53 + fmt.Sprintf(scaleUpdates, dataset.ScaleZoneID(0)) + scaleViews(n) + "transfers:\n"
				for i := range n {
					text += fmt.Sprintf("  - { view: view-%03d, zones: [\"*\"], keys: [bench.], clients: [127.0.0.0/8] }\n", i)
				}
				return text, nil
			}, change: updateRecord, still: atRest},
	}
}

// scaleViews are n views that all see the VPC's zones.
func scaleViews(n int) string {
	var b strings.Builder
	b.WriteString("views:\n")
	for i := range n {
		clients := fmt.Sprintf("10.%d.0.0/16", i)
		if i == 0 {
			clients = "127.0.0.0/8"
		}
		fmt.Fprintf(&b, "  - { name: view-%03d, clients: [%s], vpcs: [%s], region: %s, addresses: private }\n", i, clients,
			dataset.VPC, dataset.Region)
	}
	return b.String()
}

// scaleFile is a zone file of one host.
func scaleFile(i, version int) string {
	return fmt.Sprintf("$ORIGIN file-%05d.%s\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\n"+
		"ns A 10.0.0.1\nhost A 10.1.0.%d\n", i, dataset.Zone, version)
}

func zoneFiles(n int, dir string) (string, error) {
	var b strings.Builder
	b.WriteString("zonefiles:\n")
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("file-%05d.zone", i))
		err := os.WriteFile(path, []byte(scaleFile(i, 0)), 0o644)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "  - { origin: file-%05d.%s, file: %q }\n", i, dataset.Zone, path)
	}
	return b.String(), nil
}

// runScale measures how costs grow with what there is.
func runScale(ctx context.Context, flags *flag.FlagSet, args []string, stdout, stderr io.Writer) error {
	program := flags.String("inside53", "bin/inside53", "our `program`")
	size := flags.String("size", "small", "how far it goes: `small or full`")
	only := flags.String("only", "", "the `sweep` to run alone, or paired")
	table := flags.String("table", "", "`file` for the table (Markdown)")
	chart := flags.String("chart", "", "`file` for the chart (SVG)")
	err := parse(flags, args)
	if err != nil {
		return err
	}
	if *size != "small" && *size != "full" {
		return fmt.Errorf("-size %q: write small or full", *size)
	}
	path, err := filepath.Abs(*program)
	if err != nil {
		return err
	}
	var all []measured
	for _, s := range sweeps() {
		if *only != "" && s.name != *only {
			continue
		}
		m := measured{sweep: s}
		settings := s.small
		if *size == "full" {
			settings = s.full
		}
		for _, n := range settings {
			fmt.Fprintf(stderr, "%s: %d\n", s.name, n)
			c, err := measurePoint(ctx, path, s, n, pacingOf(*size))
			if err != nil {
				return fmt.Errorf("%d %s: %w", n, s.name, err)
			}
			m.settings, m.costs = append(m.settings, n), append(m.costs, c)
		}
		all = append(all, m)
	}
	if len(all) == 0 && *only != scalePaired {
		return fmt.Errorf("-only %q: no such sweep", *only)
	}
	text := ""
	if len(all) > 0 {
		text = scaleTable(all)
	}
	var pairs []pairing
	if *only == "" || *only == scalePaired {
		pairs, err = measurePairs(ctx, path, pairSizeOf(*size), stderr)
		if err != nil {
			return err
		}
		text += pairTable(pairSizeOf(*size), pairs)
	}
	if *table != "" {
		err = os.WriteFile(*table, []byte(text), 0o644)
	}
	if *chart != "" {
		err = errors.Join(err, os.WriteFile(*chart, scaleChart(all), 0o644))
	}
	_, written := io.WriteString(stdout, text)
	return errors.Join(err, written, scaleFaults(all), pairFaults(pairs))
}
