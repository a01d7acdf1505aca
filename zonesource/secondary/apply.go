package secondary

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

var (
	errNoZone     = errors.New("the transfer doesn't begin with an SOA record")
	errCut        = errors.New("the transfer doesn't end with the SOA record that it began with")
	errNoBase     = errors.New("differences, and no zone that they could be of")
	errOtherBase  = errors.New("differences of another version than the one that is here")
	errNotThere   = errors.New("a record is to be removed that isn't here")
	errTwoSOAs    = errors.New("several SOA records")
	errNotOfClass = errors.New("a record that isn't of the class IN")
)

// apply returns the zone that a transfer makes of tree, and what the transfer was: axfr,
// ixfr, or none where nothing is newer. tree is nil where there is none.
func apply(tree *zone.Tree, apex []byte, records []dns.RR) (*zone.Tree, string, error) {
	if len(records) == 0 || !isSOA(records[0], apex) {
		return nil, "", errNoZone
	}
	if len(records) == 1 {
		if tree == nil {
			return nil, "", errCut
		}
		return tree, "none", nil
	}
	first, last := records[0].(*dns.SOA), records[len(records)-1]
	if !isSOA(last, apex) || last.(*dns.SOA).Serial != first.Serial {
		return nil, "", errCut
	}
	if isSOA(records[1], apex) && len(records) > 2 {
		next, err := applyDifferences(tree, apex, records)
		return next, "ixfr", err
	}
	next, err := whole(apex, records[:len(records)-1])
	if err == nil && tree != nil {
		next, _ = tree.Rebase(next)
	}
	return next, "axfr", err
}

func isSOA(rr dns.RR, apex []byte) bool {
	soa, ok := rr.(*dns.SOA)
	return ok && dns.CanonicalName(soa.Hdr.Name) == zone.String(apex)
}

// set is an RRset under construction.
type set struct {
	name   []byte
	rrtype uint16
	ttl    uint32
	rdata  [][]byte
}

type setKey struct {
	name   string
	rrtype uint16
}

// whole makes a zone of all its records.
func whole(apex []byte, records []dns.RR) (*zone.Tree, error) {
	sets := map[setKey]*set{}
	for i, rr := range records {
		name, data, err := wire(rr)
		if err != nil {
			return nil, err
		}
		h := rr.Header()
		if !zone.IsSubdomain(name, apex) {
			continue // RFC 5936 section 3.5: glue of elsewhere
		}
		if i > 0 && h.Rrtype == dns.TypeSOA {
			return nil, errTwoSOAs
		}
		k := setKey{string(name), h.Rrtype}
		s := sets[k]
		if s == nil {
			s = &set{name: name, rrtype: h.Rrtype, ttl: h.Ttl}
			sets[k] = s
		}
		s.ttl = min(s.ttl, h.Ttl) // RFC 2181 section 5.2
		s.rdata = append(s.rdata, data)
	}
	e := zone.NewTree(apex).Edit()
	for _, s := range sets {
		err := put(e, s)
		if err != nil {
			return nil, err
		}
	}
	return e.Commit(), nil
}

// put stores a set without what it has twice.
func put(e *zone.Edit, s *set) error {
	slices.SortFunc(s.rdata, bytes.Compare)
	s.rdata = slices.CompactFunc(s.rdata, bytes.Equal)
	records, err := zone.NewRecords(s.rrtype, s.ttl, s.rdata...)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", dns.Type(s.rrtype), zone.String(s.name), err)
	}
	return e.Put(s.name, records)
}

// applyDifferences makes the zone that follows from differences (RFC 1995 section 4): for
// each version the SOA before, what goes, the SOA after, what comes.
func applyDifferences(tree *zone.Tree, apex []byte, records []dns.RR) (*zone.Tree, error) {
	if tree == nil {
		return nil, errNoBase
	}
	e := tree.Edit()
	adding := true
	for _, rr := range records[1 : len(records)-1] {
		if isSOA(rr, apex) {
			adding = !adding
			_, data, err := wire(rr)
			if err != nil {
				return nil, err
			}
			if !adding {
				now := e.Lookup(apex).RRset(zone.TypeSOA).First()
				if len(now) < 20 || !bytes.Equal(now[len(now)-20:len(now)-16], data[len(data)-20:len(data)-16]) {
					return nil, errOtherBase
				}
				continue
			}
			err = put(e, &set{name: apex, rrtype: zone.TypeSOA, ttl: rr.Header().Ttl, rdata: [][]byte{data}})
			if err != nil {
				return nil, err
			}
			continue
		}
		err := difference(e, apex, rr, adding)
		if err != nil {
			return nil, err
		}
	}
	last, _, err := serialOf(e.Lookup(apex).RRset(zone.TypeSOA))
	if err != nil || last != records[0].(*dns.SOA).Serial || !adding {
		return nil, errCut
	}
	return e.Commit(), nil
}

func serialOf(s zone.RRset) (serial uint32, rdata []byte, err error) {
	rdata = s.First()
	if len(rdata) < 22 {
		return 0, nil, errNoZone
	}
	at := rdata[len(rdata)-20:]
	return uint32(at[0])<<24 | uint32(at[1])<<16 | uint32(at[2])<<8 | uint32(at[3]), rdata, nil
}

// difference adds or removes one record.
func difference(e *zone.Edit, apex []byte, rr dns.RR, adding bool) error {
	name, data, err := wire(rr)
	if err != nil {
		return err
	}
	if !zone.IsSubdomain(name, apex) {
		return nil
	}
	h := rr.Header()
	old := e.Lookup(name).RRset(h.Rrtype)
	s := &set{name: name, rrtype: h.Rrtype, ttl: h.Ttl}
	found := false
	for r := range old.Rdata() {
		if bytes.Equal(r, data) {
			found = true
			continue
		}
		s.rdata = append(s.rdata, slices.Clone(r))
	}
	if adding {
		s.rdata = append(s.rdata, data)
		return put(e, s)
	}
	switch {
	case !found:
		return fmt.Errorf("%s of %s: %w", dns.Type(h.Rrtype), zone.String(name), errNotThere)
	case len(s.rdata) == 0:
		e.Delete(name, h.Rrtype)
		return nil
	}
	s.ttl = old.TTL()
	return put(e, s)
}

// wire returns the owner, in lower case, and the data of a record in wire form.
func wire(rr dns.RR) (name, data []byte, err error) {
	h := rr.Header()
	if h.Class != dns.ClassINET {
		return nil, nil, errNotOfClass
	}
	buf := make([]byte, dns.Len(rr)+1)
	n, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		return nil, nil, fmt.Errorf("record of %s: %w", h.Name, err)
	}
	end := 0
	for buf[end] != 0 {
		end += 1 + int(buf[end])
	}
	end++
	const fixed = 10 // type, class, TTL, length
	name = buf[:end:end]
	zone.Lower(name)
	return name, buf[end+fixed : n : n], nil
}
