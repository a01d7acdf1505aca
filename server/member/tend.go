package member

import (
	"context"
	"time"

	"inside53/zonesource"
	"inside53/zonesource/refresh"
)

const (
	// tendEvery is how often a leader looks after what it reads.
	tendEvery = 5 * time.Second
	// failingFor is how long all listings of a leader fail before it offers the lease, and
	// offerAfter how long it waits until it does that again.
	failingFor = 2 * time.Minute
	offerAfter = 10 * time.Minute
)

// tend looks after what this server reads for its fleet: it offers the lease where nothing can be
// read any more, and lets parts go that no configuration wants, until ctx ends.
func (s *Side) tend(ctx context.Context, l *leading) error {
	m := s.Member
	good := time.Now()
	for {
		err := refresh.Pause(ctx, tendEvery)
		if err != nil {
			return err
		}
		if !l.keeper.AllFail() {
			good = time.Now()
		}
		if time.Since(good) > failingFor && time.Since(s.offered) > offerAfter {
			s.offered = time.Now()
			m.Offer()
		}
		if !m.Agree() {
			continue // another server wants what this one doesn't
		}
		var gone []zonesource.Accepted
		for _, key := range m.Orphans(l.keeper.Wants) {
			gone = append(gone, zonesource.Accepted{Key: key, Cause: zonesource.ByConfiguration()})
		}
		if len(gone) > 0 {
			l.term.Accept(gone)
		}
	}
}
