package served

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"inside53/resolver"
	"inside53/server/admin"
	"inside53/server/dnstap"
	"inside53/server/metrics"
	"inside53/server/observe"
)

// Watched is what is seen of the queries, for people.
type Watched struct {
	Observer *observe.Observer
	Resolver *resolver.Resolver
	Messages *dnstap.Sender
}

// Top implements [admin.Watcher].
func (w *Watched) Top(by string, limit int) admin.Top {
	top := w.Observer.Top(observe.By(slices.Index(admin.TopBy(), by)), limit)
	out := admin.Top{Since: top.Since, Sampled: top.Sampled, Rows: []admin.TopRow{}}
	for _, r := range top.Rows {
		out.Rows = append(out.Rows, admin.TopRow(r))
	}
	return out
}

// Tail implements [admin.Watcher].
func (w *Watched) Tail(q admin.TailQuery) (admin.Lines, error) {
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
	tail, err := w.Observer.Tail(f)
	if errors.Is(err, observe.ErrBusy) {
		return nil, &admin.Refusal{Status: http.StatusServiceUnavailable, Err: err}
	}
	if err != nil {
		return nil, err
	}
	return tail, nil
}

// Metrics are those of who watches.
func (w *Watched) Metrics() *metrics.Collector {
	return metrics.New([]metrics.Metric{
		{Name: "inside53_query_log_lost_total", Help: "Answers that came too fast for the query log, or for who watched."},
		{
			Name: "inside53_query_log_writable",
			Help: "0 when the file of query_log can't be written and its lines are lost.",
		},
		{Name: "inside53_dnstap_dropped_total", Help: "Messages that the reader of dnstap didn't get."},
		{Name: "inside53_dnstap_sent_total", Help: "Messages that the reader of dnstap got."},
	}, func(out metrics.Reading) {
		out.Counter("inside53_dnstap_dropped_total", w.Messages.Dropped())
		out.Counter("inside53_dnstap_sent_total", w.Messages.Sent())
		out.Counter("inside53_query_log_lost_total", w.Observer.Lost())
		out.Gauge("inside53_query_log_writable", metrics.Truth(w.Observer.LogFault() == nil))
	})
}
