package zonesource

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
)

// Planner is a source that says when it reads what next, and reads at once what it is asked for.
type Planner interface {
	Source
	// Next returns when a part is read next; zero where that isn't known, or the part isn't of
	// this source.
	Next(key Key) time.Time
	// Hasten has parts read as soon as the budget of their account allows, and returns those that
	// are of this source, and how long the reading waits for the budget. It doesn't block.
	Hasten(keys []Key) (scheduled []Key, wait time.Duration)
	// Soonest returns when something is read next, zero where that isn't known, and the source in
	// the keys of what it reads.
	Soonest() (source string, at time.Time)
}

// planners are the sources that run and have a plan.
func (r *running) planners() []Planner {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Planner
	for s, a := range r.active {
		p, ok := s.(Planner)
		if ok && a.fault == nil {
			out = append(out, p)
		}
	}
	return out
}

// Next returns when each of some parts is read next, where that is known.
func (k *Keeper) Next(keys []Key) map[Key]time.Time {
	out := make(map[Key]time.Time, len(keys))
	for _, p := range k.sources.planners() {
		for _, key := range keys {
			at := p.Next(key)
			if !at.IsZero() {
				out[key] = at
			}
		}
	}
	return out
}

// Soonest returns when each source reads something next, where that is known.
func (k *Keeper) Soonest() map[string]time.Time {
	out := map[string]time.Time{}
	for _, p := range k.sources.planners() {
		source, at := p.Soonest()
		if at.IsZero() {
			continue
		}
		was := out[source]
		if was.IsZero() || at.Before(was) {
			out[source] = at
		}
	}
	return out
}

// ErrUnknownPart says that there is nothing of a name.
var ErrUnknownPart = errors.New("no zone or region of that name is known")

// Refresh has a zone or region read as soon as the budget allows, or all of them where no name is
// given. It returns what is scheduled, sorted, and how long the reading waits for the budget at
// most. Files are among what is known and are never scheduled: they are read when they change.
func (k *Keeper) Refresh(name string) (scheduled []Key, wait time.Duration, err error) {
	keys := k.called(name)
	if len(keys) == 0 && name != "" {
		return nil, 0, fmt.Errorf("refreshing %s: %w", name, ErrUnknownPart)
	}
	for _, p := range k.sources.planners() {
		some, pause := p.Hasten(keys)
		scheduled = append(scheduled, some...)
		wait = max(wait, pause)
	}
	slices.SortFunc(scheduled, Key.compare)
	return scheduled, wait, nil
}

// called returns the keys of the parts that people may mean by a name, all for "".
func (k *Keeper) called(name string) []Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys := map[Key]bool{}
	for key, h := range k.held {
		if name == "" || h.isCalled(name) || strings.EqualFold(key.Name, name) {
			keys[key] = true
		}
	}
	if k.compiled != nil {
		for _, g := range k.compiled.Report.Missing {
			if name == "" || g.isCalled(name) {
				keys[g.Key] = true
			}
		}
	}
	return slices.Collect(maps.Keys(keys))
}

// isCalled reports whether people may mean a missing part by a name.
func (g Gap) isCalled(name string) bool {
	id, isZone := strings.CutPrefix(g.Key.Name, zonePrefix)
	_, region, isRegion := strings.Cut(g.Key.Name, "/")
	return strings.EqualFold(name, g.Key.Name) || isZone && name == id || !isZone && isRegion && name == region ||
		g.Zone != "" && strings.EqualFold(strings.TrimSuffix(name, "."), strings.TrimSuffix(g.Zone, "."))
}

// Saved reports whether the state directory has a part.
func (k *Keeper) Saved(key Key) bool { return k.saver.has(key) }

// Lost names what would go if a listing that waits were accepted, sorted, so many at most: owner
// names of a zone that would have fewer records, what a region or catalog would be without, and of
// a zone that isn't listed any more its own name.
func (k *Keeper) Lost(key Key, limit int) []string {
	k.mu.Lock()
	h := k.held[key]
	k.mu.Unlock()
	lost := map[string]bool{}
	switch {
	case h.pending == nil && h.vanish != nil && h.part.Zone != nil:
		lost[zone.String(h.part.Zone.Apex)] = true
	case h.pending == nil:
	case h.part.Zone != nil && h.pending.part.Zone != nil:
		zone.Diff(h.part.Zone.Tree, h.pending.part.Zone.Tree, func(name []byte, was, is zone.RRset) bool {
			if is.Count < was.Count {
				lost[zone.String(name)] = true
			}
			return true
		})
	default:
		is := itemsOf(h.pending.part)
		for item := range itemsOf(h.part) {
			if !is[item] {
				lost[item] = true
			}
		}
	}
	names := slices.Sorted(maps.Keys(lost))
	return names[:min(len(names), limit)]
}

// Waiting returns the parts that have shrunk or vanished and wait to be confirmed, by key.
func (k *Keeper) Waiting() []PartStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []PartStatus
	for _, t := range k.tallies {
		for key := range t.waiting {
			h := k.held[key]
			out = append(out, h.status(key))
		}
	}
	slices.SortFunc(out, func(a, b PartStatus) int { return a.Key.compare(b.Key) })
	return out
}
