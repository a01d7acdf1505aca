package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/zonesource/ledger"
)

// followers are all servers but who leads.
func (w *world) followers() (all []*node) {
	leader := w.leader()
	for _, n := range w.servers() {
		if n != leader {
			all = append(all, n)
		}
	}
	return all
}

// TestAsleepPastRetention makes 200 commits and has them removed while a member stands still between the reading of a
// commit and that of its lists: it serves the newest when it wakes.
func TestAsleepPastRetention(t *testing.T) {
	for _, at := range []string{"get commit", "get list", "get page"} {
		t.Run(at, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.keep, w.freeze = time.Minute, 14*time.Minute
				trio(w)
				sleeper := w.followers()[0]
				w.fates.arm(1, frozen, func(n *node, call, name string) bool {
					path, _, _ := strings.Cut(name, "/")
					return n == sleeper && call+" "+path == at
				})
				for range 200 {
					w.tick()
					time.Sleep(2 * time.Second)
				}
				before := sleeper.member.Standing().Version
				time.Sleep(5 * time.Minute)
				if n := len(w.store.names("commit/")); n > 20 {
					t.Fatalf("%d commits are left", n)
				}
				if v := w.leader().member.Standing().Version; !w.fates.hit() || v < before+150 {
					t.Fatalf("it doesn't sleep at version %d, of %d", before, v)
				}
				w.all(5*time.Minute, "a.example.", ticks, w.tick())
			})
		})
	}
}

// TestCommitOnTop loses the answer of head's Put, and its writer the store, until another leader has committed on top:
// the first one finds out that it is deposed, and what it was not told of is there once.
func TestCommitOnTop(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		first := w.leader()
		w.fates.arm(1, cutThen, func(n *node, call, name string) bool {
			return n == first && call == "put" && name == "head"
		})
		if w.note("in doubt") {
			t.Error("acknowledged, though nobody knows")
		}
		w.await(20*time.Second, "another one leads", func() bool { return w.leader() != nil && w.leader() != first })
		if !w.note("on top") {
			t.Error("not acknowledged")
		}
		first.side.cut.Store(false)
		w.all(30*time.Second, "a.example.", ticks, w.tick())
		w.await(30*time.Second, "all are alike", w.alike)
		if first.member.Records(notes)["in doubt"] == nil {
			t.Error("what was made is lost")
		}
	})
}

// TestOneWay has the calls of who leads be made and their answers lost, or its writes alone not get through, for a
// minute: others go on, and nothing is there twice.
func TestOneWay(t *testing.T) {
	for name, counts := range map[string]func(call, name string) bool{
		"answers to all lost":        func(string, string) bool { return true },
		"answers to Put lost":        func(call, _ string) bool { return call == "put" },
		"answers to head's Put lost": func(call, name string) bool { return call == "put" && name == "head" },
		"answers to the lease lost":  func(call, name string) bool { return name == leaseName },
	} {
		for _, is := range []fate{unanswered, refused, late} {
			t.Run(fmt.Sprint(name, " ", is), func(t *testing.T) {
				inBubble(t, func(t *testing.T, w *world) {
					trio(w)
					first := w.leader()
					w.fates.arm(-1, is, func(n *node, call, name string) bool { return n == first && counts(call, name) })
					for i := range 12 {
						w.note(fmt.Sprint("meanwhile ", i))
						w.tick()
						time.Sleep(5 * time.Second)
					}
					w.fates.disarm()
					w.await(time.Minute, "somebody leads", w.someLeads)
					w.all(time.Minute, "a.example.", ticks, w.tick())
					w.await(30*time.Second, "one is acknowledged", w.another)
				})
			})
		}
	}
}

// TestLeaseDeleted deletes the lease again and again while candidates look at it, with who led gone: one leads at last,
// and never two write in one epoch.
func TestLeaseDeleted(t *testing.T) {
	for _, every := range []time.Duration{100 * time.Millisecond, 700 * time.Millisecond, 4 * time.Second} {
		t.Run(every.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				trio(w)
				w.note("before")
				name := w.leader().name
				w.leader().kill()
				for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(every) {
					w.store.change(leaseName, nil)
					w.tick()
				}
				w.await(time.Minute, "one leads", w.someLeads)
				w.revive(name)
				w.all(time.Minute, "a.example.", ticks, w.tick())
				w.await(time.Minute, "one is acknowledged", w.another)
			})
		})
	}
}

// TestContentComesBack has who led remove what was last named a while ago, late, while another leader commits the same
// content again: what is named again is not what is removed.
func TestContentComesBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.keep, w.freeze = time.Minute, 3*time.Minute
		trio(w)
		for _, address := range []string{"10.0.0.1", "10.7.0.1", "10.0.0.1", "10.7.0.1"} {
			w.set("a.example.", "www", address)
			w.all(5*time.Second, "a.example.", "www", address)
		}
		w.every.Store(int64(time.Hour))
		first := w.leader()
		w.fates.arm(-1, late, func(n *node, call, name string) bool { return n == first && call == "delete" })
		for range 11 * 60 {
			time.Sleep(time.Second)
			if w.fates.hit() {
				break
			}
		}
		if !w.fates.hit() {
			t.Fatal("nothing is removed")
		}
		first.side.cut.Store(true) // its deletes are on their way all the same
		w.every.Store(int64(time.Second))
		w.set("a.example.", "www", "10.0.0.1")
		w.await(30*time.Second, "another one leads", func() bool { return w.leader() != nil && w.leader() != first })
		w.all(10*time.Second, "a.example.", "www", "10.0.0.1")
		first.side.cut.Store(false)
		time.Sleep(w.freeze)
		w.all(time.Minute, "a.example.", "www", "10.0.0.1")
	})
}

// TestBuilderAsleep has who leads alone stand still for a day between what it has written for a commit and head, on a
// store where nothing else happens: it commits nothing that it wrote so long ago.
func TestBuilderAsleep(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		n := w.join("m1")
		w.all(20*time.Second, "a.example.", "www", "10.0.0.1")
		w.freeze = 24 * time.Hour
		w.fates.arm(1, frozen, func(_ *node, call, name string) bool { return call == "put" && name == "head" })
		before := w.store.names("commit/")
		w.tick()
		time.Sleep(2 * time.Second)
		w.every.Store(int64(48 * time.Hour))
		var built string
		for _, name := range w.store.names("commit/") {
			if name > before[len(before)-1] {
				built = name
			}
		}
		if !w.fates.hit() || built == "" {
			t.Fatalf("it builds nothing: %q", before)
		}
		time.Sleep(24 * time.Hour)
		w.every.Store(int64(time.Second))
		w.await(2*time.Minute, "it leads again", w.someLeads)
		w.all(time.Minute, "a.example.", ticks, w.tick())
		for e, err := range w.peek().History(t.Context(), n.member.Term().Version()) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Name == built {
				t.Errorf("what was built a day ago was committed: version %d", e.Version)
			}
		}
	})
}

// TestStaleReading has who leads stand still while it hands over what it has read, until another one leads and reads
// newer data: what was read before counts for nothing.
func TestStaleReading(t *testing.T) {
	for _, at := range []string{"put page", "put commit", "put head"} {
		t.Run(at, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				trio(w)
				first := w.leader()
				w.freeze = 25 * time.Second
				w.fates.arm(1, frozen, func(n *node, call, name string) bool {
					path, _, _ := strings.Cut(name, "/")
					return n == first && call+" "+path == at
				})
				w.tick()
				w.await(24*time.Second, "another one leads", func() bool { return w.leader() != nil && w.leader() != first })
				for range 10 {
					w.tick()
					time.Sleep(2 * time.Second)
				}
				w.all(time.Minute, "a.example.", ticks, w.tick())
				v, _ := first.member.Adopted()
				if v.Commit == nil || v.Commit.Cause == ledger.Repair {
					t.Errorf("%+v", v.Commit)
				}
			})
		})
	}
}

// TestLeaseContended has a candidate stand still before it writes the lease, until another one has it: one leads.
func TestLeaseContended(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		w.freeze = 3 * time.Second
		w.fates.arm(1, frozen, func(n *node, call, name string) bool {
			return n.runs.Load() && n.member.Term() == nil && call == "put" && name == leaseName
		})
		w.leader().kill()
		time.Sleep(30 * time.Second)
		if !w.fates.hit() {
			t.Fatal("nobody stands still")
		}
		epochs := map[uint64]bool{}
		w.trace.mu.Lock()
		defer w.trace.mu.Unlock()
		for _, h := range w.trace.heads {
			epochs[h.Epoch] = h.Version > 0
		}
		if len(epochs) != 3 { // that of nobody too
			t.Errorf("one leader is gone, and there are the epochs %v", epochs)
		}
	})
}

// TestRenewAgain has a renewal of the lease hang until its time is over: the next one comes before the lease ends.
func TestRenewAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		leader := w.leader()
		term := leader.member.Term()
		w.fates.arm(1, late, func(n *node, call, name string) bool {
			return n == leader && call == "put" && name == leaseName
		})
		w.await(10*time.Second, "a renewal is under way", w.fates.hit)
		time.Sleep(2 * w.freeze)
		if leader.member.Term() != term {
			t.Errorf("%s has lost the lease by one renewal", leader.name)
		}
	})
}

// TestLeaseFromBeginning has a renewal of the lease be on its way for 3 seconds: it is as old as that when it is made.
func TestLeaseFromBeginning(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		w.freeze = 3 * time.Second
		leader := w.leader()
		w.fates.arm(1, frozen, func(n *node, call, name string) bool {
			return n == leader && call == "put" && name == leaseName
		})
		w.await(10*time.Second, "a renewal is under way", w.fates.hit)
		time.Sleep(w.freeze + 100*time.Millisecond)
		term := leader.member.Term()
		if term == nil || !term.Fresh(4*time.Second) || term.Fresh(w.freeze) {
			t.Errorf("a lease whose renewal took %v is as if it was made now", w.freeze)
		}
	})
}

// TestQuietHead sets head back while nothing is committed: who leads finds that out and repairs it.
func TestQuietHead(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		old := w.store.object("head")
		w.note("one more")
		w.every.Store(int64(time.Hour))
		time.Sleep(2 * time.Second)
		known := w.leader().member.Standing().Version
		w.store.change("head", old)
		w.await(30*time.Second, "it is repaired", func() bool {
			h, err := w.peek().Head(t.Context())
			return err == nil && h.Version > known
		})
	})
}

// TestUnwoken has no NOTIFY get through: what is new is served after a poll.
func TestUnwoken(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for _, name := range []string{"m1", "m2", "m3"} {
			n := w.make(name)
			n.member.o.Wake = nil
			n.start()
		}
		w.all(20*time.Second, "a.example.", "www", "10.0.0.1")
		for range 3 {
			w.all(8*time.Second, "a.example.", ticks, w.tick())
		}
	})
}

// TestStartedAgain kills a server and starts it again: it writes as another node than before.
func TestStartedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.join("m1")
		for range 3 {
			w.all(40*time.Second, "a.example.", ticks, w.tick())
			w.nodes["m1"].kill()
			w.revive("m1")
		}
		w.all(40*time.Second, "a.example.", ticks, w.tick())
	})
}

// TestEarlierLeaderMeanwhile has who led commit once more between what a candidate has read and its leader commit: that
// is built on what was committed.
func TestEarlierLeaderMeanwhile(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		first := w.leader()
		first.side.cut.Store(true)
		w.freeze = 3 * time.Second
		w.fates.arm(1, frozen, func(n *node, call, name string) bool { return call == "put" && name == "head" })
		w.await(20*time.Second, "a candidate stands still", w.fates.hit)
		l := w.peek()
		writer := l.NewWriter(ledger.WriterOptions{Node: first.member.node})
		_, err := writer.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.trace.sent = append(w.trace.sent, "meanwhile")
		value := []ledger.Record{{Key: []byte("meanwhile"), Value: []byte("1")}}
		v, err := writer.Commit(t.Context(), ledger.Draft{Cause: ledger.Update, AWSChange: "meanwhile", At: time.Now(),
			Parts: []ledger.PartDraft{{Key: notes, Records: slices.Values(value)}}})
		if err != nil {
			t.Fatal(err)
		}
		w.trace.mu.Lock()
		w.trace.heads, w.trace.acked = append(w.trace.heads, v.Head), append(w.trace.acked, "meanwhile")
		w.trace.mu.Unlock()
		w.await(15*time.Second, "the candidate leads", w.someLeads)
		if w.leader() == first {
			t.Error("who led leads")
		}
	})
}
