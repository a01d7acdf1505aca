package recorder

import (
	"maps"
	"slices"
	"strings"
	"time"

	"inside53/zonesource"
	"inside53/zonesource/clock"
	"inside53/zonesource/ledger"
)

const (
	// crowded is how many versions wait to be written before what events have brought is no version each: a store
	// takes some ten a second, and events come by the hundred.
	crowded = 4
	// maxActors is how many of those who made one version are named.
	maxActors = 5
	// maxGroups is how many versions wait to be written before they become one.
	maxGroups = 64
)

// group is what makes one version.
type group struct {
	cause  ledger.Cause
	actor  string
	change string
	saved  bool // what an earlier process had
	// rewrite says that parts are written as a whole, whatever there is.
	rewrite bool
	at      time.Time
	parts   map[zonesource.Key]zonesource.Part
	extra   extra
}

// put adds a change to those that wait. The caller holds mu.
func (r *Recorder) put(g *group) {
	for key, p := range g.parts {
		switch {
		case p.Key == (zonesource.Key{}):
			delete(r.current, key)
		case p.Err == nil:
			r.current[key] = p
		}
	}
	n, first := len(r.waiting), 0
	if r.inflight != nil {
		first = r.inflight.groups
	}
	if n > first {
		last := r.waiting[n-1]
		switch {
		case last.isLike(g), g.isBare() && len(last.extra.records) == 0:
			last.add(g)
			return
		case n-first > crowded && last.cause == ledger.Event && g.cause == ledger.Event:
			last.join(g)
			return
		}
	}
	r.waiting = append(r.waiting, g)
	if n < maxGroups {
		return
	}
	rest := r.waiting[first:]
	one := &group{cause: ledger.Listing, actor: "several", at: rest[0].at, parts: map[zonesource.Key]zonesource.Part{}}
	for _, g := range rest {
		one.add(g)
	}
	r.waiting = append(r.waiting[:first:first], one)
}

// groupOf says of a change why it was made, and by whom.
func groupOf(a zonesource.Accepted) *group {
	g := &group{cause: ledger.Listing, actor: a.Actor, change: a.Change, at: clock.Now(),
		parts: map[zonesource.Key]zonesource.Part{a.Key: a.Part}}
	switch a.Kind {
	case zonesource.ByUpdate:
		g.cause = ledger.Update
	case zonesource.ByEvent:
		g.cause = ledger.Event
	case zonesource.ByFollow:
		g.cause = ledger.Follow
	case zonesource.ByRegister:
		g.cause = ledger.Register
	case zonesource.ByOperator:
		g.cause = ledger.Operator
		if g.actor == "" {
			g.actor = "operator"
		}
	case zonesource.BySaved:
		g.actor, g.saved = "saved data", true
	default:
		g.actor = reader(a)
	}
	return g
}

// reader names what was read.
func reader(a zonesource.Accepted) string {
	switch {
	case a.Key.Source == "route53":
		return "Route 53"
	case a.Key.Source == "ec2":
		return "EC2"
	case a.Part.Zone != nil && a.Part.Zone.ID != "":
		return a.Part.Zone.ID // the path of a file
	}
	return a.Key.Source
}

func (g *group) isLike(o *group) bool {
	return g.cause == o.cause && g.actor == o.actor && g.change == o.change && g.saved == o.saved && !g.rewrite &&
		!o.rewrite
}

// isBare reports whether it changes nothing: somebody waits for what was accepted before.
func (g *group) isBare() bool {
	return g.cause == "" && len(g.parts)+len(g.extra.records)+len(g.extra.whole) == 0
}

// add lays what others changed over what there is.
func (g *group) add(o *group) {
	maps.Copy(g.parts, o.parts)
	g.extra.add(o.extra)
}

// join has a version be that of others' changes too.
func (g *group) join(o *group) {
	if g.change != o.change {
		g.change = ""
	}
	actors := strings.Split(g.actor, ", ")
	for _, actor := range strings.Split(o.actor, ", ") {
		switch {
		case slices.Contains(actors, actor):
		case len(actors) < maxActors:
			actors = append(actors, actor)
		case len(actors) == maxActors:
			actors = append(actors, "and others")
		}
	}
	g.actor = strings.Join(actors, ", ")
	g.add(o)
}
