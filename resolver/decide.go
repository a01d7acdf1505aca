package resolver

import (
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// decide finds the answer, as far as our own data go. It begins at the last hop
// of a and ends with a complete Answer, or with one that needs an upstream
// (a.need). It is the only place that decides, and pure: no I/O, no clock, no
// error, nothing kept. The clauses are numbered as in doc.go.
func decide(snap *zone.Snapshot, live *zone.Live, q *Query, a *Answer) {
	d := decision{snap: snap, live: live, q: q, a: a}
	for d.hop() {
	}
}

// decision is the scratch of one decision.
type decision struct {
	snap   *zone.Snapshot
	live   *zone.Live
	q      *Query
	a      *Answer
	labels *zone.Labels
	name   []byte
	depth  int // labels of name
	// What the layers have at the name, beyond the answer itself.
	exists bool   // some layer has the name
	owned  bool   // some layer has records at the name
	closed bool   // no lower layer and no forwarder may be asked any more
	fenced bool   // the name is one of instances none of which the view reaches
	maxTTL uint32 // of what a policy gave; 0 for none
	// How the set of instances that was looked at last is narrowed, and how many of what is
	// given of it are in the client's zone.
	pick zone.Pick
	near uint16
	// encloser is how many labels the closest encloser has that the wildcard in work belongs to.
	encloser uint8
}

// hop decides the hop in work; true when it opened another one.
func (d *decision) hop() bool {
	a := d.a
	h := a.last()
	d.labels = &a.labels
	if a.nhops == 1 {
		d.labels = &d.q.Labels
	}
	d.name, d.depth = h.name, d.labels.Count
	d.exists, d.owned, d.closed, d.fenced, d.maxTTL = false, false, false, false, 0
	h.apex = d.closest()
	switch {
	case h.apex == nil && d.snap.Loaded:
		return d.noAuthority()
	case h.apex == nil: // a zone may come that has it
		a.fail(wire.RcodeServFail, wire.EDENotReady, notLoaded)
		return false
	case h.apex.Unavailable != "":
		a.fail(wire.RcodeServFail, wire.EDENoReachable, unavailable)
		a.edeText = h.apex.Unavailable[:min(len(h.apex.Unavailable), maxEDEText)]
		return false
	case (!d.snap.Loaded || a.View.Unread != "") && !early(d.snap, h.apex):
		a.fail(wire.RcodeServFail, wire.EDENotReady, notLoaded)
		if d.snap.Loaded {
			a.edeText = a.View.Unread[:min(len(a.View.Unread), maxEDEText)]
		}
		return false
	}
	if len(h.apex.Layers) > 0 {
		decided, again := d.inLayers(h.apex.Layers)
		if decided {
			return again
		}
	}
	return d.belowLayers(h.apex)
}

// closest is clause 3, the longest match among zones and forwarders. DS at an apex
// is the parent's question (RFC 4035 section 3.1.4.1), if anybody knows the parent. The
// name exists even if the parent has no delegation, as is common for private zones:
// NXDOMAIN would deny all of the zone to whoever keeps it (RFC 8020).
func (d *decision) closest() *zone.Apex {
	apex := d.a.View.Closest(d.labels, d.name, d.depth)
	if d.q.Type != zone.TypeDS || apex == nil || apex.Labels != d.depth || d.depth == 0 {
		return apex
	}
	if apex.Special == zone.Localhost || apex.Special == zone.NoName || apex.Special == zone.NoData {
		return apex // these have no parent that may be asked (RFC 6761 section 6, RFC 7686 section 2, RFC 9462 section 6.4)
	}
	parent := d.a.View.Closest(d.labels, d.name, d.depth-1)
	if parent == nil || len(parent.Layers) == 0 && parent.Forward == zone.NoForward {
		return apex
	}
	d.exists = true
	return parent
}

// early reports whether an apex answers before the first data are complete, or to clients
// whose view isn't known
// (clause 9): files, special names (of the empty zones those that no instance can
// have a name in), forwarders of a name other than the root.
func early(snap *zone.Snapshot, x *zone.Apex) bool {
	for _, l := range x.Layers {
		if snap.Zone(l).Origin == zone.File {
			return true
		}
	}
	if x.Special == zone.Empty && x.Computed {
		return false
	}
	return x.Special != zone.NotSpecial || x.Forward != zone.NoForward && x.Labels > 0 && !x.Computed
}

// belowLayers goes on where no layer has an answer: names computed from the
// inventory, the forwarder, special names, and at last the negative answer.
func (d *decision) belowLayers(apex *zone.Apex) bool {
	if !d.closed && apex.Computed && d.computed() {
		return false
	}
	if !d.closed && apex.Forward != zone.NoForward {
		d.outside(apex.Forward)
		return false
	}
	if len(apex.Layers) > 0 {
		d.negative(apex)
		return false
	}
	if apex.Special != zone.NotSpecial {
		d.special(apex)
		return false
	}
	return d.noAuthority()
}

// outside leaves the question to a forwarder.
func (d *decision) outside(forwarder int) {
	a := d.a
	a.need, a.group, a.target, a.asAlias, a.exists, a.owned = true, forwarder, d.name, false, d.exists, d.owned
	a.last().outcome = external
}

// noAuthority is clause 8: neither a zone of ours nor a forwarder. What has been
// found of a chain so far is the answer.
func (d *decision) noAuthority() bool {
	if d.a.nhops == 1 {
		d.a.fail(wire.RcodeRefused, wire.EDENotAuth, noAuthority)
	}
	d.a.last().outcome = noAuthority
	return false
}

// inLayers is clause 4: the layers of one apex, top down. decided is false when none
// has an answer; then exists and closed say what is known of the name.
func (d *decision) inLayers(layers []zone.Layer) (decided, again bool) {
	for _, l := range layers {
		z := d.snap.Zone(l)
		if z.MayHave(d.name) { // nothing above has decided: what this one has isn't known
			d.unreadLayer(z)
			return true, false
		}
		node := z.Find(d.labels, d.name, d.depth)
		at, cut := d.cut(z, node)
		if at >= 0 {
			if d.owned { // 4b: a lower cut hides what is below it, not what is above it
				d.closed = true
				return false, false
			}
			return true, d.belowCut(z, cut, at)
		}
		if !node.Exists() {
			continue
		}
		d.exists = true
		decided, again = d.atNode(z, node, false)
		if decided || d.closed {
			return decided, again
		}
	}
	if d.exists {
		return false, false
	}
	return d.wildcards(layers)
}

// unreadLayer fails a name for what a layer may have that was not read.
func (d *decision) unreadLayer(z *zone.Zone) {
	d.unreadInventory(z.Unavailable)
	d.a.last().zone = z
}

// cut returns the highest delegation of a layer at or above the name, or the
// highest DNAME above it, and its number of labels; -1 when there is none. here is
// the node at the name.
func (d *decision) cut(z *zone.Zone, here zone.Node) (labels int, node zone.Node) {
	if z.Tree.Stats().Cuts == 0 {
		return -1, zone.Node{}
	}
	for i := z.ApexLabels; i < d.depth; i++ {
		node = z.Find(d.labels, d.name, i)
		if !node.Exists() {
			break
		}
		if node.HasDNAME() || node.IsCut() {
			return i, node
		}
	}
	if here.IsCut() && d.q.Type != zone.TypeDS {
		return d.depth, here
	}
	return -1, zone.Node{}
}

// belowCut answers a name at or below a zone cut, or below a DNAME.
func (d *decision) belowCut(z *zone.Zone, node zone.Node, labels int) (again bool) {
	if node.HasDNAME() && labels < d.depth {
		return d.followDNAME(z, node, labels)
	}
	d.referral(z, node, labels)
	return false
}

// atNode answers from one layer's node at the name, or at the wildcard that
// covers it.
func (d *decision) atNode(z *zone.Zone, node zone.Node, wild bool) (decided, again bool) {
	if node.Empty() {
		return false, false
	}
	rrtype := d.q.Type
	h := d.a.last()
	if node.HasCNAME() {
		if d.owned {
			return false, false // 4a: CNAME and other types never mix
		}
		h.zone, h.wild, h.encloser = z, wild, d.encloser
		return true, d.atCNAME(z, node.RRset(zone.TypeCNAME))
	}
	set := node.RRset(rrtype)
	if rrtype == zone.TypeANY || set.Kind == zone.Instances {
		set = d.choose(node)
	}
	if set.Exists() {
		h.zone, h.wild, h.encloser = z, wild, d.encloser
		d.respond(z, set)
		return true, false
	}
	d.owned = true
	switch {
	case node.HasInstances() && d.unreached(node):
		d.closed, d.fenced = true, true // 7: what is below is none of these instances
	case inUnit(rrtype) && (node.RRset(zone.TypeA).Exists() || node.RRset(zone.TypeAAAA).Exists()):
		d.closed = true // 4a: or clients would leave by the other address family
	}
	return false, false
}

// choose returns the RRset of a node that answers the question, the zero RRset for none.
// ANY gets one (RFC 8482 section 4.1).
func (d *decision) choose(node zone.Node) zone.RRset {
	if d.q.Type != zone.TypeANY {
		return d.fence(node.RRset(d.q.Type))
	}
	var first zone.RRset
	for s := range node.RRsets {
		if !first.Exists() || first.Kind == zone.Unservable {
			first = d.fence(s)
		}
	}
	return d.fence(first) // what was looked at last may be another one
}

// fence is the fence of clause 7: of a set of instances the view gets what it reaches. The
// set comes back with the number of addresses that are given, the zero RRset where none
// is; others come back as they are.
func (d *decision) fence(set zone.RRset) zone.RRset {
	if set.Kind != zone.Instances {
		return set
	}
	d.pick = d.pickOf(set, true)
	given, fenced := d.given(set, d.pick)
	if fenced || d.pick.Well || d.pick.Alone {
		d.a.last().fenced, d.a.last().pick, d.a.fenced = set, d.pick, d.a.fenced || fenced
	}
	if given == 0 {
		return zone.RRset{}
	}
	set.Count = given
	return set
}

// pickOf says how a set of instances is narrowed for the client, by health and by its
// availability zone. Members of other zones aren't left out unless they may be.
func (d *decision) pickOf(set zone.RRset, mayLeaveOut bool) zone.Pick {
	var sick map[string]string
	if d.live != nil {
		sick = d.live.Sick
	}
	affinity := d.snap.Inventory.Affinity()
	if len(sick) == 0 && affinity == zone.NoAffinity {
		return zone.Pick{}
	}
	here := uint16(0)
	if affinity != zone.NoAffinity {
		here = d.clientZone()
	}
	p := d.snap.Inventory.Pick(d.a.View.Index, set.Data, here, mayLeaveOut && affinity == zone.OwnZone, sick)
	if p.Well {
		d.a.sick = sick
	}
	return p
}

// clientZone is the availability zone of the client, by the subnet of its address; 0 where
// it isn't known, and for secondaries, whose clients may be anywhere.
func (d *decision) clientZone() uint16 {
	if d.q.fixed {
		return 0
	}
	return d.snap.Inventory.ZoneOf(d.a.View.Index, d.q.Client)
}

// given counts the addresses that the view gets of a set of instances; fenced says that
// some are left out.
func (d *decision) given(set zone.RRset, pick zone.Pick) (n uint16, fenced bool) {
	given := d.snap.Inventory.Given(d.a.View.Index, set.Data, pick, d.a.sick)
	var one zone.GivenAddress
	for d.near = 0; given.Next(&one); n++ {
		if pick.Zone != 0 && one.Zone == pick.Zone {
			d.near++
		}
	}
	return n, given.Fenced()
}

// noteCrossing notes that what is given first of a set is in another zone than the client.
func (d *decision) noteCrossing(set zone.RRset, kind zone.ServiceKind) {
	if d.snap.Inventory.Affinity() == zone.NoAffinity || d.pick.Zone != 0 {
		return
	}
	here := d.clientZone()
	given := d.snap.Inventory.Given(d.a.View.Index, set.Data, d.pick, d.a.sick)
	var one zone.GivenAddress
	if here != 0 && given.Next(&one) && one.Zone != 0 && one.Zone != here {
		d.a.crossed = kind
	}
}

// unreached reports whether a node is the name of instances none of which the view
// reaches. Nothing of the layers below is to be had at such a name, of any type.
func (d *decision) unreached(node zone.Node) bool {
	var fenced zone.RRset
	for set := range node.RRsets {
		if set.Kind != zone.Instances {
			continue
		}
		n, _ := d.given(set, zone.Pick{})
		if n > 0 {
			return false
		}
		fenced = set
	}
	if !fenced.Exists() {
		return false
	}
	d.a.last().fenced, d.a.fenced = fenced, true
	return true
}

// inUnit reports whether a type belongs to the addresses of a name, which one
// layer answers as a whole.
func inUnit(rrtype uint16) bool {
	switch rrtype {
	case zone.TypeA, zone.TypeAAAA, zone.TypeHTTPS, zone.TypeSVCB:
		return true
	}
	return false
}

// wildcards is clause 4c: no layer has the exact name, so each is asked for the
// wildcard at its closest encloser (RFC 4592 section 3.3.1).
func (d *decision) wildcards(layers []zone.Layer) (decided, again bool) {
	matched := false
	for _, l := range layers {
		node := d.wildcardOf(d.snap.Zone(l))
		if !node.Exists() {
			continue
		}
		matched = true // also by a wildcard that owns nothing: NODATA
		decided, again = d.atNode(d.snap.Zone(l), node, true)
		if decided || d.closed {
			break
		}
	}
	d.exists = matched
	return decided, again
}

// wildcardOf returns the source of synthesis for the name in one layer; the zero
// Node when there is none.
func (d *decision) wildcardOf(z *zone.Zone) zone.Node {
	for i := d.depth - 1; i >= z.ApexLabels; i-- {
		if !z.Find(d.labels, d.name, i).Exists() {
			continue
		}
		d.encloser = uint8(i)
		var star [zone.MaxName + 2]byte
		suffix := d.name[d.labels.Off[i]:d.labels.Off[z.ApexLabels]]
		star[0], star[1] = 1, '*'
		n := 2 + copy(star[2:], suffix)
		return z.Tree.Find(zone.HashLabel(d.labels.Hash[i], star[1:2]), star[:n])
	}
	return zone.Node{}
}

// negative is clause 4d: NODATA when any layer has the name, else NXDOMAIN, with
// the SOA of the lowest layer that has one of its own and the least TTL of all.
func (d *decision) negative(apex *zone.Apex) {
	a := d.a
	for _, l := range apex.Layers {
		z := d.snap.Zone(l)
		// one that is reached may be in the region that was not read, and so may be what makes the name exist
		if d.fenced && z.Origin == zone.Tags && z.MayHave(d.name) || !d.exists && z.MayHaveBelow(d.name) {
			d.unreadLayer(z)
			return
		}
	}
	a.last().outcome = noData
	a.Result = LocalNoData
	if !d.exists {
		a.Rcode = wire.RcodeNXDomain
		a.last().outcome = nxDomain
		a.Result = LocalNXDomain
	}
	d.authoritative()
	var soa *zone.Zone
	ttl := ^uint32(0)
	for _, l := range apex.Layers {
		z := d.snap.Zone(l)
		if !z.Negative.Exists() {
			continue
		}
		ttl = min(ttl, z.Negative.TTL())
		if soa == nil || z.Origin != zone.Tags {
			soa = z
		}
	}
	if soa == nil {
		return
	}
	i := a.add(inAuthority, 1, d.withSerial(apex, soa.Negative))
	i.suffix, i.maxTTL = d.labels.Off[apex.Labels], max(ttl, 1)
}

// authoritative sets AA, which tells of the first owner name of the answer (RFC
// 1035 section 4.1.1).
func (d *decision) authoritative() {
	if d.a.nhops == 1 {
		d.a.AA = true
	}
}
