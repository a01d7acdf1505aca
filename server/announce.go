package server

import (
	"context"
	"fmt"
	"time"

	"inside53/zonesource"
)

// announceAfter is how long the announcement of readiness waits for data.
const announceAfter = 5 * time.Second

// announce says on standard output and to systemd that the server answers. It waits
// for the data a little: whoever starts us wants answers, and has to start when AWS
// is away all the same.
func (a *App) announce(ctx context.Context) error {
	deadline := time.Now().Add(announceAfter)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		sockets, _ := a.server.Ready()
		if sockets && (a.resolver.Snapshot().Loaded || time.Now().After(deadline)) {
			break
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	line := fmt.Sprintf("ready dns=%s", a.server.Addrs()[0])
	if addr := a.admin.Addr(); addr.IsValid() {
		line += " admin=" + addr.String()
	}
	_, err := fmt.Fprintln(a.opts.Stdout, line)
	if err != nil { // whoever read it has gone; clients haven't
		a.opts.Log.Warn("readiness not announced", "error", err)
	}
	notifySystemd(a.opts.Log, systemdReady)
	return a.announceData(ctx)
}

// announceData logs what is served, and before, if there is a before, that not all is
// there yet.
func (a *App) announceData(ctx context.Context) error {
	warned := false
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !a.resolver.Snapshot().Loaded {
		if !warned {
			a.opts.Log.Warn("not all data are there: names of what is missing get SERVFAIL, until it could be read",
				"see", "/readyz")
			warned = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	s := a.resolver.Snapshot()
	a.opts.Log.Info("serving", "version", a.version, "config", a.opts.Config.File(),
		"zones", len(s.Served()), "views", len(s.Views))
	return nil
}

// awaitZoneFiles waits for the first reading of the zone files that the server started
// with. One that can't be read then is an error: there is nothing earlier to serve
// instead, and whoever starts the server is there to mend it.
func (a *App) awaitZoneFiles(ctx context.Context) error {
	c := a.opts.Config
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := range c.ZoneFiles {
		key := zonesource.Key{Source: fileSource, Name: fileName(c, i)}
		tried, err := a.keeper.Tried(key)
		for !tried {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			tried, err = a.keeper.Tried(key)
		}
		if err == nil {
			continue
		}
		_, err = CheckZoneFiles(ctx, c) // not one that was being written
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("there is nothing to serve for a zone file; mend it or take it out of zonefiles: %w", err)
		}
	}
	return nil
}
