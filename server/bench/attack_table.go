//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"inside53/server/bench/load"
)

// judged is an attack that ours and a peer have borne.
type judged struct {
	assault      assault
	ours, theirs encounter
	peer         string // "" is none
	fault        string // what ours missed
}

// peace reports whether nobody attacks.
func (a assault) peace() bool { return a.kind == "" && !a.lies }

// setting is what has a peace of its own: what a server serves, and whether it has AWS.
type setting struct {
	work  workload
	cloud bool
}

func (a assault) setting() setting { return setting{a.work, a.cloud} }

// slack is the share of answers, and the answers by TCP, that a machine may lose at any moment.
const (
	slack    = 0.002
	slackTCP = 1
)

// judge says what ours missed: it has to come through, within its memory, and to lose no more
// answers of those who may ask than its peer does, or, where there is none, than in peace.
func (j judged) judge(peace encounter) string {
	o, beside := j.ours, peace
	if j.peer != "" && j.theirs.ended == "" {
		beside = j.theirs
	}
	if j.peer == "" && beside.isDisturbed() {
		beside.result, beside.witness = load.Result{}, asked{} // peace loses nothing by itself
	}
	allowed := beside.lost() + o.slack()
	grown := (o.peak - peace.peak) >> 20
	switch {
	case o.ended != "":
		return o.ended
	case o.killed > 0:
		return fmt.Sprintf("the kernel ended %d of its processes for want of memory", o.killed)
	case o.silent != "":
		return "it doesn't answer afterwards: " + o.silent
	case o.peak > memoryLimit:
		return fmt.Sprintf("its memory was %d MiB, %d are what it may have", o.peak>>20, memoryLimit>>20)
	case !j.assault.peace() && peace.peak > 0 && grown > j.assault.bound:
		return fmt.Sprintf("its memory grew by %d MiB, the bound is %d", grown, j.assault.bound)
	case o.lost() > allowed:
		return fmt.Sprintf("%.2f %% of the answers were lost%s, %.2f %% beside it", 100*o.lost(), faultOf(o),
			100*beside.lost())
	case o.witness.failed > beside.witness.failed+slackTCP:
		return fmt.Sprintf("%d of %d questions by TCP failed, %d of %d beside it", o.witness.failed, o.witness.asked,
			beside.witness.failed, beside.witness.asked)
	}
	return ""
}

// slack is the share of answers that may be lost for no reason.
func (e encounter) slack() float64 {
	all := float64(e.result.Answered + e.result.Lost + e.result.Bad)
	return max(slack, 2/max(1, all)) + 1e-9 // shares are rounded
}

// lost is the share of the answers that didn't come, or were wrong.
func (e encounter) lost() float64 {
	if e.ended != "" {
		return 1
	}
	return 1 - e.result.Share()
}

func faultOf(e encounter) string {
	if e.result.Fault == "" {
		return ""
	}
	return " or wrong (" + e.result.Fault + ")"
}

// attackTable is all that was borne, in Markdown.
func (s *suite) attackTable(all []judged, took time.Duration) string {
	var b strings.Builder
	place := fmt.Sprintf("a cgroup of %d MiB", memoryLimit>>20)
	if s.noPlace != nil {
		place = "no cgroup"
	}
	fmt.Fprintf(&b, "Measured %s on %s, in %s; inside53 with %s and %d files; each attack for %s beside 1,000 queries "+
		"a second of a zone, or 500 of new names that are forwarded. The load of the machine was %s.\n\n",
		time.Now().UTC().Format(time.DateOnly), machine(), took.Round(time.Second), place, s.files, s.measure, loadAverage())
	b.WriteString("| attack | a second | server | asked | lost | p99, ms | by TCP, failed | CPU | others' CPU " +
		"| peak RSS, MiB | |\n" +
		"| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n")
	for _, j := range all {
		verdict := "borne"
		if j.fault != "" {
			verdict = "**missed**"
		}
		j.ours.row(&b, j.assault.name, ourName, verdict)
		if j.peer != "" {
			j.theirs.row(&b, "", j.peer, "")
		}
	}
	return b.String()
}

// loadAverage is what the machine did beside, of the last minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	first, _, found := strings.Cut(string(text), " ")
	if err != nil || !found {
		return "unknown"
	}
	return first
}

// row writes a line of the table.
func (e encounter) row(b *strings.Builder, attack, server, verdict string) {
	rate := "-"
	if e.raid.Seconds > 0 {
		rate = fmt.Sprintf("%.0f", float64(e.raid.Count)/e.raid.Seconds)
	}
	r := e.result
	if e.ended != "" {
		fmt.Fprintf(b, "| %s | %s | %s | - | all | - | - | - | - | - | %s, has ended |\n", attack, rate, server, verdict)
		return
	}
	lost := strconv.FormatUint(r.Lost+r.Bad, 10)
	if r.Bad > 0 {
		lost += fmt.Sprintf(", of them %d wrong (%s)", r.Bad, r.Fault)
	}
	fmt.Fprintf(b, "| %s | %s | %s | %d | %s | %.1f | %d, %d | %.0f %% | %.0f %% | %d | %s |\n", attack, rate, server,
		r.Answered+r.Lost+r.Bad, lost, r.P99/1000, e.witness.asked, e.witness.failed, 100*r.Util,
		100*e.others, e.peak>>20, verdict)
}
