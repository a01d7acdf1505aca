package resolver

import (
	"net/netip"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// rebinds reports whether a message of a forwarder of "." gives a name an address that the
// configuration denies to names of the internet; then the answer is NODATA without any
// record. Such an address would let a page of whoever owns the name speak for what listens
// there. Zones of ours and the other forwarders may say what they like.
func (x *exchange) rebinds(m *forward.Message) bool {
	a, policy := &x.a, &x.state.snap.Rebinding
	if policy.Deny == 0 {
		return false
	}
	name := x.question().Name
	addr := deniedIn(m, policy, name) // first, as hardly any message has one
	if addr == nil || !x.isOfRoot(name) || policy.Excepts(name) && !x.beganOutside() || policy.Excepts(x.q.Name()) {
		return false
	}
	text, _ := netip.AddrFromSlice(addr) // it has 4 or 16 octets
	a.discard()
	a.Rcode, a.AA, a.AD = wire.RcodeNoError, false, false
	a.EDE, a.edeText, a.denied = wire.EDEFiltered, "rebinding: "+text.String(), addr
	x.resolver.rebindings.Add(1)
	return true
}

// deniedIn returns the first address of a message that a name may not have where it isn't excepted; nil for none.
func deniedIn(m *forward.Message, policy *zone.Rebinding, name []byte) []byte {
	denied := func(addr []byte) bool { return policy.Denies(name, addr) }
	rrs := m.RRs()
	for n := range m.Answers {
		rr := &rrs[n]
		addr := wire.FindAddress(rr.Type, messageRdata(m, rr), denied)
		if addr != nil {
			return addr
		}
	}
	return nil
}

// rebindsAlias returns the address that the records of an alias target outside may not have;
// the zero Addr where there is none. What is transferred says no more than an answer.
func (x *exchange) rebindsAlias(target []byte, set zone.RRset) netip.Addr {
	policy := &x.state.snap.Rebinding
	if policy.Deny == 0 || !x.isOfRoot(target) || policy.Excepts(target) || policy.Excepts(x.q.Name()) {
		return netip.Addr{}
	}
	denied := func(addr []byte) bool { return policy.Denies(target, addr) }
	for rdata := range set.Rdata() {
		addr := wire.FindAddress(set.Type, rdata, denied)
		if addr != nil {
			text, _ := netip.AddrFromSlice(addr) // it has 4 or 16 octets
			return text
		}
	}
	return netip.Addr{}
}

// isOfRoot reports whether a name is for the forwarder of "." to answer.
func (x *exchange) isOfRoot(name []byte) bool {
	var l zone.Labels
	if l.Parse(name) < 0 {
		return true
	}
	apex := x.a.View.Closest(&l, name, l.Count)
	return apex != nil && len(apex.Name) == 1
}

// beganOutside reports whether an earlier name on the way was for the forwarder of "." to
// answer: its owner has chosen those after it.
func (x *exchange) beganOutside() bool {
	for i := range x.a.hops[:x.a.nhops-1] {
		h := &x.a.hops[i]
		if h.reply != nil && x.isOfRoot(h.name) {
			return true
		}
	}
	return false
}

// Rebindings returns how many answers were emptied for an address that names of the
// internet may not have.
func (r *Resolver) Rebindings() uint64 { return r.rebindings.Load() }
