package resolver

import (
	"inside53/resolver/zone"
)

// health says whether a member counts as healthy, and what that comes from.
func (p *policyStory) health(g *group, i int, m *zone.Member) (text string, steps []Step) {
	if len(m.Check) > 0 {
		steps = append(steps, p.check(string(m.Check)))
	}
	evaluated := m.Set.Kind == zone.Aliased && m.Set.Alias().Health
	if evaluated {
		steps = append(steps, p.targetHealth(m.Set, !g.chosen[i]))
	}
	switch {
	case !g.healthy[i]:
		return "unhealthy", steps
	case len(steps) == 0 && m.Set.Kind == zone.Aliased:
		return "healthy: no health check, and the target's health isn't evaluated", nil
	case len(steps) == 0:
		return "healthy: no health check", nil
	default:
		return "healthy", steps
	}
}

// check tells of one health check: what counts, and what each place that looks says.
func (s *story) check(id string) Step {
	step := Step{Step: "health check " + id}
	var c zone.Check
	known := false
	if s.live != nil {
		c, known = s.live.Checks[id]
	}
	switch {
	case known:
	case s.live == nil || len(s.live.Checks) == 0:
		step.Why = "nothing is known of any health check: counts as healthy"
		return step
	default:
		step.Why = "not among the health checks that are known: counts as healthy"
		return step
	}
	step.Why = healthText(c.Healthy) + ": " + c.Why
	step.Steps = append(s.observation("aws", c.AWS), s.observation("local", c.Local)...)
	return step
}

func (s *story) observation(where string, o zone.Observation) []Step {
	switch {
	case !o.Known && o.Seen.IsZero():
		return nil
	case !o.Known:
		return []Step{{Step: where, Why: "says nothing, looked " + s.ago(o.Seen) + ": " + o.Why}}
	}
	why := healthText(o.Healthy) + ", seen " + s.ago(o.Seen)
	if !o.Since.IsZero() {
		why += ", so since " + s.ago(o.Since)
	}
	if o.Why != "" {
		why += ": " + o.Why
	}
	return []Step{{Step: where, Why: why}}
}

func healthText(healthy bool) string {
	if healthy {
		return "healthy"
	}
	return "unhealthy"
}

// targetHealth tells of EvaluateTargetHealth: an alias has the health of its target,
// a group is healthy when a member is. Its members are explained with whole; those of an alias
// that is followed are explained there.
func (p *policyStory) targetHealth(set zone.RRset, whole bool) Step {
	a := set.Alias()
	step := Step{Step: "target health of " + zone.String(a.Target)}
	if a.SameZone {
		return p.groupHealth(step, set, whole)
	}
	var t zone.Target
	known := false
	if p.live != nil {
		t, known = p.live.Targets[string(a.Target)]
	}
	if !known {
		step.Why = "not known: counts as healthy"
		return step
	}
	step.Why = healthText(t.Healthy) + ", seen " + p.ago(t.Seen)
	if t.Why != "" {
		step.Why += ": " + t.Why
	}
	return step
}

func (p *policyStory) groupHealth(step Step, set zone.RRset, whole bool) Step {
	name := set.Alias().Target
	target := p.judge.zone.Tree.Lookup(name).RRset(set.Type)
	j := p.judge // a copy: this look doesn't count for the choice
	healthy := j.healthySet(set, 0)
	switch {
	case !target.Exists():
		step.Why = "unhealthy: the zone has no " + typeName(set.Type) + " there"
	case target.Kind == zone.Group && healthy:
		step.Why = "healthy: a member is"
	case target.Kind == zone.Group:
		step.Why = "unhealthy: no member is healthy"
	case target.Kind == zone.Aliased && target.Alias().Health:
		step.Why = healthText(healthy) + ", as its own target"
		if p.describes(name) {
			step.Steps = []Step{p.targetHealth(target, whole)}
		}
	default:
		step.Why = "healthy: it has no health check"
	}
	if target.Kind != zone.Group || !whole {
		return step
	}
	nests := p.describes(name)
	var m zone.Member
	i := 0
	for w := target.Members(); w.Next(&m); i++ {
		child := Step{Step: "member " + memberName(&m, i), Why: healthText(j.healthy(&m, 0))}
		if len(m.Check) > 0 {
			child.Steps = append(child.Steps, p.check(string(m.Check)))
		}
		if nests && m.Set.Kind == zone.Aliased && m.Set.Alias().Health {
			child.Steps = append(child.Steps, p.targetHealth(m.Set, true))
		}
		step.Steps = append(step.Steps, child)
	}
	return step
}

// describes reports whether the health of what a target's members point at in turn is to be
// noted: once, since trees may be wide, and may lead back to themselves.
func (p *policyStory) describes(target []byte) bool {
	for _, noted := range p.noted {
		if string(noted) == string(target) {
			return false
		}
	}
	p.noted = append(p.noted, target)
	return true
}
