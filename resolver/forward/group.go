package forward

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"inside53/resolver/wire"
)

// maxUpstreams is how many upstreams a group may have.
const maxUpstreams = 16

// GroupSpec says which upstreams answer for a zone.
type GroupSpec struct {
	// Upstreams in order of preference where health and latency are alike, as
	// [wire.ParseUpstream] reads them. The certificate of one without a name must have its
	// IP address.
	Upstreams []string
}

// Group is a list of upstreams with a part of the cache of its own. The upstreams'
// health is shared with other groups. It is safe for concurrent use.
type Group struct {
	id        uint32
	key       string
	upstreams []*upstream

	clients ladder // those that wait; guarded by shares.mu
	held    int    // flights; guarded by shares.mu

	owners int           // guarded by Forwarder.mu
	left   time.Duration // when the last owner released it; guarded by Forwarder.mu
}

// String returns the upstreams as configured, separated by spaces.
func (g *Group) String() string { return g.key }

// Group returns the group of spec: the same one for the same list, while anybody owns
// it. The caller owns it too, until [Forwarder.Release]. The error joins all faults.
func (f *Forwarder) Group(spec GroupSpec) (*Group, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := strings.Join(spec.Upstreams, " ")
	g := f.groups[key]
	if g == nil {
		upstreams, err := f.parseUpstreams(spec.Upstreams)
		if err != nil {
			return nil, err
		}
		f.lastID++
		g = &Group{id: f.lastID, key: key, upstreams: upstreams, clients: ladder{which: ofGroup}}
		for _, u := range upstreams {
			f.upstreams[u.text] = u
		}
		f.groups[key] = g
		f.index()
		f.claim(g)
	}
	g.owners++
	return g, nil
}

// parseUpstreams returns the upstreams that texts name, known ones as they are.
func (f *Forwarder) parseUpstreams(texts []string) ([]*upstream, error) {
	var all []*upstream
	var faults []error
	if len(texts) == 0 || len(texts) > maxUpstreams {
		faults = append(faults, fmt.Errorf("%d upstreams: want 1 to %d", len(texts), maxUpstreams))
	}
	for i, text := range texts {
		parsed, err := wire.ParseUpstream(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("upstream %w", err))
			continue
		}
		u := f.upstreams[parsed.String()]
		if u == nil {
			u = newUpstream(parsed)
			u.changed = f.clock()
			u.budget.rate.Store(f.rateOf(u))
		}
		same := func(o *upstream) bool { return o.addr == u.addr && o.secure == u.secure }
		if slices.ContainsFunc(all, same) {
			faults = append(faults, fmt.Errorf("upstream %q, number %d: listed before", text, i+1))
			continue
		}
		all = append(all, u)
	}
	err := errors.Join(faults...)
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Release gives groups back, each once for each call of [Forwarder.Group]. One without
// owners works for a while, for queries that hold it still, and comes back to whoever
// asks for its list. Then connections end that no other group has a use for, and what
// is cached for it ages out.
func (f *Forwarder) Release(groups ...*Group) {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := false
	for _, g := range groups {
		g.owners--
		if g.owners == 0 {
			g.left = f.clock()
			left = true
		}
	}
	if !left || f.sweeping {
		return
	}
	f.sweeping = f.state.Load() == running && f.start(f.sweep)
	if !f.sweeping {
		f.dropLeft(f.clock())
	}
}

// sweep drops groups that have had no owner for long enough, until there are none.
func (f *Forwarder) sweep(ctx context.Context) {
	for {
		f.mu.Lock()
		next := f.dropLeft(f.clock() - f.options.grace)
		f.sweeping = next != never
		f.mu.Unlock()
		if next == never {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(next + f.options.grace - f.clock()):
		}
	}
}

// dropLeft drops the groups without owners since a time or longer, and the upstreams
// that no other group has. It returns since when the first of the others has none,
// never if there is no such group. mu is held.
func (f *Forwarder) dropLeft(since time.Duration) (next time.Duration) {
	next = never
	used := make(map[*upstream]bool)
	for key, g := range f.groups {
		if g.owners == 0 && g.left <= since {
			delete(f.groups, key)
			continue
		}
		if g.owners == 0 {
			next = min(next, g.left)
		}
		for _, u := range g.upstreams {
			used[u] = true
		}
	}
	for text, u := range f.upstreams {
		if !used[u] {
			delete(f.upstreams, text)
			u.close()
		}
	}
	f.index()
	return next
}

// index rebuilds what is read without the lock. mu is held.
func (f *Forwarder) index() {
	byAddr := make(map[netip.Addr][]*upstream, len(f.upstreams))
	var limited []*upstream
	for _, u := range f.upstreams {
		addr := hostOf(u.addr.Addr())
		byAddr[addr] = append(byAddr[addr], u)
		if u.budget.rate.Load() > 0 || u.budget.waits.Load() > 0 {
			limited = append(limited, u)
		}
	}
	f.limited.Store(&limited)
	groups := make([]*Group, 0, len(f.groups))
	for _, g := range f.groups {
		groups = append(groups, g)
	}
	f.byAddr.Store(&byAddr)
	f.groupList.Store(&groups)
}

// pick returns the best upstream that is not excluded, -1 if all are: the first
// that is up, unless a later one is clearly quicker; of those that are down
// the one that has been given the shortest time to recover.
func (g *Group) pick(exclude uint64) int {
	best, bestHealth := -1, health{}
	for i, u := range g.upstreams {
		if exclude&(1<<i) != 0 {
			continue
		}
		h := u.health()
		if best < 0 || h.better(bestHealth) {
			best, bestHealth = i, h
		}
	}
	return best
}

// better reports whether to ask h's upstream rather than the earlier one of o.
func (h health) better(o health) bool {
	switch {
	case h.down != o.down:
		return o.down
	case h.down:
		return h.until < o.until
	default:
		return h.rtt+h.rtt/4+time.Millisecond < o.rtt
	}
}
