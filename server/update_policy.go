package server

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"inside53/resolver/zone"
	"inside53/server/tsig"
	"inside53/zonesource"
	"inside53/zonesource/rdata"
	"inside53/zonesource/update"
)

// updatePolicy is the sections keys and updates, ready to be used. It is not modified.
type updatePolicy struct {
	keys    tsig.Keyring
	entries []updateEntry
}

// updateEntry is one entry of the section updates.
type updateEntry struct {
	zone    zonesource.PrimaryName // which one
	keys    []string
	names   []namePattern
	types   []uint16 // nil is all
	clients []netip.Prefix
}

// namePattern is one name, or all below it.
type namePattern struct {
	name  []byte // nil is every name
	below bool
}

func (p namePattern) fits(name []byte) bool {
	if p.name == nil {
		return true
	}
	return p.below && len(name) > len(p.name) && zone.IsSubdomain(name, p.name) || !p.below && bytes.Equal(name, p.name)
}

// newUpdatePolicy reads the secrets of the keys.
func newUpdatePolicy(c *Config) (*updatePolicy, error) {
	keys, err := newKeyring(c)
	if err != nil {
		return nil, err
	}
	p := &updatePolicy{keys: keys}
	for _, u := range c.Updates {
		e := updateEntry{zone: hostedName(u), clients: u.Clients}
		for _, k := range u.Keys {
			e.keys = append(e.keys, string(k))
		}
		for _, n := range u.Names {
			text, below := strings.CutPrefix(string(n), "*.")
			pattern := namePattern{below: below}
			if n != "*" {
				pattern.name = zone.MustName(text)
			}
			e.names = append(e.names, pattern)
		}
		if !slices.Contains(u.Types, "*") {
			for _, t := range u.Types {
				number, _ := rdata.Type(string(t)) // checked with the configuration
				e.types = append(e.types, number)
			}
		}
		p.entries = append(p.entries, e)
	}
	return p, nil
}

// hostedName is how an entry names its zone.
func hostedName(u Update) zonesource.PrimaryName {
	if u.Zone.IsID() {
		return zonesource.PrimaryName{ID: string(u.Zone)}
	}
	return zonesource.PrimaryName{Apex: wireName(DomainName(u.Zone)), Private: u.Visibility == PrivateZone, VPC: string(u.VPC)}
}

// primaries are the names that zones have in their SOA records.
func primaries(c *Config) []zonesource.PrimaryName {
	var out []zonesource.PrimaryName
	for _, u := range c.Updates {
		if u.SOAMname != "" {
			p := hostedName(u)
			p.Primary = wireName(DomainName(u.SOAMname))
			out = append(out, p)
		}
	}
	return out
}

// grant is what a client may change in one hosted zone.
type grant struct {
	zone    *zone.Zone
	entries []*updateEntry
}

// grant finds the hosted zone that the holder of a key means by a name, and what it may
// change there. allowed says whether the client may ask at all.
func (p *updatePolicy) grant(hosted []*zone.Zone, apex []byte, key string, client netip.Addr, allowed bool) (grant, update.Result) {
	var g grant
	named, keyed, served := false, false, false
	for i := range p.entries {
		e := &p.entries[i]
		mine := slices.Contains(e.keys, key)
		if e.zone.ID == "" && bytes.Equal(e.zone.Apex, apex) {
			named, keyed = true, keyed || mine
		}
		for _, z := range hosted {
			if !bytes.Equal(z.Apex, apex) || !e.zone.Names(z) {
				continue
			}
			named, keyed = true, keyed || mine
			if !mine {
				continue
			}
			served = true
			if !e.admits(client, allowed) {
				continue
			}
			if g.zone != nil && g.zone.ID != z.ID {
				return grant{}, update.Result{Rcode: update.Refused, Text: fmt.Sprintf("key %s may change %s and %s of that name; nothing is guessed", key, g.zone.ID, z.ID)}
			}
			g.zone = z
			g.entries = append(g.entries, e)
		}
	}
	switch {
	case g.zone != nil:
		return g, update.Result{}
	case !named:
		return g, update.Result{Rcode: update.NotAuth, Text: "no zone of that name takes updates"}
	case !keyed:
		return g, update.Result{Rcode: update.Refused, Text: "the key may not change that zone"}
	case !served:
		return g, update.Result{Rcode: update.ServFail, Text: "the zone has not been listed yet, or there is none"}
	}
	return g, update.Result{Rcode: update.Refused, Text: "updates may not come from this address"}
}

func (e *updateEntry) admits(client netip.Addr, allowed bool) bool {
	if len(e.clients) == 0 {
		return allowed
	}
	return slices.ContainsFunc(e.clients, func(p netip.Prefix) bool { return p.Contains(client) })
}

// covers says whether all changes of a message are granted.
func (g grant) covers(m *update.Message) update.Result {
	for i := range m.Updates {
		r := &m.Updates[i]
		if !slices.ContainsFunc(g.entries, func(e *updateEntry) bool { return e.covers(r) }) {
			return update.Result{Rcode: update.Refused, Text: fmt.Sprintf("the key may not change %s %s", zone.String(r.Name), rdata.TypeText(r.Type))}
		}
	}
	return update.Result{}
}

// covers says whether a change is granted. All types of a name may be deleted by who
// may change all.
func (e *updateEntry) covers(r *update.Record) bool {
	return (e.types == nil || slices.Contains(e.types, r.Type)) &&
		slices.ContainsFunc(e.names, func(p namePattern) bool { return p.fits(r.Name) })
}
