package transfer

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"inside53/resolver"
	"inside53/resolver/history"
	"inside53/resolver/zone"
	"inside53/server/tsig"
	"inside53/zonesource/statedir"
)

// publishGap is the least time from one publication to the next: a burst of changes is one
// version.
const publishGap = 200 * time.Millisecond

// publisher keeps what secondaries get: the history of each zone that is transferred, as
// its view sees it, and the catalogs of them.
type publisher struct {
	resolver *resolver.Resolver
	policy   func() *Policy // in force; nil where nothing is transferred
	aliases  *aliases
	notifier *notifier
	dir      string // of the histories
	state    *statedir.Dir
	log      *slog.Logger
	waiting  chan struct{}
	notified *Policy   // in force when secondaries were notified last
	unsaved  time.Time // when histories couldn't be saved last; zero when they could
	// generation is that of the state directory that has the histories.
	generation int

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

func newPublisher(
	r *resolver.Resolver, policy func() *Policy, aliases *aliases, notifier *notifier, stateDir string,
	state *statedir.Dir, log *slog.Logger,
) *publisher {
	return &publisher{
		resolver: r, policy: policy, aliases: aliases, notifier: notifier, dir: filepath.Join(stateDir, "transfers"),
		state: state, log: log, generation: state.Generation(),
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
func (p *publisher) zone(e *Entry, apex []byte) (h *history.Zone, complete bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	z := p.zones[viewApex{e.View, string(apex)}]
	if e.Catalog != nil && string(e.Catalog) == string(apex) {
		z = p.catalogs[string(apex)]
	}
	if z == nil || z.history.Version() == nil {
		return nil, p.complete
	}
	return z.history, true
}

// run publishes until ctx ends, and then saves what isn't saved.
func (p *publisher) run(ctx context.Context) error {
	p.clean()
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
// notifies secondaries.
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
	everything := p.notified != policy // there may be other secondaries
	p.notified = policy
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
func (p *publisher) checkViews(policy *Policy, snap *zone.Snapshot) {
	for _, e := range policy.Entries {
		if !slices.ContainsFunc(snap.Views, func(v *zone.View) bool { return v.Name == e.View }) {
			p.log.Warn("no view of that name; secondaries get nothing of it", "view", e.View)
		}
	}
}

// forget ends all transfers: the configuration has none any more.
func (p *publisher) forget() {
	if p.notified == nil {
		return
	}
	p.save()
	p.notified = nil
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

// notify notifies the secondaries of a zone.
func (p *publisher) notify(policy *Policy, z *publishedZone) {
	v := z.history.Version()
	if v == nil {
		return
	}
	for _, e := range policy.Entries {
		catalog := z.view == "" && string(e.Catalog) == string(z.apex)
		if !catalog && (z.view != e.View || !e.Zones(zone.String(z.apex))) {
			continue
		}
		var key tsig.Key
		if len(e.Keys) > 0 {
			key = policy.Keys[e.Keys[0]]
		}
		for _, target := range e.Notify {
			p.notifier.note(target, z.view, z.apex, v, key)
		}
	}
}

// merge returns the zones of all entries, as their views see them now.
func (p *publisher) merge(
	policy *Policy, snap *zone.Snapshot, live *zone.Live, outside bool,
) map[viewApex]*publishedZone {
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
func (p *Policy) journal(view string, apex *zone.Apex) int {
	limit := -1
	if len(apex.Layers) == 0 {
		return limit
	}
	for _, e := range p.Entries {
		if e.View == view && e.Zones(zone.String(apex.Name)) {
			limit = max(limit, e.Journal)
		}
	}
	return limit
}
