package zonesource

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"slices"
	"time"
)

// fewNamed is how many like things a [Brief] names one by one: a permission that is missing
// is missing for each of hundreds of zones.
const fewNamed = 5

// Brief is the part of a [Status] that balancers and metrics ask for. It is read from
// counters that are kept: its cost is that of what is missing or failing.
type Brief struct {
	Loaded bool // as in Status
	// Missing names the first of what isn't there yet, and says how many more there are.
	Missing []string
	// Fails says that names of something that is missing, or of a zone, fail.
	Fails bool
	// Sources are as in Status; Err is of the first failing parts, and how many more there are.
	Sources    map[string]SourceStatus
	Served     [len(Report{}.Served)]Served
	Unservable int
	Problems   int
}

// Brief returns how things stand, in short. It doesn't wait for anything in progress.
func (k *Keeper) Brief() Brief {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := Brief{Sources: make(map[string]SourceStatus, len(k.tallies))}
	for source := range k.wanted.sources {
		b.Sources[source] = SourceStatus{}
	}
	for source, t := range k.tallies {
		b.Sources[source] = t.status()
	}
	if k.compiled == nil {
		return b
	}
	r := &k.compiled.Report
	b.Loaded, b.Served, b.Unservable, b.Problems = k.complete, r.Served, r.Unservable, len(r.Problems)
	b.Fails = r.Failing > 0
	for i, g := range r.Missing {
		b.Fails = b.Fails || g.Fails()
		if i < fewNamed {
			b.Missing = append(b.Missing, g.because(k.held[g.Key].err))
		}
		if k.isOverdue(g) {
			source := b.Sources[g.Key.Source]
			source.Failing++
			b.Sources[g.Key.Source] = source
		}
	}
	if more := len(r.Missing) - fewNamed; more > 0 {
		b.Missing = append(b.Missing, andMore(more))
	}
	return b
}

func andMore(n int) string { return fmt.Sprintf("and %d more; /zones has all", n) }

// isOverdue reports whether what is missing counts as failing though no listing of it has
// failed: what a start has not come to yet doesn't. The caller holds mu.
func (k *Keeper) isOverdue(g Gap) bool {
	return k.held[g.Key].err == nil && g.Standing != New && k.compiled.Snapshot.Loaded
}

// Report returns that of the published snapshot.
func (k *Keeper) Report() Report {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.compiled == nil {
		return Report{}
	}
	return k.compiled.Report
}

// hold makes h what is known of a key, and counts it. The caller holds mu.
func (k *Keeper) hold(key Key, h held) {
	k.letGo(key)
	k.held[key] = h
	t := k.tallies[key.Source]
	if t == nil {
		t = &tally{failing: map[Key]error{}, waiting: map[Key]bool{}, at: map[Key]int{}}
		k.tallies[key.Source] = t
	}
	t.count(key, &h)
}

// letGo forgets a key. The caller holds mu.
func (k *Keeper) letGo(key Key) {
	_, there := k.held[key]
	if there {
		k.tallies[key.Source].uncount(key)
		delete(k.held, key)
	}
}

// tally counts the parts of a source.
type tally struct {
	waiting map[Key]bool // shrunken and vanished parts
	failing map[Key]error
	ages    []aged      // a heap: the oldest good part is the first
	at      map[Key]int // where a part is in ages
}

// aged is when a good part was listed.
type aged struct {
	key    Key
	listed time.Time
}

func (t *tally) count(key Key, h *held) {
	if h.pending != nil || h.vanish != nil {
		t.waiting[key] = true
	}
	if h.err != nil {
		t.failing[key] = h.err
	}
	if !h.part.Listed.IsZero() {
		heap.Push(t, aged{key, h.part.Listed})
	}
}

func (t *tally) uncount(key Key) {
	delete(t.waiting, key)
	delete(t.failing, key)
	i, there := t.at[key]
	if there {
		heap.Remove(t, i)
	}
}

// status says what the source is like.
func (t *tally) status() SourceStatus {
	s := SourceStatus{Parts: len(t.ages), Failing: len(t.failing), Pending: len(t.waiting)}
	if len(t.ages) > 0 {
		s.Oldest = t.ages[0].listed
	}
	var few []Key // the least of them
	for key := range t.failing {
		i, _ := slices.BinarySearchFunc(few, key, Key.compare)
		if i < fewNamed {
			few = slices.Insert(few, i, key)
			few = few[:min(len(few), fewNamed)]
		}
	}
	var errs []error
	for _, key := range few {
		errs = append(errs, fmt.Errorf("%s: %w", key.Name, t.failing[key]))
	}
	if more := len(t.failing) - fewNamed; more > 0 {
		errs = append(errs, errors.New(andMore(more)))
	}
	s.Err = errors.Join(errs...)
	return s
}

// Len, Less, Swap, Push and Pop make tally a heap of ages; see [container/heap].
func (t *tally) Len() int { return len(t.ages) }

// Less orders parts by their listings.
func (t *tally) Less(i, j int) bool {
	return cmp.Or(t.ages[i].listed.Compare(t.ages[j].listed), t.ages[i].key.compare(t.ages[j].key)) < 0
}

// Swap swaps two parts.
func (t *tally) Swap(i, j int) {
	t.ages[i], t.ages[j] = t.ages[j], t.ages[i]
	t.at[t.ages[i].key], t.at[t.ages[j].key] = i, j
}

// Push adds a part at the end.
func (t *tally) Push(a any) {
	one := a.(aged)
	t.at[one.key] = len(t.ages)
	t.ages = append(t.ages, one)
}

// Pop takes the last part out.
func (t *tally) Pop() any {
	last := t.ages[len(t.ages)-1]
	t.ages = t.ages[:len(t.ages)-1]
	delete(t.at, last.key)
	return last
}
