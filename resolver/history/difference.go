package history

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"inside53/resolver/zone"
)

// checksum is the sum of the hashes of RRsets, in whatever order.
type checksum [2]uint64

func (c checksum) plus(o checksum) checksum  { return checksum{c[0] + o[0], c[1] + o[1]} }
func (c checksum) minus(o checksum) checksum { return checksum{c[0] - o[0], c[1] - o[1]} }

// sumOf is the checksum of all RRsets but the SOA.
func sumOf(t *zone.Tree) (sum checksum) {
	for name, node := range t.All {
		for s := range node.RRsets {
			sum = sum.plus(hashOf(name, s))
		}
	}
	return sum
}

func hashOf(name []byte, s zone.RRset) checksum {
	if s.Type == zone.TypeSOA || !s.Exists() {
		return checksum{}
	}
	h := sha256.New()
	h.Write(name) // a hash takes everything
	h.Write([]byte{byte(s.Type >> 8), byte(s.Type)})
	h.Write(s.Data)
	sum := h.Sum(nil)
	return checksum{binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:])}
}

// difference returns what leads from one tree to another, SOA aside, and the
// difference of their checksums.
func difference(was, is *zone.Tree) (d Delta, sum checksum) {
	zone.Diff(was, is, func(name []byte, old, now zone.RRset) bool {
		sum = sum.plus(hashOf(name, now)).minus(hashOf(name, old))
		if old.Type == zone.TypeSOA || now.Type == zone.TypeSOA {
			return true
		}
		d.Removed = appendSet(d.Removed, name, old, now)
		d.Added = appendSet(d.Added, name, now, old)
		return true
	})
	return d, sum
}

// appendSet appends the records of a that b hasn't: all of them where the TTL differs.
func appendSet(to []Set, name []byte, a, b zone.RRset) []Set {
	var only [][]byte
	for r := range a.Rdata() {
		if b.TTL() != a.TTL() || !contains(b, r) {
			only = append(only, r)
		}
	}
	if len(only) == 0 {
		return to
	}
	set, _ := zone.NewRecords(a.Type, a.TTL(), only...) // no larger than a
	return append(to, Set{Name: slices.Clone(name), Records: set})
}

func contains(s zone.RRset, rdata []byte) bool {
	for r := range s.Rdata() {
		if string(r) == string(rdata) {
			return true
		}
	}
	return false
}
