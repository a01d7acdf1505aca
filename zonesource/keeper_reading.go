package zonesource

import (
	"bytes"
	"slices"
	"time"

	"inside53/resolver/zone"
)

// Reading is what Route 53 was found to have at some names of a hosted zone. It is not
// modified after [Keeper.Read].
type Reading struct {
	Key   Key       // of the zone's part
	Began time.Time // before the first question was asked
	Names [][]byte  // lower-case wire form; what isn't in Sets of them doesn't exist
	Sets  []Amended
	// Problems are the findings at these names.
	Problems []Problem
	Cause
}

// Read serves what was read of some names at once, and reports whether that changed anything.
// A name at which something was read or accepted after the reading began stays as it is and is
// among those left: who wants to know it reads it again. Nothing else lies over a reading: what
// was accepted before it and what is listed from before it don't come back. A zone that isn't
// served stays so.
func (k *Keeper) Read(r *Reading) (left [][]byte, changed bool, err error) {
	k.work.Lock()
	defer k.work.Unlock()
	h := k.held[r.Key]
	if !h.serves() || h.part.Zone == nil {
		return nil, false, nil
	}
	if h.read && h.part.Listed.After(r.Began) {
		return r.Names, false, nil
	}
	all := k.amendments[r.Key]
	if all == nil {
		all = &amendments{of: map[*Amendment]*amendment{}}
		k.amendments[r.Key] = all
	}
	names := map[string]bool{}
	for _, name := range r.Names {
		if all.isLater(name, r.Began) || r.lacksSOA(h.part.Zone, name) {
			left = append(left, name)
			continue
		}
		names[string(name)] = true
	}
	sets := r.setsOf(h.part.Zone.Tree, names)
	all.supersede(names)
	read := &Amendment{Source: r.Key.Source, Zone: h.part.Zone.ID, Accepted: r.Began, Sets: sets}
	all.add(read)
	all.of[read].synced = true
	tree, changed := amend(h.part.Zone.Tree, sets)
	problems := problemsWith(h.part.Problems, r.Problems, names)
	if !changed && slices.Equal(problems, h.part.Problems) {
		return left, false, nil
	}
	if changed {
		h.cover()
	}
	h.part.Problems = problems
	if changed {
		h.part.Zone, h.part.Sum = h.part.Zone.With(tree, 0), Sum{}
	}
	return left, changed, k.replace(h, r.Cause)
}

// isLater reports whether something at a name was read or accepted after a time.
func (l *amendments) isLater(name []byte, than time.Time) bool {
	return slices.ContainsFunc(l.list, func(a *amendment) bool {
		return a.Accepted.After(than) &&
			slices.ContainsFunc(a.sets, func(s Amended) bool { return bytes.Equal(s.Name, name) })
	})
}

// supersede takes some names out of all amendments that there are.
func (l *amendments) supersede(names map[string]bool) {
	for _, a := range l.list {
		a.sets = slices.DeleteFunc(slices.Clone(a.sets), func(s Amended) bool { return names[string(s.Name)] })
	}
}

// lacksSOA reports whether a reading says of the apex that it has no SOA record. Each hosted
// zone has one: without it the answer wasn't whole.
func (r *Reading) lacksSOA(z *zone.Zone, name []byte) bool {
	return bytes.Equal(name, z.Apex) && hasSOA(z) && !slices.ContainsFunc(r.Sets, func(s Amended) bool {
		return s.Type == zone.TypeSOA && bytes.Equal(s.Name, name)
	})
}

// setsOf returns what was read of some names, and what is served of them and isn't there any
// more.
func (r *Reading) setsOf(served *zone.Tree, names map[string]bool) []Amended {
	var sets []Amended
	there := map[subject]bool{}
	for _, s := range r.Sets {
		if names[string(s.Name)] {
			sets = append(sets, s)
			there[subject{string(s.Name), s.Type}] = true
		}
	}
	for _, name := range r.Names {
		if !names[string(name)] {
			continue
		}
		for s := range served.Lookup(name).RRsets {
			if !there[subject{string(name), s.Type}] {
				sets = append(sets, Amended{Name: name, Type: s.Type})
			}
		}
	}
	return sets
}

// problemsWith replaces the problems of some names.
func problemsWith(old, now []Problem, names map[string]bool) []Problem {
	texts := map[string]bool{}
	for name := range names {
		texts[zone.String([]byte(name))] = true
	}
	out := slices.DeleteFunc(slices.Clone(old), func(p Problem) bool { return texts[p.Name] })
	for _, p := range now {
		if texts[p.Name] {
			out = append(out, p)
		}
	}
	return out
}

// Observe takes a listing that was made out of turn, for a cause, as those of sources are
// taken, and reports whether it changed anything.
func (k *Keeper) Observe(p Part, c Cause) (changed bool, err error) {
	k.work.Lock()
	defer k.work.Unlock()
	before := k.recall([]Adopted{{Key: p.Key}})
	if !k.deliver(p, c) {
		return false, nil
	}
	return true, k.compileOr(before)
}

// isNewer reports whether this process has a listing that began after that of p.
func (h *held) isNewer(p Part) bool {
	return h.read && h.good() && p.Catalog == nil && !p.Listed.IsZero() && p.Listed.Before(h.part.Listed)
}
