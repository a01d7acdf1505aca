package zone

import "net/netip"

// ClientsOf returns the prefixes whose clients have a view, in order; none for the view of
// everybody else. It is for people: it walks all prefixes.
func (s *Snapshot) ClientsOf(view int) []netip.Prefix {
	var all []netip.Prefix
	if s.tables == nil {
		return all
	}
	for p, v := range s.tables.byView.AllSorted() {
		if v == view {
			all = append(all, p)
		}
	}
	return all
}

// Examples returns of each view the address of a client that has it and may ask; the zero
// Addr where the prefixes of others leave none to be seen. It is for people: it walks all
// prefixes.
func (s *Snapshot) Examples() []netip.Addr {
	out := make([]netip.Addr, len(s.Views))
	if s.tables == nil {
		return out
	}
	for p, c := range s.tables.clients.AllSorted() {
		if !c.Allowed || c.View < 0 || int(c.View) >= len(out) || out[c.View].IsValid() {
			continue
		}
		// The first address of a network is no host's, but where there is no other.
		candidates := []netip.Addr{p.Addr().Next(), p.Addr(), lastOf(p)}
		for inner := range s.tables.clients.Subnets(p) {
			if len(candidates) > maxCandidates {
				break
			}
			candidates = append(candidates, lastOf(inner).Next(), inner.Addr().Prev())
		}
		for _, addr := range candidates {
			if addr.IsValid() && p.Contains(addr) && s.Client(addr) == c {
				out[c.View] = addr
				break
			}
		}
	}
	return out
}

// maxCandidates bounds how many addresses of a prefix are tried as examples.
const maxCandidates = 100

// lastOf returns the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	octets := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(octets); bit++ {
		octets[bit/8] |= 0x80 >> (bit % 8)
	}
	addr, _ := netip.AddrFromSlice(octets) // it has the length of one
	return addr
}
