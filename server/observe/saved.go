package observe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"
	"time"
)

// What is known of who asks for record sets outlives the process as one file, all or nothing of it:
//
//	savedMagic
//	the length of what follows, 4 octets, big-endian, and the times of uses, as [Answers] writes them
//	record sets, those asked for longest ago first: texts with their length before them, numbers as varints
//	CRC-32C of all that, 4 octets
//
// Its size is bounded, as what it holds is.
const (
	savedMagic = "inside53 usage 1\n"
	savedForm  = "inside53 usage " // of any version
	maxSaved   = 32 << 20
)

var (
	errSavedOther   = errors.New("it is of another version")
	errSavedDamaged = errors.New("it is damaged")
)

// Save writes who asks for record sets, and when they were used, in the form that Restore reads. It returns how
// many record sets it knows the clients of. What is asked after it is known to nobody where this process ends without
// SaveLast: since when nobody has asked isn't said then.
func (w *Observer) Save(to io.Writer) (int, error) { return w.save(to, false) }

// SaveLast is Save when nothing is answered any more.
func (w *Observer) SaveLast(to io.Writer) (int, error) { return w.save(to, true) }

func (w *Observer) save(to io.Writer, last bool) (int, error) {
	b := append([]byte(savedMagic), 0, 0, 0, 0)
	b = w.opts.Answers.AppendUses(b, last)
	binary.BigEndian.PutUint32(b[len(savedMagic):], uint32(len(b)-len(savedMagic)-4))
	b, n := w.users.appendTo(b)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	_, err := to.Write(b)
	return n, err
}

// Restore adds what Save wrote to what is known by now, and returns of how many record sets the clients were
// saved. What is damaged, or of another version, adds nothing, and is an error.
func (w *Observer) Restore(from io.Reader) (int, error) {
	b, err := io.ReadAll(io.LimitReader(from, maxSaved+1))
	if err != nil {
		return 0, err
	}
	const ends = 4 + 4
	switch {
	case !bytes.HasPrefix(b, []byte(savedMagic)) && bytes.HasPrefix(b, []byte(savedForm)):
		return 0, errSavedOther
	case len(b) < len(savedMagic)+ends || len(b) > maxSaved || !bytes.HasPrefix(b, []byte(savedMagic)):
		return 0, errSavedDamaged
	}
	b, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) != sum {
		return 0, errSavedDamaged
	}
	b = b[len(savedMagic):]
	length, b := binary.BigEndian.Uint32(b), b[4:]
	if uint64(length) > uint64(len(b)) {
		return 0, errSavedDamaged
	}
	r := savedReader{left: b[length:], now: time.Now().UnixNano()}
	sets := r.sets()
	if r.failed {
		return 0, errSavedDamaged
	}
	err = w.opts.Answers.AddUses(b[:length])
	if err != nil {
		return 0, fmt.Errorf("it is of no use here: %w", err)
	}
	w.users.addBefore(sets)
	return len(sets), nil
}

// savedSet is a record set with what is known of it.
type savedSet struct {
	RecordSet
	*used
}

// appendTo appends the record sets to b, and returns how many they are.
func (u *users) appendTo(b []byte) ([]byte, int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	keys := u.sets.Keys()
	b = binary.AppendUvarint(b, uint64(len(keys)))
	for _, key := range keys {
		set, _ := u.sets.Peek(key) // it is one of them
		b = appendText(b, key.Zone)
		b = appendText(b, key.Owner)
		for _, n := range []uint64{uint64(key.Type), uint64(set.since), uint64(set.last), set.count, uint64(set.n)} {
			b = binary.AppendUvarint(b, n)
		}
		for i := range set.clients[:set.n] {
			c := &set.clients[i]
			b = appendText(b, string(c.addr.AsSlice()))
			b = binary.AppendUvarint(b, c.count)
			b = binary.AppendUvarint(b, uint64(c.last))
		}
	}
	return b, len(keys)
}

func appendText(b []byte, text string) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

// addBefore adds record sets that were asked for before all that are known, of which there is room for so many.
func (u *users) addBefore(sets []savedSet) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var present []savedSet
	for _, key := range u.sets.Keys() {
		set, _ := u.sets.Peek(key) // it is one of them
		present = append(present, savedSet{key, set})
	}
	for _, s := range sets {
		known, is := u.sets.Peek(s.RecordSet)
		if is {
			known.merge(s.used)
		} else {
			u.sets.Add(s.RecordSet, s.used)
		}
	}
	for _, s := range present {
		u.sets.Add(s.RecordSet, s.used) // again, as what was asked for last
	}
}

// merge adds what was known before.
func (s *used) merge(before *used) {
	s.since = min(s.since, before.since)
	for i := range before.clients[:before.n] {
		c := &before.clients[i]
		s.add(c.addr, c.count, c.last)
		s.count -= c.count // those of others were counted too
	}
	s.count += before.count
	s.last = max(s.last, before.last)
}

// savedReader reads the record sets; failed says that they are malformed.
type savedReader struct {
	left   []byte
	now    int64 // Unix nanoseconds
	failed bool
}

func (r *savedReader) number() uint64 {
	n, width := binary.Uvarint(r.left)
	if width <= 0 {
		r.failed, r.left = true, nil
		return 0
	}
	r.left = r.left[width:]
	return n
}

// time reads a moment; one that would be in the future, as the clock went back, is now.
func (r *savedReader) time() int64 { return int64(min(r.number(), uint64(r.now))) }

func (r *savedReader) text() string {
	n := r.number()
	if n > uint64(len(r.left)) {
		r.failed, r.left = true, nil
		return ""
	}
	text := string(r.left[:n])
	r.left = r.left[n:]
	return text
}

func (r *savedReader) sets() (sets []savedSet) {
	for range min(r.number(), usedSets) {
		if r.failed {
			return nil
		}
		key := RecordSet{Zone: r.text(), Owner: r.text(), Type: uint16(r.number())}
		set := &used{since: r.time(), last: r.time(), count: r.number()}
		for range min(r.number(), usersOfSet) {
			addr, ok := netip.AddrFromSlice([]byte(r.text()))
			r.failed = r.failed || !ok
			set.clients[set.n] = usedBy{addr: addr, count: r.number(), last: r.time()}
			set.n++
		}
		sets = append(sets, savedSet{key, set})
	}
	r.failed = r.failed || len(r.left) > 0
	return sets
}
