package health

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/atomicfile"
	"inside53/zonesource/refresh"
	"inside53/zonesource/statedir"
)

// The state file is one line, stateMark and the SHA-256 of the rest in hexadecimal, and
// then the state as JSON. There is always a whole one: see package atomicfile.
const (
	stateFile = "health.state"
	stateMark = "inside53 health 1 "
	// maxAge is how old state may be to count.
	maxAge = 24 * time.Hour
	// saveEvery is how often the state is written when only times have changed.
	saveEvery = time.Minute
	// savePause bounds how often it is written when more has.
	savePause = time.Second
)

// state is what is saved.
type state struct {
	Saved   time.Time
	Listed  map[string]time.Time // by account, when its definitions were listed
	Checks  []savedCheck
	Targets map[string]map[string]zone.Target // by account and region, by name as text
}

type savedCheck struct {
	Definition definition
	Asked      bool
	AWS        zone.Observation
	Local      *savedCount `json:",omitempty"` // nil: it is not probed
}

// savedCount is a count without the run that it was in: what has to succeed or fail
// anew is only what counts up to a threshold.
type savedCount struct {
	Ever    bool
	Healthy bool
	Since   time.Time
	Seen    time.Time
	Why     string
}

// store is the place of the state file; without a directory it does nothing.
type store struct {
	dir   string
	state *statedir.Dir // nil: nobody watches it
}

// write replaces the state file, and returns its sum.
func (s store) write(st *state) (sum string, err error) {
	err = s.state.Hold()
	if err != nil {
		return "", err
	}
	body, err := json.MarshalIndent(st, "", " ")
	if err != nil {
		return "", err
	}
	err = os.MkdirAll(s.dir, 0o700)
	if err != nil {
		return "", err
	}
	sum = fmt.Sprintf("%x", sha256.Sum256(body))
	return sum, atomicfile.Write(filepath.Join(s.dir, stateFile), func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s%s\n%s", stateMark, sum, body)
		return err
	})
}

// read returns the state saved and its sum, nil when there is none.
func (s store) read() (st *state, sum string, err error) {
	text, err := os.ReadFile(filepath.Join(s.dir, stateFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	rest, ours := bytes.CutPrefix(text, []byte(stateMark))
	line, body, whole := bytes.Cut(rest, []byte("\n"))
	if !ours || !whole {
		return nil, "", errors.New("not a state of this version")
	}
	sum = fmt.Sprintf("%x", sha256.Sum256(body))
	if string(line) != sum {
		return nil, "", errors.New("checksum is wrong")
	}
	st = &state{}
	return st, sum, json.Unmarshal(body, st)
}

// putAside renames a state that can't be used, so that nothing is lost.
func (s store) putAside(now time.Time) error {
	path := filepath.Join(s.dir, stateFile)
	return os.Rename(path, fmt.Sprintf("%s.unusable-%d", path, now.UnixNano()))
}

// Load takes the saved state and publishes it, or that nothing is known. Only the first
// call does something; [Monitor.Run] makes it if nobody did. State that can't be read
// is put aside and logged.
func (m *Monitor) Load() {
	m.loadOnce.Do(func() {
		st := m.readState()
		if st != nil {
			m.restore(st)
		}
		m.publish()
	})
}

// readState returns the saved state if it can be used.
func (m *Monitor) readState() *state {
	if m.store.dir == "" {
		return nil
	}
	st, sum, err := m.store.read()
	if err != nil && m.store.state.Hold() != nil {
		m.log.Error("saved health unusable", "reason", err)
		return nil
	}
	if err != nil {
		aside := m.store.putAside(m.options.Now())
		m.log.Error("saved health unusable and put aside", "reason", err, "error", aside)
		return nil
	}
	if st == nil {
		return nil
	}
	err = m.store.readChanges(st, sum)
	if err != nil {
		m.log.Warn("saved changes of health not read to their end; those before count", "error", err)
	}
	age := m.options.Now().Sub(st.Saved)
	if age > maxAge {
		m.log.Warn("saved health is too old to count", "age", age.Round(time.Second))
		return nil
	}
	m.log.Info("saved health loaded", "checks", len(st.Checks), "age", age.Round(time.Second))
	return st
}

// restore takes what was saved of the accounts and sources that are still configured.
func (m *Monitor) restore(st *state) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := map[string]bool{}
	for _, r := range m.readers {
		known[r.account.Name] = true
		at := st.Listed[r.account.Name]
		if m.isFresh(at) {
			r.listed, m.listed[r.account.Name] = at, at
		}
	}
	for _, saved := range st.Checks {
		d := saved.Definition
		if !known[d.Account] {
			continue
		}
		c := &check{definition: d}
		m.checks[d.ID] = c
		if m.options.Mode.asks(d.Type) {
			c.asked, c.aws = saved.Asked, saved.AWS
		}
		if !m.options.Mode.probes(&d) {
			continue
		}
		m.tally.watch(&d)
		if l := saved.Local; l != nil {
			n := m.tally.counts[d.ID]
			n.ever, n.healthy, n.since, n.seen, n.why = l.Ever, l.Healthy, l.Since, l.Seen, l.Why
		}
	}
	for _, r := range m.groups {
		targets := map[string]zone.Target{}
		for text, t := range st.Targets[r.place()] {
			name, err := zone.ParseName(text)
			if err == nil {
				targets[string(name)] = t
			}
		}
		m.targets[r.place()] = targets
	}
}

// snapshot is the state to save. Call it with mu held.
func (m *Monitor) snapshot() *state {
	st := &state{Saved: m.options.Now(), Listed: maps.Clone(m.listed),
		Targets: map[string]map[string]zone.Target{}}
	for id, c := range m.checks {
		st.Checks = append(st.Checks, m.toSave(id, c))
	}
	for place, targets := range m.targets {
		named := map[string]zone.Target{}
		for name, t := range targets {
			named[zone.String([]byte(name))] = t
		}
		st.Targets[place] = named
	}
	return st
}

// toSave is what is saved of a check. Call it with mu held.
func (m *Monitor) toSave(id string, c *check) savedCheck {
	saved := savedCheck{Definition: c.definition, Asked: c.asked, AWS: c.aws}
	if n := m.tally.counts[id]; n != nil {
		saved.Local = &savedCount{n.ever, n.healthy, n.since, n.seen, n.why}
	}
	return saved
}

// runSaver saves each change soon, and the rest now and then; at the end once more.
func (m *Monitor) runSaver(ctx context.Context) error {
	if m.store.dir == "" {
		<-ctx.Done()
		return ctx.Err()
	}
	s := saver{m: m}
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.save(true)
			return ctx.Err()
		case <-tick.C:
			s.save(true)
		case <-m.saveNow:
			s.save(false)
		}
		err := refresh.Pause(ctx, savePause)
		if err != nil {
			s.save(true)
			return err
		}
	}
}
