package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"iter"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"inside53/resolver/history"
	"inside53/resolver/zone"
	"inside53/zonesource/atomicfile"
)

const (
	// saveGap is the least time from one saving of histories to the next.
	saveGap = 2 * time.Second
	// saveRest is the pause after one that failed.
	saveRest = 30 * time.Second
	// keepUnused is for how long the history of a zone is kept that there is no more. It
	// may come back; later, its secondaries get it as a whole.
	keepUnused = 30 * 24 * time.Hour
)

// clean deletes what a killed process has left half written in the directory of histories,
// and finds out what an earlier version of the program has saved there.
func (p *publisher) clean() {
	entries, err := os.ReadDir(p.dir)
	if errors.Is(err, fs.ErrNotExist) || p.state.Hold() != nil {
		return // it is made with the first history
	}
	if err == nil {
		err = atomicfile.Clean(p.dir)
	}
	if err != nil {
		p.log.Warn("directory of the histories of zones not cleaned", "error", err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == historySuffix {
			p.old[e.Name()] = true
		}
	}
}

// open returns a zone with the history that was saved of it; in a fleet, where another server
// may have told more since, with none.
func (p *publisher) open(view string, apex []byte, limit int) *publishedZone {
	z := &publishedZone{view: view, apex: slices.Clone(apex), history: history.New(limit)}
	if p.fleet != nil {
		p.setFloors(z)
		return z
	}
	p.restore(z, limit)
	return z
}

// restore gives a zone the history that was saved of it.
func (p *publisher) restore(z *publishedZone, limit int) {
	s := p.histories.claim(z.id())
	if s == nil {
		s = p.openOld(z)
	}
	if s == nil {
		return
	}
	err := z.history.UnmarshalBinary(s.whole)
	for _, text := range s.since {
		if err == nil {
			err = z.history.UnmarshalSince(text)
		}
	}
	if err != nil {
		z.history, z.dirty = history.New(limit), false
		p.log.Error("history of a zone not loaded; secondaries get the zone as a whole", "zone", zone.String(z.apex),
			"view", z.view, "error", err)
		return
	}
	if z.old == "" {
		z.saved, z.isSaved = z.history.Serial()
	}
}

// openOld reads the file that an earlier version of the program saved a history in: what is
// in it is saved with the others, and the file goes.
func (p *publisher) openOld(z *publishedZone) *savedHistory {
	path := p.file(z)
	if !p.old[filepath.Base(path)] {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		p.log.Error("history of a zone not loaded; secondaries get the zone as a whole", "zone", zone.String(z.apex),
			"view", z.view, "error", err)
		return nil
	}
	z.dirty, z.old = true, path
	return &savedHistory{whole: data}
}

// id names a zone among all histories.
func (z *publishedZone) id() string {
	if z.view == "" {
		return "catalog/" + zone.String(z.apex)
	}
	return "view/" + z.view + "/" + zone.String(z.apex)
}

// retire keeps the history of a zone that is gone: it may come back.
func (p *publisher) retire(z *publishedZone) {
	if p.fleet != nil {
		return
	}
	text, err := z.history.MarshalBinary()
	if err != nil || len(text) == 0 {
		return
	}
	p.histories.unclaimed[z.id()] = &savedHistory{whole: text, at: time.Now()}
	p.histories.broken = p.histories.broken || z.dirty // the file doesn't have all of it
}

// historySuffix ends the names of the files of single histories, of an earlier version.
const historySuffix = ".history"

// file returns where an earlier version has saved the history of a zone.
func (p *publisher) file(z *publishedZone) string {
	name := url.PathEscape(z.id())
	if len(name) > 200 {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:])
	}
	return filepath.Join(p.dir, name+historySuffix)
}

// sweep deletes the histories of zones that there are no more, and haven't been for long.
func (p *publisher) sweep(now time.Time) {
	p.histories.sweep(now)
	entries, err := os.ReadDir(p.dir)
	if errors.Is(err, fs.ErrNotExist) || p.state.Hold() != nil {
		return
	}
	known := map[string]bool{}
	for z := range p.all() {
		known[filepath.Base(p.file(z))] = true
	}
	for _, e := range entries {
		info, statErr := e.Info()
		if statErr != nil || known[e.Name()] || filepath.Ext(e.Name()) != historySuffix ||
			now.Sub(info.ModTime()) < keepUnused {
			continue
		}
		err = errors.Join(err, os.Remove(filepath.Join(p.dir, e.Name())))
	}
	if err != nil {
		p.log.Warn("histories of zones that are gone not deleted", "error", err)
	}
}

// saveSome saves, unless that didn't work a moment ago. A state directory that was lost gets all
// histories.
func (p *publisher) saveSome() {
	if generation := p.state.Generation(); generation != p.generation && p.state.Hold() == nil {
		p.generation, p.unsaved = generation, time.Time{}
		p.clean()
		p.histories.broken = true // the file was of the directory that is lost
		for z := range p.all() {
			z.dirty = true
		}
	}
	if time.Since(p.unsaved) >= saveRest {
		p.save()
	}
}

// save writes what is new of histories. What can't be written is said once for all of them.
func (p *publisher) save() {
	if p.fleet != nil {
		return // the serials are in the ledger
	}
	var dirty, all []*publishedZone
	for z := range p.all() {
		all = append(all, z)
		if z.dirty {
			dirty = append(dirty, z)
		}
	}
	if len(dirty) == 0 && !(p.histories.broken && p.complete) {
		p.unsaved = time.Time{}
		return
	}
	err := p.state.Hold()
	if err == nil {
		err = p.histories.save(dirty, all, time.Now())
	}
	p.state.Note("histories of zones", err)
	if err != nil {
		p.notSaved(len(dirty), err)
		return
	}
	p.unsaved = time.Time{}
	for _, z := range dirty {
		if z.old != "" {
			p.removeOld(z)
		}
	}
}

// notSaved says that histories couldn't be saved.
func (p *publisher) notSaved(zones int, why error) {
	first := p.unsaved.IsZero()
	p.unsaved = time.Now()
	if p.state != nil && !first {
		return // who watches the directory says so
	}
	p.log.Error("histories of zones not saved; after a restart secondaries get these as a whole", "zones", zones,
		"error", why)
}

// all visits all zones that are transferred, and catalogs.
func (p *publisher) all() iter.Seq[*publishedZone] {
	return func(yield func(*publishedZone) bool) {
		for _, zones := range []iter.Seq[*publishedZone]{maps.Values(p.zones), maps.Values(p.catalogs)} {
			for z := range zones {
				if !yield(z) {
					return
				}
			}
		}
	}
}

// removeOld deletes the file of an earlier version.
func (p *publisher) removeOld(z *publishedZone) {
	err := os.Remove(z.old)
	if err != nil {
		p.log.Warn("old file of the history of a zone not deleted", "error", err)
	}
	z.old = ""
}
