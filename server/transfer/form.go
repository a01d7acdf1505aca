package transfer

import (
	"fmt"
	"hash/maphash"

	"inside53/resolver"
	"inside53/resolver/zone"
)

// form is a zone as some views see it alike: the same layers, from the same region, with the
// same reach and the same names below. It is merged once for all of them, but for the names
// that move, which each view has merged by itself.
type form struct {
	key    string
	merger *resolver.Merger
	view   *zone.View // the first of the views
	apex   *zone.Apex // its
	below  uint64
	zones  []*publishedZone
}

// plan finds out which zones of which views are transferred, and which of them are alike.
// What is known of them stays.
func (p *publisher) plan(policy *Policy, snap *zone.Snapshot) {
	zones, forms := map[viewApex]*publishedZone{}, map[string]*form{}
	p.byLayer = make([][]*form, len(snap.Zones))
	for _, view := range snap.Views {
		reach := maphash.String(p.seed, snap.Inventory.ViewKey(view.Index))
		var below map[string]uint64
		for i := range view.Apexes {
			apex := &view.Apexes[i]
			limit := policy.journal(view.Name, apex)
			if limit < 0 {
				continue
			}
			if below == nil {
				below = p.below(snap, view)
			}
			id := viewApex{view.Name, string(apex.Name)}
			z := p.zones[id]
			if z == nil {
				z = p.open(view.Name, apex.Name, limit)
			}
			z.history.SetLimit(limit)
			z.in, z.at = view, apex
			zones[id] = z
			p.join(forms, snap, z, formKey(snap, view, apex, reach, below[string(apex.Name)]), below[string(apex.Name)])
		}
	}
	for id, z := range p.zones {
		if zones[id] != z {
			p.retire(z)
		}
	}
	p.mu.Lock()
	p.zones = zones
	p.mu.Unlock()
	p.forms, p.planned = forms, policy
}

// join makes a zone one of the form of a key.
func (p *publisher) join(forms map[string]*form, snap *zone.Snapshot, z *publishedZone, key string, below uint64) {
	f := forms[key]
	if f == nil {
		f = &form{key: key, merger: p.merger.Sibling()}
		if known := p.forms[key]; known != nil {
			f.merger = known.merger
		}
		f.view, f.apex, f.below = z.in, z.at, below
		f.merger.SetBelow(below)
		forms[key] = f
		for _, l := range z.at.Layers {
			p.byLayer[l] = append(p.byLayer[l], f)
		}
	}
	f.zones = append(f.zones, z)
	if z.form != key {
		z.form, z.own = key, nil
	}
}

// formKey is equal for views that see an apex alike.
func formKey(snap *zone.Snapshot, view *zone.View, apex *zone.Apex, reach, below uint64) string {
	key := fmt.Appendf(nil, "%s\x00%s\x00%x %x %t %t %t", apex.Name, view.Region, reach, below, apex.Below,
		apex.Forward != zone.NoForward, apex.Computed)
	for _, l := range apex.Layers {
		z := snap.Zone(l)
		key = fmt.Appendf(key, "\x00%d %s %s", z.Origin, z.Account, z.ID)
	}
	return string(key)
}

// below returns, for each name of a view with apexes below it, a number that differs with
// what these are.
func (p *publisher) below(snap *zone.Snapshot, view *zone.View) map[string]uint64 {
	out := map[string]uint64{}
	var one []byte
	for i := range view.Apexes {
		a := &view.Apexes[i]
		one = append(one[:0], a.Name...)
		one = fmt.Appendf(one, "%t %t %t %d %t %s", len(a.Layers) > 0, a.Forward != zone.NoForward, a.Below, a.Special,
			a.Computed, a.Unavailable)
		sum := maphash.Bytes(p.seed, one)
		for name := a.Name; len(name) > 1; {
			name = name[1+int(name[0]):]
			out[string(name)] += sum
		}
	}
	return out
}

// merge merges forms, and returns the zones that have another tree.
func (p *publisher) merge(forms []*form, snap *zone.Snapshot, live *zone.Live, outside bool) []*publishedZone {
	var changed []*publishedZone
	for _, f := range forms {
		tree := f.merger.Merge(snap, live, f.view, f.apex, outside)
		moves := tree != nil && f.merger.Moves()
		for i, z := range f.zones {
			is, by := tree, f.merger
			switch {
			case !moves || i == 0:
				z.own = nil
			case z.own == nil:
				z.own = f.merger.Fork()
				fallthrough
			default:
				z.own.SetBelow(f.below)
				is, by = z.own.Merge(snap, live, z.in, z.at, outside), z.own
			}
			if is != z.tree || moves {
				p.mu.Lock()
				z.findings = by.Findings()
				p.mu.Unlock()
			}
			if is != z.tree {
				z.tree = is
				changed = append(changed, z)
			}
		}
	}
	return changed
}

// touched returns the forms that may differ since the snapshot that was published last.
func (p *publisher) touched(snap *zone.Snapshot, live *zone.Live, all bool) []*form {
	var out []*form
	if all || p.health != live.Version || !snap.Inventory.SameAddresses(p.snap.Inventory) {
		for _, f := range p.forms {
			out = append(out, f)
		}
		return out
	}
	seen := map[*form]bool{}
	for i, z := range snap.Zones {
		if z == p.snap.Zones[i] {
			continue
		}
		for _, f := range p.byLayer[i] {
			if !seen[f] {
				seen[f] = true
				out = append(out, f)
			}
		}
	}
	return out
}

// goOnFrom has what was not merged again go on from the inventory of a snapshot, so that the one before may go.
func (p *publisher) goOnFrom(snap *zone.Snapshot) {
	if p.snap != nil && p.snap.Inventory == snap.Inventory {
		return
	}
	for _, f := range p.forms {
		f.merger.Follow(snap.Inventory)
		for _, z := range f.zones {
			if z.own != nil {
				z.own.Follow(snap.Inventory)
			}
		}
	}
}

// sameViews reports whether two snapshots have the very same views: no more than records
// differ.
func sameViews(a, b *zone.Snapshot) bool {
	return a != nil && len(a.Views) == len(b.Views) && len(a.Zones) == len(b.Zones) && len(b.Views) > 0 &&
		&a.Views[0] == &b.Views[0]
}
