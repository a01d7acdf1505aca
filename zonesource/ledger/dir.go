package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"inside53/zonesource/atomicfile"
)

// Dir is a store in a directory. Files are created by link(2) of a synced file, so that
// one that exists is never replaced; head is replaced under a lock that is held for the
// comparison and the rename alone. A tag is the SHA-256 of the octets.
type Dir struct{ path string }

// NewDir returns the store in a directory, which is made by the first Put.
func NewDir(path string) *Dir { return &Dir{path} }

// Get implements Store.
func (d *Dir) Get(_ context.Context, name, unless string, limit int64) ([]byte, string, error) {
	body, err := readFile(filepath.Join(d.path, filepath.FromSlash(name)), limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", ErrAbsent
	}
	if err != nil {
		return nil, "", err
	}
	tag := tagOf(body)
	if unless != "" && tag == unless {
		return nil, tag, ErrUnchanged
	}
	return body, tag, nil
}

func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%w: %d octets", ErrDamaged, info.Size())
	}
	body := make([]byte, info.Size())
	_, err = io.ReadFull(f, body)
	return body, err
}

func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Put implements Store.
func (d *Dir) Put(_ context.Context, name string, body []byte, was string) (string, error) {
	path := filepath.Join(d.path, filepath.FromSlash(name))
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err != nil {
		return "", err
	}
	content := func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	}
	if was == "" {
		err = atomicfile.New(path, content)
		if errors.Is(err, fs.ErrExist) {
			return "", ErrMismatch
		}
		return tagOf(body), err
	}
	unlock, err := d.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	old, err := readFile(path, maxHead)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err != nil || tagOf(old) != was {
		return "", ErrMismatch
	}
	return tagOf(body), atomicfile.Write(path, content)
}

// unfinishedAge is the age of a file without its name that no process writes to any more.
const unfinishedAge = time.Hour

// clean removes what killed processes have left half-written.
func (d *Dir) clean() error {
	var faults []error
	for _, pattern := range []string{".new-*", filepath.Join("*", ".new-*")} {
		left, err := filepath.Glob(filepath.Join(d.path, pattern))
		faults = append(faults, err)
		for _, path := range left {
			info, err := os.Stat(path)
			if err == nil && time.Since(info.ModTime()) > unfinishedAge {
				err = os.Remove(path)
			}
			if !errors.Is(err, fs.ErrNotExist) {
				faults = append(faults, err)
			}
		}
	}
	return errors.Join(faults...)
}

// lock keeps other writers of head away until the function that it returns is called.
func (d *Dir) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(d.path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the ledger: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking the ledger: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil // which unlocks it
}

// Delete implements Store.
func (d *Dir) Delete(_ context.Context, name string) error {
	err := os.Remove(filepath.Join(d.path, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// List implements Store.
func (d *Dir) List(ctx context.Context, prefix, after string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		folder, _ := filepath.Split(filepath.FromSlash(prefix))
		entries, err := os.ReadDir(filepath.Join(d.path, folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield(Entry{}, err)
			return
		}
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
		for _, e := range entries {
			name := filepath.ToSlash(filepath.Join(folder, e.Name()))
			if e.IsDir() || strings.HasPrefix(e.Name(), ".") || !strings.HasPrefix(name, prefix) || name <= after {
				continue
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if !yield(Entry{name, info.Size(), time.Since(info.ModTime())}, nil) {
				return
			}
		}
	}
}
