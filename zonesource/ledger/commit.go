package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"inside53/zonesource/clock"
)

// What may become of a commit, besides faults of the store.
var (
	// ErrDeposed says that another node leads, or has written.
	ErrDeposed = errors.New("another node leads")
	// ErrMoved says that another node has written meanwhile: one of an earlier epoch, or one
	// that has repaired the store. Its version is to be adopted, and the commit built anew.
	ErrMoved = errors.New("another leader has written meanwhile")
	// ErrRolledBack says that head is older than what was read of it before, or gone: see
	// [Writer.Repair].
	ErrRolledBack = errors.New("the store was rolled back")
	// ErrPending says that it isn't known yet whether a commit was made: see [Writer.Settle].
	ErrPending = errors.New("a commit is in doubt")
)

const (
	// mapAfter is the size of a commit's parts past which a new map is written.
	mapAfter = 64 << 10
	// headTries is how often head is written in one call while it stays what it was.
	headTries = 3
	// headPause bounds the random pause before head is written again.
	headPause = 100 * time.Millisecond
	// maxBuild is for how long what was uploaded may be named by a commit: far less than what
	// nobody names is kept.
	maxBuild = time.Hour
)

var errLate = errors.New("what was written for it is too old")

// Draft is what a commit is to say.
type Draft struct {
	Cause     Cause
	Actor     string
	AWSChange string
	Config    string
	At        time.Time
	// Epoch is the least that the commit is to have; of causes leader and repair alone, which
	// raise it.
	Epoch uint64
	// Known is of a repair: the greatest version that who repairs has had, besides the writer's. A head above it is
	// somebody else's repair.
	Known uint64
	// Above is of a repair too: what its version is above, besides all that is known of the store.
	Above   uint64
	Parts   []PartDraft // of different keys
	Changes []Change    // those over MaxChanges are left out, and counted
	Omitted int         // changes that aren't listed
}

// PartDraft is a part that differs from the version before.
type PartDraft struct {
	Key   string
	State State // "" is Complete
	Why   string
	Gone  bool // the part is there no more; nothing else counts
	// Whole says that Records are all of the part; else they are those that differ, and one
	// without a value is gone.
	Whole bool
	// Records come in the order of their keys; none for a part of which only State differs.
	Records iter.Seq[Record]
}

// WriterOptions make a writer.
type WriterOptions struct {
	// Node is who writes: a name and a nonce drawn at each start, so that a process that was
	// started again never leads by what head says.
	Node string
	// Alone says that nobody else writes while this process does, as the lock of a state
	// directory has it: the first commit raises the epoch, whatever its cause. Else only a
	// commit of cause leader may.
	Alone bool
	// Uptime is the time since the machine was started, asleep or not; nil is CLOCK_BOOTTIME.
	Uptime func() time.Duration
}

// Writer writes. It is for one goroutine.
type Writer struct {
	l       *Ledger
	o       WriterOptions
	version *Version // the newest that is known to be committed
	pending *attempt
}

// attempt is a commit of which only head is missing.
type attempt struct {
	base *Version // its tag is that of the head to replace
	body []byte   // of head
	next *Version
	// began is the uptime before the first of its objects was written.
	began time.Duration
}

// NewWriter returns a writer, which has to be opened.
func (l *Ledger) NewWriter(o WriterOptions) *Writer {
	if o.Uptime == nil {
		o.Uptime = Uptime
	}
	return &Writer{l: l, o: o}
}

// Open reads the newest version, and makes version 0 where nothing was ever written.
func (w *Writer) Open(ctx context.Context) (*Version, error) {
	h, tag, err := w.l.head(ctx, "")
	if errors.Is(err, ErrAbsent) {
		h, tag, err = w.begin(ctx)
	}
	if err != nil {
		return nil, err
	}
	v, err := w.l.newest(ctx, h, tag, nil)
	if err != nil {
		return nil, err
	}
	w.version, w.pending = v, nil
	return v, nil
}

// begin writes version 0. Where commits are left of a lost head, that is for Repair.
func (w *Writer) begin(ctx context.Context) (Head, string, error) {
	for _, err := range w.l.store.List(ctx, commitPath, "") {
		if err != nil {
			return Head{}, "", fmt.Errorf("looking for commits: %w", err)
		}
		return Head{}, "", fmt.Errorf("reading head: %w: there are commits", ErrRolledBack)
	}
	body, err := w.l.keys.encodeHead(Head{Fleet: w.l.fleet})
	if err != nil {
		return Head{}, "", err
	}
	_, err = w.l.store.Put(ctx, headName, body, "")
	if err != nil && !isMismatch(err) {
		return Head{}, "", fmt.Errorf("writing head: %w", err)
	}
	return w.l.head(ctx, "")
}

func isMismatch(err error) bool { return errors.Is(err, ErrMismatch) }

// Version is the newest that is known to be committed; nil before Open.
func (w *Writer) Version() *Version { return w.version }

// Adopt makes a version that was followed the one that the next commit is built on.
func (w *Writer) Adopt(v *Version) { w.version, w.pending = v, nil }

// Commit writes one version more and returns it. With ErrPending it may have been made:
// Settle must be called until it says so. After any other error it was not, and the same
// draft may be tried again, but for ErrDeposed, ErrMoved and ErrRolledBack.
func (w *Writer) Commit(ctx context.Context, d Draft) (*Version, error) {
	switch {
	case w.version == nil:
		return nil, errors.New("committing: the ledger isn't open")
	case w.pending != nil:
		return nil, fmt.Errorf("committing: %w", ErrPending)
	}
	epoch := w.version.Head.Epoch
	if w.version.Head.Leader != w.o.Node || d.Cause == Leader {
		if !w.o.Alone && d.Cause != Leader {
			return nil, fmt.Errorf("committing: %w", ErrDeposed)
		}
		epoch = max(epoch+1, d.Epoch)
	}
	a, err := w.build(ctx, d, w.version, Head{Version: w.version.Number() + 1, Epoch: epoch}, w.version.Name)
	if err != nil {
		return nil, fmt.Errorf("committing version %d: %w", w.version.Number()+1, err)
	}
	w.pending = a
	return w.Settle(ctx)
}

// Repair writes all parts anew over a head that is older than what is known, damaged, or
// gone. The version is one more than the greatest that is known, or, where none
// is, than that of the commits that are left. The draft has all parts, whole. Where somebody
// else has repaired the store meanwhile, what there is again is to be adopted: ErrMoved.
func (w *Writer) Repair(ctx context.Context, d Draft) (*Version, error) {
	known, epoch, previous := d.Above, uint64(0), ""
	if w.version != nil {
		known, epoch, previous = max(known, w.version.Number()), w.version.Head.Epoch, w.version.Name
		d.follow(w.version.Commit)
	}
	deposes := w.version == nil || w.version.Head.Leader != w.o.Node // who led until now
	h, tag, err := w.l.head(ctx, "")
	switch {
	case err == nil && w.isNew(ctx, h, tag, d.Known):
		return nil, fmt.Errorf("repairing: version %d is there: %w", h.Version, ErrMoved)
	case err == nil:
		shared := h.Epoch == epoch && h.Leader != w.o.Node
		deposes = deposes || shared || h.Epoch > epoch
		known, epoch = max(known, h.Version), max(epoch, h.Epoch)
	case !errors.Is(err, ErrAbsent) && !errors.Is(err, ErrDamaged):
		return nil, fmt.Errorf("repairing: %w", err)
	}
	if previous == "" {
		name, last, err := w.greatest(ctx)
		if err != nil {
			return nil, fmt.Errorf("repairing: %w", err)
		}
		if last != nil {
			previous, known = name, max(known, last.Version)
			deposes, epoch = deposes || last.Epoch > epoch, max(epoch, last.Epoch)
			d.follow(last)
		}
	}
	if deposes {
		epoch = max(epoch+1, d.Epoch)
	}
	d.Cause = Repair
	a, err := w.build(ctx, d, &Version{tag: tag}, Head{Version: known + 1, Epoch: epoch}, previous)
	if err != nil {
		return nil, fmt.Errorf("repairing by version %d: %w", known+1, err)
	}
	w.pending = a
	return w.Settle(ctx)
}

// isNew reports whether a head is of a version that can be read and is above what is known.
func (w *Writer) isNew(ctx context.Context, h Head, tag string, known uint64) bool {
	if w.version != nil {
		known = max(known, w.version.Number())
	}
	if h.Version <= known {
		return false
	}
	_, err := w.l.newest(ctx, h, tag, nil)
	return err == nil
}

// follow has a draft not be made before a commit, whoever's clock was wrong.
func (d *Draft) follow(c *Commit) {
	if c != nil && d.At.Before(c.At) {
		d.At = c.At
	}
}

// greatest is the last of the commits that are there and can be read, nil when there are none.
func (w *Writer) greatest(ctx context.Context) (string, *Commit, error) {
	var names []string
	for e, err := range w.l.store.List(ctx, commitPath, "") {
		if err != nil {
			return "", nil, fmt.Errorf("looking for commits: %w", err)
		}
		names = append(names, e.Name)
	}
	for _, name := range slices.Backward(names) {
		c, err := w.l.commit(ctx, name)
		if err == nil {
			return name, c, nil
		}
	}
	return "", nil, nil
}

// build writes all of a commit but head.
func (w *Writer) build(ctx context.Context, d Draft, base *Version, h Head, previous string) (*attempt, error) {
	began := w.o.Uptime()
	d.follow(base.Commit)
	u := w.l.newUpload(ctx)
	parts := maps.Clone(base.Parts)
	if parts == nil {
		parts = map[string]PartRef{}
	}
	differing, err := u.parts(ctx, d.Parts, base)
	if err != nil {
		return nil, errors.Join(err, u.group.Wait())
	}
	overlay(parts, differing)
	c := &Commit{
		Format: Format, Version: h.Version, Epoch: h.Epoch, Node: w.o.Node, Previous: previous, At: d.At.UTC().Round(0),
		Cause: d.Cause, Actor: d.Actor, AWSChange: d.AWSChange, Config: d.Config,
		Parts: differing, Changes: d.Changes, Omitted: d.Omitted,
	}
	if base.Commit != nil {
		c.Map = base.Commit.Map
		c.Parts = maps.Clone(base.Commit.Parts)
		maps.Copy(c.Parts, differing)
	}
	if len(c.Changes) > MaxChanges {
		c.Omitted += len(c.Changes) - MaxChanges
		c.Changes = c.Changes[:MaxChanges]
	}
	err = u.shrink(c, parts)
	err = errors.Join(err, u.group.Wait()) // the pages, lists and the map are there before the commit
	if err != nil {
		return nil, err
	}
	slices.Sort(u.dropped)
	c.Dropped = u.dropped
	body, err := encodeCommit(c)
	if err != nil {
		return nil, err
	}
	name := commitName(c.Version, body)
	err = w.l.create(ctx, name, body)
	if err != nil {
		return nil, err
	}
	h.Fleet, h.Leader, h.Commit = w.l.fleet, w.o.Node, name
	head, err := w.l.keys.encodeHead(h)
	if err != nil {
		return nil, err
	}
	return &attempt{base, head, &Version{Head: h, Name: name, Commit: c, Parts: parts}, began}, nil
}

// parts writes the parts of a draft.
func (u *upload) parts(ctx context.Context, drafts []PartDraft, base *Version) (map[string]*PartRef, error) {
	differing := map[string]*PartRef{}
	for _, p := range drafts {
		old, there := base.Parts[p.Key]
		_, twice := differing[p.Key]
		if twice {
			return nil, fmt.Errorf("writing %s: it is in the draft twice", p.Key)
		}
		ref, err := u.part(ctx, p, old)
		if err != nil {
			return nil, err
		}
		if p.Gone && !there {
			continue
		}
		differing[p.Key] = ref
	}
	return differing, nil
}

// part writes one part, and drops what its predecessor had alone.
func (u *upload) part(ctx context.Context, p PartDraft, old PartRef) (*PartRef, error) {
	ref := &PartRef{List: old.List, State: p.State, Why: p.Why}
	if ref.State == "" {
		ref.State = Complete
	}
	if !p.Gone && p.Records == nil {
		return ref, nil
	}
	was := &list{Part: p.Key}
	var err error
	if old.List != "" {
		was, err = u.list(ctx, p.Key, old)
	}
	if err != nil && !p.Gone && !p.Whole {
		return nil, err
	}
	if p.Gone || p.Whole {
		if err == nil { // the pages of a list that can't be read are nobody's: the sweep finds them
			for _, page := range was.Pages {
				u.drop(page.Page)
			}
		}
		u.drop(old.List)
		if p.Gone {
			return nil, nil
		}
	}
	var is *list
	if p.Whole {
		is, err = u.whole(p.Key, p.Records)
	} else {
		u.drop(old.List)
		is, err = u.amend(ctx, was, p.Records)
	}
	if err != nil {
		return nil, err
	}
	ref.List, err = u.finishList(is)
	return ref, err
}

// shrink moves the parts of a commit into a new map once they have grown.
func (u *upload) shrink(c *Commit, parts map[string]PartRef) error {
	text, err := json.Marshal(c.Parts)
	if err != nil {
		return fmt.Errorf("encoding parts: %w", err)
	}
	if len(text) <= mapAfter {
		return nil
	}
	all := map[string]*PartRef{}
	for key, ref := range parts {
		all[key] = &ref
	}
	body, err := u.encodeMap(&partMap{all})
	if err != nil {
		return err
	}
	if len(body) > maxMap {
		return fmt.Errorf("writing a map: %d octets", len(body))
	}
	u.drop(c.Map)
	c.Map, c.Parts = nameOf(mapPath, body), map[string]*PartRef{}
	name := c.Map
	u.group.Go(func() error { return u.create(u.ctx, name, body) })
	return nil
}

// Settle finds out what has become of a commit in doubt, and makes it if it wasn't: the
// same octets over the same head. Without one in doubt it returns the version that there is.
func (w *Writer) Settle(ctx context.Context) (*Version, error) {
	if w.pending == nil {
		return w.version, nil
	}
	a := w.pending
	for try := 1; ; try++ {
		late := w.o.Uptime()-a.began > clock.Age(maxBuild)
		err := errLate
		if !late {
			var tag string
			tag, err = w.l.store.Put(ctx, headName, a.body, a.base.tag)
			if err == nil {
				return w.committed(tag), nil
			}
		}
		decided, verdict := w.judge(ctx, a)
		switch {
		case late && !decided && verdict == nil: // head is what it was: nothing of it was committed
			w.pending = nil
			return nil, fmt.Errorf("writing head: %w", errLate)
		case decided && verdict == nil:
			return w.version, nil
		case decided:
			w.pending = nil
			return nil, fmt.Errorf("writing head: %w", errors.Join(verdict, err))
		case try == headTries:
			return nil, fmt.Errorf("writing head: %w: %w", ErrPending, errors.Join(err, verdict))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("writing head: %w: %w", ErrPending, errors.Join(err, ctx.Err()))
		case <-time.After(rand.N(headPause)):
		}
	}
}

// judge goes by what head says after a Put that has failed. An error that isn't decided
// says why head wasn't read.
func (w *Writer) judge(ctx context.Context, a *attempt) (decided bool, err error) {
	h, tag, err := w.l.head(ctx, "")
	switch {
	case errors.Is(err, ErrAbsent) && a.base.tag == "":
		return false, nil // nothing was there, and nothing is
	case errors.Is(err, ErrDamaged) && tag == a.base.tag:
		return false, nil // what is to be repaired
	case errors.Is(err, ErrAbsent), errors.Is(err, ErrDamaged):
		return true, fmt.Errorf("%w: %w", ErrRolledBack, err)
	case err != nil:
		return false, err
	case h.Commit == a.next.Name:
		w.committed(tag)
		return true, nil
	case h.Epoch > a.next.Head.Epoch, h.Epoch == a.next.Head.Epoch && h.Leader != w.o.Node:
		return true, ErrDeposed
	case tag == a.base.tag:
		return false, nil
	case h.Version > a.base.Number() && h.Epoch < a.next.Head.Epoch:
		return true, ErrMoved
	}
	return true, ErrRolledBack
}

// committed makes the attempt the newest version.
func (w *Writer) committed(tag string) *Version {
	v := w.pending.next
	v.tag = tag
	w.version, w.pending = v, nil
	return v
}
