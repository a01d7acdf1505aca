package zonefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/breath"
	"inside53/zonesource/rdata"
)

const (
	maxFaults   = 10   // reported of one reading
	maxProblems = 1000 // reported of one zone
)

// errGaveUp says that there were maxFaults faults.
var errGaveUp = errors.New("too many faults")

const (
	stretch = 512 // records, about half a millisecond
)

// Content is what a zone file holds.
type Content struct {
	Tree *zone.Tree
	// Problems are findings that do not keep the zone from being served: records
	// out of the zone, TTLs that differ inside an RRset.
	Problems []zonesource.Problem
	// Files are the paths of the file and of those it includes, in the order of
	// reading.
	Files []string
}

// Load reads the zone file at path. origin, in lower-case wire form, is the apex
// of the zone and the first origin of the file. The error joins up to ten
// faults, each with file and line; the content is then of no use but for its
// Files. It is ctx.Err() when ctx ends.
func Load(ctx context.Context, origin []byte, path string) (Content, error) {
	l := newLoader(ctx, origin)
	err := l.load(path)
	content := Content{Problems: l.problems}
	for _, file := range l.files {
		content.Files = append(content.Files, file.path)
	}
	if err != nil {
		return content, err
	}
	content.Tree = l.tree
	return content, nil
}

// loader collects the records of one zone.
type loader struct {
	ctx      context.Context
	apex     []byte
	name     string // the apex, for people
	edit     *zone.Edit
	tree     *zone.Tree // once all is read
	ttls     ttls
	files    []watched
	faults   []error
	problems []zonesource.Problem
	more     int // problems beyond maxProblems

	// visit, where it is set, gets the records in place of the tree.
	visit func(Entry) error

	// paced leaves the processor to others after each stretch of records. The runtime
	// looks for packets only where nothing else is to be done, or every 10 ms: on one
	// processor a goroutine that goes on for longer has all answers wait for it.
	paced bool
	taken int // records

	pending pending
	rdata   [][]byte // scratch
	times   []uint32 // scratch: the TTL of each
	soa     place    // of the first SOA record
	dnames  map[string]place
}

// pending is the RRset under way: records of one owner and type that follow one
// another.
type pending struct {
	owner  []byte
	rrtype uint16
	ttl    uint32
	mixed  bool // TTLs differ
	first  place
	bytes  []byte   // rdata of all records, one after the other
	ends   []int    // where each ends
	times  []uint32 // the TTL of each
}

func newLoader(ctx context.Context, origin []byte) *loader {
	return &loader{
		ctx: ctx, apex: origin, name: zone.String(origin),
		edit: zone.NewTree(origin).Edit(), dnames: map[string]place{},
	}
}

// load reads the zone.
func (l *loader) load(path string) error {
	err := l.include(path, l.apex, 0)
	if l.ctx.Err() != nil {
		return l.ctx.Err()
	}
	switch {
	case errors.Is(err, errGaveUp):
	case err != nil:
		l.faults = append(l.faults, err)
	case l.flush():
		l.rest()
		l.tree = l.edit.Commit()
		l.rest()
		l.checkWhole(path)
	}
	if len(l.faults) >= maxFaults {
		l.faults = append(l.faults, errGaveUp)
	}
	if len(l.faults) > 0 {
		return fmt.Errorf("reading zone %s: %w", l.name, errors.Join(l.faults...))
	}
	if l.more > 0 {
		l.problems = append(l.problems, zonesource.Problem{Zone: l.name, Reason: fmt.Sprintf("%d more problems", l.more)})
	}
	return nil
}

// rest leaves the processor to others for a moment, where it is to be shared.
func (l *loader) rest() {
	if l.paced {
		breath.Take()
	}
}

// fault keeps a fault of the file; false when there are enough.
func (l *loader) fault(at place, err error) bool {
	l.faults = append(l.faults, fmt.Errorf("%s: %w", at, err))
	return len(l.faults) < maxFaults
}

func (l *loader) problem(owner []byte, rrtype uint16, at place, reason string) {
	if len(l.problems) == maxProblems {
		l.more++
		return
	}
	l.problems = append(l.problems, zonesource.Problem{
		Zone: l.name, Name: zone.String(owner), Type: rdata.TypeText(rrtype),
		Reason: fmt.Sprintf("%s: %s", at, reason),
	})
}

// add takes one record; it keeps neither owner nor data. Faults that show only
// once the RRset is whole are placed at its first record.
func (l *loader) add(owner []byte, rrtype uint16, ttl uint32, data []byte, at place) error {
	l.taken++
	if l.taken%stretch == 0 {
		l.rest()
	}
	p := &l.pending
	if len(p.ends) == 0 || rrtype != p.rrtype || !bytes.Equal(owner, p.owner) || len(p.ends) == maxPending {
		if !l.flush() {
			return errGaveUp
		}
		if !zone.IsSubdomain(owner, l.apex) {
			l.problem(owner, rrtype, at, "out of the zone, ignored")
			return nil
		}
		if rrtype == zone.TypeSOA && len(owner) != len(l.apex) {
			return fmt.Errorf("SOA record at %s, below the apex %s", zone.String(owner), l.name)
		}
		p.owner = append(p.owner[:0], owner...)
		p.rrtype, p.ttl, p.mixed, p.first = rrtype, ttl, false, at
	}
	if ttl != p.ttl {
		p.mixed = true
		p.ttl = min(p.ttl, ttl)
	}
	p.bytes = append(p.bytes, data...)
	p.ends = append(p.ends, len(p.bytes))
	p.times = append(p.times, ttl)
	return nil
}

// maxPending bounds the records that wait: no DNS message has as many.
const maxPending = 6000

// flush puts the pending RRset into the tree, together with what the name has
// of the type already; false when there are faults enough.
func (l *loader) flush() bool {
	p := &l.pending
	if len(p.ends) == 0 {
		return true
	}
	node := l.edit.Lookup(p.owner)
	old := node.RRset(p.rrtype)
	if old.Exists() && old.TTL() != p.ttl {
		p.mixed = true
		p.ttl = min(p.ttl, old.TTL())
	}
	l.rdata, l.times = l.rdata[:0], l.times[:0]
	for ttl, data := range old.Timed() {
		l.rdata, l.times = append(l.rdata, data), append(l.times, ttl)
	}
	start := 0
	for i, end := range p.ends {
		l.addDistinct(p.times[i], p.bytes[start:end:end])
		start = end
	}
	err := l.check(node)
	if err == nil {
		err = l.put()
	}
	p.bytes, p.ends, p.times = p.bytes[:0], p.ends[:0], p.times[:0]
	return err == nil || l.fault(p.first, err)
}

// addDistinct adds one record's data to the RRset, which is a set (RFC 2181 5). Names that
// differ in the case of letters alone are the same.
func (l *loader) addDistinct(ttl uint32, data []byte) {
	for i, other := range l.rdata {
		if rdata.Equal(l.pending.rrtype, other, data) {
			l.times[i] = min(l.times[i], ttl)
			return
		}
	}
	l.rdata, l.times = append(l.rdata, data), append(l.times, ttl)
}

// check finds what must not stand together. node is what the name has so far,
// l.rdata all data of the pending type.
func (l *loader) check(node zone.Node) error {
	p := &l.pending
	switch p.rrtype {
	case zone.TypeSOA:
		if len(l.rdata) > 1 {
			return fmt.Errorf("second SOA record, the first is at %s", l.soa)
		}
		l.soa = p.first
	case zone.TypeDNAME: // RFC 6672 2.4
		if len(l.rdata) > 1 {
			return fmt.Errorf("several DNAME records at %s", zone.String(p.owner))
		}
		l.dnames[string(p.owner)] = p.first
	case zone.TypeCNAME: // RFC 1034 3.6.2, RFC 2181 10.1
		if len(l.rdata) > 1 {
			return fmt.Errorf("several CNAME records at %s", zone.String(p.owner))
		}
		for set := range node.RRsets {
			if set.Type != zone.TypeCNAME && !besideCNAME(set.Type) {
				return fmt.Errorf("CNAME record at %s beside %s records", zone.String(p.owner), rdata.TypeText(set.Type))
			}
		}
		return nil
	}
	if node.Exists() && node.HasCNAME() && !besideCNAME(p.rrtype) {
		return fmt.Errorf("%s record at %s beside a CNAME record", rdata.TypeText(p.rrtype), zone.String(p.owner))
	}
	return nil
}

// besideCNAME reports whether a type may stand beside a CNAME record
// (RFC 2181 10.1, RFC 4034 3 and 4).
func besideCNAME(rrtype uint16) bool {
	switch rrtype {
	case zone.TypeRRSIG, zone.TypeNSEC, typeSIG, typeKEY, typeNXT:
		return true
	}
	return false
}

// put stores the RRset. Signatures keep their TTLs, each of which is that of what it signs
// (RFC 4034 3); the TTLs of all other records are one.
func (l *loader) put() error {
	p := &l.pending
	signatures := p.rrtype == zone.TypeRRSIG || p.rrtype == typeSIG
	set, err := zone.NewRecords(p.rrtype, p.ttl, l.rdata...)
	if signatures {
		set, err = zone.NewTimed(p.rrtype, l.times, l.rdata)
	}
	if err != nil {
		return fmt.Errorf("%s records of %s: %w", rdata.TypeText(p.rrtype), zone.String(p.owner), err)
	}
	if p.mixed && !signatures {
		l.problem(p.owner, p.rrtype, p.first,
			fmt.Sprintf("TTLs differ inside the RRset, the least of them, %d, holds for all (RFC 2181 5.2)", p.ttl))
	}
	return l.edit.Put(p.owner, set)
}

// checkWhole finds what only the whole zone shows.
func (l *loader) checkWhole(path string) {
	apex := l.tree.Lookup(l.apex)
	if !apex.RRset(zone.TypeSOA).Exists() {
		l.faults = append(l.faults, fmt.Errorf("%s: no SOA record at %s", path, l.name))
	}
	if !apex.RRset(zone.TypeNS).Exists() {
		l.problem(l.apex, zone.TypeNS, place{file: path}, "no NS records at the apex")
	}
	if len(l.dnames) == 0 {
		return
	}
	for name, node := range l.tree.All {
		if node.Empty() {
			continue
		}
		for above := name; len(above) > len(l.apex); {
			above = above[1+int(above[0]):]
			at, covered := l.dnames[string(above)]
			if covered {
				l.problem(name, zone.TypeDNAME, at, "hidden below the DNAME record of "+zone.String(above)+" (RFC 6672 2.4)")
				break
			}
		}
	}
}
