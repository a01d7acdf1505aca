package zone

import (
	"errors"
	"fmt"
	"slices"
)

// Edit makes a new Tree out of an old one. Pages are copied when first written
// to and shared otherwise. An Edit belongs to one goroutine and is spent after
// Commit.
type Edit struct {
	tree  Tree
	token *token
	dirty []*page
	sets  []RRset // scratch
	err   error   // what makes the edit useless
}

// Edit begins a change of the tree, which itself stays as it is.
func (t *Tree) Edit() *Edit {
	return &Edit{tree: *t, token: new(token)}
}

// ErrOutOfZone says that a name isn't at or below the apex.
var ErrOutOfZone = errors.New("out of zone")

// ErrCollisions says that more names than a page holds have one and the same hash.
// With 64 bits that needs somebody's intent.
var ErrCollisions = errors.New("too many names of one hash")

// Put stores an RRset at a name (lower-case wire form), in place of what the name
// had of that type. It copies both. The error is of a malformed or foreign name,
// or ErrCollisions; after that one the edit is to be given up.
func (e *Edit) Put(name []byte, s RRset) error {
	var l Labels
	depth, err := e.locate(&l, name)
	if err != nil {
		return err
	}
	if !s.Exists() {
		return errors.New("putting an RRset of no kind")
	}
	hash, prefix := l.Hash[l.Count], e.prefix(name)
	n := e.find(hash, prefix)
	e.sets = e.sets[:0]
	Node{n}.RRsets(func(old RRset) bool {
		if old.Type != s.Type {
			e.sets = append(e.sets, old)
		} else {
			e.count(old, -1, len(name))
		}
		return true
	})
	var children uint32
	if n == nil {
		e.ensureParents(&l, name, depth)
	} else {
		children = n.children()
	}
	if n == nil || n.rrsets() == 0 {
		e.tree.stats.Names++
	}
	at, _ := slices.BinarySearchFunc(e.sets, s.Type, func(r RRset, t uint16) int { return int(r.Type) - int(t) })
	e.sets = slices.Insert(e.sets, at, s)
	e.count(s, 1, len(name))
	e.set(newNode(hash, prefix, children, e.sets))
	return e.err
}

// Delete removes the RRset of a type at a name, and reports whether there was one.
// Names that own nothing and have nothing below them cease to exist.
func (e *Edit) Delete(name []byte, rrtype uint16) bool {
	var l Labels
	_, err := e.locate(&l, name)
	if err != nil {
		return false
	}
	n := e.find(l.Hash[l.Count], e.prefix(name))
	old := Node{n}.RRset(rrtype)
	if !old.Exists() {
		return false
	}
	e.sets = e.sets[:0]
	Node{n}.RRsets(func(s RRset) bool {
		if s.Type != rrtype {
			e.sets = append(e.sets, s)
		}
		return true
	})
	e.count(old, -1, len(name))
	if len(e.sets) == 0 {
		e.tree.stats.Names--
	}
	e.set(newNode(n.hash(), n.prefix(), n.children(), e.sets))
	e.prune(&l, name)
	return true
}

// Lookup returns the node of a name as the edit stands. It is good until the next
// change.
func (e *Edit) Lookup(name []byte) Node { return e.tree.Lookup(name) }

// Commit returns the new tree. The Edit can't be used afterwards.
func (e *Edit) Commit() *Tree {
	for _, p := range e.dirty {
		p.compact()
	}
	t := e.tree
	e.token, e.dirty = nil, nil
	return &t
}

// locate parses the name and returns the number of labels of the apex.
func (e *Edit) locate(l *Labels, name []byte) (apexLabels int, err error) {
	if e.token == nil {
		panic("zone: edit used after commit")
	}
	if l.Parse(name) < 0 {
		return 0, fmt.Errorf("%q: %w", name, ErrName)
	}
	if !IsSubdomain(name, e.tree.apex) {
		return 0, fmt.Errorf("%s in %s: %w", String(name), String(e.tree.apex), ErrOutOfZone)
	}
	return CountLabels(e.tree.apex), nil
}

func (e *Edit) prefix(name []byte) []byte { return name[:len(name)-len(e.tree.apex)] }

func (e *Edit) find(hash uint64, prefix []byte) node { return e.tree.Find(hash, prefix).n }

// ensureParents makes the ancestors of a new name below the apex exist, and counts
// the children of those that get new ones.
func (e *Edit) ensureParents(l *Labels, name []byte, apexLabels int) {
	missing := l.Count - 1
	for ; missing > apexLabels; missing-- {
		if e.find(l.Hash[missing], e.prefix(name[l.Off[missing]:])) != nil {
			break
		}
	}
	e.addChildren(l.Hash[missing], e.prefix(name[l.Off[missing]:]), 1)
	for i := missing + 1; i < l.Count; i++ {
		e.set(newNode(l.Hash[i], e.prefix(name[l.Off[i]:]), 1, nil))
	}
}

// prune removes the name and those of its ancestors that have become empty.
func (e *Edit) prune(l *Labels, name []byte) {
	for i := l.Count; ; i-- {
		prefix := e.prefix(name[l.Off[i]:])
		if len(prefix) == 0 {
			return
		}
		n := e.find(l.Hash[i], prefix)
		if n.rrsets() > 0 || n.children() > 0 {
			return
		}
		e.own(l.Hash[i]).remove(l.Hash[i], prefix)
		e.addChildren(l.Hash[i-1], e.prefix(name[l.Off[i-1]:]), ^uint32(0))
	}
}

func (e *Edit) addChildren(hash uint64, prefix []byte, delta uint32) {
	n := e.own(hash).find(hash, prefix)
	if n == nil {
		return // see err
	}
	n.setChildren(n.children() + delta)
}

func (e *Edit) count(s RRset, sign, nameLen int) {
	st := &e.tree.stats
	st.RRsets += sign
	st.Records += sign * int(s.Count)
	if s.Kind == Group {
		st.Sets += sign * int(s.Count)
	} else {
		st.Sets += sign
	}
	if s.Kind == Unservable {
		st.Unservable += sign
	}
	if s.Type == TypeDNAME || s.Type == TypeNS && nameLen > len(e.tree.apex) {
		st.Cuts += sign
	}
}

// set stores a node in its page, which it makes ours, and splits the page when
// it has grown too large.
func (e *Edit) set(n node) {
	p := e.own(n.hash())
	if p.nodes >= fullPage {
		e.err = ErrCollisions
		return
	}
	p.set(n)
	if len(p.data) > maxPageData && p.waste > len(p.data)/2 {
		p.compact() // also with one node: what its RRsets were must not pile up
	}
	if p.nodes > maxNodes || len(p.data) > maxPageData && p.nodes > 1 {
		e.split(n.hash())
	}
}

// own returns the page of a hash, copied to us together with the path to it if it
// isn't ours yet.
func (e *Edit) own(hash uint64) *page {
	c := &e.tree.root
	h := hash
	for c.inner != nil {
		if c.inner.owner != e.token {
			fresh := *c.inner
			fresh.owner = e.token
			c.inner = &fresh
		}
		in, at := c.inner, h&0xff
		c = &in.slots[at]
		if c.page != nil && c.page.owner != e.token {
			e.fill(in, at, e.clone(c.page))
		}
		h >>= 8
	}
	if c.page.owner != e.token {
		c.page = e.clone(c.page)
	}
	return c.page
}

func (e *Edit) clone(p *page) *page {
	p = p.clone(e.token)
	e.dirty = append(e.dirty, p)
	return p
}

// fill puts the page into all slots that its depth says are its own.
func (e *Edit) fill(in *inner, at uint64, p *page) {
	step := uint64(1) << p.depth
	for i := at & (step - 1); i < 256; i += step {
		in.slots[i] = child{page: p}
	}
}

// split divides the page of a hash by one more bit, adding a level when the bits
// of its parent are used up. Names whose hashes are equal in all bits are never
// divided: the trie ends at 56 bits, and the page fills up.
func (e *Edit) split(hash uint64) {
	c := &e.tree.root
	h, shift := hash, uint(0)
	var parent *inner
	for c.inner != nil {
		parent = c.inner
		c = &parent.slots[h&0xff]
		h >>= 8
		shift += 8
	}
	p := c.page
	if parent == nil || p.depth == 8 {
		if shift >= 56 {
			return
		}
		// A new level: the page becomes its only page.
		in := &inner{owner: e.token}
		p.depth = 0
		e.fill(in, 0, p)
		*c = child{inner: in}
		parent, shift = in, shift+8
	}
	bit := shift - 8 + uint(p.depth)
	halves := [2]*page{e.newHalf(p), e.newHalf(p)}
	p.each(func(n node) bool {
		halves[n.hash()>>bit&1].set(n)
		return true
	})
	at := hash >> (shift - 8) & 0xff
	low := at & (1<<p.depth - 1)
	e.fill(parent, low, halves[0])
	e.fill(parent, low|1<<p.depth, halves[1])
	p.index, p.data, p.nodes, p.waste = [indexSize]uint32{}, nil, 0, 0
	for _, half := range halves {
		if half.nodes > maxNodes {
			var first node
			half.each(func(n node) bool { first = n; return false })
			e.split(first.hash())
		}
	}
}

// newHalf returns a page with room for half of p to grow into a full one.
func (e *Edit) newHalf(p *page) *page {
	half := &page{owner: e.token, data: make([]byte, 0, len(p.data)-p.waste), depth: p.depth + 1}
	e.dirty = append(e.dirty, half)
	return half
}
