package ledger

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Past is one version as history tells it: a commit without what it says of parts, where
// it was read from a pack.
type Past struct {
	Name string // of the commit
	Commit
}

// pack is the history of some versions, oldest first.
type pack struct {
	entries []Past
}

// Packs of finished hours are joined while they are small.
const (
	smallPack   = 256 << 10 // octets, as stored
	smallPacks  = 24        // so many small ones behind one another become one
	packContent = 8 << 20   // octets after which a pack ends, as they are not stored
)

// encodePast writes history: the number of versions, and of each its version, the hash and
// the name before, time in ns, epoch, texts, changes. Texts and lists begin with their
// length; numbers are uvarints.
func (p *packer) encodePast(entries []Past) ([]byte, error) {
	b := binary.AppendUvarint(nil, uint64(len(entries)))
	for i := range entries {
		e := &entries[i]
		sum, err := hex.DecodeString(sumIn(e.Name))
		if err != nil {
			return nil, fmt.Errorf("packing %s: %w", e.Name, err)
		}
		b = binary.AppendUvarint(b, e.Version)
		b = append(b, sum...)
		b = appendTexts(b, e.Previous)
		b = binary.AppendUvarint(b, uint64(e.At.UnixNano()))
		b = binary.AppendUvarint(b, e.Epoch)
		b = appendTexts(b, e.Node, string(e.Cause), e.Actor, e.AWSChange, e.Config)
		b = binary.AppendUvarint(b, uint64(e.Omitted))
		b = binary.AppendUvarint(b, uint64(len(e.Changes)))
		for _, c := range e.Changes {
			b = appendTexts(b, c.Part, c.Zone, c.Name, c.Type, c.Set)
			b = appendTexts(binary.AppendUvarint(b, uint64(len(c.Was))), c.Was...)
			b = appendTexts(binary.AppendUvarint(b, uint64(len(c.Now))), c.Now...)
			b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(c.WasTTL)), uint64(c.NowTTL))
		}
	}
	return p.pack(pastKind, b), nil
}

func appendTexts(b []byte, texts ...string) []byte {
	for _, t := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(t))), t...)
	}
	return b
}

// pastReader takes a pack apart. Texts share its octets. After the first fault all is zero.
type pastReader struct {
	text string
	err  error
}

func (r *pastReader) number() uint64 {
	var n uint64
	for i := 0; i < len(r.text) && i < binary.MaxVarintLen64; i++ {
		c := r.text[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.text = r.text[i+1:]
			return n
		}
	}
	r.err = fmt.Errorf("%w: it ends in a number", ErrDamaged)
	r.text = ""
	return 0
}

func (r *pastReader) octets(n uint64) string {
	if n > uint64(len(r.text)) {
		r.err = fmt.Errorf("%w: it ends in a text", ErrDamaged)
		r.text = ""
		return ""
	}
	s := r.text[:n]
	r.text = r.text[n:]
	return s
}

func (r *pastReader) string() string { return r.octets(r.number()) }

// strings reads a list; each has one octet at least.
func (r *pastReader) strings() []string {
	n := r.number()
	if n > uint64(len(r.text)) {
		r.err = fmt.Errorf("%w: a list of %d texts", ErrDamaged, n)
		return nil
	}
	if n == 0 {
		return nil
	}
	list := make([]string, 0, min(n, 8))
	for range n {
		if r.err != nil {
			return nil
		}
		list = append(list, r.string())
	}
	return list
}

func (r *pastReader) past(e *Past) {
	e.Format, e.Version = Format, r.number()
	e.Name = nameWith(e.Version, r.octets(32))
	e.Previous = r.string()
	e.At = time.Unix(0, int64(r.number())).UTC()
	e.Epoch = r.number()
	e.Node, e.Cause, e.Actor = r.string(), Cause(r.string()), r.string()
	e.AWSChange, e.Config = r.string(), r.string()
	e.Omitted = int(r.number())
	n := r.number()
	if n > uint64(len(r.text)) {
		r.err = fmt.Errorf("%w: %d changes", ErrDamaged, n)
		return
	}
	e.Changes = make([]Change, 0, min(n, 16))
	for range n {
		if r.err != nil {
			return
		}
		c := Change{Part: r.string(), Zone: r.string(), Name: r.string(), Type: r.string(), Set: r.string()}
		c.Was, c.Now = r.strings(), r.strings()
		c.WasTTL, c.NowTTL = uint32(r.number()), uint32(r.number())
		e.Changes = append(e.Changes, c)
	}
}

// nameWith is commitName for a sum that is known.
func nameWith(version uint64, sum string) string {
	const digits = "0123456789abcdef"
	b := make([]byte, len(commitPath)+20, len(commitPath)+21+2*len(sum))
	copy(b, commitPath)
	for i := len(b) - 1; i >= len(commitPath); i-- {
		b[i] = byte('0' + version%10)
		version /= 10
	}
	b = append(b, '-')
	for i := range len(sum) {
		b = append(b, digits[sum[i]>>4], digits[sum[i]&0xf])
	}
	return string(b)
}

func (p *packer) decodePast(body []byte) (*pack, error) {
	content, err := p.unpack(pastKind, body)
	if err != nil {
		return nil, err
	}
	r := pastReader{text: string(content)}
	n := r.number()
	const least = 48 // octets of an entry
	is := &pack{entries: make([]Past, 0, min(n, uint64(len(content)/least)))}
	for range n {
		is.entries = append(is.entries, Past{})
		at := len(is.entries) - 1
		e := &is.entries[at]
		r.past(e)
		if r.err != nil {
			return nil, r.err
		}
		if at > 0 && is.entries[at-1].Name != e.Previous {
			return nil, fmt.Errorf("%w: version %d doesn't follow the one before", ErrDamaged, e.Version)
		}
	}
	if len(is.entries) == 0 || r.err != nil {
		return nil, errors.Join(r.err, fmt.Errorf("%w: a pack without versions", ErrDamaged))
	}
	return is, nil
}

// packed is a pack by its name.
type packed struct {
	Entry
	from, to uint64
}

// packs lists the packs, the newest first; of those that hold the same versions the one
// that goes back furthest.
func (l *Ledger) packs(ctx context.Context) ([]packed, error) {
	var all []packed
	for e, err := range l.store.List(ctx, pastPath, "") {
		if err != nil {
			return nil, err
		}
		from, to, ok := versionsIn(e.Name)
		if ok {
			all = append(all, packed{e, from, to})
		}
	}
	slices.SortFunc(all, func(a, b packed) int {
		if a.to != b.to {
			return compareUint(b.to, a.to)
		}
		return compareUint(a.from, b.from)
	})
	return all, nil
}

func compareUint(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// plan leaves packs out that hold nothing that another doesn't.
func plan(all []packed) []packed {
	var out []packed
	for i, p := range all {
		inside := func(o packed) bool { return o.from <= p.from && p.to <= o.to && o.Name != p.Name }
		if !slices.ContainsFunc(out, inside) && !slices.ContainsFunc(all[i+1:], func(o packed) bool {
			return inside(o) && (o.from < p.from || o.to > p.to)
		}) {
			out = append(out, p)
		}
	}
	return out
}

// History visits the versions from v back to the oldest that is kept. Packs that are there
// are read instead of their commits; one that is damaged, or of another past, is not missed.
func (l *Ledger) History(ctx context.Context, v *Version) iter.Seq2[*Past, error] {
	return func(yield func(*Past, error) bool) {
		if v.Name == "" {
			return
		}
		all, err := l.packs(ctx)
		if err != nil {
			yield(nil, fmt.Errorf("looking for the past: %w", err))
			return
		}
		w := &walk{l: l, packs: plan(all), next: v.Name, at: v.Number()}
		newest := uint64(0)
		if len(w.packs) > 0 {
			newest = w.packs[0].to
		}
		err = w.readTail(ctx, v.Number(), newest)
		if err != nil {
			yield(nil, err)
			return
		}
		for w.next != "" {
			e, err := w.step(ctx)
			if errors.Is(err, ErrAbsent) {
				return // the past that is kept ends here
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// walk goes back from version to version.
type walk struct {
	l     *Ledger
	packs []packed // that haven't been read
	ahead []*pack  // of the first of them; nil for one that can't be used
	tail  map[string]*Commit
	open  []Past // of the pack that is being read: what goes before next, oldest first
	next  string // name of the commit
	at    uint64 // its version
	fresh bool   // the last step was read from a commit, not from a pack
}

// maxTail is how many commits are read ahead.
const maxTail = 4096

// readTail reads the commits that are in no pack, many at once. That one can't be read is
// found out when it is come to.
func (w *walk) readTail(ctx context.Context, head, packed uint64) error {
	w.tail = map[string]*Commit{}
	if head-packed < 4 {
		return nil
	}
	after := fmt.Sprintf("%s%020d~", commitPath, max(packed, head-min(head, maxTail)))
	var names []string
	for e, err := range w.l.store.List(ctx, commitPath, after) {
		if err != nil {
			return fmt.Errorf("looking for commits: %w", err)
		}
		names = append(names, e.Name)
	}
	commits := make([]*Commit, len(names))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, name := range names {
		group.Go(func() error {
			commits[i], _ = w.l.commit(ctx, name)
			return nil
		})
	}
	_ = group.Wait() // none of them returns one
	for i, name := range names {
		if commits[i] != nil {
			w.tail[name] = commits[i]
		}
	}
	return nil
}

// step returns the next version, and goes to the one before it.
func (w *walk) step(ctx context.Context) (*Past, error) {
	for len(w.open) == 0 && len(w.packs) > 0 && w.packs[0].to >= w.at {
		w.openPack(ctx)
	}
	if n := len(w.open); n > 0 {
		e := &w.open[n-1]
		w.open, w.fresh = w.open[:n-1], false
		w.goTo(e.Previous)
		return e, nil
	}
	c := w.tail[w.next]
	if c == nil {
		var err error
		c, err = w.l.commit(ctx, w.next)
		if err != nil {
			return nil, err
		}
	}
	e := &Past{w.next, *c}
	w.fresh = true
	w.goTo(e.Previous)
	return e, nil
}

func (w *walk) goTo(name string) {
	w.next = name
	w.at, _ = versionIn(name)
}

// openPack reads the first pack, and uses it where it has the version that comes next.
func (w *walk) openPack(ctx context.Context) {
	first := w.packs[0]
	if first.from > w.at {
		w.skipPack()
		return
	}
	if len(w.ahead) == 0 {
		w.readAhead(ctx)
	}
	is := w.ahead[0]
	w.skipPack()
	if is == nil {
		return
	}
	at := slices.IndexFunc(is.entries, func(e Past) bool { return e.Name == w.next })
	if at >= 0 {
		w.open = is.entries[:at+1]
	}
}

func (w *walk) skipPack() {
	w.packs = w.packs[1:]
	if len(w.ahead) > 0 {
		w.ahead = w.ahead[1:]
	}
}

// readAhead reads the packs that come next, some at once.
func (w *walk) readAhead(ctx context.Context) {
	some := w.packs[:min(len(w.packs), parallel)]
	w.ahead = make([]*pack, len(some))
	var group errgroup.Group
	for i, p := range some {
		group.Go(func() error {
			w.ahead[i], _ = w.l.past(ctx, p.Name)
			return nil
		})
	}
	_ = group.Wait() // a pack that can't be read is as one that isn't there
}

// past reads a pack.
func (l *Ledger) past(ctx context.Context, name string) (*pack, error) {
	body, err := l.get(ctx, name, maxPast)
	if err != nil {
		return nil, err
	}
	is, err := l.decodePast(body)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return is, nil
}

// Moment returns the version that was the newest at a time: what head said then. ErrAbsent:
// none is kept that is so old.
func (l *Ledger) Moment(ctx context.Context, v *Version, t time.Time) (*Version, error) {
	if v.Commit != nil && !v.Commit.At.After(t) {
		return v, nil
	}
	for e, err := range l.History(ctx, v) {
		if err != nil {
			return nil, err
		}
		if !e.At.After(t) {
			return l.At(ctx, e.Name)
		}
	}
	return nil, fmt.Errorf("looking for a version of %s: %w: the past that is kept begins later",
		t.Format(time.RFC3339), ErrAbsent)
}

// Numbered returns a version by its number.
func (l *Ledger) Numbered(ctx context.Context, v *Version, number uint64) (*Past, error) {
	for e, err := range l.History(ctx, v) {
		if err != nil {
			return nil, err
		}
		if e.Version == number {
			return e, nil
		}
		if e.Version < number {
			break
		}
	}
	return nil, fmt.Errorf("looking for version %d: %w", number, ErrAbsent)
}
