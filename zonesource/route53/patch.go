package route53

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"slices"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/breath"
	"inside53/zonesource/rdata"
)

// patched is what a listing has made of the zone that is kept, of which it differs in a part.
type patched struct {
	tree     *zone.Tree
	problems []zonesource.Problem
	named    []string // collections
	sum      zonesource.Sum
}

// patchOrDecode lays what differs in a listing over the zone that is kept, and where that can't be done has all of it
// decoded, and returns nil.
func (l *lister) patchOrDecode(ctx context.Context, z *state, kept zonesource.Part, found *listing) (*patched, error) {
	laid, err := l.patch(ctx, z, kept, found)
	if err == nil && laid == nil {
		err = l.decode(ctx, z, found)
	}
	return laid, err
}

// patch decodes what of a listing isn't known, and lays it over the zone that the known one has come to. It returns
// nil where that can't be done, or isn't worth it.
func (l *lister) patch(ctx context.Context, z *state, kept zonesource.Part, found *listing) (*patched, error) {
	program := l.source.program
	known, ok := digestsOf(found.known, program)
	if !ok {
		return nil, nil
	}
	before, names := join(known)
	if names != kept.Zone.Tree.Stats().Names {
		return nil, nil
	}
	there := make(map[mark]bool, len(before))
	for _, c := range before {
		there[c.sum] = true
	}
	is, ok := digestsOf(found.allPages(), program)
	if !ok {
		return nil, nil
	}
	chunks, names := join(is)
	var differ []chunk
	sets, differing := 0, 0
	for _, c := range chunks {
		if !there[c.sum] {
			differ = append(differ, c)
			sets += c.sets
			differing += c.names
		}
	}
	if sets > found.size()/2 {
		return nil, nil
	}
	decoded, ok, err := l.decodeChunks(ctx, z, found, differ)
	if err != nil || !ok {
		return nil, err
	}
	b := &builder{hosted: z.hosted, zoneText: zone.String(z.hosted.Name), edit: kept.Zone.Tree.Edit(), over: true}
	changed := b.replace(decoded)
	if len(changed) != differing {
		return nil, nil // names that have no place in the zone, or come twice
	}
	tree := b.edit.Commit()
	if tree.Stats().Names > names {
		b.edit = tree.Edit()
		for _, name := range namesGone(tree, found) {
			for _, rrtype := range typesAt(b.edit, name) {
				b.edit.Delete(name, rrtype)
			}
			changed[zone.String(name)] = true
		}
		tree = b.edit.Commit()
	}
	if tree.Stats().Names != names {
		return nil, nil // names that come twice
	}
	p := &patched{tree: tree, problems: b.problems, sum: sumOfChunks(program, chunks)}
	old := slices.DeleteFunc(slices.Clone(problemsOfRecords(kept.Problems)), func(p zonesource.Problem) bool {
		return changed[p.Name]
	})
	p.problems = append(old, p.problems...)
	p.named = collectionsOf(decoded)
	if len(z.named) > 0 {
		p.named = collectionsOfTree(tree)
	}
	return p, nil
}

// decodeChunks decodes some chunks of a listing.
func (l *lister) decodeChunks(ctx context.Context, z *state, found *listing, chunks []chunk) (
	all []recordSet, ok bool, err error,
) {
	var pace breath.Pace
	for _, c := range chunks {
		var octets [][]byte
		var page *cutting
		for _, at := range c.places {
			page, ok = found.raw[at.page].cutting(&pace)
			if !ok {
				return nil, false, nil
			}
			s := page.segments[at.segment]
			octets = append(octets, page.body[s.from:s.to])
		}
		out, err := l.api.records.Call(awscall.WithBody(ctx, page.with(octets...)), z.page(position{}))
		if err != nil {
			return nil, false, fmt.Errorf("decoding record sets of %s: %w", z.describe(), err)
		}
		if len(out.ResourceRecordSets) != c.sets {
			return nil, false, nil
		}
		all = append(all, out.ResourceRecordSets...)
	}
	return all, true, nil
}

// replace has the names of some record sets have these and no others. It returns which names these are.
func (b *builder) replace(sets []recordSet) map[string]bool {
	changed := map[string]bool{}
	entries := b.entries(sets)
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && bytes.Equal(entries[n].name, entries[0].name) {
			n++
		}
		b.pace.Step()
		changed[zone.String(entries[0].name)] = true
		for _, rrtype := range typesAt(b.edit, entries[0].name) {
			if !slices.ContainsFunc(entries[:n], func(e entry) bool { return e.rrtype == rrtype }) {
				b.edit.Delete(entries[0].name, rrtype)
			}
		}
		b.putName(entries[:n])
		entries = entries[n:]
	}
	return changed
}

func typesAt(e *zone.Edit, name []byte) []uint16 {
	var all []uint16
	for s := range e.Lookup(name).RRsets {
		all = append(all, s.Type)
	}
	return all
}

// namesGone returns the names that a tree has and a listing hasn't.
func namesGone(tree *zone.Tree, found *listing) [][]byte {
	seed := maphash.MakeSeed()
	listed := map[uint64]bool{}
	var pace breath.Pace
	for i := range found.raw {
		for set := range bytes.SplitSeq(found.raw[i].body, setEnd) {
			text, ok := nameOf(set)
			if !ok {
				continue // the tail
			}
			pace.Step()
			name, err := rdata.ParseName(string(text))
			if err == nil {
				listed[maphash.Bytes(seed, name)] = true
			}
		}
	}
	var gone [][]byte
	for name, n := range tree.All {
		pace.Step()
		if !n.Empty() && !listed[maphash.Bytes(seed, name)] {
			gone = append(gone, bytes.Clone(name))
		}
	}
	return gone
}
