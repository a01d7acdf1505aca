package recorder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"inside53/zonesource"
	"inside53/zonesource/breath"
	"inside53/zonesource/clock"
	"inside53/zonesource/ledger"
)

// Change is what somebody wants committed besides what a keeper accepts: parts that no keeper
// serves, by records.
type Change struct {
	Cause     ledger.Cause
	Actor     string
	AWSChange string
	// Records are those that differ, by part and in any order; one without a value is gone.
	Records map[string][]ledger.Record
	// Whole are parts of which Records are all.
	Whole map[string]bool
}

// Made is what a version was made of, besides what the one before has.
type Made struct {
	Parts   map[zonesource.Key]zonesource.Part
	Records map[string]map[string][]byte // of parts that no keeper serves; nil values are gone
	Whole   map[string]bool              // parts of which Records are all
}

// extra is what of changes makes a version, and who waits for it.
type extra struct {
	records map[string]map[string][]byte
	whole   map[string]bool
	waits   []chan<- error
}

// add lays others over those that there are.
func (e *extra) add(o extra) {
	for part := range o.whole {
		if e.whole == nil {
			e.whole = map[string]bool{}
		}
		e.whole[part] = true
		delete(e.records, part)
	}
	for part, records := range o.records {
		if e.records == nil {
			e.records = map[string]map[string][]byte{}
		}
		if e.records[part] == nil {
			e.records[part] = map[string][]byte{}
		}
		maps.Copy(e.records[part], records)
	}
	e.waits = append(e.waits, o.waits...)
}

// drafts are the parts of a draft.
func (e *extra) drafts() []ledger.PartDraft {
	var all []ledger.PartDraft
	for _, part := range slices.Sorted(maps.Keys(e.records)) {
		var records []ledger.Record
		for key, value := range e.records[part] {
			if value != nil || !e.whole[part] {
				records = append(records, ledger.Record{Key: []byte(key), Value: value})
			}
		}
		breath.SortFunc(records, func(a, b ledger.Record) int { return bytes.Compare(a.Key, b.Key) })
		all = append(all, ledger.PartDraft{Key: part, Whole: e.whole[part], Records: slices.Values(records)})
	}
	return all
}

// Commit has a change committed, with all that was accepted before it, and returns when it is.
// With the error of ctx it may be committed all the same; with any other it isn't.
func (r *Recorder) Commit(ctx context.Context, c Change) error {
	done := make(chan error, 1)
	one := extra{waits: []chan<- error{done}}
	for part, records := range c.Records {
		byKey := map[string][]byte{}
		for _, record := range records {
			byKey[string(record.Key)] = record.Value
		}
		one.add(extra{records: map[string]map[string][]byte{part: byKey}})
	}
	one.whole = c.Whole
	r.mu.Lock()
	if r.ended != nil {
		defer r.mu.Unlock()
		return r.ended
	}
	r.put(&group{cause: c.Cause, actor: c.Actor, change: c.AWSChange, at: clock.Now(),
		parts: map[zonesource.Key]zonesource.Part{}, extra: one})
	r.status.Gap = true
	r.mu.Unlock()
	r.awake()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("waiting for a commit: %w", ctx.Err())
	}
}

// Rewrite has a part written anew as a whole, as it was accepted last: somebody can't read what
// is there.
func (r *Recorder) Rewrite(key zonesource.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, there := r.current[key]
	if !there {
		p, there = r.o.Known[key]
	}
	if !there || p.Key == (zonesource.Key{}) {
		return
	}
	r.put(&group{cause: ledger.Repair, actor: "inside53", at: clock.Now(), rewrite: true,
		parts: map[zonesource.Key]zonesource.Part{key: p}})
	r.status.Gap = true
	r.awake()
}

// giveUp ends a group of records that can't be laid over what there is, as that is damaged: its
// caller has to write the whole.
func (r *Recorder) giveUp(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.inflight.extra.records) == 0 {
		return
	}
	for _, done := range r.inflight.extra.waits {
		done <- err
	}
	for i := range r.inflight.groups {
		g := r.waiting[i]
		g.extra = extra{}
	}
}

// end refuses what waits, and what comes later.
func (r *Recorder) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = fmt.Errorf("committing: %w", err)
	for i, g := range r.waiting {
		inDoubt := r.inflight != nil && i < r.inflight.groups
		for _, done := range g.extra.waits {
			if !inDoubt { // else its caller waits as long as it may: nobody knows
				done <- r.ended
			}
		}
	}
}

// isOver reports whether an error means that another server writes from now on, or has to.
func isOver(err error) bool {
	for _, one := range []error{ledger.ErrDeposed, ledger.ErrMoved, ledger.ErrRolledBack, ledger.ErrNewer} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// standing is how a part stands that isn't there; nil where nothing of that has changed, or
// where somebody has served it.
func (r *Recorder) standing(text string, p zonesource.Part) *ledger.PartDraft {
	state := ledger.Unread
	if p.Refused {
		state = ledger.Refused
	}
	why := p.Err.Error()
	is, there := r.writer.Version().Parts[text]
	if there && (is.List != "" || is.State == state && is.Why == why) {
		return nil
	}
	return &ledger.PartDraft{Key: text, State: state, Why: why}
}

// Whole is all of a part, to be written whatever there is.
func Whole(p zonesource.Part) (ledger.PartDraft, error) {
	records, err := recordsOf(p)
	return ledger.PartDraft{Key: KeyText(p.Key), Whole: true, Records: slices.Values(records)}, err
}
