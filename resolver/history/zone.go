package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"

	"inside53/resolver/zone"
)

// Zone is the history of one published zone. All methods are safe for concurrent use.
type Zone struct {
	limit int // octets of the journal

	mu     sync.RWMutex
	is     *Version // nil before the first publication
	sum    checksum // of the records
	deltas []Delta  // oldest first, without gaps, to the version that is
	size   int      // octets of deltas
	saved  bool     // is was saved by an earlier process, and has no tree yet

	floor   uint32 // serials are greater, where floored says so
	floored bool
}

// SetLimit changes how many octets of differences are kept, from the next one on.
func (z *Zone) SetLimit(limit int) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.limit = limit
}

// Version is one version of a zone. Immutable.
type Version struct {
	Serial uint32
	// SOA has the serial.
	SOA zone.RRset
	// Tree holds the records; the serial of its own SOA means nothing.
	Tree *zone.Tree
}

// Delta is what differs between two versions that followed one another. Immutable.
type Delta struct {
	From, To       uint32
	OldSOA, NewSOA zone.RRset
	// Removed and Added are without SOA records.
	Removed, Added []Set
}

// Set is some records of one owner and type.
type Set struct {
	Name    []byte // lower-case wire form
	Records zone.RRset
}

// New returns the history of a zone that keeps as many octets of differences as limit.
func New(limit int) *Zone { return &Zone{limit: limit} }

// Publish makes the content of tree the version that is, and reports whether it has a
// new serial: it hasn't when nothing differs. The error says that tree is no zone.
func (z *Zone) Publish(tree *zone.Tree, now time.Time) (changed bool, err error) {
	n, err := z.Prepare(tree, now)
	if n == nil {
		return false, err
	}
	n.Publish()
	return true, nil
}

// Next is a version that isn't published yet.
type Next struct {
	zone    *Zone
	version *Version
	sum     checksum
	delta   *Delta // nil: the journal begins anew
}

// Serial is the serial that the version will have.
func (n *Next) Serial() uint32 { return n.version.Serial }

// Prepare is Publish in two steps: it returns the version that is to have a new serial, which
// nobody sees before its Publish; nil where nothing differs. Nothing else may be published
// in between.
func (z *Zone) Prepare(tree *zone.Tree, now time.Time) (*Next, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	soa := tree.Lookup(tree.Apex()).RRset(zone.TypeSOA)
	if len(soa.First()) < 22 {
		return nil, fmt.Errorf("publishing %s: no SOA record", zone.String(tree.Apex()))
	}
	if z.is == nil || z.saved {
		return z.begin(tree, soa, now), nil
	}
	d, sum := difference(z.is.Tree, tree)
	if len(d.Removed)+len(d.Added) == 0 && sameSOA(z.is.SOA, soa) && !z.below(z.is.Serial) {
		z.is = &Version{Serial: z.is.Serial, SOA: z.is.SOA, Tree: tree}
		return nil, nil
	}
	d.From, d.OldSOA = z.is.Serial, z.is.SOA
	v := version(tree, soa, z.next(z.is.Serial, now))
	d.To, d.NewSOA = v.Serial, v.SOA
	return &Next{z, v, z.sum.plus(sum), &d}, nil
}

// Publish makes it the version that is.
func (n *Next) Publish() {
	z := n.zone
	z.mu.Lock()
	defer z.mu.Unlock()
	z.is, z.sum, z.saved = n.version, n.sum, false
	if n.delta == nil {
		z.deltas, z.size = nil, 0
		return
	}
	z.keep(*n.delta)
}

// SetFloor has serials be greater than one that others have had: a version that isn't gets
// another serial when it is published again.
func (z *Zone) SetFloor(serial uint32) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if !z.floored || After(serial, z.floor) {
		z.floor, z.floored = serial, true
	}
}

// below reports whether a serial isn't greater than the floor.
func (z *Zone) below(serial uint32) bool { return z.floored && !After(serial, z.floor) }

// next is the serial after last.
func (z *Zone) next(last uint32, now time.Time) uint32 {
	if z.below(last) {
		last = z.floor
	}
	return next(last, now)
}

// begin prepares the first version of this process.
func (z *Zone) begin(tree *zone.Tree, soa zone.RRset, now time.Time) *Next {
	sum := sumOf(tree)
	if z.saved && sum == z.sum && sameSOA(z.is.SOA, soa) && !z.below(z.is.Serial) {
		z.is = &Version{Serial: z.is.Serial, SOA: z.is.SOA, Tree: tree}
		z.saved = false
		return nil
	}
	serial := uint32(now.Unix())
	switch {
	case z.saved:
		serial = z.next(z.is.Serial, now)
	case z.below(serial):
		serial = z.floor + 1
	}
	return &Next{z, version(tree, soa, serial), sum, nil}
}

// next is the serial after last: greater in the sense of RFC 1982, and the time where
// that is possible.
func next(last uint32, now time.Time) uint32 {
	serial := uint32(now.Unix())
	if After(serial, last) {
		return serial
	}
	return last + 1
}

// After reports whether a serial is greater than another (RFC 1982 section 3.2).
func After(a, b uint32) bool { return int32(a-b) > 0 }

func version(tree *zone.Tree, soa zone.RRset, serial uint32) *Version {
	rdata := slices.Clone(soa.First())
	binary.BigEndian.PutUint32(rdata[len(rdata)-20:], serial)
	set, _ := zone.NewRecords(zone.TypeSOA, soa.TTL(), rdata) // as long as the one it comes from
	return &Version{Serial: serial, SOA: set, Tree: tree}
}

// Told is a version of which nothing is known but its serial and the rest of its SOA record; nil without that.
func Told(soa zone.RRset, serial uint32) *Version {
	if len(soa.First()) < 22 {
		return nil
	}
	return version(nil, soa, serial)
}

// sameSOA compares two SOA records without their serials.
func sameSOA(a, b zone.RRset) bool {
	x, y := a.First(), b.First()
	return a.TTL() == b.TTL() && len(x) == len(y) && string(x[:len(x)-20]) == string(y[:len(y)-20]) &&
		string(x[len(x)-16:]) == string(y[len(y)-16:])
}

// keep appends a difference to the journal, and drops the oldest that are too much.
func (z *Zone) keep(d Delta) {
	z.deltas = append(z.deltas, d)
	z.size += d.size()
	drop := 0
	for z.size > z.limit && drop < len(z.deltas) {
		z.size -= z.deltas[drop].size()
		drop++
	}
	if drop > 0 {
		z.deltas = slices.Clone(z.deltas[drop:])
	}
}

// size is about what a difference takes, in octets.
func (d *Delta) size() int {
	n := len(d.OldSOA.Data) + len(d.NewSOA.Data)
	for _, sets := range [...][]Set{d.Removed, d.Added} {
		for _, s := range sets {
			n += len(s.Name) + len(s.Records.Data)
		}
	}
	return n
}

// Version returns the version that is; nil before the first publication.
func (z *Zone) Version() *Version {
	z.mu.RLock()
	defer z.mu.RUnlock()
	if z.saved {
		return nil
	}
	return z.is
}

// Serial returns the serial of the version that is, also of one that was saved by an earlier
// process and not published since; false before the first publication.
func (z *Zone) Serial() (serial uint32, ok bool) {
	z.mu.RLock()
	defer z.mu.RUnlock()
	if z.is == nil {
		return 0, false
	}
	return z.is.Serial, true
}

// Since returns the version that is, and what leads to it from a serial, oldest first, as
// the journal has it: it is not modified, and costs a look-up. ok is false where the journal
// doesn't reach back to the serial.
func (z *Zone) Since(serial uint32) (v *Version, deltas []Delta, ok bool) {
	z.mu.RLock()
	defer z.mu.RUnlock()
	if z.is == nil || z.saved {
		return nil, nil, false
	}
	i, found := z.find(serial)
	if !found {
		return z.is, nil, serial == z.is.Serial
	}
	return z.is, z.deltas[i:len(z.deltas):len(z.deltas)], true
}

// find returns where the differences from a serial on begin. Serials grow from one to the next
// (RFC 1982), and so do their distances to the first.
func (z *Zone) find(serial uint32) (int, bool) {
	if len(z.deltas) == 0 {
		return 0, false
	}
	first := z.deltas[0].From
	i := sort.Search(len(z.deltas), func(i int) bool { return z.deltas[i].From-first >= serial-first })
	return i, i < len(z.deltas) && z.deltas[i].From == serial
}

// Journal returns how many differences are kept, and how many octets they take.
func (z *Zone) Journal() (deltas, octets int) {
	z.mu.RLock()
	defer z.mu.RUnlock()
	return len(z.deltas), z.size
}

// ErrSaved says that what was saved can't be read.
var ErrSaved = errors.New("saved history is malformed")
