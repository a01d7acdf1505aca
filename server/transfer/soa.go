package transfer

import (
	"slices"
	"sync"

	"inside53/resolver"
	"inside53/resolver/history"
	"inside53/resolver/zone"
)

// soas finds SOA records of zones whose versions another server makes.
type soas struct {
	mu     sync.Mutex
	merger *resolver.Merger
}

// committed is what this server says of a zone while another one leads, or none: its SOA record with the serial that is
// committed. nil: that isn't known here.
func (p *publisher) committed(e *Entry, apex []byte) *history.Version {
	name, isCatalog := Name{e.View, string(apex)}, string(e.Catalog) == string(apex)
	if isCatalog {
		name.View = ""
	}
	serial, known := p.fleet.Committed()[name]
	if !known {
		return nil
	}
	var soa zone.RRset
	if isCatalog {
		tree, err := catalogTree(apex, nil)
		if err != nil {
			return nil // it stands in the log of who leads
		}
		soa = tree.Lookup(apex).RRset(zone.TypeSOA)
	} else {
		soa = p.soaOf(e.View, apex)
	}
	return history.Told(soa, serial)
}

// soaOf is the SOA record that clients of a view get; the zero RRset for none.
func (p *publisher) soaOf(view string, apex []byte) zone.RRset {
	snap, live := p.resolver.State()
	i := slices.IndexFunc(snap.Views, func(v *zone.View) bool { return v.Name == view })
	if i < 0 {
		return zone.RRset{}
	}
	at := snap.Views[i].Apex(apex)
	if at == nil {
		return zone.RRset{}
	}
	p.soas.mu.Lock()
	defer p.soas.mu.Unlock()
	if p.soas.merger == nil {
		p.soas.merger = p.resolver.NewMerger(func(resolver.Target) zone.RRset { return zone.RRset{} })
	}
	return p.soas.merger.SOA(snap, live, snap.Views[i], at)
}
