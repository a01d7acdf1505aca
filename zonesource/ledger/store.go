package ledger

import (
	"context"
	"iter"
	"time"
)

// Store keeps objects by name. Its methods are safe for concurrent use, by several
// processes too. An error that is none of those named leaves open what has become of
// a Put or a Delete.
type Store interface {
	// Get returns an object of at most limit octets, and the tag of these octets.
	// ErrAbsent: there is none. ErrUnchanged: its tag is unless, "" is none's.
	Get(ctx context.Context, name, unless string, limit int64) (body []byte, tag string, err error)
	// Put writes an object in the place of the one that has the tag was, or of none for "",
	// and returns its tag. ErrMismatch: another one is there.
	Put(ctx context.Context, name string, body []byte, was string) (tag string, err error)
	// Delete removes an object; it is no error when there is none.
	Delete(ctx context.Context, name string) error
	// List visits the objects whose names begin with prefix and come after another name,
	// in the order of their names.
	List(ctx context.Context, prefix, after string) iter.Seq2[Entry, error]
}

// Entry is an object in a list.
type Entry struct {
	Name string
	Size int64
	Age  time.Duration // by the store's own clock
}
