package forward

import "net/netip"

// loops are the upstreams of a flight that asked back what they were asked, by bit. Hardly any flight has them.
type loops struct {
	asked uint64
	// suspected are those on this host that may have done so; broken the same, once whoever asked back was told.
	suspected, broken uint64
}

// looping returns the loops of fl, to note one. The shard is locked.
func (fl *flight) looping() *loops {
	if fl.loops == nil {
		fl.loops = new(loops)
	}
	return fl.loops
}

// asksBack reports whether an upstream asked back what it was asked; told asks whether whoever
// is on this host and may have done so was told. The shard is locked.
func (fl *flight) asksBack(index uint8, told bool) bool {
	if fl.loops == nil {
		return false
	}
	asked := fl.loops.asked
	if told {
		asked |= fl.loops.broken
	}
	return asked&(1<<index) != 0
}

// suspects returns the upstreams whose address client is: they may be asking
// back what they are being asked.
func (f *Forwarder) suspects(client netip.Addr) []*upstream {
	table := f.byAddr.Load()
	if table == nil {
		return nil
	}
	return (*table)[hostOf(client)]
}

// hostOf is addr without what does not matter for who it is: a host has many
// loopback addresses.
func hostOf(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() {
		return netip.IPv6Loopback()
	}
	return addr
}

// isAsking reports whether one of the suspects that are not on this host is being
// asked q, by whatever group and with whatever flags.
func (f *Forwarder) isAsking(suspects []*upstream, q *Question) bool {
	groups := f.groupList.Load()
	for _, g := range *groups {
		mask := g.bits(suspects, false)
		if mask == 0 {
			continue
		}
		for flags := range 4 {
			asked := *q
			asked.DO, asked.CD = flags&1 != 0, flags&2 != 0
			hash := f.cache.hash(g.id, &asked)
			s := &f.flights[hash>>40%flightShards]
			s.mu.Lock()
			fl := s.find(hash, g.id, &asked)
			asking := fl != nil && fl.sent&mask != 0
			if asking {
				fl.looping().asked |= fl.sent & mask
			}
			s.mu.Unlock()
			if asking {
				return true
			}
		}
	}
	return false
}

// suspects reports whether someone who joins fl from the given upstreams'
// address may be one of them asking back. An upstream on this host shares
// its address with every program of the host, so that the address proves
// nothing: such a joiner is let in, and told of the loop only when half of the
// flight's time has gone by without an answer. The shard is locked.
func (fl *flight) suspects(suspects []*upstream) bool {
	if suspects == nil {
		return false
	}
	asking := fl.sent & fl.group.bits(suspects, true)
	if asking == 0 {
		return false
	}
	fl.looping().suspected |= asking
	fl.loopAt = fl.began + (fl.endAt-fl.began)/2
	return true
}

// bits returns which of g's upstreams are among some, and on this host or not.
func (g *Group) bits(some []*upstream, local bool) uint64 {
	var mask uint64
	for i, u := range g.upstreams {
		for _, other := range some {
			if u == other && u.local.Load() == local {
				mask |= 1 << i
			}
		}
	}
	return mask
}
