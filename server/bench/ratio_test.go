//go:build linux

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"inside53/server/bench/load"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{5, 1, 3}, spread{3, 1, 5}},
		{[]float64{4, 1, 2, 9}, spread{3, 1, 9}},
	} {
		if got := spreadOf(c.values); got != c.want {
			t.Errorf("%v: %v, want %v", c.values, got, c.want)
		}
	}
}

// A ratio is of one round: the rounds of a machine that slows down by half do not mix.
func TestPairedRatio(t *testing.T) {
	ours := map[int]float64{0: 4, 1: 8, 2: 4, 3: 100}
	theirs := map[int]float64{0: 5, 1: 10, 2: 8, 4: 1}
	got, ok := pairedRatio(ours, theirs)
	if !ok || math.Abs(got.median-0.8) > 1e-9 || got.least != 0.5 || got.most != 0.8 {
		t.Errorf("got %v, %t", got, ok)
	}
	_, ok = pairedRatio(ours, map[int]float64{9: 1, 0: 0})
	if ok {
		t.Error("there is a ratio without a common round")
	}
}

// costing is a row with those processor times.
func costing(name string, ours bool, micros ...float64) *row {
	r := &row{name: name, ours: ours, rounds: make(map[int]load.Result)}
	for i, us := range micros {
		r.rounds[i] = load.Result{Seconds: 1, Answered: 1000, CPU: us, Util: 1}
	}
	return r
}

func TestReport(t *testing.T) {
	o := outcome{auth, []*row{costing("inside53", true, 4, 8), costing("Knot <&>", false, 5, 10),
		costing("inside53, weighted", true, 5, 10), costing("away", false)}}
	o.rows[3].rounds[0] = load.Result{Seconds: 1, Lost: 10}
	for i, want := range []string{"1", "0.80 (0.80-0.80)", "1.25 (1.25-1.25), of the first", "-"} {
		if got := o.ratioText(o.rows[i]); got != want {
			t.Errorf("%s: %q, want %q", o.rows[i].name, got, want)
		}
	}
	o.rows = o.rows[:3]
	c := &comparison{rounds: 2, missing: []peer{{name: "NSD", install: "apt-get install nsd"}}}
	text := c.report([]outcome{o})
	for _, want := range []string{"NSD was not measured", "`apt-get install nsd`",
		"| Knot <&> | 7.50 (5.00-10.00) | 0.80 (0.80-0.80) | 1.00 | 100.00 % | 0 | 0 | 0 |"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report is without %q:\n%s", want, text)
		}
	}
	d := xml.NewDecoder(strings.NewReader(string(drawChart([]outcome{o}))))
	bars := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the chart is no XML: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			bars++
		}
	}
	if bars != 1+len(o.rows) {
		t.Errorf("the chart has %d rectangles, want a ground and %d bars", bars, len(o.rows))
	}
}

func TestParseTrace(t *testing.T) {
	got := parseTrace(`level=INFO msg="gc 1"
gc 7 @2.500s 1%: 0.10+20+0.30 ms clock, 0.10+1.0/2.0/9.0+0.30 ms cpu, 100->120->60 MB, 120 MB goal, 0 MB stacks, 0 MB globals, 1 P
gc 8 @3.000s 1%: 1.0+20+2.0 ms clock, 1.0+0/5.0/0+2.0 ms cpu, 100->120->60 MB, 120 MB goal, 0 MB stacks, 0 MB globals, 1 P (forced)
`)
	if len(got) != 2 || got[0].at != 2500*time.Millisecond || got[0].pause != 400*time.Microsecond ||
		got[0].cpu != 3400*time.Microsecond {
		t.Fatalf("read %+v", got)
	}
	if share := shareOf(got, 100*time.Millisecond); math.Abs(share-0.114) > 1e-9 {
		t.Errorf("the collector's share is %g, want 0.114", share)
	}
}
