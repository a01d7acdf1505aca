package server

import (
	"context"
	"fmt"
	"path/filepath"

	"inside53/server/admin"
	"inside53/server/config"
	"inside53/server/dangling"
	"inside53/server/member"
	"inside53/server/policy"
	"inside53/server/served"
	"inside53/zonesource/statedir"
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

// faults are of what isn't data: the state directory, the logs, the configuration, transfers that were refused.
type faults struct {
	state     *statedir.Dir // nil: there is none
	log       func() error  // why it can't be written
	queryLog  func() error  // likewise
	fleet     *member.Side
	reloads   *reloads
	dangling  *served.Dangling
	transfers *served.Transfers
}

// problems are the lines of the report about them.
func (f *faults) problems() []admin.Problem {
	var out []admin.Problem
	add := func(format string, err error) {
		if err != nil {
			out = append(out, admin.Problem{Reason: fmt.Sprintf(format, err)})
		}
	}
	for _, err := range f.state.Faults() {
		add("%v", err)
	}
	add("the log can't be written, its lines are lost: %v", f.log())
	add("the query log can't be written, its lines are lost: %v", f.queryLog())
	add("%v", f.fleet.Fault())
	p, failed := f.reloads.problem()
	if failed {
		out = append(out, p)
	}
	out = append(out, f.dangling.Problems()...)
	return append(out, f.transfers.Problems()...)
}
