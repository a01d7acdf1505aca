package zonesource

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
)

const (
	// confirmAfter is the least time between two listings that agree on a loss.
	confirmAfter = 30 * time.Second
	// smallLoss is the number of records that may always go at once.
	smallLoss = 10
	// catalogsWithout is how many catalogs must be without a zone.
	catalogsWithout = 2
)

// pending is a listing that lost too much and waits for a second one.
type pending struct {
	part      Part
	was, left int
}

// vanish is a hosted zone that its account's catalog doesn't list any more.
type vanish struct {
	since, last time.Time // when the first and last such catalog was listed
	catalogs    int
	confirmed   bool // NoSuchHostedZone
}

// judge decides whether a part may replace the last good one; if not, it waits in
// h. A part that lost more than Config.MaxShrink and more than ten of its records,
// or everything, or its SOA record, needs a second complete listing half a minute
// or more later that lacks the same. What operators write themselves, zone files,
// is always taken.
func (k *Keeper) judge(h *held, p Part) bool {
	old := h.part
	if !h.good() || p.Zone != nil && p.Zone.Origin == zone.File || k.cfg.MaxShrink >= 1 || !k.lostTooMuch(old, p) {
		return true
	}
	if h.pending != nil && lacksAlso(old, h.pending.part, p) && !k.lostTooMuch(h.pending.part, p) {
		since := p.Listed.Sub(h.pending.part.Listed)
		if since >= confirmAfter {
			k.log.Warn("shrunken listing confirmed by a second one and taken", "part", p.Key, "records_before", sizeOf(old),
				"records_now", sizeOf(p))
		}
		return since >= confirmAfter
	}
	if p.Zone != nil && old.Zone != nil {
		p.Zone = rebaseZone(old.Zone, p.Zone)
	}
	h.pending = &pending{part: p, was: sizeOf(old), left: sizeOf(p)}
	k.log.Warn("listing has shrunk; the last good data stay until a second listing says the same",
		"part", p.Key, "records_before", h.pending.was, "records_now", h.pending.left)
	return false
}

// sizeOf counts what a part can lose.
func sizeOf(p Part) int {
	switch {
	case p.Zone != nil:
		return p.Zone.Tree.Stats().Records
	case p.Region != nil:
		return len(p.Region.Interfaces) + len(p.Region.Hosts)
	case p.Catalog != nil:
		return len(p.Catalog.Zones) + len(p.Catalog.Unlisted)
	}
	return 0
}

func (k *Keeper) lostTooMuch(old, is Part) bool {
	was, now := sizeOf(old), sizeOf(is)
	lost := was - now
	switch {
	case lost > smallLoss && float64(lost) > k.cfg.MaxShrink*float64(was):
		return true
	case was > 0 && now == 0:
		return true
	case old.Zone != nil && is.Zone != nil:
		// Each hosted zone has an SOA record: without it the listing isn't whole.
		return hasSOA(old.Zone) && !hasSOA(is.Zone)
	case old.Region != nil && is.Region != nil:
		return emptied(old.Region.VPCs, is.Region.VPCs) || emptied(old.Region.Interfaces, is.Region.Interfaces) ||
			emptied(old.Region.Hosts, is.Region.Hosts) || emptied(old.Region.Peerings, is.Region.Peerings) ||
			movedVPC(old.Region, is.Region)
	case old.Catalog != nil && is.Catalog != nil:
		return emptied(old.Catalog.Unlisted, is.Catalog.Unlisted)
	}
	return false
}

// movedVPC reports whether a VPC lost every CIDR that it had. AWS lets no VPC part
// with its first one: so the VPCs weren't listed, and their CIDRs are those of
// whatever else names them, or none.
func movedVPC(old, is *Region) bool {
	now := map[string][]netip.Prefix{}
	for i := range is.VPCs {
		now[is.VPCs[i].ID] = is.VPCs[i].CIDRs
	}
	for i := range old.VPCs {
		v := &old.VPCs[i]
		cidrs, there := now[v.ID]
		keeps := func(p netip.Prefix) bool { return slices.Contains(cidrs, p) }
		if there && len(v.CIDRs) > 0 && !slices.ContainsFunc(v.CIDRs, keeps) {
			return true
		}
	}
	return false
}

// emptied reports whether a listing that had something has nothing any more.
func emptied[T any](was, is []T) bool { return len(was) > 0 && len(is) == 0 }

func hasSOA(z *zone.Zone) bool { return z.Tree.Lookup(z.Apex).RRset(zone.TypeSOA).Exists() }

// lacksAlso reports whether a second listing lacks all that the first one lacked.
func lacksAlso(old, first, second Part) bool {
	if old.Zone != nil && first.Zone != nil && second.Zone != nil {
		return zoneLacksAlso(old.Zone, first.Zone, second.Zone)
	}
	was, one, two := itemsOf(old), itemsOf(first), itemsOf(second)
	for item := range was {
		if !one[item] && two[item] {
			return false
		}
	}
	return true
}

func zoneLacksAlso(old, first, second *zone.Zone) bool {
	also := true
	zone.Diff(old.Tree, first.Tree, func(name []byte, was, is zone.RRset) bool {
		also = is.Count >= was.Count || second.Tree.Lookup(name).RRset(was.Type).Count <= is.Count
		return also
	})
	return also
}

// itemsOf names what a region or a catalog holds.
func itemsOf(p Part) map[string]bool {
	items := map[string]bool{}
	if r := p.Region; r != nil {
		for _, f := range r.Interfaces {
			items[f.ID+" "+f.Private.String()] = true
		}
		for _, h := range r.Hosts {
			items[h.Instance] = true
		}
		for i := range r.Peerings {
			items[r.Peerings[i].ID] = true
		}
		for i := range r.VPCs {
			for _, p := range r.VPCs[i].CIDRs {
				items[r.VPCs[i].ID+" "+p.String()] = true
			}
		}
	}
	if c := p.Catalog; c != nil {
		for i := range c.Zones {
			items[c.Zones[i].ID] = true
		}
		for i := range c.Unlisted {
			items[c.Unlisted[i].ID+" "+c.Unlisted[i].VPC.ID] = true
		}
	}
	return items
}

// sweep looks for zones that a new catalog is without, removes those that are gone
// for certain, and reports whether it removed any. The caller holds work.
func (k *Keeper) sweep(p Part) bool {
	listed := make(map[string]*Hosted, len(p.Catalog.Zones))
	for i := range p.Catalog.Zones {
		listed[p.Catalog.Zones[i].ID] = &p.Catalog.Zones[i]
	}
	removed := false
	for _, key := range k.zonesOf(p.Key) {
		h := k.held[key]
		at := listed[h.part.Zone.ID]
		if at != nil && !at.Gone {
			h.vanish = nil
			k.set(key, h)
			continue
		}
		if h.vanish == nil {
			k.log.Warn("zone isn't listed any more; it stays until that is certain", "part", key, "zone",
				zone.String(h.part.Zone.Apex))
		}
		h.vanish = h.vanish.seen(p.Listed, at != nil)
		k.set(key, h)
		if h.vanish.confirmed && h.vanish.catalogs >= catalogsWithout {
			k.log.Warn("zone is gone", "part", key, "zone", zone.String(h.part.Zone.Apex))
			k.remove(key, Cause{})
			removed = true
		}
	}
	k.sweepErrors(p, listed)
	return removed
}

// sweepErrors forgets zones that never were more than an error and that no account
// lists any more.
func (k *Keeper) sweepErrors(p Part, listed map[string]*Hosted) {
	for key, h := range k.held {
		id, isZone := strings.CutPrefix(key.Name, zonePrefix)
		if h.good() || !isZone || key.Source != p.Key.Source || listed[id] != nil {
			continue
		}
		elsewhere := false
		for _, other := range k.parts {
			elsewhere = elsewhere || other.Catalog != nil && other.Key != p.Key &&
				slices.ContainsFunc(other.Catalog.Zones, func(h Hosted) bool { return h.ID == id })
		}
		if !elsewhere {
			k.remove(key, Cause{})
		}
	}
}

// seen notes one more catalog without the zone.
func (v *vanish) seen(listed time.Time, confirmed bool) *vanish {
	if v == nil {
		return &vanish{since: listed, last: listed, catalogs: 1, confirmed: confirmed}
	}
	next := *v
	next.confirmed = next.confirmed || confirmed
	if listed.After(next.last) {
		next.last = listed
		next.catalogs++
	}
	return &next
}

// zonesOf returns the keys of the zones that belong to the account of a catalog.
func (k *Keeper) zonesOf(catalog Key) []Key {
	account := strings.TrimPrefix(catalog.Name, catalogPrefix)
	var keys []Key
	for key, h := range k.held {
		if key.Source == catalog.Source && h.part.Zone != nil && h.part.Zone.Account == account {
			keys = append(keys, key)
		}
	}
	return keys
}

// ErrNothingPending says that there is nothing to accept.
var ErrNothingPending = errors.New("no shrunken listing or vanished zone of that name waits")

// Accept takes the shrunken listing of a zone or region that waits for a second
// one, or removes a zone that isn't listed any more, now. The zone is given by its
// name or id, a region by its name or as ACCOUNT/REGION. The error says that nothing
// waits by that name, or that several do.
func (k *Keeper) Accept(name string) error {
	k.work.Lock()
	defer k.work.Unlock()
	var keys []Key
	for key, h := range k.held {
		if (h.pending != nil || h.vanish != nil) && h.isCalled(name) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return fmt.Errorf("accepting %s: %w", name, ErrNothingPending)
	}
	if len(keys) > 1 {
		slices.SortFunc(keys, Key.compare)
		return fmt.Errorf("accepting %s: several wait by that name, say which: %v", name, keys)
	}
	h := k.held[keys[0]]
	if h.vanish != nil {
		k.log.Warn("zone that isn't listed any more removed as told", "part", keys[0])
		k.remove(keys[0], Cause{Kind: ByOperator})
	} else {
		k.log.Warn("shrunken listing taken as told", "part", keys[0], "records_before", h.pending.was, "records_now",
			h.pending.left)
		p := k.underAmendments(h.pending.part)
		h.pending = nil
		k.set(keys[0], h)
		k.accept(p)
		k.note(keys[0], k.parts[keys[0]], Cause{Kind: ByOperator})
		k.saver.note(k.parts[keys[0]], true)
	}
	return k.compile()
}

// isCalled reports whether people may mean the part by a name.
func (h *held) isCalled(name string) bool {
	p := &h.part
	if strings.EqualFold(name, p.Key.Name) {
		return true
	}
	if p.Zone != nil {
		text := strings.TrimSuffix(zone.String(p.Zone.Apex), ".")
		return name == p.Zone.ID || strings.EqualFold(strings.TrimSuffix(name, "."), text)
	}
	return p.Region != nil && name == p.Region.Name
}
