package zone

import (
	"maps"
	"net/netip"
	"slices"
)

// The bounds of what an inventory has beside the interfaces that it was made of: to copy it is what one more costs.
const (
	mostRenamed = 256
	mostChanged = 256
)

// Renamed returns the inventory with other names of interfaces, by their instances; nil has
// none. It shares all else. ok is false where the names have been changed so often that it
// is to be made anew.
func (a *Inventory) Renamed(names map[string][]byte) (is *Inventory, ok bool) {
	next := *a
	next.renamed = make(map[*Interface][]byte, len(a.renamed)+len(names))
	maps.Copy(next.renamed, a.renamed)
	for owner, name := range names {
		a.base.ownedBy(owner, func(place uint32) {
			if !a.gone[place] {
				next.renamed[&a.base.all[place]] = name
			}
		})
		if a.over != nil {
			a.over.ownedBy(owner, func(place uint32) { next.renamed[&a.over.all[place]] = name })
		}
	}
	return &next, len(next.renamed) <= mostRenamed
}

// Name returns the name of an interface of the inventory, its packed PTR target: the tag
// name of its instance in wire form; empty where it has none.
func (a *Inventory) Name(f *Interface) []byte {
	if len(a.renamed) > 0 {
		name, changed := a.renamed[f]
		if changed {
			return name
		}
	}
	return f.Name
}

// IsLike reports whether the inventory has the very interfaces and VPCs of another one: they may have other names. It
// costs nothing.
func (a *Inventory) IsLike(o *Inventory) bool {
	return a.base == o.base && a.over == o.over && // what is gone goes by what came in its place
		len(a.VPCs) == len(o.VPCs) && (len(a.VPCs) == 0 || &a.VPCs[0] == &o.VPCs[0])
}

// Changed returns the inventory with fresh interfaces in the place of those that are gone, which are told by their ids
// and private addresses. It shares all else, services too. ok is false where so much has been changed that it is to be
// made anew, and where it would matter which of several interfaces comes first.
func (a *Inventory) Changed(gone, fresh []Interface) (is *Inventory, ok bool) {
	if a.base.contested || a.base.twice {
		return nil, false
	}
	next := *a
	next.gone = make(map[uint32]bool, len(a.gone)+len(gone))
	maps.Copy(next.gone, a.gone)
	over, ok := next.leave(a, gone)
	over = append(over, fresh...)
	if !ok || len(next.gone)+len(over) > mostChanged {
		return nil, false
	}
	next.over = newHolders(over)
	if next.over.contested || next.over.twice || !next.isPlain() {
		return nil, false
	}
	next.renamed = maps.Clone(a.renamed)
	for i := range next.gone {
		delete(next.renamed, &a.base.all[i])
	}
	if a.over != nil {
		for i := range a.over.all {
			delete(next.renamed, &a.over.all[i])
		}
	}
	return &next, true
}

// leave takes interfaces out of those that lie over the base of was, of which it returns the rest as they are named
// now, or notes that they are gone from the base. It isn't ok where one of them is in neither.
func (a *Inventory) leave(was *Inventory, gone []Interface) (over []Interface, ok bool) {
	type address struct {
		id      string
		private netip.Addr
	}
	left := make(map[address]bool, len(gone))
	for i := range gone {
		left[address{gone[i].ID, gone[i].Private}] = true
	}
	if was.over != nil {
		for i := range was.over.all {
			f := was.over.all[i]
			at := address{f.ID, f.Private}
			if left[at] {
				delete(left, at)
				continue
			}
			f.Name = was.Name(&was.over.all[i])
			over = append(over, f)
		}
	}
	for at := range left {
		place := was.base.place(at.id, at.private)
		if place < 0 {
			return nil, false
		}
		a.gone[uint32(place)] = true
	}
	return over, true
}

// place returns the place of the interface with an id and a private address, -1 for none. One without a private
// address of IPv4, which few are, is looked for among all.
func (h *holders) place(id string, private netip.Addr) int {
	if !private.Is4() {
		return slices.IndexFunc(h.all, func(f Interface) bool { return f.ID == id && f.Private == private })
	}
	last, ok := h.byPrivate[private.As4()]
	for n := last + 1; ok && n != 0; n = h.before[n-1] {
		if h.all[n-1].ID == id {
			return int(n - 1)
		}
	}
	return -1
}

// isPlain reports whether none of the interfaces that lie over the base claims what another one has: a public address,
// an instance's first place, a private address of one VPC.
func (a *Inventory) isPlain() bool {
	for i := range a.over.all {
		f := &a.over.all[i]
		if f.isTranslatable() {
			at, claimed := a.base.byPublic[f.Public.As4()]
			if claimed && !a.gone[at] {
				return false
			}
		}
		if f.Instance != "" {
			at, has := a.base.byInstance[f.Instance]
			if has && !a.gone[at] {
				return false
			}
		}
		if !f.Private.Is4() {
			continue
		}
		for other := range a.withPrivate(f.Private.As4()) {
			if other != f && other.VPC == f.VPC {
				return false
			}
		}
	}
	return true
}

// SameAddresses reports whether two inventories translate all addresses alike, and know the same services, as far as
// that is a matter of the interfaces: what a view reaches is another one, see [Inventory.ViewKey].
func (a *Inventory) SameAddresses(b *Inventory) bool {
	return len(a.Moved(b)) == 0 && a.SameServices(b)
}

// Moved returns the public addresses that two inventories translate otherwise, in the sense of
// [Inventory.SameAddresses]. The cost is that of what has changed where both come of one by [Inventory.Changed], else
// that of all public addresses.
func (a *Inventory) Moved(b *Inventory) map[[4]byte]bool {
	if a.base == b.base && a.over == b.over {
		return nil
	}
	moved := map[[4]byte]bool{}
	look := func(public [4]byte) {
		if !sameWay(a, a.withPublic(public), b, b.withPublic(public)) {
			moved[public] = true
		}
	}
	for _, of := range [...]*Inventory{a, b} {
		if of.over != nil {
			for public := range of.over.byPublic {
				look(public)
			}
		}
		if a.base != b.base {
			for public := range of.base.byPublic {
				look(public)
			}
			continue
		}
		for i := range of.gone {
			if f := &of.base.all[i]; f.isTranslatable() {
				look(f.Public.As4())
			}
		}
	}
	return moved
}

// sameWay reports whether what interfaces of two inventories have is translated alike.
func sameWay(a *Inventory, f *Interface, b *Inventory, g *Interface) bool {
	if f == nil || g == nil {
		return f == g
	}
	return f.Private == g.Private && f.Owner == g.Owner && a.VPCs[f.VPC].ID == b.VPCs[g.VPC].ID
}
