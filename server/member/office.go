package member

import (
	"context"
	"iter"
	"time"

	"inside53/zonesource/fleet"
	"inside53/zonesource/ledger"
	"inside53/zonesource/route53"
	zoneupdate "inside53/zonesource/update"
)

// office is what a leader does for others.
type office struct {
	term    *fleet.Term
	updater *zoneupdate.Updater
	ending  context.Context // ends with the term
}

// open makes the updater of a term.
func (h *Handing) open(ctx context.Context, l *leading) *office {
	o := &office{term: l.term, ending: ctx}
	o.updater = zoneupdate.New(zoneupdate.Options{
		Source: route53.Name, Hosted: l.keeper.Hosted, Amend: l.keeper.Amend, Synced: l.keeper.Synced,
		Term: &updateTerm{l.term, h.side.Member.Ledger()}, OnCall: h.side.sources.OnCall, Log: h.side.log,
	})
	h.side.mu.Lock()
	defer h.side.mu.Unlock()
	o.updater.SetAccounts(h.side.accounts)
	return o
}

// updateTerm is a term as updates know it.
type updateTerm struct {
	term   *fleet.Term
	ledger *ledger.Ledger
}

// Commit implements [zoneupdate.Term].
func (t *updateTerm) Commit(ctx context.Context, actor string, records []ledger.Record) error {
	_, err := t.term.Commit(ctx, fleet.Change{
		Cause: ledger.Update, Actor: actor, Records: map[string][]ledger.Record{zoneupdate.PartName: records},
	})
	return err
}

// Records implements [zoneupdate.Term].
func (t *updateTerm) Records(ctx context.Context) iter.Seq2[ledger.Record, error] {
	return t.ledger.Records(ctx, t.term.Version(), zoneupdate.PartName)
}

// Fresh implements [zoneupdate.Term].
func (t *updateTerm) Fresh(d time.Duration) bool { return t.term.Fresh(d) }
