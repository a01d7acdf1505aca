package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"inside53/zonesource/ledger"
)

// memory is a store in memory, for several servers: each has a side of its own.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	times   map[string]time.Time
	changed func() // somebody has changed it
}

func newMemory() *memory { return &memory{objects: map[string][]byte{}, times: map[string]time.Time{}} }

func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// side is a store as one server sees it.
type side struct {
	*memory
	cut atomic.Bool                             // it is away, for this server
	get atomic.Pointer[func(name string) error] // asked before an object is read
	got atomic.Int64                            // octets of objects read
}

var errAway = errors.New("the store is away")

func (s *side) Get(ctx context.Context, name, unless string, _ int64) ([]byte, string, error) {
	if ask := s.get.Load(); ask != nil {
		err := (*ask)(name)
		if err != nil {
			return nil, "", err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	body, there := s.objects[name]
	switch {
	case s.cut.Load() || ctx.Err() != nil:
		return nil, "", errAway
	case !there:
		return nil, "", ledger.ErrAbsent
	case unless != "" && tagOf(body) == unless:
		return nil, unless, ledger.ErrUnchanged
	}
	s.got.Add(int64(len(body)))
	return bytes.Clone(body), tagOf(body), nil
}

func (s *side) Put(ctx context.Context, name string, body []byte, was string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, there := s.objects[name]
	switch {
	case s.cut.Load() || ctx.Err() != nil:
		return "", errAway
	case was == "" && there, was != "" && (!there || tagOf(old) != was):
		return "", ledger.ErrMismatch
	}
	s.objects[name], s.times[name] = bytes.Clone(body), time.Now()
	return tagOf(body), nil
}

func (s *side) Delete(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut.Load() {
		return errAway
	}
	delete(s.objects, name)
	return nil
}

func (s *side) List(_ context.Context, prefix, after string) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		s.mu.Lock()
		var all []ledger.Entry
		for name := range s.objects {
			if strings.HasPrefix(name, prefix) && name > after {
				all = append(all, ledger.Entry{Name: name, Age: time.Since(s.times[name])})
			}
		}
		s.mu.Unlock()
		if s.cut.Load() {
			yield(ledger.Entry{}, errAway)
			return
		}
		slices.SortFunc(all, func(a, b ledger.Entry) int { return strings.Compare(a.Name, b.Name) })
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// change replaces an object, as who has the bucket can.
func (m *memory) change(name string, body []byte) {
	if m.changed != nil {
		m.changed()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if body == nil {
		delete(m.objects, name)
		return
	}
	m.objects[name] = body
}

func (m *memory) object(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.objects[name])
}

// names are those of objects below a path.
func (m *memory) names(path string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.objects {
		if strings.HasPrefix(name, path) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
