package forward

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestIndex: whatever comes, moves and goes, hashes that gather in one spot or are alike by half among it, each entry
// is found where it lies, and no other.
func TestIndex(t *testing.T) {
	const most = 300
	type entry struct {
		hash uint64
		at   location
	}
	r := rand.New(rand.NewPCG(1, 2))
	x, entries, next := newIndex(), []entry(nil), location(0)
	for range 20_000 {
		next++
		n := r.IntN(len(entries) + 1)
		switch what := r.IntN(10); {
		case n == len(entries) || what < 5 && len(entries) < most:
			// Of 64 spots near the end and the beginning, by halves that few others have.
			e := entry{uint64(r.IntN(4))<<32 | uint64(r.IntN(3))<<28 | uint64(uint16(r.IntN(64)-32)), next}
			x.add(e.hash, e.at)
			entries = append(entries, e)
		case what < 7:
			x.move(entries[n].hash, entries[n].at, next)
			entries[n].at = next
		default:
			e := entries[n]
			x.remove(e.hash, e.at)
			entries = slices.Delete(entries, n, n+1)
			if x.find(e.hash, e.at) >= 0 {
				t.Fatal("an entry that was removed is found")
			}
		}
		for _, e := range entries {
			i := x.find(e.hash, e.at)
			if i < 0 || x.slots[i] != (slot{uint32(e.hash), e.at}) {
				t.Fatalf("of %d entries %+v is in slot %d", len(entries), e, i)
			}
		}
		taken := 0
		for _, s := range x.slots {
			if s.at != 0 {
				taken++
			}
		}
		if x.count != len(entries) || taken != x.count || taken*4 > len(x.slots)*3 {
			t.Fatalf("%d entries, counted as %d, in %d of %d slots", len(entries), x.count, taken, len(x.slots))
		}
	}
	if len(x.slots) != 512 {
		t.Errorf("%d slots for %d entries at most", len(x.slots), most)
	}
}

// TestHalvesAlike: two names whose hashes are alike by half are two entries.
func TestHalvesAlike(t *testing.T) {
	q := newTwoQueue(10, 1<<20)
	one, other := uint64(1<<40|7), uint64(2<<40|7)
	for _, hash := range []uint64{one, other} {
		q.add(hash, newEntry(&contents{name: []byte{1, byte(hash >> 40), 0}}))
	}
	q.remove(one)
	e, ok := q.peek(other)
	if !ok || e.name()[1] != 2 {
		t.Error("the other isn't found")
	}
	_, ok = q.peek(one)
	if ok || q.len() != 1 {
		t.Error("what was removed is found")
	}
}
