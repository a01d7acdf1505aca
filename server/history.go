package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"inside53/resolver"
	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/config"
	"inside53/server/member"
	"inside53/server/metrics"
	"inside53/zonesource/ledger"
	"inside53/zonesource/rdata"
	"inside53/zonesource/recorder"
)

// ledgerDir is where the past is, below the state directory.
const ledgerDir = "ledger"

// ownLedger opens the past below a state directory for reading, without a lock.
func ownLedger(c *config.Config) (*ledger.Ledger, error) {
	return ledger.New(ledger.Options{Store: ledger.NewDir(filepath.Join(c.StateDir, ledgerDir))})
}

// LedgerOf opens the past of a configuration for reading, without a lock: that of its fleet, or
// the one below its state directory.
func LedgerOf(ctx context.Context, c *config.Config) (*ledger.Ledger, error) {
	if c.Fleet == nil {
		return ownLedger(c)
	}
	return member.Ledger(ctx, c)
}

// retention is how much of the past is kept.
func (a *App) retention() (time.Duration, int64) {
	h := a.config.Load().History
	return h.Keep, int64(h.Max)
}

// assembleHistory makes what records the past. Without a state directory there is none.
func (a *App) assembleHistory(c *config.Config, host string) error {
	if !c.KeepsState() || c.Fleet != nil || !a.opts.AsOf.IsZero() {
		return nil
	}
	dir := ledger.NewDir(filepath.Join(c.StateDir, ledgerDir))
	l, err := ledger.New(ledger.Options{Store: dir})
	if err != nil {
		return err
	}
	a.recorder = recorder.New(recorder.Options{
		Ledger: l, Name: host, Log: a.opts.Log,
		Hold:      func() error { return a.keeper.State().Hold() },
		Note:      func(err error) { a.keeper.State().Note("the ledger", err) },
		Retention: a.retention,
	})
	a.registry.MustRegister(a.ledgerMetrics())
	return nil
}

// ledgerMetrics are those of the past.
func (a *App) ledgerMetrics() *metrics.Collector {
	return metrics.New([]metrics.Metric{
		{Name: "inside53_ledger_version", Help: "Newest version of the ledger."},
		{Name: "inside53_ledger_gap", Help: "Whether something accepted isn't in the ledger yet."},
		{
			Name: "inside53_ledger_alarms_total", Labels: []string{"reason"},
			Help: "What went wrong with the ledger: unwritable, damaged, repair, over, retention.",
		},
	}, func(r metrics.Reading) {
		s := a.recorder.Status()
		r.Gauge("inside53_ledger_version", float64(s.Version))
		gap := 0.0
		if s.Gap {
			gap = 1
		}
		r.Gauge("inside53_ledger_gap", gap)
		for reason, n := range s.Alarms {
			r.Counter("inside53_ledger_alarms_total", n, reason)
		}
	})
}

// runHistory records until ctx ends.
func (a *App) runHistory(ctx context.Context) error {
	if a.recorder == nil {
		return nil
	}
	err := a.recorder.Run(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// past is the past, for people.
type past struct {
	// newest returns the ledger and its newest version, nil where there is none.
	newest func() (*ledger.Ledger, *ledger.Version)
}

// newestPast is the past of this server, or of its fleet.
func (a *App) newestPast() (*ledger.Ledger, *ledger.Version) {
	switch {
	case a.fleet != nil:
		v, _ := a.fleet.Member.Adopted()
		return a.fleet.Member.Ledger(), v
	case a.recorder != nil:
		return a.recorder.Ledger(), a.recorder.Newest()
	}
	return nil, nil
}

// errNoPast says that there is no past to ask for.
var errNoPast = errors.New("nothing is recorded: there is no ledger, or nothing in it yet")

// History implements [admin.Past].
func (p *past) History(ctx context.Context, q admin.PastQuery) (any, error) {
	l, v := p.newest()
	if v == nil {
		return nil, &admin.Refusal{Status: http.StatusNotFound, Err: errNoPast}
	}
	query, err := pastQuery(q, time.Now())
	if err != nil {
		return nil, err
	}
	lines, err := recorder.History(ctx, l, v, query)
	if err != nil {
		return nil, &admin.Refusal{Status: http.StatusInternalServerError, Err: err}
	}
	return lines, nil
}

// pastQuery reads what is asked for. Names are as RFC 1035 and dig write them.
func pastQuery(q admin.PastQuery, now time.Time) (recorder.Query, error) {
	out := recorder.Query{Limit: q.Limit, Version: q.Version}
	for text, to := range map[string]*time.Time{q.Since: &out.Since, q.Until: &out.Until} {
		if text == "" {
			continue
		}
		t, err := recorder.ParseMoment(text, now)
		if err != nil {
			return out, err
		}
		*to = t
	}
	if q.Name != "" {
		name, _, err := resolver.ParseQuestion(q.Name, "A")
		if err != nil {
			return out, err
		}
		out.Name = zone.String(name)
	}
	out.Zone = q.Zone
	if strings.Contains(q.Zone, ".") {
		name, err := rdata.ParseMasterName(q.Zone)
		if err != nil {
			return out, err
		}
		out.Zone = zone.String(name)
	}
	return out, nil
}

// pastWithin bounds how long an explanation looks into the past.
const pastWithin = time.Second

// steps is what of the past explains an answer: what the name was before, until when, and
// who changed it; and when its zone went away.
func (p *past) steps(ctx context.Context, name string) []resolver.Step {
	l, v := p.newest()
	if v == nil {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, pastWithin)
	defer stop()
	changes, gone, err := recorder.Last(ctx, l, v, name)
	var steps []resolver.Step
	if gone != nil {
		why := fmt.Sprintf("the zone %s (%s) was ours until %s, changed by %s", gone.Zone, strings.Join(gone.Before, " "),
			gone.At.UTC().Format(time.RFC3339), gone.Actor)
		steps = append(steps, resolver.Step{Step: "the past", Why: why})
	}
	for i := range changes {
		if len(changes[i].Before) == 0 {
			continue // it is new
		}
		steps = append(steps, resolver.Step{Step: "the past", Why: wasUntil(&changes[i])})
	}
	if err != nil && len(steps) == 0 {
		steps = []resolver.Step{{Step: "the past", Why: fmt.Sprintf("not read: %v", err)}}
	}
	return steps
}

// wasUntil says what a name was.
func wasUntil(l *recorder.Line) string {
	what := l.Type
	if l.Set != "" {
		what += " (" + l.Set + ")"
	}
	was, is := strings.Join(l.Before, ", "), "nothing"
	if len(l.After) > 0 {
		is = strings.Join(l.After, ", ")
	}
	return fmt.Sprintf("this name's %s was %s until %s, changed by %s to %s", what, was, l.At.UTC().Format(time.RFC3339),
		l.Actor, is)
}
