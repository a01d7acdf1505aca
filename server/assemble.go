package server

import (
	"context"
	"time"

	"inside53/server/config"
	"inside53/server/past"
	"inside53/server/sources"
	"inside53/zonesource"
	"inside53/zonesource/statedir"
)

// keeperConfig is that of the configuration in force. Of the past all is expected that the
// ledger has, and nothing else.
func (a *App) keeperConfig(ctx context.Context, c *config.Config) (zonesource.Config, error) {
	k := sources.KeeperConfig(c, a.running.accounts)
	if a.opts.AsOf.IsZero() {
		return k, nil
	}
	var err error
	k.Region = c.AWS.Region
	k.Expected, err = (&past.Source{Config: c, At: a.opts.AsOf}).Expected(ctx)
	return k, err
}

// assembleRecorder makes what records the past. Without a state directory there is none.
func (a *App) assembleRecorder(c *config.Config) error {
	if !c.KeepsState() || c.Fleet != nil || !a.opts.AsOf.IsZero() {
		return nil
	}
	var err error
	a.recorder, err = past.NewRecorder(past.RecorderOptions{
		Config: c, Name: a.host, State: func() *statedir.Dir { return a.keeper.State() }, Retention: a.retention,
		Metrics: a.registry, Log: a.opts.Log,
	})
	return err
}

// retention is how much of the past is kept.
func (a *App) retention() (time.Duration, int64) {
	h := a.config.Load().History
	return h.Keep, int64(h.Max)
}
