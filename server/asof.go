package server

import (
	"context"
	"fmt"
	"time"

	"inside53/server/config"
	"inside53/zonesource"
	"inside53/zonesource/recorder"
)

// readOnly is a configuration for serving the past: what changes something, watches
// something or tells somebody is off.
func readOnly(c *config.Config) *config.Config {
	one := *c
	one.HealthChecks, one.Updates, one.Transfers, one.Secondary = nil, nil, nil, nil
	one.ZoneFiles = nil // they are in the past as well
	return &one
}

// pastSource delivers all parts of the version that was the newest at a time.
type pastSource struct {
	config *config.Config
	at     time.Time
}

// Run implements [zonesource.Source].
func (s *pastSource) Run(ctx context.Context, deliver func(zonesource.Part)) error {
	l, err := LedgerOf(s.config)
	if err != nil {
		return err
	}
	newest, err := l.Follow(ctx, nil)
	if err != nil {
		return fmt.Errorf("opening the ledger in %s: %w", s.config.StateDir, err)
	}
	v, err := l.Moment(ctx, newest, s.at)
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
