package zone

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"testing"

	"inside53/resolver/wire"
)

// public is a seed that everybody knows, as it would stand in the source.
var public = hashSeed{root: 0x53a5_1de5_3000_0053, factor: 0x9e37_79b9_7f4a_7c15}

// hash is the hash of a name under the seed.
func (s hashSeed) hash(name []byte) uint64 {
	labels, _ := slowLabels(name)
	h := s.root
	for i := len(labels) - 1; i >= 0; i-- {
		h = hashLabel(h, labels[i], 0, s.factor)
	}
	return h
}

// craft returns n names below an apex that have one hash under the seed: the second half of
// each label undoes what the first has made.
func (s hashSeed) craft(apex []byte, n int) [][]byte {
	size := uint64(16)
	begin := s.hash(apex) ^ size*ofSize
	var names [][]byte
	for first := uint64(0); len(names) < n; first++ {
		label := fmt.Appendf(nil, "%08d", first)
		second := mix(begin^binary.LittleEndian.Uint64(label), s.factor)
		if wire.LowerWord(second) != second {
			continue // a capital letter would not stay
		}
		label = binary.LittleEndian.AppendUint64(label, second)
		names = append(names, append(append([]byte{byte(size)}, label...), apex...))
	}
	return names
}

// TestCraftedNames: names that have one hash under a seed that is known take a zone away, and
// a lookup among them, but not under the seed of this process, which nobody knows.
func TestCraftedNames(t *testing.T) {
	const many = 20_000
	apex := MustName("example.com.")
	s, _ := NewRecords(TypeA, 60, []byte{10, 0, 0, 1})
	put := func(names [][]byte) (*Tree, error) {
		e := NewTree(apex).Edit()
		for _, name := range names {
			err := e.Put(name, s)
			if err != nil {
				return nil, err
			}
		}
		return e.Commit(), nil
	}

	known := seed.craft(apex, fullPage+1)
	for _, name := range known {
		if HashName(name) != HashName(known[0]) {
			t.Fatalf("the hash of %s is %x, not %x: nothing was crafted", String(name), HashName(name), HashName(known[0]))
		}
	}
	_, err := put(known)
	if !errors.Is(err, ErrCollisions) {
		t.Fatalf("%d names of one hash: %v", len(known), err)
	}

	names := public.craft(apex, many)
	tree, err := put(names)
	if err != nil {
		t.Fatalf("names of one hash under a seed that everybody knows: %v", err)
	}
	for _, name := range names {
		if !tree.Lookup(name).RRset(TypeA).Equal(s) {
			t.Fatalf("%s is lost", String(name))
		}
	}
	tree.root.pages(func(p *page) bool {
		if p.nodes > maxNodes {
			t.Errorf("a page of %d names", p.nodes)
		}
		return true
	})
}

// TestSeedsDiffer: no two draws are the same, and each mixes.
func TestSeedsDiffer(t *testing.T) {
	drawn := map[hashSeed]bool{public: true, seed: true}
	for range 100 {
		s := drawSeed()
		if drawn[s] {
			t.Fatalf("the seed %x twice", s)
		}
		if s.factor&1 == 0 || bits.OnesCount64(s.factor) != 32 {
			t.Errorf("the factor %x", s.factor)
		}
		drawn[s] = true
	}
}
