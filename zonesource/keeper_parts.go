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
