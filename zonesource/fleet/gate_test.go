package fleet

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"inside53/zonesource/ledger"
)

// fate is what becomes of one call of a store.
type fate int

const (
	served     fate = iota
	refused         // not made, and the caller has an error
	unanswered      // made, and the caller has an error
	late            // made when its caller has long given up
	frozen          // the process stands still before it, for longer than a lease lasts
	killed          // the process dies before it
	killedThen      // the process dies when it is made
	cutThen         // made, and from then on the store is away
)

// String names the fate.
func (f fate) String() string {
	return []string{"served", "refused", "unanswered", "late", "frozen", "killed before", "killed after", "cut after"}[f]
}

// frozenFor is for how long a process stands still, and a late call is on its way, where a test says nothing else.
const frozenFor = 20 * time.Second

// gate is the store as one server calls it, with a fate for each call.
type gate struct {
	*side
	n *node

	mu     sync.Mutex
	frozen time.Time // until when nothing gets through
}

// fates gives the call that comes at its turn a fate, whoever makes it.
type fates struct {
	mu      sync.Mutex
	counts  func(n *node, call, name string) bool // nil: each call
	at      int                                   // which of those that count, from 1; 0: none, -1: all
	each    bool                                  // they are counted for each server
	is      fate
	count   int
	calls   []string // those that counted
	by      *node    // whose call it was
	crashes bool     // the server died of it
}

// decide is the fate of a call.
func (f *fates) decide(n *node, call, name string) fate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil || !f.counts(n, call, name) {
		return served
	}
	path, _, _ := strings.Cut(name, "/")
	f.calls = append(f.calls, call+" "+path)
	n.calls++
	f.count++
	count := f.count
	if f.each {
		count = n.calls
	}
	if count != f.at && f.at >= 0 {
		return served
	}
	f.by = n
	f.crashes = f.is == killed || f.is == killedThen
	return f.is
}

// countEach has calls be counted for each server, or for all together.
func (f *fates) countEach(each bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.each = each
}

// arm has the calls that count from now on have their fates.
func (f *fates) arm(at int, is fate, counts func(n *node, call, name string) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts, f.at, f.is, f.count, f.calls, f.by, f.crashes = counts, at, is, 0, nil, nil, false
}

// disarm ends that and returns the calls that counted, and who died.
func (f *fates) disarm() (calls []string, dead *node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts = nil
	if f.crashes {
		dead = f.by
	}
	return f.calls, dead
}

// enter waits while the process stands still, and returns what becomes of a call.
func (g *gate) enter(call, name string) fate {
	g.mu.Lock()
	until := g.frozen
	g.mu.Unlock()
	time.Sleep(time.Until(until))
	is := g.n.w.fates.decide(g.n, call, name)
	switch is {
	case frozen:
		g.mu.Lock()
		g.frozen = time.Now().Add(g.n.w.freeze)
		g.mu.Unlock()
		time.Sleep(g.n.w.freeze)
		return served
	case killed:
		g.n.kill()
	}
	return is
}

// kill ends a server as SIGKILL does: nothing that it does any more has an effect.
func (n *node) kill() {
	n.side.cut.Store(true)
	n.runs.Store(false)
	n.stop()
}

// write makes a call that changes something.
func (g *gate) write(ctx context.Context, call, name string, do func(context.Context) (string, error)) (string, error) {
	is := g.enter(call, name)
	switch is {
	case served:
		return do(ctx)
	case unanswered:
		_, _ = do(ctx) // nobody hears of it
	case killedThen:
		_, _ = do(ctx)
		g.n.kill()
	case cutThen:
		_, _ = do(ctx)
		g.side.cut.Store(true)
	case late:
		g.n.w.under.Go(func() {
			time.Sleep(g.n.w.freeze)
			if !g.side.cut.Load() {
				_, _ = do(context.WithoutCancel(ctx))
			}
		})
		select {
		case <-ctx.Done():
		case <-time.After(g.n.w.freeze):
		}
	}
	return "", fmt.Errorf("%s %s: %w", call, name, errAway)
}

// Put implements [ledger.Store].
func (g *gate) Put(ctx context.Context, name string, body []byte, was string) (string, error) {
	return g.write(ctx, "put", name, func(ctx context.Context) (string, error) {
		if name != "head" {
			return g.side.Put(ctx, name, body, was)
		}
		return g.n.w.trace.head(g, body, func() (string, error) { return g.side.Put(ctx, name, body, was) })
	})
}

// Delete implements [ledger.Store].
func (g *gate) Delete(ctx context.Context, name string) error {
	_, err := g.write(ctx, "delete", name, func(ctx context.Context) (string, error) {
		return "", g.side.Delete(ctx, name)
	})
	return err
}

// Get implements [ledger.Store].
func (g *gate) Get(ctx context.Context, name, unless string, limit int64) ([]byte, string, error) {
	if g.enter("get", name) != served {
		return nil, "", errAway
	}
	return g.side.Get(ctx, name, unless, limit)
}

// List implements [ledger.Store].
func (g *gate) List(ctx context.Context, prefix, after string) iter.Seq2[ledger.Entry, error] {
	if g.enter("list", prefix) != served {
		return func(yield func(ledger.Entry, error) bool) { yield(ledger.Entry{}, errAway) }
	}
	return g.side.List(ctx, prefix, after)
}
