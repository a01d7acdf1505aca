package zone

import (
	"sync/atomic"
	"time"
)

// Live is what moves faster than snapshots: health. Immutable; a change copies
// the tables and recompiles nothing. A nil Live knows of no failure.
type Live struct {
	// Checks holds what is known of health checks, by id. A check that isn't here
	// counts as healthy: new checks are, until known (AWS: "How Route 53
	// determines whether a health check is healthy").
	Checks map[string]Check
	// Targets holds what is known of load balancers, by lower-case DNS name with
	// the trailing dot, in wire form. One that isn't here counts as healthy.
	Targets map[string]Target
	// Sick holds what is wrong with instances, for people, by id. One that isn't here counts
	// as healthy. It is empty where nobody looks after the health of names.
	Sick map[string]string
	// Serials are those of the zones that are transferred to secondaries: by the
	// name of the view, and by the apex in lower-case wire form. Their SOA records
	// are answered with them. The tables are immutable, and a serial is a cell that its
	// zone's next version changes.
	Serials map[string]map[string]*atomic.Uint32
	// Version counts the changes of health that decisions see.
	Version uint64
}

// SameHealth reports whether all decisions are the same by the health of both.
func (l *Live) SameHealth(o *Live) bool { return l.agrees(o) && o.agrees(l) }

// agrees reports whether o has the same health for all that l knows.
func (l *Live) agrees(o *Live) bool {
	for id := range l.Sick {
		_, sick := o.Sick[id]
		if !sick {
			return false
		}
	}
	for id, c := range l.Checks {
		other, known := o.Checks[id]
		if c.Healthy != (!known || other.Healthy) {
			return false
		}
	}
	for name, t := range l.Targets {
		other, known := o.Targets[name]
		if t.Healthy != (!known || other.Healthy) {
			return false
		}
	}
	return true
}

// Serial returns the serial that a view's zone is transferred with; false when it
// isn't. It doesn't allocate.
func (l *Live) Serial(view string, apex []byte) (uint32, bool) {
	if l == nil || l.Serials == nil {
		return 0, false
	}
	serial := l.Serials[view][string(apex)]
	if serial == nil {
		return 0, false
	}
	return serial.Load(), true
}

// Check is the health of one check: what counts, and what the two places that
// look say.
type Check struct {
	Healthy bool
	Why     string // for people: which place decided, and how; never empty
	AWS     Observation
	Local   Observation
}

// Observation is what one place says of a check.
type Observation struct {
	Known   bool
	Healthy bool
	Since   time.Time // of the state
	Seen    time.Time // of the last look
	Why     string    // for people: "HTTP 503", "connection refused", "18 of 18 checkers"
}

// Target is the health of a load balancer, by its target groups.
type Target struct {
	Healthy bool
	Seen    time.Time
	Why     string
}

// Healthy reports whether a health check counts as healthy; an empty id is no
// check. It doesn't allocate.
func (l *Live) Healthy(check []byte) bool {
	if l == nil || len(check) == 0 {
		return true
	}
	c, known := l.Checks[string(check)]
	return !known || c.Healthy
}

// HealthyTarget reports whether an alias target outside the zone counts as
// healthy. Its name is in lower-case wire form. It doesn't allocate.
func (l *Live) HealthyTarget(name []byte) bool {
	if l == nil {
		return true
	}
	t, known := l.Targets[string(name)]
	return !known || t.Healthy
}
