package forward

// ghosts are the hashes of entries that made room, the latest ones: what comes back while its ghost is there was worth
// keeping. The first that came is the first that goes. They hold no pointers: a list of them would be most of what the
// collector looks at in the cache.
type ghosts struct {
	ring []uint64          // hashes in the order in which they came, from next on
	at   map[uint64]uint32 // where in ring, of those that are still ghosts
	next int               // the place that is used next, once ring is as long as it gets
	most int
}

func newGhosts(most int) ghosts { return ghosts{at: map[uint64]uint32{}, most: most} }

// add notes a hash, as the latest one.
func (g *ghosts) add(hash uint64) {
	if len(g.ring) < g.most {
		g.at[hash] = uint32(len(g.ring))
		g.ring = append(g.ring, hash)
		return
	}
	first := g.ring[g.next]
	if g.at[first] == uint32(g.next) { // it hasn't come back, nor come again
		delete(g.at, first)
	}
	g.ring[g.next], g.at[hash] = hash, uint32(g.next)
	g.next = (g.next + 1) % g.most
}

// remove lets go of a hash, and reports whether it was there.
func (g *ghosts) remove(hash uint64) bool {
	_, there := g.at[hash]
	delete(g.at, hash)
	return there
}
