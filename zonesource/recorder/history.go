package recorder

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"inside53/zonesource"
	"inside53/zonesource/ledger"
)

// Query is what of the past is asked for. Its zero value is all of it.
type Query struct {
	// Name is a name in the form of zone.String, of which the changes are asked for; of the apex
	// of a zone, those of the zone.
	Name string
	// Zone is the name of a zone, in the same form, or its id.
	Zone         string
	Since, Until time.Time // zero is no bound
	Limit        int       // lines at most; 0 is no bound
	Version      uint64    // that one alone; 0 is any
}

// Line is one change, as /history has it.
type Line struct {
	Version   uint64    `json:"version"`
	At        time.Time `json:"at"`
	Cause     string    `json:"cause"`
	Actor     string    `json:"actor"`
	Zone      string    `json:"zone"`
	Name      string    `json:"name"`
	Type      string    `json:"type"`
	Set       string    `json:"set,omitempty"`
	Before    []string  `json:"before"`
	After     []string  `json:"after"`
	BeforeTTL uint32    `json:"before_ttl,omitempty"`
	AfterTTL  uint32    `json:"after_ttl,omitempty"`
	AWSChange string    `json:"aws_change"`
	Part      string    `json:"part"`
}

// History returns changes, the newest first.
func History(ctx context.Context, l *ledger.Ledger, v *ledger.Version, q Query) ([]Line, error) {
	lines := []Line{}
	for e, err := range l.History(ctx, v) {
		if err != nil {
			return nil, err
		}
		if !q.Until.IsZero() && e.At.After(q.Until) {
			continue
		}
		if q.Version > 0 && e.Version > q.Version {
			continue
		}
		if e.At.Before(q.Since) || q.Version > 0 && e.Version < q.Version {
			break
		}
		changes := e.Changes
		if e.Omitted > 0 {
			changes, err = differing(ctx, l, e, q)
			if err != nil {
				return nil, err
			}
		}
		for i := range changes {
			if !q.asksFor(&changes[i]) {
				continue
			}
			lines = append(lines, lineOf(e, &changes[i]))
			if q.Limit > 0 && len(lines) == q.Limit {
				return lines, nil
			}
		}
	}
	return lines, nil
}

// asksFor reports whether a change is asked for.
func (q *Query) asksFor(c *ledger.Change) bool {
	if q.Name != "" && c.Name != q.Name && c.Zone != q.Name {
		return false
	}
	return q.Zone == "" || c.Zone == q.Zone || strings.HasSuffix(c.Part, "/zone/"+q.Zone) || c.Part == q.Zone
}

func lineOf(e *ledger.Past, c *ledger.Change) Line {
	return Line{
		Version: e.Version, At: e.At, Cause: string(e.Cause), Actor: e.Actor, Zone: c.Zone, Name: c.Name, Type: c.Type,
		Set: c.Set, Before: orEmpty(c.Was), After: orEmpty(c.Now), BeforeTTL: c.WasTTL, AfterTTL: c.NowTTL,
		AWSChange: e.AWSChange, Part: c.Part,
	}
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// differing returns the changes of a version that doesn't list all of them, by the
// difference of its parts to those before. Where these are gone it is what is listed.
func differing(ctx context.Context, l *ledger.Ledger, e *ledger.Past, q Query) ([]ledger.Change, error) {
	is, err := l.At(ctx, e.Name)
	var was *ledger.Version
	if err == nil && e.Previous != "" {
		was, err = l.At(ctx, e.Previous)
	}
	if errors.Is(err, ledger.ErrAbsent) || err == nil && was == nil {
		return e.Changes, nil
	}
	if err != nil {
		return nil, err
	}
	var all []ledger.Change
	for _, part := range ledger.Changed(was, is) {
		if _, before := was.Parts[part]; !before && e.Actor == "saved data" {
			continue // its past begins here
		}
		changes, err := partDiffering(ctx, l, part, was, is, q)
		if err != nil {
			return nil, err
		}
		all = append(all, changes...)
	}
	return all, nil
}

func partDiffering(ctx context.Context, l *ledger.Ledger, part string, was, is *ledger.Version, q Query,
) ([]ledger.Change, error) {
	of := is
	if _, there := is.Parts[part]; !there {
		of = was
	}
	h, err := headOf(ctx, l, of, part)
	if err != nil {
		return nil, err
	}
	var all []ledger.Change
	var some []ledger.Difference
	flush := func() {
		changes, _ := words(part, h.Apex, some, q.names(h.Apex))
		all = append(all, changes...)
		some = some[:0]
	}
	for d, err := range l.Diff(ctx, part, was, is) {
		if err != nil {
			return nil, err
		}
		some = append(some, d)
		if len(some) == ledger.MaxChanges/8 {
			flush()
		}
		if q.Limit > 0 && len(all) > q.Limit {
			break
		}
	}
	flush()
	return all, nil
}

// names says which owners are asked for, nil for all.
func (q *Query) names(apex []byte) func(name []byte) bool {
	if q.Name == "" || textOf(apex) == q.Name {
		return nil
	}
	return func(name []byte) bool { return textOf(name) == q.Name }
}

// ErrNoZone says that a version has no such zone.
var ErrNoZone = errors.New("no such zone was there")

// Zone reads the zone of an id as a version has it.
func Zone(ctx context.Context, l *ledger.Ledger, v *ledger.Version, id string) (zonesource.Part, error) {
	for text := range v.Parts {
		if strings.HasSuffix(text, "/zone/"+id) {
			return Part(ctx, l, v, ParseKey(text))
		}
	}
	return zonesource.Part{}, fmt.Errorf("looking for %s at version %d: %w", id, v.Number(), ErrNoZone)
}

// ZoneAt reads the zone of an id as it was at a time.
func ZoneAt(ctx context.Context, l *ledger.Ledger, at time.Time, id string) (zonesource.Part, error) {
	newest, err := l.Follow(ctx, nil)
	if err != nil {
		return zonesource.Part{}, err
	}
	v, err := l.Moment(ctx, newest, at)
	if err != nil {
		return zonesource.Part{}, err
	}
	p, err := Zone(ctx, l, v, id)
	if err == nil && p.Zone == nil {
		err = fmt.Errorf("looking for %s at version %d: %w", id, v.Number(), ErrNoZone)
	}
	return p, err
}

// Expected are the keys of all parts of a version that don't follow from others: all but
// those of hosted zones, which their catalogs name.
func Expected(v *ledger.Version) []zonesource.Key {
	var keys []zonesource.Key
	for _, text := range slices.Sorted(maps.Keys(v.Parts)) {
		key := ParseKey(text)
		if IsKept(text) && !strings.HasPrefix(key.Name, "zone/") {
			keys = append(keys, key)
		}
	}
	return keys
}

// Parts reads all parts of a version.
func Parts(ctx context.Context, l *ledger.Ledger, v *ledger.Version) iter.Seq2[zonesource.Part, error] {
	return func(yield func(zonesource.Part, error) bool) {
		for text, ref := range v.Parts {
			if !IsKept(text) || ref.List == "" {
				continue
			}
			p, err := Part(ctx, l, v, ParseKey(text))
			if !yield(p, err) {
				return
			}
		}
	}
}
