package forward

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/miekg/dns"
)

// keep is a cache of one shard, asked as a forwarder asks: what isn't there is stored.
type keep struct {
	cache *cache
	now   int64
	q     Question
	hits  int
	asked int
}

func newKeep(t testing.TB, entries, bytes int) *keep {
	t.Helper()
	c, err := newCache(entries, bytes)
	if err != nil {
		t.Fatal(err)
	}
	return &keep{cache: c, now: 1000, q: Question{Type: dns.TypeA}}
}

// ask asks for the name of a number, and reports whether it was there.
func (k *keep) ask(n uint64) bool {
	k.asked++
	k.q.Name = fmt.Appendf(k.q.Name[:0], "\x10%016x\x00", n)
	found := k.cache.lookup(1, &k.q, k.now)
	if found.State != Miss {
		k.hits++
		return true
	}
	k.store(n, false)
	return false
}

func (k *keep) store(n uint64, failed bool) {
	name := fmt.Appendf(nil, "\x10%016x\x00", n)
	e := newEntry(&contents{name: name, body: make([]byte, 60), answers: make([]RR, 1)})
	e.key, e.TTL, e.Stored = key{group: 1, typ: dns.TypeA}, MaxTTL, k.now
	if failed {
		e.Flags, e.TTL = IsFailure, maxFailure
	}
	k.cache.add(k.cache.hash(1, &Question{Name: name, Type: e.typ}), e)
}

// TestFloodsPushOutNothing: names that are asked once, and dead ones that are asked again and again, cost those that
// are asked all day nothing.
func TestFloodsPushOutNothing(t *testing.T) {
	const popular = 500
	for _, dead := range []bool{false, true} {
		t.Run(fmt.Sprintf("dead=%t", dead), func(t *testing.T) {
			k := newKeep(t, 1000, 1<<30)
			for range 2 {
				for n := range uint64(popular) {
					k.ask(n)
				}
				k.now++
			}
			for n := range uint64(10_000) {
				if dead {
					k.store(1<<32+n/2, true)
				} else {
					k.ask(1<<32 + n)
				}
			}
			lost := 0
			for n := range uint64(popular) {
				if !k.ask(n) {
					lost++
				}
			}
			if lost != 0 {
				t.Errorf("%d of %d popular names were lost", lost, popular)
			}
			kept := k.cache.shards[0].kept
			if kept.len() > 1000 || kept.ghosts.Len() > 500 {
				t.Errorf("%d entries and %d ghosts", kept.len(), kept.ghosts.Len())
			}
		})
	}
}

// TestComesBack: what made room and is asked soon again is kept like what is asked often.
func TestComesBack(t *testing.T) {
	k := newKeep(t, 100, 1<<30)
	k.ask(0)
	for n := uint64(1); n < 120; n++ {
		k.ask(n)
	}
	if k.ask(0) {
		t.Fatal("0 didn't make room")
	}
	for n := uint64(1000); n < 1300; n++ {
		k.ask(n)
	}
	if !k.ask(0) {
		t.Error("0 came back, and was lost again")
	}
}

// TestBounds: any order of use keeps a shard within its bounds, its bytes counted right, and nothing in two queues.
func TestBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	q, err := newTwoQueue(50, 40_000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20_000 {
		hash := uint64(r.IntN(120))
		switch r.IntN(4) {
		case 0, 1:
			e := newEntry(&contents{body: make([]byte, r.IntN(2000))})
			if r.IntN(8) == 0 {
				e.Flags = IsFailure
			}
			q.add(hash, e)
			got, ok := q.peek(hash)
			if !ok || got != e {
				t.Fatalf("step %d: what was added isn't there", i)
			}
		case 2:
			q.touch(hash)
		default:
			q.remove(hash)
		}
		if q.len() > 50 || q.bytes() > 40_000 && q.len() > 1 {
			t.Fatalf("step %d: %d entries, %d bytes", i, q.len(), q.bytes())
		}
		if i%100 == 0 {
			checkQueues(t, q)
		}
	}
}

func checkQueues(t *testing.T, q *twoQueue) {
	t.Helper()
	known := map[uint64]bool{}
	for _, one := range []*lruQueue{&q.recent, &q.frequent} {
		bytes, count := 0, 0
		before := uint32(0)
		for place := one.oldest; place != 0; before, place = place, q.table[place].newer {
			e := q.table[place]
			bytes += e.size()
			count++
			if e.older != before || e.place != place {
				t.Error("a queue is not the same in both directions")
			}
			if e.frequent != (one == &q.frequent) || e.failed() && e.frequent {
				t.Error("an entry is in the wrong queue")
			}
			if q.index[e.hash] != place || known[e.hash] || q.ghosts.Contains(e.hash) {
				t.Error("an entry is in two places, or not in the index")
			}
			known[e.hash] = true
		}
		if one.newest != before || bytes != one.bytes || count != one.count {
			t.Errorf("%d entries of %d bytes are counted as %d of %d", count, bytes, one.count, one.bytes)
		}
	}
	if len(known) != len(q.index) || len(q.table) != 1+len(q.index)+len(q.free) || q.table[0] != nil {
		t.Errorf("%d entries are in the queues, %d in the index, %d places, of which %d are free", len(known), len(q.index),
			len(q.table), len(q.free))
	}
}

// BenchmarkHitRate compares the cache with a plain LRU of its size on the same traces: names by Zipf's law, a share of
// names that nobody asks twice, and floods of random names. The figures are percent of the questions answered.
func BenchmarkHitRate(b *testing.B) {
	const entries, names, questions = 20_000, 200_000, 500_000
	for _, trace := range []struct {
		name        string
		once, flood float64
	}{{"zipf", 0, 0}, {"once=30%", 0.3, 0}, {"once=30%,floods", 0.3, 0.5}} {
		b.Run(trace.name, func(b *testing.B) {
			for range b.N {
				r := rand.New(rand.NewPCG(7, 9))
				zipf := rand.NewZipf(r, 1.01, 10, names)
				k := newKeep(b, entries, 1<<30)
				plain, err := simplelru.NewLRU[uint64, struct{}](entries, nil)
				if err != nil {
					b.Fatal(err)
				}
				var asked, plainHits, hits int
				for i := range questions {
					if i%1000 == 0 {
						k.now++
					}
					n := zipf.Uint64()
					flood := trace.flood > 0 && i/25_000%4 == 3 && r.Float64() < trace.flood
					if flood || r.Float64() < trace.once {
						n = 1<<32 + uint64(i)
					}
					_, ok := plain.Get(n)
					plain.Add(n, struct{}{})
					hit := k.ask(n)
					if flood {
						continue // what nobody can know isn't counted
					}
					asked++
					if ok {
						plainHits++
					}
					if hit {
						hits++
					}
				}
				b.ReportMetric(100*float64(hits)/float64(asked), "%hits")
				b.ReportMetric(100*float64(plainHits)/float64(asked), "%hits-lru")
			}
		})
	}
}
