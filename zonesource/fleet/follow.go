package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"inside53/zonesource"
	"inside53/zonesource/ledger"
	"inside53/zonesource/recorder"
)

// decoders is how many parts are read at once.
const decoders = 8

// follow reads head each poll and when it is woken, until ctx ends.
func (m *Member) follow(ctx context.Context) error {
	for {
		if m.Term() == nil {
			_, _ = m.Sync(ctx) // it stands in Standing
		} else { // who leads has written what there is
			m.tryFailed(ctx)
		}
		err := m.checkAccount()
		if err != nil {
			return err
		}
		err = m.pause(ctx, m.o.Poll, m.wakeHead)
		if err != nil {
			return err
		}
	}
}

// Sync reads head and adopts its version, and returns the version that is served then.
func (m *Member) Sync(ctx context.Context) (uint64, error) {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	err := m.sync(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil && m.headErr == nil && ctx.Err() == nil {
		m.o.Log.Warn("the fleet's ledger isn't followed; what was adopted is served", "error", err)
	}
	if err == nil && m.headErr != nil {
		m.o.Log.Info("the fleet's ledger is followed again")
	}
	m.headErr = err
	v := uint64(0)
	if m.version != nil {
		v = m.version.Number()
	}
	return v, err
}

// sync reads head and adopts its version. The caller holds syncing.
func (m *Member) sync(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, readTime)
	defer stop()
	began := m.o.Uptime()
	v, err := m.o.Ledger.Follow(ctx, m.known)
	if errors.Is(err, ledger.ErrAbsent) && m.known == nil && m.had.Version == 0 {
		m.begin()
		return nil // nobody has led yet
	}
	if err != nil {
		return err
	}
	served, back := m.goesBack(v)
	if back {
		m.sayBack(v, served)
		return fmt.Errorf("following version %d after %d: %w", v.Number(), served, ledger.ErrRolledBack)
	}
	if v != m.known || m.again || m.isFailedDue() {
		err = m.adopt(ctx, v, recorder.Made{})
		if err != nil {
			return err
		}
	}
	m.mu.Lock()
	m.heard = began
	m.mu.Unlock()
	m.begin()
	return nil
}

// sayBack says that head has gone back: once, until it is followed again, however often it is looked at.
func (m *Member) sayBack(v *ledger.Version, served uint64) {
	m.mu.Lock()
	before := errors.Is(m.headErr, ledger.ErrRolledBack)
	m.mu.Unlock()
	if !before {
		m.alarm("rolled back", "the fleet's ledger has gone back, and isn't followed", "version", v.Number(),
			"served", served)
	}
}

// isFailedDue reports whether parts that couldn't be adopted are to be tried again. The caller holds syncing.
func (m *Member) isFailedDue() bool { return len(m.failedKeys()) > 0 && m.o.Uptime() > m.retry }

// tryFailed tries parts again that couldn't be adopted, at a server that leads.
func (m *Member) tryFailed(ctx context.Context) {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	if m.known == nil || !m.isFailedDue() {
		return
	}
	ctx, stop := context.WithTimeout(ctx, readTime)
	defer stop()
	err := m.adopt(ctx, m.known, recorder.Made{})
	if err != nil && ctx.Err() == nil {
		m.o.Log.Warn("what failed isn't read again", "error", err)
	}
}

// Readopt adopts all parts of the version anew: another configuration may want others.
func (m *Member) Readopt(ctx context.Context) error {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	if m.known == nil {
		return nil
	}
	clear(m.refs)
	clear(m.parts)
	clear(m.records)
	m.again = true
	return m.adopt(ctx, m.known, recorder.Made{})
}

// isBelow reports whether a version isn't one that may follow another.
func isBelow(v, known *ledger.Version) bool {
	return v.Number() < known.Number() || v.Number() == known.Number() && v.Name != known.Name
}

// begin notes that head was read.
func (m *Member) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.first:
	default:
		close(m.first)
	}
}

func (m *Member) failedKeys() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failed
}

// errHollow says that a version is not to take the place of what is served.
var errHollow = errors.New("it has no complete catalog; what was there is served")

// adopt has a version served. made are parts as this server has committed them. The caller holds
// syncing.
func (m *Member) adopt(ctx context.Context, v *ledger.Version, made recorder.Made) error {
	if !hasCatalog(v) && len(m.refs) == 0 && len(m.o.Keeper.Served()) > 0 {
		return fmt.Errorf("adopting version %d: %w", v.Number(), errHollow)
	}
	m.crashes.load()
	m.crashes.forget(v)
	var work []*reading
	failed := map[string]string{}
	for _, w := range m.compare(v) {
		if m.crashes.isOut(w.text, w.ref.List) {
			w.err = errCrashes
			m.leaveOut(v, w, failed)
			continue
		}
		work = append(work, w)
	}
	changed := m.goneKeys(v)
	for i, group := range m.crashes.split(work) {
		var gone []zonesource.Adopted
		if i == 0 {
			gone = m.gone(v)
		}
		err := m.adoptGroup(ctx, v, group, gone, made)
		if err != nil {
			return err
		}
		for _, w := range group {
			if w.err != nil {
				m.leaveOut(v, w, failed)
				continue
			}
			m.refs[w.text] = w.ref
			if w.kept && w.ref.List != "" {
				m.parts[w.key] = w.part
			} else {
				delete(m.parts, w.key)
			}
			changed = append(changed, w.text)
		}
	}
	for _, text := range m.goneKeys(v) {
		delete(m.refs, text)
		delete(m.records, text)
		delete(m.parts, recorder.ParseKey(text))
	}
	slices.Sort(changed)
	m.known, m.again, m.retry = v, false, m.o.Uptime()+retryFailed
	m.mu.Lock()
	m.version, m.failed = v, failed
	switch {
	case len(failed) == 0:
		m.whole = v.Number()
	case m.whole > v.Number(): // it goes back as ordered
		m.whole = 0
	}
	close(m.adopted)
	m.adopted = make(chan struct{})
	if m.isAheadOfLease() { // where who leads is stands there
		signal(m.wakeLease)
		signal(m.wakeMeet)
	}
	m.mu.Unlock()
	m.mark()
	m.age()
	m.o.Adopted(v, changed)
	return nil
}

// adoptGroup reads parts and has them served, and those go that are gone. What can't be is an error of the part; the
// error is that of a store which gives nothing at all.
func (m *Member) adoptGroup(ctx context.Context, v *ledger.Version, group []*reading, gone []zonesource.Adopted,
	made recorder.Made,
) error {
	m.crashes.begin(group)
	err := m.read(ctx, v, group, made.Parts)
	if err != nil {
		m.crashes.end(group, false)
		return err
	}
	m.readRecords(ctx, v, group, made)
	var adopted []zonesource.Adopted
	for _, w := range group {
		if w.err == nil && w.kept {
			adopted = append(adopted, w.adopted())
		}
	}
	refused := m.o.Keeper.Adopt(v.Number(), append(adopted, gone...))
	for _, w := range group {
		if w.err == nil {
			w.err = refused[w.key]
		}
	}
	m.crashes.end(group, true)
	return nil
}

// leaveOut notes a part of a version that isn't adopted.
func (m *Member) leaveOut(v *ledger.Version, w *reading, failed map[string]string) {
	failed[w.text] = w.err.Error()
	_, before := m.failedKeys()[w.text]
	if !before {
		m.alarm("part", "part not adopted; it stays as it was", "version", v.Number(), "part", w.text, "error", w.err)
	}
}

// hasCatalog reports whether a version has anything complete to serve.
func hasCatalog(v *ledger.Version) bool {
	for _, ref := range v.Parts {
		if ref.List != "" {
			return true
		}
	}
	return false
}

// reading is a part that is to be adopted.
type reading struct {
	text string
	key  zonesource.Key
	ref  ledger.PartRef
	kept bool // by the keeper; others are left to whoever knows them
	part zonesource.Part
	err  error
}

func (w *reading) adopted() zonesource.Adopted {
	a := zonesource.Adopted{Key: w.key, Part: w.part}
	if w.ref.List == "" {
		a.Part, a.Err, a.Refused = zonesource.Part{}, errors.New(w.ref.Why), w.ref.State == ledger.Refused
	}
	return a
}

// compare lists the parts that a version has otherwise than what was adopted.
func (m *Member) compare(v *ledger.Version) []*reading {
	var work []*reading
	for text, ref := range v.Parts {
		if old, there := m.refs[text]; there && old == ref {
			continue
		}
		w := &reading{text: text, ref: ref, kept: recorder.IsKept(text)}
		if w.kept {
			w.key = recorder.ParseKey(text)
		}
		work = append(work, w)
	}
	return work
}

// goneKeys are those of parts that were adopted and that a version hasn't.
func (m *Member) goneKeys(v *ledger.Version) []string {
	var gone []string
	for text := range m.refs {
		_, there := v.Parts[text]
		if !there {
			gone = append(gone, text)
		}
	}
	return gone
}

// gone are the parts of the keeper that a version hasn't, also those that were there before the
// first version was adopted.
func (m *Member) gone(v *ledger.Version) []zonesource.Adopted {
	keys := map[zonesource.Key]bool{}
	for _, text := range m.goneKeys(v) {
		if recorder.IsKept(text) {
			keys[recorder.ParseKey(text)] = true
		}
	}
	if len(m.refs) == 0 {
		for _, p := range m.o.Keeper.Served() {
			_, there := v.Parts[recorder.KeyText(p.Key)]
			if !there {
				keys[p.Key] = true
			}
		}
	}
	var gone []zonesource.Adopted
	for key := range keys {
		gone = append(gone, zonesource.Adopted{Key: key})
	}
	return gone
}

// read reads what parts are. The error is that of a store which gives nothing at all.
func (m *Member) read(ctx context.Context, v *ledger.Version, work []*reading,
	made map[zonesource.Key]zonesource.Part,
) error {
	var g errgroup.Group
	g.SetLimit(decoders)
	var mu sync.Mutex
	asked, silent := 0, 0
	for _, w := range work {
		if !w.kept || w.ref.List == "" {
			continue
		}
		p, is := made[w.key]
		if is && p.Key == w.key && p.Err == nil {
			w.part = p
			continue
		}
		g.Go(func() error {
			w.part, w.err = m.readPart(ctx, v, w)
			mu.Lock()
			defer mu.Unlock()
			asked++
			if w.err != nil && !isOfPart(w.err) {
				silent++
			}
			return nil
		})
	}
	err := g.Wait()
	if err == nil && asked > 0 && silent == asked {
		for _, w := range work {
			if w.err != nil {
				return w.err
			}
		}
	}
	return err
}

// isOfPart reports whether an error is one of what is there, and not of the store.
func isOfPart(err error) bool {
	return errors.Is(err, ledger.ErrDamaged) || errors.Is(err, ledger.ErrAbsent) || errors.Is(err, ledger.ErrNewer)
}

// readPart reads one part: from what was adopted before, as far as that is the same. A part
// that makes the decoder panic is one that can't be read.
func (m *Member) readPart(ctx context.Context, v *ledger.Version, w *reading) (p zonesource.Part, err error) {
	defer func() {
		fault := recover()
		if fault != nil {
			p, err = zonesource.Part{}, fmt.Errorf("reading %s: %w: %v", w.text, ledger.ErrDamaged, fault)
		}
	}()
	old, there := m.parts[w.key]
	ref, was := m.refs[w.text]
	if there && was && ref.List != "" {
		before := &ledger.Version{Parts: map[string]ledger.PartRef{w.text: ref}}
		p, err = recorder.Advance(ctx, m.o.Ledger, before, v, old)
		if err == nil || ctx.Err() != nil {
			return p, err
		}
	}
	return recorder.Part(ctx, m.o.Ledger, v, w.key)
}

// age tells the keeper how old what it has is.
func (m *Member) age() {
	m.mu.Lock()
	ages, since := m.ages, m.o.Uptime()-m.agesAt
	m.mu.Unlock()
	if ages == nil {
		return
	}
	m.o.Keeper.Age(func(key zonesource.Key) (time.Duration, bool) {
		age, known := ages[recorder.KeyText(key)]
		if !known {
			age, known = ages[key.Source]
		}
		return time.Duration(age*float64(time.Second)) + since, known
	})
}
