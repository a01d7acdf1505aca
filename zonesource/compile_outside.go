package zonesource

import (
	"slices"

	"inside53/resolver/zone"
)

// outsideView is what a client of nobody's network sees: the public zones, and for all
// other names the default forwarder of views that have none of their own, or else the
// first one that any view has: aliases to AWS resources lead there. index is its place in
// the inventory, after all other views.
func outsideView(cfg *Config, plan *apexPlan, index int) *zone.View {
	t := &table{apexPlan: plan, byName: map[string]*zone.Apex{}}
	for _, z := range slices.Concat(plan.unread.public, plan.zones.public) {
		a := t.at(z.Apex)
		if len(a.Layers) == 0 { // of several zones of one name only one is delegated to
			a.Layers = append(a.Layers, t.layers[z])
		}
	}
	isDefault := func(f ForwardConfig) bool { return len(f.Zone) == 1 }
	i := slices.IndexFunc(cfg.Forward, func(f ForwardConfig) bool { return isDefault(f) && f.Views.all() })
	if i < 0 {
		i = slices.IndexFunc(cfg.Forward, isDefault)
	}
	if i >= 0 {
		a := t.at(cfg.Forward[i].Zone)
		a.Forward = plan.forwarders.add(cfg.Forward[i].Upstreams)
		a.Below = len(a.Layers) > 0
	}
	return zone.NewView(zone.View{Name: "outside", Index: index, Region: cfg.elsewhere(), Addresses: zone.AddressPublic,
		Apexes: t.sorted()})
}

// locations indexes the CIDR collections of all accounts. Of one that several accounts
// share the latest version counts.
func (c *Compiled) locations() zone.Locations {
	latest := map[string]*Collection{}
	for _, p := range c.in.catalogs {
		for i := range p.Catalog.Collections {
			one := &p.Catalog.Collections[i]
			if latest[one.ID] == nil || one.Version > latest[one.ID].Version {
				latest[one.ID] = one
			}
		}
	}
	var l zone.Locations
	for id, one := range latest {
		for _, b := range one.Blocks {
			l.Add(id, b.Location, b.Prefix)
		}
	}
	return l
}
