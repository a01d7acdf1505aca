package transfer

import (
	"context"
	"strings"
	"sync"
	"time"

	"inside53/resolver"
	"inside53/resolver/zone"
)

const (
	// aliasRefresh is how often the targets of aliases outside are asked for: the target
	// of a load balancer has a TTL of a minute.
	aliasRefresh = time.Minute
	// TargetTTL is the TTL of their records in zones that are transferred, in seconds. That
	// of an answer shrinks, and each time would be a change of the zone.
	TargetTTL = 60
	// aliasWait is how long an upstream may take for one.
	aliasWait = 5 * time.Second
	// aliasesWait is how long all of them may take: a publication waits for new ones.
	aliasesWait = 15 * time.Second
	// aliasesAtOnce is how many are asked for at a time.
	aliasesAtOnce = 16
)

// aliases knows what the targets of aliases outside have. It belongs to the publisher's
// goroutine.
type aliases struct {
	ask        func(ctx context.Context, upstreams []string, name []byte, rrtype uint16) (zone.RRset, error)
	forwarders []zone.Forwarder // of the snapshot in work
	targets    map[aliasTarget]*aliasState
}

// aliasTarget is one question, and who is asked.
type aliasTarget struct {
	upstreams string // separated by \x00
	name      string // lower-case wire form
	rrtype    uint16
}

// aliasState is what is known of one target.
type aliasState struct {
	set   zone.RRset // last known
	asked bool
	used  bool // by a zone, since the last refresh
}

// use sets the snapshot whose forwarders targets name.
func (a *aliases) use(snap *zone.Snapshot) { a.forwarders = snap.Forwarders }

// known returns what is known of a target, and has it asked for.
func (a *aliases) known(t resolver.Target) zone.RRset {
	key := aliasTarget{strings.Join(a.forwarders[t.Forwarder].Upstreams, "\x00"), t.Name, t.Type}
	state := a.targets[key]
	if state == nil {
		state = &aliasState{}
		a.targets[key] = state
	}
	state.used = true
	return state.set
}

// fetchNew asks for the targets that were never asked for, and reports whether there were
// any.
func (a *aliases) fetchNew(ctx context.Context) bool {
	var fresh []aliasTarget
	for t, s := range a.targets {
		if !s.asked {
			fresh = append(fresh, t)
		}
	}
	a.fetch(ctx, fresh)
	return len(fresh) > 0
}

// refresh asks for all targets again, and forgets those that no zone has used since the
// last time. All zones have to be merged after it, for their targets to count as used.
func (a *aliases) refresh(ctx context.Context) {
	var all []aliasTarget
	for t, s := range a.targets {
		if !s.used {
			delete(a.targets, t)
			continue
		}
		s.used = false
		all = append(all, t)
	}
	a.fetch(ctx, all)
}

func (a *aliases) fetch(ctx context.Context, targets []aliasTarget) {
	sets, errs := make([]zone.RRset, len(targets)), make([]error, len(targets))
	ctx, stop := context.WithTimeout(ctx, aliasesWait)
	defer stop()
	room := make(chan struct{}, aliasesAtOnce)
	var asking sync.WaitGroup
	for i, t := range targets {
		room <- struct{}{}
		asking.Go(func() {
			defer func() { <-room }()
			limited, stop := context.WithTimeout(ctx, aliasWait)
			defer stop()
			sets[i], errs[i] = a.ask(limited, strings.Split(t.upstreams, "\x00"), []byte(t.name), t.rrtype)
		})
	}
	asking.Wait()
	for i, t := range targets {
		s := a.targets[t]
		s.asked = true
		if errs[i] == nil { // else the last good stays
			s.set = sets[i]
		}
	}
}
