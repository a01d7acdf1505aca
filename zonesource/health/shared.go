package health

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"inside53/resolver/zone"
)

// Where several servers share what AWS says, one reads it, and the others adopt its word:
// records by key, "c/ID" of a health check and "b/ACCOUNT/REGION/NAME" of a load balancer. What
// was seen last stands in none, or each reading would change them all: it is told as an age.

const (
	checkPrefix    = "c/"
	balancerPrefix = "b/"
)

// sharedCheck is the record of a health check.
type sharedCheck struct {
	Definition definition
	Asked      bool
	AWS        zone.Observation // Seen is zero
}

// Read reads AWS until ctx ends, which is its error. Of a monitor whose Options.Shared is
// false, Run does it.
func (m *Monitor) Read(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, r := range m.readers {
		g.Go(func() error { return r.run(ctx) })
	}
	for _, r := range m.groups {
		g.Go(func() error { return r.run(ctx) })
	}
	return g.Wait()
}

// Word is what AWS says, as records. It is nil until something was read.
func (m *Monitor) Word() (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.listed) == 0 {
		return nil, nil
	}
	records := map[string][]byte{}
	for id, c := range m.checks {
		one := sharedCheck{c.definition, c.asked, c.aws}
		one.AWS.Seen = time.Time{}
		text, err := json.Marshal(one)
		if err != nil {
			return nil, fmt.Errorf("encoding the health check %s: %w", id, err)
		}
		records[checkPrefix+id] = text
	}
	for place, targets := range m.targets {
		for name, t := range targets {
			t.Seen = time.Time{}
			text, err := json.Marshal(t)
			if err != nil {
				return nil, fmt.Errorf("encoding the load balancer %s: %w", zone.String([]byte(name)), err)
			}
			records[balancerPrefix+place+"/"+zone.String([]byte(name))] = text
		}
	}
	return records, nil
}

// WordAge is how long ago the check was looked at that was looked at last; false for never.
func (m *Monitor) WordAge() (time.Duration, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var last time.Time
	for _, at := range m.listed {
		if at.After(last) {
			last = at
		}
	}
	for _, c := range m.checks {
		if c.aws.Seen.After(last) {
			last = c.aws.Seen
		}
	}
	return max(0, m.options.Now().Sub(last)), !last.IsZero()
}

// Adopt makes the word of another server what AWS says. The error is that of a record that can't
// be read; then nothing changes.
func (m *Monitor) Adopt(records map[string][]byte) error {
	checks, targets := map[string]sharedCheck{}, map[string]map[string]zone.Target{}
	for key, text := range records {
		err := readRecord(key, text, checks, targets)
		if err != nil {
			return fmt.Errorf("reading %s: %w", key, err)
		}
	}
	defined := map[string]map[string]definition{}
	for _, r := range m.readers {
		defined[r.account.Name] = map[string]definition{}
	}
	for id, c := range checks {
		of := defined[c.Definition.Account]
		if of != nil {
			of[id] = c.Definition
		}
	}
	m.mu.Lock()
	listed := maps.Clone(m.listed)
	m.mu.Unlock()
	now := m.options.Now()
	for account, found := range defined {
		m.define(account, found, now)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listed = listed // this server hasn't
	for id, c := range checks {
		is := m.checks[id]
		if is == nil || !m.options.Mode.asks(c.Definition.Type) {
			continue
		}
		c.AWS.Seen = is.aws.Seen
		if c.AWS.Known && c.AWS.Seen.IsZero() {
			c.AWS.Seen = now
		}
		is.asked, is.aws = c.Asked, c.AWS
	}
	for place, found := range targets {
		for name, t := range found {
			t.Seen = now
			found[name] = t
		}
		m.targets[place] = found
	}
	for place := range m.targets {
		if targets[place] == nil {
			delete(m.targets, place)
		}
	}
	m.changed(true)
	return nil
}

// readRecord reads one record into its place.
func readRecord(key string, text []byte, checks map[string]sharedCheck,
	targets map[string]map[string]zone.Target,
) error {
	if id, is := strings.CutPrefix(key, checkPrefix); is {
		var one sharedCheck
		err := json.Unmarshal(text, &one)
		checks[id] = one
		return err
	}
	rest, is := strings.CutPrefix(key, balancerPrefix)
	at := strings.LastIndexByte(rest, '/')
	if !is || at < 0 {
		return nil // of a later program
	}
	name, err := zone.ParseName(rest[at+1:])
	if err != nil {
		return err
	}
	var t zone.Target
	err = json.Unmarshal(text, &t)
	place := rest[:at]
	if targets[place] == nil {
		targets[place] = map[string]zone.Target{}
	}
	targets[place][string(name)] = t
	return err
}

// Age tells how long ago AWS was asked, by another server.
func (m *Monitor) Age(age time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := m.options.Now().Add(-age)
	for _, c := range m.checks {
		if c.aws.Known {
			c.aws.Seen = seen
		}
	}
	for _, targets := range m.targets {
		for name, t := range targets {
			t.Seen = seen
			targets[name] = t
		}
	}
	m.changed(false)
}

// Differing are the records in which a word differs from another: with no value those that are
// gone.
func Differing(was, is map[string][]byte) map[string][]byte {
	out := map[string][]byte{}
	for key, text := range is {
		if !bytes.Equal(was[key], text) {
			out[key] = text
		}
	}
	for key := range was {
		_, there := is[key]
		if !there {
			out[key] = nil
		}
	}
	return out
}
