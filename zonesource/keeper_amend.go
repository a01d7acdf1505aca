package zonesource

import (
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
	synced bool
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
	at := len(all)
	for at > 0 && all[at-1].Accepted.After(a.Accepted) {
		at--
	}
	later := all[at:]
	sets := slices.DeleteFunc(slices.Clone(a.Sets), func(s Amended) bool { return isSuperseded(s, later) })
	k.amendments[key] = slices.Insert(slices.Clone(all), at, &amendment{Amendment: a})
	h := k.held[key]
	if !h.good() || h.part.Zone == nil {
		return nil
	}
	tree, changed := amend(h.part.Zone.Tree, sets)
	if !changed {
		return nil
	}
	h.part.Zone, h.part.Sum = h.part.Zone.With(tree, 0), Sum{}
	k.parts[key] = h.part
	k.touch(key)
	k.set(key, h)
	k.saver.mark(h.part, true)
	return k.compile()
}

// Synced says that all name servers of Route 53 have the change.
func (k *Keeper) Synced(a *Amendment) {
	k.work.Lock()
	defer k.work.Unlock()
	for _, is := range k.amendments[zoneKey(a.Source, a.Zone)] {
		is.synced = is.synced || is.Amendment == a
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
	for _, a := range k.amendments[key] {
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
	if p.Zone == nil || len(all) == 0 {
		return p
	}
	var lasting, ended []*amendment
	for _, a := range all {
		if a.synced && p.Listed.After(a.Accepted) || k.now().Sub(a.Accepted) >= amendedFor {
			ended = append(ended, a)
		} else {
			lasting = append(lasting, a)
		}
	}
	for i, a := range ended {
		later := slices.Concat(ended[i+1:], lasting)
		if a.Ended != nil {
			a.Ended(a.differences(p.Zone.Tree, later))
		}
	}
	k.amendments[p.Key] = lasting
	if len(lasting) == 0 {
		delete(k.amendments, p.Key)
	}
	tree, any := p.Zone.Tree, false
	for _, a := range lasting {
		next, changed := amend(tree, a.Sets)
		tree, any = next, any || changed
	}
	if any {
		p.Zone, p.Sum = p.Zone.With(tree, 0), Sum{}
	}
	return p
}

// differences are the RRsets of a that a listing has otherwise, and that no later
// amendment was about.
func (a *amendment) differences(listed *zone.Tree, later []*amendment) []Amended {
	var out []Amended
	for _, s := range a.Sets {
		is := listed.Lookup(s.Name).RRset(s.Type)
		if !isSuperseded(s, later) && !sameRecords(is, s.Set) {
			out = append(out, Amended{s.Name, s.Type, is})
		}
	}
	return out
}

// isSuperseded reports whether later amendments are about the RRset of s.
func isSuperseded(s Amended, later []*amendment) bool {
	about := func(o Amended) bool { return o.Type == s.Type && string(o.Name) == string(s.Name) }
	return slices.ContainsFunc(later, func(l *amendment) bool { return slices.ContainsFunc(l.Sets, about) })
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
