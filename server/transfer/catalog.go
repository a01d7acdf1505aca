package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"inside53/resolver/zone"
)

// listZones makes the catalogs of all entries that have one, of the zones that are served.
func (p *publisher) listZones(policy *Policy) map[string]*publishedZone {
	out := map[string]*publishedZone{}
	for _, e := range policy.Entries {
		if e.Catalog == nil {
			continue
		}
		z := p.catalogs[string(e.Catalog)]
		if z == nil {
			z = p.open("", e.Catalog, e.Journal)
		}
		var members [][]byte
		for id, z := range p.zones {
			if z.served && id.view == e.View && e.Zones(zone.String([]byte(id.apex))) {
				members = append(members, []byte(id.apex))
			}
		}
		slices.SortFunc(members, slices.Compare)
		tree, err := catalogTree(e.Catalog, members)
		if err != nil {
			p.log.Error("catalog not published", "catalog", zone.String(e.Catalog), "error", err)
			continue
		}
		z.tree = tree
		out[string(e.Catalog)] = z
	}
	p.mu.Lock()
	p.catalogs = out
	for _, z := range out {
		z.served = true
	}
	p.mu.Unlock()
	return out
}

// catalogTree returns the catalog zone of members (RFC 9432 section 4), of version 2.
func catalogTree(apex []byte, members [][]byte) (*zone.Tree, error) {
	e := zone.NewTree(apex).Edit()
	invalid := zone.MustName("invalid.")
	soa := slices.Concat(invalid, invalid)
	for _, n := range [...]uint32{0, 60, 10, 2147483646, 0} {
		soa = append(soa, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	put := func(prefix string, rrtype uint16, rdata []byte) error {
		set, err := zone.NewRecords(rrtype, 0, rdata)
		if err != nil {
			return err
		}
		return e.Put(append([]byte(prefix), apex...), set)
	}
	err := errors.Join(put("", zone.TypeSOA, soa), put("", zone.TypeNS, invalid),
		put("\x07version", zone.TypeTXT, []byte("\x012")))
	for _, m := range members {
		sum := sha256.Sum256(m)
		label := hex.EncodeToString(sum[:16])
		err = errors.Join(err, put(fmt.Sprintf("%c%s\x05zones", len(label), label), zone.TypePTR, m))
	}
	if err != nil {
		return nil, fmt.Errorf("making the catalog %s: %w", zone.String(apex), err)
	}
	return e.Commit(), nil
}
