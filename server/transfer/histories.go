package transfer

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"inside53/zonesource/atomicfile"
)

// histories is the file of all histories: records that follow one another, the whole of a
// history and then what came since. It grows with changes, and is written anew when most of
// it is of no use any more. A record is: length of the rest (4), its CRC-32C (4), seconds
// when it was written (8), kind (1), length of the id (2), the id, what the kind says.
type histories struct {
	path   string
	log    *slog.Logger
	size   int64
	useful int64 // octets that another process would need, when last looked at
	broken bool  // the file ends in the middle of a record, or isn't one: it is to be written anew
	loaded bool
	least  int64 // size from which on it is written anew when more than a half is of no use
	// unclaimed is what the file has of histories of no zone: those of an earlier process
	// until they are claimed, and those of zones that are gone.
	unclaimed map[string]*savedHistory
}

// savedHistory is what is saved of one history.
type savedHistory struct {
	whole []byte
	since [][]byte
	at    time.Time // when the last of it was saved
}

const (
	historiesName  = "histories"
	historiesMagic = "inside53 histories 1\n"
	recordHeader   = 8
	kindWhole      = 'W'
	kindSince      = 'S'
	leastRewritten = 1 << 20
)

func newHistories(dir string, log *slog.Logger) *histories {
	return &histories{
		path: filepath.Join(dir, historiesName), log: log, least: leastRewritten, unclaimed: map[string]*savedHistory{},
	}
}

// load reads the file, once. What is damaged ends it.
func (h *histories) load() {
	if h.loaded {
		return
	}
	h.loaded = true
	data, err := os.ReadFile(h.path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		h.broken = true
		h.log.Error("histories of zones not loaded; secondaries get these as a whole", "error", err)
		return
	}
	rest := data
	good := len(data) >= len(historiesMagic) && string(data[:len(historiesMagic)]) == historiesMagic
	if good {
		rest = data[len(historiesMagic):]
	}
	for good && len(rest) > 0 {
		rest, good = h.read(rest)
	}
	h.size = int64(len(data) - len(rest))
	if !good {
		h.broken = true
		h.log.Error("file of the histories of zones is damaged; secondaries get the zones after that as a whole",
			"file", h.path, "at", h.size)
	}
	for _, s := range h.unclaimed {
		h.useful += int64(len(s.whole))
		for _, b := range s.since {
			h.useful += int64(len(b))
		}
	}
}

// read reads one record. ok is false where there is none.
func (h *histories) read(b []byte) (rest []byte, ok bool) {
	if len(b) < recordHeader {
		return b, false
	}
	n := int(binary.BigEndian.Uint32(b))
	if n < 11 || n > len(b)-recordHeader {
		return b, false
	}
	body := b[recordHeader : recordHeader+n]
	idEnd := 11 + int(binary.BigEndian.Uint16(body[9:]))
	if crc32.Checksum(body, castagnoli()) != binary.BigEndian.Uint32(b[4:]) || idEnd > n {
		return b, false
	}
	at, id, text := time.Unix(int64(binary.BigEndian.Uint64(body)), 0), string(body[11:idEnd]), body[idEnd:]
	s := h.unclaimed[id]
	switch {
	case body[8] == kindWhole:
		h.unclaimed[id] = &savedHistory{whole: text, at: at}
	case s != nil:
		s.since, s.at = append(s.since, text), at
	}
	return b[recordHeader+n:], true
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func appendHistory(b []byte, kind byte, id string, text []byte, at time.Time) []byte {
	start := len(b)
	b = append(b, make([]byte, recordHeader)...)
	b = binary.BigEndian.AppendUint64(b, uint64(at.Unix()))
	b = binary.BigEndian.AppendUint16(append(b, kind), uint16(len(id)))
	b = append(append(b, id...), text...)
	body := b[start+recordHeader:]
	binary.BigEndian.PutUint32(b[start:], uint32(len(body)))
	binary.BigEndian.PutUint32(b[start+4:], crc32.Checksum(body, castagnoli()))
	return b
}

// claim gives a history to its zone; nil where none is saved.
func (h *histories) claim(id string) *savedHistory {
	h.load()
	s := h.unclaimed[id]
	delete(h.unclaimed, id)
	return s
}

// sweep forgets the histories of zones that have been gone for long.
func (h *histories) sweep(now time.Time) {
	for id, s := range h.unclaimed {
		if now.Sub(s.at) >= keepUnused {
			delete(h.unclaimed, id)
			h.broken = true
		}
	}
}

// save writes what is new of some zones behind the rest, or all anew where that is smaller.
func (h *histories) save(dirty, all []*publishedZone, now time.Time) error {
	h.load()
	if h.broken || h.size == 0 || h.size > h.least && h.size > 2*h.useful {
		return h.rewrite(all, now)
	}
	var b []byte
	for _, z := range dirty {
		text, ok := z.history.MarshalSince(z.saved)
		kind := byte(kindSince)
		if !z.isSaved || !ok {
			kind = kindWhole
			var err error
			text, err = z.history.MarshalBinary()
			if err != nil {
				return err
			}
		}
		if len(text) > 0 {
			b = appendHistory(b, kind, z.id(), text, now)
		}
	}
	err := h.write(b)
	if err != nil {
		h.broken = true // who knows how much of it is there
		return err
	}
	h.size += int64(len(b))
	settle(dirty)
	return nil
}

func (h *histories) write(b []byte) error {
	file, err := os.OpenFile(h.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// rewrite writes the histories of all zones anew, and those of zones that are gone.
func (h *histories) rewrite(all []*publishedZone, now time.Time) error {
	b := []byte(historiesMagic)
	for _, z := range all {
		text, err := z.history.MarshalBinary()
		if err != nil {
			return err
		}
		if len(text) > 0 {
			b = appendHistory(b, kindWhole, z.id(), text, now)
		}
	}
	for id, s := range h.unclaimed {
		b = appendHistory(b, kindWhole, id, s.whole, s.at)
		for _, text := range s.since {
			b = appendHistory(b, kindSince, id, text, s.at)
		}
	}
	err := os.MkdirAll(filepath.Dir(h.path), 0o700)
	if err != nil {
		return err
	}
	err = atomicfile.Write(h.path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
	if err != nil {
		return err
	}
	h.size, h.useful, h.broken = int64(len(b)), int64(len(b)), false
	settle(all)
	return nil
}

// settle notes which versions of zones are saved.
func settle(zones []*publishedZone) {
	for _, z := range zones {
		z.saved, z.isSaved = z.history.Serial()
		z.dirty = false
	}
}
