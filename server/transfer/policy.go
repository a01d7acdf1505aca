package transfer

import (
	"net/netip"
	"slices"

	"inside53/resolver/zone"
	"inside53/server/tsig"
)

// Policy says who may have which zones. It is not modified.
type Policy struct {
	Keys    tsig.Keyring
	Entries []*Entry
}

// Entry is zones of one view, and the secondaries that may have them.
type Entry struct {
	View  string
	Zones func(name string) bool // which ones, by names in text
	Keys  []string               // with the first of which NOTIFY is signed; none: requests needn't be
	// KeyNames are the names of Keys in lower-case wire form.
	KeyNames [][]byte
	Clients  []netip.Prefix // empty: whoever has a key
	Notify   []netip.AddrPort
	Catalog  []byte // wire name of the catalog zone; nil for none
	Journal  int    // bytes of differences to keep of each zone
}

// names reports whether a zone is one of any entry.
func (p *Policy) names(apex []byte) bool {
	return slices.ContainsFunc(p.Entries, func(e *Entry) bool { return e.has(apex) })
}

// has reports whether a zone, or a catalog, is one of the entry, if the view has it.
func (e *Entry) has(apex []byte) bool {
	return e.Catalog != nil && string(e.Catalog) == string(apex) || e.Zones(zone.String(apex))
}

// find returns the entry by which a client has a zone: that of its key; without one that
// of its address, in the client's own view before others. Nil refuses.
func (p *Policy) find(apex []byte, key string, client netip.Addr, view string) *Entry {
	var found *Entry
	for _, e := range p.Entries {
		if !e.has(apex) || !e.admits(key, client) {
			continue
		}
		if found == nil || found.View != view && e.View == view {
			found = e
		}
	}
	return found
}

// concerns reports whether a request may be for the entry, before it is unpacked: by the
// address of the client, and where any will do by the name of the key.
func (e *Entry) concerns(client netip.Addr, key []byte, allowed bool) bool {
	switch {
	case len(e.Clients) > 0:
		return slices.ContainsFunc(e.Clients, func(p netip.Prefix) bool { return p.Contains(client) })
	case len(e.KeyNames) > 0:
		return slices.ContainsFunc(e.KeyNames, func(name []byte) bool { return string(name) == string(key) })
	}
	return allowed
}

// reason returns why find has found nothing.
func (p *Policy) reason(apex []byte, client netip.Addr) string {
	reason := reasonZone
	for _, e := range p.Entries {
		switch {
		case !e.has(apex):
		case e.admitsClient(client):
			return reasonKey
		default:
			reason = reasonClient
		}
	}
	return reason
}

func (e *Entry) admits(key string, client netip.Addr) bool {
	if len(e.Keys) > 0 && !slices.Contains(e.Keys, key) || len(e.Keys) == 0 && key != "" && len(e.Clients) == 0 {
		return false
	}
	return e.admitsClient(client)
}

func (e *Entry) admitsClient(client netip.Addr) bool {
	return len(e.Clients) == 0 ||
		slices.ContainsFunc(e.Clients, func(p netip.Prefix) bool { return p.Contains(client) })
}
