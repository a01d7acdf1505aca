package secondary

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/rdata"
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

// applied is what a transfer makes.
type applied struct {
	tree *zone.Tree
	how  string // axfr, ixfr, or none where nothing is newer
	// problems are the records that can't be served.
	problems []zonesource.Problem
}

// apply returns the zone that a transfer makes of tree, which is nil where there is none.
func apply(tree *zone.Tree, apex []byte, records []wire.Record) (applied, error) {
	if len(records) == 0 || !isSOA(records[0], apex) {
		return applied{}, errNoZone
	}
	if len(records) == 1 {
		if tree == nil {
			return applied{}, errCut
		}
		return applied{tree: tree, how: "none"}, nil
	}
	last := records[len(records)-1]
	if !isSOA(last, apex) || !sameSerial(last, records[0]) {
		return applied{}, errCut
	}
	if isSOA(records[1], apex) && len(records) > 2 {
		return applyDifferences(tree, apex, records)
	}
	next, err := whole(apex, records[:len(records)-1])
	if err == nil && tree != nil {
		next.tree, _ = tree.Rebase(next.tree)
	}
	return next, err
}

func sameSerial(a, b wire.Record) bool {
	one, _, err := serialOf(a.Data)
	other, _, otherErr := serialOf(b.Data)
	return err == nil && otherErr == nil && one == other
}

// serialOf returns the serial of SOA data.
func serialOf(rdata []byte) (serial uint32, times []byte, err error) {
	if len(rdata) < 22 {
		return 0, nil, errNoZone
	}
	times = rdata[len(rdata)-20:]
	return binary.BigEndian.Uint32(times), times, nil
}

// unservable returns why a record can't be served, or "". What the program reads itself has
// to be in its form; all else is the octets that came.
func unservable(r wire.Record) string {
	if r.Odd {
		return "its data have no name where the type has one"
	}
	switch r.Type {
	case wire.TypeA, wire.TypeAAAA, wire.TypeNS, wire.TypeCNAME, wire.TypeDNAME, wire.TypeSOA, wire.TypePTR,
		wire.TypeMX, wire.TypeSRV, wire.TypeSVCB, wire.TypeHTTPS, wire.TypeDS, wire.TypeTXT:
		err := rdata.Check(r.Type, r.Data)
		if err != nil {
			return err.Error()
		}
	case 0, wire.TypeOPT, wire.TypeTSIG, wire.TypeTKEY, wire.TypeANY, wire.TypeAXFR, wire.TypeIXFR:
		return "no zone has records of the type"
	}
	return ""
}

// leaveOut notes a record that can't be served; false for one that can.
func (a *applied) leaveOut(apex []byte, r wire.Record) bool {
	why := unservable(r)
	if why == "" {
		return false
	}
	a.problems = append(a.problems, zonesource.Problem{
		Zone: zone.String(apex), Name: zone.String(r.Name), Type: rdata.TypeText(r.Type),
		Reason: "left out of a transfer: " + why,
	})
	return true
}

type setKey struct {
	name   string
	rrtype uint16
}

// whole makes a zone of all its records.
func whole(apex []byte, records []wire.Record) (applied, error) {
	next := applied{how: "axfr"}
	sets := map[setKey]*wire.RecordSet{}
	for i, r := range records {
		if r.Class != wire.ClassIN {
			return next, errNotOfClass
		}
		zone.Lower(r.Name)
		if !zone.IsSubdomain(r.Name, apex) {
			continue // RFC 5936 section 3.5: glue of elsewhere
		}
		if i > 0 && r.Type == wire.TypeSOA {
			return next, errTwoSOAs
		}
		if next.leaveOut(apex, r) {
			continue
		}
		k := setKey{string(r.Name), r.Type}
		s := sets[k]
		if s == nil {
			s = &wire.RecordSet{Name: r.Name, Type: r.Type}
			sets[k] = s
		}
		s.TTLs, s.Data = append(s.TTLs, r.TTL), append(s.Data, r.Data)
	}
	e := zone.NewTree(apex).Edit()
	for _, s := range sets {
		err := put(e, s)
		if err != nil {
			return next, err
		}
	}
	next.tree = e.Commit()
	return next, nil
}

// put stores a set without what it has twice. Its TTL is the least of all (RFC 2181 section
// 5.2), but signatures have the TTLs of what they sign (RFC 4034 section 3).
func put(e *zone.Edit, s *wire.RecordSet) error {
	distinct := wire.RecordSet{}
	places := map[string]int{}
	for i, data := range s.Data {
		key := string(rdata.Canonical(s.Type, data))
		at, twice := places[key]
		if twice {
			distinct.TTLs[at] = min(distinct.TTLs[at], s.TTLs[i])
			continue
		}
		places[key] = len(distinct.Data)
		distinct.Data, distinct.TTLs = append(distinct.Data, data), append(distinct.TTLs, s.TTLs[i])
	}
	sort.Sort(&distinct)
	if !isSignature(s.Type) {
		least := slices.Min(s.TTLs)
		for i := range distinct.TTLs {
			distinct.TTLs[i] = least
		}
	}
	records, err := zone.NewTimed(s.Type, distinct.TTLs, distinct.Data)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", rdata.TypeText(s.Type), zone.String(s.Name), err)
	}
	return e.Put(s.Name, records)
}

// applyDifferences makes the zone that follows from differences (RFC 1995 section 4): for
// each version the SOA before, what goes, the SOA after, what comes.
func applyDifferences(tree *zone.Tree, apex []byte, records []wire.Record) (applied, error) {
	next := applied{how: "ixfr"}
	if tree == nil {
		return next, errNoBase
	}
	e := tree.Edit()
	adding := true
	for _, r := range records[1 : len(records)-1] {
		var err error
		switch {
		case r.Class != wire.ClassIN:
			err = errNotOfClass
		case !isSOA(r, apex):
			err = next.difference(e, apex, r, adding)
		case adding:
			adding = false
			err = isBase(e.Lookup(apex).RRset(zone.TypeSOA).First(), r.Data)
		default:
			adding = true
			err = put(e, &wire.RecordSet{Name: apex, Type: zone.TypeSOA, TTLs: []uint32{r.TTL}, Data: [][]byte{r.Data}})
		}
		if err != nil {
			return next, err
		}
	}
	now := wire.Record{Data: e.Lookup(apex).RRset(zone.TypeSOA).First()}
	if !adding || !sameSerial(now, records[0]) {
		return next, errCut
	}
	next.tree = e.Commit()
	return next, nil
}

// isBase finds whether differences of the version with an SOA are of the one that is here.
func isBase(here, before []byte) error {
	if !sameSerial(wire.Record{Data: here}, wire.Record{Data: before}) {
		return errOtherBase
	}
	return nil
}

// difference adds or removes one record.
func (a *applied) difference(e *zone.Edit, apex []byte, r wire.Record, adding bool) error {
	zone.Lower(r.Name)
	if !zone.IsSubdomain(r.Name, apex) || a.leaveOut(apex, r) {
		return nil
	}
	old := e.Lookup(r.Name).RRset(r.Type)
	s := &wire.RecordSet{Name: r.Name, Type: r.Type}
	found := false
	for ttl, data := range old.Timed() {
		if rdata.Equal(r.Type, data, r.Data) {
			found = true
			continue
		}
		s.Data, s.TTLs = append(s.Data, slices.Clone(data)), append(s.TTLs, ttl)
	}
	if adding {
		s.Data, s.TTLs = append(s.Data, r.Data), append(s.TTLs, r.TTL)
		if !isSignature(r.Type) { // the last word on the TTL of all
			for i := range s.TTLs {
				s.TTLs[i] = r.TTL
			}
		}
		return put(e, s)
	}
	switch {
	case !found:
		return fmt.Errorf("%s of %s: %w", rdata.TypeText(r.Type), zone.String(r.Name), errNotThere)
	case len(s.Data) == 0:
		e.Delete(r.Name, r.Type)
		return nil
	}
	return put(e, s)
}

func isSignature(rrtype uint16) bool { return rrtype == wire.TypeRRSIG || rrtype == wire.TypeSIG }
