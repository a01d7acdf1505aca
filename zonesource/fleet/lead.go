package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"inside53/zonesource"
	"inside53/zonesource/ledger"
	"inside53/zonesource/recorder"
)

// Change is what is committed besides what a keeper accepts; see [recorder.Change].
type Change = recorder.Change

// Term is one time of leading: from the leader commit until the lease is lost or given free.
// Its methods are safe for concurrent use.
type Term struct {
	m        *Member
	epoch    atomic.Uint64
	recorder atomic.Pointer[recorder.Recorder] // nil before the leader commit; another one after a repair
	end      context.CancelCauseFunc
	ended    chan struct{}
	told     told

	mu        sync.Mutex
	rewritten map[string]rewriting // parts that were written anew for a member
	lease     lease
	tag       string
	renewed   time.Duration // uptime before the last renewal that succeeded
}

// Epoch is that of the term.
func (t *Term) Epoch() uint64 { return t.epoch.Load() }

// Accept notes what a keeper has accepted; it is committed soon. It is the function Accepted of
// the keeper that reads.
func (t *Term) Accept(all []zonesource.Accepted) { t.recorder.Load().Accept(all) }

// Commit commits a change with all that was accepted before it, and returns the version that this
// server serves then, which has it. After an error nobody knows whether it was committed.
func (t *Term) Commit(ctx context.Context, c Change) (uint64, error) {
	err := t.recorder.Load().Commit(ctx, c)
	if err != nil {
		return 0, err
	}
	return t.Version().Number(), nil
}

// Version is the newest version that was committed.
func (t *Term) Version() *ledger.Version { return t.recorder.Load().Newest() }

// Fresh reports whether the last renewal of the lease that succeeded began within d.
func (t *Term) Fresh(d time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.m.o.Uptime()-t.renewed < d
}

// Parts are all parts of the fleet as they are served, for the keeper that reads to begin with;
// without those that could not be read and are to be listed anew.
func (t *Term) Parts() []zonesource.Part {
	failed := t.m.failedKeys()
	var parts []zonesource.Part
	for _, p := range t.m.o.Keeper.Served() {
		_, bad := failed[recorder.KeyText(p.Key)]
		if !bad {
			parts = append(parts, p)
		}
	}
	return parts
}

// Rewrite has a part written anew, which a member can't read.
func (t *Term) Rewrite(key zonesource.Key) { t.recorder.Load().Rewrite(key) }

// lead takes the lease and leads until it is lost, given free, or ctx ends.
func (m *Member) lead(ctx context.Context) {
	_, err := m.Sync(ctx)
	if err != nil && !errors.Is(err, errHollow) && !isLost(err) {
		return // who can't read the store can't lead
	}
	if m.checkAccount() != nil {
		return // follow ends with it
	}
	l, tag, began, err := m.take(ctx)
	if err != nil {
		if !errors.Is(err, errTaken) {
			m.o.Log.Warn("the lease was not to be had", "error", err)
		}
		return
	}
	m.mu.Lock()
	m.lease = seenLease{lease: l, tag: tag, since: m.o.Uptime(), read: m.o.Uptime(), known: true}
	m.mu.Unlock()
	running, end := context.WithCancelCause(ctx)
	defer end(nil)
	t := &Term{m: m, end: end, ended: make(chan struct{}), lease: l, tag: tag, renewed: began,
		rewritten: map[string]rewriting{}}
	t.epoch.Store(l.Epoch)
	t.told.init()
	defer close(t.ended)
	err = t.run(running)
	for n := 0; n < repairs && isLost(err) && running.Err() == nil; n++ {
		err = t.run(running) // its leader commit repairs what is lost
	}
	cause := context.Cause(running)
	if cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	m.mu.Lock()
	m.term = nil
	m.barred = m.o.Uptime() + lostPause
	if errors.Is(err, errNothingToRepairBy) {
		m.unfit = m.barred
	}
	m.mu.Unlock()
	m.o.Log.Warn("this server leads no more", "epoch", t.Epoch(), "reason", err)
	t.release(context.WithoutCancel(ctx), err)
}

// run leads until ctx ends or somebody else does.
func (t *Term) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return t.renew(ctx) })
	g.Go(func() error { return t.watch(ctx) })
	g.Go(func() error {
		err := t.fence(ctx)
		if err != nil {
			return fmt.Errorf("making the leader commit: %w", err)
		}
		m := t.m
		m.mu.Lock()
		m.term = t
		m.mu.Unlock()
		signal(m.wakeMeet) // from now on it matters what the members say
		m.o.Log.Info("this server leads", "epoch", t.Epoch(), "version", t.Version().Number())
		g.Go(func() error { return t.tell(ctx) })
		g.Go(func() error { return t.record(ctx) })
		g.Go(func() error { return t.guard(ctx) })
		return m.o.Lead(ctx, t)
	})
	return g.Wait()
}

// record commits what is accepted until ctx ends, and what is left then, while the lease lasts.
func (t *Term) record(ctx context.Context) error {
	err := t.recorder.Load().Run(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// fence makes the leader commit. Nothing is read before it, and who led until now can commit
// nothing after it.
func (t *Term) fence(ctx context.Context) error {
	m := t.m
	w := m.o.Ledger.NewWriter(ledger.WriterOptions{Node: m.node, Uptime: m.o.Uptime})
	for {
		v, err := t.open(ctx, w)
		made := recorder.Made{}
		switch {
		case isLost(err):
			v, made, err = t.repair(ctx, w, err)
			if isLost(err) {
				return err
			}
		case err == nil:
			v, made, err = t.first(ctx, w, v)
		}
		switch {
		case errors.Is(err, ledger.ErrMoved), isLost(err):
			err = m.pause(ctx, watchEvery, nil)
			if err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		t.epoch.Store(v.Head.Epoch)
		return t.begin(ctx, w, v, made)
	}
}

// first makes the leader commit on a version: with all that is served here, where that has nothing.
func (t *Term) first(ctx context.Context, w *ledger.Writer, on *ledger.Version) (
	*ledger.Version, recorder.Made, error,
) {
	d, made := t.draft(), recorder.Made{}
	if !hasCatalog(on) {
		var err error
		made, err = t.whole(&d)
		if err != nil {
			return nil, made, err
		}
	}
	v, err := settled(ctx, w, d)
	return v, made, err
}

// open reads what there is, and has it served here.
func (t *Term) open(ctx context.Context, w *ledger.Writer) (*ledger.Version, error) {
	m := t.m
	v, err := w.Open(ctx)
	if err != nil {
		return nil, err
	}
	m.syncing.Lock()
	defer m.syncing.Unlock()
	served, back := m.goesBack(v)
	if back {
		return nil, fmt.Errorf("leading from version %d after %d: %w", v.Number(), served, ledger.ErrRolledBack)
	}
	if m.known == nil || v.Name != m.known.Name {
		err = m.adopt(ctx, v, recorder.Made{})
		if err != nil && !errors.Is(err, errHollow) {
			return nil, err
		}
	}
	return v, nil
}

// settled commits a draft and finds out what has become of it.
func settled(ctx context.Context, w *ledger.Writer, d ledger.Draft) (*ledger.Version, error) {
	v, err := w.Commit(ctx, d)
	for errors.Is(err, ledger.ErrPending) && ctx.Err() == nil {
		v, err = w.Settle(ctx)
	}
	return v, err
}

// begin serves the leader commit, and makes what records from then on.
func (t *Term) begin(ctx context.Context, w *ledger.Writer, v *ledger.Version,
	made recorder.Made,
) error {
	m := t.m
	m.syncing.Lock()
	defer m.syncing.Unlock()
	err := m.adopt(ctx, v, made)
	if err != nil && !errors.Is(err, errHollow) {
		return err
	}
	m.caughtUp(v)
	known := map[zonesource.Key]zonesource.Part{}
	for key, p := range m.parts {
		text := recorder.KeyText(key)
		if m.refs[text] == v.Parts[text] {
			known[key] = p
		}
	}
	t.recorder.Store(recorder.New(recorder.Options{
		Ledger: m.o.Ledger, Name: m.o.Name, Retention: m.o.Retention, Config: m.o.Config, Log: m.o.Log,
		Writer: w, Known: known, Hold: t.hold,
		Committed: func(v *ledger.Version, made recorder.Made) { t.committed(ctx, v, made) },
	}))
	return nil
}

// caughtUp notes that head was read and is what this server has written.
func (m *Member) caughtUp(v *ledger.Version) {
	m.known = v
	m.begin()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heard, m.headErr = m.o.Uptime(), nil
}

// hold says why nothing may be written.
func (t *Term) hold() error {
	if !t.Fresh(leaseFor) {
		return fmt.Errorf("%w: %w", ledger.ErrDeposed, errLate)
	}
	return nil
}

// committed serves a version that was committed, and has the members told of it.
func (t *Term) committed(ctx context.Context, v *ledger.Version, made recorder.Made) {
	m := t.m
	m.syncing.Lock()
	if m.known == nil || v.Name != m.known.Name {
		err := m.adopt(ctx, v, made)
		if err != nil {
			m.o.Log.Warn("own version not served", "version", v.Number(), "error", err)
		}
	}
	m.caughtUp(v)
	m.syncing.Unlock()
	t.told.news(v.Number())
}

// renew renews the lease until ctx ends or it is another's. One renewal may hang for half the time that a lease lasts:
// the next try comes soon then.
func (t *Term) renew(ctx context.Context) error {
	wait, failed := renewEvery, false
	for {
		err := t.m.pause(ctx, wait, nil)
		if err != nil {
			return err
		}
		err = t.renewOnce(ctx)
		if errors.Is(err, errTaken) {
			return err
		}
		if err != nil && ctx.Err() == nil && !failed {
			t.m.o.Log.Warn("lease not renewed", "error", err)
		}
		wait, failed = renewEvery, err != nil
		if failed {
			wait = renewAgain
		}
	}
}

// renewOnce writes the lease anew.
func (t *Term) renewOnce(ctx context.Context) error {
	m := t.m
	t.mu.Lock()
	l, was := t.lease, t.tag
	t.mu.Unlock()
	l.Epoch, l.Nonce, l.Address, l.Ages = max(l.Epoch, t.Epoch()), newNonce(), m.address(), m.o.Ages()
	began := m.o.Uptime()
	tag, err := m.putLease(ctx, &l, was)
	var again errAgain
	if errors.As(err, &again) {
		tag, err = m.putLease(ctx, &l, again.tag)
	}
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.lease, t.tag, t.renewed = l, tag, began
	t.mu.Unlock()
	m.mu.Lock()
	m.lease = seenLease{lease: l, tag: tag, since: m.o.Uptime(), read: began, known: true}
	m.ages, m.agesAt, m.heard = l.Ages, began, began
	m.mu.Unlock()
	m.syncing.Lock()
	defer m.syncing.Unlock()
	m.age()
	return nil
}

// watchEvery is how often a leader looks whether its lease lasts.
const watchEvery = 250 * time.Millisecond

// watch ends the term when the lease wasn't renewed in time, whatever hangs.
func (t *Term) watch(ctx context.Context) error {
	for {
		err := t.m.pause(ctx, watchEvery, nil)
		if err != nil {
			return err
		}
		if !t.Fresh(leaseFor) {
			t.end(errLate)
			return errLate
		}
	}
}

// releaseTime bounds what is written when a term ends.
const releaseTime = 2 * time.Second

// release gives the lease free, unless it is another's, and wakes the members.
func (t *Term) release(ctx context.Context, why error) {
	if errors.Is(why, errTaken) || errors.Is(why, errLate) {
		return
	}
	m := t.m
	ctx, stop := context.WithTimeout(ctx, releaseTime)
	defer stop()
	t.mu.Lock()
	l, was := t.lease, t.tag
	t.mu.Unlock()
	l.Node, l.Nonce, l.Ages = "", newNonce(), m.o.Ages()
	tag, err := m.putLease(ctx, &l, was)
	if err != nil {
		m.o.Log.Warn("lease not given free; others take it in some seconds", "error", err)
		return
	}
	m.mu.Lock()
	m.lease = seenLease{lease: l, tag: tag, since: m.o.Uptime(), read: m.o.Uptime(), known: true}
	m.offer = l.Nonce
	m.mu.Unlock()
	m.wakeAll(ctx)
}
