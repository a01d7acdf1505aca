package listen

import (
	"sync"
	"sync/atomic"
)

// slots bounds how many hold something at a time that they give back soon. Whoever comes when
// all are out waits. Taking one that is free costs an atomic operation.
type slots struct {
	bound   int64
	used    atomic.Int64
	waiting atomic.Int64
	mu      sync.Mutex
	freed   sync.Cond
}

func newSlots(bound int) *slots {
	s := &slots{bound: int64(bound)}
	s.freed.L = &s.mu
	return s
}

// acquire gets a slot, and waits for one where none is free.
func (s *slots) acquire() {
	for !s.try() {
		s.await()
	}
}

func (s *slots) try() bool {
	for {
		used := s.used.Load()
		if used >= s.bound {
			return false
		}
		if s.used.CompareAndSwap(used, used+1) {
			return true
		}
	}
}

// await waits until a slot may be free. It is counted before it looks, as release looks after
// it has freed: one of both sees the other.
func (s *slots) await() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	if s.used.Load() >= s.bound {
		s.freed.Wait()
	}
}

// release gives a slot back.
func (s *slots) release() {
	s.used.Add(-1)
	if s.waiting.Load() > 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.freed.Signal()
	}
}
