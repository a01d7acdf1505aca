package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/past"
	"inside53/zonesource/changes"
	"inside53/zonesource/rdata"
	"inside53/zonesource/recorder"
)

// pastFlags say which moment of which server's past is meant.
type pastFlags struct{ at, to string }

// errNoConfig says that nobody knows where the past is.
var errNoConfig = usage{errors.New("--at needs --config: the past is in its state_dir")}

// zoneAt is a hosted zone as it was.
type zoneAt struct {
	sets  []changes.RecordSet
	notes []changes.Note
	from  time.Time // when the version was made
}

// readPast reads a hosted zone as it was at a time.
func readPast(ctx context.Context, path, text, id string) (*zoneAt, error) {
	if path == "" {
		return nil, errNoConfig
	}
	at, err := recorder.ParseMoment(text, time.Now())
	if err != nil {
		return nil, usage{err}
	}
	c, err := loadConfig(path)
	if err != nil {
		return nil, err
	}
	l, err := past.Ledger(ctx, c)
	if err != nil {
		return nil, err
	}
	p, err := recorder.ZoneAt(ctx, l, at, id)
	if err != nil {
		return nil, fmt.Errorf("reading the past in %s: %w", c.StateDir, err)
	}
	z := &zoneAt{from: p.Listed}
	z.sets, z.notes = changes.Stored(p.Zone)
	return z, nil
}

// wanted are the record sets of the past in the zone of today: what could not be expressed
// when it was read stays as it is.
func (z *zoneAt) wanted(current []changes.RecordSet) (sets []changes.RecordSet, notes []string) {
	sets = slices.Clone(z.sets)
	for _, n := range z.notes {
		name, kind := *n.Set.Name, n.Set.Type
		notes = append(notes, fmt.Sprintf("%s stays as it is: %s", nameOf(&n.Set), n.Reason))
		for _, r := range current {
			if *r.Name == name && r.Type == kind {
				sets = append(sets, r)
			}
		}
	}
	return sets, notes
}

// difference is the plan that makes a zone as it was, or what it was at one time as it was
// at another.
func (f *pastFlags) difference(ctx context.Context, c console, client *changes.Client, which zoneFlags, path string,
	args []string, asJSON bool,
) (changes.Plan, error) {
	var none changes.Plan
	if len(args) != 1 || f.at == "" {
		return none, usage{errors.New("--at and --to compare one zone with its own past: zone diff ZONE --at T [--to T]")}
	}
	z, err := which.find(ctx, client, args[0])
	if err != nil {
		return none, err
	}
	from, err := readPast(ctx, path, f.at, z.ID)
	if err != nil {
		return none, err
	}
	var current, wanted []changes.RecordSet
	var notes []string
	if f.to == "" {
		current, err = client.Records(ctx, z)
		wanted, notes = from.wanted(current)
	} else {
		var until *zoneAt
		until, err = readPast(ctx, path, f.to, z.ID)
		if err == nil {
			current, wanted = from.sets, until.sets
		}
	}
	if err == nil && !asJSON {
		err = printNotes(c, notes)
	}
	if err != nil {
		return none, err
	}
	p := changes.NewPlan(z, current, wanted, true)
	p.Notes = nil
	return p, nil
}

// owners are the keys that may update a name of a zone, by the configuration.
func owners(c *config.Config, z changes.Zone, name string) []string {
	wire, err := rdata.ParseName(name)
	if err != nil {
		return nil
	}
	var keys []string
	for _, u := range c.Updates {
		switch {
		case u.Zone.IsID() && string(u.Zone) != z.ID:
			continue
		case !u.Zone.IsID() && (changes.CanonicalName(string(u.Zone)) != z.Name ||
			(u.Visibility == config.PrivateZone) != z.Private):
			continue
		}
		if !slices.ContainsFunc(u.Names, func(n config.NamePattern) bool { return covers(string(n), wire) }) {
			continue
		}
		for _, k := range u.Keys {
			if !slices.Contains(keys, string(k)) {
				keys = append(keys, string(k))
			}
		}
	}
	return keys
}

// covers reports whether a name of updates means a name.
func covers(pattern string, name []byte) bool {
	if pattern == "*" {
		return true
	}
	text, below := strings.CutPrefix(pattern, "*.")
	p, err := rdata.ParseMasterName(text)
	if err != nil {
		return false
	}
	if below {
		return len(name) > len(p) && zone.IsSubdomain(name, p)
	}
	return string(name) == string(p)
}
