//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// report is the tables of all workloads, in Markdown.
func (c *comparison) report(all []outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %s; %d rounds in turns%s. Versions: %s.\n", time.Now().UTC().Format(time.DateOnly),
		machine(), c.rounds, c.paceText(), c.versions())
	for _, p := range c.missing {
		fmt.Fprintf(&b, "%s was not measured: it is not installed (`%s`).\n", p.name, p.install)
	}
	for _, o := range all {
		if o.work == bulk {
			o.startTable(&b)
		} else {
			o.queryTable(&b)
			b.WriteString(notes[o.work])
		}
	}
	if c.rate == 0 {
		b.WriteString("\nThe latencies of the closed loop only tell how many queries were outstanding.\n")
	}
	return b.String()
}

// notes say what a reader has to know to compare fairly.
var notes = map[workload]string{
	miss: "\ndnsdist asks its upstream from four fixed ports; the others from random ones, as RFC 5452 wants it " +
		"(inside53 from eight at a time, each replaced after 128 queries).\n",
	tcp: "\nWhat inside53 saves here are system calls: it answers all queries of one read with one write.\n",
}

// paceText says how fast is asked.
func (c *comparison) paceText() string {
	if c.rate == 0 {
		return ""
	}
	return fmt.Sprintf(", %g queries a second", c.rate)
}

// queryTable has the processor time for an answer.
func (o outcome) queryTable(b *strings.Builder) {
	fmt.Fprintf(b, "\n### %s\n\n| server | us of CPU an answer | inside53 / server | util | answered | p50, us | p99, "+
		"us | peak RSS, MiB |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n", o.work)
	for _, r := range o.rows {
		var util, share, p50, p99 []float64
		var peak int64
		for _, result := range r.rounds {
			util, share = append(util, result.Util), append(share, 100*result.Share())
			p50, p99 = append(p50, result.P50), append(p99, result.P99)
			peak = max(peak, result.PeakRSS)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %.2f | %.2f %% | %.0f | %.0f | %d |\n", r.name,
			spreadOf(values(r.costs())), o.ratioText(r), spreadOf(util).median, spreadOf(share).median, spreadOf(p50).median,
			spreadOf(p99).median, peak>>20)
	}
}

// startTable has the times from start to the first right answer.
func (o outcome) startTable(b *strings.Builder) {
	fmt.Fprintf(b, "\n### %s: 1,000,000 records\n\n| server | s to the first right answer | inside53 (master file) / "+
		"server | s of CPU until then | RSS, MiB | peak RSS, MiB |\n| --- | ---: | ---: | ---: | ---: | ---: |\n", o.work)
	for _, r := range o.rows {
		var rss, peak []float64
		for _, result := range r.rounds {
			rss, peak = append(rss, float64(result.RSS>>20)), append(peak, float64(result.PeakRSS>>20))
		}
		fmt.Fprintf(b, "| %s | %s | %s | %.2f | %.0f | %.0f |\n", r.name, spreadOf(values(r.seconds)), o.ratioText(r),
			spreadOf(values(r.spent)).median, spreadOf(rss).median, spreadOf(peak).median)
	}
}

// ratioText says how ours, the first row, compares with r; for another way of ours
// how that compares with the first.
func (o outcome) ratioText(r *row) string {
	first := o.rows[0]
	if r == first {
		return "1"
	}
	s, ok := o.ratio(r)
	switch {
	case !ok:
		return "-"
	case r.ours:
		return s.String() + ", of the first"
	}
	return s.String()
}

// ratio returns ours divided by r's or, where r is ours too, r's by the first row's.
func (o outcome) ratio(r *row) (spread, bool) {
	ours, theirs := o.figures(o.rows[0]), o.figures(r)
	if r.ours {
		ours, theirs = theirs, ours
	}
	return pairedRatio(ours, theirs)
}

// figures returns what is compared, by round.
func (o outcome) figures(r *row) map[int]float64 {
	if o.work == bulk {
		return r.seconds
	}
	return r.costs()
}

// costs returns the processor time for an answer in each round that had some.
func (r *row) costs() map[int]float64 {
	costs := make(map[int]float64)
	for round, result := range r.rounds {
		if result.Answered > 0 {
			costs[round] = result.CPU
		}
	}
	return costs
}

func values(byRound map[int]float64) []float64 {
	var all []float64
	for _, v := range byRound {
		all = append(all, v)
	}
	return all
}

// machine describes where this runs.
func machine() string {
	model, kernel := "an unknown processor", "Linux"
	f, err := os.Open("/proc/cpuinfo")
	if err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			key, value, _ := strings.Cut(lines.Text(), ":")
			if strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err == nil {
		kernel = "Linux " + strings.TrimSpace(string(release))
	}
	return fmt.Sprintf("%d x %s, %s, %s", runtime.NumCPU(), model, kernel, runtime.Version())
}

// versions asks each program for its version.
func (c *comparison) versions() string {
	var all []string
	for _, p := range c.found {
		out, _ := exec.Command(p.path, p.version).CombinedOutput() // NSD exits with 1
		text, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		all = append(all, fmt.Sprintf("%s (%s)", p.name, text))
	}
	return strings.Join(all, ", ")
}
