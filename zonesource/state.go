package zonesource

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"inside53/zonesource/atomicfile"
	"inside53/zonesource/statedir"

	"github.com/klauspost/compress/zstd"
)

// The state directory has one file for each part, and one that says when each was
// last listed and found unchanged:
//
//	lock
//	parts/route53%2Fzone%2FZ0123.part
//	parts/listed.times
//	parts/adopted.mark
//
// A file is a header of stateMagic and the version, a zstd stream, and the SHA-256
// of all that goes before. There is always a whole one: see package atomicfile. What
// other packages keep stands beside parts; the lock is for them too. What has changed of a part
// since its file was written may stand beside it: see state_changes.go.

const (
	stateMagic   = "inside53"
	stateVersion = 2
	headerSize   = len(stateMagic) + 2

	partSuffix = ".part"
	timesFile  = "listed.times"
	markFile   = "adopted.mark"
	maxMark    = 4 << 10 // octets
)

// partsDir is below the state directory.
const partsDir = "parts"

// store is the place of parts in the state directory. Its methods are not for concurrent use.
type store struct {
	dir   string // of the parts
	state *statedir.Dir
	log   *slog.Logger
	saved map[Key]*saved // what is known of files; of others the next change writes the whole
}

// newStore returns the place of parts in a state directory.
func newStore(state *statedir.Dir, log *slog.Logger) *store {
	return &store{dir: filepath.Join(state.Path(), partsDir), state: state, log: log, saved: map[Key]*saved{}}
}

// close gives the directory free.
func (s *store) close() error { return s.state.Close() }

// maxFileName is how long the name of a part's file may be before its suffix: a file system
// takes 255 octets, and a file that is put aside needs some more.
const maxFileName = 220

// fileName returns the name of a part's file. The digest of a name that is too long stands
// in its place.
func fileName(key Key) string {
	name := url.PathEscape(key.Source + "/" + key.Name)
	if len(name) > maxFileName {
		name = fmt.Sprintf("%x", sha256.Sum256([]byte(name)))
	}
	return name + partSuffix
}

// save writes one part in place of its predecessor.
func (s *store) save(p Part) error {
	delete(s.saved, p.Key)
	err := s.write(fileName(p.Key), func(w io.Writer) error { return writePart(w, p) })
	if err != nil {
		return err
	}
	v, err := s.stamp(p)
	if err == nil {
		s.saved[p.Key] = v
	}
	_ = os.Remove(filepath.Join(s.dir, changesName(p.Key))) // what is left of it belongs to no file
	return nil
}

// remove deletes the file of a part; it is no error when there is none.
func (s *store) remove(key Key) error {
	err := s.state.Hold()
	if err != nil {
		return err
	}
	delete(s.saved, key)
	_ = os.Remove(filepath.Join(s.dir, changesName(key))) // what is left of it belongs to no file
	err = os.Remove(filepath.Join(s.dir, fileName(key)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// saveTimes writes when the parts were listed, by file name.
func (s *store) saveTimes(times map[string]time.Time) error {
	return s.write(timesFile, func(w io.Writer) error { return json.NewEncoder(w).Encode(times) })
}

// loadTimes returns what saveTimes wrote; nothing when that is missing or damaged.
func (s *store) loadTimes() map[string]time.Time {
	times := map[string]time.Time{}
	err := s.read(timesFile, func(r io.Reader) error { return json.NewDecoder(r).Decode(&times) })
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.putAside(timesFile, err)
		return map[string]time.Time{}
	}
	return times
}

// saveMark writes what the parts that are saved were adopted as. It outlives the process, and needn't outlive the host:
// so nothing waits for the disk.
func (s *store) saveMark(mark []byte) error {
	dir, err := s.state.Make(partsDir)
	if err != nil {
		return err
	}
	fresh := filepath.Join(dir, markFile+".new")
	err = os.WriteFile(fresh, mark, 0o600)
	if err != nil {
		return err
	}
	return os.Rename(fresh, filepath.Join(dir, markFile))
}

// loadMark returns what saveMark wrote last; nothing where that is missing.
func (s *store) loadMark() []byte {
	f, err := os.Open(filepath.Join(s.dir, markFile))
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	mark, err := io.ReadAll(io.LimitReader(f, maxMark))
	if err != nil {
		return nil
	}
	return mark
}

// has reports whether a part is saved.
func (s *store) has(key Key) bool {
	_, err := os.Stat(filepath.Join(s.dir, fileName(key)))
	return err == nil
}

// ReadSaved reads a part that a server has saved in its state directory, and touches nothing there.
// The error is fs.ErrNotExist where there is none.
func ReadSaved(stateDir string, key Key) (Part, error) {
	s := store{dir: filepath.Join(stateDir, partsDir), log: slog.New(slog.DiscardHandler), saved: map[Key]*saved{}}
	for {
		before, err := s.stamp(Part{Key: key})
		var p Part
		if err == nil {
			err = s.read(fileName(key), func(r io.Reader) error {
				var err error
				p, err = readPart(r)
				return err
			})
		}
		if err == nil && p.Key != key {
			err = fmt.Errorf("it is that of %s", p.Key)
		}
		if err != nil {
			return Part{}, fmt.Errorf("reading %s in %s: %w", key, stateDir, err)
		}
		p, _ = s.changed(p)
		after, err := s.stamp(p)
		if err == nil && after.sum == before.sum { // else the server has just written it
			return p, nil
		}
	}
}

// load reads all parts that are whole and puts the others aside. With each it says whether all that has changed
// since is in it.
func (s *store) load() iter.Seq2[Part, bool] {
	return func(yield func(Part, bool) bool) {
		entries, err := os.ReadDir(s.dir)
		if errors.Is(err, os.ErrNotExist) {
			return
		}
		if err != nil {
			s.log.Error("saved data not read", "error", err)
			return
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), partSuffix) {
				continue
			}
			var p Part
			err = s.read(e.Name(), func(r io.Reader) error {
				p, err = readPart(r)
				return err
			})
			if err == nil && fileName(p.Key) != e.Name() {
				err = fmt.Errorf("holds the part %s", p.Key)
			}
			if err != nil {
				s.putAside(e.Name(), err)
				continue
			}
			if !yield(s.changed(p)) {
				return
			}
		}
	}
}

// putAside renames a file that can't be used, so that nothing is lost.
func (s *store) putAside(name string, why error) {
	if s.state == nil || s.state.Foreign() {
		s.log.Warn("saved data unusable", "file", name, "reason", why)
		return // it isn't ours
	}
	_ = os.Remove(filepath.Join(s.dir, markFile)) // what is loaded isn't all that it is of; mostly there is none
	aside := fmt.Sprintf("%s.unusable-%d", name, time.Now().UnixNano())
	err := os.Rename(filepath.Join(s.dir, name), filepath.Join(s.dir, aside))
	if err != nil {
		s.log.Error("saved data unusable and not put aside", "file", name, "reason", why, "error", err)
		return
	}
	s.log.Error("saved data unusable and put aside", "file", name, "as", aside, "reason", why)
}

// write makes a whole file. A directory that was deleted is made again at once.
func (s *store) write(name string, content func(io.Writer) error) error {
	err := s.try(name, content)
	if errors.Is(err, os.ErrNotExist) {
		s.state.Check()
		err = s.try(name, content)
	}
	return err
}

func (s *store) try(name string, content func(io.Writer) error) error {
	_, err := s.state.Make(partsDir)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(s.dir, name), func(w io.Writer) error { return writeContainer(w, content) })
}

func writeContainer(f io.Writer, content func(io.Writer) error) error {
	sum := sha256.New()
	w := io.MultiWriter(f, sum)
	_, err := w.Write(binary.BigEndian.AppendUint16([]byte(stateMagic), stateVersion))
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	err = errors.Join(content(z), z.Close())
	if err != nil {
		return err
	}
	_, err = f.Write(sum.Sum(nil))
	return err
}

// read checks a file as a whole and then hands its content over.
func (s *store) read(name string, content func(io.Reader) error) error {
	f, err := os.Open(filepath.Join(s.dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	body, err := checkContainer(f, info.Size())
	if err != nil {
		return err
	}
	z, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	return content(z)
}

// checkContainer returns the compressed stream of a file that is whole and of our
// version.
func checkContainer(f io.ReaderAt, size int64) (io.Reader, error) {
	header := make([]byte, headerSize)
	if size < int64(headerSize+sha256.Size) {
		return nil, fmt.Errorf("%d bytes are too few", size)
	}
	_, err := f.ReadAt(header, 0)
	if err != nil {
		return nil, err
	}
	if string(header[:len(stateMagic)]) != stateMagic {
		return nil, errors.New("not a file of inside53")
	}
	version := binary.BigEndian.Uint16(header[len(stateMagic):])
	if version != stateVersion {
		return nil, fmt.Errorf("format %d, this program reads format %d", version, stateVersion)
	}
	sum := sha256.New()
	_, err = io.Copy(sum, io.NewSectionReader(f, 0, size-sha256.Size))
	if err != nil {
		return nil, err
	}
	want := make([]byte, sha256.Size)
	_, err = f.ReadAt(want, size-sha256.Size)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(sum.Sum(nil), want) {
		return nil, errors.New("checksum is wrong")
	}
	return io.NewSectionReader(f, int64(headerSize), size-int64(headerSize)-sha256.Size), nil
}
