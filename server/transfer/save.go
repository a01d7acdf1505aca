package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
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

// clean deletes what a killed process has left half written in the directory of histories.
func (p *publisher) clean() {
	_, err := os.Stat(p.dir)
	if errors.Is(err, fs.ErrNotExist) || p.state.Hold() != nil {
		return // it is made with the first history
	}
	err = atomicfile.Clean(p.dir)
	if err != nil {
		p.log.Warn("directory of the histories of zones not cleaned", "error", err)
	}
}

// open returns a zone with the history that was saved of it.
func (p *publisher) open(view string, apex []byte, limit int) *publishedZone {
	z := &publishedZone{view: view, apex: slices.Clone(apex), history: history.New(limit)}
	data, err := os.ReadFile(p.file(z))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return z
	case err == nil:
		err = z.history.UnmarshalBinary(data)
	}
	if err != nil {
		p.log.Error("history of a zone not loaded; secondaries get the zone as a whole", "zone", zone.String(apex),
			"view", view, "error", err)
	}
	return z
}

// historySuffix ends the names of the files of histories.
const historySuffix = ".history"

// file returns where the history of a zone is saved.
func (p *publisher) file(z *publishedZone) string {
	name := url.PathEscape("catalog/" + zone.String(z.apex))
	if z.view != "" {
		name = url.PathEscape("view/" + z.view + "/" + zone.String(z.apex))
	}
	if len(name) > 200 {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:])
	}
	return filepath.Join(p.dir, name+historySuffix)
}

// sweep deletes the histories of zones that there are no more, and haven't been for long.
func (p *publisher) sweep(now time.Time) {
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
		for z := range p.all() {
			z.dirty = true
		}
	}
	if time.Since(p.unsaved) >= saveRest {
		p.save()
	}
}

// save writes the histories that have changed. What can't be written is said once for all
// of them.
func (p *publisher) save() {
	failing, saved := 0, 0
	var why error
	for z := range p.all() {
		if !z.dirty {
			continue
		}
		err := p.saveZone(z)
		if err != nil {
			failing, why = failing+1, err
			continue
		}
		saved++
	}
	if failing+saved > 0 {
		p.state.Note("histories of zones", why)
	}
	if failing == 0 {
		p.unsaved = time.Time{}
		return
	}
	first := p.unsaved.IsZero()
	p.unsaved = time.Now()
	if p.state != nil && !first {
		return // who watches the directory says so
	}
	p.log.Error("histories of zones not saved; after a restart secondaries get these as a whole", "zones", failing,
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

func (p *publisher) saveZone(z *publishedZone) error {
	err := p.state.Hold()
	if err != nil {
		return err
	}
	data, err := z.history.MarshalBinary()
	if err != nil {
		return err
	}
	err = writeWhole(p.file(z), data)
	if err != nil {
		return err
	}
	z.dirty = false
	return nil
}

// writeWhole makes a file in place of the one of that name, so that there is always a
// whole one.
func writeWhole(path string, data []byte) error {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}
