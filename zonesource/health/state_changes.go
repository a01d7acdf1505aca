package health

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/atomicfile"
)

// Beside the state file there may be one with what has changed since it was written: a line of
// changesMark and the state file's sum, and then for each change a line of a sum and a state, as
// JSON, that has no more than what differs. The sum is that of the line before's, in the first the state
// file's, and the JSON. Changes of another state file are of no use, and a line that isn't whole
// ends them: a crash came.
const (
	changesFile = "health.changes"
	changesMark = "inside53 health changes 1 "
	// leastChanges is how large the file may become in any case. All is written whole when it would be
	// more than that and more than half of the state file.
	leastChanges = 16 << 10
)

// brief is what of a check is saved as soon as it changes: all but the times of looks and the reasons. It is compared.
type brief struct {
	revision uint64
	asked    bool
	aws      verdict
	local    verdict
}

// verdict is what one of the two sources says.
type verdict struct {
	known, healthy bool
	since          time.Time
}

// briefOf is that of a check. Call it with mu held.
func (m *Monitor) briefOf(id string, c *check) brief {
	b := brief{revision: c.revision, asked: c.asked, aws: verdict{c.aws.Known, c.aws.Healthy, c.aws.Since}}
	if n := m.tally.counts[id]; n != nil {
		b.local = verdict{n.ever, n.healthy, n.since}
	}
	return b
}

// saver writes what is known, a change alone where it can. It is for one goroutine.
type saver struct {
	m *Monitor

	// What the two files have; without a sum that isn't known.
	checks  map[string]brief
	targets map[string]map[string]zone.Target
	base    fs.FileInfo // the state file
	sum     string      // of the state file, or of the last change
	changes int64       // octets of the file of changes; 0: there is none
}

// save saves all, or what has changed where that is enough.
func (s *saver) save(whole bool) {
	m := s.m
	var err error
	if whole || !s.append() {
		err = s.write()
	}
	if err != nil && m.store.state == nil {
		m.log.Error("health not saved", "error", err)
	}
	m.store.state.Note("health", err)
}

// write writes all, and removes the changes, which are in it.
func (s *saver) write() error {
	m := s.m
	*s = saver{m: m}
	m.mu.Lock()
	st, checks, targets := m.snapshot(), make(map[string]brief, len(m.checks)), maps.Clone(m.targets)
	for id, c := range m.checks {
		checks[id] = m.briefOf(id, c)
	}
	m.mu.Unlock()
	sum, err := m.store.write(st)
	if err != nil {
		return err
	}
	err = os.Remove(filepath.Join(m.store.dir, changesFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	base, err := os.Stat(filepath.Join(m.store.dir, stateFile))
	if err != nil {
		return err
	}
	*s = saver{m: m, checks: checks, targets: targets, base: base, sum: sum}
	return nil
}

// append saves what has changed alone, if that can be done. After a fault it can't before all was
// written.
func (s *saver) append() (done bool) {
	store := s.m.store
	if s.sum == "" || store.state.Hold() != nil {
		return false
	}
	is, err := os.Stat(filepath.Join(store.dir, stateFile))
	if err != nil || !os.SameFile(is, s.base) || !is.ModTime().Equal(s.base.ModTime()) {
		return false
	}
	st, found := s.differing()
	if !found {
		return false
	}
	if st == nil {
		return true
	}
	text, err := json.Marshal(st)
	if err != nil {
		return false
	}
	line, sum := changeLine(s.sum, text)
	if s.changes == 0 {
		line = append([]byte(changesMark+s.sum+"\n"), line...)
	}
	size := s.changes + int64(len(line))
	if size > max(leastChanges, s.base.Size()/2) {
		return false
	}
	s.sum = "" // until all of it is there
	err = atomicfile.Append(filepath.Join(store.dir, changesFile), s.changes, line)
	if err != nil {
		return false
	}
	s.sum, s.changes = sum, size
	return true
}

// differing is what differs from what the files have, nil for nothing, and takes it as written. It isn't
// found where something is gone.
func (s *saver) differing() (st *state, found bool) {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	st = &state{Saved: m.options.Now(), Listed: maps.Clone(m.listed), Targets: map[string]map[string]zone.Target{}}
	left := len(s.checks)
	for id, c := range m.checks {
		was, had := s.checks[id]
		is := m.briefOf(id, c)
		if had {
			left--
		}
		if !had || was != is {
			st.Checks = append(st.Checks, m.toSave(id, c))
			s.checks[id] = is
		}
	}
	places := len(s.targets)
	for place, targets := range m.targets {
		before, had := s.targets[place]
		if had {
			places--
		}
		differ, all := differingTargets(before, targets)
		if !all {
			return nil, false
		}
		if !had || len(differ) > 0 {
			st.Targets[place] = differ
		}
	}
	if left > 0 || places > 0 {
		return nil, false
	}
	s.targets = maps.Clone(m.targets)
	if len(st.Checks) == 0 && len(st.Targets) == 0 {
		return nil, true
	}
	return st, true
}

// differingTargets are those that differ in more than times, by name as text; all says that none is gone.
func differingTargets(was, is map[string]zone.Target) (differ map[string]zone.Target, all bool) {
	differ = map[string]zone.Target{}
	left := len(was)
	for name, t := range is {
		before, had := was[name]
		if had {
			left--
		}
		if !had || before.Healthy != t.Healthy || before.Why != t.Why {
			differ[zone.String([]byte(name))] = t
		}
	}
	return differ, left == 0
}

// changeLine is the line of a change, and its sum.
func changeLine(before string, text []byte) (line []byte, sum string) {
	sum = fmt.Sprintf("%x", sha256.Sum256(append([]byte(before), text...)))
	return fmt.Appendf(nil, "%s %s\n", sum, text), sum
}

var errNotWhole = errors.New("a change isn't whole")

// readChanges lays what has changed over a state of that sum. The error says why not all of it could be read.
func (s store) readChanges(st *state, sum string) error {
	text, err := os.ReadFile(filepath.Join(s.dir, changesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	rest, ours := bytes.CutPrefix(text, []byte(changesMark+sum+"\n"))
	if !ours && !bytes.Contains(text, []byte("\n")) {
		return errNotWhole
	}
	if !ours {
		return nil // all was written since
	}
	places := make(map[string]int, len(st.Checks))
	for i := range st.Checks {
		places[st.Checks[i].Definition.ID] = i
	}
	for len(rest) > 0 {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		_, body, _ := bytes.Cut(line, []byte(" "))
		want, next := changeLine(sum, body)
		if !whole || !bytes.Equal(want[:len(want)-1], line) {
			return errNotWhole
		}
		var change state
		err = json.Unmarshal(body, &change)
		if err != nil {
			return err
		}
		st.lay(&change, places)
		rest, sum = after, next
	}
	return nil
}

// lay lays a change over a state, the checks of which have those places.
func (st *state) lay(change *state, places map[string]int) {
	st.Saved, st.Listed = change.Saved, change.Listed
	for _, c := range change.Checks {
		i, there := places[c.Definition.ID]
		if !there {
			i = len(st.Checks)
			places[c.Definition.ID] = i
			st.Checks = append(st.Checks, savedCheck{})
		}
		st.Checks[i] = c
	}
	for place, targets := range change.Targets {
		if st.Targets[place] == nil {
			st.Targets[place] = map[string]zone.Target{}
		}
		maps.Copy(st.Targets[place], targets)
	}
}
