package ledger

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"inside53/zonesource/clock"
)

// Retention says how much of the past is kept.
type Retention struct {
	Keep time.Duration // versions that were the newest within it
	Max  int64         // octets of all objects; 0 is no bound
	Now  time.Time
}

const (
	// keepLeast is what is kept over any Max.
	keepLeast = 24 * time.Hour
	// sweepAge is the age after which what no commit names is removed.
	sweepAge = 7 * 24 * time.Hour
)

// Retained is what retention has found.
type Retained struct {
	Removed int   // commits
	Octets  int64 // of all objects
	Over    bool  // more than Max, though all is gone that may
}

// Pack writes the history of finished hours as packs, and joins small ones.
func (l *Ledger) Pack(ctx context.Context, v *Version, now time.Time) error {
	all, err := l.packs(ctx)
	if err != nil {
		return fmt.Errorf("packing the past: %w", err)
	}
	var fresh []Past // newest first
	w := &walk{l: l, packs: plan(all), next: v.Name, at: v.Number(), tail: map[string]*Commit{}}
	for w.next != "" {
		e, err := w.step(ctx)
		if isAbsent(err) {
			break
		}
		if err != nil {
			return fmt.Errorf("packing the past: %w", err)
		}
		if !w.fresh {
			break
		}
		if e.At.Before(now.Truncate(time.Hour)) {
			e.Parts, e.Dropped = nil, nil
			fresh = append(fresh, *e)
		}
	}
	slices.Reverse(fresh)
	if len(fresh) == 0 {
		return nil
	}
	var old []packed
	for _, p := range plan(all) {
		if p.Size >= smallPack || p.to >= fresh[0].Version {
			break
		}
		old = append(old, p)
	}
	if len(old) < smallPacks {
		return l.writePacks(ctx, fresh)
	}
	return l.joinPacks(ctx, old, fresh)
}

// joinPacks makes one pack of small ones, which come newest first, and what follows them.
func (l *Ledger) joinPacks(ctx context.Context, old []packed, fresh []Past) error {
	var joined []Past
	for _, p := range slices.Backward(old) {
		is, err := l.past(ctx, p.Name)
		if err != nil {
			joined = nil // it is walked over by its commits until it is gone
			continue
		}
		if n := len(joined); n > 0 && joined[n-1].Name != is.entries[0].Previous {
			joined = nil
		}
		joined = append(joined, is.entries...)
	}
	if n := len(joined); n > 0 && joined[n-1].Name != fresh[0].Previous {
		joined = nil
	}
	err := l.writePacks(ctx, append(joined, fresh...))
	if err != nil || joined == nil {
		return err
	}
	for _, p := range old {
		if p.from < joined[0].Version {
			continue
		}
		err = l.store.Delete(ctx, p.Name)
		if err != nil {
			return fmt.Errorf("removing %s: %w", p.Name, err)
		}
	}
	return nil
}

// writePacks writes versions, oldest first, in packs of a bounded size.
func (l *Ledger) writePacks(ctx context.Context, entries []Past) error {
	for len(entries) > 0 {
		n, size := 0, 0
		for n < len(entries) && (n == 0 || size < packContent) {
			size += entries[n].size()
			n++
		}
		body, err := l.encodePast(entries[:n])
		if err != nil {
			return err
		}
		err = l.create(ctx, pastName(entries[0].Version, entries[n-1].Version, body), body)
		if err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// size is about what an entry takes in a pack.
func (e *Past) size() int {
	n := 200 + len(e.Actor)
	for _, c := range e.Changes {
		n += 16 + len(c.Part) + len(c.Zone) + len(c.Name) + len(c.Set)
		for _, values := range [][]string{c.Was, c.Now} {
			for _, value := range values {
				n += 2 + len(value)
			}
		}
	}
	return n
}

// Retain removes what of the past isn't to be kept: from the oldest commit forward, first
// the commit, then what its successor has dropped. What a reader of head needs stays, and
// so does the newest version older than Keep.
func (l *Ledger) Retain(ctx context.Context, v *Version, r Retention) (Retained, error) {
	var out Retained
	sizes, err := l.sizes(ctx)
	if err != nil {
		return out, err
	}
	for _, n := range sizes {
		out.Octets += n
	}
	var chain []Past // newest first, as long as the commits are there
	for e, err := range l.History(ctx, v) {
		if err != nil {
			return out, err
		}
		_, there := sizes[e.Name]
		if !there {
			break
		}
		chain = append(chain, Past{Name: e.Name, Commit: Commit{Version: e.Version, At: e.At}})
	}
	slices.Reverse(chain)
	if len(chain) > 0 { // what the last time was ended before
		freed, err := l.forget(ctx, "", chain[0].Name, sizes)
		out.Octets -= freed
		if err != nil {
			return out, err
		}
	}
	for i := range len(chain) - 1 {
		tooOld := !chain[i+1].At.After(r.Now.Add(-r.Keep))
		tooMuch := r.Max > 0 && out.Octets > r.Max && chain[i+1].At.Before(r.Now.Add(-clock.Age(keepLeast)))
		if !tooOld && !tooMuch {
			break
		}
		freed, err := l.forget(ctx, chain[i].Name, chain[i+1].Name, sizes)
		out.Octets -= freed
		if err != nil {
			return out, err
		}
		out.Removed++
	}
	if len(chain) > out.Removed {
		err = l.forgetPacks(ctx, chain[out.Removed].Version)
	}
	out.Over = r.Max > 0 && out.Octets > r.Max
	return out, err
}

// sizes are those of all objects.
func (l *Ledger) sizes(ctx context.Context) (map[string]int64, error) {
	sizes := map[string]int64{}
	for _, path := range []string{commitPath, mapPath, listPath, pagePath, pastPath} {
		for e, err := range l.store.List(ctx, path, "") {
			if err != nil {
				return nil, fmt.Errorf("listing %s: %w", path, err)
			}
			sizes[e.Name] = e.Size
		}
	}
	return sizes, nil
}

// forget removes a commit and what its successor has dropped.
func (l *Ledger) forget(ctx context.Context, name, successor string, sizes map[string]int64) (freed int64, err error) {
	next, err := l.commit(ctx, successor)
	if err != nil {
		return 0, err
	}
	names := append([]string{name}, next.Dropped...)
	for _, name := range names {
		size, there := sizes[name]
		if !there {
			continue
		}
		err = l.store.Delete(ctx, name)
		if err != nil {
			return freed, fmt.Errorf("removing %s: %w", name, err)
		}
		freed += size
	}
	return freed, nil
}

// forgetPacks removes packs of versions that are all gone.
func (l *Ledger) forgetPacks(ctx context.Context, oldest uint64) error {
	all, err := l.packs(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.to >= oldest {
			continue
		}
		err = l.store.Delete(ctx, p.Name)
		if err != nil {
			return fmt.Errorf("removing %s: %w", p.Name, err)
		}
	}
	return nil
}

// short is enough of a hash to know an object by.
type short [16]byte

func shortOf(name string) (s short, ok bool) {
	b, err := hex.DecodeString(sumIn(name))
	return short(append(b, make([]byte, 16)...)[:16]), err == nil && len(b) >= len(s)
}

// Sweep removes what no commit names and is older than a week: uploads for commits that
// were never made. It returns how many.
func (l *Ledger) Sweep(ctx context.Context, v *Version) (int, error) {
	d, isDir := l.store.(*Dir)
	if isDir {
		err := d.clean()
		if err != nil {
			return 0, fmt.Errorf("removing unfinished files: %w", err)
		}
	}
	named := map[short]bool{}
	add := func(name string) {
		s, ok := shortOf(name)
		if ok {
			named[s] = true
		}
	}
	for e, err := range l.History(ctx, v) {
		if err != nil {
			return 0, err
		}
		add(e.Name)
		c, err := l.commit(ctx, e.Name)
		if isAbsent(err) {
			break
		}
		if err != nil {
			return 0, err
		}
		for _, name := range c.Dropped {
			add(name)
		}
	}
	if v.Commit != nil {
		add(v.Commit.Map)
	}
	for key, ref := range v.Parts {
		is, err := l.list(ctx, key, ref)
		if err != nil {
			return 0, err
		}
		add(ref.List)
		for _, p := range is.Pages {
			add(p.Page)
		}
	}
	removed := 0
	for _, path := range []string{commitPath, mapPath, listPath, pagePath} {
		for e, err := range l.store.List(ctx, path, "") {
			if err != nil {
				return removed, fmt.Errorf("listing %s: %w", path, err)
			}
			s, ok := shortOf(e.Name)
			if !ok || named[s] || e.Age < clock.Age(sweepAge) {
				continue
			}
			err = l.store.Delete(ctx, e.Name)
			if err != nil {
				return removed, fmt.Errorf("removing %s: %w", e.Name, err)
			}
			removed++
		}
	}
	return removed, nil
}
