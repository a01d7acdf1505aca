package forward

import (
	"slices"
	"time"

	"inside53/resolver/wire"
)

// flushed is what was asked to be forgotten: a name, or with tree all names below it too.
type flushed struct {
	name []byte // in wire form
	tree bool
	at   time.Duration
}

// has reports whether a name in wire form is one of those.
func (p flushed) has(name []byte) bool {
	at := wire.SuffixAt(name, p.name)
	return at == 0 || at > 0 && p.tree
}

// concerns reports whether an entry is about one of the names, or leads through one.
func (p flushed) concerns(e *entry) bool {
	if p.has(e.name()) {
		return true
	}
	return e.Flags&HasAlias != 0 && slices.ContainsFunc(e.Data(wire.TypeCNAME), p.has)
}

// maxFlushes is how many flushes are remembered at the same time.
const maxFlushes = 64

// Flush forgets what is known of a name in lower-case wire form, and with tree of all names below
// it, in all groups: answers, negative ones, failures, and the answers to other names that lead
// through it by CNAME. What an upstream is being asked meanwhile still goes to whoever waits for
// it, and isn't kept: whoever asks from now on is answered anew. It returns how many entries went.
func (f *Forwarder) Flush(name []byte, tree bool) int {
	p := flushed{slices.Clone(name), tree, f.clock()}
	for i := range f.flights {
		f.flights[i].flush(p, p.at-f.options.Budget-time.Second)
	}
	removed := 0
	for i := range f.cache.shards {
		removed += f.cache.shards[i].flush(p)
	}
	return removed
}

// flush has the flights of a shard keep nothing of p, and be joined by nobody who asks for it. No
// flight that is under way has begun before oldest.
func (s *flightShard) flush(p flushed, oldest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushes = slices.DeleteFunc(s.flushes, func(p flushed) bool { return p.at < oldest })
	if len(s.table) == 0 {
		return
	}
	s.flushes = append(s.flushes, p)
	all := len(s.flushes) > maxFlushes // too many to be told apart
	if all {
		s.flushes = nil
	}
	for _, fl := range s.table {
		for ; fl != nil; fl = fl.next {
			fl.outdated = fl.outdated || all || p.has(nameOf(fl.query)) || fl.stale != nil && p.concerns(fl.stale)
		}
	}
}

// mayKeep reports whether what came of a flight may be kept: nothing of it was flushed while the
// flight was under way. The shard is locked.
func (s *flightShard) mayKeep(fl *flight, e *entry) bool {
	return !fl.outdated && !slices.ContainsFunc(s.flushes, func(p flushed) bool {
		return p.at >= fl.began && p.concerns(e)
	})
}

// flush drops the entries that p concerns, and returns how many.
func (s *shard) flush(p flushed) int {
	var found []uint64
	s.mu.RLock()
	s.kept.each(func(e *entry, _ bool) {
		if p.concerns(e) {
			found = append(found, e.hash)
		}
	})
	s.mu.RUnlock()
	if len(found) == 0 {
		return 0
	}
	removed := 0
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hash := range found {
		e, there := s.kept.peek(hash)
		if there && p.concerns(e) && s.kept.remove(hash) {
			removed++
		}
	}
	s.kept.compact()
	return removed
}
