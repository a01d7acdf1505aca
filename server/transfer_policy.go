package server

import (
	"net/netip"
	"slices"

	"inside53/resolver/zone"
	"inside53/server/tsig"
)

// transferPolicy is the sections keys, transfers and secondary, ready to be used. It is
// not modified.
type transferPolicy struct {
	keys    tsig.Keyring
	entries []*transferEntry
}

// transferEntry is one entry of the section transfers.
type transferEntry struct {
	view    string
	zones   NameSet
	keys    []string
	clients []netip.Prefix
	notify  []netip.AddrPort
	catalog []byte // wire name; nil for none
	journal int
}

// newTransferPolicy reads the secrets of the keys; nil where nothing is transferred.
func newTransferPolicy(c *Config) (*transferPolicy, error) {
	if len(c.Transfers) == 0 && len(c.Secondary) == 0 {
		return nil, nil
	}
	keys, err := newKeyring(c)
	if err != nil {
		return nil, err
	}
	p := &transferPolicy{keys: keys}
	for _, t := range c.Transfers {
		e := &transferEntry{view: t.View, zones: t.Zones, clients: t.Clients, journal: int(t.Journal)}
		if e.view == "" {
			e.view = "rest"
		}
		for _, k := range t.Keys {
			e.keys = append(e.keys, string(k))
		}
		for _, n := range t.Notify {
			e.notify = append(e.notify, n.AddrPort)
		}
		if t.Catalog != "" {
			e.catalog = wireName(DomainName(t.Catalog))
		}
		p.entries = append(p.entries, e)
	}
	return p, nil
}

// names reports whether a zone is one of any entry.
func (p *transferPolicy) names(apex []byte) bool {
	return slices.ContainsFunc(p.entries, func(e *transferEntry) bool { return e.has(apex) })
}

// has reports whether a zone, or a catalog, is one of the entry, if the view has it.
func (e *transferEntry) has(apex []byte) bool {
	return e.catalog != nil && string(e.catalog) == string(apex) || e.zones.Has(zone.String(apex))
}

// find returns the entry by which a client has a zone: that of its key; without one that
// of its address, in the client's own view before others. Nil refuses.
func (p *transferPolicy) find(apex []byte, key string, client netip.Addr, view string) *transferEntry {
	var found *transferEntry
	for _, e := range p.entries {
		if !e.has(apex) || !e.admits(key, client) {
			continue
		}
		if found == nil || found.view != view && e.view == view {
			found = e
		}
	}
	return found
}

func (e *transferEntry) admits(key string, client netip.Addr) bool {
	if len(e.keys) > 0 && !slices.Contains(e.keys, key) || len(e.keys) == 0 && key != "" && len(e.clients) == 0 {
		return false
	}
	return len(e.clients) == 0 || slices.ContainsFunc(e.clients, func(p netip.Prefix) bool { return p.Contains(client) })
}
