package handon

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// seenFor is for how long a header is remembered at least: one from the future is good
	// until its time is over.
	seenFor = 2 * MaxAge
	// seenMost bounds what is remembered of that time: some 40 MB.
	seenMost = 1 << 19
)

// seen are the MACs that came lately. The zero value is ready.
type seen struct {
	mu          sync.Mutex
	recent, old map[[16]byte]struct{}
	turned      time.Time // when recent was begun
}

// add notes the MAC that a header ends with, and says why it isn't the first, or has no room.
func (s *seen) add(header []byte, now time.Time) error {
	mac := [16]byte(header[len(header)-sha256.Size:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recent == nil || now.Sub(s.turned) >= seenFor {
		if now.Sub(s.turned) >= 2*seenFor {
			s.recent = nil
		}
		s.old, s.recent, s.turned = s.recent, map[[16]byte]struct{}{}, now
	}
	_, recently := s.recent[mac]
	_, before := s.old[mac]
	switch {
	case recently || before:
		return errSeen
	case len(s.recent) >= seenMost:
		return errFull
	}
	s.recent[mac] = struct{}{}
	return nil
}
