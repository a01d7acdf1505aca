package zonesource

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Adopted is a part as another server has accepted it. A Part without a key is gone, or was
// never read where Err says why.
type Adopted struct {
	Key  Key
	Part Part
	// Err says of a part that was never read why not, and Refused that nobody waits for it.
	Err     error
	Refused bool
}

// Adopt makes parts those that count, all at once, as they are: past the inbox, the guard
// and the amendments, which exist where sources are read. What the configuration doesn't want is
// left out. A part that the compiler doesn't bear stays as it was, and is returned with the
// reason; all others are published when Adopt returns.
func (k *Keeper) Adopt(version uint64, parts []Adopted) map[Key]error {
	k.work.Lock()
	defer k.work.Unlock()
	failed := map[Key]error{}
	k.adopt(parts, failed)
	k.waitAnew()
	for key, err := range failed {
		k.log.Error("part not adopted; it stays as it was", "version", version, "part", key, "error", err)
	}
	return failed
}

// Mark notes what all parts that are kept were adopted as, up to 4 KiB: it is saved in the state directory once they
// are, so that it is never of later parts than those that are loaded with it, but for a host that breaks down.
func (k *Keeper) Mark(mark []byte) { k.saver.setMark(mark) }

// Marked is the mark that the state directory has, nil for none.
func (k *Keeper) Marked() []byte {
	if k.saver.store == nil {
		return nil
	}
	return k.saver.store.loadMark()
}

// waitAnew has the loop wait by the ages that parts have now.
func (k *Keeper) waitAnew() {
	select {
	case k.rearm <- struct{}{}:
	default: // it is about to
	}
}

// adopt adopts some parts, and halves them to find those that can't be. The caller holds work.
func (k *Keeper) adopt(parts []Adopted, failed map[Key]error) {
	before := k.recall(parts)
	changed := false
	for _, a := range parts {
		changed = k.adoptOne(a) || changed
	}
	if !changed && k.compiled != nil && !k.agedDifferently() {
		return
	}
	err := k.compile()
	if err == nil {
		return
	}
	before.restore(k)
	if len(parts) <= 1 {
		for _, a := range parts {
			failed[a.Key] = err
		}
		return
	}
	half := len(parts) / 2
	k.adopt(parts[:half], failed)
	k.adopt(parts[half:], failed)
}

// adoptOne makes one part the one that counts and reports whether anything has changed. The
// caller holds work.
func (k *Keeper) adoptOne(a Adopted) bool {
	h, there := k.held[a.Key]
	switch {
	case a.Part.Key != (Key{}):
		if !k.wanted.wants(a.Part) {
			return false
		}
		changed := k.accept(a.Part)
		h = k.held[a.Key]
		h.read, h.pending, h.vanish, h.givenUp = true, nil, nil, false
		k.set(a.Key, h)
		k.saver.note(k.parts[a.Key], changed)
		return changed
	case a.Err != nil:
		if !k.wanted.sources[a.Key.Source] {
			return false
		}
		changed := h.err == nil || h.givenUp != a.Refused || h.good()
		if h.good() {
			k.remove(a.Key, Cause{})
			h = held{}
		}
		h.err, h.givenUp, h.tried = a.Err, a.Refused, k.now()
		k.set(a.Key, h)
		return changed
	case there:
		k.remove(a.Key, Cause{})
		return true
	}
	return false
}

// memory is what some keys had.
type memory struct {
	parts   map[Key]Part
	held    map[Key]held
	touched map[Key]bool
	keys    []Key
}

// recall notes what the keys of parts have. The caller holds work.
func (k *Keeper) recall(parts []Adopted) *memory {
	m := &memory{parts: map[Key]Part{}, held: map[Key]held{}, touched: maps.Clone(k.touched)}
	for _, a := range parts {
		m.keys = append(m.keys, a.Key)
		p, there := k.parts[a.Key]
		if there {
			m.parts[a.Key] = p
		}
		h, there := k.held[a.Key]
		if there {
			m.held[a.Key] = h
		}
	}
	return m
}

// restore has the keys have what they had. The caller holds work of k.
func (m *memory) restore(k *Keeper) {
	for _, key := range m.keys {
		p, there := m.parts[key]
		if there {
			k.parts[key] = p
			k.saver.note(p, true)
		} else {
			delete(k.parts, key)
			k.saver.remove(key)
		}
		h, there := m.held[key]
		k.mu.Lock()
		if there {
			k.hold(key, h)
		} else {
			k.letGo(key)
		}
		k.mu.Unlock()
	}
	k.touched = m.touched
}

// errPanic says that the compiler has panicked.
var errPanic = errors.New("the compiler doesn't bear it")

// guarded calls what compiles; a panic is an error.
func guarded(compile func() (*Compiled, error)) (c *Compiled, err error) {
	defer func() {
		fault := recover()
		if fault != nil {
			c, err = nil, fmt.Errorf("%w: %v", errPanic, fault)
		}
	}()
	return compile()
}

// adoptedOf are parts by their keys.
func adoptedOf(parts []Part) []Adopted {
	all := make([]Adopted, len(parts))
	for i, p := range parts {
		all[i].Key = p.Key
	}
	return all
}

// partByPart publishes parts that were delivered one after the other, from what there was
// before, so that one that the compiler doesn't bear keeps no other from being published. The
// caller holds work.
func (k *Keeper) partByPart(parts []Part, before *memory) error {
	before.restore(k)
	k.notes = nil
	var faults []error
	for _, p := range parts {
		was := k.recall(adoptedOf([]Part{p}))
		if !k.deliver(p, Cause{}) {
			continue
		}
		err := k.compile()
		if err == nil {
			continue
		}
		was.restore(k)
		k.notes = nil
		h := k.held[p.Key]
		h.err = err
		k.set(p.Key, h)
		faults = append(faults, fmt.Errorf("%v: %w", p.Key, err))
	}
	return errors.Join(faults...)
}

// Age tells of parts how old they are, where another server reads them.
func (k *Keeper) Age(age func(Key) (time.Duration, bool)) {
	k.work.Lock()
	defer k.work.Unlock()
	now := k.now()
	for key, h := range k.held {
		old, known := age(key)
		if !known || !h.good() {
			continue
		}
		h.part.Listed = now.Add(-old)
		h.tried = h.part.Listed
		k.parts[key] = h.part
		k.set(key, h)
		k.saver.note(h.part, false)
	}
	k.waitAnew()
	if k.compiled == nil || !k.agedDifferently() {
		return
	}
	err := k.compile()
	if err != nil {
		k.log.Error("new ages not published", "error", err)
	}
}

// noteStandings notes how parts stand that aren't there, where that has changed. The caller
// holds work.
func (k *Keeper) noteStandings(missing []Gap) {
	if k.accepted == nil {
		return
	}
	is := make(map[Key]bool, len(missing))
	for _, g := range missing {
		err := k.held[g.Key].err
		if err == nil {
			continue
		}
		refused := g.Standing == GivenUp
		was, known := k.standings[g.Key]
		is[g.Key] = refused
		if !known || was != refused {
			k.note(g.Key, Part{Key: g.Key, Err: err, Refused: refused}, Cause{})
		}
	}
	k.standings = is
}

// Served returns the last good parts of all sources but files, which each server has of its
// own.
func (k *Keeper) Served() []Part {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []Part
	for key, h := range k.held {
		if key.Source != fileSource && h.serves() {
			out = append(out, h.part)
		}
	}
	slices.SortFunc(out, func(a, b Part) int { return a.Key.compare(b.Key) })
	return out
}

// Self is where inside53 runs, as far as that is known.
func (k *Keeper) Self() Self {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.cfg.Self
}

// Ages are how old what was read of sources is, in seconds: of each source that of the oldest
// part whose last listing was good, by its name, and of parts that are older, by SOURCE/NAME.
func (k *Keeper) Ages() map[string]float64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	ages, now := map[string]float64{}, k.now()
	for key, h := range k.held {
		if h.good() && h.err == nil {
			ages[key.Source] = max(ages[key.Source], now.Sub(h.part.Listed).Seconds(), 0)
		}
	}
	for key, h := range k.held {
		age := max(0, now.Sub(h.part.Listed).Seconds())
		of, known := ages[key.Source]
		if h.good() && h.err != nil && (!known || age > of) {
			ages[key.Source+"/"+key.Name] = age
		}
	}
	return ages
}

// Wants reports whether the configuration wants a part.
func (k *Keeper) Wants(p Part) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.wanted.wants(p)
}

// AllFail reports whether the last listing of all that was listed has failed.
func (k *Keeper) AllFail() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, h := range k.held {
		if h.err == nil && !h.tried.IsZero() {
			return false
		}
	}
	return len(k.held) > 0
}
