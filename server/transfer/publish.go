package transfer

import (
	"context"
	"hash/maphash"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
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
	resolver  *resolver.Resolver
	policy    func() *Policy // in force; nil where nothing is transferred
	aliases   *aliases
	notifier  *notifier
	dir       string // of the histories
	histories *histories
	old       map[string]bool // files in dir of an earlier version
	state     *statedir.Dir
	log       *slog.Logger
	waiting   chan struct{}
	merger    *resolver.Merger // whose siblings all others are: they share its scratch
	soas      soas
	seed      maphash.Seed
	forms     map[string]*form
	byLayer   [][]*form
	planned   *Policy        // that forms were made by
	snap      *zone.Snapshot // published last
	health    uint64         // its version
	notified  *Policy        // in force when secondaries were notified last
	unsaved   time.Time      // when histories couldn't be saved last; zero when they could
	// generation is that of the state directory that has the histories.
	generation int
	fleet      Fleet                   // nil: this server is alone
	unreleased map[*publishedZone]bool // zones whose tree may not be a version yet
	term       term
	announcer  *announcer

	mu       sync.RWMutex                // of what packet loops and people read; the rest is run's
	zones    map[viewApex]*publishedZone // those without a tree too
	catalogs map[string]*publishedZone
	counts   map[string]Counts // of zones that are served, by view
	complete bool              // all that there is has been published once
}

// viewApex names a zone of a view.
type viewApex struct{ view, apex string }

// publishedZone is one zone that is transferred.
type publishedZone struct {
	view    string // "" of a catalog
	apex    []byte
	history *history.Zone
	serial  atomic.Uint32 // that queries are answered with
	// findings and served change under the publisher's mu.
	findings []resolver.Finding
	served   bool       // it has a tree
	tree     *zone.Tree // as merged last; nil where it isn't a zone
	dirty    bool       // not saved
	saved    uint32     // serial that is saved, if one is
	isSaved  bool
	counted  int    // octets of differences that are in the counts
	old      string // file of an earlier version that has it

	in   *zone.View // nil of a catalog
	at   *zone.Apex
	form string           // its key
	own  *resolver.Merger // of the names that move; nil where the form's do
}

func newPublisher(
	r *resolver.Resolver, policy func() *Policy, aliases *aliases, notifier *notifier, stateDir string,
	state *statedir.Dir, log *slog.Logger,
) *publisher {
	p := &publisher{
		resolver: r, seed: maphash.MakeSeed(), policy: policy, aliases: aliases, notifier: notifier,
		dir: filepath.Join(stateDir, "transfers"), state: state, log: log, generation: state.Generation(),
		waiting: make(chan struct{}, 1), zones: map[viewApex]*publishedZone{}, catalogs: map[string]*publishedZone{},
		unreleased: map[*publishedZone]bool{},
	}
	p.merger = r.NewMerger(aliases.known)
	p.histories, p.old = newHistories(p.dir, log), map[string]bool{}
	return p
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
	if p.fleet != nil && p.term.number != p.fleet.Term() {
		return nil, false // those of another time
	}
	z := p.zones[viewApex{e.View, string(apex)}]
	if e.Catalog != nil && string(e.Catalog) == string(apex) {
		z = p.catalogs[string(apex)]
	}
	if z == nil || !z.served || z.history.Version() == nil {
		return nil, p.complete
	}
	return z.history, true
}

// retryAfter is the pause before what couldn't be published is tried again.
const retryAfter = time.Second

// run publishes until ctx ends, and then saves what isn't saved.
func (p *publisher) run(ctx context.Context) error {
	p.clean()
	p.claim()
	retry := time.NewTimer(retryAfter)
	retry.Stop()
	defer retry.Stop()
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
			if p.fleet == nil {
				p.saveSome()
				continue
			} // else others may have joined
		case <-retry.C:
		case <-aliasTick.C:
			if p.policy() == nil {
				continue
			}
			p.aliases.refresh(ctx)
			outside = true
		case <-p.waiting:
		}
		err := p.publish(ctx, outside)
		if err != nil && ctx.Err() == nil {
			p.log.Warn("serials aren't committed yet; secondaries get no news", "error", err)
			retry.Reset(retryAfter)
		}
		select { // a burst of changes is one version
		case <-ctx.Done():
		case <-time.After(publishGap):
		}
	}
}

// publish makes new versions of what has changed, has answers say their serials, and
// notifies secondaries. The error is that of a fleet, which doesn't know the serials yet.
func (p *publisher) publish(ctx context.Context, outside bool) error {
	policy := p.policy()
	if policy == nil {
		p.forget()
		return nil
	}
	snap, live := p.resolver.State()
	if !snap.Loaded || !p.decides() {
		return nil // what is missing must not be taken for gone
	}
	p.aliases.use(snap)
	replan := p.planned != policy || !sameViews(p.snap, snap)
	if replan {
		p.plan(policy, snap)
	}
	changed := p.merge(p.touched(snap, live, replan || outside), snap, live, outside)
	if p.aliases.fetchNew(ctx) {
		changed = append(changed, p.merge(p.touched(snap, live, true), snap, live, true)...)
	}
	if ctx.Err() != nil {
		p.snap = nil // all is looked at again
		return nil
	}
	p.goOnFrom(snap)
	p.snap, p.health = snap, live.Version
	everything := p.notified != policy // there may be other secondaries
	p.notified = policy
	if everything {
		p.checkViews(policy, snap)
	}
	fresh, listed, err := p.versions(ctx, changed, replan)
	if err == nil && listed {
		err = p.releaseCatalogs(ctx, policy, &fresh)
	}
	p.count(fresh, listed)
	if err != nil {
		p.snap = nil
		return err
	}
	if everything {
		fresh = slices.Concat(slices.Collect(maps.Values(p.zones)), slices.Collect(maps.Values(p.catalogs)))
	}
	if p.fleet != nil {
		p.announcer.note(policy, fresh, p.term.version)
		return nil
	}
	for _, z := range fresh {
		p.notify(policy, z)
	}
	return nil
}

// releaseCatalogs makes new versions of the catalogs, and adds them to fresh.
func (p *publisher) releaseCatalogs(ctx context.Context, policy *Policy, fresh *[]*publishedZone) error {
	catalogs := p.listZones(policy)
	for _, z := range catalogs {
		p.unreleased[z] = true
	}
	some, err := p.release(ctx)
	*fresh = append(*fresh, some...)
	if err != nil {
		return err
	}
	p.mu.Lock()
	first := !p.complete
	p.complete = true
	p.mu.Unlock()
	if first && p.fleet == nil {
		p.sweep(time.Now())
	}
	return nil
}

// versions makes new versions of the zones that have another tree, and returns them. listed
// says that some zone came or went.
func (p *publisher) versions(
	ctx context.Context, changed []*publishedZone, replan bool,
) (fresh []*publishedZone, listed bool, err error) {
	listed = replan || !p.complete
	p.mu.Lock()
	for _, z := range changed {
		if z.served != (z.tree != nil) {
			z.served, listed = z.tree != nil, true
		}
		p.unreleased[z] = true
	}
	p.mu.Unlock()
	fresh, err = p.release(ctx)
	for _, z := range slices.Concat(changed, fresh) {
		v := z.history.Version()
		if v != nil {
			z.serial.Store(v.Serial)
		}
	}
	if listed && err == nil {
		serials := map[string]map[string]*atomic.Uint32{}
		for id, z := range p.zones {
			if !z.served || z.history.Version() == nil {
				continue
			}
			if serials[id.view] == nil {
				serials[id.view] = map[string]*atomic.Uint32{}
			}
			serials[id.view][id.apex] = &z.serial
		}
		p.resolver.PublishSerials(serials)
	}
	return fresh, listed, err
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
	p.notified, p.planned, p.snap, p.forms = nil, nil, nil, nil
	p.mu.Lock()
	p.zones, p.catalogs, p.counts = map[viewApex]*publishedZone{}, map[string]*publishedZone{}, nil
	p.mu.Unlock()
	p.resolver.PublishSerials(nil)
}

// release makes versions of the zones that may need one, and returns those that have a new
// serial. In a fleet it is committed before anybody sees it; where that fails, none is made.
func (p *publisher) release(ctx context.Context) ([]*publishedZone, error) {
	now := p.now()
	next := map[*publishedZone]*history.Next{}
	for z := range p.unreleased {
		if z.tree == nil || !p.has(z) {
			delete(p.unreleased, z)
			continue
		}
		n, err := z.history.Prepare(z.tree, now)
		if err != nil {
			p.log.Error("zone not published", "zone", zone.String(z.apex), "error", err)
		}
		if n == nil {
			delete(p.unreleased, z)
			continue
		}
		next[z] = n
	}
	err := p.agree(ctx, next)
	if err != nil {
		return nil, err
	}
	var fresh []*publishedZone
	for z, n := range next {
		n.Publish()
		z.dirty = true
		delete(p.unreleased, z)
		fresh = append(fresh, z)
	}
	return fresh, nil
}

// has reports whether a zone is still transferred.
func (p *publisher) has(z *publishedZone) bool {
	if z.view == "" {
		return p.catalogs[string(z.apex)] == z
	}
	return p.zones[viewApex{z.view, string(z.apex)}] == z
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
