package server

import (
	"fmt"
	"sync/atomic"
	"time"

	"inside53/server/admin"
	"inside53/server/config"
	"inside53/server/metrics"
	"inside53/zonesource/awsclient"
)

// reloads knows what came of reading the configuration again.
type reloads struct {
	ok, failed atomic.Uint64
	fault      atomic.Pointer[reloadFault]          // of the last time; nil: it went well, or never was
	accounts   atomic.Pointer[[]*awsclient.Account] // in use
}

// reloadFault is a reload that failed.
type reloadFault struct {
	at  time.Time
	err error
}

// note counts a reload, and keeps why it failed until one works.
func (r *reloads) note(err error) {
	if err == nil {
		r.ok.Add(1)
		r.fault.Store(nil)
		return
	}
	r.failed.Add(1)
	r.fault.Store(&reloadFault{time.Now(), err})
}

// problem is the line of the report about the last reload, where it failed.
func (r *reloads) problem() (admin.Problem, bool) {
	f := r.fault.Load()
	if f == nil {
		return admin.Problem{}, false
	}
	return admin.Problem{Reason: fmt.Sprintf("the configuration was not reloaded at %s, the old one stays: %v",
		f.at.UTC().Format(time.RFC3339), f.err)}, true
}

// metrics are those of what will be read, how fast, and by which configuration.
func (r *reloads) metrics(
	inForce func() *config.Config, soonest func() map[string]time.Time,
) *metrics.Collector {
	return metrics.New([]metrics.Metric{
		{
			Name: "inside53_config_info", Labels: []string{"hash"},
			Help: "1; the label is the hash of the configuration in force.",
		},
		{
			Name: "inside53_reloads_total", Labels: []string{"result"},
			Help: "Times that the configuration was read again, by outcome.",
		},
		{
			Name: "inside53_aws_rate", Labels: []string{"account"},
			Help: "Requests a second that an account may be asked now; less after throttling.",
		},
		{
			Name: "inside53_source_next_seconds", Labels: []string{"source"},
			Help: "Time until a source reads something next; 0 while it reads.",
		},
	}, func(out metrics.Reading) {
		out.Gauge("inside53_config_info", 1, inForce().Hash())
		out.Counter("inside53_reloads_total", r.ok.Load(), "ok")
		out.Counter("inside53_reloads_total", r.failed.Load(), "failed")
		for _, account := range *r.accounts.Load() {
			now, _ := account.Budget.PerSecond()
			out.Gauge("inside53_aws_rate", now, account.Name)
		}
		now := time.Now()
		for source, at := range soonest() {
			out.Gauge("inside53_source_next_seconds", max(0, at.Sub(now).Seconds()), source)
		}
	})
}
