package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/changes"
	"inside53/zonesource/secondary"
)

// Name is the name of the source in keys, metrics and readiness.
const Name = "follow"

// PartKey is the key of the part of a zone.
func PartKey(apex []byte) zonesource.Key {
	return zonesource.Key{Source: Name, Name: zone.String(apex)}
}

// begunPrefix is before the name of a zone in the key of the part with what was begun.
const begunPrefix = "begun "

// BegunKey is the key of the part with what was begun and isn't made yet, where others go on.
func BegunKey(apex []byte) zonesource.Key {
	return zonesource.Key{Source: Name, Name: begunPrefix + zone.String(apex)}
}

// Options make a Source.
type Options struct {
	// Master says where the zone comes from. Its Saved is not used.
	Master secondary.Config
	// Into is the id of the hosted zone, which has the name of the zone.
	Into string
	// Names are those that are followed; nil is all.
	Names []Pattern
	// Accounts are those of which one has the hosted zone.
	Accounts []*awsclient.Account
	// HostedSource is the source of the hosted zones, Hosted returns them as they are served.
	HostedSource string
	Hosted       func() []*zone.Zone
	// Amend and Synced are the keeper's; nil leaves what was made to the listings.
	Amend  func(*zonesource.Amendment) error
	Synced func(*zonesource.Amendment)
	// Saved returns the part that was delivered last, also by another process; nil for none.
	Saved func() *zonesource.Part
	// Begun returns the part of BegunKey, as Saved does. Committed returns when all that was
	// delivered is where the next process finds it. Both are nil where that is StateDir.
	Begun     func() *zonesource.Part
	Committed func(ctx context.Context) error
	// StateDir is where the versions are kept, unless there is Committed.
	StateDir string
	// OnCall is told each attempt of a call to AWS.
	OnCall func(operation, code string)
	Log    *slog.Logger // nil discards
}

// Source follows one zone.
type Source struct {
	options Options
	master  *secondary.Source
	name    string // of the zone, for people
	log     *slog.Logger
	clients map[string]*changes.Client // by account

	mu   sync.Mutex
	next *zone.Tree // the version that came last
	news chan struct{}

	// Of the goroutine of Run.
	versions versions
	// unfinished is a version that was begun, which is finished before another one, where there is
	// Committed; nil for none.
	unfinished *zone.Tree
	applied    *zone.Tree
	problems   []zonesource.Problem
	unsynced   []*zonesource.Amendment
}

// New returns the source of one zone; it asks nobody yet.
func New(o Options) (*Source, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if len(o.Names) == 0 {
		o.Names = []Pattern{{}}
	}
	s := &Source{
		options: o, name: zone.String(o.Master.Apex), log: o.Log, clients: map[string]*changes.Client{},
		news: make(chan struct{}, 1), versions: versions{path: Path(o.StateDir, o.Master.Apex), apex: o.Master.Apex},
	}
	for _, a := range o.Accounts {
		s.clients[a.Name] = changes.New(a, changes.Options{OnCall: o.OnCall, Log: o.Log})
	}
	var err error
	config := o.Master
	config.Saved = s.kept
	s.master, err = secondary.New(config, o.Log)
	if err != nil {
		return nil, fmt.Errorf("following %s: %w", s.name, err)
	}
	return s, nil
}

// Apex returns the name of the zone in lower-case wire form.
func (s *Source) Apex() []byte { return s.options.Master.Apex }

// HasPrimary reports whether an address is that of a master.
func (s *Source) HasPrimary(from netip.Addr) bool { return s.master.HasPrimary(from) }

// Notify has the masters asked now, or returns why a NOTIFY is refused, as secondary.Source does.
func (s *Source) Notify(from netip.Addr, key string) (refused string) {
	return s.master.Notify(from, key)
}

// kept is the version that the transfers go on from.
func (s *Source) kept() *zonesource.Part {
	tree := s.versions.newest()
	if s.options.Committed != nil && tree != nil {
		tree = s.versions.list[0] // of what was begun it isn't known what it took away
	}
	if tree == nil || !tree.Lookup(s.Apex()).RRset(zone.TypeSOA).Exists() {
		return nil
	}
	info := zone.Info{Origin: zone.File, Listed: time.Now()}
	return &zonesource.Part{Listed: info.Listed, Zone: zone.New(info, tree, 0)}
}

// retry is the pause after a version couldn't be made; it doubles up to retryMost.
const (
	retryLeast = time.Second
	retryMost  = time.Minute
	syncEvery  = 10 * time.Second
)

// Run implements zonesource.Source.
func (s *Source) Run(ctx context.Context, deliver func(zonesource.Part)) error {
	err := s.load()
	if err != nil { // what Route 53 has and the master too is ours all the same
		s.log.Error("what was followed before isn't known", "zone", s.name, "error", err)
	}
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() {
		_ = s.master.Run(ctx, func(p zonesource.Part) { s.transferred(p, deliver) }) // ends with ctx
	})
	timer := time.NewTimer(0)
	defer timer.Stop()
	pause := retryLeast
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.news:
		case <-timer.C:
		}
		timer.Reset(syncEvery)
		err := s.follow(ctx, deliver)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			s.log.Warn("a followed zone isn't in Route 53 yet", "zone", s.name, "again_in", pause, "error", err)
			deliver(zonesource.Part{Key: PartKey(s.Apex()), Listed: time.Now(), Err: err})
			timer.Reset(pause)
			pause = min(2*pause, retryMost)
		default:
			pause = retryLeast
			s.sync(ctx)
		}
	}
}

// load begins with the versions that were kept, and with the one that another process made.
func (s *Source) load() error {
	s.versions.list = nil
	if s.options.Saved != nil {
		p := s.options.Saved()
		if p != nil && p.Zone != nil {
			s.versions.list = append(s.versions.list, p.Zone.Tree)
			s.problems = p.Problems // of names that may not be looked at again for long
		}
	}
	if s.options.Committed == nil {
		return s.versions.load(s.Apex())
	}
	return s.loadShared()
}

// transferred is told what came from the master.
func (s *Source) transferred(p zonesource.Part, deliver func(zonesource.Part)) {
	if p.Err != nil {
		p.Key = PartKey(s.Apex())
		deliver(p)
		return
	}
	if p.Zone == nil || p.Zone.Unavailable != "" {
		return // expired, or not there yet: the hosted zone stays as it is
	}
	s.mu.Lock()
	s.next = p.Zone.Tree
	s.mu.Unlock()
	s.wake()
}

// wake has the version that came last looked at.
func (s *Source) wake() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// follow makes the version that came last.
func (s *Source) follow(ctx context.Context, deliver func(zonesource.Part)) error {
	s.mu.Lock()
	target := s.next
	s.mu.Unlock()
	if target == nil || target == s.applied {
		return nil
	}
	if s.unfinished != nil { // at one name there may be what three versions have, and it is kept of two
		target = s.unfinished
	}
	hosted, err := s.hosted()
	if err != nil {
		return err
	}
	from := serialOf(s.applied)
	p := &planner{hosted: changesZone(hosted), apex: s.Apex(), names: s.options.Names, target: target,
		before: slices.Clone(s.versions.list)}
	err = s.begin(ctx, target, deliver)
	if err != nil {
		return err
	}
	c := s.clients[hosted.Account].Commented(fmt.Sprintf("inside53 follows %s, serial %d", s.name, serialOf(target)))
	began := time.Now()
	done, err := p.make(ctx, c)
	s.amend(hosted, done, began)
	if err != nil {
		return fmt.Errorf("making serial %d of %s in %s: %w", serialOf(target), s.name, hosted.ID, err)
	}
	s.versions.made(target)
	s.applied = target
	if s.unfinished != nil {
		s.unfinished = nil
		s.wake()
	}
	s.keep(p, done.problems)
	s.log.Info("serial followed", "zone", s.name, "zone_id", hosted.ID, "from", from, "serial", serialOf(target),
		"changes",
		done.changes, "batches", len(done.ids), "change_ids", done.ids, "left_alone", len(s.problems))
	for _, problem := range done.problems {
		s.log.Warn("a record set is left alone", "zone", s.name, "name", problem.Name, "type", problem.Type, "why",
			problem.Reason)
	}
	info := zone.Info{Origin: zone.File, ID: Name + " " + s.name, Listed: began}
	deliver(zonesource.Part{Key: PartKey(s.Apex()), Listed: began, Zone: zone.New(info, target, 0), Problems: s.problems})
	return nil
}

// maxProblems bounds what is said of one zone.
const maxProblems = 100

// keep keeps the problems of names that weren't looked at this time.
func (s *Source) keep(p *planner, found []zonesource.Problem) {
	looked := map[string]bool{}
	for _, name := range p.affected() {
		looked[zone.String([]byte(name))] = true
	}
	left := slices.DeleteFunc(slices.Clone(s.problems), func(o zonesource.Problem) bool { return looked[o.Name] })
	left = append(left, found...)
	s.problems = left[:min(len(left), maxProblems)]
}

var errNotListed = errors.New("the hosted zone has not been listed yet, or there is none of that id")

// hosted is the hosted zone as it is served.
func (s *Source) hosted() (*zone.Zone, error) {
	for _, z := range s.options.Hosted() {
		if z.ID != s.options.Into {
			continue
		}
		if !bytes.Equal(z.Apex, s.Apex()) {
			return nil, fmt.Errorf("%s is the hosted zone %s, not %s", z.ID, zone.String(z.Apex), s.name)
		}
		if s.clients[z.Account] == nil {
			return nil, fmt.Errorf("%s is of the account %q, which isn't configured", z.ID, z.Account)
		}
		return z, nil
	}
	return nil, fmt.Errorf("%s: %w", s.options.Into, errNotListed)
}

func changesZone(z *zone.Zone) changes.Zone {
	return changes.Zone{ID: z.ID, Name: changes.CanonicalName(zone.String(z.Apex)), Private: z.Origin == zone.Private}
}

// sync asks whether what was made has reached all name servers: from then on listings count alone.
func (s *Source) sync(ctx context.Context) {
	if len(s.unsynced) == 0 || s.options.Synced == nil {
		return
	}
	hosted, err := s.hosted()
	if err != nil {
		return
	}
	// Route 53 makes the changes of a zone one after the other: with the last all have arrived.
	last := s.unsynced[len(s.unsynced)-1]
	if last.Change != "" {
		arrived, err := s.clients[hosted.Account].Insync(ctx, last.Change)
		if err != nil || !arrived {
			return
		}
	}
	for _, a := range s.unsynced {
		s.options.Synced(a)
	}
	s.unsynced = nil
}

// Preview transfers the zone once and returns what it would change in a hosted zone, and what it
// would leave alone. The versions of a server in StateDir say what is ours.
func Preview(ctx context.Context, o Options, c *changes.Client, into changes.Zone) (changes.Plan, []zonesource.Problem,
	error,
) {
	s, err := New(o)
	if err == nil {
		err = s.load()
	}
	if err != nil {
		return changes.Plan{}, nil, err
	}
	target, err := secondary.Fetch(ctx, o.Master, s.log)
	if err != nil {
		return changes.Plan{}, nil, err
	}
	p := &planner{hosted: into, apex: s.Apex(), names: s.options.Names, target: target, before: s.versions.list}
	names := p.affected()
	if len(names) == 0 {
		return changes.Plan{}, nil, nil
	}
	current, err := p.read(ctx, c, names)
	if err != nil {
		return changes.Plan{}, nil, err
	}
	plan, problems := p.plan(names, current)
	return plan, problems, nil
}
