package recorder

import (
	"context"
	"errors"
	"maps"
	"slices"

	"inside53/zonesource"
	"inside53/zonesource/clock"
	"inside53/zonesource/ledger"
)

// settle goes by what has become of the version in flight.
func (r *Recorder) settle(ctx context.Context, v *ledger.Version, err error) error {
	switch {
	case err == nil:
		r.finish(v)
		return nil
	case errors.Is(err, ledger.ErrPending):
		return err
	case !r.isAlone() && isOver(err):
	case errors.Is(err, ledger.ErrRolledBack):
		return r.repair(ctx, err)
	case errors.Is(err, ledger.ErrDeposed), errors.Is(err, ledger.ErrMoved):
		clear(r.committed) // another process has written: what there is now is read and compared
		v, open := r.writer.Open(ctx)
		if open == nil {
			r.adopt(v)
		}
	case errors.Is(err, ledger.ErrDamaged), errors.Is(err, ledger.ErrAbsent):
		r.alarm("damaged")
		for key := range r.inflight.parts {
			r.damaged[key] = true
		}
		r.giveUp(err)
	}
	r.mu.Lock()
	r.inflight = nil
	r.mu.Unlock()
	return err
}

// finish notes that the version in flight was written, and says so.
func (r *Recorder) finish(v *ledger.Version) {
	one := r.inflight
	for key, p := range one.parts {
		switch {
		case p.Err != nil:
		case p.Key == (zonesource.Key{}):
			delete(r.damaged, key)
			delete(r.committed, key)
		default:
			delete(r.damaged, key)
			r.committed[key] = p
		}
	}
	r.mu.Lock()
	r.waiting, r.inflight = r.waiting[one.groups:], nil
	r.mu.Unlock()
	r.adopt(v)
	if r.o.Committed != nil {
		r.o.Committed(v, Made{one.parts, one.extra.records, one.extra.whole})
	}
	for _, done := range one.extra.waits {
		done <- nil
	}
}

// repair writes all parts anew.
func (r *Recorder) repair(ctx context.Context, why error) error {
	r.alarm("repair")
	r.o.Log.Error("ledger has lost something and is written anew", "reason", why)
	r.mu.Lock()
	all := maps.Clone(r.current)
	r.inflight = &inflight{len(r.waiting), all, extra{}}
	r.mu.Unlock()
	d := ledger.Draft{Cause: ledger.Repair, Actor: "inside53", Config: r.o.Config(), At: clock.Now()}
	for key, p := range all {
		records, err := recordsOf(p)
		if err != nil {
			return err
		}
		d.Parts = append(d.Parts, ledger.PartDraft{Key: KeyText(key), Whole: true, Records: slices.Values(records)})
	}
	clear(r.committed)
	v, err := r.writer.Repair(ctx, d)
	if errors.Is(err, ledger.ErrRolledBack) {
		r.mu.Lock()
		r.inflight = nil
		r.mu.Unlock()
		return err // another time
	}
	return r.settle(ctx, v, err)
}
