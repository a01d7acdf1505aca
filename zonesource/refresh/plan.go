package refresh

import (
	"sync/atomic"
	"time"
)

// Plan is what is known from outside of a [Loop]: when its next round begins. Its methods are
// safe for concurrent use. A nil Plan knows nothing.
type Plan struct {
	next atomic.Int64 // Unix nanoseconds, 0 for not known
	now  chan struct{}
}

// NewPlan returns the plan of a loop that doesn't run yet.
func NewPlan() *Plan { return &Plan{now: make(chan struct{}, 1)} }

// Next returns when the next round begins, or when the one under way has begun; zero while that
// isn't known, and where there is none.
func (p *Plan) Next() time.Time {
	if p == nil || p.next.Load() == 0 {
		return time.Time{}
	}
	return time.Unix(0, p.next.Load())
}

// Hasten has the next round begin at once. One that is under way isn't the next. It doesn't block.
func (p *Plan) Hasten() {
	select {
	case p.now <- struct{}{}:
	default: // it was asked for already
	}
}

func (p *Plan) set(at time.Time) {
	switch {
	case p == nil:
	case at.IsZero():
		p.next.Store(0)
	default:
		p.next.Store(at.UnixNano())
	}
}

// hastened is where word of Hasten comes; nil, where none ever does, of a nil Plan.
func (p *Plan) hastened() <-chan struct{} {
	if p == nil {
		return nil
	}
	return p.now
}

// Soonest returns the earliest moment that is known of some plans; zero where none is.
func Soonest(plans []*Plan) time.Time {
	var soonest time.Time
	for _, p := range plans {
		at := p.Next()
		if !at.IsZero() && (soonest.IsZero() || at.Before(soonest)) {
			soonest = at
		}
	}
	return soonest
}
