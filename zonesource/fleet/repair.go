package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"inside53/zonesource"
	"inside53/zonesource/clock"
	"inside53/zonesource/ledger"
	"inside53/zonesource/recorder"
)

// repairs is how often a term repairs the store before another server is to try.
const repairs = 3

// isLost reports whether the store has lost something: head, or all that came after it.
func isLost(err error) bool {
	return errors.Is(err, ledger.ErrRolledBack) || errors.Is(err, ledger.ErrDamaged) || errors.Is(err, ledger.ErrAbsent)
}

// errNothingToRepairBy says that this server has no data to repair the store by.
var errNothingToRepairBy = errors.New("nothing is served here to repair it by; fleet accept takes what is left")

// draft begins a leader commit.
func (t *Term) draft() ledger.Draft {
	m := t.m
	return ledger.Draft{Cause: ledger.Leader, Actor: m.o.Name, Config: m.o.Config(), At: clock.Now(), Epoch: t.Epoch()}
}

// whole adds all that this server serves to a draft, to be written whatever there is.
func (t *Term) whole(d *ledger.Draft) (recorder.Made, error) {
	m := t.m
	made := recorder.Made{
		Parts: map[zonesource.Key]zonesource.Part{}, Records: map[string]map[string][]byte{},
	}
	all := map[zonesource.Key]zonesource.Part{}
	for _, p := range m.o.Keeper.Served() {
		all[p.Key] = p
	}
	maps.Copy(all, t.read())
	for _, p := range slices.SortedFunc(maps.Values(all), func(a, b zonesource.Part) int {
		return strings.Compare(recorder.KeyText(a.Key), recorder.KeyText(b.Key))
	}) {
		part, err := recorder.Whole(p)
		if err != nil {
			return made, err
		}
		d.Parts, made.Parts[p.Key] = append(d.Parts, part), p
	}
	m.syncing.Lock()
	defer m.syncing.Unlock()
	for part, records := range m.records {
		all := sorted(records)
		d.Parts = append(d.Parts, ledger.PartDraft{Key: part, Whole: true, Records: slices.Values(all)})
		made.Records[part] = records
	}
	return made, nil
}

// read are the parts that this server can't serve, as it has read them itself while it led.
func (t *Term) read() map[zonesource.Key]zonesource.Part {
	r := t.recorder.Load()
	if r == nil {
		return nil
	}
	parts := r.Current()
	failed := t.m.failedKeys()
	maps.DeleteFunc(parts, func(key zonesource.Key, p zonesource.Part) bool {
		return failed[recorder.KeyText(key)] == "" || p.Key != key || p.Err != nil
	})
	return parts
}

// knowsFailed reports whether this server has read itself, while it led, all parts that it can't serve.
func (t *Term) knowsFailed() bool {
	return t.recorder.Load() != nil && len(t.read()) == len(t.m.failedKeys())
}

// repair writes all that this server serves anew, in the place of the leader commit, with a
// version above that which it has served.
func (t *Term) repair(ctx context.Context, w *ledger.Writer, why error) (*ledger.Version, recorder.Made, error) {
	m := t.m
	m.syncing.Lock()
	known := m.known
	m.syncing.Unlock()
	if known == nil && (len(m.o.Keeper.Served()) == 0 || errors.Is(why, ledger.ErrDamaged)) {
		// Who can't read head, and never could, may have another key than the fleet.
		return nil, recorder.Made{}, fmt.Errorf("repairing the store: %w: %w", why, errNothingToRepairBy)
	}
	if !t.knowsFailed() { // else who led until now knows all that there was
		err := t.hear(ctx)
		if err != nil {
			return nil, recorder.Made{}, err
		}
	}
	if known != nil {
		w.Adopt(known)
	}
	d := t.draft()
	d.Actor, d.Known, d.Above = "inside53", m.had.Version, m.greatest()
	made, err := t.whole(&d)
	if err != nil {
		return nil, made, err
	}
	v, err := w.Repair(ctx, d)
	if !errors.Is(err, ledger.ErrMoved) { // somebody else has
		m.alarm("repair", "the fleet's ledger has lost something and is written anew", "reason", why)
	}
	for errors.Is(err, ledger.ErrPending) && ctx.Err() == nil {
		v, err = w.Settle(ctx)
	}
	return v, made, err
}

// spokenAfter is how long after a poll a member has said what it knows.
const spokenAfter = 3 * time.Second

// hear waits until all members that reach the store have seen that it has lost something, and have said what they know:
// whoever knows more repairs it.
func (t *Term) hear(ctx context.Context) error {
	m := t.m
	err := m.pause(ctx, m.o.Poll+spokenAfter, nil)
	if err != nil {
		return err
	}
	err = m.listPeers(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fuller() {
		return errLower
	}
	return nil
}

// guard looks at head each poll while this server leads, until it isn't what this server has
// written.
func (t *Term) guard(ctx context.Context) error {
	m := t.m
	for {
		err := m.pause(ctx, m.o.Poll, m.wakeHead)
		if err != nil {
			return err
		}
		newest := t.Version()
		limited, stop := context.WithTimeout(ctx, storeTime)
		h, err := m.o.Ledger.Head(limited)
		stop()
		switch {
		case isLost(err):
			return fmt.Errorf("%w: %w", ledger.ErrRolledBack, err)
		case err != nil:
		case h.Epoch > t.Epoch(), h.Epoch == t.Epoch() && h.Leader != m.node:
			return fmt.Errorf("reading head: %w", ledger.ErrDeposed)
		case h.Version < newest.Number():
			return fmt.Errorf("reading head: version %d after %d: %w", h.Version, newest.Number(), ledger.ErrRolledBack)
		}
	}
}

// errLower says that a member knows more than this leader.
var errLower = errors.New("a member knows a greater version")

// higher reports whether a member is known to serve a greater version than this server, or one as great of a greater
// epoch. The order is one of all servers, so that of any two one leads. The caller holds mu.
func (m *Member) higher() bool {
	return m.isUnder(Peer.serves)
}

// fuller reports whether a member is known to have had a greater version with all its parts than this server: that one
// is to repair what the store has lost. The caller holds mu.
func (m *Member) fuller() bool { return m.isUnder(Peer.whole) }

// isUnder reports whether a member is above this server by some version of theirs. The caller holds mu.
func (m *Member) isUnder(of func(Peer) uint64) bool {
	now, own := m.o.Uptime(), Peer{}
	m.describe(&own)
	return slices.ContainsFunc(m.peers, func(p Peer) bool {
		if p.Name == m.o.Name || p.Heard+now-p.read > memberFor {
			return false
		}
		return cmp.Or(cmp.Compare(of(p), of(own)), cmp.Compare(p.Epoch, own.Epoch)) > 0
	})
}

// greatest is the greatest version that a member is known to serve.
func (m *Member) greatest() (version uint64) {
	for _, p := range m.Peers() {
		version = max(version, p.serves())
	}
	return version
}

// AcceptStore has this server serve what the store has, though that is older than what it serves;
// where head is lost, the last commit that is left.
func (m *Member) AcceptStore(ctx context.Context) error {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	v, err := m.o.Ledger.Follow(ctx, nil)
	if isLost(err) {
		v, err = m.o.Ledger.Left(ctx)
	}
	if err != nil {
		return err
	}
	m.o.Log.Warn("the store's version is accepted as ordered", "version", v.Number())
	err = m.adopt(ctx, v, recorder.Made{})
	if err == nil {
		m.mu.Lock()
		m.headErr, m.heard, m.unfit = nil, m.o.Uptime(), 0
		m.mu.Unlock()
	}
	return err
}
