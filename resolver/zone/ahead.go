package zone

// Ahead hides the time that memory takes. A lookup in a large tree waits for memory
// three or four times, each time for the address of the next, and does little else.
// The lookups of several names depend on none of each other: an Ahead takes their
// steps together, so that the processor waits for all names at the same time, and the
// lookups that follow find everything near.
//
// It is a hint: nothing is found or decided here. An Ahead belongs to one goroutine;
// the zero value is ready.
type Ahead struct {
	n     int
	names [aheadNames]ahead
	sum   uint32 // of what was touched, so that it is
}

// ahead is a name on its way down a tree.
type ahead struct {
	at   child
	hash uint64
	rest uint64 // of the hash, for the levels to come
	node uint32 // where its page's index says that the node may be, octets + 4
}

// aheadNames is the most names at a time; more are let go.
const aheadNames = 128

// Add notes that the name of that hash will be looked up in t. Small trees are near
// anyway.
func (a *Ahead) Add(t *Tree, hash uint64) {
	if t.root.inner == nil || a.n == aheadNames {
		return
	}
	a.names[a.n] = ahead{at: t.root, hash: hash, rest: hash}
	a.n++
}

// Fetch brings near what the lookups of the names will read, forgets the names, and returns how many they were.
func (a *Ahead) Fetch() int {
	names := a.names[:a.n]
	a.n = 0
	for deeper := true; deeper; {
		deeper = false
		for i := range names {
			n := &names[i]
			if n.at.inner != nil {
				n.at = n.at.inner.slots[n.rest&0xff]
				n.rest >>= 8
				deeper = true
			}
		}
	}
	for i := range names {
		n := &names[i]
		n.node = n.at.page.index[n.hash>>indexShift%indexSize] & 0xffffff << 2
	}
	for i := range names {
		n := &names[i]
		n.touch(&a.sum)
		n.at = child{} // the tree may be of the past by then
	}
	return len(names)
}

// touch reads the two lines of memory where most nodes begin and end.
func (n *ahead) touch(sum *uint32) {
	if n.node == 0 {
		return
	}
	data := n.at.page.data[n.node-4:]
	*sum += uint32(data[0])
	if len(data) > 64 {
		*sum += uint32(data[64])
	}
}
