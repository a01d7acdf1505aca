package route53

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/breath"
	"inside53/zonesource/rdata"
)

const (
	maxValues = 400 // of one record set, by Route 53's own limit
	// unknownType stands for record types that have no number here. It is no type of
	// records (RFC 6895 section 3.1), so nobody asks for it, but the name exists.
	unknownType = 0
)

// entry is one record set at its place in the tree.
type entry struct {
	name   []byte // lower-case wire form
	rrtype uint16
	set    *recordSet
}

// builder makes the tree of one listing.
type builder struct {
	hosted   zonesource.Hosted
	zoneText string
	edit     *zone.Edit
	problems []zonesource.Problem
	pace     breath.Pace
	over     bool // the tree has had records before
}

// buildTree parses a complete listing. What can't be served is in the tree as
// Unservable, and among the problems.
func buildTree(hosted zonesource.Hosted, sets []recordSet) (*zone.Tree, []zonesource.Problem) {
	b := &builder{hosted: hosted, zoneText: zone.String(hosted.Name), edit: zone.NewTree(hosted.Name).Edit()}
	entries := b.entries(sets)
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && bytes.Equal(entries[n].name, entries[0].name) {
			n++
		}
		b.pace.Step()
		b.putName(entries[:n])
		entries = entries[n:]
	}
	return b.edit.Commit(), b.problems
}

// entries reads names and types, and brings together what belongs together, in the
// order listed otherwise.
func (b *builder) entries(sets []recordSet) []entry {
	out := make([]entry, 0, len(sets))
	for i := range sets {
		b.pace.Step()
		set := &sets[i]
		name, err := rdata.ParseName(aws.ToString(set.Name))
		if err == nil && !zone.IsSubdomain(name, b.hosted.Name) {
			err = zone.ErrOutOfZone
		}
		if err != nil {
			b.problem(aws.ToString(set.Name), string(set.Type), fmt.Sprintf("has no place in the zone: %v", err))
			continue
		}
		rrtype, known := rdata.Type(string(set.Type))
		if !known {
			rrtype = unknownType
		}
		out = append(out, entry{name, rrtype, set})
	}
	slices.SortStableFunc(out, func(x, y entry) int {
		return cmp.Or(bytes.Compare(x.name, y.name), cmp.Compare(x.rrtype, y.rrtype))
	})
	return out
}

// putName stores all record sets of one name.
func (b *builder) putName(entries []entry) {
	alone := entries[0].rrtype == entries[len(entries)-1].rrtype
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && entries[n].rrtype == entries[0].rrtype {
			n++
		}
		b.putType(entries[:n], alone)
		entries = entries[n:]
	}
}

// putType stores the record sets of one name and type. alone says that the name has no
// other type.
func (b *builder) putType(entries []entry, alone bool) {
	e := entries[0]
	s, err := b.rrset(entries)
	if err == nil && e.rrtype == zone.TypeCNAME && !alone {
		err = errors.New("a CNAME beside other types (RFC 1034 section 3.6.2)")
	}
	if err != nil {
		reason := err.Error()
		b.problem(zone.String(e.name), string(e.set.Type), reason)
		s = zone.NewUnservable(e.rrtype, reason, rawsOf(entries))
	}
	if b.over && b.edit.Lookup(e.name).RRset(e.rrtype).Equal(s) {
		return // its page stays that of the tree before
	}
	err = b.edit.Put(e.name, s)
	if err != nil {
		b.problem(zone.String(e.name), string(e.set.Type), fmt.Sprintf("has no place in the zone: %v", err))
	}
}

// rawsOf is the JSON of record sets, one a line.
func rawsOf(entries []entry) []byte {
	lines := make([][]byte, len(entries))
	for i, e := range entries {
		lines[i] = rawOf(e.set)
	}
	return bytes.Join(lines, []byte("\n"))
}

// rrset packs the record sets of one name and type: a plain set or alias, or the group
// of their routing policy.
func (b *builder) rrset(entries []entry) (zone.RRset, error) {
	e := entries[0]
	if e.rrtype == unknownType {
		return zone.RRset{}, fmt.Errorf("type %q is not known", e.set.Type)
	}
	policy, err := policyOf(entries)
	if err != nil {
		return zone.RRset{}, err
	}
	if policy == zone.Simple && len(entries) == 1 && e.set.HealthCheckId == nil && e.set.SetIdentifier == nil {
		return b.plain(e)
	}
	return b.group(policy, entries)
}

// plain packs a record set without policy.
func (b *builder) plain(e entry) (zone.RRset, error) {
	set := e.set
	switch {
	case set.AliasTarget != nil && len(set.ResourceRecords) > 0:
		return zone.RRset{}, errors.New("both values and an alias target")
	case set.AliasTarget != nil:
		return b.alias(e)
	case len(set.ResourceRecords) == 0:
		return zone.RRset{}, errors.New("neither values nor an alias target")
	case set.TTL == nil:
		return zone.RRset{}, errors.New("no TTL")
	case *set.TTL < 0 || *set.TTL > math.MaxInt32: // RFC 2181 section 8
		return zone.RRset{}, fmt.Errorf("TTL %d is not between 0 and %d", *set.TTL, math.MaxInt32)
	}
	if len(set.ResourceRecords) > maxValues {
		b.problem(zone.String(e.name), string(set.Type),
			fmt.Sprintf("%d values, more than the %d that Route 53 allows; served", len(set.ResourceRecords), maxValues))
	}
	values := make([][]byte, 0, len(set.ResourceRecords))
	for i := range set.ResourceRecords {
		packed, err := rdata.ParseValue(e.rrtype, aws.ToString(set.ResourceRecords[i].Value))
		if err != nil {
			return zone.RRset{}, err
		}
		// An RRset has no duplicates (RFC 2181 section 5.5), but one address may be
		// written in two ways.
		if !slices.ContainsFunc(values, func(v []byte) bool { return bytes.Equal(v, packed) }) {
			values = append(values, packed)
		}
	}
	return zone.NewRecords(e.rrtype, uint32(*set.TTL), values...)
}

func (b *builder) alias(e entry) (zone.RRset, error) {
	target := e.set.AliasTarget
	name, err := rdata.ParseName(aws.ToString(target.DNSName))
	if err != nil {
		return zone.RRset{}, fmt.Errorf("alias target: %w", err)
	}
	id := zoneID(target.HostedZoneId)
	return zone.NewAlias(e.rrtype, zone.Alias{
		ZoneID:   []byte(id),
		Target:   name,
		Health:   target.EvaluateTargetHealth,
		SameZone: id == b.hosted.ID,
	}), nil
}

func (b *builder) problem(name, rrtype, reason string) {
	b.problems = append(b.problems, zonesource.Problem{Zone: b.zoneText, Name: name, Type: rrtype, Reason: reason})
}
