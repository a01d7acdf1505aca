package server

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"inside53/server/admin"
	"inside53/server/metrics"
	"inside53/server/sources"
	"inside53/zonesource"
	"inside53/zonesource/atomicfile"
	"inside53/zonesource/fleet"
	"inside53/zonesource/route53"
	"inside53/zonesource/statedir"
)

// readiness says whether a balancer should send queries here.
type readiness struct {
	draining atomic.Bool
	status   func() zonesource.Brief
	sockets  func() (ok bool, silent []string)
	maxAge   func() time.Duration // of data from AWS; 0 for any
	logFault func() error         // why the log can't be written
	state    *statedir.Dir        // nil: there is none
	fleet    func() fleet.Standing
}

// Readiness implements [admin.Readiness].
func (r *readiness) Readiness() admin.Ready {
	status := r.status()
	out := admin.Ready{Reasons: []string{}, Degraded: []string{}, Sources: map[string]admin.Source{}}
	if status.Loaded && status.Fails {
		out.Degraded = append(out.Degraded, "zones")
	}
	if r.logFault() != nil {
		out.Degraded = append(out.Degraded, "log")
	}
	if fault := r.state.Fault(); fault != nil {
		out.Degraded = append(out.Degraded, "state_dir")
		if atomicfile.IsFull(fault) {
			out.Degraded = append(out.Degraded, "disk")
		}
	}
	standing := r.fleet()
	if standing.Err != nil {
		out.Degraded = append(out.Degraded, "store")
	}
	if standing.Behind > 0 || len(standing.Failed) > 0 {
		out.Degraded = append(out.Degraded, "behind")
	}
	var reasons []string
	out.Ready, reasons = r.of(status)
	out.Reasons = append(out.Reasons, reasons...)
	for name, s := range status.Sources {
		source := admin.Source{AgeSeconds: admin.SecondsTo(time.Now(), s.Oldest)}
		if s.Err != nil {
			source.Error = s.Err.Error()
		}
		out.Sources[name] = source
	}
	return out
}

// of reports whether a complete data set is loaded and every packet loop and listener
// answers; else why not. The age of data counts only where the configuration says so: an
// outage of AWS must not end the fleet.
func (r *readiness) of(status zonesource.Brief) (bool, []string) {
	var reasons []string
	if r.draining.Load() {
		reasons = append(reasons, admin.Draining)
	}
	if !status.Loaded {
		for _, missing := range status.Missing {
			reasons = append(reasons, admin.NotComplete+": "+missing)
		}
	}
	_, silent := r.sockets()
	reasons = append(reasons, silent...)
	reasons = append(reasons, tooOld(status, r.maxAge())...)
	return len(reasons) == 0, reasons
}

// isReady reports whether /readyz says so.
func (r *readiness) isReady() bool {
	ready, _ := r.of(r.status())
	return ready
}

// tooOld says which data of AWS are older than the configuration allows, if it does.
// Zones of other servers expire by themselves.
func tooOld(status zonesource.Brief, maxAge time.Duration) []string {
	var reasons []string
	for _, name := range []string{sources.EC2, route53.Name} {
		s := status.Sources[name]
		if maxAge > 0 && !s.Oldest.IsZero() && time.Since(s.Oldest) > maxAge {
			reasons = append(reasons, fmt.Sprintf("%s: %s, older than %s", admin.TooOld, name, maxAge))
		}
	}
	return reasons
}

// programMetrics are those of the program as a whole.
func programMetrics(version string, r *readiness) *metrics.Collector {
	return metrics.New([]metrics.Metric{
		{Name: "inside53_build_info", Help: "1; the label is the version.", Labels: []string{"version"}},
		{Name: "inside53_ready", Help: "1 when /readyz says so."},
		{Name: "inside53_log_writable", Help: "0 when the log can't be written and its lines are lost."},
	}, func(out metrics.Reading) {
		out.Gauge("inside53_ready", metrics.Truth(r.isReady()))
		out.Gauge("inside53_log_writable", metrics.Truth(r.logFault() == nil))
		out.Gauge("inside53_build_info", 1, strings.TrimPrefix(version, "inside53 "))
	})
}
