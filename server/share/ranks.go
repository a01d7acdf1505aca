package share

import "net/netip"

// ranks are clients by how much they hold: whoever holds most is found at once.
type ranks []map[netip.Addr]struct{}

// move notes that a client holds another amount.
func (r *ranks) move(client netip.Addr, from, to int) {
	for len(*r) <= max(from, to) {
		*r = append(*r, map[netip.Addr]struct{}{})
	}
	delete((*r)[from], client)
	if to > 0 {
		(*r)[to][client] = struct{}{}
	}
	for len(*r) > 1 && len((*r)[len(*r)-1]) == 0 {
		*r = (*r)[:len(*r)-1]
	}
}

// top returns the clients that hold most.
func (r ranks) top() map[netip.Addr]struct{} { return r[len(r)-1] }
