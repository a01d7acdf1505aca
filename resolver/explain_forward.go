package resolver

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// upstreams names a set of upstreams.
func (s *story) upstreams(group int) string {
	if group < 0 || group >= len(s.groups) {
		return "that isn't known"
	}
	return strings.Join(s.groups[group].Upstreams, ", ")
}

// asked tells of the question that went outside: to whom, what the cache had, what
// came back and what was made of it.
func (s *story) asked(i int, h *hop) []Step {
	last := i == s.a.nhops-1
	group, question := h.group, h.name
	if h.reply == nil {
		group = s.a.group
	}
	aliased := last && s.a.asAlias
	if aliased {
		question = s.a.target
	}
	if h.outcome == external && h.reply == nil && !last {
		return nil
	}
	t := s.q.Type
	if aliased {
		t = s.a.aliasType
	}
	step := Step{Step: "forwarder " + s.upstreams(group), Why: "asked for " + zone.String(question) + " " + typeName(t)}
	switch {
	case h.reply == nil && h.outcome == noAuthority:
		step.Why = "not asked: the query wants no recursion"
		return []Step{step}
	case h.reply == nil:
		step.Steps = append(step.Steps, Step{Step: "no answer", Why: s.a.edeText})
		return []Step{step}
	}
	step.Steps = append(step.Steps, s.cache(h), s.reply(h))
	if aliased && h.outcome == alias {
		step.Steps = append(step.Steps, s.flattened(i))
	}
	if last && s.a.denied != nil {
		step.Steps = append(step.Steps, Step{
			Step: "rebinding",
			Why: strings.TrimPrefix(s.a.edeText, "rebinding: ") +
				", an address that names of the internet may not have here: NODATA",
		})
	}
	if why := s.madeOf(i, h, aliased, last); why != "" {
		step.Steps = append(step.Steps, Step{Step: "taken", Why: why})
	}
	return []Step{step}
}

// cache tells what the cache had.
func (s *story) cache(h *hop) Step {
	step := Step{Step: "cache"}
	switch m := h.reply; h.how {
	case Cached:
		step.Why = fmt.Sprintf("fresh: %d s old, %d s left of %d", h.age, max(m.TTL, h.age)-h.age, m.TTL)
	case CachedStale:
		now := "no answer yet"
		if failure := s.x.resolver.forwarder.Failure(m, s.q.Now); failure != nil {
			now = "no answer now, " + failure.Cause().String()
		}
		step.Why = fmt.Sprintf("expired %d s ago, and the upstreams have %s: served stale, TTL %d s (RFC 8767)",
			max(s.q.Now-m.Stored-int64(m.TTL), 0), now, forward.StaleTTL)
	default:
		step.Why = fmt.Sprintf("had nothing fresh: asked just now, kept for %d s", m.TTL)
	}
	return step
}

// reply tells what the upstreams said, each of them.
func (s *story) reply(h *hop) Step {
	m := h.reply
	step := Step{Step: "upstream", Why: rcodeName(m.Rcode) + ", " + counted(int(m.Answers), "record")}
	if m.Flags&forward.IsFailure != 0 {
		step.Why = "no answer from any of them: " + m.Cause().String()
	}
	if m.EDE != forward.NoEDE {
		step.Why += "; extended error " + edeText(m.EDE, "")
	}
	if m.AD {
		step.Why += "; authentic data"
	}
	if h.group >= len(s.x.state.groups) {
		return step
	}
	tries := m.Tries()
	if failure := s.x.resolver.forwarder.Failure(m, s.q.Now); failure != nil && h.how == CachedStale {
		tries = failure.Tries() // how it is now, not when this was fresh
	}
	for i, u := range s.x.resolver.forwarder.Members(s.x.state.groups[h.group]) {
		step.Steps = append(step.Steps, member(i, &u, tries))
	}
	return step
}

// member tells of one upstream: what came of the queries to it, and how it is now.
func member(index int, u *forward.UpstreamStats, tries []forward.Try) Step {
	step := Step{Step: "upstream " + u.Upstream}
	var last forward.Try
	var took time.Duration
	for i, t := range tries {
		if int(t.Upstream) != index {
			continue
		}
		step.Steps = append(step.Steps, Step{
			Step: fmt.Sprintf("try %d", i+1),
			Why:  fmt.Sprintf("%s, %s seconds, sent at %s seconds", t, seconds(t.Took), seconds(t.At)),
		})
		last = t
		took = t.At + t.Took - tries[0].At
	}
	switch n := len(step.Steps); n {
	case 0:
		step.Why = "not asked"
	case 1:
		step.Why, step.Steps = fmt.Sprintf("%s, %s seconds, 1 try", last, seconds(last.Took)), nil
	default:
		step.Why = fmt.Sprintf("%s, %s seconds, %d tries", last, seconds(took), n)
	}
	state := "up"
	if !u.Up {
		state = "down"
	}
	step.Why += fmt.Sprintf("; %s since %s", state, u.Since.UTC().Format(time.RFC3339))
	if u.RTT > 0 {
		step.Why += fmt.Sprintf(", RTT %s seconds", seconds(u.RTT))
	}
	return step
}

// seconds is a time with as many digits as matter.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Round(time.Microsecond).Microseconds())/1e6, 'f', -1, 64)
}

// flattened tells of the TTL of an alias's records.
func (s *story) flattened(i int) Step {
	step := Step{Step: "alias", Why: "the records stand under the alias's name"}
	for _, it := range s.a.items[:s.a.nitems] {
		if int(it.hop) == i && it.flatten != 0 {
			step.Why += fmt.Sprintf(", TTL %d s, the least on the way there", it.maxTTL)
		}
	}
	if s.a.aliasTTL > 0 {
		step.Why += fmt.Sprintf("; at most %d s after a failover policy", s.a.aliasTTL)
	}
	return step
}

// madeOf says what else became of what an upstream said; "" for nothing.
func (s *story) madeOf(i int, h *hop, aliased, last bool) string {
	switch {
	case !last && s.a.nhops > i+1:
		return "up to the CNAME to " + zone.String(s.a.hops[i+1].name) + ", which is ours or another forwarder's to answer"
	case aliased && h.outcome == noData:
		return "the target has no records of the type: NODATA for the alias"
	case h.outcome == noData:
		return "a CNAME, left out: a layer of ours owns records at the name and CNAME never mixes with other types"
	case h.outcome == external && s.a.exists && h.reply.Rcode == wire.RcodeNXDomain:
		return "NXDOMAIN is NODATA here: we know that the name exists"
	}
	return ""
}
