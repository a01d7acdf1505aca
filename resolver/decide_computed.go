package resolver

import (
	"strconv"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// Names that EC2 makes from addresses (clause 7). us-east-1 has suffixes of its own
// (AWS: "EC2 instance hostnames and domains").
const (
	usEast1 = "us-east-1"

	internalSuffix        = "\x07compute\x08internal\x00"
	internalSuffixUSEast1 = "\x03ec2\x08internal\x00"
	publicSuffix          = "\x07compute\x09amazonaws\x03com\x00"
	publicSuffixUSEast1   = "\x09compute-1\x09amazonaws\x03com\x00"
	publicSuffixChina     = "\x07compute\x09amazonaws\x03com\x02cn\x00"
	reverseSuffix         = "\x07in-addr\x04arpa\x00"
)

// computed answers names that the inventory knows: private and public EC2 names
// and the reverse names of private addresses. What isn't in the inventory, or not
// to be reached from the view, is left to the forwarder: false. What an inventory may have
// that was not read fails.
func (d *decision) computed() bool {
	first := d.name[1 : 1+int(d.name[0])]
	rest := d.name[1+len(first):]
	switch {
	case len(first) > 3 && string(first[:3]) == "ip-":
		return d.privateName(first[3:], rest)
	case len(first) > 4 && string(first[:4]) == "ec2-":
		return d.publicName(first[4:], rest)
	case len(first) > 2 && string(first[:2]) == "i-" && d.instanceName(first, rest):
		return true
	case d.serviceName():
		return true
	default:
		return d.reverseName()
	}
}

// instanceName answers i-0123456789abcdef0.eu-west-1.compute.internal, the resource name of
// an instance, with its primary addresses.
func (d *decision) instanceName(id, suffix []byte) bool {
	f, reached := d.snap.Inventory.Instance(d.a.View.Index, id)
	if f == nil || !hasRegion(suffix, d.snap.Inventory.Region(f), internalSuffix, internalSuffixUSEast1) {
		return d.unreadName(suffix, internalSuffix, internalSuffixUSEast1)
	}
	if !reached {
		return false
	}
	d.exists = true
	if d.q.Type == zone.TypeAAAA && f.IPv6.IsValid() || d.q.Type == zone.TypeANY && !f.Private.Is4() {
		six := f.IPv6.As16()
		return d.computedAnswer(zone.TypeAAAA, six[:])
	}
	if !f.Private.Is4() {
		return d.computedAnswer(zone.TypeAAAA, nil)
	}
	four := f.Private.As4()
	return d.computedAnswer(zone.TypeA, four[:])
}

// serviceName answers the name of an AWS service with what the inventory has of it, where
// availability zones matter: AWS's own answers for the zone of the client are for clients
// of its own resolvers alone.
func (d *decision) serviceName() bool {
	if d.snap.Inventory.Affinity() == zone.NoAffinity {
		return false
	}
	s := d.snap.Inventory.Service(d.name)
	return s != nil && s.Kind.Zonal() && d.service(s, d.q.Type)
}

// service answers the hop in work with the addresses that the view gets of a service; false
// where it gets none of any type.
func (d *decision) service(s *zone.Service, rrtype uint16) bool {
	set := s.Set(rrtype)
	if rrtype == zone.TypeANY {
		set = s.V4
	}
	given := d.serviceSet(s, set)
	if given == 0 && d.serviceSet(s, s.V4) == 0 && d.serviceSet(s, s.V6) == 0 {
		return false
	}
	a := d.a
	a.need = false
	if a.last().outcome == pending || a.last().outcome == external {
		d.authoritative()
		a.last().outcome = computed
	}
	a.last().service = s
	if given == 0 {
		d.exists = true
		d.serviceNegative()
		return true
	}
	given = d.serviceSet(s, set) // as it was looked at last
	i := a.add(inAnswer, given, set.Data)
	i.flags, i.maxTTL, i.pick, i.near = set.Flags, d.maxTTL, d.pick, d.near
	d.noteCrossing(set, s.Kind)
	a.last().pick = d.pick
	if d.pick.Well || d.pick.Alone {
		a.last().fenced = set
	}
	return true
}

// serviceSet counts the addresses that the view gets of a set of a service.
func (d *decision) serviceSet(s *zone.Service, set zone.RRset) uint16 {
	if !set.Exists() {
		return 0
	}
	d.pick = d.pickOf(set, s.CrossZone || s.Kind != zone.NetworkBalancer)
	given, _ := d.given(set, d.pick)
	return given
}

// serviceNegative answers that a service has no address of the type asked for.
func (d *decision) serviceNegative() {
	apex := d.a.last().apex
	switch {
	case apex != nil && len(apex.Layers) > 0:
		d.negative(apex)
	case apex != nil && apex.Computed:
		d.specialNegative(apex, wire.RcodeNoError)
	default:
		d.a.Result = LocalNoData
	}
}

// privateName answers ip-10-0-0-1.eu-west-1.compute.internal.
func (d *decision) privateName(address, suffix []byte) bool {
	addr, ok := dashedAddress(address)
	if !ok {
		return false
	}
	f := d.snap.Inventory.Private(d.a.View.Index, addr)
	if f == nil || !hasRegion(suffix, d.snap.Inventory.Region(f), internalSuffix, internalSuffixUSEast1) {
		return d.unreadName(suffix, internalSuffix, internalSuffixUSEast1)
	}
	d.exists = true
	return d.computedAnswer(zone.TypeA, addr[:])
}

// publicName answers ec2-203-0-113-1.eu-west-1.compute.amazonaws.com with the
// private address, and other types with NODATA: EC2 gives these names an A record alone,
// and an upstream that didn't know the name would take the address away again. With the
// public address, the forwarder answers.
func (d *decision) publicName(address, suffix []byte) bool {
	addr, ok := dashedAddress(address)
	if !ok {
		return false
	}
	private, f, why := d.snap.Inventory.Translate(d.a.View.Index, addr)
	if why == zone.Unknown && d.snap.Inventory.IsUncertain() { // such names are others' too: it isn't for ever
		return d.unreadName(suffix, publicSuffix, publicSuffixUSEast1) || d.unreadName(suffix, publicSuffixChina, "")
	}
	if why != zone.Translated {
		return false
	}
	region := d.snap.Inventory.Region(f)
	if !hasRegion(suffix, region, publicSuffix, publicSuffixUSEast1) && !hasRegion(suffix, region, publicSuffixChina, "") {
		return false
	}
	if d.q.Type == zone.TypeA || d.q.Type == zone.TypeANY {
		d.a.EDE = wire.EDESynthesized
	}
	return d.computedAnswer(zone.TypeA, private[:])
}

// reverseName answers the reverse name of a private address: the tag name of the
// instance, else the name that EC2 would give. Addresses of the view's VPC that
// nobody has are the VPC resolver's business, not that of the empty zones of RFC
// 6303.
func (d *decision) reverseName() bool {
	addr, ok := reverseAddress(d.labels, d.name)
	if !ok {
		d.exists = d.exists || d.a.last().apex.Labels > 2 && aboveAddresses(d.labels, d.name)
		return false
	}
	inv, view := d.snap.Inventory, d.a.View
	f := inv.Private(view.Index, addr)
	if f == nil {
		if inv.Inside(view.Index, addr) && view.Recursive() && len(d.a.last().apex.Layers) == 0 &&
			d.a.last().apex.Special != zone.NotSpecial {
			d.outside(view.Root().Forward)
			return true
		}
		if inv.UncertainPrivate(view.Index, addr) {
			d.unreadInventory("an inventory has not been read yet")
			return true
		}
		return false
	}
	if name := inv.Name(f); len(name) > 0 {
		return d.computedAnswer(zone.TypePTR, name)
	}
	var name [zone.MaxName]byte
	return d.computedAnswer(zone.TypePTR, appendPrivateName(name[:0], addr, inv.Region(f)))
}

// unreadName fails a name that EC2 would make in a region that was not read: nobody outside
// knows its private address.
func (d *decision) unreadName(suffix []byte, common, east string) bool {
	for _, region := range d.snap.Inventory.Unread(d.a.View.Index) {
		if hasRegion(suffix, region.Name, common, east) {
			d.unreadInventory(region.Why)
			return true
		}
	}
	return false
}

// unreadInventory fails what an inventory may have that was not read.
func (d *decision) unreadInventory(why string) {
	d.a.fail(wire.RcodeServFail, wire.EDENotReady, unread)
	d.a.edeText = why[:min(len(why), maxEDEText)]
}

// computedAnswer answers with the record when its type was asked for, else with
// NODATA.
func (d *decision) computedAnswer(rrtype uint16, rdata []byte) bool {
	a := d.a
	d.authoritative()
	a.last().outcome = computed
	ttl := max(d.snap.TranslatedTTL, 1)
	if d.q.Type == rrtype || d.q.Type == zone.TypeANY {
		return d.own(rrtype, ttl, rdata)
	}
	apex := a.last().apex
	d.exists = true
	if len(apex.Layers) > 0 {
		d.negative(apex)
		return true
	}
	d.specialNegative(apex, wire.RcodeNoError)
	return true
}

// hasRegion reports whether a wire suffix is the region's label followed by common,
// or, in us-east-1, the suffix that this region has to itself.
func hasRegion(suffix []byte, region, common, east string) bool {
	if region == usEast1 && string(suffix) == east {
		return true
	}
	n := 1 + len(region)
	return len(suffix) > n && int(suffix[0]) == len(region) && string(suffix[1:n]) == region &&
		string(suffix[n:]) == common
}

// appendPrivateName appends the wire name that EC2 gives to a private address.
func appendPrivateName(dst []byte, addr [4]byte, region string) []byte {
	at := len(dst)
	dst = append(dst, 0, 'i', 'p')
	for _, b := range addr {
		dst = append(dst, '-')
		dst = strconv.AppendUint(dst, uint64(b), 10)
	}
	dst[at] = byte(len(dst) - at - 1)
	if region == usEast1 {
		return append(dst, internalSuffixUSEast1...)
	}
	dst = append(append(dst, byte(len(region))), region...)
	return append(dst, internalSuffix...)
}

// dashedAddress parses 10-0-0-1.
func dashedAddress(s []byte) (addr [4]byte, ok bool) {
	for i := range addr {
		n := 0
		for n < len(s) && s[n] != '-' {
			n++
		}
		if i < 3 && n == len(s) || i == 3 && n != len(s) {
			return addr, false
		}
		addr[i], ok = decimal(s[:n])
		if !ok {
			return addr, false
		}
		s = s[min(n+1, len(s)):]
	}
	return addr, true
}

// reverseAddress parses 1.0.0.10.in-addr.arpa.
func reverseAddress(l *zone.Labels, name []byte) (addr [4]byte, ok bool) {
	if l.Count != 6 || string(name[l.Off[2]:]) != reverseSuffix {
		return addr, false
	}
	for i := range addr {
		at := int(l.Off[3+i])
		addr[i], ok = decimal(name[at+1 : at+1+int(name[at])])
		if !ok {
			return addr, false
		}
	}
	return addr, true
}

// aboveAddresses reports whether a name is 10.in-addr.arpa, 0.0.10.in-addr.arpa or
// another one with reverse names of addresses below: an empty non-terminal, as some of
// them may be computed. NXDOMAIN would deny these too (RFC 8020). Of in-addr.arpa as a
// whole, others know more.
func aboveAddresses(l *zone.Labels, name []byte) bool {
	if l.Count < 3 || l.Count > 5 || string(name[l.Off[2]:]) != reverseSuffix {
		return false
	}
	for i := 3; i <= l.Count; i++ {
		at := int(l.Off[i])
		_, ok := decimal(name[at+1 : at+1+int(name[at])])
		if !ok {
			return false
		}
	}
	return true
}

// decimal parses an octet without leading zeros.
func decimal(s []byte) (byte, bool) {
	if len(s) == 0 || len(s) > 3 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	v := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return byte(v), v < 256
}
