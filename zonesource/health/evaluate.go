package health

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/resolver/zone"
)

// Mode says whose word counts.
type Mode string

// The modes.
const (
	AWS   Mode = "aws"
	Local Mode = "local"
	Both  Mode = "both"
)

// asks reports whether a check of this type is asked of AWS.
func (m Mode) asks(t types.HealthCheckType) bool {
	return m != Local || !isEndpoint(t) && t != types.HealthCheckTypeCalculated
}

// probes reports whether a check is probed.
func (m Mode) probes(d *definition) bool {
	return m != AWS && isEndpoint(d.Type) && !d.Disabled && d.Fault == ""
}

// holdUnknown is how long the absence of data points leaves AWS's last word standing.
const holdUnknown = time.Hour

// tooOld is the age at which AWS's word, when CloudWatch can't be read, no longer outweighs
// a probe that sees a healthy endpoint now. Where there is no probe, it stands.
const tooOld = 15 * time.Minute

// evaluation decides what counts, once for each check.
type evaluation struct {
	mode   Mode
	now    time.Time
	checks map[string]*check
	tally  *tally
	done   map[string]zone.Check
}

// evaluate returns the health of all checks. It changes nothing.
func evaluate(mode Mode, now time.Time, checks map[string]*check, t *tally) map[string]zone.Check {
	e := &evaluation{mode: mode, now: now, checks: checks, tally: t, done: make(map[string]zone.Check, len(checks))}
	for id := range checks {
		e.of(id)
	}
	return e.done
}

// of returns the health of one check. It goes no deeper than there are checks: those
// that lead back to themselves are ended here.
func (e *evaluation) of(id string) zone.Check {
	r, done := e.done[id]
	if done {
		return r
	}
	c := e.checks[id]
	if c == nil {
		return zone.Check{Healthy: true, Why: "it is not among the health checks"}
	}
	r = zone.Check{AWS: c.aws, Local: e.local(c)}
	r.Healthy, r.Why = e.decide(c, &r)
	e.done[id] = r
	return r
}

// local is what is known here of a check.
func (e *evaluation) local(c *check) zone.Observation {
	d := &c.definition
	switch {
	case e.mode == AWS:
		return zone.Observation{Why: "source is aws"}
	case d.Type == types.HealthCheckTypeCalculated:
		return e.calculate(c)
	case !isEndpoint(d.Type):
		return zone.Observation{Why: "only AWS can know"}
	case d.Fault != "":
		return zone.Observation{Why: "not probed: " + d.Fault}
	}
	return e.tally.observation(d)
}

// calculate counts the healthy children of a calculated check.
func (e *evaluation) calculate(c *check) zone.Observation {
	d := &c.definition
	if e.reaches(d.ID, d.ID, map[string]bool{}) {
		return zone.Observation{Why: "it is its own descendant"}
	}
	var unhealthy []string
	for _, child := range d.Children {
		if !e.of(child).Healthy {
			unhealthy = append(unhealthy, child)
		}
	}
	healthy := len(d.Children) - len(unhealthy)
	o := zone.Observation{Known: true, Healthy: (healthy >= d.HealthThreshold) != d.Inverted, Since: e.now, Seen: e.now,
		Why: fmt.Sprintf("%d of %d children healthy, %d needed", healthy, len(d.Children), d.HealthThreshold)}
	if d.Inverted {
		o.Why += ", inverted"
	}
	o.Why += unhealthyText(unhealthy)
	before := c.result.Local
	if before.Known && before.Healthy == o.Healthy {
		o.Since = before.Since
	}
	return o
}

// mostNamed is how many children are named.
const mostNamed = 3

// unhealthyText names the children that are unhealthy: they are what has to be looked at.
func unhealthyText(ids []string) string {
	switch {
	case len(ids) == 0:
		return ""
	case len(ids) > mostNamed:
		return fmt.Sprintf("; unhealthy: %s and %d more", strings.Join(ids[:mostNamed], ", "), len(ids)-mostNamed)
	}
	return "; unhealthy: " + strings.Join(ids, ", ")
}

// reaches reports whether a check is a descendant of another.
func (e *evaluation) reaches(from, id string, seen map[string]bool) bool {
	c := e.checks[from]
	if c == nil || seen[from] {
		return false
	}
	seen[from] = true
	for _, child := range c.definition.Children {
		if child == id || e.reaches(child, id, seen) {
			return true
		}
	}
	return false
}

// decide is the one place that weighs what the two sources say. The reason is for
// people.
func (e *evaluation) decide(c *check, r *zone.Check) (healthy bool, why string) {
	d, local, aws := &c.definition, &r.Local, &r.AWS
	switch {
	case d.Disabled && d.Inverted:
		return false, "disabled and inverted"
	case d.Disabled:
		return true, "disabled"
	case local.Known && !local.Healthy:
		return false, "local: " + local.Why + contradiction(aws, true, "AWS")
	case aws.Known && !aws.Healthy && local.Known && e.now.Sub(aws.Seen) >= tooOld:
		return true, fmt.Sprintf("local: %s; AWS said unhealthy, but can't be read since %s", local.Why,
			aws.Seen.UTC().Format(time.TimeOnly))
	case aws.Known:
		return aws.Healthy, "aws: " + aws.Why + contradiction(local, !aws.Healthy, "the local probe")
	case local.Known:
		return true, "local: " + local.Why
	case !aws.Seen.IsZero() && !aws.Healthy && e.now.Sub(aws.Seen) < holdUnknown:
		return false, "aws: " + aws.Why + "; unhealthy as it last was"
	case !aws.Seen.IsZero():
		return true, "aws: " + aws.Why + "; healthy, as nothing says otherwise"
	case d.Inverted && c.asked:
		return false, "new to AWS, and inverted"
	}
	return true, "nothing is known yet; new checks count as healthy"
}

// contradiction says that the other source says the opposite.
func contradiction(o *zone.Observation, healthy bool, who string) string {
	if !o.Known || o.Healthy != healthy {
		return ""
	}
	if healthy {
		return "; " + who + " says healthy"
	}
	return "; " + who + " says unhealthy"
}
