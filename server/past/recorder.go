package past

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"inside53/server/config"
	"inside53/server/member"
	"inside53/server/metrics"
	"inside53/zonesource/ledger"
	"inside53/zonesource/recorder"
	"inside53/zonesource/statedir"

	"github.com/prometheus/client_golang/prometheus"
)

// dirOf is where the past is, below the state directory.
func dirOf(c *config.Config) *ledger.Dir { return ledger.NewDir(filepath.Join(c.StateDir, "ledger")) }

// Ledger opens the past of a configuration for reading, without a lock: that of its fleet, or
// the one below its state directory.
func Ledger(ctx context.Context, c *config.Config) (*ledger.Ledger, error) {
	if c.Fleet == nil {
		return ledger.New(ledger.Options{Store: dirOf(c)})
	}
	return member.Ledger(ctx, c)
}

// RecorderOptions make what records the past.
type RecorderOptions struct {
	Config    *config.Config
	Name      string                        // of this server
	State     func() *statedir.Dir          // asked when something is recorded
	Retention func() (time.Duration, int64) // how much of the past is kept
	Metrics   prometheus.Registerer
	Log       *slog.Logger
}

// NewRecorder makes what records the past below the state directory.
func NewRecorder(o RecorderOptions) (*recorder.Recorder, error) {
	l, err := ledger.New(ledger.Options{Store: dirOf(o.Config)})
	if err != nil {
		return nil, err
	}
	r := recorder.New(recorder.Options{
		Ledger: l, Name: o.Name, Log: o.Log, Retention: o.Retention,
		Hold: func() error { return o.State().Hold() },
		Note: func(err error) { o.State().Note("the ledger", err) },
	})
	o.Metrics.MustRegister(metricsOf(r))
	return r, nil
}

// metricsOf are those of the past.
func metricsOf(of *recorder.Recorder) *metrics.Collector {
	return metrics.New([]metrics.Metric{
		{Name: "inside53_ledger_version", Help: "Newest version of the ledger."},
		{Name: "inside53_ledger_gap", Help: "Whether something accepted isn't in the ledger yet."},
		{
			Name: "inside53_ledger_alarms_total", Labels: []string{"reason"},
			Help: "What went wrong with the ledger: unwritable, damaged, repair, over, retention.",
		},
	}, func(r metrics.Reading) {
		s := of.Status()
		r.Gauge("inside53_ledger_version", float64(s.Version))
		r.Gauge("inside53_ledger_gap", metrics.Truth(s.Gap))
		for reason, n := range s.Alarms {
			r.Counter("inside53_ledger_alarms_total", n, reason)
		}
	})
}

// Record records until ctx ends; a nil Recorder records nothing.
func Record(ctx context.Context, r *recorder.Recorder) error {
	if r == nil {
		return nil
	}
	err := r.Run(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return err
}
