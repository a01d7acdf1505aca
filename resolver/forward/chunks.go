package forward

import "unsafe"

// chunks are the memory in which a shard's entries lie, many in one piece. Entries each in a piece of its own are most
// of what the collector has to look at, and with few processors every query waits for the turns that it takes.
//
// What was written stays as it is: a reader may hold an entry that was dropped or moved for as long as it likes, and
// with it the chunk. What lies in a chunk that nobody refers to any more is the collector's. The lock of the shard
// guards all.
type chunks struct {
	all        []chunk  // the first stays empty
	free       []uint32 // numbers of those without memory
	filling    uint32   // the number of the one that entries are added to; 0: none
	held, live int      // words in all chunks, and of entries that are kept
}

// chunk is one piece of memory.
type chunk struct {
	memory []uint64
	filled int // words that entries were written to
	live   int // words of those that are kept
}

// location is where an entry lies: the number of a chunk, then how many words of it are before the entry. 0 is nowhere.
type location uint32

const (
	locationBits = 10
	chunkWords   = 1 << locationBits // of 8 octets
	// aloneWords is how long entries may be that share a chunk, so that hardly more than an eighth is left at its end.
	aloneWords = chunkWords / 8
	// looseShare is how much of the memory may be of no use before what is kept is moved together: a quarter.
	looseShare = 4
	// mostEntries is how many a shard keeps at most, so that each may have a chunk of its own and chunks have numbers.
	mostEntries = 1 << (32 - locationBits - 1)
)

func newChunks() chunks { return chunks{all: make([]chunk, 1)} }

// at returns the entry at a location.
func (c *chunks) at(p location) *entry {
	return (*entry)(unsafe.Pointer(&c.all[p>>locationBits].memory[p%chunkWords]))
}

// add copies an entry, and returns the copy and where it lies.
func (c *chunks) add(e *entry) (location, *entry) {
	words := e.words()
	number := c.filling
	switch {
	case words > aloneWords:
		number = c.open(words)
	case number == 0 || c.all[number].filled+words > chunkWords:
		full := c.filling
		number = c.open(chunkWords)
		c.filling = number
		c.releaseEmpty(full)
	}
	in := &c.all[number]
	from := in.filled
	in.filled += words
	in.live += words
	c.live += words
	return location(number<<locationBits) | location(from), e.copyTo(in.memory[from:in.filled])
}

// drop lets go of the entry at a location.
func (c *chunks) drop(p location) {
	number, words := uint32(p>>locationBits), c.at(p).words()
	c.all[number].live -= words
	c.live -= words
	c.releaseEmpty(number)
}

// open returns the number of a new chunk.
func (c *chunks) open(words int) uint32 {
	if len(c.free) == 0 {
		c.free = append(c.free, uint32(len(c.all)))
		c.all = append(c.all, chunk{})
	}
	last := len(c.free) - 1
	number := c.free[last]
	c.free = c.free[:last]
	c.all[number].memory = make([]uint64, words)
	c.held += words
	return number
}

// releaseEmpty gives the memory of a chunk back where nothing in it is kept and nothing more will be.
func (c *chunks) releaseEmpty(number uint32) {
	in := &c.all[number]
	if number == c.filling || in.memory == nil || in.live > 0 {
		return
	}
	c.held -= len(in.memory)
	*in = chunk{}
	c.free = append(c.free, number)
}

// isLoose reports whether too much of the memory is of no use.
func (c *chunks) isLoose() bool { return c.held-c.live > c.held/looseShare+2*chunkWords }

// loosest returns the number of the chunk of which least is of use. Where isLoose, that is less than all of one.
func (c *chunks) loosest() uint32 {
	number, most := uint32(0), 0
	for i := range c.all {
		idle := len(c.all[i].memory) - c.all[i].live
		if uint32(i) != c.filling && idle > most {
			number, most = uint32(i), idle
		}
	}
	return number
}

// each calls use for each entry that was written to a chunk, kept or not.
func (c *chunks) each(number uint32, use func(location, *entry)) {
	in := c.all[number]
	for at := 0; at < in.filled; {
		e := (*entry)(unsafe.Pointer(&in.memory[at]))
		use(location(number<<locationBits)|location(at), e)
		at += e.words()
	}
}
