package fleet

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/statedir"
)

// adopting is a keeper with an eye on what it is to adopt.
type adopting struct {
	*zonesource.Keeper
	look func([]zonesource.Adopted) []zonesource.Adopted
}

// Adopt implements [Keeper].
func (k *adopting) Adopt(version uint64, parts []zonesource.Adopted) map[zonesource.Key]error {
	return k.Keeper.Adopt(version, k.look(parts))
}

// watch has a server that doesn't run yet look at what it is to adopt.
func (n *node) watch(look func([]zonesource.Adopted) []zonesource.Adopted) {
	n.member.o.Keeper = &adopting{n.keeper, look}
}

func zoneKey(id string) zonesource.Key { return zonesource.Key{Source: "route53", Name: "zone/" + id} }

// TestPartPanics has a part panic the compiler of one server for ten versions, whoever that is: it stays what it was
// there, everything else goes on everywhere, and it is whole within the time that failed parts are read again.
func TestPartPanics(t *testing.T) {
	for _, who := range []string{"m1", "m2"} { // who leads, and who follows
		t.Run(who, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				bad := false
				for _, name := range []string{"m1", "m2", "m3"} {
					n := w.make(name)
					if name == who {
						n.watch(func(parts []zonesource.Adopted) []zonesource.Adopted {
							parts = slices.Clone(parts)
							for i := range parts {
								if parts[i].Key == zoneKey("ZB") && bad {
									parts[i].Part.Zone = &zone.Zone{Info: parts[i].Part.Zone.Info} // without a tree
								}
							}
							return parts
						})
					}
					n.start()
					w.all(20*time.Second, "b.example.", "www", "10.0.0.2")
				}
				if (w.leader().name == who) != (who == "m1") {
					t.Fatalf("%s leads", w.leader().name)
				}
				n := w.nodes[who]
				first := n.member.Standing().Version
				bad = true
				for i := range 10 {
					address := fmt.Sprintf("10.6.0.%d", i)
					w.set("b.example.", "www", address)
					w.set("a.example.", "www", address)
					w.all(3*time.Second, "a.example.", "www", address)
					for _, other := range w.nodes {
						want := address
						if other == n {
							want = "10.0.0.2"
						}
						w.await(3*time.Second, "the zone is served", func() bool { return other.serves("b.example.", "www") == want })
					}
					time.Sleep(10 * time.Second)
				}
				if f := n.member.Standing().Failed; len(f) != 1 || f["route53/zone/ZB"] == "" {
					t.Errorf("failed: %v", f)
				}
				time.Sleep(10 * time.Minute) // nothing changes, and it is written anew more and more seldom
				if v := n.member.Standing().Version; v-first > 32 {
					t.Errorf("%d versions for 10 changes of two zones", v-first)
				}
				bad = false
				w.all(retryFailed+10*time.Second, "b.example.", "www", "10.6.0.9")
				w.await(10*time.Second, "nothing fails", func() bool { return len(n.member.Standing().Failed) == 0 })
			})
		})
	}
}

// TestCrashesOnPart has processes end while they adopt a part: the second adopts it by itself, the third leaves it out
// and serves all else, until who leads has written it anew.
func TestCrashesOnPart(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.join("m1")
		w.all(20*time.Second, "a.example.", "www", "10.0.0.1")
		path := filepath.Join(t.TempDir(), "state")
		file := filepath.Join(path, adoptingName)
		var left []byte    // the file, at the moment of the crash
		var groups [][]int // numbers of parts adopted at once, with the one or without
		start := func() *node {
			state := statedir.Open(path, slog.New(slog.DiscardHandler))
			n := w.make("m2")
			n.member.crashes.state = state
			groups = nil
			n.watch(func(parts []zonesource.Adopted) []zonesource.Adopted {
				with := 0
				for _, a := range parts {
					if a.Key == zoneKey("ZB") {
						with = 1
						left, _ = os.ReadFile(file)
					}
				}
				groups = append(groups, []int{len(parts), with})
				return parts
			})
			n.start()
			t.Cleanup(func() { _ = state.Close() })
			return n
		}
		crash := func(n *node) {
			_ = n.end()
			_ = n.member.crashes.state.Close()
			err := os.WriteFile(file, left, 0o600)
			if err != nil || len(left) == 0 {
				t.Fatalf("nothing was noted: %v", err)
			}
		}
		n := start()
		w.all(20*time.Second, "b.example.", "www", "10.0.0.2")
		if !slices.Equal(groups[0], []int{3, 1}) {
			t.Errorf("adopted at first: %v", groups)
		}
		_, err := os.Stat(file)
		if err == nil {
			t.Error("it is still noted that something is being adopted")
		}
		crash(n)
		n = start()
		w.all(20*time.Second, "b.example.", "www", "10.0.0.2")
		if !slices.ContainsFunc(groups, func(g []int) bool { return slices.Equal(g, []int{1, 1}) }) {
			t.Errorf("adopted after one crash: %v", groups)
		}
		crash(n)
		n = start()
		w.await(20*time.Second, "all else is served", func() bool { return n.serves("a.example.", "www") == "10.0.0.1" })
		if got := n.serves("b.example.", "www"); got != "" || n.member.Standing().Failed["route53/zone/ZB"] == "" {
			t.Errorf("served: %q; failed: %v", got, n.member.Standing().Failed)
		}
		w.all(time.Minute, "b.example.", "www", "10.0.0.2") // as it was written anew
		w.await(time.Minute, "nothing fails", func() bool { return len(n.member.Standing().Failed) == 0 })
		_, err = os.Stat(file)
		if err == nil {
			t.Error("what it has lived through is still noted")
		}
	})
}

// TestTwins has two servers have one name: both say so, and who is started again doesn't.
func TestTwins(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.join("m1")
		first := w.join("m2")
		w.all(20*time.Second, "a.example.", "www", "10.0.0.1")
		_ = first.end()
		again := w.join("m2")
		time.Sleep(10 * time.Minute)
		if at := again.member.Twin(); at.IsValid() || again.member.Standing().Alarms["name"] != 0 {
			t.Errorf("started again, it has a twin at %v", at)
		}
		w.forget("m2")
		twin := w.join("m2")
		w.await(5*time.Minute, "both say it", func() bool {
			return twin.member.Twin().IsValid() && again.member.Twin().IsValid()
		})
		if n := twin.member.Standing().Alarms["name"]; n != 1 {
			t.Errorf("%d alarms", n)
		}
		_ = again.end()
		w.await(2*twinFor, "it is over", func() bool { return !twin.member.Twin().IsValid() })
	})
}

// TestStoreAwayLong has the store be away from everybody for ten minutes, with changes before and meanwhile: nothing is
// lost, and all are alike soon after it is back.
func TestStoreAwayLong(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		w.set("a.example.", "last", "10.7.0.1")
		time.Sleep(time.Second)
		for _, n := range w.nodes {
			n.side.cut.Store(true)
		}
		for i := range 10 {
			w.set("a.example.", fmt.Sprintf("away-%d", i), "10.7.1.1")
			time.Sleep(time.Minute)
			for _, n := range w.nodes {
				if n.serves("b.example.", "www") != "10.0.0.2" || n.member.Term() != nil && n.member.Term().Fresh(leaseFor) {
					t.Errorf("%s after %d minutes: %+v", n.name, i+1, n.member.Standing())
				}
			}
		}
		for _, n := range w.nodes {
			n.side.cut.Store(false)
		}
		w.all(40*time.Second, "a.example.", "last", "10.7.0.1")
		for i := range 10 {
			w.all(5*time.Second, "a.example.", fmt.Sprintf("away-%d", i), "10.7.1.1")
		}
		w.await(30*time.Second, "all are alike", func() bool {
			versions := map[uint64]bool{}
			for _, n := range w.nodes {
				versions[n.member.Standing().Version] = n.member.Standing().Behind == 0
			}
			return len(versions) == 1
		})
	})
}
