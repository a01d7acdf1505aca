package forward

// index says where the entries of a shard lie, by their hashes: open addressing, with linear probing, at most three
// quarters full. A lookup reads one line of memory, where that of a map waits for three, and holds less of it.
//
// A slot has half of a hash, by which it can be moved, and which is hardly ever that of another entry; whether it is
// stands in the entry. Outsiders can't choose hashes that gather in one spot, see [cache.hash].
type index struct {
	slots []slot // a power of two, not all taken
	count int
}

type slot struct {
	half uint32   // the lower one of the hash
	at   location // 0: nobody's
}

func newIndex() index { return index{slots: make([]slot, 8)} }

// find returns which slot is that of the entry of a hash that lies there; -1 when it has none.
func (x *index) find(hash uint64, at location) int {
	mask := uint32(len(x.slots) - 1)
	for i := uint32(hash) & mask; x.slots[i].at != 0; i = (i + 1) & mask {
		if x.slots[i].at == at {
			return int(i)
		}
	}
	return -1
}

// add gives an entry that has none a slot.
func (x *index) add(hash uint64, at location) {
	if (x.count+1)*4 > len(x.slots)*3 {
		x.grow()
	}
	x.count++
	x.put(slot{uint32(hash), at})
}

// put takes the first free slot from where s belongs on.
func (x *index) put(s slot) {
	mask := uint32(len(x.slots) - 1)
	i := s.half & mask
	for x.slots[i].at != 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = s
}

// grow doubles the slots.
func (x *index) grow() {
	was := x.slots
	x.slots = make([]slot, 2*len(was))
	for _, s := range was {
		if s.at != 0 {
			x.put(s)
		}
	}
}

// move has the slot of an entry that was copied say where the copy is.
func (x *index) move(hash uint64, from, to location) { x.slots[x.find(hash, from)].at = to }

// remove frees the slot of an entry. What stands behind it, and would have stood there, moves up: a lookup ends at the
// first free slot.
func (x *index) remove(hash uint64, at location) {
	x.count--
	mask := uint32(len(x.slots) - 1)
	free := uint32(x.find(hash, at))
	for i := (free + 1) & mask; x.slots[i].at != 0; i = (i + 1) & mask {
		if belongs := x.slots[i].half & mask; (i-belongs)&mask >= (i-free)&mask {
			x.slots[free] = x.slots[i]
			free = i
		}
	}
	x.slots[free] = slot{}
}
