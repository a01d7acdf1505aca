package update

import (
	"slices"

	"inside53/resolver/zone"
)

// setKey names an RRset of a zone.
type setKey struct {
	name   string // lower-case wire form
	rrtype uint16
}

// contents are the records of a zone that messages are held against: what Route 53 has,
// as far as is known, and over it what messages before have changed.
type contents struct {
	apex string
	base func(name string) *owner // what Route 53 has
	now  map[string]*owner        // what is changed
}

func (c *contents) at(name string) *owner {
	o, changed := c.now[name]
	if changed {
		return o
	}
	return c.base(name)
}

// at is what a name has, should the message under way be accepted.
func (p *plan) at(name string) *owner {
	o, changed := p.next[name]
	if changed {
		return o
	}
	return p.contents.at(name)
}

// read asks for a name to be read, unless it was.
func (p *plan) read(name string) {
	if !p.contents.base(name).fresh {
		p.unread.add(name)
	}
}

// evaluate holds a message against the contents, which stay as they are (RFC 2136
// section 3.2 and 3.4): what it changes is next, the RRsets that it is about are about.
// While names are unread, the result is provisional.
//
// Prerequisites are only ever held against what was read. What a change finds may be
// what we serve: Route 53 refuses the change where that is old. A message that changes
// nothing of an RRset that it is about has nothing that Route 53 could refuse, so that
// such names are read.
func (p *plan) evaluate(m *Message) Result {
	p.next, p.about = map[string]*owner{}, ordered[setKey]{}
	for i := range m.Prerequisites {
		p.read(string(m.Prerequisites[i].Name))
	}
	result := p.prerequisites(m.Prerequisites)
	if !result.good() {
		return result
	}
	for i := range m.Updates {
		result = p.change(&m.Updates[i])
		if !result.good() {
			return result
		}
	}
	for _, k := range p.about.list {
		is := p.at(k.name).sets[k.rrtype]
		if is.same(p.contents.base(k.name).sets[k.rrtype]) {
			p.read(k.name)
			continue
		}
		if is == nil {
			continue
		}
		result = is.storable([]byte(k.name), k.rrtype)
		if !result.good() {
			return result
		}
	}
	return Result{}
}

// prerequisites holds prerequisites against the contents (RFC 2136 section 3.2.5).
func (p *plan) prerequisites(all []Record) Result {
	values := map[setKey]*rrset{} // of whole RRsets that have to be
	var order []setKey
	for i := range all {
		r := &all[i]
		o := p.at(string(r.Name))
		exists := len(o.sets) > 0
		if r.Type != zone.TypeANY {
			exists = o.sets[r.Type] != nil
		}
		switch {
		case r.Class == ClassIN:
			k := setKey{string(r.Name), r.Type}
			if values[k] == nil {
				values[k] = &rrset{}
				order = append(order, k)
			}
			if !values[k].has(r.Type, r.Data) {
				values[k].data = append(values[k].data, r.Data)
			}
		case r.Class == ClassAny && !exists && r.Type == zone.TypeANY:
			return Result{Rcode: NXDomain}
		case r.Class == ClassAny && !exists:
			return Result{Rcode: NXRRset}
		case r.Class == ClassNone && exists && r.Type == zone.TypeANY:
			return Result{Rcode: YXDomain}
		case r.Class == ClassNone && exists:
			return Result{Rcode: YXRRset}
		}
	}
	for _, k := range order {
		is, want := p.at(k.name).sets[k.rrtype], values[k]
		if is == nil || is.foreign != "" || len(is.data) != len(want.data) {
			return Result{Rcode: NXRRset}
		}
		for _, d := range want.data {
			if !is.has(k.rrtype, d) {
				return Result{Rcode: NXRRset}
			}
		}
	}
	return Result{}
}

// change makes one change (RFC 2136 section 3.4.2).
func (p *plan) change(r *Record) Result {
	apex := string(r.Name) == p.contents.apex
	switch {
	case r.Class == ClassIN:
		return p.addRecord(r)
	case r.Class == ClassNone:
		return p.deleteRecord(r, apex)
	case r.Type == zone.TypeANY:
		return p.deleteName(r, apex)
	case apex && (r.Type == zone.TypeSOA || r.Type == zone.TypeNS):
		return Result{} // section 3.4.2.3
	}
	return p.put(r.Name, r.Type, nil)
}

// put gives a name another set of a type.
func (p *plan) put(name []byte, rrtype uint16, s *rrset) Result {
	k := setKey{string(name), rrtype}
	o := p.at(k.name)
	p.about.add(k)
	old := o.sets[rrtype]
	if old != nil && old.foreign != "" {
		p.read(k.name)
		return refuse("%s %s; updates leave it alone", describeSet(k), old.foreign)
	}
	p.next[k.name] = o.with(rrtype, s)
	return Result{}
}

// ignore notes that a change of a set is silently not made.
func (p *plan) ignore(name []byte) Result {
	p.read(string(name))
	return Result{}
}

// addRecord adds a record (section 3.4.2.2): CNAME records stay alone and are replaced, and
// so is the TTL of a whole RRset (RFC 2181 section 5.2).
func (p *plan) addRecord(r *Record) Result {
	o := p.at(string(r.Name))
	if r.Type == zone.TypeSOA {
		return Result{} // of the apex it is Route 53's; elsewhere there is none
	}
	for other := range o.sets {
		if (r.Type == zone.TypeCNAME) != (other == zone.TypeCNAME) && other != r.Type {
			return p.ignore(r.Name)
		}
	}
	old := o.sets[r.Type]
	if old != nil && old.foreign != "" {
		return p.put(r.Name, r.Type, nil) // says why not
	}
	s := &rrset{ttl: r.TTL}
	if old != nil && r.Type != zone.TypeCNAME {
		s.data = slices.Clone(old.data)
	}
	at := s.index(r.Type, r.Data)
	switch {
	case at < 0:
		s.data = append(s.data, r.Data)
	case old.ttl == r.TTL:
		s = old
	}
	if r.Type == zone.TypeCNAME && old != nil && old.ttl == r.TTL && old.has(r.Type, r.Data) {
		s = old
	}
	return p.put(r.Name, r.Type, s)
}

// deleteRecord deletes one record (section 3.4.2.4): never the SOA or the last NS of
// the apex.
func (p *plan) deleteRecord(r *Record, apex bool) Result {
	if apex && r.Type == zone.TypeSOA {
		return Result{}
	}
	old := p.at(string(r.Name)).sets[r.Type]
	if old == nil || old.foreign != "" {
		return p.put(r.Name, r.Type, nil)
	}
	at := old.index(r.Type, r.Data)
	switch {
	case at < 0:
		return p.put(r.Name, r.Type, old)
	case len(old.data) > 1:
		return p.put(r.Name, r.Type, &rrset{ttl: old.ttl, data: slices.Delete(slices.Clone(old.data), at, at+1)})
	case apex && r.Type == zone.TypeNS:
		return p.ignore(r.Name)
	}
	return p.put(r.Name, r.Type, nil)
}

// deleteName deletes all that a name has (section 3.4.2.3), but SOA and NS of the apex.
// Route 53 couldn't refuse what isn't known to be there, so that the name is read.
func (p *plan) deleteName(r *Record, apex bool) Result {
	p.read(string(r.Name))
	var kinds []uint16
	for rrtype := range p.at(string(r.Name)).sets {
		if !apex || rrtype != zone.TypeSOA && rrtype != zone.TypeNS {
			kinds = append(kinds, rrtype)
		}
	}
	slices.Sort(kinds)
	for _, rrtype := range kinds {
		result := p.put(r.Name, rrtype, nil)
		if !result.good() {
			return result
		}
	}
	return Result{}
}
