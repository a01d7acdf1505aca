package server

import (
	"context"
	"fmt"
	"path/filepath"

	"inside53/server/admin"
	"inside53/server/config"
	"inside53/server/dangling"
	"inside53/server/policy"
)

// observe has observed what a configuration wants: the query log, and dnstap.
func (a *App) observe(c *config.Config) {
	a.observer.SetLog(policy.QueryLog(c, a.opts.Config.StateDir, a.opts.Log))
	a.messages.SetReader(c.Dnstap.Network, c.Dnstap.Address)
	if c.Dnstap == (config.Dnstap{}) {
		a.observer.SetMessages(nil)
		a.forwarder.SetMessages(nil)
		return
	}
	a.observer.SetMessages(a.messages)
	a.forwarder.SetMessages(a.messages)
}

// newDangling makes what looks for records that lead to what is gone.
func (a *App) newDangling() *dangling.Watch {
	exists := func(ctx context.Context, name []byte) (bool, error) {
		return a.sources.Hosts.ExistsOutside(ctx, a.config.Load(), name)
	}
	o := dangling.Options{Snapshot: a.resolver.Snapshot, Resolve: exists, Log: a.opts.Log}
	if state := a.keeper.State(); state != nil {
		o.Path, o.Hold = filepath.Join(state.Path(), "addresses"), state.Hold
	}
	return dangling.New(o)
}

// problems are the lines of the report about what isn't data: the state directory, the logs, the
// configuration, transfers that were refused.
func (a *App) problems() []admin.Problem {
	var out []admin.Problem
	add := func(format string, err error) {
		if err != nil {
			out = append(out, admin.Problem{Reason: fmt.Sprintf(format, err)})
		}
	}
	for _, err := range a.keeper.State().Faults() {
		add("%v", err)
	}
	add("the log can't be written, its lines are lost: %v", a.logFault())
	add("the query log can't be written, its lines are lost: %v", a.observer.LogFault())
	add("%v", a.fleet.Fault())
	p, failed := a.reloads.problem()
	if failed {
		out = append(out, p)
	}
	out = append(out, a.dangling.Problems()...)
	return append(out, a.secondaries.Problems()...)
}
