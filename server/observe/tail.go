package observe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"inside53/resolver"
)

// tailBytes is how much waits for the reader of a tail at most.
const tailBytes = 256 << 10

// Tail is somebody who watches. Next is for one goroutine.
type Tail struct {
	filter   Filter
	observer *Observer
	wake     chan struct{}
	closed   sync.Once

	mu    sync.Mutex
	lines []byte
	lost  uint64

	read []byte // what the reader has
}

// add keeps a line for the reader, or counts it as lost.
func (t *Tail) add(o *resolver.Observed) {
	if !t.filter.wants(o) {
		return
	}
	l := lineOf(o)
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	err := e.Encode(&l)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil || len(t.lines)+text.Len() > tailBytes {
		t.lost++
		return
	}
	t.lines = append(t.lines, text.Bytes()...)
}

// flush wakes the reader where something waits. Answers that were lost before anybody had seen
// them may have been some of the reader's.
func (t *Tail) flush(lost uint64) {
	t.mu.Lock()
	t.lost += lost
	waits := len(t.lines) > 0 || t.lost > 0
	t.mu.Unlock()
	if !waits {
		return
	}
	select {
	case t.wake <- struct{}{}:
	default: // it is awake
	}
}

// Next waits for lines and returns all that are there, each an object of JSON. They are borrowed
// until the next call. Behind them stands how many were lost, if any were. The error is ctx's.
func (t *Tail) Next(ctx context.Context) ([]byte, error) {
	for {
		t.mu.Lock()
		lines, lost := t.lines, t.lost
		t.lines, t.lost = t.read[:0], 0
		t.mu.Unlock()
		t.read = lines
		if lost > 0 {
			t.read = fmt.Appendf(t.read, "{\"lost\":%d}\n", lost)
		}
		if len(t.read) > 0 {
			return t.read, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-t.wake:
		}
	}
}

// Close ends it.
func (t *Tail) Close() { t.closed.Do(func() { t.observer.remove(t) }) }
