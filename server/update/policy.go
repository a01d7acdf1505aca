package update

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"

	"inside53/resolver/zone"
	"inside53/server/tsig"
	"inside53/zonesource"
	"inside53/zonesource/rdata"
	zoneupdate "inside53/zonesource/update"
)

// Policy says who may change what. It is not modified.
type Policy struct {
	Keys   tsig.Keyring
	Grants []Grant
}

// Grant is what the holders of some keys may change in one hosted zone.
type Grant struct {
	Zone    zonesource.PrimaryName // which one
	Keys    []string
	Names   []Pattern
	Types   []uint16       // nil is all
	Clients []netip.Prefix // empty is whoever may ask
}

// Pattern is one name, or all below it.
type Pattern struct {
	Name  []byte // in lower-case wire form; nil is every name
	Below bool
}

func (p Pattern) fits(name []byte) bool {
	if p.Name == nil {
		return true
	}
	if p.Below {
		return len(name) > len(p.Name) && zone.IsSubdomain(name, p.Name)
	}
	return bytes.Equal(name, p.Name)
}

// granted is what a client may change in one hosted zone.
type granted struct {
	zone   *zone.Zone
	grants []*Grant
}

// grant finds the hosted zone that the holder of a key means by a name, and what it may
// change there. allowed says whether the client may ask at all.
func (p *Policy) grant(
	hosted []*zone.Zone, apex []byte, key string, client netip.Addr, allowed bool,
) (granted, zoneupdate.Result) {
	var g granted
	named, keyed, served := false, false, false
	for i := range p.Grants {
		e := &p.Grants[i]
		mine := slices.Contains(e.Keys, key)
		if e.Zone.ID == "" && bytes.Equal(e.Zone.Apex, apex) {
			named, keyed = true, keyed || mine
		}
		for _, z := range hosted {
			if !bytes.Equal(z.Apex, apex) || !e.Zone.Names(z) {
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
				const two = "key %s may change %s and %s of that name; nothing is guessed"
				return granted{}, zoneupdate.Result{
					Rcode: zoneupdate.Refused, Text: fmt.Sprintf(two, key, g.zone.ID, z.ID),
				}
			}
			g.zone = z
			g.grants = append(g.grants, e)
		}
	}
	switch {
	case g.zone != nil:
		return g, zoneupdate.Result{}
	case !named:
		return g, zoneupdate.Result{Rcode: zoneupdate.NotAuth, Text: "no zone of that name takes updates"}
	case !keyed:
		return g, zoneupdate.Result{Rcode: zoneupdate.Refused, Text: "the key may not change that zone"}
	case !served:
		return g, zoneupdate.Result{
			Rcode: zoneupdate.ServFail,
			Text:  "the zone has not been listed yet, or there is none",
		}
	}
	return g, zoneupdate.Result{Rcode: zoneupdate.Refused, Text: "updates may not come from this address"}
}

func (e *Grant) admits(client netip.Addr, allowed bool) bool {
	if len(e.Clients) == 0 {
		return allowed
	}
	return slices.ContainsFunc(e.Clients, func(p netip.Prefix) bool { return p.Contains(client) })
}

// covers says whether all changes of a message are granted.
func (g granted) covers(m *zoneupdate.Message) zoneupdate.Result {
	for i := range m.Updates {
		r := &m.Updates[i]
		if !slices.ContainsFunc(g.grants, func(e *Grant) bool { return e.covers(r) }) {
			return zoneupdate.Result{
				Rcode: zoneupdate.Refused,
				Text:  fmt.Sprintf("the key may not change %s %s", zone.String(r.Name), rdata.TypeText(r.Type)),
			}
		}
	}
	return zoneupdate.Result{}
}

// covers says whether a change is granted. All types of a name may be deleted by who
// may change all.
func (e *Grant) covers(r *zoneupdate.Record) bool {
	return (e.Types == nil || slices.Contains(e.Types, r.Type)) &&
		slices.ContainsFunc(e.Names, func(p Pattern) bool { return p.fits(r.Name) })
}
