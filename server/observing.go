package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"

	"inside53/resolver"
	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/config"
	"inside53/server/metrics"
	"inside53/server/observe"
)

// watched is what is seen of the queries, for people.
type watched struct {
	observer *observe.Observer
	resolver *resolver.Resolver
}

// Top implements [admin.Watcher].
func (w *watched) Top(by string, limit int) admin.Top {
	top := w.observer.Top(observe.By(slices.Index(admin.TopBy(), by)), limit)
	out := admin.Top{Since: top.Since, Sampled: top.Sampled, Rows: []admin.TopRow{}}
	for _, r := range top.Rows {
		out.Rows = append(out.Rows, admin.TopRow(r))
	}
	return out
}

// Tail implements [admin.Watcher].
func (w *watched) Tail(q admin.TailQuery) (admin.Lines, error) {
	f := observe.Filter{Slower: q.Slow}
	if q.Client.IsValid() {
		f.Clients = append(f.Clients, q.Client)
	}
	if q.Name != "" {
		name, _, err := resolver.ParseQuestion(q.Name, "A")
		if err != nil {
			return nil, err
		}
		f.Names = append(f.Names, name)
	}
	if q.Rcode != "" {
		code, known := observe.ParseRcode(q.Rcode)
		if !known {
			return nil, fmt.Errorf("rcode %q: write one like NXDOMAIN or SERVFAIL", q.Rcode)
		}
		f.Rcodes = append(f.Rcodes, code)
	}
	tail, err := w.observer.Tail(f)
	if errors.Is(err, observe.ErrBusy) {
		return nil, &admin.Refusal{Status: http.StatusServiceUnavailable, Err: err}
	}
	if err != nil {
		return nil, err
	}
	return tail, nil
}

// setQueryLog applies the sections log and query_log of a configuration.
func (a *App) setQueryLog(c *config.Config) {
	q := c.Queries()
	s := observe.QueryLog{
		Sample: uint64(q.Sample), Filter: observe.Filter{Clients: q.Clients, Slower: q.Slower}, Log: a.opts.Log,
		NewLogger: func(to *observe.File) *slog.Logger { return c.Log.Logger(to) },
	}
	for _, name := range q.Names {
		s.Filter.Names = append(s.Filter.Names, zone.MustName(string(name)))
	}
	for _, code := range q.Rcodes {
		s.Filter.Rcodes = append(s.Filter.Rcodes, code.Number())
	}
	if q.File != "" {
		s.File = filepath.Join(a.opts.Config.StateDir, q.File)
	}
	a.observer.SetLog(s)
}

// setMessages applies dnstap of a configuration.
func (a *App) setMessages(c *config.Config) {
	a.messages.SetReader(c.Dnstap.Network, c.Dnstap.Address)
	if c.Dnstap == (config.Dnstap{}) {
		a.observer.SetMessages(nil)
		a.forwarder.SetMessages(nil)
		return
	}
	a.observer.SetMessages(a.messages)
	a.forwarder.SetMessages(a.messages)
}

// observeMetrics are those of who watches.
func (a *App) observeMetrics() *metrics.Collector {
	return metrics.New([]metrics.Metric{
		{Name: "inside53_query_log_lost_total", Help: "Answers that came too fast for the query log, or for who watched."},
		{
			Name: "inside53_query_log_writable",
			Help: "0 when the file of query_log can't be written and its lines are lost.",
		},
		{Name: "inside53_dnstap_dropped_total", Help: "Messages that the reader of dnstap didn't get."},
		{Name: "inside53_dnstap_sent_total", Help: "Messages that the reader of dnstap got."},
	}, func(out metrics.Reading) {
		out.Counter("inside53_dnstap_dropped_total", a.messages.Dropped())
		out.Counter("inside53_dnstap_sent_total", a.messages.Sent())
		out.Counter("inside53_query_log_lost_total", a.observer.Lost())
		out.Gauge("inside53_query_log_writable", metrics.Truth(a.observer.LogFault() == nil))
	})
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
	out = append(out, a.danglingProblems()...)
	return append(out, refusedTransfers(a.transfers.Refusals())...)
}
