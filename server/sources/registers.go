package sources

import (
	"bytes"
	"net/netip"
	"slices"
	"sync/atomic"

	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/update"
	"inside53/zonesource"
	"inside53/zonesource/register"
)

// Registrar hands updates without a key to the source that runs.
type Registrar struct {
	Keeper   *zonesource.Keeper
	Snapshot func() *zone.Snapshot
	source   atomic.Pointer[register.Source]
}

// grantsOf are the names that instances may register.
func grantsOf(c *config.Config) []register.Grant {
	var all []register.Grant
	for _, r := range c.Register {
		g := register.Grant{Apex: zone.MustName(string(r.Zone)), TTL: r.TTL}
		for _, n := range r.Names {
			g.Names = append(g.Names, register.Pattern(n))
		}
		all = append(all, g)
	}
	return all
}

// newRegister makes the source of registered names.
func (b *Builder) newRegister(grants []register.Grant, stateDir string) (*register.Source, error) {
	o := register.Options{Grants: grants, StateDir: stateDir, Log: b.Log}
	if b.Registrar != nil { // a check has none
		o.Regions, o.VPCs, o.Taken, o.Served = b.Inventory, b.Registrar.vpcs, b.Registrar.taken, b.Registrar.served
		o.Saved, o.Unlisted = b.Secondaries.saved, b.Registrar.unlisted
	}
	return register.New(o)
}

// Use makes the source among the running ones the one that updates are for.
func (r *Registrar) Use(sources []zonesource.Source) {
	for _, s := range sources {
		source, ok := s.(*register.Source)
		if ok {
			r.source.Store(source)
			return
		}
	}
	r.source.Store(nil)
}

// Now implements [update.Options.Registrar].
func (r *Registrar) Now() update.Registrar {
	source := r.source.Load()
	if source == nil {
		return nil
	}
	return source
}

// unlisted reports whether there are regions that have never been listed.
func (r *Registrar) unlisted() bool {
	return slices.ContainsFunc(r.Keeper.Report().Missing,
		func(g zonesource.Gap) bool { return g.Key.Source == EC2 })
}

// vpcs are the VPCs of the view of a client.
func (r *Registrar) vpcs(client netip.Addr) (ids []string, all bool) {
	s := r.Snapshot()
	if s == nil {
		return nil, false
	}
	at := int(s.Client(client).View)
	if at < 0 || at >= len(s.Views) {
		return nil, false
	}
	ids = s.Views[at].VPCs
	return ids, slices.Contains(ids, "*")
}

// taken returns who has a name already: instances, or a record of a zone of ours.
func (r *Registrar) taken(name []byte) (owners []string, taken bool) {
	s := r.Snapshot()
	if s == nil {
		return nil, false
	}
	for _, z := range s.Zones {
		if !zone.IsSubdomain(name, z.Apex) {
			continue
		}
		node := z.Tree.Lookup(name)
		for set := range node.RRsets {
			taken = true
			if z.Origin != zone.Tags {
				owners = append(owners, "")
				continue
			}
			var m zone.InstanceAddress
			for w := set.Instances(); w.Next(&m); {
				owners = append(owners, string(m.ID))
			}
		}
	}
	slices.Sort(owners)
	return slices.Compact(owners), taken
}

// served reports whether the names of a part are those that are served.
func (r *Registrar) served(key zonesource.Key, z *zone.Zone) bool {
	s := r.Snapshot()
	if s == nil {
		return false
	}
	for _, is := range s.Zones {
		if is.Origin == zone.File && is.ID == z.ID && bytes.Equal(is.Apex, z.Apex) {
			same := true
			zone.Diff(is.Tree, z.Tree, func([]byte, zone.RRset, zone.RRset) bool {
				same = false
				return false
			})
			return same
		}
	}
	return false
}
