package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/changes"
	"inside53/zonesource/rdata"
)

// client is what is called of Route 53. *changes.Client has it.
type client interface {
	Records(ctx context.Context, z changes.Zone) ([]changes.RecordSet, error)
	RecordsOf(ctx context.Context, z changes.Zone, names []string) ([]changes.RecordSet, error)
	Submit(ctx context.Context, z changes.Zone, b changes.Batch) (string, error)
}

const (
	// wholeFrom is from how many names on the whole zone is read.
	wholeFrom = 100
	// plans is how often is planned anew after somebody else changed the same.
	plans = 5
)

// read returns what Route 53 has at names.
func (p *planner) read(ctx context.Context, c client, names []string) ([]changes.RecordSet, error) {
	if len(names) >= wholeFrom {
		return c.Records(ctx, p.hosted)
	}
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = rdata.FormatName([]byte(n))
	}
	return c.RecordsOf(ctx, p.hosted, texts)
}

// outcome is what came of making one version.
type outcome struct {
	ids      []string // of changes
	changes  int
	problems []zonesource.Problem
	sets     []zonesource.Amended // what was made
}

// make makes the target in the hosted zone. An error leaves it made in part.
func (p *planner) make(ctx context.Context, c client) (outcome, error) {
	var done outcome
	names := p.affected()
	for range plans {
		if len(names) == 0 {
			return done, nil
		}
		current, err := p.read(ctx, c, names)
		if err != nil {
			return done, fmt.Errorf("reading %d names of the %s: %w", len(names), p.hosted, err)
		}
		plan, problems := p.plan(names, current)
		done.problems = append(slices.DeleteFunc(done.problems, func(o zonesource.Problem) bool {
			return slices.ContainsFunc(names, func(n string) bool { return zone.String([]byte(n)) == o.Name })
		}), problems...)
		names, err = p.send(ctx, c, plan.Units(), &done)
		if err != nil {
			return done, err
		}
	}
	return done, fmt.Errorf("the %s is changed by others again and again at the same names", p.hosted)
}

// send sends units as few batches. It returns the names that somebody else has changed meanwhile.
// Of a batch that Route 53 refuses for another reason the units at fault are told apart.
func (p *planner) send(ctx context.Context, c client, units []changes.Unit, done *outcome) (again []string, err error) {
	batches, err := changes.Split(units)
	if err != nil {
		return nil, err
	}
	for _, b := range batches {
		more, err := p.sendBatch(ctx, c, b, done)
		again = append(again, more...)
		if err != nil {
			return again, err
		}
	}
	return again, nil
}

func (p *planner) sendBatch(ctx context.Context, c client, b changes.Batch, done *outcome) (again []string, err error) {
	id, err := c.Submit(ctx, p.hosted, b)
	var refused *changes.RefusedError
	switch {
	case err == nil:
		done.ids = append(done.ids, id)
		done.changes += len(b)
		done.sets = append(done.sets, p.amended(b)...)
		return nil, nil
	case !errors.As(err, &refused):
		return nil, err
	case refused.Changed():
		return namesOf(b), nil
	}
	units := unitsOf(b)
	if len(units) == 1 {
		name, _ := rdata.ParseName(aws.ToString(b[0].Set.Name))
		done.problems = append(done.problems, zonesource.Problem{
			Zone: zone.String(p.apex), Name: zone.String(name), Type: string(b[0].Set.Type),
			Reason: "not followed: Route 53 says: " + strings.Join(refused.Reasons, "; "),
		})
		return nil, nil
	}
	for _, half := range [][]changes.Unit{units[:len(units)/2], units[len(units)/2:]} {
		more, err := p.send(ctx, c, half, done)
		again = append(again, more...)
		if err != nil {
			return again, err
		}
	}
	return again, nil
}

// unitsOf are the changes of a batch, those of one name together.
func unitsOf(b changes.Batch) []changes.Unit {
	var units []changes.Unit
	at := map[string]int{}
	for _, ch := range b {
		name := changes.CanonicalName(aws.ToString(ch.Set.Name))
		i, known := at[name]
		if !known {
			i = len(units)
			at[name] = i
			units = append(units, nil)
		}
		units[i] = append(units[i], ch)
	}
	return units
}

// namesOf are the names of a batch in wire form, each once.
func namesOf(b changes.Batch) []string {
	var names []string
	for i := range b {
		name, err := rdata.ParseName(aws.ToString(b[i].Set.Name))
		if err == nil && !slices.Contains(names, string(name)) {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return names
}

// amended are the RRsets that a batch leaves.
func (p *planner) amended(b changes.Batch) []zonesource.Amended {
	var out []zonesource.Amended
	seen := map[setKey]bool{}
	for i := range b {
		name, err := rdata.ParseName(aws.ToString(b[i].Set.Name))
		rrtype, known := rdata.Type(string(b[i].Set.Type))
		k := setKey{string(name), rrtype}
		if err != nil || !known || seen[k] {
			continue
		}
		seen[k] = true
		out = append(out, zonesource.Amended{Name: name, Type: rrtype, Set: p.target.Lookup(name).RRset(rrtype)})
	}
	return out
}

// serialOf is the serial of a version.
func serialOf(t *zone.Tree) uint32 {
	if t == nil {
		return 0
	}
	data := t.Lookup(t.Apex()).RRset(zone.TypeSOA).First()
	if len(data) < 22 {
		return 0
	}
	at := len(data) - 20
	return uint32(data[at])<<24 | uint32(data[at+1])<<16 | uint32(data[at+2])<<8 | uint32(data[at+3])
}

// amend has what was made served before it is listed.
func (s *Source) amend(hosted *zone.Zone, done outcome, accepted time.Time) {
	if len(done.sets) == 0 || s.options.Amend == nil {
		return
	}
	a := &zonesource.Amendment{
		Source: s.options.HostedSource, Zone: hosted.ID, Accepted: accepted, Sets: done.sets,
		Change: done.ids[len(done.ids)-1], Kind: zonesource.ByFollow, Actor: s.name, Ended: func([]zonesource.Amended) {},
	}
	err := s.options.Amend(a)
	if err != nil {
		s.log.Error("what was followed can't be served before it is listed", "zone", s.name, "error", err)
		return
	}
	s.unsynced = append(s.unsynced, a)
}
