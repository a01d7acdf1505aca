package secondary

import (
	"net/netip"
	"time"

	"inside53/zonesource"
)

// Standing is how a secondary zone stands.
type Standing struct {
	// Primary is the one that was heard last; the first that is asked before that.
	Primary netip.AddrPort
	Serial  uint32    // 0 before the first transfer
	Contact time.Time // when a primary said last that the zone is up to date; zero for never
	Expires time.Time // when it is served no more unless one says so again; zero without a zone
}

// Standing returns how the zone stands. It is safe for concurrent use.
func (s *Source) Standing() Standing {
	standing := s.standing.Load()
	if standing == nil {
		return Standing{Primary: s.config.Primaries[0]}
	}
	return *standing
}

// show makes known how the zone stands.
func (s *Source) show() {
	standing := Standing{Primary: s.config.Primaries[0], Contact: s.checked}
	if s.primary.IsValid() {
		standing.Primary = s.primary
	}
	standing.Serial, _ = s.serial()
	if s.tree != nil {
		_, _, expire := s.times()
		standing.Expires = s.checked.Add(expire)
	}
	s.standing.Store(&standing)
}

// Next implements [zonesource.Planner].
func (s *Source) Next(key zonesource.Key) time.Time {
	if key != s.key {
		return time.Time{}
	}
	return s.plan.Next()
}

// Soonest implements [zonesource.Planner].
func (s *Source) Soonest() (source string, at time.Time) { return Name, s.plan.Next() }

// Hasten implements [zonesource.Planner].
func (s *Source) Hasten(keys []zonesource.Key) (scheduled []zonesource.Key, wait time.Duration) {
	for _, key := range keys {
		if key == s.key {
			s.plan.Hasten()
			return []zonesource.Key{key}, 0
		}
	}
	return nil, 0
}
