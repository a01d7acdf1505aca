package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
)

func isAbsent(err error) bool { return errors.Is(err, ErrAbsent) }

// Check reads all that the versions from v back need, and returns what is wrong: an object
// that is missing or damaged, versions that don't rise, epochs or times that go back.
func (l *Ledger) Check(ctx context.Context, v *Version) []error {
	var faults []error
	seen := map[string]bool{}
	next := v
	for next != nil && next.Name != "" {
		faults = append(faults, l.checkVersion(ctx, next, seen)...)
		if next.Commit.Previous == "" {
			break
		}
		before, err := l.version(ctx, next.Commit.Previous, nil)
		if isAbsent(err) {
			break // the past that is kept ends here
		}
		if err != nil {
			return append(faults, err)
		}
		c, b := next.Commit, before.Commit
		if c.Version != b.Version+1 && c.Cause != Repair || c.Version <= b.Version {
			faults = append(faults, fmt.Errorf("version %d follows version %d", c.Version, b.Version))
		}
		if c.Epoch < b.Epoch || c.Epoch == b.Epoch && c.Node != b.Node {
			faults = append(faults, fmt.Errorf("version %d has the epoch %d of %s after %d of %s", c.Version, c.Epoch, c.Node,
				b.Epoch, b.Node))
		}
		if c.At.Before(b.At) {
			faults = append(faults, fmt.Errorf("version %d was made before version %d", c.Version, b.Version))
		}
		next = before
	}
	return faults
}

// checkVersion reads the parts of a version; what has been read is read no more.
func (l *Ledger) checkVersion(ctx context.Context, v *Version, seen map[string]bool) []error {
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(v.Parts)) {
		ref := v.Parts[key]
		if ref.List == "" || seen[ref.List] {
			continue
		}
		seen[ref.List] = true
		is, err := l.list(ctx, key, ref)
		if err != nil {
			faults = append(faults, fmt.Errorf("version %d: %w", v.Number(), err))
			continue
		}
		for _, p := range is.Pages {
			if seen[p.Page] {
				continue
			}
			seen[p.Page] = true
			_, err = l.page(ctx, p)
			if err != nil {
				faults = append(faults, fmt.Errorf("version %d: %w", v.Number(), err))
			}
		}
	}
	return faults
}

// Sum is the hash of the records of a part, however they are paged.
func (l *Ledger) Sum(ctx context.Context, v *Version, part string) ([sha256.Size]byte, error) {
	h := sha256.New()
	var b []byte
	for r, err := range l.Records(ctx, v, part) {
		if err != nil {
			return [sha256.Size]byte{}, err
		}
		b = appendTexts(b[:0], string(r.Key), string(r.Value))
		h.Write(b)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
