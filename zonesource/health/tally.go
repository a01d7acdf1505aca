package health

import (
	"fmt"
	"time"

	"inside53/resolver/zone"
)

// outcome is what came of one probe.
type outcome struct {
	ok bool
	// untried says that no probe was made, since it isn't allowed: then nothing
	// is known from here.
	untried bool
	why     string // "HTTP 503", "connection refused"
}

// count is what the probes of one endpoint have shown.
type count struct {
	threshold int
	interval  time.Duration

	ever      bool // it has succeeded from here
	healthy   bool // the state, before inversion
	since     time.Time
	seen      time.Time // end of the last probe
	why       string    // of the last probe
	failures  int       // in a row
	successes int       // in a row

	flipped time.Time // when it became unhealthy
	before  time.Time // since when it had been healthy then
}

// lostLeast is the fewest endpoints of which more than half can mean that the server
// has lost its way. Of one or two, failing is no sign of it.
const lostLeast = 3

// tally turns the outcomes of probes into states. It has no clock, and is not for
// concurrent use.
type tally struct {
	counts map[string]*count
	// lost holds the endpoints that were healthy when the local source was lost; nil
	// while it isn't.
	lost map[string]bool
}

// record takes the outcome of a probe that ended at a time, and reports whether a state
// has changed.
func (t *tally) record(id string, at time.Time, o outcome) bool {
	c := t.counts[id]
	if c == nil {
		return false
	}
	c.seen, c.why = at, o.why
	switch {
	case o.untried:
		was := c.ever
		*c = count{threshold: c.threshold, interval: c.interval, seen: at, why: o.why}
		t.drop(id)
		return was
	case o.ok:
		return t.succeed(c, at)
	}
	return t.fail(c, at)
}

// succeed takes a success. The first one is what makes the endpoint known.
func (t *tally) succeed(c *count, at time.Time) bool {
	c.failures = 0
	c.successes++
	changed := false
	switch {
	case !c.ever:
		c.ever, changed = true, true
	case !c.healthy && t.lost == nil && c.successes >= c.threshold:
		changed = true
	}
	if changed {
		c.healthy, c.since = true, at
	}
	return t.recover() || changed
}

// fail takes a failure; the one that reaches the threshold makes the endpoint
// unhealthy, or shows that the local source is lost.
func (t *tally) fail(c *count, at time.Time) bool {
	c.successes = 0
	c.failures++
	if !c.ever || !c.healthy || t.lost != nil || c.failures < c.threshold {
		return false
	}
	if t.lose(c, at) {
		return true
	}
	c.healthy, c.before, c.since, c.flipped = false, c.since, at, at
	return true
}

// longestProbe is an interval that a probe may be late by.
const longestProbe = 15 * time.Second

// lose looks whether more than half of what was healthy a threshold of c ago is failing
// now; what isn't probed any more, or wasn't yet, says nothing. Then all of it is healthy
// again, as it was: states freeze.
func (t *tally) lose(c *count, at time.Time) bool {
	window := time.Duration(c.threshold) * c.interval
	was, failing := map[string]bool{}, 0
	for id, k := range t.counts {
		fell := !k.healthy && at.Sub(k.flipped) <= window
		if !k.ever || !k.healthy && !fell || at.Sub(k.seen) > k.interval+longestProbe {
			continue
		}
		was[id] = true
		if fell || k.failures > 0 {
			failing++
		}
	}
	if len(was) < lostLeast || 2*failing <= len(was) {
		return false
	}
	for id := range was {
		k := t.counts[id]
		if !k.healthy {
			k.healthy, k.since, k.flipped = true, k.before, time.Time{}
		}
	}
	t.lost = was
	return true
}

// recover ends the loss once more than half of what was healthy answers again. What
// doesn't answer has a whole threshold of its own from then on.
func (t *tally) recover() bool {
	if t.lost == nil {
		return false
	}
	answering := 0
	for id := range t.lost {
		if t.counts[id].failures == 0 {
			answering++
		}
	}
	if 2*answering <= len(t.lost) && len(t.lost) > 0 {
		return false
	}
	for id := range t.lost {
		t.counts[id].failures = 0
	}
	t.lost = nil
	return true
}

// watch begins to count an endpoint, or takes its new pace.
func (t *tally) watch(d *definition) {
	c := t.counts[d.ID]
	if c == nil {
		c = &count{}
		t.counts[d.ID] = c
	}
	c.threshold, c.interval = d.Threshold, d.Interval
}

// forget drops all that is known of an endpoint.
func (t *tally) forget(id string) {
	delete(t.counts, id)
	t.drop(id)
}

// drop takes an endpoint out of the reckoning of a loss.
func (t *tally) drop(id string) {
	if t.lost[id] {
		delete(t.lost, id)
		t.recover()
	}
}

// observation is what the probes say of a check.
func (t *tally) observation(d *definition) zone.Observation {
	c := t.counts[d.ID]
	if c == nil {
		return zone.Observation{Why: "not probed"}
	}
	o := zone.Observation{Known: c.ever, Healthy: c.ever && c.healthy != d.Inverted, Since: c.since, Seen: c.seen,
		Why: c.why}
	switch {
	case c.seen.IsZero():
		o.Why = "not probed yet"
	case !c.ever && c.failures > 0:
		o.Why = c.why + "; it has never answered from here, and doesn't count till it does"
	case t.lost[d.ID] && c.failures > 0:
		o.Why = c.why + "; state frozen: most endpoints are silent from here"
	case c.ever && c.healthy && c.failures > 0:
		o.Why = fmt.Sprintf("%s, %d of %d in a row", c.why, c.failures, c.threshold)
	case c.ever && !c.healthy && c.successes > 0:
		o.Why = fmt.Sprintf("%s, %d of %d in a row", c.why, c.successes, c.threshold)
	}
	if c.ever && d.Inverted {
		o.Why += ", inverted"
	}
	return o
}
