package resolver

import (
	"sync/atomic"
	"time"

	"inside53/resolver/zone"
)

const (
	// usesBits is how many places there are for the times at which record sets were used. With
	// 20,000 record sets in use one in a hundred others shares its place with one of them.
	usesBits = 21
	// useUnit is how exact these times are, in seconds: a place is written once in so long.
	useUnit = 600
)

// UseWithin is how exact the times of [Resolver.LastUse] are.
const UseWithin = useUnit * time.Second

// uses are the times at which record sets of ours were used, in memory of fixed size: a place for
// each hash of an owner and type. All that is used is noted, so that an empty place says for
// certain that nobody has asked. Where two share a place, each has the time of the later one.
type uses struct {
	places []atomic.Uint32 // Unix time in useUnit; 0 for never
	// noted are the places that have a time already, 32 by a word in its lower half, for the
	// time in its upper half. Most uses are of what was used in the same ten minutes: they
	// read half a megabyte, which stays near the processor, and not the eight of the places.
	noted []atomic.Uint64
	since atomic.Int64 // Unix seconds, from when on they are noted
}

func (u *uses) open() {
	u.places = make([]atomic.Uint32, 1<<usesBits)
	u.noted = make([]atomic.Uint64, 1<<usesBits/32)
	u.since.Store(time.Now().Unix())
}

// usePlace is the place of a record set, of all zones of one origin.
func usePlace(owner uint64, rrtype uint16, of zone.Origin) uint32 {
	h := (owner ^ uint64(rrtype)<<48 ^ uint64(of)<<40) * 0x9E3779B97F4A7C15
	return uint32(h >> (64 - usesBits))
}

// touch notes a use at a Unix time, and reports whether the last one was a while ago.
func (u *uses) touch(place uint32, now int64) bool {
	at := uint32(now / useUnit)
	word, bit := &u.noted[place/32], uint64(1)<<(place%32)
	was := word.Load()
	next := was | bit
	if uint32(was>>32) != at {
		next = uint64(at)<<32 | bit
	}
	if next == was {
		return false
	}
	word.CompareAndSwap(was, next) // where another one was quicker, the next use comes here again
	p := &u.places[place]
	if p.Load() == at {
		return false
	}
	p.Store(at)
	return true
}

// touches are uses that a worker notes together: the places are anywhere in eight megabytes, and a processor that looks
// at one waits for memory longer than a whole answer may take, but for many of them no longer than for one.
type touches struct {
	of     *uses
	n      int
	places [64]uint32
}

// add has a use noted at the next flush, or when there is no room for more.
func (t *touches) add(of *uses, place uint32, now int64) {
	t.of, t.places[t.n] = of, place
	t.n++
	if t.n == len(t.places) {
		t.flush(now)
	}
}

// flush notes the uses.
func (t *touches) flush(now int64) {
	for _, place := range t.places[:t.n] {
		t.of.touch(place, now)
	}
	t.n = 0
}

// LastUse says when a record set of ours was used last: a time that may be ten minutes before it, as
// nothing more exact is kept. Zero is that nobody has asked for it since, for certain; a time may
// be that of another record set. known is false where nobody looks.
func (r *Resolver) LastUse(owner []byte, rrtype uint16, of zone.Origin) (last, since time.Time, known bool) {
	u := &r.watcher.used
	started := u.since.Load()
	if started == 0 {
		return time.Time{}, time.Time{}, false
	}
	at := u.places[usePlace(zone.HashName(owner), rrtype, of)].Load()
	if at != 0 {
		last = time.Unix(max(int64(at)*useUnit, started), 0)
	}
	return last, time.Unix(started, 0), true
}
