package forward

import "github.com/hashicorp/golang-lru/v2/simplelru"

// twoQueue is what a shard of the cache keeps, by 2Q (Johnson and Shasha, VLDB 1994): what comes is recent, and
// becomes frequent when it is asked again. Recent entries that nobody asked again make room first, so that names which
// are asked once (trackers, floods of random names) push nothing out that is asked all day. Of those that made room
// the hashes are kept as ghosts: what comes back is frequent at once.
//
// Failures never become frequent. They live for seconds, and whoever repeats a dead name must gain nothing by it.
type twoQueue struct {
	index            map[uint64]*entry // of both queues: a hit is one look-up
	recent, frequent lruQueue
	ghosts           *simplelru.LRU[uint64, struct{}]
	entries, limit   int // the most entries, and their bytes
}

// lruQueue is one of the two queues, in order of use. Its links lie in the entries: a list beside them, with a table of
// its own, would cost every name that is asked once an allocation and a second look-up.
type lruQueue struct {
	oldest, newest *entry
	count, bytes   int
}

const (
	recentShare = 4 // a quarter of the room is for recent entries, when all of it is used
	ghostShare  = 2 // half as many ghosts as entries
)

func newTwoQueue(entries, limit int) (*twoQueue, error) {
	q := &twoQueue{index: map[uint64]*entry{}, entries: entries, limit: limit}
	var err error
	q.ghosts, err = simplelru.NewLRU[uint64, struct{}](max(entries/ghostShare, 1), nil)
	return q, err
}

// peek returns the entry of a hash, and moves nothing.
func (q *twoQueue) peek(hash uint64) (*entry, bool) {
	e, ok := q.index[hash]
	return e, ok
}

// touch notes that the entry of a hash was asked again.
func (q *twoQueue) touch(hash uint64) {
	e := q.index[hash]
	switch {
	case e == nil: // it made room meanwhile
	case e.frequent || e.failed():
		q.of(e).remove(e)
		q.of(e).add(e)
	default:
		q.remove(hash)
		q.keep(hash, e, true)
	}
}

// add keeps e in the place of what has its hash, and returns how many others made room.
func (q *twoQueue) add(hash uint64, e *entry) int {
	again := q.remove(hash) || q.ghosts.Remove(hash)
	q.keep(hash, e, again && !e.failed())
	return q.makeRoom()
}

// restore keeps e, whose hash is unknown, in the queue that it was in before.
func (q *twoQueue) restore(hash uint64, e *entry, frequent bool) int {
	q.keep(hash, e, frequent)
	return q.makeRoom()
}

// keep puts an entry, whose hash is unknown, into one of the queues.
func (q *twoQueue) keep(hash uint64, e *entry, frequent bool) {
	e.hash, e.frequent = hash, frequent
	q.index[hash] = e
	q.of(e).add(e)
}

// of returns the queue that an entry is in.
func (q *twoQueue) of(e *entry) *lruQueue {
	if e.frequent {
		return &q.frequent
	}
	return &q.recent
}

// makeRoom drops entries until the rest is within the bounds, and returns how many. One stays, whatever its size.
func (q *twoQueue) makeRoom() int {
	dropped := 0
	for q.len() > 1 && (q.len() > q.entries || q.bytes() > q.limit) {
		dropped++
		from := &q.frequent
		if q.recentFirst() {
			from = &q.recent
		}
		e := from.oldest
		from.remove(e)
		delete(q.index, e.hash)
		if !e.frequent && !e.failed() {
			q.ghosts.Add(e.hash, struct{}{})
		}
	}
	return dropped
}

// recentFirst reports whether recent entries have to make room, not frequent ones.
func (q *twoQueue) recentFirst() bool {
	recent, frequent := q.recent.count, q.frequent.count
	if recent <= 1 || frequent <= 1 {
		return frequent <= recent // the one that is left may have come just now
	}
	return recent*recentShare > q.entries || q.recent.bytes*recentShare > q.limit
}

// remove drops the entry of a hash for good, and reports whether there was one.
func (q *twoQueue) remove(hash uint64) bool {
	e, ok := q.index[hash]
	if !ok {
		return false
	}
	delete(q.index, hash)
	q.of(e).remove(e)
	return true
}

// each calls use for every entry, from the one that would go first to the one that would go last.
func (q *twoQueue) each(use func(e *entry, frequent bool)) {
	for e := q.recent.oldest; e != nil; e = e.newer {
		use(e, false)
	}
	for e := q.frequent.oldest; e != nil; e = e.newer {
		use(e, true)
	}
}

func (q *twoQueue) len() int   { return len(q.index) }
func (q *twoQueue) bytes() int { return q.recent.bytes + q.frequent.bytes }

// add makes e, which is in no queue, the newest.
func (q *lruQueue) add(e *entry) {
	e.older = q.newest
	if e.older != nil {
		e.older.newer = e
	} else {
		q.oldest = e
	}
	q.newest = e
	q.count++
	q.bytes += e.size()
}

// remove takes e out of its queue. It keeps no others alive: somebody may hold it for long.
func (q *lruQueue) remove(e *entry) {
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		q.oldest = e.newer
	}
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		q.newest = e.older
	}
	e.older, e.newer = nil, nil
	q.count--
	q.bytes -= e.size()
}
