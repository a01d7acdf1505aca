package fleet

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inside53/zonesource/ledger"
)

var failpoints = flag.Int("fleet.failpoints", 0, "the call of TestFailpoints that fails, 0 for each")

// operation is something that a fleet does by many calls of its store, each of which may be the last.
type operation struct {
	began  func(w *world)                        // before the calls count
	counts func(n *node, call, name string) bool // which calls do
	do     func(w *world)                        // until it is done, or nobody knows
	fates  []fate                                // each of which each call has once
	step   int                                   // so many calls further comes the next that fails; 0: 1
	most   int                                   // so many calls count; 0: all
	after  func(w *world)                        // what is to be then
}

// perhaps waits until something is, and goes on when it isn't.
func perhaps(within time.Duration, is func() bool) bool {
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		synctest.Wait()
		if is() {
			return true
		}
	}
	return false
}

// someLeads reports whether a server leads that has its lease.
func (w *world) someLeads() bool {
	leader := w.leader()
	if leader == nil {
		return false
	}
	t := leader.member.Term()
	return t != nil && t.Fresh(leaseFor)
}

// operations are those of DESIGN: the first commit, a commit, an update, taking over, repair, retention.
func operations() map[string]operation {
	isLedger := func(name string) bool {
		path, _, _ := strings.Cut(name, "/")
		return slices.Contains([]string{"head", "commit", "map", "list", "page", "past"}, path)
	}
	all := []fate{refused, unanswered, late, frozen, killed, killedThen}
	joinAll := func(w *world) {
		for _, name := range []string{"m1", "m2", "m3"} {
			w.make(name)
		}
	}
	return map[string]operation{
		"first commit": {
			began:  joinAll,
			counts: func(*node, string, string) bool { return true },
			do: func(w *world) {
				for _, n := range w.servers() {
					n.start()
				}
				perhaps(20*time.Second, w.someLeads)
			},
			fates: all,
		},
		"first commit, each": {
			began:  func(w *world) { joinAll(w); w.each = true },
			counts: func(*node, string, string) bool { return true },
			do: func(w *world) {
				for _, n := range w.servers() {
					n.start()
				}
				perhaps(20*time.Second, w.someLeads)
			},
			most:  24,
			fates: []fate{killed, killedThen},
		},
		"commit": {
			began:  func(w *world) { trio(w) },
			counts: func(n *node, _, name string) bool { return n.member.Term() != nil && isLedger(name) },
			do: func(w *world) {
				is := w.tick()
				perhaps(5*time.Second, func() bool {
					leader := w.leader()
					return leader == nil || leader.serves("a.example.", ticks) == is
				})
			},
			fates: all,
		},
		"update": {
			began:  func(w *world) { trio(w) },
			counts: func(n *node, _, name string) bool { return n.member.Term() != nil && isLedger(name) },
			do:     func(w *world) { w.note("during") },
			fates:  all,
		},
		"take-over": {
			began: func(w *world) {
				trio(w)
				w.tick()
				time.Sleep(5 * time.Second)
				w.dead = append(w.dead, w.leader().name)
				w.leader().kill()
				w.tick()
			},
			counts: func(n *node, call, name string) bool {
				return isLedger(name) && call != "get" || name == leaseName && call == "put" || n.member.isTaking()
			},
			do:    func(w *world) { perhaps(25*time.Second, w.someLeads) },
			fates: all,
		},
		"repair": {
			began: func(w *world) {
				trio(w)
				w.past = false
				w.note("lost with the bucket, and known to all")
				time.Sleep(2 * time.Second)
				w.drop("")
			},
			counts: func(_ *node, call, name string) bool { return call != "get" },
			do: func(w *world) {
				perhaps(30*time.Second, func() bool { return w.store.object("head") != nil && w.someLeads() })
			},
			fates: all,
		},
		"retention": {
			began: func(w *world) {
				w.keep = time.Minute
				trio(w)
				for range 6 {
					w.tick()
					time.Sleep(2 * time.Second)
				}
				w.every.Store(int64(time.Hour)) // nothing else is committed
			},
			counts: func(n *node, call, name string) bool {
				return n.member.Term() != nil && isLedger(name) &&
					(call == "delete" || call == "list" || strings.HasPrefix(name, "past/"))
			},
			do: func(w *world) {
				for range 11 * 60 {
					time.Sleep(time.Second)
					if w.fates.hit() {
						break
					}
				}
				time.Sleep(time.Second)
				w.every.Store(int64(time.Second))
			},
			after: func(w *world) { w.tidy() },
			step:  9,
			fates: []fate{refused, killed, killedThen},
		},
	}
}

// TestFailpoints has each call of a store, of each operation, fail in each way once. Then the fleet goes on: somebody
// leads, what was acknowledged is there, once, and all that head's chain names.
func TestFailpoints(t *testing.T) {
	for name, op := range operations() {
		t.Run(name, func(t *testing.T) {
			calls := op.run(t, 0, served)
			if len(calls) < 3 {
				t.Fatalf("%s makes the calls %q alone", name, calls)
			}
			t.Logf("%s makes %d calls", name, len(calls))
			if op.most > 0 {
				calls = calls[:min(len(calls), op.most)]
			}
			for at := 1; at <= len(calls); at += max(1, op.step) {
				if *failpoints > 0 && at != *failpoints {
					continue
				}
				if testing.Short() && at%4 != 0 {
					continue
				}
				for _, is := range op.fates {
					if isRead := !strings.HasPrefix(calls[at-1], "put") && !strings.HasPrefix(calls[at-1], "delete"); isRead &&
						slices.Contains([]fate{unanswered, late, killedThen}, is) {
						continue
					}
					ok := t.Run(fmt.Sprintf("%d %s %s", at, calls[at-1], is), func(t *testing.T) { op.run(t, at, is) })
					if !ok && testing.Short() {
						return
					}
				}
			}
		})
	}
}

// run does it once, and returns the calls that it made.
func (op operation) run(t *testing.T, at int, is fate) (calls []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll() // also where it fails
		op.began(w)
		w.fates.countEach(w.each)
		w.fates.arm(at, is, op.counts)
		op.do(w)
		var dead *node
		calls, dead = w.fates.disarm()
		time.Sleep(time.Second)
		for _, n := range w.servers() {
			if w.each && !n.runs.Load() {
				w.revive(n.name)
			}
		}
		for range 3 {
			w.tick()
			w.await(90*time.Second, "somebody leads", w.someLeads)
			w.await(90*time.Second, "an update is acknowledged", w.another)
		}
		if dead != nil && !w.each {
			w.dead = append(w.dead, dead.name)
		}
		for _, name := range w.dead {
			w.revive(name)
		}
		w.all(2*time.Minute, "a.example.", ticks, w.tick())
		w.await(time.Minute, "all serve the notes", w.alike)
		if op.after != nil {
			op.after(w)
		}
		w.endAll()
		synctest.Wait()
		w.check()
	})
	return calls
}

// another has one more note committed, and reports whether it was acknowledged.
func (w *world) another() bool { return w.note(fmt.Sprint("later ", len(w.trace.sent))) }

// revive starts a server again that was killed.
func (w *world) revive(name string) {
	_ = w.nodes[name].end()
	w.join(name)
}

// alike reports whether all servers serve the newest version.
func (w *world) alike() bool {
	v, err := w.peek().Follow(w.t.Context(), nil)
	if err != nil {
		return false
	}
	for _, n := range w.nodes {
		is, _ := n.member.Adopted()
		if is == nil || is.Name != v.Name {
			return false
		}
	}
	return true
}

// hit reports whether the call with the fate was made.
func (f *fates) hit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.by != nil
}

// tidy waits until retention has come by again: then nothing is left that head's chain doesn't name.
func (w *world) tidy() {
	w.t.Helper()
	w.every.Store(int64(2 * time.Hour))
	time.Sleep(62 * time.Minute)
	l, ctx := w.peek(), context.Background()
	newest, err := l.Follow(ctx, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	named := map[string]bool{}
	for e, err := range l.History(ctx, newest) {
		if err != nil {
			w.t.Fatal(err)
		}
		v, err := l.At(ctx, e.Name)
		if errors.Is(err, ledger.ErrAbsent) {
			break // the history of what is gone is packed
		}
		if err != nil {
			w.t.Fatal(err)
		}
		named[e.Name], named[v.Commit.Map] = true, true
		for _, ref := range v.Parts {
			named[ref.List] = true
		}
	}
	for _, path := range []string{"commit/", "map/", "list/"} {
		for _, name := range w.store.names(path) {
			if !named[name] {
				w.t.Errorf("%s is left, though nothing names it", name)
			}
		}
	}
	if n := len(w.store.names("commit/")); n > 3 {
		w.t.Errorf("%d commits are left of those older than %v", n, w.keep)
	}
}

// isTaking reports whether a member has the lease and doesn't lead yet.
func (m *Member) isTaking() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.term == nil && m.lease.Node == m.node
}
