package zonesource

import (
	"slices"

	"inside53/resolver/zone"
)

// Parts returns the last good parts of a source, those of an earlier process too.
func (k *Keeper) Parts(source string) []Part {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []Part
	for key, h := range k.held {
		if key.Source == source && h.good() {
			out = append(out, h.part)
		}
	}
	slices.SortFunc(out, func(a, b Part) int { return a.Key.compare(b.Key) })
	return out
}

// Kept returns the last good part of a key, as it is served. It has no Sum where an
// amendment lies over the listing that it was made from.
func (k *Keeper) Kept(key Key) (Part, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.held[key]
	return h.part, h.good()
}

// Listed returns the last good part of a key as its source made it: what was accepted or read since
// doesn't lie over it, so that the next listing is compared with the last one.
func (k *Keeper) Listed(key Key) (Part, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.held[key]
	if h.listed.Key != (Key{}) {
		return h.listed, true
	}
	return h.part, h.good()
}

// keepListed keeps a listing beside the part that is served, where that isn't made from it alone.
// The caller holds work.
func (k *Keeper) keepListed(listed Part) {
	h := k.held[listed.Key]
	if h.part.Sum != (Sum{}) || listed.Sum == (Sum{}) {
		return
	}
	if listed.Zone != nil && h.part.Zone != nil {
		tree, _ := h.part.Zone.Tree.Rebase(listed.Zone.Tree) // most of it is there once
		listed.Zone = listed.Zone.With(tree, 0)
	}
	h.listed = listed
	k.set(listed.Key, h)
}

// cover notes that something is about to lie over what was listed.
func (h *held) cover() {
	if h.part.Sum != (Sum{}) {
		h.listed = h.part
	}
}

// Tried reports whether a part of a key was delivered, and the error of the last listing.
func (k *Keeper) Tried(key Key) (tried bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.held[key]
	return !h.tried.IsZero(), h.err
}

// VPCs returns the VPCs of the inventory, and whether the inventory of all expected
// regions is there.
func (k *Keeper) VPCs() (vpcs []zone.VPC, complete bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	complete = true
	for _, key := range k.cfg.Expected {
		region := k.held[key].part.Region
		if key.Source != inventorySource {
			continue
		}
		if region == nil {
			complete = false
			continue
		}
		for _, v := range region.VPCs {
			vpc := zone.VPC{ID: v.ID, Region: region.Name}
			if !slices.Contains(vpcs, vpc) {
				vpcs = append(vpcs, vpc)
			}
		}
	}
	return vpcs, complete
}

// inventorySource is the source of parts with a Region.
const inventorySource = "ec2"
