package route53

import (
	"context"
	"sync"
	"time"

	"inside53/zonesource"
	"inside53/zonesource/refresh"
)

// wanted is what is to be read before its turn. Its methods are safe for concurrent use.
type wanted struct {
	wake chan struct{}

	mu       sync.Mutex
	catalogs int // how often the list of zones
	cycle    bool
}

func newWanted() *wanted { return &wanted{wake: make(chan struct{}, 1)} }

// mostCatalogs is how often the list of zones is read for any number of events: a zone goes with
// the second one that is without it.
const mostCatalogs = 2

// catalogPause is the pause between two lists of zones that are wanted: of what is delivered at once
// only the last counts.
const catalogPause = 100 * time.Millisecond

// add asks for more, and wakes the loop.
func (w *wanted) add(catalogs int, cycle bool) {
	w.mu.Lock()
	w.catalogs, w.cycle = min(w.catalogs+catalogs, mostCatalogs), w.cycle || cycle
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // it is awake
	}
}

// lists returns how often the list of zones is wanted, and forgets it.
func (w *wanted) lists() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.catalogs
	w.catalogs = 0
	return n
}

// all reports whether a cycle is wanted, and forgets it.
func (w *wanted) all() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	cycle := w.cycle
	w.cycle = false
	return cycle
}

// WantZones has the list of an account's zones (its configured name) read now, and zones that
// are new there. gone says that one may be missing from it: then it is read twice, since one
// listing alone lets no zone go.
func (s *Source) WantZones(account string, gone bool) {
	l := s.lister(account)
	switch {
	case l == nil:
	case gone:
		l.wanted.add(mostCatalogs, false)
	default:
		l.wanted.add(1, false)
	}
}

// WantCycle has all zones of an account read now, one after the other, within the budget.
func (s *Source) WantCycle(account string) {
	l := s.lister(account)
	if l != nil {
		l.wanted.add(0, true)
	}
}

// lister returns that of an account, nil for none.
func (s *Source) lister(account string) *lister {
	for _, l := range s.accounts {
		if l.account.Name == account {
			return l
		}
	}
	return nil
}

// attend reads what is wanted of the list of zones before its turn. A failure is one of the
// list, which comes again with the cycles.
func (l *lister) attend(ctx context.Context, deliver func(zonesource.Part)) {
	n := l.wanted.lists()
	if n == 0 {
		return
	}
	for i := range n {
		if i > 0 && refresh.Pause(ctx, catalogPause) != nil {
			return
		}
		err := l.refreshCatalog(ctx, deliver)
		if err != nil {
			return
		}
	}
	_ = l.refreshZones(ctx, l.isWaiting, deliver) // they come again with the cycles
}
