package zone

import "encoding/binary"

// Tree holds the RRsets of one zone by name: a trie over the hash of names, eight
// bits a level, whose leaves are pages. The zero value is not useful; see
// [NewTree]. A Tree is immutable and safe for concurrent use.
type Tree struct {
	apex     []byte
	apexHash uint64
	root     child
	stats    Stats
}

// Stats counts what a Tree holds.
type Stats struct {
	Names      int // names that own records
	RRsets     int // of one name and type
	Records    int // records, or members of policies
	Sets       int // record sets as Route 53 counts them: RRsets, members of policies
	Unservable int // RRsets of kind Unservable
	Cuts       int // delegations and DNAMEs
}

// child is a slot of the trie: a page or an inner node.
type child struct {
	page  *page
	inner *inner
}

// inner has 256 slots by eight bits of the hash. Several slots share a page until
// it is split (extendible hashing): page.depth says how many of the bits count.
type inner struct {
	owner *token
	slots [256]child
}

// NewTree returns the tree of a zone without any records. apex is its lower-case
// wire name; it is kept.
func NewTree(apex []byte) *Tree {
	t := &Tree{apex: apex, apexHash: HashName(apex)}
	p := new(page)
	p.set(newNode(t.apexHash, nil, 0, nil))
	t.root = child{page: p}
	return t
}

// Apex returns the tree's apex in lower-case wire form.
func (t *Tree) Apex() []byte { return t.apex }

// Stats returns the counts of the tree; it costs nothing.
func (t *Tree) Stats() Stats { return t.stats }

// Node is what a tree has at one name. The zero Node means that the name doesn't
// exist; a Node without RRsets is an empty non-terminal (or a bare apex).
type Node struct{ n node }

// Exists reports whether the name exists (RFC 4592 section 2.2.2: itself or
// anything below it).
func (n Node) Exists() bool { return n.n != nil }

// Empty reports whether the name owns no records, or doesn't exist.
func (n Node) Empty() bool { return n.n == nil || n.n.rrsets() == 0 }

// HasCNAME reports whether the name owns a CNAME, of whatever kind.
func (n Node) HasCNAME() bool { return n.n != nil && n.n.flags()&nodeHasCNAME != 0 }

// IsCut reports whether the name is delegated (NS below the apex).
func (n Node) IsCut() bool { return n.n != nil && n.n.flags()&nodeIsCut != 0 }

// HasDNAME reports whether the name owns a DNAME.
func (n Node) HasDNAME() bool { return n.n != nil && n.n.flags()&nodeHasDNAME != 0 }

// HasInstances reports whether the name has addresses of instances: an RRset of kind
// Instances.
func (n Node) HasInstances() bool { return n.n != nil && n.n.flags()&nodeInstances != 0 }

// RRset returns the RRset of a type; the zero RRset when there is none.
func (n Node) RRset(rrtype uint16) RRset {
	if n.n == nil {
		return RRset{}
	}
	at := n.n.directory()
	for range n.n.rrsets() {
		if n.n.typeAt(at) == rrtype {
			return n.n.entry(at)
		}
		at += dirEntry
	}
	return RRset{}
}

// RRsets visits all RRsets of the name in the order of their types.
func (n Node) RRsets(yield func(RRset) bool) {
	if n.n == nil {
		return
	}
	at := n.n.directory()
	for range n.n.rrsets() {
		if !yield(n.n.entry(at)) {
			return
		}
		at += dirEntry
	}
}

// Find returns the node of a name by its hash and its prefix, that is the name
// without the apex. It is the hot path: the hash comes from [Labels].
func (t *Tree) Find(hash uint64, prefix []byte) Node {
	c := t.root
	h := hash
	for c.inner != nil {
		c = c.inner.slots[h&0xff]
		h >>= 8
	}
	return Node{c.page.find(hash, prefix)}
}

// Lookup returns the node of a name given in lower-case wire form.
func (t *Tree) Lookup(name []byte) Node {
	if !IsSubdomain(name, t.apex) {
		return Node{}
	}
	return t.Find(HashName(name), name[:len(name)-len(t.apex)])
}

// All visits every name that exists, empty non-terminals included, in no useful
// order. The name is borrowed until yield returns.
func (t *Tree) All(yield func(name []byte, n Node) bool) {
	buf := make([]byte, 0, MaxName)
	t.root.pages(func(p *page) bool {
		return p.each(func(n node) bool {
			buf = append(append(buf[:0], n.prefix()...), t.apex...)
			return yield(buf, Node{n})
		})
	})
}

// pages visits each page below c once.
func (c child) pages(yield func(*page) bool) bool {
	if c.inner == nil {
		return yield(c.page)
	}
	for i := range c.inner.slots {
		s := c.inner.slots[i]
		if s.page != nil && i >= 1<<s.page.depth {
			continue // seen at its lowest slot
		}
		if !s.pages(yield) {
			return false
		}
	}
	return true
}

// newNode lays out a node from its RRsets.
func newNode(hash uint64, prefix []byte, children uint32, sets []RRset) node {
	dir := align4(nodeHeader + len(prefix))
	size := dir + len(sets)*dirEntry
	for i := range sets {
		size += len(sets[i].Data)
	}
	n := make(node, align4(size))
	binary.LittleEndian.PutUint64(n, hash)
	n[8] = byte(len(prefix))
	binary.LittleEndian.PutUint16(n[10:], uint16(len(sets)))
	n.setChildren(children)
	binary.LittleEndian.PutUint32(n[16:], uint32(len(n)))
	copy(n[nodeHeader:], prefix)
	at, off := dir, dir+len(sets)*dirEntry
	for _, s := range sets {
		if s.Kind == Instances {
			n[9] |= nodeInstances
		}
		switch s.Type {
		case TypeCNAME:
			n[9] |= nodeHasCNAME
		case TypeDNAME:
			n[9] |= nodeHasDNAME
		case TypeNS:
			if len(prefix) > 0 {
				n[9] |= nodeIsCut
			}
		}
		binary.LittleEndian.PutUint16(n[at:], s.Type)
		binary.LittleEndian.PutUint16(n[at+2:], s.Count)
		n[at+4], n[at+5] = byte(s.Kind), byte(s.Flags)
		binary.LittleEndian.PutUint32(n[at+8:], uint32(off))
		binary.LittleEndian.PutUint32(n[at+12:], uint32(len(s.Data)))
		off += copy(n[off:], s.Data)
		at += dirEntry
	}
	return n
}
