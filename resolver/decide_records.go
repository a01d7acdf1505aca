package resolver

import (
	"encoding/binary"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// respond answers with an RRset of the type asked for (clause 5).
func (d *decision) respond(z *zone.Zone, set zone.RRset) {
	d.a.last().set = set
	d.authoritative()
	leaf, ok := set, true
	if !set.Kind.Plain() {
		leaf, ok = d.leaf(z, set)
	}
	if !ok {
		return
	}
	d.a.last().outcome = data
	d.answer(leaf)
}

// judge makes j the judge of policies in a zone, for the hop in work.
func (d *decision) judge(j *judge, z *zone.Zone) {
	j.init(d.snap, d.live, z, d.a.View, d.q)
	j.atHop(d.a.nhops - 1)
}

// answer adds plain records.
func (d *decision) answer(leaf zone.RRset) {
	if d.snap.Inventory.IsUncertain() && leaf.Type == zone.TypeA && leaf.Flags&zone.Translatable != 0 &&
		d.uncertain(leaf) {
		d.unreadInventory("an inventory has not been read yet")
		return
	}
	if leaf.Type == zone.TypeSOA {
		leaf.Data = d.withSerial(d.a.last().apex, leaf)
	}
	i := d.a.add(inAnswer, leaf.Count, leaf.Data)
	i.flags, i.maxTTL = leaf.Flags, d.maxTTL
	if leaf.Flags&zone.TagNames != 0 {
		i.pick, i.near = d.pick, d.near
		d.noteCrossing(leaf, zone.InstanceService)
	}
}

// uncertain reports whether an address of a hosted zone may be that of an instance whose
// region has not been read. Zone files answer before the inventory is there.
func (d *decision) uncertain(leaf zone.RRset) bool {
	if z := d.a.last().zone; z == nil || z.Origin == zone.File {
		return false
	}
	for b := leaf.Data; len(b) >= wire.PackedHeader+4; b = b[wire.PackedHeader+4:] {
		if d.snap.Inventory.Uncertain(d.a.View.Index, [4]byte(b[wire.PackedHeader:])) {
			return true
		}
	}
	return false
}

// withSerial returns the packed SOA record of a zone, with the serial that secondaries
// get where it is transferred.
func (d *decision) withSerial(apex *zone.Apex, soa zone.RRset) []byte {
	serial, ok := d.live.Serial(d.a.View.Name, apex.Name)
	rdata := soa.First()
	if !ok || d.q.fixed || len(rdata) < 22 {
		return soa.Data
	}
	made := d.a.makeRecord(zone.TypeSOA, soa.TTL(), rdata)
	if made == nil {
		return soa.Data
	}
	binary.BigEndian.PutUint32(made[len(made)-20:], serial)
	return made
}

// failoverTTL caps the TTL of what a failover policy gave, in seconds: a client must
// not keep the address of a dead primary for longer.
const failoverTTL = 60

// leaf walks policies and aliases of one zone down to the plain records of one set.
// When there are none, it has made the answer itself: several sets, NODATA, an
// external question, a failure.
func (d *decision) leaf(z *zone.Zone, set zone.RRset) (zone.RRset, bool) {
	var j judge
	for range maxAliases {
		switch set.Kind {
		case zone.Records:
			return set, true
		case zone.Group:
			if j.zone == nil {
				d.judge(&j, z)
			}
			if set.Policy() == zone.Multivalue {
				d.multivalue(&j, set)
				return zone.RRset{}, false
			}
			var m zone.Member
			if set.Policy() == zone.Failover {
				d.maxTTL = failoverTTL
			}
			d.a.Tailored = d.a.Tailored || j.ecs
			if !j.choose(set, &m) {
				return d.nothing()
			}
			set = m.Set
		case zone.Aliased:
			target := set.Alias()
			if !target.SameZone {
				d.externalAlias(target, set.Type)
				return zone.RRset{}, false
			}
			set = z.Tree.Lookup(target.Target).RRset(set.Type)
			if !set.Exists() {
				return d.nothing()
			}
		default:
			d.a.fail(wire.RcodeServFail, wire.EDEInvalidData, unservable)
			return zone.RRset{}, false
		}
	}
	d.a.fail(wire.RcodeServFail, wire.EDEInvalidData, unservable)
	return zone.RRset{}, false
}

// nothing is the answer of a policy without a choice and of an alias without a
// target: the name exists, the type doesn't.
func (d *decision) nothing() (zone.RRset, bool) {
	d.exists = true
	d.negative(d.a.last().apex)
	return zone.RRset{}, false
}

// multivalue adds the records of several members, each a record set of its own.
// (Route 53 has no aliases among them.) Together they are one RRset: equal records
// are one, and all have the least TTL (RFC 2181 sections 5 and 5.2).
func (d *decision) multivalue(j *judge, set zone.RRset) {
	a := d.a
	var m zone.Member
	var w multivalues
	w.init(j, set)
	start, ttl := a.nitems, d.maxTTL
	for w.next(j, &m) {
		if m.Set.Kind != zone.Records {
			a.fail(wire.RcodeServFail, wire.EDEInvalidData, unservable)
			return
		}
		if ttl == 0 || m.Set.TTL() < ttl {
			ttl = m.Set.TTL()
		}
		if !holds(a.items[start:a.nitems], m.Set) {
			d.answer(m.Set)
		}
		if a.Rcode != wire.RcodeNoError {
			return
		}
	}
	for i := start; i < a.nitems; i++ {
		a.items[i].maxTTL = ttl
	}
	a.last().outcome = data
}

// holds reports whether one of the items is a record set already, TTL aside.
func holds(items []item, set zone.RRset) bool {
	for i := range items {
		if string(items[i].data[wire.PackedHeader-2:]) == string(set.Data[wire.PackedHeader-2:]) {
			return true
		}
	}
	return false
}

// externalAlias leaves an alias to an AWS resource to the forwarder in charge of
// the target's name; the answer will be the alias's own.
func (d *decision) externalAlias(target zone.Alias, rrtype uint16) {
	a := d.a
	var l zone.Labels
	if l.Parse(target.Target) < 0 {
		a.fail(wire.RcodeServFail, wire.EDEInvalidData, unservable)
		return
	}
	apex := a.View.Closest(&l, target.Target, l.Count)
	if apex == nil || apex.Forward == zone.NoForward {
		apex = a.View.Root()
	}
	nobody := apex == nil || apex.Forward == zone.NoForward
	s := d.snap.Inventory.Service(target.Target)
	if s != nil && (nobody || s.Kind.Zonal() && d.snap.Inventory.Affinity() != zone.NoAffinity) && d.service(s, rrtype) {
		a.last().outcome = alias
		return
	}
	if nobody {
		a.fail(wire.RcodeServFail, wire.EDENoReachable, noAuthority)
		return
	}
	a.last().outcome = alias
	a.need, a.asAlias, a.aliasType, a.aliasTTL, a.group = true, true, rrtype, d.maxTTL, apex.Forward
	a.target = a.external[:copy(a.external[:], target.Target)]
}

// atCNAME answers a name that owns a CNAME: with it when it was asked for, else by
// going on at its target, which starts in the view again (clause 4e).
func (d *decision) atCNAME(z *zone.Zone, set zone.RRset) (again bool) {
	if d.q.Type == zone.TypeCNAME || d.q.Type == zone.TypeANY {
		d.respond(z, set)
		return false
	}
	d.a.last().set = set
	d.authoritative()
	leaf, ok := set, true
	if !set.Kind.Plain() {
		leaf, ok = d.leaf(z, set)
	}
	if !ok {
		return false
	}
	d.a.last().outcome = cname
	d.a.add(inAnswer, 1, leaf.Data).maxTTL = d.maxTTL
	return d.a.follow(leaf.First())
}

// followDNAME answers a name below a DNAME (RFC 6672 section 3.2): the DNAME, a
// CNAME made from it, and on at the new name. A name that grows too long gets
// YXDOMAIN.
func (d *decision) followDNAME(z *zone.Zone, node zone.Node, labels int) (again bool) {
	a := d.a
	h := a.last()
	set := node.RRset(zone.TypeDNAME)
	h.zone, h.set, h.outcome = z, set, dname
	d.authoritative()
	target := set.First()
	if target == nil {
		a.fail(wire.RcodeServFail, wire.EDEInvalidData, unservable)
		return false
	}
	suffix := d.labels.Off[labels]
	if !a.holds(set) {
		a.add(inAnswer, 1, set.Data).suffix = suffix
	}
	if int(suffix)+len(target) > zone.MaxName {
		a.Rcode = wire.RcodeYXDomain
		return false
	}
	var name [zone.MaxName]byte
	n := copy(name[:], d.name[:suffix])
	n += copy(name[n:], target)
	made := a.makeRecord(zone.TypeCNAME, set.TTL(), name[:n])
	if made == nil {
		a.fail(wire.RcodeServFail, wire.NoEDE, dname)
		return false
	}
	a.add(inAnswer, 1, made)
	if d.q.Type == zone.TypeCNAME || d.q.Type == zone.TypeANY {
		return false // the CNAME is what was asked for, as where it isn't made
	}
	return a.follow(name[:n])
}

// referral answers a name at or below a zone cut (RFC 1034 section 4.3.2 step 3b).
// Whoever asks for recursion and may have it never gets a referral (RFC 1034
// section 4.3.1): the forwarder follows the delegation.
func (d *decision) referral(z *zone.Zone, node zone.Node, labels int) {
	a := d.a
	h := a.last()
	set := node.RRset(zone.TypeNS)
	h.zone, h.set = z, set
	if d.q.RD && d.q.Type == zone.TypeNS && labels == d.depth && set.Kind == zone.Records {
		// The delegation itself is what was asked for, and it is ours to know.
		h.outcome = data
		a.add(inAnswer, set.Count, set.Data)
		return
	}
	if d.q.RD && a.View.Recursive() {
		d.exists = false
		d.outside(a.View.Root().Forward)
		return
	}
	if set.Kind != zone.Records {
		a.fail(wire.RcodeServFail, wire.EDEInvalidData, unservable)
		return
	}
	h.outcome = referral
	if a.nhops == 1 {
		a.Result = LocalReferral
	}
	suffix := d.labels.Off[labels]
	a.add(inAuthority, set.Count, set.Data).suffix = suffix
	ds := node.RRset(zone.TypeDS)
	if d.q.DO && ds.Kind == zone.Records {
		a.add(inAuthority, ds.Count, ds.Data).suffix = suffix
	}
	for target := range set.Rdata() {
		d.glue(z, target)
	}
}

// glue adds the addresses of a name server that lies in the zone (RFC 9471).
func (d *decision) glue(z *zone.Zone, target []byte) {
	var name [zone.MaxName]byte
	n := copy(name[:], target)
	zone.Lower(name[:n])
	node := z.Tree.Lookup(name[:n])
	for _, rrtype := range [...]uint16{zone.TypeA, zone.TypeAAAA} {
		set := node.RRset(rrtype)
		if set.Kind == zone.Records {
			i := d.a.add(inAdditional, set.Count, set.Data)
			i.owner, i.flags = target, set.Flags
		}
	}
}

// specialTTL is the TTL of special names and of their negative answers, in
// seconds: they never change.
const specialTTL = 10800

var (
	localhostName = zone.MustName("localhost.")
	specialSOA    = soaRdata(localhostName, zone.MustName("nobody.invalid."))
	loopback4     = []byte{127, 0, 0, 1}
	loopback6     = []byte{15: 1}
	loopbackPTR   = zone.MustName("1.0.0.127.in-addr.arpa.")
)

func soaRdata(mname, rname []byte) []byte {
	rdata := append(append([]byte(nil), mname...), rname...)
	for _, n := range [...]uint32{1, 3600, 1200, 604800, specialTTL} {
		rdata = binary.BigEndian.AppendUint32(rdata, n)
	}
	return rdata
}

// special answers the names that never leave (clause 2).
func (d *decision) special(apex *zone.Apex) {
	a, t := d.a, d.q.Type
	a.last().outcome = special
	d.authoritative()
	atApex := d.depth == apex.Labels
	switch {
	case apex.Special == zone.Localhost && (t == zone.TypeA || t == zone.TypeANY):
		d.own(zone.TypeA, specialTTL, loopback4)
	case apex.Special == zone.Localhost && t == zone.TypeAAAA:
		d.own(zone.TypeAAAA, specialTTL, loopback6)
	case apex.Special == zone.Localhost:
		d.specialNegative(apex, wire.RcodeNoError)
	case apex.Special == zone.NoName:
		d.specialNegative(apex, wire.RcodeNXDomain)
	case atApex && (t == zone.TypeSOA || t == zone.TypeANY):
		d.own(zone.TypeSOA, specialTTL, specialSOA)
	case atApex && t == zone.TypeNS:
		d.own(zone.TypeNS, specialTTL, localhostName)
	case apex.Special == zone.Loopback && (t == zone.TypePTR || t == zone.TypeANY) && d.isLoopback():
		d.own(zone.TypePTR, specialTTL, localhostName)
	case atApex || d.exists || apex.Special == zone.NoData || apex.Special == zone.Loopback &&
		zone.IsSubdomain(loopbackPTR, d.name):
		d.specialNegative(apex, wire.RcodeNoError)
	default:
		d.specialNegative(apex, wire.RcodeNXDomain)
	}
}

// isLoopback reports whether the name is the reverse name of 127.0.0.1 or ::1 (the
// latter's is the apex of its own special zone).
func (d *decision) isLoopback() bool {
	return string(d.name) == string(loopbackPTR) || d.depth == 34
}

// own answers with one record that is made here and now.
func (d *decision) own(rrtype uint16, ttl uint32, rdata []byte) bool {
	made := d.a.makeRecord(rrtype, ttl, rdata)
	if made == nil {
		return false
	}
	d.a.add(inAnswer, 1, made)
	return true
}

func (d *decision) specialNegative(apex *zone.Apex, rcode uint8) {
	a := d.a
	a.Rcode = rcode
	a.Result = LocalNoData
	if rcode == wire.RcodeNXDomain {
		a.Result = LocalNXDomain
	}
	ttl := uint32(specialTTL)
	if apex.Computed {
		ttl = max(d.snap.TranslatedTTL, 1) // the next instance may have the name
	}
	made := a.makeRecord(zone.TypeSOA, ttl, specialSOA)
	a.add(inAuthority, 1, made).suffix = d.labels.Off[apex.Labels]
}
