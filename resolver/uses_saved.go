package resolver

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"inside53/resolver/zone"
)

// The times at which record sets were used outlive the process as varints: what places depend on, see
// usesForm; since when they are noted, in Unix seconds; the present in useUnit; and for each place that isn't
// empty how far it is behind the one before, and how long before the present it was used. A distance of 0 ends
// them. With 20,000 record sets in use that is some hundred kilobytes, and eight megabytes at most.

var (
	errUsesForm    = errors.New("the times of uses are of another form")
	errUsesDamaged = errors.New("the times of uses are malformed")
)

// usesForm is another number where record sets have other places, or times another unit.
func usesForm() uint64 {
	probe := usePlace(zone.HashName([]byte("\x08inside53\x04form\x00")), 1, zone.Private)
	return uint64(probe)<<32 | usesBits<<16 | useUnit
}

// AppendUses appends the times at which record sets were used to b, in the form that AddUses reads. It may be
// called at any time. Unless they are the last, as nothing is answered any more, nobody will know what was used
// after them: since when all is noted isn't said then.
func (r *Resolver) AppendUses(b []byte, last bool) []byte {
	u := &r.watcher.used
	now, since := uint32(time.Now().Unix()/useUnit), uint64(math.MaxInt64)
	if last {
		since = uint64(u.since.Load())
	}
	b = binary.AppendUvarint(b, usesForm())
	b = binary.AppendUvarint(b, since)
	b = binary.AppendUvarint(b, uint64(now))
	before := -1
	for i := range u.places {
		at := u.places[i].Load()
		if at == 0 {
			continue
		}
		b = binary.AppendUvarint(b, uint64(i-before))
		b = binary.AppendUvarint(b, uint64(now-min(at, now)))
		before = i
	}
	return append(b, 0)
}

// AddUses adds what AppendUses has written of an earlier process: a record set was used at the later of two
// times, and times are noted since the earlier one. Nothing is added where the error isn't nil.
func (r *Resolver) AddUses(b []byte) error {
	u := &r.watcher.used
	if u.since.Load() == 0 {
		return nil // nobody looks
	}
	_, err := readUses(b, func(uint32, uint32) {})
	if err != nil {
		return err
	}
	since, _ := readUses(b, u.raise) // it was read before
	for {
		known := u.since.Load()
		if since >= known || u.since.CompareAndSwap(known, since) {
			return nil
		}
	}
}

// raise notes a use that was long ago, unless a later one is known.
func (u *uses) raise(place, at uint32) {
	p := &u.places[place]
	for {
		known := p.Load()
		if at <= known || p.CompareAndSwap(known, at) {
			return
		}
	}
}

// readUses reads what AppendUses has written. What would be in the future, as the clock went back, is of now.
func readUses(b []byte, each func(place, at uint32)) (since int64, err error) {
	next := func() (n uint64) {
		n, width := binary.Uvarint(b)
		if width <= 0 {
			err = errUsesDamaged
			return 0
		}
		b = b[width:]
		return n
	}
	form, from, saved := next(), next(), next()
	if err == nil && form != usesForm() {
		err = errUsesForm
	}
	present := uint64(time.Now().Unix() / useUnit)
	at := uint64(0) // one more than the place
	for err == nil {
		gap := next()
		if gap == 0 {
			break
		}
		age := next()
		if gap > 1<<usesBits-at || age >= saved {
			return 0, errUsesDamaged
		}
		at += gap
		each(uint32(at-1), uint32(min(saved-age, present)))
	}
	if err == nil && (len(b) > 0 || from == 0) {
		err = errUsesDamaged
	}
	return int64(min(from, uint64(time.Now().Unix()))), err
}
