package zonesource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/statedir"
)

// Options make a Keeper.
type Options struct {
	Config Config
	// StateDir is where the last good parts are saved; "" saves none. It is made
	// when it isn't there.
	StateDir string
	// Publish hands each new snapshot to the queries. It doesn't block; calls
	// don't overlap.
	Publish func(*zone.Snapshot)
	Now     func() time.Time // nil is time.Now
	Log     *slog.Logger     // nil discards
	// Coalesce is how long parts are gathered before they are compiled, so that
	// a burst is one compilation. 0 is 5 ms.
	Coalesce time.Duration
	// Parts are those to begin with, in the place of saved ones: see [Keeper.Load].
	Parts []Part
	// Accepted, when it is there, is called with the parts that have changed, once queries see
	// what they come to. It doesn't block; calls don't overlap.
	Accepted func([]Accepted)
}

// Keeper holds the last good part of everything that the sources know, and
// publishes what they come to. All methods are safe for concurrent use.
//
// A part that failed replaces nothing. One that has shrunk beyond reason waits for
// a second listing that says the same (see judge); a hosted zone goes when two
// catalogs are without it and Route 53 has confirmed that it is gone.
type Keeper struct {
	publish  func(*zone.Snapshot)
	now      func() time.Time
	log      *slog.Logger
	coalesce time.Duration
	saver    *saver
	accepted func([]Accepted)
	first    []Part // to begin with
	running  atomic.Bool
	sources  running
	inbox    *inbox
	rearm    chan struct{} // parts have other ages than those that the loop waits by

	work  sync.Mutex // serialises whoever changes parts or configuration
	parts map[Key]Part
	// touched are the keys of parts that have changed since the last compilation.
	touched map[Key]bool
	pace    pace
	// amendments lie over the listings of zones.
	amendments map[Key]*amendments
	// readings lie over the listings of regions.
	readings  map[Key][]*RegionReading
	loaded    bool         // a snapshot has been published that was loaded
	saved     bool         // the state directory had the data of an earlier process
	seen      map[Key]bool // what is missing and was when last published: whether it is new
	notes     []Accepted   // what is handed on with the next publication
	standings map[Key]bool // of missing parts with an error, as handed on: whether given up

	mu       sync.Mutex // of what Status reads; held for moments, never while compiling
	cfg      Config
	wanted   *wanted // of cfg
	held     map[Key]held
	tallies  map[string]*tally // of held, by source
	compiled *Compiled
	complete bool // all that was worth waiting for has been read, once
}

// held is what the keeper knows of one key. Values are replaced, never changed.
type held struct {
	part    Part // the last good one; Key is zero when there is none
	listed  Part // as it was listed, where something lies over that; else Key is zero
	tried   time.Time
	err     error     // of the last listing
	refused int       // listings in a row that IAM refused
	read    bool      // listed by this process
	failing time.Time // since when listings fail by anything but throttling; zero when they don't
	givenUp bool      // said by another server, which reads it
	pending *pending
	vanish  *vanish
}

func (h held) good() bool { return h.part.Key != Key{} }

// serves reports whether there are data, and not only a zone in their place.
func (h held) serves() bool { return h.good() && (h.part.Zone == nil || h.part.Zone.Unavailable == "") }

// NewKeeper opens the state directory for this process alone and starts nothing. One that
// can't be used is no error: see [Keeper.State]. The error says that the configuration can't
// be compiled.
func NewKeeper(o Options) (*Keeper, error) {
	if o.Publish == nil {
		return nil, errors.New("making the keeper: nobody to publish to")
	}
	err := o.Config.validate()
	if err != nil {
		return nil, fmt.Errorf("making the keeper: %w", err)
	}
	k := &Keeper{
		publish: o.Publish, now: o.Now, log: o.Log, coalesce: o.Coalesce,
		cfg: o.Config, parts: map[Key]Part{}, touched: map[Key]bool{}, amendments: map[Key]*amendments{},
		readings: map[Key][]*RegionReading{},
		seen:     map[Key]bool{}, held: map[Key]held{},
		tallies: map[string]*tally{},
		inbox:   newInbox(), rearm: make(chan struct{}, 1), wanted: o.Config.wanted(), accepted: o.Accepted, first: o.Parts,
	}
	if k.now == nil {
		k.now = time.Now
	}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	if k.coalesce == 0 {
		k.coalesce = 5 * time.Millisecond
	}
	var store *store
	if o.StateDir != "" {
		store = newStore(statedir.Open(o.StateDir, k.log), k.log)
	}
	k.saver = newSaver(store, k.log)
	return k, nil
}

// State returns the state directory, which others may keep things in, too; nil for none. It is
// watched, and closed, with the keeper.
func (k *Keeper) State() *statedir.Dir { return k.saver.state() }

// Close gives the state directory free. Run must have returned.
func (k *Keeper) Close() error { return k.saver.close() }

// Load publishes what the state directory has, or, without anything saved, what
// can be served before the first data. It reads files and no network. Damaged files
// are put aside and logged.
func (k *Keeper) Load() error {
	k.work.Lock()
	defer k.work.Unlock()
	began := time.Now()
	n := 0
	for _, p := range k.first {
		if k.wanted.wants(p) {
			k.accept(p)
		}
	}
	k.first = nil
	for p := range k.saver.load() {
		if !k.wanted.wants(p) {
			continue
		}
		n++
		k.accept(p)
		k.note(p.Key, k.parts[p.Key], Cause{Kind: BySaved})
	}
	k.saved = k.hostedZones() > 0
	err := k.compile()
	if err != nil {
		return err
	}
	if n > 0 {
		k.log.Info("saved data loaded", "parts", n, "took", time.Since(began).Round(time.Millisecond))
	}
	return nil
}

// Run runs the sources and takes what they deliver until ctx ends, and returns
// when all of it has ended and is saved. It may be called again, after the previous call
// has returned: the parts stay. [Keeper.Switch] changes the sources. A source that gives up is
// logged and doesn't end the others. The error joins those of such sources with
// that of ctx.
func (k *Keeper) Run(ctx context.Context, sources ...Source) error {
	if !k.running.CompareAndSwap(false, true) {
		return errors.New("running the keeper: it runs already")
	}
	defer k.running.Store(false)
	k.begin(ctx, sources)
	var saving sync.WaitGroup
	stop := make(chan struct{})
	saving.Go(func() { k.saver.run(stop) })
	if state := k.State(); state != nil {
		saving.Go(func() { state.Run(stop, k.saveAgain) })
	}

	k.loop(ctx)
	k.await()
	k.drain(true) // what came while the sources ended
	close(stop)
	saving.Wait()
	return errors.Join(append(k.sources.faults(), ctx.Err())...)
}

// saveAgain has what could not be written tried again, and where all was lost writes that: what
// this process has read, and what isn't there any more. Another process may have saved newer
// data meanwhile than what this one has from before.
func (k *Keeper) saveAgain(lost bool) {
	k.work.Lock()
	defer k.work.Unlock()
	for key, p := range k.parts {
		if lost && (k.held[key].read || !k.saver.has(key)) {
			k.saver.note(p, true)
		}
	}
	k.saver.retry(lost)
}

// staying says what is served of a part that can't be read.
func staying(good bool) string {
	if good {
		return "the last good data stay"
	}
	return "there are none of it yet"
}

// loop waits for parts, and for regions to become too old.
func (k *Keeper) loop(ctx context.Context) {
	for {
		aging, stop := k.untilStale()
		due, stopDue := k.untilDue()
		select {
		case <-ctx.Done():
			stop()
			stopDue()
			return
		case <-k.rearm:
			stop()
			stopDue()
			continue
		case <-aging:
		case <-due:
		case <-k.inbox.wake:
			pause := time.NewTimer(k.coalesce)
			select {
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
			}
		}
		stop()
		stopDue()
		k.drain(false)
	}
}

// drain accepts what has been delivered and publishes it if anything has changed, and it is
// time to or now.
func (k *Keeper) drain(now bool) {
	k.work.Lock()
	defer k.work.Unlock()
	parts := k.inbox.drain()
	before := k.recall(adoptedOf(parts))
	for _, p := range parts {
		k.pace.tried(p)
		if k.deliver(p, Cause{}) {
			k.pace.uncompiled = true
		}
	}
	if !k.pace.uncompiled && !k.agedDifferently() {
		return
	}
	k.pace.uncompiled = true
	if !now && !k.loaded && k.compiled != nil && time.Now().Before(k.pace.due(len(k.parts))) {
		return
	}
	err := k.compile()
	if errors.Is(err, errPanic) {
		err = k.partByPart(parts, before)
	}
	if err != nil {
		k.log.Error("new data not published", "error", err)
	}
}

// compile publishes the parts as they are. The caller holds work.
func (k *Keeper) compile() error {
	began := time.Now()
	c, err := guarded(k.next)
	if err != nil {
		return err
	}
	k.touched = map[Key]bool{}
	k.pace.compiled(c, len(k.parts), began)
	k.publishLoaded(c)
	k.mu.Lock()
	k.compiled = c
	k.mu.Unlock()
	return nil
}

// hostedZones counts the zones that are there. The caller holds work.
func (k *Keeper) hostedZones() int {
	n := 0
	for _, p := range k.parts {
		if isHosted(p) {
			n++
		}
	}
	return n
}

func isHosted(p Part) bool { return p.Zone != nil && p.Zone.Origin != zone.File }

// deliver receives one part from a source, for a cause, and reports whether anything that is
// published has changed. The caller holds work.
func (k *Keeper) deliver(p Part, c Cause) bool {
	h := k.held[p.Key]
	if p.Err != nil {
		if !k.wanted.sources[p.Key.Source] {
			return false
		}
		if h.err == nil {
			k.log.Warn("listing failed; "+staying(h.serves()), "part", p.Key, "error", p.Err)
		}
		h.fail(p)
		k.set(p.Key, h)
		return !k.complete || !h.good() // perhaps there is no use in waiting any more
	}
	if !k.wanted.wants(p) {
		return false
	}
	if h.isNewer(p) {
		return false
	}
	if h.err != nil {
		k.log.Info("listing works again", "part", p.Key)
	}
	gone := p.Catalog != nil && k.sweep(p)
	listed := p
	p = k.underReadings(k.underAmendments(p))
	h.succeed(p.Listed)
	h.read = true
	if !k.judge(&h, p) {
		k.set(p.Key, h)
		return gone
	}
	h.pending = nil
	k.set(p.Key, h)
	renamed := p.Sum != Sum{} && isOtherListing(k.held[p.Key].part, p)
	changed := k.accept(p)
	k.keepListed(listed)
	if changed {
		k.note(p.Key, k.parts[p.Key], cmp.Or(c, causeOf(p.Key)))
	}
	k.saver.note(k.parts[p.Key], changed || renamed)
	return changed || gone
}

// isOtherListing reports whether two parts that may be equal come from listings that differ.
func isOtherListing(a, b Part) bool { return a.Sum != b.Sum || !slices.Equal(a.Pages, b.Pages) }

// accept makes a part the last good one and reports whether it differs from the one
// before. Whatever is equal stays the same object, so that nothing is rebuilt. The
// caller holds work.
func (k *Keeper) accept(p Part) bool {
	h := k.held[p.Key]
	old := h.part
	changed := !h.good() || !reflect.DeepEqual(old.Problems, p.Problems)
	switch {
	case !h.good():
	case p.Zone != nil && old.Zone != nil:
		p.Zone = rebaseZone(old.Zone, p.Zone)
		changed = changed || p.Zone != old.Zone
	case p.Region != nil && old.Region != nil && sameRegion(old.Region, p.Region):
		p.Region = old.Region
	case p.Catalog != nil && reflect.DeepEqual(old.Catalog, p.Catalog):
		p.Catalog = old.Catalog
	default:
		changed = true
	}
	h.part, h.listed = p, Part{}
	h.succeed(p.Listed)
	k.parts[p.Key] = p
	if changed {
		k.touch(p.Key)
	}
	k.set(p.Key, h)
	return changed
}

// rebaseZone returns old when is differs from it in nothing that matters, else is
// with its pages shared.
func rebaseZone(old, is *zone.Zone) *zone.Zone {
	if string(old.Apex) != string(is.Apex) {
		return is
	}
	tree, changes := old.Tree.Rebase(is.Tree)
	info := is.Info
	info.Listed = old.Listed
	if changes == 0 && reflect.DeepEqual(old.Info, info) {
		return old
	}
	return is.With(tree, 0)
}

func (k *Keeper) set(key Key, h held) {
	k.mu.Lock()
	k.hold(key, h)
	k.mu.Unlock()
}

// remove forgets a part, here and in the state directory. The caller holds work.
func (k *Keeper) remove(key Key, c Cause) {
	delete(k.parts, key)
	k.touch(key)
	k.note(key, Part{}, c)
	k.endAmendments(key)
	delete(k.readings, key)
	k.mu.Lock()
	k.letGo(key)
	k.mu.Unlock()
	k.saver.remove(key)
}
