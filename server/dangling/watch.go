package dangling

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"inside53/resolver/zone"
)

// Options make a [Watch].
type Options struct {
	Snapshot func() *zone.Snapshot
	// Resolve asks whether a name outside exists. An error is that nobody knows; nil asks nobody.
	Resolve func(ctx context.Context, name []byte) (exists bool, err error)
	// Path is the file that addresses are kept in, "" for none. Hold is the error of the directory
	// that it is in, if nothing can be written there.
	Path string
	Hold func() error
	Log  *slog.Logger
}

// Watch looks for records that lead to what is gone. Its methods are safe for concurrent use.
type Watch struct {
	opts Options
	wake chan struct{}

	mu       sync.Mutex
	findings []Finding

	// Of the goroutine of Run.
	past    past
	leads   map[*zone.Zone][]lead
	outside map[string]verdict
	asks    []string // names outside that there are, sorted
	next    int      // the one that is asked next
}

// New returns a watch that hasn't looked yet.
func New(o Options) *Watch {
	return &Watch{opts: o, wake: make(chan struct{}, 1), outside: map[string]verdict{}}
}

// Wake says that there is another snapshot. It doesn't block.
func (w *Watch) Wake() {
	select {
	case w.wake <- struct{}{}:
	default: // it is awake
	}
}

// Findings returns what was found, by zone and name. It is not to be changed.
func (w *Watch) Findings() []Finding {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.findings
}

const (
	// lookPause is the least time from one look to the next; it is lookShare times as long as the
	// look itself, if that is more.
	lookPause = time.Second
	lookShare = 100
	// askEvery is how often one name outside is asked, and askAgain how soon the same again.
	askEvery = 100 * time.Millisecond
	askAgain = time.Hour
	// askSoon is how soon one is asked again that nobody could answer for.
	askSoon = time.Minute
	// asksPerTurn is how many names are looked at for the one that is to be asked.
	asksPerTurn = 200
	// askWithin bounds how long one question may take.
	askWithin = 10 * time.Second
)

// Run looks until ctx ends, and returns its error.
func (w *Watch) Run(ctx context.Context) error {
	err := w.past.load(w.opts.Path)
	if err != nil {
		w.opts.Log.Warn("addresses of before are not known", "error", err)
	}
	var look <-chan time.Time
	asking := time.NewTicker(askEvery)
	defer asking.Stop()
	pause := lookPause
	for {
		select {
		case <-ctx.Done():
			w.save()
			return ctx.Err()
		case <-w.wake:
			if look == nil {
				look = time.After(pause)
			}
		case <-look:
			look = nil
			began := time.Now()
			w.look()
			pause = max(lookPause, lookShare*time.Since(began))
		case <-asking.C:
			if w.ask(ctx) && look == nil {
				look = time.After(pause)
			}
		}
	}
}

// look judges everything that there is.
func (w *Watch) look() {
	snap := w.opts.Snapshot()
	if !snap.Loaded {
		return
	}
	w.past.follow(snap.Inventory, time.Now())
	w.save()
	f := newFinder(snap, w.outside, w.past.Former)
	before := make(map[identity]*zone.Zone, len(w.leads))
	for z := range w.leads {
		before[identityOf(z)] = z
	}
	walked := make(map[*zone.Zone][]lead, len(snap.Zones))
	var all []Finding
	for _, z := range snap.Served() {
		if z.Origin == zone.Tags {
			continue
		}
		leads, known := w.leads[z]
		if was := before[identityOf(z)]; !known && was != nil {
			leads = leadsAfter(was, w.leads[was], z)
		} else if !known {
			leads = leadsOf(z)
		}
		walked[z] = leads
		all = append(all, f.find(z, leads)...)
	}
	w.leads = walked
	w.asks = slices.Sorted(maps.Keys(f.asks))
	maps.DeleteFunc(w.outside, func(name string, _ verdict) bool { return !f.asks[name] })
	sortFindings(all)
	w.mu.Lock()
	w.findings = all
	w.mu.Unlock()
}

// identity is what a zone keeps while its records change.
type identity struct {
	origin            zone.Origin
	id, account, apex string
}

func identityOf(z *zone.Zone) identity { return identity{z.Origin, z.ID, z.Account, string(z.Apex)} }

// ask asks for the next name outside whose time has come, and reports whether what is known of it
// is another thing now.
func (w *Watch) ask(ctx context.Context) bool {
	if w.opts.Resolve == nil {
		return false
	}
	for range min(len(w.asks), asksPerTurn) {
		name := w.asks[w.next%len(w.asks)]
		w.next++
		was := w.outside[name]
		if time.Since(was.asked) < askAgain {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, askWithin)
		defer cancel()
		exists, err := w.opts.Resolve(ctx, []byte(name))
		if err != nil {
			w.outside[name] = verdict{was.missing, time.Now().Add(askSoon - askAgain)} // nobody knows more than before
			return false
		}
		w.outside[name] = verdict{!exists, time.Now()}
		return was.missing == exists
	}
	return false
}

func (w *Watch) save() {
	if w.opts.Hold != nil && w.opts.Hold() != nil {
		return // what can't be written says so itself
	}
	err := w.past.save(w.opts.Path)
	if err != nil {
		w.opts.Log.Warn("addresses that were ours are not saved", "error", err)
	}
}
