package zonesource

import (
	"cmp"
	"slices"
	"time"

	"inside53/resolver/zone"
)

// amendedFor is for how long an amendment lies over listings at most.
const amendedFor = 10 * time.Minute

// Amendment is what a change that was accepted has made of some RRsets of a hosted
// zone. It lies over each listing that may not have it yet. It is not modified after
// [Keeper.Amend].
type Amendment struct {
	Source   string    // of the zone's part
	Zone     string    // id of the hosted zone
	Accepted time.Time // when
	Kind     string    // of its cause, "" = ByUpdate
	Actor    string    // who made it; "" for what was read
	Change   string    // its id in AWS
	Sets     []Amended
	// Ended is called once, when listings count alone again, with what differs from
	// Sets in the first of them. It doesn't block, and doesn't call the keeper.
	Ended func(different []Amended)
}

// Amended is one RRset of an amendment.
type Amended struct {
	Name []byte // lower-case wire form
	Type uint16
	Set  zone.RRset // that of no kind for one that was deleted
}

// amendment is one that lies over listings.
type amendment struct {
	*Amendment
	sets   []Amended // those of Sets that nothing read later is about
	synced bool
}

// amendments are those of one zone.
type amendments struct {
	list []*amendment // in the order in which they were accepted
	of   map[*Amendment]*amendment
}

// add puts one in its place, and returns those that were accepted later.
func (l *amendments) add(a *Amendment) (later []*amendment) {
	is := &amendment{Amendment: a, sets: a.Sets}
	l.of[a] = is
	at := len(l.list)
	for at > 0 && l.list[at-1].Accepted.After(a.Accepted) {
		at--
	}
	l.list = slices.Insert(l.list, at, is)
	return l.list[at+1:]
}

// part takes those out that a listing has outlived.
func (l *amendments) part(isOver func(*amendment) bool) (ended []*amendment) {
	lasting := l.list[:0]
	for _, a := range l.list {
		if isOver(a) {
			ended = append(ended, a)
			delete(l.of, a.Amendment)
		} else {
			lasting = append(lasting, a)
		}
	}
	clear(l.list[len(lasting):])
	l.list = lasting
	return ended
}

// subjects are the RRsets that amendments are about, by name and type, each with the place
// of the last one that is.
type subjects map[subject]int

type subject struct {
	name   string
	rrtype uint16
}

// add notes what an amendment is about.
func (s subjects) add(a *amendment, place int) {
	for _, set := range a.sets {
		s[subject{string(set.Name), set.Type}] = place
	}
}

// supersede reports whether an amendment after a place is about the RRset.
func (s subjects) supersede(set Amended, place int) bool {
	last, any := s[subject{string(set.Name), set.Type}]
	return any && last > place
}

// Amend serves a change at once, and keeps it over listings until [Keeper.Synced] was
// called for it and a complete listing that began after it was accepted is there, or
// ten minutes have gone by. Then the listing counts, whatever it says. Of two that are
// about one RRset the one accepted later counts, whichever came first. It returns when
// queries see the change. A zone that isn't there has it once it is.
func (k *Keeper) Amend(a *Amendment) error {
	k.work.Lock()
	defer k.work.Unlock()
	key := zoneKey(a.Source, a.Zone)
	all := k.amendments[key]
	if all == nil {
		all = &amendments{of: map[*Amendment]*amendment{}}
		k.amendments[key] = all
	}
	sets, later := a.Sets, subjects{}
	for _, l := range all.add(a) {
		later.add(l, 1)
	}
	if len(later) > 0 {
		sets = slices.DeleteFunc(slices.Clone(sets), func(s Amended) bool { return later.supersede(s, 0) })
	}
	h := k.held[key]
	if !h.good() || h.part.Zone == nil {
		return nil
	}
	tree, changed := amend(h.part.Zone.Tree, sets)
	if !changed {
		return nil
	}
	h.cover()
	h.part.Zone, h.part.Sum = h.part.Zone.With(tree, 0), Sum{}
	cause := Cause{cmp.Or(a.Kind, ByUpdate), a.Actor, a.Change}
	if a.Actor == "" {
		cause = Cause{} // what was read of some names
	}
	return k.replace(h, cause)
}

// replace publishes a part of which something was changed. What the compiler doesn't bear leaves the
// part as it was. The caller holds work.
func (k *Keeper) replace(h held, c Cause) error {
	key := h.part.Key
	before := k.recall([]Adopted{{Key: key}})
	k.parts[key] = h.part
	k.touch(key)
	k.set(key, h)
	k.note(key, h.part, c)
	k.saver.note(h.part, true)
	return k.compileOr(before)
}

// compileOr compiles, and restores what was before where that fails. The caller holds work.
func (k *Keeper) compileOr(before *memory) error {
	err := k.compile()
	if err != nil {
		before.restore(k)
		k.notes = nil
	}
	return err
}

// Synced says that all name servers of Route 53 have the change.
func (k *Keeper) Synced(a *Amendment) {
	k.work.Lock()
	defer k.work.Unlock()
	all := k.amendments[zoneKey(a.Source, a.Zone)]
	if all != nil && all.of[a] != nil {
		all.of[a].synced = true
	}
}

// amend returns a tree with other RRsets, and whether it differs.
func amend(tree *zone.Tree, sets []Amended) (*zone.Tree, bool) {
	var e *zone.Edit
	for _, s := range sets {
		now := tree
		old := now.Lookup(s.Name).RRset(s.Type)
		if e != nil {
			old = e.Lookup(s.Name).RRset(s.Type)
		}
		if old.Equal(s.Set) {
			continue
		}
		if e == nil {
			e = tree.Edit()
		}
		if !s.Set.Exists() {
			e.Delete(s.Name, s.Type)
			continue
		}
		err := e.Put(s.Name, s.Set)
		if err != nil {
			return tree, false // the name was in the zone when Route 53 took it: never
		}
	}
	if e == nil {
		return tree, false
	}
	return e.Commit(), true
}

// endAmendments ends those of a zone that is no longer served. The caller holds work.
func (k *Keeper) endAmendments(key Key) {
	all := k.amendments[key]
	if all == nil {
		return
	}
	for _, a := range all.list {
		if a.Ended != nil {
			a.Ended(nil)
		}
	}
	delete(k.amendments, key)
}

// underAmendments returns a part that was listed as it is to be served, and ends the
// amendments that it has outlived. The caller holds work.
func (k *Keeper) underAmendments(p Part) Part {
	all := k.amendments[p.Key]
	if p.Zone == nil || all == nil {
		return p
	}
	now := k.now()
	ended := all.part(func(a *amendment) bool {
		return a.synced && p.Listed.After(a.Accepted) || now.Sub(a.Accepted) >= amendedFor
	})
	about, over := subjects{}, map[subject]time.Time{}
	for i, a := range ended {
		about.add(a, i)
		for _, set := range a.sets {
			over[subject{string(set.Name), set.Type}] = a.Accepted // the latest: they are in order
		}
	}
	var lasting []Amended
	for _, a := range all.list {
		about.add(a, len(ended)) // whenever it was accepted
		for _, set := range a.sets {
			if !over[subject{string(set.Name), set.Type}].After(a.Accepted) { // else the listing has what came later
				lasting = append(lasting, set)
			}
		}
	}
	for i, a := range ended {
		if a.Ended != nil {
			a.Ended(a.differences(p.Zone.Tree, about, i))
		}
	}
	if len(all.list) == 0 {
		delete(k.amendments, p.Key)
	}
	tree, changed := amend(p.Zone.Tree, lasting)
	if changed {
		p.Zone, p.Sum = p.Zone.With(tree, 0), Sum{}
	}
	return p
}

// differences are the RRsets of a, the one at that place, that a listing has otherwise, and
// that no later amendment is about.
func (a *amendment) differences(listed *zone.Tree, about subjects, place int) []Amended {
	var out []Amended
	for _, s := range a.sets {
		is := listed.Lookup(s.Name).RRset(s.Type)
		if !about.supersede(s, place) && !sameRecords(is, s.Set) {
			out = append(out, Amended{s.Name, s.Type, is})
		}
	}
	return out
}

// sameRecords reports whether two RRsets have the same records, in any order.
func sameRecords(a, b zone.RRset) bool {
	if a.Kind != zone.Records || b.Kind != zone.Records {
		return a.Equal(b)
	}
	return a.TTL() == b.TTL() && slices.Equal(sortedRdata(a), sortedRdata(b))
}

func sortedRdata(s zone.RRset) []string {
	var out []string
	for r := range s.Rdata() {
		out = append(out, string(r))
	}
	slices.Sort(out)
	return out
}

// Hosted returns the hosted zones that are served, as they are served: with the
// changes that were accepted.
func (k *Keeper) Hosted() []*zone.Zone {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []*zone.Zone
	for _, h := range k.held {
		z := h.part.Zone
		if z != nil && (z.Origin == zone.Private || z.Origin == zone.Public) {
			out = append(out, z)
		}
	}
	return out
}
