package zone

import "encoding/binary"

// A page holds up to maxNodes nodes. index is an open-addressed table of node
// positions: the tag of the hash in the upper 8 bits, offset/4+1 in the lower 24; 0
// is empty. It lies in the page itself, so that a lookup waits for memory once less.
// data holds the nodes, 4-aligned; while an Edit owns the page, data also holds
// superseded nodes (waste), which the commit squeezes out.
type page struct {
	data  []byte
	index [indexSize]uint32
	owner *token
	nodes int
	waste int
	depth uint8 // hash bits that all nodes here share within the parent
}

// token is the identity of the Edit that may still write to a page.
type token struct{ _ byte }

const (
	maxNodes    = 64
	indexSize   = 2 * maxNodes
	fullPage    = indexSize - 8 // of nodes whose hashes no bit divides
	maxPageData = 512 << 10
	indexShift  = 40
	tagShift    = 56
)

// A node is: hash of the name (8), prefix length (1), flags (1), RRsets (2),
// children (4), size (4), the prefix (the name without the apex), padding to 4, then
// a directory entry of dirEntry octets for each RRset, then their data, padded.
type node []byte

const (
	nodeHeader = 20
	dirEntry   = 16 // type 2, count 2, kind 1, flags 1, unused 2, offset 4, length 4

	nodeHasCNAME  = 1 << 0
	nodeIsCut     = 1 << 1 // NS below the apex
	nodeHasDNAME  = 1 << 2
	nodeInstances = 1 << 3 // an RRset of kind Instances
)

func align4(n int) int { return (n + 3) &^ 3 }

func (n node) hash() uint64         { return binary.LittleEndian.Uint64(n) }
func (n node) flags() uint8         { return n[9] }
func (n node) prefix() []byte       { return n[nodeHeader : nodeHeader+int(n[8])] }
func (n node) rrsets() int          { return int(binary.LittleEndian.Uint16(n[10:])) }
func (n node) children() uint32     { return binary.LittleEndian.Uint32(n[12:]) }
func (n node) size() int            { return int(binary.LittleEndian.Uint32(n[16:])) }
func (n node) directory() int       { return align4(nodeHeader + int(n[8])) }
func (n node) setChildren(c uint32) { binary.LittleEndian.PutUint32(n[12:], c) }
func (n node) typeAt(at int) uint16 { return binary.LittleEndian.Uint16(n[at:]) }

func (n node) entry(at int) RRset {
	off := binary.LittleEndian.Uint32(n[at+8:])
	end := off + binary.LittleEndian.Uint32(n[at+12:])
	return RRset{
		Type: n.typeAt(at), Count: binary.LittleEndian.Uint16(n[at+2:]),
		Kind: Kind(n[at+4]), Flags: Flags(n[at+5]), Data: n[off:end:end],
	}
}

// find returns the node of the hash and prefix, nil when it isn't here.
func (p *page) find(h uint64, prefix []byte) node {
	tag := uint32(h >> tagShift)
	for i := uint32(h >> indexShift); ; i++ {
		e := p.index[i%indexSize]
		if e == 0 {
			return nil
		}
		if e>>24 == tag {
			n := node(p.data[(e&0xffffff-1)<<2:])
			if int(n[8]) == len(prefix) && string(n.prefix()) == string(prefix) {
				return n
			}
		}
	}
}

// slot returns where in the index the node of the hash and prefix is, or would be.
func (p *page) slot(h uint64, prefix []byte) (i uint32, found bool) {
	tag := uint32(h >> tagShift)
	for i = uint32(h>>indexShift) % indexSize; p.index[i] != 0; i = (i + 1) % indexSize {
		if e := p.index[i]; e>>24 == tag && string(p.at(e).prefix()) == string(prefix) {
			return i, true
		}
	}
	return i, false
}

func (p *page) at(e uint32) node { return node(p.data[(e&0xffffff-1)<<2:]) }

// each visits the live nodes of the page.
func (p *page) each(yield func(node) bool) bool {
	for _, e := range &p.index {
		if e == 0 {
			continue
		}
		n := p.at(e)
		if !yield(n[:n.size():n.size()]) {
			return false
		}
	}
	return true
}

// set stores the node, replacing one of the same name. The page must be owned.
func (p *page) set(n node) {
	i, found := p.slot(n.hash(), n.prefix())
	if found {
		p.waste += p.at(p.index[i]).size()
	} else {
		p.nodes++
	}
	p.index[i] = uint32(n.hash()>>tagShift)<<24 | uint32(len(p.data)>>2+1)
	p.data = append(p.data, n...)
}

// remove deletes the node of the hash and prefix, if it is here.
func (p *page) remove(h uint64, prefix []byte) {
	i, found := p.slot(h, prefix)
	if !found {
		return
	}
	p.waste += p.at(p.index[i]).size()
	p.index[i] = 0
	p.nodes--
	p.reindex()
}

// reindex lays the index out anew, after a hole was made.
func (p *page) reindex() {
	old := p.index
	p.index = [indexSize]uint32{}
	for _, e := range old {
		if e == 0 {
			continue
		}
		i := uint32(p.at(e).hash()>>indexShift) % indexSize
		for p.index[i] != 0 {
			i = (i + 1) % indexSize
		}
		p.index[i] = e
	}
}

// compact gives the page data of exactly the size it needs.
func (p *page) compact() {
	if p.waste == 0 && cap(p.data)-len(p.data) < 128 {
		return
	}
	fresh := page{data: make([]byte, 0, len(p.data)-p.waste)}
	p.each(func(n node) bool {
		fresh.set(n)
		return true
	})
	p.index, p.data, p.waste = fresh.index, fresh.data, 0
}

// clone returns a copy that the Edit with the token may write to.
func (p *page) clone(t *token) *page {
	fresh := *p
	fresh.owner = t
	fresh.data = append(make([]byte, 0, len(p.data)+256), p.data...)
	return &fresh
}
