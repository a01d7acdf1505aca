package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"inside53/resolver"
	"inside53/resolver/history"
	"inside53/resolver/zone"
	"inside53/server/tsig"
)

const (
	// publishGap is the least time from one publication to the next: a burst of changes
	// is one version.
	publishGap = 200 * time.Millisecond
	// saveGap is the least time from one saving of histories to the next.
	saveGap = 2 * time.Second
	// saveRest is the pause after one that failed.
	saveRest = 30 * time.Second
	// keepUnused is for how long the history of a zone is kept that there is no more. It
	// may come back; later, its secondaries get it as a whole.
	keepUnused = 30 * 24 * time.Hour
)

// publisher keeps what secondaries get: the history of each zone that is transferred, as
// its view sees it, and the catalogs of them.
type publisher struct {
	resolver *resolver.Resolver
	policy   func() *transferPolicy // in force; nil where nothing is transferred
	aliases  *aliases
	notifier *notifier
	dir      string // of the histories
	log      *slog.Logger
	waiting  chan struct{}
	told     *transferPolicy // in force when secondaries were told last
	unsaved  time.Time       // when histories couldn't be saved last; zero when they could

	mu       sync.RWMutex // of what packet loops and people read; the rest is run's
	zones    map[viewApex]*publishedZone
	catalogs map[string]*publishedZone
	complete bool // all that there is has been published once
}

// viewApex names a zone of a view.
type viewApex struct{ view, apex string }

// publishedZone is one zone that is transferred.
type publishedZone struct {
	view    string // "" of a catalog
	apex    []byte
	history *history.Zone
	merger  *resolver.Merger // nil of a catalog
	// findings change under the publisher's mu.
	findings []resolver.Finding
	tree     *zone.Tree // as merged last
	dirty    bool       // not saved
}

func newPublisher(r *resolver.Resolver, policy func() *transferPolicy, aliases *aliases, notifier *notifier, stateDir string, log *slog.Logger) *publisher {
	return &publisher{
		resolver: r, policy: policy, aliases: aliases, notifier: notifier, dir: filepath.Join(stateDir, "transfers"), log: log,
		waiting: make(chan struct{}, 1), zones: map[viewApex]*publishedZone{}, catalogs: map[string]*publishedZone{},
	}
}

// wake says that snapshot, health or policy have changed. It never blocks.
func (p *publisher) wake() {
	select {
	case p.waiting <- struct{}{}:
	default: // it is awake
	}
}

// zone returns the history of a zone of an entry; nil where there is no such zone, or none
// yet: then complete is false.
func (p *publisher) zone(e *transferEntry, apex []byte) (h *history.Zone, complete bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	z := p.zones[viewApex{e.view, string(apex)}]
	if e.catalog != nil && string(e.catalog) == string(apex) {
		z = p.catalogs[string(apex)]
	}
	if z == nil || z.history.Version() == nil {
		return nil, p.complete
	}
	return z.history, true
}

// list returns copies of the zones and of the catalogs, by view and name.
func (p *publisher) list() (zones, catalogs []*publishedZone) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	sorted := func(all iter.Seq[*publishedZone]) []*publishedZone {
		var out []*publishedZone
		for z := range all {
			out = append(out, &publishedZone{view: z.view, apex: z.apex, history: z.history, findings: z.findings})
		}
		slices.SortFunc(out, func(a, b *publishedZone) int {
			return cmp.Or(strings.Compare(a.view, b.view), slices.Compare(a.apex, b.apex))
		})
		return out
	}
	return sorted(maps.Values(p.zones)), sorted(maps.Values(p.catalogs))
}

// run publishes until ctx ends, and then saves what isn't saved.
func (p *publisher) run(ctx context.Context) error {
	aliasTick := time.NewTicker(aliasRefresh)
	defer aliasTick.Stop()
	saveTick := time.NewTicker(saveGap)
	defer saveTick.Stop()
	for {
		outside := false
		select {
		case <-ctx.Done():
			p.save()
			return ctx.Err()
		case <-saveTick.C:
			p.saveSome()
			continue
		case <-aliasTick.C:
			if p.policy() == nil {
				continue
			}
			p.aliases.refresh(ctx)
			outside = true
		case <-p.waiting:
		}
		p.publish(ctx, outside)
		select { // a burst of changes is one version
		case <-ctx.Done():
		case <-time.After(publishGap):
		}
	}
}

// publish makes new versions of what has changed, has answers say their serials, and
// tells secondaries.
func (p *publisher) publish(ctx context.Context, outside bool) {
	policy := p.policy()
	if policy == nil {
		p.forget()
		return
	}
	snap, live := p.resolver.State()
	if !snap.Loaded {
		return // what is missing must not be taken for gone
	}
	zones := p.merge(policy, snap, live, outside)
	if p.aliases.fetchNew(ctx) {
		zones = p.merge(policy, snap, live, true)
	}
	if ctx.Err() != nil {
		return
	}
	everything := p.told != policy // there may be other secondaries
	p.told = policy
	if everything {
		p.checkViews(policy, snap)
	}
	serials := map[string]map[string]uint32{}
	var changed []*publishedZone
	for id, z := range zones {
		if p.version(z) || everything {
			changed = append(changed, z)
		}
		v := z.history.Version()
		if v == nil {
			continue
		}
		if serials[id.view] == nil {
			serials[id.view] = map[string]uint32{}
		}
		serials[id.view][id.apex] = v.Serial
	}
	catalogs := p.listZones(policy, zones)
	for _, z := range catalogs {
		if p.version(z) || everything {
			changed = append(changed, z)
		}
	}
	p.mu.Lock()
	first := !p.complete
	p.zones, p.catalogs, p.complete = zones, catalogs, true
	for _, z := range zones {
		z.findings = z.merger.Findings()
	}
	p.mu.Unlock()
	if first {
		p.sweep(time.Now())
	}
	p.resolver.PublishSerials(serials)
	for _, z := range changed {
		p.notify(policy, z)
	}
}

// checkViews says which views of a new configuration aren't there: automatic ones may not
// be yet.
func (p *publisher) checkViews(policy *transferPolicy, snap *zone.Snapshot) {
	for _, e := range policy.entries {
		if !slices.ContainsFunc(snap.Views, func(v *zone.View) bool { return v.Name == e.view }) {
			p.log.Warn("no view of that name; secondaries get nothing of it", "view", e.view)
		}
	}
}

// forget ends all transfers: the configuration has none any more.
func (p *publisher) forget() {
	if p.told == nil {
		return
	}
	p.save()
	p.told = nil
	p.mu.Lock()
	p.zones, p.catalogs = map[viewApex]*publishedZone{}, map[string]*publishedZone{}
	p.mu.Unlock()
	p.resolver.PublishSerials(nil)
}

// version publishes the tree of a zone, and reports whether it is a new version.
func (p *publisher) version(z *publishedZone) bool {
	changed, err := z.history.Publish(z.tree, time.Now())
	if err != nil {
		p.log.Error("zone not published", "zone", zone.String(z.apex), "error", err)
		return false
	}
	z.dirty = z.dirty || changed
	return changed
}

// notify tells the secondaries of a zone.
func (p *publisher) notify(policy *transferPolicy, z *publishedZone) {
	v := z.history.Version()
	if v == nil {
		return
	}
	for _, e := range policy.entries {
		catalog := z.view == "" && string(e.catalog) == string(z.apex)
		if !catalog && (z.view != e.view || !e.zones.Has(zone.String(z.apex))) {
			continue
		}
		var key tsig.Key
		if len(e.keys) > 0 {
			key = policy.keys[e.keys[0]]
		}
		for _, target := range e.notify {
			p.notifier.note(target, z.view, z.apex, v, key)
		}
	}
}

// merge returns the zones of all entries, as their views see them now.
func (p *publisher) merge(policy *transferPolicy, snap *zone.Snapshot, live *zone.Live, outside bool) map[viewApex]*publishedZone {
	p.aliases.use(snap)
	zones := map[viewApex]*publishedZone{}
	for _, view := range snap.Views {
		for i := range view.Apexes {
			apex := &view.Apexes[i]
			limit := policy.journal(view.Name, apex)
			if limit < 0 {
				continue
			}
			id := viewApex{view.Name, string(apex.Name)}
			z := p.zones[id]
			if z == nil {
				z = p.open(view.Name, apex.Name, limit)
				z.merger = p.resolver.NewMerger(p.aliases.known)
			}
			z.history.SetLimit(limit)
			tree := z.merger.Merge(snap, live, view, apex, outside)
			if tree == nil {
				continue // no SOA record: no zone
			}
			z.tree = tree
			zones[id] = z
		}
	}
	return zones
}

// journal returns how large the journal of a zone may be; -1 for one that isn't
// transferred.
func (p *transferPolicy) journal(view string, apex *zone.Apex) int {
	limit := -1
	if len(apex.Layers) == 0 {
		return limit
	}
	for _, e := range p.entries {
		if e.view == view && e.zones.Has(zone.String(apex.Name)) {
			limit = max(limit, e.journal)
		}
	}
	return limit
}

// listZones returns the catalogs of all entries that have one.
func (p *publisher) listZones(policy *transferPolicy, zones map[viewApex]*publishedZone) map[string]*publishedZone {
	out := map[string]*publishedZone{}
	for _, e := range policy.entries {
		if e.catalog == nil {
			continue
		}
		z := p.catalogs[string(e.catalog)]
		if z == nil {
			z = p.open("", e.catalog, e.journal)
		}
		var members [][]byte
		for id := range zones {
			if id.view == e.view && e.zones.Has(zone.String([]byte(id.apex))) {
				members = append(members, []byte(id.apex))
			}
		}
		slices.SortFunc(members, slices.Compare)
		tree, err := catalogTree(e.catalog, members)
		if err != nil {
			p.log.Error("catalog not published", "catalog", zone.String(e.catalog), "error", err)
			continue
		}
		z.tree = tree
		out[string(e.catalog)] = z
	}
	return out
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
		p.log.Error("history of a zone not loaded; secondaries get the zone as a whole", "zone", zone.String(apex), "view", view, "error", err)
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
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	known := map[string]bool{}
	for _, zones := range []iter.Seq[*publishedZone]{maps.Values(p.zones), maps.Values(p.catalogs)} {
		for z := range zones {
			known[filepath.Base(p.file(z))] = true
		}
	}
	for _, e := range entries {
		info, statErr := e.Info()
		if statErr != nil || known[e.Name()] || filepath.Ext(e.Name()) != historySuffix || now.Sub(info.ModTime()) < keepUnused {
			continue
		}
		err = errors.Join(err, os.Remove(filepath.Join(p.dir, e.Name())))
	}
	if err != nil {
		p.log.Warn("histories of zones that are gone not deleted", "error", err)
	}
}

// saveSome saves, unless that didn't work a moment ago.
func (p *publisher) saveSome() {
	if time.Since(p.unsaved) >= saveRest {
		p.save()
	}
}

// save writes the histories that have changed. What can't be written is said once for all
// of them.
func (p *publisher) save() {
	failing := 0
	var why error
	for _, zones := range []iter.Seq[*publishedZone]{maps.Values(p.zones), maps.Values(p.catalogs)} {
		for z := range zones {
			if !z.dirty {
				continue
			}
			err := p.saveZone(z)
			if err != nil {
				failing, why = failing+1, err
			}
		}
	}
	if failing == 0 {
		p.unsaved = time.Time{}
		return
	}
	p.unsaved = time.Now()
	p.log.Error("histories of zones not saved; after a restart secondaries get these as a whole", "zones", failing, "error", why)
}

func (p *publisher) saveZone(z *publishedZone) error {
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
// whole one. A process that is killed in between leaves one file beside, for the next to
// write over.
func writeWhole(path string, data []byte) error {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// catalogTree returns the catalog zone of members (RFC 9432 section 4), of version 2.
func catalogTree(apex []byte, members [][]byte) (*zone.Tree, error) {
	e := zone.NewTree(apex).Edit()
	invalid := zone.MustName("invalid.")
	soa := slices.Concat(invalid, invalid)
	for _, n := range [...]uint32{0, 60, 10, 2147483646, 0} {
		soa = append(soa, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	put := func(prefix string, rrtype uint16, rdata []byte) error {
		set, err := zone.NewRecords(rrtype, 0, rdata)
		if err != nil {
			return err
		}
		return e.Put(append([]byte(prefix), apex...), set)
	}
	err := errors.Join(put("", zone.TypeSOA, soa), put("", zone.TypeNS, invalid), put("\x07version", zone.TypeTXT, []byte("\x012")))
	for _, m := range members {
		sum := sha256.Sum256(m)
		label := hex.EncodeToString(sum[:16])
		err = errors.Join(err, put(fmt.Sprintf("%c%s\x05zones", len(label), label), zone.TypePTR, m))
	}
	if err != nil {
		return nil, fmt.Errorf("making the catalog %s: %w", zone.String(apex), err)
	}
	return e.Commit(), nil
}
