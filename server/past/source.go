package past

import (
	"context"
	"fmt"
	"time"

	"inside53/server/config"
	"inside53/zonesource"
	"inside53/zonesource/ledger"
	"inside53/zonesource/recorder"
)

// ReadOnly is a configuration for serving the past: what changes something, watches
// something or tells somebody is off.
func ReadOnly(c *config.Config) *config.Config {
	one := *c
	one.HealthChecks, one.Updates, one.Transfers = nil, nil, nil
	return &one
}

// Source delivers all parts of the version that was the newest at a time.
type Source struct {
	Config *config.Config // whose past it is
	At     time.Time
}

// Run implements [zonesource.Source].
func (s *Source) Run(ctx context.Context, deliver func(zonesource.Part)) error {
	l, v, err := s.open(ctx)
	if err != nil {
		return err
	}
	for p, err := range recorder.Parts(ctx, l, v) {
		if err != nil {
			return err
		}
		p.Listed = time.Now() // it doesn't age
		deliver(p)
	}
	<-ctx.Done()
	return ctx.Err()
}

// Expected are the keys of all the parts that there are.
func (s *Source) Expected(ctx context.Context) ([]zonesource.Key, error) {
	_, v, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	return recorder.Expected(v), nil
}

// open reads which version it is.
func (s *Source) open(ctx context.Context) (*ledger.Ledger, *ledger.Version, error) {
	l, err := Ledger(ctx, s.Config)
	if err != nil {
		return nil, nil, err
	}
	newest, err := l.Follow(ctx, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the ledger in %s: %w", s.Config.StateDir, err)
	}
	v, err := l.Moment(ctx, newest, s.At)
	return l, v, err
}
