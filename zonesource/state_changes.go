package zonesource

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"inside53/zonesource/atomicfile"
)

// Beside the file of a part there may be one with what has changed since: a header of changesMagic, the version and the
// SHA-256 that the part's file ends with, and then for each change its length (4), the change (see writeDelta), and
// the first 16 octets of the SHA-256 of what stands before: the header, for the first change, or the sum of the one
// before, and the change. A file of changes whose part's file was written since is of no use, and one that ends in the
// middle of a change has no more than those before: a crash came.

const (
	changesMagic   = "inside53 changes"
	changesVersion = 1
	changesSuffix  = ".changes"
	changesHeader  = len(changesMagic) + 2 + sha256.Size
	changeSum      = 16

	// leastChanges is how large a file of changes may become in any case. It is written anew as a whole part when it
	// would be more than that and more than half of the part's file.
	leastChanges = 16 << 10
)

// saved is what is in the files of a part.
type saved struct {
	part    Part
	base    os.FileInfo // of the part's file
	sum     [sha256.Size]byte
	changes int64           // octets of the file of changes; 0: there is none
	chain   [changeSum]byte // of the last change
}

func changesName(key Key) string {
	return strings.TrimSuffix(fileName(key), partSuffix) + changesSuffix
}

// begin is the header of a file of changes.
func (v *saved) begin() []byte {
	header := binary.BigEndian.AppendUint16([]byte(changesMagic), changesVersion)
	return append(header, v.sum[:]...)
}

// next is the sum of a change.
func (v *saved) next(change []byte) (sum [changeSum]byte) {
	h := sha256.New()
	before := v.chain[:]
	if v.changes == 0 {
		before = v.begin()
	}
	_, _ = h.Write(before) // a hash never fails
	_, _ = h.Write(change)
	copy(sum[:], h.Sum(nil))
	return sum
}

// stamp notes what a part's file is that was written or read.
func (s *store) stamp(p Part) (*saved, error) {
	v := &saved{part: p}
	f, err := os.Open(filepath.Join(s.dir, fileName(p.Key)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	v.base, err = f.Stat()
	if err == nil {
		_, err = f.ReadAt(v.sum[:], v.base.Size()-sha256.Size)
	}
	return v, err
}

// append saves a part by what has changed of it, if that can be done and is less than half of the part.
func (s *store) append(p Part) (done bool, err error) {
	v := s.saved[p.Key]
	if v == nil || s.state.Hold() != nil {
		return false, nil
	}
	var change bytes.Buffer
	ok, err := writeDelta(&change, v.part, p)
	size := v.changes + int64(change.Len())
	if err != nil || !ok || size > max(leastChanges, v.base.Size()/2) {
		return false, err
	}
	delete(s.saved, p.Key) // until all of it is there
	is, err := os.Stat(filepath.Join(s.dir, fileName(p.Key)))
	if err != nil || !os.SameFile(is, v.base) || !is.ModTime().Equal(v.base.ModTime()) {
		return false, nil
	}
	chain := v.next(change.Bytes())
	var entry []byte
	if v.changes == 0 {
		entry = v.begin()
	}
	entry = binary.BigEndian.AppendUint32(entry, uint32(change.Len()))
	entry = append(append(entry, change.Bytes()...), chain[:]...)
	err = atomicfile.Append(filepath.Join(s.dir, changesName(p.Key)), v.changes, entry)
	if errors.Is(err, atomicfile.ErrOther) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	v.part, v.chain, v.changes = p, chain, v.changes+int64(len(entry))
	s.saved[p.Key] = v
	return true, nil
}

// forget has parts written whole the next time: somebody else may have written them.
func (s *store) forget() { clear(s.saved) }

// compact writes all parts whole that have a file of changes: other builds read those alone.
func (s *store) compact() error {
	var errs []error
	for _, v := range s.saved {
		if v.changes > 0 {
			errs = append(errs, s.save(v.part))
		}
	}
	return errors.Join(errs...)
}

// changed returns a part that was read with what has changed since. It reports whether all of that could be read.
func (s *store) changed(p Part) (Part, bool) {
	v, err := s.stamp(p)
	if err != nil {
		s.log.Warn("saved changes not read", "part", p.Key, "error", err)
		return p, false
	}
	name := changesName(p.Key)
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	if errors.Is(err, os.ErrNotExist) {
		s.saved[p.Key] = v
		return p, true
	}
	if err != nil {
		s.log.Warn("saved changes not read", "part", p.Key, "error", err)
		return p, false
	}
	rest, ours := bytes.CutPrefix(data, v.begin())
	if !ours && bytes.HasPrefix(data, v.begin()[:changesHeader-sha256.Size]) && len(data) >= changesHeader {
		s.saved[p.Key] = v // the part was written whole since
		return p, true
	}
	for ours && len(rest) > 0 && err == nil {
		if len(rest) < 4 || len(rest) < 4+int(binary.BigEndian.Uint32(rest))+changeSum {
			err = io.ErrUnexpectedEOF
			break
		}
		size := 4 + int(binary.BigEndian.Uint32(rest))
		rest, err = v.read(rest[4:size], rest[size:])
	}
	switch {
	case err == nil && ours:
		s.saved[p.Key] = v
		return v.part, true
	case errors.Is(err, io.ErrUnexpectedEOF) || !ours && len(data) < changesHeader:
		s.log.Warn("saved changes end in the middle of one; those before it count", "part", p.Key, "changes", v.changes)
	case !ours:
		s.putAside(name, errors.New("not a file of changes"))
	default:
		s.putAside(name, fmt.Errorf("%w; those before it count", err))
	}
	return v.part, false
}

// read lays a change over the part, and returns what follows it.
func (v *saved) read(change, rest []byte) ([]byte, error) {
	chain := v.next(change)
	if !bytes.Equal(rest[:changeSum], chain[:]) {
		return nil, errors.New("checksum of a change is wrong")
	}
	p, err := readDelta(change, v.part)
	if err != nil {
		return nil, err
	}
	if v.changes == 0 {
		v.changes = int64(changesHeader)
	}
	v.part, v.chain = p, chain
	v.changes += int64(4 + len(change) + changeSum)
	return rest[changeSum:], nil
}

// since is when a part is known to be so: when it was found unchanged last, if that is known of it.
func since(p Part, whole bool, times map[string]time.Time) time.Time {
	found := times[fileName(p.Key)]
	if whole && found.After(p.Listed) {
		return found
	}
	return p.Listed
}
