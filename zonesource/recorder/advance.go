package recorder

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/ledger"
)

// Advance reads a part as a version has it, from what it was in another version: of pages
// only those that the other hasn't, and of the part only what differs.
func Advance(ctx context.Context, l *ledger.Ledger, was, is *ledger.Version, old zonesource.Part,
) (zonesource.Part, error) {
	text := KeyText(old.Key)
	var all []ledger.Difference
	for d, err := range l.Diff(ctx, text, was, is) {
		if err != nil {
			return zonesource.Part{}, fmt.Errorf("reading %s of version %d: %w", text, is.Number(), err)
		}
		all = append(all, d)
	}
	return advance(is, old, all)
}

// advance makes a part of what it was and what differs.
func advance(is *ledger.Version, old zonesource.Part, all []ledger.Difference) (zonesource.Part, error) {
	switch {
	case old.Zone != nil:
		return advanceZone(is, old, all)
	case old.Region != nil:
		return advanceRegion(is, old, all)
	}
	return rebuild(is, old, all)
}

// advanceZone is advance, of a zone: its RRsets that don't differ aren't looked at.
func advanceZone(is *ledger.Version, old zonesource.Part, all []ledger.Difference) (zonesource.Part, error) {
	isSet := func(d ledger.Difference) bool { return d.Key[0] == setKey[0] }
	p := old
	if is.Commit != nil {
		p.Listed = is.Commit.At
	}
	if !slices.ContainsFunc(all, func(d ledger.Difference) bool { return !isSet(d) }) {
		p.Sum, p.Pages = zonesource.Sum{}, nil
	} else {
		bare := old
		bare.Zone = zone.New(old.Zone.Info, zone.NewTree(old.Zone.Apex), 0)
		var err error
		p, err = rebuild(is, bare, slices.DeleteFunc(slices.Clone(all), isSet))
		if err != nil {
			return p, err
		}
		if p.Zone == nil || !bytes.Equal(p.Zone.Apex, old.Zone.Apex) {
			return rebuild(is, old, all)
		}
	}
	edit := old.Zone.Tree.Edit()
	for _, d := range all {
		if !isSet(d) {
			continue
		}
		err := applySet(edit, old.Zone.Apex, d)
		if err != nil {
			return p, fmt.Errorf("reading %s of version %d: %w", KeyText(old.Key), is.Number(), err)
		}
	}
	p.Zone = p.Zone.With(edit.Commit(), 0)
	return p, nil
}

// advanceRegion is advance, of a region: hosts and interfaces whose ids don't differ are those that it had.
func advanceRegion(is *ledger.Version, old zonesource.Part, all []ledger.Difference) (zonesource.Part, error) {
	hosts, known := placesIn(old.Region.Hosts, all, "h", zonesource.HostID)
	cards, alsoKnown := placesIn(old.Region.Interfaces, all, "i", zonesource.InterfaceID)
	if !known || !alsoKnown {
		return rebuild(is, old, all)
	}
	few, small := *old.Region, old
	few.Hosts, few.Interfaces = at(old.Region.Hosts, hosts), at(old.Region.Interfaces, cards)
	small.Region = &few
	p, err := rebuild(is, small, all)
	if err != nil || p.Region == nil {
		return p, err
	}
	p.Region.Hosts = zonesource.Merge(zonesource.Without(old.Region.Hosts, hosts), p.Region.Hosts, zonesource.HostID)
	p.Region.Interfaces = zonesource.Merge(zonesource.Without(old.Region.Interfaces, cards), p.Region.Interfaces,
		zonesource.InterfaceID)
	return p, nil
}

// placesIn returns where a list has the things with ids that differ, by the kind of their keys. It isn't ok where a key
// tells no id of the list.
func placesIn[T any](list []T, all []ledger.Difference, kind string, of func(T) string) (places []int, ok bool) {
	ids := map[string]bool{}
	for _, d := range all {
		is, rest, _ := cutKind(string(d.Key))
		if is != kind {
			continue
		}
		id, _, _ := strings.Cut(rest, "/")
		id, _, _ = strings.Cut(id, "#")
		ids[id] = ids[id] || d.Was != nil
	}
	for id, had := range ids {
		from, to := zonesource.PlacesOf(list, id, of)
		if had && from == to {
			return nil, false
		}
		for ; from < to; from++ {
			places = append(places, from)
		}
	}
	slices.Sort(places)
	return places, true
}

// at returns what is at some places of a list.
func at[T any](list []T, places []int) (all []T) {
	for _, i := range places {
		all = append(all, list[i])
	}
	return all
}

// applySet makes a difference of one RRset.
func applySet(edit *zone.Edit, apex []byte, d ledger.Difference) error {
	r := ledger.Record{Key: d.Key, Value: d.Now}
	if d.Now == nil {
		r.Value = d.Was
	}
	name, set, err := decodeSet(apex, r)
	if err != nil {
		return err
	}
	if d.Now == nil {
		edit.Delete(name, set.Type)
		return nil
	}
	return edit.Put(name, set)
}

// rebuild makes a part of what it was and what differs.
func rebuild(is *ledger.Version, old zonesource.Part, all []ledger.Difference) (zonesource.Part, error) {
	records, err := recordsOf(old)
	if err != nil {
		return zonesource.Part{}, err
	}
	byKey := make(map[string][]byte, len(records))
	for _, r := range records {
		byKey[string(r.Key)] = r.Value
	}
	for _, d := range all {
		if d.Now == nil {
			delete(byKey, string(d.Key))
			continue
		}
		byKey[string(d.Key)] = d.Now
	}
	records = records[:0]
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		records = append(records, ledger.Record{Key: []byte(key), Value: byKey[key]})
	}
	return partOf(old.Key, is, records)
}
