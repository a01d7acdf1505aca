package fleet

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"inside53/zonesource/ledger"
	"inside53/zonesource/recorder"
)

// Parts that no keeper serves are kept as their records, by key: whoever knows what they are asks
// for them, and they are there when the store has to be repaired.

// Records are those of a part as it was adopted last, by key. They are not to be changed.
func (m *Member) Records(part string) map[string][]byte {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	return m.records[part]
}

// readRecords reads what has changed of parts that no keeper serves. made are records as this
// server has committed them, where it has. The caller holds syncing.
func (m *Member) readRecords(ctx context.Context, v *ledger.Version, work []*reading,
	made recorder.Made,
) {
	for _, w := range work {
		if w.kept || w.ref.List == "" {
			continue
		}
		is := map[string][]byte{}
		own, known := made.Records[w.text]
		before, there := m.refs[w.text]
		if there && !made.Whole[w.text] {
			maps.Copy(is, m.records[w.text])
		}
		if known && (there || len(own) > 0) {
			overlay(is, own)
			m.records[w.text] = is
			continue
		}
		var was *ledger.Version
		if there {
			was = &ledger.Version{Parts: map[string]ledger.PartRef{w.text: before}}
		}
		w.err = m.diff(ctx, w.text, was, v, is)
		if w.err != nil && was != nil { // what it was made of may be gone
			clear(is)
			w.err = m.diff(ctx, w.text, nil, v, is)
		}
		if w.err == nil {
			m.records[w.text] = is
		}
	}
}

// diff lays what two versions of a part have otherwise over its records.
func (m *Member) diff(ctx context.Context, part string, was, is *ledger.Version, records map[string][]byte) error {
	for d, err := range m.o.Ledger.Diff(ctx, part, was, is) {
		if err != nil {
			return err
		}
		if d.Now == nil {
			delete(records, string(d.Key))
			continue
		}
		records[string(d.Key)] = d.Now
	}
	return nil
}

// overlay lays records over others; one without a value is gone.
func overlay(records, over map[string][]byte) {
	for key, value := range over {
		if value == nil {
			delete(records, key)
			continue
		}
		records[key] = value
	}
}

// sorted are records in the order of their keys.
func sorted(records map[string][]byte) []ledger.Record {
	var all []ledger.Record
	for key, value := range records {
		all = append(all, ledger.Record{Key: []byte(key), Value: value})
	}
	slices.SortFunc(all, func(a, b ledger.Record) int { return bytes.Compare(a.Key, b.Key) })
	return all
}
