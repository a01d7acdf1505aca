package zonesource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// running are the sources that run. Its methods are safe for concurrent use.
type running struct {
	change sync.Mutex // serialises Run and Switch

	mu     sync.Mutex
	ctx    context.Context // of Run; nil while it isn't called
	active map[Source]*activity
	wanted []Source // as Switch said before Run; nil where it said nothing
}

// activity is one source that runs, or has given up.
type activity struct {
	end   context.CancelFunc
	ended chan struct{}
	fault error // of one that gave up
}

// begin has sources run until ctx ends.
func (k *Keeper) begin(ctx context.Context, sources []Source) {
	r := &k.sources
	r.change.Lock()
	defer r.change.Unlock()
	r.mu.Lock()
	r.ctx, r.active = ctx, map[Source]*activity{}
	if r.wanted != nil {
		sources, r.wanted = r.wanted, nil
	}
	r.mu.Unlock()
	for _, s := range sources {
		k.start(s)
	}
}

// start has a source run. The caller holds change.
func (k *Keeper) start(s Source) {
	r := &k.sources
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx == nil || r.ctx.Err() != nil || r.active[s] != nil {
		return
	}
	ctx, end := context.WithCancel(r.ctx)
	a := &activity{end: end, ended: make(chan struct{})}
	r.active[s] = a
	go k.runSource(ctx, s, a) // waited for by await and Switch
}

// runSource runs a source until ctx ends.
func (k *Keeper) runSource(ctx context.Context, s Source, a *activity) {
	defer close(a.ended)
	defer a.end()
	err := s.Run(ctx, k.inbox.put)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		err = errors.New("ended without being told to")
	}
	err = fmt.Errorf("running the source %T: %w", s, err)
	k.log.Error("source gave up; its last good data stay, if there are any", "error", err)
	k.sources.mu.Lock()
	defer k.sources.mu.Unlock()
	a.fault = err
}

// await returns when all sources have ended; none starts any more.
func (k *Keeper) await() {
	r := &k.sources
	r.change.Lock()
	defer r.change.Unlock()
	r.mu.Lock()
	r.ctx = nil
	all := r.active
	r.mu.Unlock()
	for _, a := range all {
		<-a.ended
	}
}

// Switch has these sources run and no others: those that run already go on undisturbed, the
// others have ended when it returns. Before [Keeper.Run] it says which Run has run, whatever that is called with.
func (k *Keeper) Switch(sources ...Source) {
	r := &k.sources
	r.change.Lock()
	defer r.change.Unlock()
	r.mu.Lock()
	if r.ctx == nil {
		r.wanted = append([]Source{}, sources...)
		r.mu.Unlock()
		return
	}
	var over []*activity
	for s, a := range r.active {
		if !slices.Contains(sources, s) {
			a.end()
			over = append(over, a)
			delete(r.active, s)
		}
	}
	r.mu.Unlock()
	for _, a := range over {
		<-a.ended
	}
	for _, s := range sources {
		k.start(s)
	}
}

// faults are the errors of sources that gave up.
func (r *running) faults() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []error
	for _, a := range r.active {
		if a.fault != nil {
			out = append(out, a.fault)
		}
	}
	slices.SortFunc(out, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return out
}
