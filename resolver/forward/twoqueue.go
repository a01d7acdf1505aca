package forward

// twoQueue is what a shard of the cache keeps, by 2Q (Johnson and Shasha, VLDB 1994): what comes is recent, and
// becomes frequent when it is asked again. Recent entries that nobody asked again make room first, so that names which
// are asked once (trackers, floods of random names) push nothing out that is asked all day. Of those that made room
// the hashes are kept as ghosts: what comes back is frequent at once.
//
// Failures never become frequent. They live for seconds, and whoever repeats a dead name must gain nothing by it.
type twoQueue struct {
	index            index // of both queues
	chunks           chunks
	recent, frequent lruQueue
	failures         map[uint64]*Message // of expired entries: why there is nothing newer
	ghosts           ghosts
	entries, limit   int // the most entries, and their bytes
}

// lruQueue is one of the two queues, in order of use. Its links are locations and lie in the entries: a list beside
// them would cost every name that is asked once an allocation, and pointers in them the collector a look at each.
type lruQueue struct {
	oldest, newest location
	count, bytes   int
}

const (
	compactAtOnce = 4 // chunks that are emptied while the lock is held
	recentShare   = 4 // a quarter of the room is for recent entries, when all of it is used
	ghostShare    = 2 // half as many ghosts as entries, as the authors of 2Q have it
)

func newTwoQueue(entries, limit int) *twoQueue {
	entries = min(entries, mostEntries)
	return &twoQueue{index: newIndex(), chunks: newChunks(), ghosts: newGhosts(max(entries/ghostShare, 1)),
		entries: entries, limit: limit}
}

// peek returns the entry of a hash, and moves nothing.
func (q *twoQueue) peek(hash uint64) (*entry, bool) {
	slots := q.index.slots
	mask := uint32(len(slots) - 1)
	for i := uint32(hash) & mask; slots[i].at != 0; i = (i + 1) & mask {
		if slots[i].half != uint32(hash) {
			continue
		}
		e := q.chunks.at(slots[i].at)
		if e.hash == hash {
			return e, true
		}
	}
	return nil, false
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

// add keeps a copy of e in the place of what has its hash, and returns it and how many others made room.
func (q *twoQueue) add(hash uint64, e *entry) (kept *entry, dropped int) {
	again := q.remove(hash) || q.ghosts.remove(hash)
	kept = q.keep(hash, e, again && !e.failed())
	dropped = q.makeRoom()
	q.compact()
	return kept, dropped
}

// restore keeps a copy of e, whose hash is unknown, in the queue that it was in before.
func (q *twoQueue) restore(hash uint64, e *entry, frequent bool) (dropped int) {
	q.keep(hash, e, frequent)
	dropped = q.makeRoom()
	q.compact()
	return dropped
}

// keep puts a copy of an entry, whose hash is unknown, into one of the queues.
func (q *twoQueue) keep(hash uint64, e *entry, frequent bool) *entry {
	at, kept := q.chunks.add(e)
	kept.hash, kept.frequent, kept.at = hash, frequent, at
	q.index.add(hash, at)
	q.link(kept)
	return kept
}

// compact moves entries together where too much of the memory is of no use: out of a few chunks at once, as others wait
// for the lock. What is given back is at least a third of what is copied, so that it keeps up with what comes and goes.
func (q *twoQueue) compact() {
	for moved := 0; moved < compactAtOnce && q.chunks.isLoose(); moved++ {
		q.chunks.each(q.chunks.loosest(), func(at location, e *entry) {
			if q.index.find(e.hash, at) >= 0 {
				q.move(e)
			}
		})
	}
}

// move has a copy of e take its place.
func (q *twoQueue) move(e *entry) {
	from := e.at
	at, moved := q.chunks.add(e)
	moved.at = at
	q.index.move(e.hash, from, at)
	q.joinNeighbours(moved, at, at)
	q.chunks.drop(from)
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
		e := q.chunks.at(from.oldest)
		q.remove(e.hash)
		if !e.frequent && !e.failed() {
			q.ghosts.add(e.hash)
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
	q.index.remove(hash, e.at)
	delete(q.failures, hash)
	q.chunks.drop(e.at)
	return true
}

// fail notes why there is nothing newer than e, and until when it is of use, where e is still kept, moved or not.
func (q *twoQueue) fail(e *entry, why *Message, until int64) {
	kept, ok := q.peek(e.hash)
	if !ok || kept.Stored != e.Stored || kept.failed() {
		return
	}
	kept.failingUntil.Store(until)
	if q.failures == nil {
		q.failures = map[uint64]*Message{}
	}
	q.failures[e.hash] = why
}

// each calls use for every entry, from the one that would go first to the one that would go last.
func (q *twoQueue) each(use func(e *entry, frequent bool)) {
	for _, from := range []*lruQueue{&q.recent, &q.frequent} {
		for at := from.oldest; at != 0; {
			e := q.chunks.at(at)
			use(e, from == &q.frequent)
			at = e.newer
		}
	}
}

func (q *twoQueue) len() int   { return q.index.count }
func (q *twoQueue) bytes() int { return q.recent.bytes + q.frequent.bytes }

// link makes e, which is in no queue, the newest of its own.
func (q *twoQueue) link(e *entry) {
	of := q.of(e)
	e.older, e.newer = of.newest, 0
	q.joinNeighbours(e, e.at, e.at)
	of.count++
	of.bytes += e.size()
}

// unlink takes e out of its queue.
func (q *twoQueue) unlink(e *entry) {
	of := q.of(e)
	q.joinNeighbours(e, e.newer, e.older)
	of.count--
	of.bytes -= e.size()
}

// joinNeighbours has the older neighbour of e, or the end of its queue, lead to one location, and the newer to another.
func (q *twoQueue) joinNeighbours(e *entry, newer, older location) {
	of := q.of(e)
	if e.older != 0 {
		q.chunks.at(e.older).newer = newer
	} else {
		of.oldest = newer
	}
	if e.newer != 0 {
		q.chunks.at(e.newer).older = older
	} else {
		of.newest = older
	}
}
