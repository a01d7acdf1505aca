package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"
)

// parallel is how many objects are asked for, or written, at once.
const parallel = 16

// Options make a ledger.
type Options struct {
	Store Store
	// Fleet names whose ledger it is: for a bucket its URL. It is written into head, and
	// one of another fleet isn't read.
	Fleet string
	// Secrets sign head; the first signs, all are believed. None: it isn't signed.
	Secrets [][]byte
}

// Ledger reads. It is safe for concurrent use.
type Ledger struct {
	store Store
	fleet string
	keys  Keys
	*packer
}

// New returns a ledger and asks nobody.
func New(o Options) (*Ledger, error) {
	k, err := NewKeys(headPurpose, o.Secrets)
	if err != nil {
		return nil, err
	}
	p, err := newPacker()
	if err != nil {
		return nil, err
	}
	return &Ledger{store: o.Store, fleet: o.Fleet, keys: k, packer: p}, nil
}

// Version is one version, as a whole. It is immutable.
type Version struct {
	Head Head // as it was when this version was the newest; of older ones what their commit says
	tag  string
	// Name is that of the commit, "" at version 0, which has neither.
	Name   string
	Commit *Commit
	Parts  map[string]PartRef
	mapped map[string]*PartRef // what the map has, while it is known
}

// Number is its number.
func (v *Version) Number() uint64 { return v.Head.Version }

// get reads an immutable object and verifies it.
func (l *Ledger) get(ctx context.Context, name string, limit int64) ([]byte, error) {
	body, _, err := l.store.Get(ctx, name, "", limit)
	if err == nil {
		err = verify(name, body)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return body, nil
}

// head reads head; unless is the tag of the one that is known.
func (l *Ledger) head(ctx context.Context, unless string) (Head, string, error) {
	body, tag, err := l.store.Get(ctx, headName, unless, maxHead)
	if err != nil {
		return Head{}, tag, fmt.Errorf("reading head: %w", err)
	}
	h, err := l.keys.decodeHead(body)
	if err != nil {
		return Head{}, tag, fmt.Errorf("reading head: %w", err)
	}
	if h.Fleet != l.fleet {
		return Head{}, tag, fmt.Errorf("reading head: it is that of the fleet %q, not of %q", h.Fleet, l.fleet)
	}
	return h, tag, nil
}

// Head reads head.
func (l *Ledger) Head(ctx context.Context) (Head, error) {
	h, _, err := l.head(ctx, "")
	return h, err
}

// Left returns the version of the last commit that can be read, for a store whose head is lost.
func (l *Ledger) Left(ctx context.Context) (*Version, error) {
	name, c, err := (&Writer{l: l}).greatest(ctx)
	if err == nil && c == nil {
		err = ErrAbsent
	}
	if err != nil {
		return nil, fmt.Errorf("looking for what is left: %w", err)
	}
	return l.At(ctx, name)
}

// Follow returns the newest version: known itself while that is it. known may be nil. Of
// the objects only those are read that known hasn't. ErrAbsent: nothing was ever written.
func (l *Ledger) Follow(ctx context.Context, known *Version) (*Version, error) {
	unless := ""
	if known != nil {
		unless = known.tag
	}
	h, tag, err := l.head(ctx, unless)
	if errors.Is(err, ErrUnchanged) {
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	return l.newest(ctx, h, tag, known)
}

// newest reads the version that head names.
func (l *Ledger) newest(ctx context.Context, h Head, tag string, known *Version) (*Version, error) {
	if h.Version == 0 {
		return &Version{Head: h, tag: tag, Parts: map[string]PartRef{}}, nil
	}
	v, err := l.version(ctx, h.Commit, known)
	if err != nil {
		return nil, err
	}
	v.Head, v.tag = h, tag
	return v, nil
}

// At returns the version of a commit.
func (l *Ledger) At(ctx context.Context, commit string) (*Version, error) {
	return l.version(ctx, commit, nil)
}

// version reads a commit and what it says of all parts.
func (l *Ledger) version(ctx context.Context, name string, known *Version) (*Version, error) {
	c, err := l.commit(ctx, name)
	if err != nil {
		return nil, err
	}
	v := &Version{
		Head: Head{Fleet: l.fleet, Version: c.Version, Epoch: c.Epoch, Leader: c.Node, Commit: name},
		Name: name, Commit: c, Parts: map[string]PartRef{},
	}
	if c.Map != "" && known != nil && known.Commit != nil && known.Commit.Map == c.Map {
		v.mapped = known.mapped
	} else if c.Map != "" {
		body, err := l.get(ctx, c.Map, maxMap)
		if err != nil {
			return nil, err
		}
		m, err := l.decodeMap(body)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", c.Map, err)
		}
		v.mapped = m.Parts
	}
	overlay(v.Parts, v.mapped)
	overlay(v.Parts, c.Parts)
	return v, nil
}

// overlay lays what differs over parts.
func overlay(parts map[string]PartRef, differing map[string]*PartRef) {
	for key, ref := range differing {
		if ref == nil {
			delete(parts, key)
			continue
		}
		parts[key] = *ref
	}
}

// commit reads a commit.
func (l *Ledger) commit(ctx context.Context, name string) (*Commit, error) {
	body, err := l.get(ctx, name, maxCommit)
	if err != nil {
		return nil, err
	}
	c, err := decodeCommit(body)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	version, isCommit := versionIn(name)
	if !isCommit || version != c.Version {
		return nil, fmt.Errorf("reading %s: %w: it is version %d", name, ErrDamaged, c.Version)
	}
	return c, nil
}

// list reads the list of a part; that of a part that was never read is empty.
func (l *Ledger) list(ctx context.Context, key string, ref PartRef) (*list, error) {
	if ref.List == "" {
		return &list{Part: key}, nil
	}
	body, err := l.get(ctx, ref.List, maxList)
	if err != nil {
		return nil, err
	}
	is, err := l.decodeList(body)
	if err == nil && is.Part != key {
		err = fmt.Errorf("%w: it is that of %s", ErrDamaged, is.Part)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref.List, err)
	}
	return is, nil
}

// page reads a page.
func (l *Ledger) page(ctx context.Context, ref pageRef) ([]Record, error) {
	body, err := l.get(ctx, ref.Page, maxPage)
	if err != nil {
		return nil, err
	}
	records, err := l.decodePage(body)
	if err == nil && (len(records) != ref.Records || !bytes.Equal(records[0].Key, ref.First)) {
		err = fmt.Errorf("%w: it isn't what its list says", ErrDamaged)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref.Page, err)
	}
	return records, nil
}

// Records visits the records of a part in the order of their keys. What is yielded may be
// kept. Some pages are read ahead at once.
func (l *Ledger) Records(ctx context.Context, v *Version, key string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		is, err := l.list(ctx, key, v.Parts[key])
		if err != nil {
			yield(Record{}, err)
			return
		}
		for records, err := range l.pages(ctx, is.Pages) {
			if err != nil {
				yield(Record{}, err)
				return
			}
			for _, r := range records {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// pages visits pages in their order, and reads so many at once as there may be in memory.
func (l *Ledger) pages(ctx context.Context, refs []pageRef) iter.Seq2[[]Record, error] {
	return func(yield func([]Record, error) bool) {
		for some := range slices.Chunk(refs, parallel) {
			read := make([][]Record, len(some))
			group, ctx := errgroup.WithContext(ctx)
			for i, ref := range some {
				group.Go(func() (err error) {
					read[i], err = l.page(ctx, ref)
					return err
				})
			}
			err := group.Wait()
			if err != nil {
				yield(nil, err)
				return
			}
			for _, records := range read {
				if !yield(records, nil) {
					return
				}
			}
		}
	}
}

// Find returns what a part has under one key; nil for nothing.
func (l *Ledger) Find(ctx context.Context, v *Version, part string, key []byte) ([]byte, error) {
	is, err := l.list(ctx, part, v.Parts[part])
	if err != nil {
		return nil, err
	}
	at := is.holder(key)
	if at < 0 {
		return nil, nil
	}
	records, err := l.page(ctx, is.Pages[at])
	if err != nil {
		return nil, err
	}
	i, found := search(records, key)
	if !found {
		return nil, nil
	}
	return records[i].Value, nil
}

// search finds a key among records.
func search(records []Record, key []byte) (int, bool) {
	return slices.BinarySearchFunc(records, key, func(r Record, key []byte) int { return bytes.Compare(r.Key, key) })
}

// holder is the place of the page into which a key belongs, -1 when there are none.
func (l *list) holder(key []byte) int {
	at, found := slices.BinarySearchFunc(l.Pages, key, func(p pageRef, key []byte) int {
		return bytes.Compare(p.First, key)
	})
	if found || len(l.Pages) == 0 {
		return min(at, len(l.Pages)-1)
	}
	return max(at-1, 0)
}

// Changed are the keys of the parts that two versions have otherwise, in order. was may be
// nil.
func Changed(was, is *Version) []string {
	var keys []string
	var before map[string]PartRef
	if was != nil {
		before = was.Parts
	}
	for key, ref := range is.Parts {
		old, there := before[key]
		if !there || old != ref {
			keys = append(keys, key)
		}
	}
	for key := range maps.Keys(before) {
		_, there := is.Parts[key]
		if !there {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Difference is one key that two versions of a part have otherwise; nil is none.
type Difference struct {
	Key, Was, Now []byte
}

// Diff visits what two versions of a part have otherwise, in the order of keys. Pages that
// both have aren't read. One of the two may be nil, and stands for nothing.
func (l *Ledger) Diff(ctx context.Context, part string, was, is *Version) iter.Seq2[Difference, error] {
	return func(yield func(Difference, error) bool) {
		before, err := l.own(ctx, part, was, is)
		after, err2 := l.own(ctx, part, is, was)
		err = errors.Join(err, err2)
		if err != nil {
			yield(Difference{}, err)
			return
		}
		next, stop := iter.Pull2(l.flat(ctx, before))
		defer stop()
		old, err, more := next()
		for r, fault := range l.flat(ctx, after) {
			for err == nil && fault == nil && more && bytes.Compare(old.Key, r.Key) < 0 {
				if !yield(Difference{old.Key, old.Value, nil}, nil) {
					return
				}
				old, err, more = next()
			}
			err = errors.Join(err, fault)
			if err != nil {
				yield(Difference{}, err)
				return
			}
			d := Difference{Key: r.Key, Now: r.Value}
			if more && bytes.Equal(old.Key, r.Key) {
				d.Was = old.Value
				old, err, more = next()
			}
			if (d.Was == nil || !bytes.Equal(d.Was, d.Now)) && !yield(d, nil) {
				return
			}
		}
		for ; more; old, err, more = next() {
			if !yield(Difference{old.Key, old.Value, nil}, err) || err != nil {
				return
			}
		}
	}
}

// flat visits the records of pages.
func (l *Ledger) flat(ctx context.Context, refs []pageRef) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for records, err := range l.pages(ctx, refs) {
			if err != nil {
				yield(Record{}, err)
				return
			}
			for _, r := range records {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// own are the pages of a part that one version has and another hasn't.
func (l *Ledger) own(ctx context.Context, part string, of, other *Version) ([]pageRef, error) {
	is, err := l.listOf(ctx, part, of)
	if err != nil {
		return nil, err
	}
	others, err := l.listOf(ctx, part, other)
	if err != nil {
		return nil, err
	}
	shared := map[string]bool{}
	for _, p := range others.Pages {
		shared[p.Page] = true
	}
	return slices.DeleteFunc(is.Pages, func(p pageRef) bool { return shared[p.Page] }), nil
}

func (l *Ledger) listOf(ctx context.Context, part string, v *Version) (*list, error) {
	if v == nil {
		return &list{Part: part}, nil
	}
	return l.list(ctx, part, v.Parts[part])
}
