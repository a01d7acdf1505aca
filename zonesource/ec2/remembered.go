package ec2

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"sync"

	"inside53/zonesource"
)

// remembered are the pages of an operation as they came with the last listing. So the next one knows what lies in those
// that are other ones now, without a look at all that is the same.
type remembered struct {
	pages []*page
	// ids is how often each id stands in the pages, by its hash; nil where they aren't counted. What has the hash of
	// something else is taken for it: then it stands there twice, and everything is decoded.
	ids map[uint64]int32
}

// page is one as it came.
type page struct {
	sum  zonesource.Sum
	body []byte  // nil: it was decoded as it came, or there is no room for it
	cut  cutting // of body, once it was cut
	more bool    // another one follows
	// chunks are the sums of what it was cut into, of those that are known: some may be forgotten.
	chunks zonesource.Chunks
}

// after returns the page of the last listing that stands where the next one of an operation will, if it is what is
// known; nil where it isn't.
func (l *listing) after(operation string, known *zonesource.Page) *page {
	was := l.region.last[operation]
	at := l.pages.count[operation]
	if known == nil || was == nil || at >= len(was.pages) || was.pages[at].sum != known.Sum || was.pages[at].body == nil {
		return nil
	}
	return was.pages[at]
}

// remember notes a page that came.
func (l *listing) remember(operation string, p *page) {
	if l.came == nil {
		l.came = map[string]*remembered{}
	}
	if l.came[operation] == nil {
		l.came[operation] = &remembered{}
	}
	l.came[operation].pages = append(l.came[operation].pages, p)
}

// cutAfter cuts a page, after the one that stood in its place if that is remembered. It isn't ok where it can't be cut.
func (l *listing) cutAfter(f *form, last, came *page) (differing *window, ok bool) {
	if last == nil || !last.isCut(f, l.pages.salt) {
		return nil, came.isCut(f, l.pages.salt)
	}
	c, w, ok := f.cutAfter(came.body, &last.cut, came.more, l.pages.salt)
	if !ok {
		return nil, false
	}
	came.cut = c
	return &w, true
}

// isCut cuts a page, if it can be and isn't yet.
func (p *page) isCut(f *form, salt zonesource.Sum) bool {
	if p.cut.body == nil && p.body != nil {
		p.cut, _ = f.cutPage(p.body, p.more, salt)
	}
	return p.cut.body != nil
}

// lastOf returns the pages of an operation that are known, as they came and with their ids; nil where they aren't
// remembered, and where they can't be cut.
func (l *listing) lastOf(f *form) *remembered {
	was := l.region.last[f.operation]
	if was == nil {
		return nil
	}
	n := 0
	for i := range l.pages.known {
		p := &l.pages.known[i]
		if p.Of != f.operation {
			continue
		}
		if n == len(was.pages) || was.pages[n].sum != p.Sum || was.pages[n].body == nil || p.Chunks == "" {
			return nil
		}
		was.pages[n].chunks = p.Chunks
		n++
	}
	if n != len(was.pages) {
		return nil
	}
	if was.ids == nil {
		was.ids = map[uint64]int32{}
		for i := range was.pages {
			f.eachID(was.pages[i].body, func(id []byte) { was.ids[maphash.Bytes(l.region.seed, id)]++ })
		}
	}
	return was
}

func (l *listing) hash(id string) uint64 { return maphash.String(l.region.seed, id) }

// keepPages has the pages of a listing remembered, with the ids in them where these are known.
func (l *listing) keepPages() {
	for operation, now := range l.came {
		was := l.region.last[operation]
		switch {
		case l.tallies[operation] != nil:
			now.ids = l.tallies[operation].all()
		case was != nil && slices.EqualFunc(was.pages, now.pages, func(a, b *page) bool { return a.sum == b.sum }):
			now.ids = was.ids
		}
	}
	l.region.last = l.came
	l.makeRoom()
}

// mostRemembered bounds the octets of pages that a source remembers of all its regions.
const mostRemembered = 256 << 20

// room is what there is room for, of all regions.
type room struct {
	mu    sync.Mutex
	most  int
	taken int
}

// take takes so many octets more than before, if there is room for them.
func (r *room) take(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n > 0 && r.taken+n > r.most {
		return false
	}
	r.taken += n
	return true
}

// makeRoom forgets the pages of operations that there is no room for, the largest first: they are compared by their
// sums then, and a change has all of them looked through.
func (l *listing) makeRoom() {
	sizes := map[string]int{}
	for operation, of := range l.region.last {
		for _, p := range of.pages {
			sizes[operation] += len(p.body)
		}
	}
	l.region.room.take(-l.region.taken)
	l.region.taken = 0
	byNeed := func(a, b string) int { return cmp.Or(cmp.Compare(sizes[a], sizes[b]), cmp.Compare(a, b)) }
	for _, operation := range slices.SortedFunc(maps.Keys(sizes), byNeed) {
		if l.region.room.take(sizes[operation]) {
			l.region.taken += sizes[operation]
			continue
		}
		of := l.region.last[operation]
		of.ids = nil
		for _, p := range of.pages {
			p.body, p.cut = nil, cutting{}
		}
	}
}

// tally counts the ids in the pages of an operation, by those of the last listing where they are known.
type tally struct {
	was  map[uint64]int32
	more map[uint64]int32 // than was
}

// count counts an id once more, and reports whether it is there twice now. What has gone is counted first, as less.
func (t *tally) count(id uint64, more int32) (twice bool) {
	t.more[id] += more
	return t.was[id]+t.more[id] > 1
}

// all are all that there are. The tally is of no use any more.
func (t *tally) all() map[uint64]int32 {
	if len(t.was) == 0 {
		return t.more
	}
	for id, more := range t.more {
		n := t.was[id] + more
		if n == 0 {
			delete(t.was, id)
		} else {
			t.was[id] = n
		}
	}
	return t.was
}
