package zone

// Diff visits what differs between two trees of the same apex: each RRset that was,
// and the one that is now in its place; one of the two may be the zero RRset. Parts
// that the trees share cost nothing. name is borrowed until yield returns.
func Diff(was, is *Tree, yield func(name []byte, was, is RRset) bool) {
	d := differ{was: was, is: is, yield: yield}
	d.walk(was.root, is.root)
}

type differ struct {
	was, is *Tree
	yield   func(name []byte, was, is RRset) bool
	name    []byte
}

// walk compares two subtrees that cover the same part of the hash space.
func (d *differ) walk(was, is child) bool {
	if was == is {
		return true
	}
	if was.inner == nil || is.inner == nil {
		return d.pages(was, is)
	}
	if was.inner == is.inner {
		return true
	}
	for i := range was.inner.slots {
		a, b := was.inner.slots[i], is.inner.slots[i]
		if a == b || shadowed(was.inner, is.inner, i) {
			continue
		}
		if !d.walk(a, b) {
			return false
		}
	}
	return true
}

// shadowed reports whether the slot shows the same pair of children as a lower
// one, so that they have been compared already.
func shadowed(was, is *inner, i int) bool {
	for bit := 128; bit > 0; bit >>= 1 {
		if i&bit != 0 {
			j := i &^ bit
			return was.slots[i] == was.slots[j] && is.slots[i] == is.slots[j]
		}
	}
	return false
}

// pages compares two subtrees of different shape name by name. Each looks its
// names up in the other's tree; a name is only reported where both pages cover it.
func (d *differ) pages(was, is child) bool {
	more := is.pages(func(p *page) bool {
		return p.each(func(n node) bool {
			old, here := was.find(d.was, n)
			return !here || d.node(n.prefix(), old, Node{n})
		})
	})
	return more && was.pages(func(p *page) bool {
		return p.each(func(n node) bool {
			if d.is.Find(n.hash(), n.prefix()).Exists() {
				return true
			}
			_, here := is.find(d.is, n)
			return !here || d.node(n.prefix(), Node{n}, Node{})
		})
	})
}

// find returns what the whole tree has for a node of the other one, and whether
// that place lies within c.
func (c child) find(t *Tree, n node) (Node, bool) {
	at := t.root
	h := n.hash()
	for at != c && at.inner != nil {
		at = at.inner.slots[h&0xff]
		h >>= 8
	}
	return t.Find(n.hash(), n.prefix()), at == c
}

func (d *differ) node(prefix []byte, was, is Node) bool {
	d.name = append(append(d.name[:0], prefix...), d.was.apex...)
	for s := range is.RRsets {
		old := was.RRset(s.Type)
		if !s.Equal(old) && !d.yield(d.name, old, s) {
			return false
		}
	}
	for s := range was.RRsets {
		if !is.RRset(s.Type).Exists() && !d.yield(d.name, s, RRset{}) {
			return false
		}
	}
	return true
}

// Rebase returns a tree with the content of next that shares with t all pages
// that don't differ, and the number of RRsets that do. With no difference it
// returns t itself, and next where so many differ that no page would be shared.
func (t *Tree) Rebase(next *Tree) (*Tree, int) {
	changes, few := 0, 64+next.Stats().RRsets/4
	e := t.Edit()
	Diff(t, next, func(name []byte, was, is RRset) bool {
		changes++
		switch {
		case changes > few: // only counted
		case is.Exists():
			_ = e.Put(name, is) // the name is of this very zone
		default:
			e.Delete(name, was.Type)
		}
		return true
	})
	switch {
	case changes == 0:
		return t, 0
	case changes > few:
		return next, changes
	}
	return e.Commit(), changes
}
