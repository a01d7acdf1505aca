package recorder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"inside53/zonesource"
	"inside53/zonesource/breath"
	"inside53/zonesource/ledger"
)

// draft is what a group comes to: nothing where the newest version has it all.
func (r *Recorder) draft(ctx context.Context, g *group) (ledger.Draft, error) {
	d := ledger.Draft{Cause: g.cause, Actor: g.actor, AWSChange: g.change, Config: r.o.Config(), At: g.at}
	for _, key := range slices.SortedFunc(maps.Keys(g.parts), compareKeys) {
		p, changes, omitted, err := r.partDraft(ctx, key, g.parts[key], g.saved)
		if err != nil {
			return d, fmt.Errorf("comparing %s: %w", KeyText(key), err)
		}
		if p == nil {
			continue
		}
		d.Parts = append(d.Parts, *p)
		d.Changes = append(d.Changes, changes...)
		d.Omitted += omitted
	}
	d.Parts = append(d.Parts, g.extra.drafts()...)
	return d, nil
}

func compareKeys(a, b zonesource.Key) int {
	return bytes.Compare([]byte(KeyText(a)), []byte(KeyText(b)))
}

// partDraft is what a part comes to, nil for nothing.
func (r *Recorder) partDraft(ctx context.Context, key zonesource.Key, p zonesource.Part, saved bool,
) (*ledger.PartDraft, []ledger.Change, int, error) {
	v, text := r.writer.Version(), KeyText(key)
	_, there := v.Parts[text]
	was, known := r.committed[key]
	if p.Err != nil {
		return r.standing(text, p), nil, 0, nil
	}
	if p.Key == (zonesource.Key{}) {
		if !there {
			return nil, nil, 0, nil
		}
		all, apex := goneFrom(was)
		changes, omitted := words(text, apex, all, nil)
		return &ledger.PartDraft{Key: text, Gone: true}, changes, omitted, nil
	}
	apex := apexOf(p)
	if known && there && !r.damaged[key] && sameShape(was, p) {
		all, err := difference(was, p)
		if err != nil || len(all) == 0 {
			return nil, nil, 0, err
		}
		changes, omitted := words(text, apex, all, nil)
		return &ledger.PartDraft{Key: text, Records: values(all)}, changes, omitted, nil
	}
	records, err := recordsOf(p)
	if err != nil {
		return nil, nil, 0, err
	}
	whole := &ledger.PartDraft{Key: text, Whole: true, Records: paced(slices.Values(records))}
	if there && !r.damaged[key] {
		all, err := merge(r.o.Ledger.Records(ctx, v, text), records)
		switch {
		case err == nil && len(all) == 0:
			return nil, nil, 0, nil
		case err == nil && !changesHead(all):
			changes, omitted := words(text, apex, all, nil)
			return &ledger.PartDraft{Key: text, Records: values(all)}, changes, omitted, nil
		case err != nil && !errors.Is(err, ledger.ErrDamaged) && !errors.Is(err, ledger.ErrAbsent):
			return nil, nil, 0, err
		}
	}
	if saved { // a past that begins here: nothing of it is a change
		return whole, nil, len(records), nil
	}
	all, err := merge(none, records)
	changes, omitted := words(text, apex, all, nil)
	return whole, changes, omitted, err
}

func none(func(ledger.Record, error) bool) {}

func apexOf(p zonesource.Part) []byte {
	if p.Zone == nil {
		return nil
	}
	return p.Zone.Apex
}

// changesHead reports whether what a part is has changed: its keys may be of another apex.
func changesHead(all []ledger.Difference) bool {
	return slices.ContainsFunc(all, func(d ledger.Difference) bool { return string(d.Key) == headKey })
}

// goneFrom is all of a part, as gone.
func goneFrom(was zonesource.Part) ([]ledger.Difference, []byte) {
	if was.Key == (zonesource.Key{}) {
		return nil, nil
	}
	records, err := recordsOf(was)
	if err != nil {
		return nil, nil
	}
	all := make([]ledger.Difference, len(records))
	for i, r := range records {
		all[i] = ledger.Difference{Key: r.Key, Was: r.Value}
	}
	return all, apexOf(was)
}

// values are what is to be written.
func values(all []ledger.Difference) iter.Seq[ledger.Record] {
	return paced(func(yield func(ledger.Record) bool) {
		for _, d := range all {
			if !yield(ledger.Record{Key: d.Key, Value: d.Now}) {
				return
			}
		}
	})
}

// paced leaves the processor to others while records are written.
func paced(records iter.Seq[ledger.Record]) iter.Seq[ledger.Record] {
	return func(yield func(ledger.Record) bool) {
		var pace breath.Pace
		for r := range records {
			pace.Step()
			if !yield(r) {
				return
			}
		}
	}
}
