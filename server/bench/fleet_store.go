//go:build linux

package main

import (
	"context"
	"sync"
	"time"
)

const (
	// storeEvery is how often the test itself writes an object.
	storeEvery = 100 * time.Millisecond
	// storeSlow is from when on S3 is slow by itself, with nobody between: it writes to a disk that others use too.
	storeSlow = 500 * time.Millisecond
)

// storeWatch says when S3 was slow by itself.
type storeWatch struct {
	mu    sync.Mutex
	asked time.Time // since when a write is under way; zero: none is
	slow  time.Time // when it was last found to be slow
}

// calm reports whether S3 was well since a moment.
func (s *storeWatch) calm(since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slow.Before(since) && (s.asked.IsZero() || time.Since(s.asked) < storeSlow)
}

// watchStore writes an object until ctx ends, and notes when that takes long.
func (r *fleetRun) watchStore(ctx context.Context) {
	tag := ""
	for ctx.Err() == nil {
		began := time.Now()
		r.storeIs.begin(began)
		next, err := r.beside.Put(ctx, "watched", []byte(began.String()), tag)
		if err == nil {
			tag = next
		}
		if r.storeIs.end(began) && ctx.Err() == nil {
			r.note("S3 slow by itself")
		}
		_ = sleep(ctx, storeEvery) // its end is that of the loop
	}
}

func (s *storeWatch) begin(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = now
}

// end notes how a write went, and reports whether it was slow.
func (s *storeWatch) end(began time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = time.Time{}
	slow := time.Since(began) >= storeSlow
	if slow {
		s.slow = time.Now()
	}
	return slow
}
