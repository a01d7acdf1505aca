package forward

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"

	"inside53/resolver/wire"
)

const (
	staleFor     = 86400 // seconds that an expired entry is of use (RFC 8767 section 5 advises 1 to 3 days at most)
	staleRecheck = 30    // seconds between attempts while the upstreams fail (RFC 8767 section 5)
	prefetchOver = 10    // seconds of TTL below which prefetching is not worth it
	prefetchHold = 5     // seconds before another reader may be told to prefetch
	maxFailure   = 5     // seconds that a failure is cached at most (RFC 9520 section 3.2 allows up to 300)
)

// cache is shards of entries, each a twoQueue. Hits share a lock and move an entry once a
// second at most, so that a popular name costs no exclusive lock, and that what comes in
// bursts within a second (A and AAAA, repeated queries) counts as asked once.
type cache struct {
	seed   maphash.Seed
	shards []shard
	mask   uint64
}

type shard struct {
	mu   sync.RWMutex
	kept *twoQueue

	hits, stale, misses, evictions atomic.Uint64
	_                              [64]byte // neighbours' counters stay out of this cache line
}

// newCache makes a cache of about the given number of entries and of bytes.
func newCache(entries, bytes int) *cache {
	n := min(64, 1<<bits.Len(uint(max(entries/1024, 1)-1)))
	c := &cache{seed: maphash.MakeSeed(), shards: make([]shard, n), mask: uint64(n - 1)}
	for i := range c.shards {
		c.shards[i].kept = newTwoQueue(max(entries/n, 1), max(bytes/n, 2*wire.MaxMessage))
	}
	return c
}

// hash is the key of q in its group. The seed keeps outsiders from choosing
// names that collide; that the rest is mixed in only by a multiplication
// does not matter, as entries are compared in full.
func (c *cache) hash(group uint32, q *Question) uint64 {
	rest := uint64(group)<<32 | uint64(q.Type)<<8
	if q.DO {
		rest |= 1
	}
	if q.CD {
		rest |= 2
	}
	hi, lo := bits.Mul64(maphash.Bytes(c.seed, q.Name)^rest*0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93)
	return hi ^ lo
}

func (c *cache) shard(hash uint64) *shard { return &c.shards[hash>>40&c.mask] }

// peek returns what is known about q, whatever its age, and moves nothing.
func (c *cache) peek(hash uint64, group uint32, q *Question) *entry {
	s := c.shard(hash)
	s.mu.RLock()
	e, ok := s.kept.peek(hash)
	s.mu.RUnlock()
	if !ok || !e.answers(group, q) {
		return nil
	}
	return e
}

// lookup answers q at now, and counts.
func (c *cache) lookup(group uint32, q *Question, now int64) Lookup {
	hash := c.hash(group, q)
	s := c.shard(hash)
	e := c.peek(hash, group, q)
	if e == nil {
		s.misses.Add(1)
		return Lookup{}
	}
	state := e.state(now)
	if state == Miss {
		s.misses.Add(1)
		return Lookup{}
	}
	found := Lookup{Message: &e.Message, Age: uint32(max(now-e.Stored, 0)), State: state}
	used := e.used.Load()
	if used != now && e.used.CompareAndSwap(used, now) {
		s.mu.Lock()
		s.kept.touch(hash)
		s.mu.Unlock()
	}
	if state != Fresh {
		s.stale.Add(1)
		return found
	}
	s.hits.Add(1)
	if e.dying(now) {
		last := e.prefetched.Load()
		found.Prefetch = now-last >= prefetchHold && e.prefetched.CompareAndSwap(last, now)
	}
	return found
}

// failure returns the failure that keeps an expired message in use; nil where none is known.
func (c *cache) failure(m *Message) *Message {
	e := m.entry()
	s := c.shard(e.hash)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.kept.failures[e.hash]
}

// keepFailure notes why there is nothing newer than e, and has it be of use until then, in Unix seconds.
func (c *cache) keepFailure(e *entry, why *Message, until int64) {
	s := c.shard(e.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept.fail(e, why, until)
}

// add stores a copy of e, which replaces what was there, and returns it.
func (c *cache) add(hash uint64, e *entry) *entry {
	e.used.Store(e.Stored)
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, dropped := s.kept.add(hash, e)
	s.evictions.Add(uint64(dropped))
	return kept
}
