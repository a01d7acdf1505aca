package forward

import "github.com/hashicorp/golang-lru/v2/simplelru"

// twoQueue is what a shard of the cache keeps, by 2Q (Johnson and Shasha, VLDB 1994): what comes is recent, and
// becomes frequent when it is asked again. Recent entries that nobody asked again make room first, so that names which
// are asked once (trackers, floods of random names) push nothing out that is asked all day. Of those that made room
// the hashes are kept as ghosts: what comes back is frequent at once.
//
// Failures never become frequent. They live for seconds, and whoever repeats a dead name must gain nothing by it.
type twoQueue struct {
	index            map[uint64]uint32 // of both queues, to places in the table
	table            []*entry          // the first place stays empty
	free             []uint32          // places
	recent, frequent lruQueue
	failures         map[*entry]*Message // of expired entries: why there is nothing newer
	ghosts           *simplelru.LRU[uint64, struct{}]
	entries, limit   int // the most entries, and their bytes
}

// lruQueue is one of the two queues, in order of use. Its links are places and lie in the entries: a list beside them
// would cost every name that is asked once an allocation, and pointers in them the collector a look at each.
type lruQueue struct {
	oldest, newest uint32
	count, bytes   int
}

const (
	recentShare = 4 // a quarter of the room is for recent entries, when all of it is used
	ghostShare  = 2 // half as many ghosts as entries
)

func newTwoQueue(entries, limit int) (*twoQueue, error) {
	q := &twoQueue{index: map[uint64]uint32{}, table: make([]*entry, 1), entries: entries, limit: limit}
	var err error
	q.ghosts, err = simplelru.NewLRU[uint64, struct{}](max(entries/ghostShare, 1), nil)
	return q, err
}

// peek returns the entry of a hash, and moves nothing.
func (q *twoQueue) peek(hash uint64) (*entry, bool) {
	place, ok := q.index[hash]
	return q.table[place], ok
}

// touch notes that the entry of a hash was asked again.
func (q *twoQueue) touch(hash uint64) {
	e, ok := q.peek(hash)
	if !ok {
		return // it made room meanwhile
	}
	q.unlink(e)
	e.frequent = e.frequent || !e.failed()
	q.link(e)
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
	if len(q.free) == 0 {
		q.free = append(q.free, uint32(len(q.table)))
		q.table = append(q.table, nil)
	}
	last := len(q.free) - 1
	e.hash, e.frequent, e.place = hash, frequent, q.free[last]
	q.free = q.free[:last]
	q.index[hash], q.table[e.place] = e.place, e
	q.link(e)
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
		e := q.table[from.oldest]
		q.remove(e.hash)
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
	e, ok := q.peek(hash)
	if !ok {
		return false
	}
	q.unlink(e)
	delete(q.index, hash)
	delete(q.failures, e)
	q.table[e.place] = nil
	q.free = append(q.free, e.place)
	return true
}

// fail notes why there is nothing newer than e, where e is still kept.
func (q *twoQueue) fail(e *entry, why *Message) {
	kept, _ := q.peek(e.hash)
	if kept != e {
		return
	}
	if q.failures == nil {
		q.failures = map[*entry]*Message{}
	}
	q.failures[e] = why
}

// each calls use for every entry, from the one that would go first to the one that would go last.
func (q *twoQueue) each(use func(e *entry, frequent bool)) {
	for _, from := range []*lruQueue{&q.recent, &q.frequent} {
		for e := q.table[from.oldest]; e != nil; e = q.table[e.newer] {
			use(e, from == &q.frequent)
		}
	}
}

func (q *twoQueue) len() int   { return len(q.index) }
func (q *twoQueue) bytes() int { return q.recent.bytes + q.frequent.bytes }

// link makes e, which is in no queue, the newest of its own.
func (q *twoQueue) link(e *entry) {
	of := q.of(e)
	e.older, e.newer = of.newest, 0
	if of.newest != 0 {
		q.table[of.newest].newer = e.place
	} else {
		of.oldest = e.place
	}
	of.newest = e.place
	of.count++
	of.bytes += e.size()
}

// unlink takes e out of its queue.
func (q *twoQueue) unlink(e *entry) {
	of := q.of(e)
	if e.older != 0 {
		q.table[e.older].newer = e.newer
	} else {
		of.oldest = e.newer
	}
	if e.newer != 0 {
		q.table[e.newer].older = e.older
	} else {
		of.newest = e.older
	}
	of.count--
	of.bytes -= e.size()
}
