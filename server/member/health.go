package member

import (
	"context"
	"slices"
	"time"

	"inside53/zonesource"
	"inside53/zonesource/fleet"
	"inside53/zonesource/health"
	"inside53/zonesource/ledger"
	"inside53/zonesource/refresh"

	"golang.org/x/sync/errgroup"
)

const (
	// healthPart is the part of what AWS says of health, and the source of its age.
	healthPart = "health"
	// healthEvery is how often it is looked whether that has changed.
	healthEvery = time.Second
	// healthTime bounds the reading of the part.
	healthTime = 10 * time.Second
)

// readHealth has AWS's word on health read for the fleet, and committed where it changes, until
// ctx ends.
func (s *Side) readHealth(ctx context.Context, t *fleet.Term) error {
	word := s.healthWord(ctx, t.Version())
	for ctx.Err() == nil {
		m := s.health.Monitor.Load()
		if m == nil {
			_ = refresh.Pause(ctx, healthEvery) // the loop ends with ctx
			continue
		}
		reading, stop := context.WithCancel(ctx)
		var g errgroup.Group
		g.Go(func() error { return m.Read(reading) })
		word = s.commitHealth(reading, t, m, word)
		stop()
		_ = g.Wait() // it is that of its context
	}
	return ctx.Err()
}

// commitHealth commits the word of a monitor as often as it changes, until ctx ends or another
// monitor watches. It returns what is committed.
func (s *Side) commitHealth(ctx context.Context, t *fleet.Term, m *health.Monitor, word map[string][]byte,
) map[string][]byte {
	for s.health.Monitor.Load() == m {
		is, err := m.Word()
		differing := health.Differing(word, is)
		if err == nil && is != nil && len(differing) > 0 {
			var records []ledger.Record
			for key, text := range differing {
				records = append(records, ledger.Record{Key: []byte(key), Value: text})
			}
			_, err = t.Commit(ctx, fleet.Change{Cause: ledger.Health, Actor: "AWS",
				Records: map[string][]ledger.Record{healthPart: records}})
		}
		if err == nil && is != nil {
			word = is
		}
		err = refresh.Pause(ctx, healthEvery)
		if err != nil {
			break
		}
	}
	return word
}

// healthWord reads AWS's word on health as a version has it; nil where it can't be read.
func (s *Side) healthWord(ctx context.Context, v *ledger.Version) map[string][]byte {
	ctx, stop := context.WithTimeout(ctx, healthTime)
	defer stop()
	word := map[string][]byte{}
	for r, err := range s.Member.Ledger().Records(ctx, v, healthPart) {
		if err != nil {
			s.log.Warn("health not read from the fleet's ledger", "version", v.Number(), "error", err)
			return nil
		}
		word[string(r.Key)] = r.Value
	}
	return word
}

// adoptHealth has a version's word on health count, where another server reads it.
func (s *Side) adoptHealth(v *ledger.Version) {
	m := s.health.Monitor.Load()
	if m == nil || v == nil || s.leading.Load() != nil {
		return
	}
	word := s.healthWord(context.Background(), v)
	if word == nil {
		return
	}
	err := m.Adopt(word)
	if err != nil {
		s.log.Error("health not adopted", "version", v.Number(), "error", err)
	}
}

// adopted notes that a version is served.
func (s *Side) adopted(v *ledger.Version, changed []string) {
	if slices.Contains(changed, healthPart) {
		s.adoptHealth(v)
	}
	s.Handing.adopted(v, changed)
}

// servedKeeper is what a fleet's data are served from.
type servedKeeper struct {
	*zonesource.Keeper
	side *Side
}

// Age implements [fleet.Keeper]: also of health.
func (k servedKeeper) Age(age func(zonesource.Key) (time.Duration, bool)) {
	k.Keeper.Age(age)
	m := k.side.health.Monitor.Load()
	old, known := age(zonesource.Key{Source: healthPart})
	if m != nil && known && k.side.leading.Load() == nil {
		m.Age(old)
	}
}
