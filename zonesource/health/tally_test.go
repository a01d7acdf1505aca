package health

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// run is a tally and a clock.
type run struct {
	t     *testing.T
	tally tally
	now   time.Time
}

func newRun(t *testing.T, threshold int, ids ...string) *run {
	r := &run{t: t, tally: tally{counts: map[string]*count{}}, now: time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC)}
	for _, id := range ids {
		r.tally.watch(&definition{ID: id, Threshold: threshold, Interval: 10 * time.Second})
	}
	return r
}

// round probes: a name alone succeeds, one with - before it fails, with ? it isn't tried.
// All take place within one interval.
func (r *run) round(outcomes ...string) {
	for _, text := range outcomes {
		id := strings.TrimLeft(text, "-?")
		r.tally.record(id, r.now, outcome{ok: id == text, untried: text[0] == '?', why: "because"})
	}
	r.now = r.now.Add(10 * time.Second)
}

// want compares the states: + healthy, - unhealthy, ? unknown, in the order of the ids; a ! at
// the end says that the source is lost.
func (r *run) want(want string) {
	r.t.Helper()
	var ids []string
	for id := range r.tally.counts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	got := ""
	for _, id := range ids {
		o := r.tally.observation(&definition{ID: id})
		switch {
		case !o.Known:
			got += "?"
		case o.Healthy:
			got += "+"
		default:
			got += "-"
		}
	}
	if r.tally.lost != nil {
		got += "!"
	}
	if got != want {
		r.t.Errorf("states %s, want %s", got, want)
	}
}

func TestTallyThreshold(t *testing.T) {
	r := newRun(t, 3, "a")
	r.want("?")
	for range 5 {
		r.round("-a")
		r.want("?") // it has never succeeded: a rule may be missing
	}
	r.round("a")
	r.want("+")
	for range 3 {
		r.round("-a")
		r.round("-a")
		r.want("+")
		r.round("a")
	}
	r.round("-a")
	r.round("-a")
	r.round("-a")
	r.want("-")
	since := r.tally.counts["a"].since
	r.round("a")
	r.round("a")
	r.round("-a")
	r.round("a")
	r.round("a")
	r.want("-")
	if r.tally.counts["a"].since != since {
		t.Error("the state is newer than its change")
	}
	r.round("a")
	r.want("+")
	r.round("?a")
	r.want("?")
	r.round("-a")
	r.want("?")
}

func TestTallyLost(t *testing.T) {
	tests := []struct {
		name      string
		threshold int
		rounds    []string
		want      []string // after each
	}{
		{"one of three", 2, []string{"a b c", "-a b c", "-a b c"}, []string{"+++", "+++", "-++"}},
		{"two of three", 2, []string{"a b c", "-a -b c", "-a -b c", "-a -b c", "a -b c", "a -b c", "a -b c"},
			[]string{"+++", "+++", "+++!", "+++!", "+++", "+-+", "+-+"}},
		{"half of four", 1, []string{"a b c d", "-a -b c d"}, []string{"++++", "--++"}},
		{"more than half of four", 1, []string{"a b c d", "-a -b -c d"}, []string{"++++", "++++!"}},
		{"what fell before is of the same event", 3, []string{"a b c", "-a b c", "-a -b c", "-a -b c"},
			[]string{"+++", "+++", "+++", "+++!"}},
		{"both of two are no sign", 2, []string{"a b", "-a -b", "-a -b"}, []string{"++", "++", "--"}},
		{"the only one", 1, []string{"a", "-a"}, []string{"+", "-"}},
		{"what never succeeded doesn't count", 1, []string{"a b -c -d", "-a b -c -d"}, []string{"++??", "-+??"}},
		{"down for long is no part of it", 1,
			[]string{"a b c d e", "-a b c d e", "-a b c d e", "-a b c d e", "-a -b c d e", "-a -b c d e", "-a -b c d e",
				"-a -b -c d e"},
			[]string{"+++++", "-++++", "-++++", "-++++", "--+++", "--+++", "--+++", "---++"}},
		{"while lost the rest is frozen too", 1,
			[]string{"a b c d", "-a b c d", "-a b c d", "-a b c d", "-a -b -c d", "a -b -c d", "a -b c d"},
			[]string{"++++", "-+++", "-+++", "-+++", "-+++!", "-+++!", "-+++"}},
		{"half answering is not enough", 1, []string{"a b c d", "-a -b -c d", "-a -b c d", "-a b c d", "-a b c d"},
			[]string{"++++", "++++!", "++++!", "++++", "-+++"}},
		{"a newcomer", 1, []string{"a b c", "-a -b -c", "-a -b -c d"}, []string{"+++", "+++!", "+++" + "+!"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRun(t, tt.threshold, strings.Fields(strings.ReplaceAll(tt.rounds[0], "-", ""))...)
			for i, round := range tt.rounds {
				for _, text := range strings.Fields(round) {
					id := strings.TrimLeft(text, "-?")
					r.tally.watch(&definition{ID: id, Threshold: tt.threshold, Interval: 10 * time.Second})
				}
				r.round(strings.Fields(round)...)
				r.want(tt.want[i])
			}
		})
	}
}

// TestTallyLostRestores takes back what was changed before the loss could be seen, with its age.
func TestTallyLostRestores(t *testing.T) {
	r := newRun(t, 1, "a", "b", "c", "d", "e")
	began := r.now
	r.round("a", "b", "c", "d", "e")
	r.tally.record("a", r.now, outcome{why: "timeout"})
	r.tally.record("b", r.now, outcome{why: "timeout"})
	r.want("--+++")
	r.tally.record("c", r.now, outcome{why: "timeout"})
	r.want("+++++!")
	for _, id := range []string{"a", "b", "c"} {
		o := r.tally.observation(&definition{ID: id})
		if !o.Since.Equal(began) || !strings.Contains(o.Why, "frozen") {
			t.Errorf("%s: %+v", id, o)
		}
	}
	// What is no longer probed doesn't keep the source lost.
	r.tally.forget("a")
	r.want("++++!")
	r.tally.forget("b")
	r.want("+++")
}

// TestTallyNotProbed takes endpoints that are no longer looked at for no sign of health.
func TestTallyNotProbed(t *testing.T) {
	r := newRun(t, 2, "a", "b", "c", "x", "y", "z")
	r.round("a", "b", "c", "x", "y", "z")
	for range 10 {
		r.round("a", "b", "c")
	}
	r.round("-a", "-b", "c")
	r.round("-a", "-b", "c")
	r.want("++++++!")
}

func TestObservationWords(t *testing.T) {
	r := newRun(t, 2, "a")
	o := r.tally.observation(&definition{ID: "none"})
	if o.Known || o.Why != "not probed" {
		t.Errorf("%+v", o)
	}
	steps := []struct{ outcome, why string }{
		{"", "not probed yet"}, {"-a", "never answered"}, {"a", "because"}, {"-a", "1 of 2"}, {"-a", "because"},
		{"a", "1 of 2"},
	}
	for _, s := range steps {
		if s.outcome != "" {
			r.round(s.outcome)
		}
		o := r.tally.observation(&definition{ID: "a"})
		inverted := r.tally.observation(&definition{ID: "a", Inverted: true})
		if !strings.Contains(o.Why, s.why) || o.Known &&
			(inverted.Healthy == o.Healthy || !strings.Contains(inverted.Why, "inverted")) {
			t.Errorf("after %s: %+v, inverted %+v", s.outcome, o, inverted)
		}
	}
	if changed := r.tally.record("none", r.now, outcome{}); changed {
		t.Error("what isn't watched changes something")
	}
}
