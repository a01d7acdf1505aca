package forward

import (
	"slices"
	"sync/atomic"
	"unsafe"
)

// entry is a message with its key. It is immutable but for its place in the queues and the atomic fields.
//
// It is the head of one piece of memory that holds no pointers: behind it lie its tries, RRs,
// name, body and reason, in this order. What the cache keeps is a copy, see [chunks].
type entry struct {
	Message
	key
	fails uint8 // of a failure: how many came in a row before it

	// These are guarded by the shard's lock.
	frequent     bool     // which queue it is in
	hash         uint64   // its key in the index
	at           location // its own
	older, newer location // of its neighbours in its queue; 0: none

	used         atomic.Int64 // Unix seconds of the last use that the queues know of
	prefetched   atomic.Int64 // Unix seconds at which a reader was told to prefetch
	failingUntil atomic.Int64 // Unix seconds: until then the upstreams are not asked again
}

// key is what an entry is about, but for its name.
type key struct {
	group  uint32
	typ    uint16
	do, cd bool
}

// lengths say how much of what lies behind an entry.
type lengths struct {
	body      uint32
	reason    uint16
	name      uint8
	tries     uint8
	triesRoom uint8
}

const (
	wordSize = unsafe.Sizeof(uint64(0))
	headSize = unsafe.Sizeof(entry{}) // whole words
	trySize  = unsafe.Sizeof(Try{})
	rrSize   = unsafe.Sizeof(RR{})
)

// contents are what an entry is made with. RRs are those of the answer section, then those of the authority section.
type contents struct {
	name, body         []byte
	answers, authority []RR
	reason             string
	tries              int // for so many there is room
}

// newEntry returns an entry that holds a copy of c. All numbers but those of RRs are zero.
func newEntry(c *contents) *entry {
	e, _ := newEntryIn(nil, c)
	return e
}

// newEntryIn is newEntry in that memory, or in more where it needs more. It returns the memory that it lies in.
func newEntryIn(memory []uint64, c *contents) (*entry, []uint64) {
	rrs := len(c.answers) + len(c.authority)
	size := headSize + uintptr(c.tries)*trySize + uintptr(rrs)*rrSize +
		uintptr(len(c.name)+len(c.body)+len(c.reason))
	words := int((size + wordSize - 1) / wordSize)
	memory = slices.Grow(memory[:0], words)[:words]
	clear(memory)
	e := (*entry)(unsafe.Pointer(unsafe.SliceData(memory)))
	e.Answers, e.Authority = uint16(len(c.answers)), uint16(len(c.authority))
	e.lengths = lengths{
		body: uint32(len(c.body)), reason: uint16(len(c.reason)), name: uint8(len(c.name)), triesRoom: uint8(c.tries),
	}
	copy(e.RRs(), c.answers)
	copy(e.RRs()[e.Answers:], c.authority)
	copy(e.name(), c.name)
	copy(e.Body(), c.body)
	copy(behind[byte](&e.Message, e.bodyAt()+uintptr(len(c.body)), len(c.reason)), c.reason)
	return e, memory
}

// words is how long e is with what lies behind it.
func (e *entry) words() int {
	size := e.bodyAt() + uintptr(e.body) + uintptr(e.reason)
	return int((size + wordSize - 1) / wordSize)
}

// copyTo copies e, which others may be reading, to memory of its length.
func (e *entry) copyTo(memory []uint64) *entry {
	to := (*entry)(unsafe.Pointer(&memory[0]))
	to.Message, to.key, to.fails = e.Message, e.key, e.fails
	to.frequent, to.hash, to.at, to.older, to.newer = e.frequent, e.hash, e.at, e.older, e.newer
	to.used.Store(e.used.Load())
	to.prefetched.Store(e.prefetched.Load())
	to.failingUntil.Store(e.failingUntil.Load())
	const head = headSize / wordSize
	copy(memory[head:], unsafe.Slice((*uint64)(unsafe.Pointer(e)), len(memory))[head:])
	return to
}

// clone returns a copy of e in memory of its own.
func (e *entry) clone() *entry { return e.copyTo(make([]uint64, e.words())) }

// withTries returns e with tries, or another one like it where they need more room. Nobody has seen e yet.
func (e *entry) withTries(tries []Try) *entry {
	if len(tries) > int(e.triesRoom) {
		rrs := e.RRs()
		more := newEntry(&contents{
			name: e.name(), body: e.Body(), answers: rrs[:e.Answers], authority: rrs[e.Answers:], reason: e.Reason(),
			tries: len(tries),
		})
		room := more.lengths
		more.Message, more.key, more.fails, more.lengths = e.Message, e.key, e.fails, room
		e = more
	}
	e.tries = uint8(len(tries))
	copy(e.Tries(), tries)
	return e
}

// behind returns n values that lie behind an entry, from an offset on.
func behind[T any](m *Message, at uintptr, n int) []T {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Add(unsafe.Pointer(m), at)), n)
}

func (m *Message) rrsAt() uintptr { return headSize + uintptr(m.triesRoom)*trySize }
func (m *Message) nameAt() uintptr {
	return m.rrsAt() + (uintptr(m.Answers)+uintptr(m.Authority))*rrSize
}
func (m *Message) bodyAt() uintptr { return m.nameAt() + uintptr(m.lengths.name) }

// Tries are the queries that it took, in their order; those of a failure say why.
func (m *Message) Tries() []Try { return behind[Try](m, headSize, int(m.tries)) }

// RRs says where the RRs lie: those of the answer section, then those of the authority section.
func (m *Message) RRs() []RR { return behind[RR](m, m.rrsAt(), int(m.Answers)+int(m.Authority)) }

// Body returns the RRs as they go into a message.
func (m *Message) Body() []byte { return behind[byte](m, m.bodyAt(), int(m.body)) }

// Reason says in words why there is no answer: of a failure alone.
func (m *Message) Reason() string {
	b := behind[byte](m, m.bodyAt()+uintptr(m.body), int(m.reason))
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// entry returns the entry that m is the beginning of: there are no others.
func (m *Message) entry() *entry { return (*entry)(unsafe.Pointer(m)) }

// name is the name that was asked for.
func (e *entry) name() []byte { return behind[byte](&e.Message, e.nameAt(), int(e.lengths.name)) }

// answers reports whether e is about q.
func (e *entry) answers(group uint32, q *Question) bool {
	return e.key == key{group, q.Type, q.DO, q.CD} && string(e.name()) == string(q.Name)
}

// size is roughly the memory that e holds, the cache's own included.
func (e *entry) size() int {
	return int(headSize) + 100 + int(rrSize)*len(e.RRs()) + len(e.name()) + len(e.Body()) + int(e.reason)
}

// failed reports whether e stands for the failure to get an answer.
func (e *entry) failed() bool { return e.Flags&IsFailure != 0 }

// state says what e is worth at now.
func (e *entry) state(now int64) State {
	age := now - e.Stored
	switch {
	case age < int64(e.TTL):
		return Fresh
	case e.failed() || age >= int64(e.TTL)+staleFor:
		return Miss
	case now < e.failingUntil.Load():
		return StaleFailing
	default:
		return Stale
	}
}

// dying reports whether e is fresh with less than a tenth of its TTL left.
func (e *entry) dying(now int64) bool {
	left := int64(e.TTL) - (now - e.Stored)
	return e.TTL >= prefetchOver && left*10 < int64(e.TTL) && !e.failed()
}
