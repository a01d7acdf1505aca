package forward

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
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
	c := newCache(entries, bytes)
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
			if kept.len() > 1000 || len(kept.ghosts.at) > 1000/ghostShare {
				t.Errorf("%d entries and %d ghosts", kept.len(), len(kept.ghosts.at))
			}
		})
	}
}

// TestComesBack: what made room and is asked soon again is kept like what is asked often.
func TestComesBack(t *testing.T) {
	k := newKeep(t, 100, 1<<30)
	k.ask(0)
	for n := uint64(1); n < 100+100/ghostShare; n++ {
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

// TestBounds: any order of use keeps a shard within its bounds, its bytes counted right, and nothing in two queues. Who
// holds an entry reads the same for ever, and little of the memory is of no use.
func TestBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	q := newTwoQueue(50, 40_000)
	held := map[*entry]*entry{} // what a reader holds, by what it read first
	for i := range 20_000 {
		hash := uint64(r.IntN(120))
		switch r.IntN(4) {
		case 0, 1:
			body := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, r.IntN(1000))
			if r.IntN(4) > 0 {
				body = body[:min(len(body), 100)]
			}
			e := newEntry(&contents{name: []byte{1, byte(hash), 0}, body: body, tries: r.IntN(3)})
			if r.IntN(8) == 0 {
				e.Flags = IsFailure
			}
			e.Stored = int64(i)
			kept, _ := q.add(hash, e)
			got, ok := q.peek(hash)
			if !ok || got != kept && !sameEntry(got, kept) || !sameEntry(got, e) || kept == e {
				t.Fatalf("step %d: what was added isn't there", i)
			}
			if r.IntN(10) == 0 {
				held[e] = kept
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
			for q.chunks.isLoose() {
				q.compact()
			}
			checkQueues(t, q)
		}
	}
	for first, now := range held {
		if !sameEntry(first, now) {
			t.Fatal("what a reader holds has changed")
		}
	}
}

// sameEntry compares what readers read.
func sameEntry(a, b *entry) bool {
	return a.Message == b.Message && a.key == b.key && bytes.Equal(a.name(), b.name()) &&
		bytes.Equal(a.Body(), b.Body()) && slices.Equal(a.RRs(), b.RRs()) && slices.Equal(a.Tries(), b.Tries()) &&
		a.Reason() == b.Reason()
}

// TestCompact has one of many entries in a chunk be asked again: what the others leave is given back, and their memory
// isn't kept for the one.
func TestCompact(t *testing.T) {
	const popular = 200
	k := newKeep(t, 1000, 1<<30)
	kept := k.cache.shards[0].kept
	for n := range uint64(popular) {
		k.ask(n)
		for other := range uint64(60) {
			k.ask(1<<32 | n<<8 | other)
		}
		k.now++
		k.ask(n)
	}
	for n := range uint64(2000) {
		k.ask(1<<40 + n)
	}
	checkQueues(t, kept)
	for n := range uint64(popular) {
		if !k.ask(n) {
			t.Fatalf("%d was lost", n)
		}
	}
	if chunks := len(kept.chunks.all) - 1 - len(kept.chunks.free); chunks > 1000*30/chunkWords*4/3+4 {
		t.Errorf("%d entries are in %d chunks", kept.len(), chunks)
	}
	for n := range uint64(popular) {
		k.q.Name = fmt.Appendf(k.q.Name[:0], "\x10%016x\x00", n)
		kept.remove(k.cache.hash(1, &k.q))
		kept.compact()
	}
	checkQueues(t, kept)
}

// TestFailureOfMoved: what is noted of an entry that a reader holds is noted where it lies now.
func TestFailureOfMoved(t *testing.T) {
	k := newKeep(t, 1000, 1<<30)
	k.ask(7)
	kept := k.cache.shards[0].kept
	held := k.cache.lookup(1, &k.q, k.now).Message
	kept.move(held.entry())
	now := k.cache.lookup(1, &k.q, k.now).Message
	if now == held {
		t.Fatal("it wasn't moved")
	}
	why := new(Message)
	k.cache.keepFailure(held.entry(), why, 1<<40)
	if k.cache.failure(now) != why || k.cache.failure(held) != why || now.entry().failingUntil.Load() != 1<<40 {
		t.Error("what keeps it in use isn't known")
	}
	k.now++
	k.store(7, false)
	if k.cache.failure(now) != nil {
		t.Error("its successor is taken for it")
	}
	k.cache.keepFailure(held.entry(), why, 1<<40)
	if k.cache.failure(now) != nil {
		t.Error("a failure of what was replaced is noted of its successor")
	}
	checkQueues(t, kept)
}

func (g *ghosts) has(hash uint64) bool {
	_, there := g.at[hash]
	return there
}

func checkQueues(t *testing.T, q *twoQueue) {
	t.Helper()
	known, live := map[uint64]bool{}, map[uint32]int{}
	for _, one := range []*lruQueue{&q.recent, &q.frequent} {
		octets, count := 0, 0
		before := location(0)
		for at := one.oldest; at != 0; before, at = at, q.chunks.at(at).newer {
			e := q.chunks.at(at)
			octets += e.size()
			count++
			if e.older != before || e.at != at {
				t.Error("a queue is not the same in both directions")
			}
			if e.frequent != (one == &q.frequent) || e.failed() && e.frequent {
				t.Error("an entry is in the wrong queue")
			}
			if q.index.find(e.hash, at) < 0 || known[e.hash] || q.ghosts.has(e.hash) {
				t.Error("an entry is in two places, or not in the index")
			}
			known[e.hash] = true
			live[uint32(at>>locationBits)] += e.words()
		}
		if one.newest != before || octets != one.bytes || count != one.count {
			t.Errorf("%d entries of %d bytes are counted as %d of %d", count, octets, one.count, one.bytes)
		}
	}
	if len(known) != q.len() {
		t.Errorf("%d entries are in the queues, %d in the index", len(known), q.len())
	}
	all, used, memory := &q.chunks, 0, 0
	for i, c := range all.all {
		number := uint32(i)
		if (c.memory == nil) != (i == 0 || slices.Contains(all.free, number)) || c.live != live[number] ||
			c.live == 0 && c.memory != nil && number != all.filling {
			t.Errorf("chunk %d has %d words, of which %d are counted as used and %d are", i, len(c.memory), c.live, live[number])
		}
		used, memory = used+c.live, memory+len(c.memory)
	}
	if used != all.live || memory != all.held || all.isLoose() {
		t.Errorf("%d of %d words are used, and counted as %d of %d", used, memory, all.live, all.held)
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
