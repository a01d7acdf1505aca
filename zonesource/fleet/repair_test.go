package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/ledger"
)

// TestRepair has the store lose something: all serve on, and who knows more writes it anew.
func TestRepair(t *testing.T) {
	tests := map[string]func(w *world, old []byte){
		"head set back":        func(w *world, old []byte) { w.store.change("head", old) },
		"head gone":            func(w *world, _ []byte) { w.store.change("head", nil) },
		"head of somebody":     func(w *world, _ []byte) { w.store.change("head", []byte(`{"fleet":"x","mac":"00"}`)) },
		"the bucket emptied":   func(w *world, _ []byte) { w.drop("") },
		"the newest commit":    func(w *world, _ []byte) { names := w.store.names("commit/"); w.drop(names[len(names)-1]) },
		"head and the lease":   func(w *world, _ []byte) { w.drop("head"); w.drop("lease") },
		"lease of somebody":    func(w *world, _ []byte) { w.store.change("lease", []byte("nonsense")) },
		"lease gone":           func(w *world, _ []byte) { w.drop("lease") },
		"set back, new leader": func(w *world, old []byte) { w.leader().side.cut.Store(true); w.store.change("head", old) },
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				trio(w)
				old := w.store.object("head")
				_, err := w.leader().member.Term().Commit(context.Background(), Change{Cause: ledger.Operator, Actor: "test",
					Records: map[string][]ledger.Record{"notes": {{Key: []byte("a"), Value: []byte("1")}}}})
				if err != nil {
					t.Fatal(err)
				}
				for i := range 3 {
					w.set("a.example.", "www", fmt.Sprintf("10.3.0.%d", i))
					w.all(3*time.Second, "a.example.", "www", fmt.Sprintf("10.3.0.%d", i))
				}
				served := w.leader().member.Standing().Version
				damage(w, old)
				w.set("a.example.", "www", "10.3.1.1")
				w.all(75*time.Second, "a.example.", "www", "10.3.1.1")
				for _, n := range w.nodes {
					if n.side.cut.Load() {
						continue
					}
					if v := n.member.Standing().Version; v <= served {
						t.Errorf("%s serves version %d after %d", n.name, v, served)
					}
					if got := string(n.member.Records("notes")["a"]); got != "1" {
						t.Errorf("%s has lost a part that no keeper serves: %q", n.name, got)
					}
				}
			})
		})
	}
}

// TestRepairHearsOthers has a server that was away come back to an emptied bucket, with who led gone: it repairs
// nothing before it has heard of those who know more, though what they had said is gone with the bucket.
func TestRepairHearsOthers(t *testing.T) {
	for _, poll := range []time.Duration{5 * time.Second, 20 * time.Second} {
		t.Run(poll.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) { repairHearsOthers(t, w, poll) })
		})
	}
}

func repairHearsOthers(t *testing.T, w *world, poll time.Duration) {
	w.poll = poll
	trio(w)
	first := w.leader()
	var behind, newest *node
	for _, n := range w.nodes {
		switch {
		case n == first:
		case behind == nil:
			behind = n
		default:
			newest = n
		}
	}
	behind.side.cut.Store(true)
	address := ""
	for range 5 {
		address = w.tick()
		w.await(10*time.Second, "the change is served", func() bool { return newest.serves("a.example.", ticks) == address })
	}
	known := newest.member.Standing().Version
	if behind.member.Standing().Version >= known {
		t.Fatal("nobody is behind")
	}
	time.Sleep(2 * time.Minute) // nobody remembers who was away
	first.side.cut.Store(true)
	w.drop("")
	behind.side.cut.Store(false)
	_, _ = behind.member.Sync(t.Context()) // it finds out what is lost by itself too
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		var head struct{ Version uint64 }
		text := w.store.object("head")
		if text == nil {
			continue
		}
		err := json.Unmarshal(text, &head)
		if err != nil {
			t.Fatal(err)
		}
		if head.Version > 0 && head.Version <= known {
			t.Fatalf("the store is repaired with version %d, though %s knows %d", head.Version, newest.name, known)
		}
		if head.Version > known && behind.member.Standing().Version > known {
			if got := w.repairedTicks(); got != address {
				t.Errorf("it is repaired with %q, though %s serves %s", got, newest.name, address)
			}
			return
		}
	}
	t.Error("nobody repairs the store")
}

// repairedTicks is the address of ticks that the last repair has written.
func (w *world) repairedTicks() (address string) {
	l := w.peek()
	w.trace.mu.Lock()
	defer w.trace.mu.Unlock()
	for _, h := range w.trace.heads {
		v, err := l.At(context.Background(), h.Commit)
		if err == nil && v.Commit.Cause == ledger.Repair {
			address = ticksIn(l, v).String()
		}
	}
	return address
}

// TestRepairedMeanwhile has a server with old data of its own start when the bucket was just emptied, and have the
// lease as nobody ever seems to have led: what who led until now has repaired and committed meanwhile stays.
func TestRepairedMeanwhile(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		w.all(10*time.Second, "a.example.", ticks, w.tick())
		fresh := w.make("m4")
		fresh.keeper.Adopt(0, adoptedFrom(w.list("saved")))
		mark, err := json.Marshal(had{"s3://b/p", w.leader().member.Standing().Version, 1, fresh.member.boot,
			fresh.member.o.Uptime()})
		if err != nil || fresh.member.boot == "" {
			t.Fatalf("no start of the machine is known, %v", err)
		}
		fresh.member.o.Keeper = remembering{fresh.keeper, &mark}
		for range 3 {
			w.all(10*time.Second, "a.example.", ticks, w.tick())
		}
		first := w.leader()
		known := first.member.Standing().Version
		w.drop("")
		w.tick() // who leads finds out by its next commit
		fresh.start()
		w.await(2*time.Minute, "the store is repaired", func() bool {
			w.tick()
			for _, n := range w.nodes {
				if n.member.Standing().Version <= known || n.member.Standing().Behind > 0 {
					return false
				}
			}
			return w.leader() != nil
		})
		time.Sleep(30 * time.Second)
		w.all(10*time.Second, "a.example.", ticks, w.tick())
	})
}

// TestFreshOnOld has head be set back while nobody reaches the store, and a server start that knows nothing better: it
// leads from there, until one comes back who knows more, and what that one has is there again.
func TestFreshOnOld(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		old := w.store.object("head")
		for range 3 {
			w.all(10*time.Second, "a.example.", ticks, w.tick())
		}
		if !w.note("acknowledged") {
			t.Fatal("not acknowledged")
		}
		w.await(5*time.Second, "all are alike", w.alike)
		for _, n := range w.servers() {
			n.side.cut.Store(true)
		}
		time.Sleep(3 * time.Minute)
		w.store.change("head", old)
		fresh := w.join("m4")
		w.await(time.Minute, "who is new leads", func() bool { return w.leader() == fresh })
		for _, n := range w.servers() {
			n.side.cut.Store(false)
		}
		w.await(90*time.Second, "all know all again", func() bool {
			for _, n := range w.servers() {
				if n.member.Records(notes)["acknowledged"] == nil {
					return false
				}
			}
			return w.alike()
		})
	})
}

// TestRepairByTheWhole has a follower not be able to adopt a part of the newest version, then the bucket be emptied and
// who led be gone: whoever repairs, nobody's data go back.
func TestRepairByTheWhole(t *testing.T) {
	for n := range 8 { // by chance it is the one or the other who would lead
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inBubble(t, repairByTheWhole)
		})
	}
}

func repairByTheWhole(t *testing.T, w *world) {
	bad := false
	for _, name := range []string{"m1", "m2", "m3"} {
		n := w.make(name)
		if name == "m2" {
			n.watch(func(parts []zonesource.Adopted) []zonesource.Adopted {
				parts = slices.Clone(parts)
				for i := range parts {
					if parts[i].Key == zoneKey("ZA") && bad {
						parts[i].Part.Zone = &zone.Zone{Info: parts[i].Part.Zone.Info} // without a tree
					}
				}
				return parts
			})
		}
		n.start()
		w.all(20*time.Second, "a.example.", "www", "10.0.0.1")
	}
	first, whole, partial := w.nodes["m1"], w.nodes["m3"], w.nodes["m2"]
	if w.leader() != first {
		t.Fatalf("%s leads", w.leader().name)
	}
	bad = true
	w.set("a.example.", "www", "10.8.0.2")
	w.await(5*time.Second, "the change is served", func() bool { return whole.serves("a.example.", "www") == "10.8.0.2" })
	w.await(10*time.Second, "both have its version", func() bool {
		return len(partial.member.Standing().Failed) == 1 &&
			partial.member.Standing().Version == whole.member.Standing().Version
	})
	w.every.Store(int64(time.Hour)) // nothing is read that would mend it
	first.side.cut.Store(true)
	known := whole.member.Standing().Version
	w.drop("")
	bad = false
	w.await(3*time.Minute, "the store is repaired", func() bool {
		if got := whole.serves("a.example.", "www"); got != "10.8.0.2" {
			t.Fatalf("%s goes back to %s, as %s has led", whole.name, got, w.leader().name)
		}
		return whole.member.Standing().Version > known && partial.serves("a.example.", "www") == "10.8.0.2"
	})
}
