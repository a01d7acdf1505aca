package server

import (
	"context"
	"fmt"
	"time"

	"inside53/server/config"
	"inside53/server/sources"
	"inside53/zonesource"
	"inside53/zonesource/ledger"
	"inside53/zonesource/recorder"
)

// readOnly is a configuration for serving the past: what changes something, watches
// something or tells somebody is off.
func readOnly(c *config.Config) *config.Config {
	one := *c
	one.HealthChecks, one.Updates, one.Transfers = nil, nil, nil
	return &one
}

// keeperConfig is that of the configuration in force. Of the past all is expected that the
// ledger has, and nothing else.
func (a *App) keeperConfig(ctx context.Context, c *config.Config) (zonesource.Config, error) {
	k := sources.KeeperConfig(c, a.running.accounts)
	if a.opts.AsOf.IsZero() {
		return k, nil
	}
	_, v, err := (&pastSource{c, a.opts.AsOf}).open(ctx)
	if err != nil {
		return k, err
	}
	k.Region, k.Expected = c.AWS.Region, recorder.Expected(v)
	return k, nil
}

// pastSource delivers all parts of the version that was the newest at a time.
type pastSource struct {
	config *config.Config
	at     time.Time
}

// Run implements [zonesource.Source].
func (s *pastSource) Run(ctx context.Context, deliver func(zonesource.Part)) error {
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

// open reads which version it is.
func (s *pastSource) open(ctx context.Context) (*ledger.Ledger, *ledger.Version, error) {
	l, err := LedgerOf(ctx, s.config)
	if err != nil {
		return nil, nil, err
	}
	newest, err := l.Follow(ctx, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the ledger in %s: %w", s.config.StateDir, err)
	}
	v, err := l.Moment(ctx, newest, s.at)
	return l, v, err
}
