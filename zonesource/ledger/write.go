package ledger

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"golang.org/x/sync/errgroup"
)

// upload writes new objects of one commit.
type upload struct {
	*Ledger
	group *errgroup.Group
	ctx   context.Context

	dropped []string
}

func (l *Ledger) newUpload(ctx context.Context) *upload {
	u := &upload{Ledger: l}
	u.group, u.ctx = errgroup.WithContext(ctx)
	u.group.SetLimit(parallel)
	return u
}

// create writes an immutable object. That it is there is no error: its name holds a nonce
// of ours and the hash of these octets, so a try before this one has written it.
func (l *Ledger) create(ctx context.Context, name string, body []byte) error {
	_, err := l.store.Put(ctx, name, body, "")
	if err != nil && !isMismatch(err) {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

func (u *upload) drop(names ...string) {
	for _, name := range names {
		if name != "" {
			u.dropped = append(u.dropped, name)
		}
	}
}

// page writes a page beside others, and returns how a list names it.
func (u *upload) page(records []Record) pageRef {
	body := u.encodePage(records)
	ref := pageRef{Page: nameOf(pagePath, body), First: bytes.Clone(records[0].Key), Records: len(records)}
	for _, r := range records {
		ref.Size += r.size()
	}
	u.group.Go(func() error { return u.create(u.ctx, ref.Page, body) })
	return ref
}

// filler makes pages of records that come in order.
type filler struct {
	u     *upload
	pages []pageRef
	open  []Record
	size  int
}

// add puts a record behind the others.
func (f *filler) add(r Record) {
	if f.size+r.size() > pageTarget && len(f.open) > 0 {
		f.flush()
	}
	f.open = append(f.open, r)
	f.size += r.size()
}

// flush ends the page.
func (f *filler) flush() {
	if len(f.open) == 0 {
		return
	}
	f.pages = append(f.pages, f.u.page(f.open))
	f.open, f.size = nil, 0
}

// page puts the records of one page behind the others: as one page while they fit.
func (f *filler) page(records []Record) {
	size := 0
	for _, r := range records {
		size += r.size()
	}
	if size <= pageSize {
		f.flush()
		f.open, f.size = records, size
		f.flush()
		return
	}
	for _, r := range records {
		f.add(r)
	}
	f.flush()
}

// whole makes a list of all records of a part.
func (u *upload) whole(key string, records iter.Seq[Record]) (*list, error) {
	f := filler{u: u}
	var last []byte
	for r := range records {
		if len(r.Key) == 0 || r.Value == nil || bytes.Compare(last, r.Key) >= 0 {
			return nil, fmt.Errorf("writing %s: its records are out of order at %q", key, r.Key)
		}
		if r.size() > maxRecord {
			return nil, fmt.Errorf("writing %s: a record of %d octets", key, r.size())
		}
		last = r.Key
		f.add(r)
	}
	f.flush()
	return &list{Part: key, Pages: f.pages}, nil
}

// amend makes a list of one that there is and the records that differ, in order.
func (u *upload) amend(ctx context.Context, was *list, records iter.Seq[Record]) (*list, error) {
	changes := map[int][]Record{}
	var last []byte
	for r := range records {
		if len(r.Key) == 0 || bytes.Compare(last, r.Key) >= 0 {
			return nil, fmt.Errorf("writing %s: its records are out of order at %q", was.Part, r.Key)
		}
		if r.size() > maxRecord {
			return nil, fmt.Errorf("writing %s: a record of %d octets", was.Part, r.size())
		}
		last = r.Key
		at := max(was.holder(r.Key), 0)
		changes[at] = append(changes[at], r)
	}
	f := filler{u: u}
	if len(was.Pages) == 0 {
		for _, r := range changes[0] {
			if r.Value != nil {
				f.add(r)
			}
		}
		f.flush()
		return &list{Part: was.Part, Pages: f.pages}, nil
	}
	for at := 0; at < len(was.Pages); at++ {
		ref := was.Pages[at]
		if changes[at] == nil {
			f.pages = append(f.pages, ref)
			continue
		}
		old, err := u.Ledger.page(ctx, ref)
		if err != nil {
			return nil, err
		}
		u.drop(ref.Page)
		records := merge(old, changes[at])
		for sizeOf(records) < pageLeast && at+1 < len(was.Pages) { // what has shrunk joins its neighbour
			at++
			next, err := u.Ledger.page(ctx, was.Pages[at])
			if err != nil {
				return nil, err
			}
			u.drop(was.Pages[at].Page)
			records = append(records, merge(next, changes[at])...)
		}
		if len(records) > 0 {
			f.page(records)
		}
	}
	return &list{Part: was.Part, Pages: f.pages}, nil
}

func sizeOf(records []Record) int {
	n := 0
	for _, r := range records {
		n += r.size()
	}
	return n
}

// merge lays changes over records; both are in order, and one without a value removes.
func merge(records, changes []Record) []Record {
	out := make([]Record, 0, len(records)+len(changes))
	for _, c := range changes {
		at, found := search(records, c.Key)
		out = append(out, records[:at]...)
		records = records[at:]
		if found {
			records = records[1:]
		}
		if c.Value != nil {
			out = append(out, c)
		}
	}
	return append(out, records...)
}

// finishList writes the list once its pages are written.
func (u *upload) finishList(l *list) (string, error) {
	if len(l.Pages) == 0 {
		return "", nil
	}
	body, err := u.encodeList(l)
	if err != nil {
		return "", err
	}
	if len(body) > maxList {
		return "", fmt.Errorf("writing the list of %s: %d octets", l.Part, len(body))
	}
	name := nameOf(listPath, body)
	u.group.Go(func() error { return u.create(u.ctx, name, body) })
	return name, nil
}
