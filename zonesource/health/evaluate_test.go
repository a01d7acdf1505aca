package health

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/resolver/zone"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestDecide(t *testing.T) {
	up := zone.Observation{Known: true, Healthy: true, Seen: noon, Since: noon, Why: "1"}
	down := zone.Observation{Known: true, Seen: noon, Since: noon, Why: "0"}
	gap := zone.Observation{Healthy: false, Seen: noon.Add(-10 * time.Minute), Why: "no data point"}
	gapUp := gap
	gapUp.Healthy = true
	longGap := gap
	longGap.Seen = noon.Add(-time.Hour)
	none := zone.Observation{}
	oldDown := zone.Observation{Known: true, Seen: noon.Add(-15 * time.Minute), Since: noon.Add(-time.Hour), Why: "0"}
	olderUp := zone.Observation{Known: true, Healthy: true, Seen: noon.Add(-time.Hour), Since: noon.Add(-time.Hour),
		Why: "1"}
	// What the probes say: the outcomes of one endpoint with threshold 1.
	const never, good, bad, unknown = "-x", "x", "x -x", ""
	tests := []struct {
		name    string
		config  definition
		aws     zone.Observation
		local   string
		healthy string // in the modes aws, local, both
		why     string // in mode both
	}{
		{"nothing known", definition{}, none, unknown, "+++", "nothing is known"},
		{"never answered here", definition{}, none, never, "+++", "nothing is known"},
		{"never answered here, AWS says down", definition{}, down, never, "-+-", "aws: 0"},
		{"all well", definition{}, up, good, "+++", "aws: 1"},
		{"down here", definition{}, up, bad, "+--", "local: because; AWS says healthy"},
		{"down there", definition{}, down, good, "-+-", "aws: 0; the local probe says healthy"},
		{"down", definition{}, down, bad, "---", "local: because"},
		{"AWS away", definition{}, none, bad, "+--", "local: because"},
		{"AWS away, well here", definition{}, none, good, "+++", "local: because"},
		{"no data point", definition{}, gap, unknown, "-+-", "unhealthy as it last was"},
		{"no data point, well here", definition{}, gap, good, "-++", "local: because"},
		{"no data point for long", definition{}, longGap, unknown, "+++", "nothing says otherwise"},
		{"no data point, well before", definition{}, gapUp, unknown, "+++", "nothing says otherwise"},
		{"down when AWS was last read", definition{}, oldDown, unknown, "-+-", "aws: 0"},
		{"down when AWS was last read, well here", definition{}, oldDown, good, "-++",
			"local: because; AWS said unhealthy, but can't be read since 11:45:00"},
		{"down when AWS was last read, down here", definition{}, oldDown, bad, "---", "local: because"},
		{"well when AWS was last read, well here", definition{}, olderUp, good, "+++", "aws: 1"},
		{"inverted", definition{Inverted: true}, none, good, "+--", "inverted"},
		{"inverted, down", definition{Inverted: true}, none, bad, "+++", "inverted"},
		{"inverted, AWS has inverted", definition{Inverted: true}, up, unknown, "+++", "aws: 1"},
		{"inverted, never answered here", definition{Inverted: true}, none, never, "+++", "nothing is known"},
		{"disabled", definition{Disabled: true}, down, bad, "+++", "disabled"},
		{"disabled and inverted", definition{Disabled: true, Inverted: true}, up, good, "---", "disabled and inverted"},
		{"no endpoint to probe", definition{Fault: "0 is no port"}, down, unknown, "-+-", "aws: 0"},
		{"alarm", definition{Type: types.HealthCheckTypeCloudwatchMetric}, down, unknown, "---", "aws: 0"},
		{"routing control", definition{Type: types.HealthCheckTypeRecoveryControl}, up, unknown, "+++", "aws: 1"},
	}
	for _, tt := range tests {
		d := tt.config
		d.ID, d.Threshold, d.Interval = "x", 1, 10*time.Second
		if d.Type == "" {
			d.Type = types.HealthCheckTypeTcp
		}
		r := newRun(t, 1, "x")
		r.round(strings.Fields(tt.local)...)
		got, why := "", ""
		for _, mode := range []Mode{AWS, Local, Both} {
			c := &check{definition: d}
			if mode.asks(d.Type) {
				c.aws = tt.aws
			}
			result := evaluate(mode, noon, map[string]*check{"x": c}, &r.tally)["x"]
			got += map[bool]string{true: "+", false: "-"}[result.Healthy]
			why = result.Why
			if why == "" || result.AWS != c.aws || mode == AWS && result.Local.Known {
				t.Errorf("%s, %s: %+v", tt.name, mode, result)
			}
		}
		if got != tt.healthy || !strings.Contains(why, tt.why) {
			t.Errorf("%s: %s (%s), want %s (%s)", tt.name, got, why, tt.healthy, tt.why)
		}
	}

	// What is new to AWS is unhealthy when it is inverted.
	for _, mode := range []Mode{AWS, Both} {
		c := &check{definition: definition{ID: "x", Type: types.HealthCheckTypeTcp, Inverted: true}, asked: true}
		result := evaluate(mode, noon, map[string]*check{"x": c}, &tally{})["x"]
		if result.Healthy || !strings.Contains(result.Why, "new") {
			t.Errorf("new and inverted: %+v", result)
		}
	}
}

// TestCalculated writes trees as "id threshold children...", ! before an id inverts it; leaves are
// up, down and away.
func TestCalculated(t *testing.T) {
	tests := []struct {
		name  string
		tree  []string
		want  bool
		why   string // contained
		known bool
	}{
		{"all of two", []string{"top 2 up up2"}, true, "2 of 2 children healthy, 2 needed", true},
		{"one down", []string{"top 2 up down"}, false, "1 of 2 children healthy, 2 needed; unhealthy: down", true},
		{"many down", []string{"top 4 down a b up c d", "a 1 down", "b 1 down", "c 1 down", "d 1 down"}, false,
			"1 of 6 children healthy, 4 needed; unhealthy: down, a, b and 2 more", true},
		{"one is enough", []string{"top 1 up down"}, true, "1 of 2", true},
		{"none needed", []string{"top 0 down"}, true, "0 of 1 children healthy, 0 needed", true},
		{"more than there are", []string{"top 3 up up2"}, false, "2 of 2 children healthy, 3 needed", true},
		{"a child that isn't there counts as healthy", []string{"top 1 nobody"}, true, "1 of 1", true},
		{"inverted", []string{"!top 1 up"}, false, "inverted", true},
		{"inverted child", []string{"top 1 mid", "!mid 1 up"}, false, "0 of 1", true},
		{"five deep", []string{"top 1 a", "a 1 b", "b 1 c", "c 1 d", "d 1 down"}, false, "0 of 1", true},
		{"shared children", []string{"top 2 a b", "a 1 up down", "b 1 up down"}, true, "2 of 2", true},
		{"itself", []string{"top 1 top"}, true, "", false},
		{"a loop of three", []string{"top 1 a", "a 1 b", "b 1 top"}, true, "", false},
		{"a loop below", []string{"top 2 a down", "a 1 b", "b 1 a"}, false, "1 of 2", true},
		{"a loop and a leaf", []string{"top 1 top down"}, true, "", false},
	}
	for _, tt := range tests {
		r := newRun(t, 1, "up", "up2", "down")
		r.round("up", "up2", "down")
		r.round("-down")
		for _, mode := range []Mode{Local, Both} {
			checks := map[string]*check{}
			for _, leaf := range []string{"up", "up2", "down"} {
				checks[leaf] = &check{definition: definition{ID: leaf, Type: types.HealthCheckTypeTcp}}
			}
			for _, line := range tt.tree {
				words := strings.Fields(line)
				d := definition{ID: strings.TrimPrefix(words[0], "!"), Type: types.HealthCheckTypeCalculated,
					Inverted: words[0][0] == '!', Children: words[2:]}
				_, err := fmt.Sscan(words[1], &d.HealthThreshold)
				if err != nil {
					t.Fatal(err)
				}
				checks[d.ID] = &check{definition: d}
			}
			got := evaluate(mode, noon, checks, &r.tally)["top"]
			if got.Healthy != tt.want || got.Local.Known != tt.known || !strings.Contains(got.Local.Why, tt.why) {
				t.Errorf("%s, %s: %+v", tt.name, mode, got)
			}
			if !tt.known && !strings.Contains(got.Local.Why, "its own descendant") {
				t.Errorf("%s, %s: %+v", tt.name, mode, got)
			}
			// The state keeps its age.
			checks["top"].result = got
			again := evaluate(mode, noon.Add(time.Hour), checks, &r.tally)["top"]
			if tt.known && !again.Local.Since.Equal(noon) {
				t.Errorf("%s, %s: since %s", tt.name, mode, again.Local.Since)
			}
			checks["top"].definition.Disabled = true
			if off := evaluate(mode, noon, checks, &r.tally)["top"]; off.Healthy == checks["top"].definition.Inverted {
				t.Errorf("%s, disabled: %+v", tt.name, off)
			}
		}
	}
	c := &check{definition: definition{ID: "top", Type: types.HealthCheckTypeCalculated, Children: []string{"x"},
		HealthThreshold: 1}, aws: zone.Observation{Known: true, Seen: noon, Why: "0"}}
	got := evaluate(AWS, noon, map[string]*check{"top": c}, &tally{})["top"]
	if got.Healthy || got.Local.Known {
		t.Errorf("in mode aws: %+v", got)
	}
	got = evaluate(Both, noon, map[string]*check{"top": c}, &tally{})["top"]
	if got.Healthy || !got.Local.Healthy || !strings.Contains(got.Why, "the local probe says healthy") {
		t.Errorf("AWS says down: %+v", got)
	}
}

func TestSeen(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	up := point{at: at(0), healthy: true, complete: true}
	steps := []struct {
		name           string
		p              point
		known, healthy bool
		since, last    time.Time
	}{
		{"first", up, true, true, at(0), at(0)},
		{"again", point{at(1), true, true}, true, true, at(0), at(1)},
		{"older", point{at(-1), false, true}, true, true, at(0), at(1)},
		{"the answer was cut short", point{}, true, true, at(0), at(1)},
		{"down", point{at(2), false, true}, true, false, at(2), at(2)},
		{"gap", point{complete: true}, false, false, at(2), at(2)},
		{"still down", point{at(9), false, true}, true, false, at(2), at(9)},
		{"up", point{at(10), true, false}, true, true, at(10), at(10)},
	}
	var o zone.Observation
	for _, s := range steps {
		o = seen(o, s.p)
		if o.Known != s.known || o.Healthy != s.healthy || !o.Since.Equal(s.since) || !o.Seen.Equal(s.last) || o.Why == "" {
			t.Errorf("%s: %+v", s.name, o)
		}
	}
}
