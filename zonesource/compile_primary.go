package zonesource

import (
	"bytes"
	"slices"

	"inside53/resolver/zone"
)

// PrimaryName is the name that the SOA record of a hosted zone has as its primary
// (MNAME, RFC 1035 section 3.3.13) in answers: clients send updates there (RFC 2136
// section 4.1).
type PrimaryName struct {
	ID      string // of the hosted zone; "" names it by the next three
	Apex    []byte // lower-case wire form
	Private bool
	VPC     string // of a private zone; "" is any
	Primary []byte // wire form
}

// Names reports whether z is the zone.
func (p *PrimaryName) Names(z *zone.Zone) bool {
	if p.ID != "" {
		return p.ID == z.ID
	}
	return bytes.Equal(p.Apex, z.Apex) && p.Private == (z.Origin == zone.Private) && z.Origin != zone.File &&
		(p.VPC == "" || slices.ContainsFunc(z.VPCs, func(v zone.VPC) bool { return v.ID == p.VPC }))
}

// withPrimary returns the records of a zone with the configured primary in the SOA.
func (c *Config) withPrimary(z *zone.Zone) *zone.Tree {
	for i := range c.Primaries {
		p := &c.Primaries[i]
		if !p.Names(z) {
			continue
		}
		soa := z.Tree.Lookup(z.Apex).RRset(zone.TypeSOA)
		rdata := soa.First()
		mname := nameLength(rdata)
		if mname == 0 {
			return z.Tree
		}
		set, err := zone.NewRecords(zone.TypeSOA, soa.TTL(), slices.Concat(p.Primary, rdata[mname:]))
		if err != nil {
			return z.Tree // larger than a message: not with names of 255 octets
		}
		e := z.Tree.Edit()
		err = e.Put(z.Apex, set)
		if err != nil {
			return z.Tree // the apex is in the zone
		}
		return e.Commit()
	}
	return z.Tree
}

// nameLength is the length of the name at the start of b, 0 where there is none.
func nameLength(b []byte) int {
	for at := 0; at < len(b); at += 1 + int(b[at]) {
		if b[at] == 0 {
			return at + 1
		}
	}
	return 0
}
