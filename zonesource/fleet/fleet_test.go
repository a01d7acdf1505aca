package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inside53/zonesource"
	"inside53/zonesource/ledger"
)

// inBubble runs a test with a clock of its own, and ends its servers.
func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll() // also where it fails
		test(t, w)
		w.endAll()
		synctest.Wait()
		w.check()
	})
}

// trio starts three servers, and waits until all serve what AWS has.
func trio(w *world) []*node {
	all := []*node{w.join("m1"), w.join("m2"), w.join("m3")}
	w.all(20*time.Second, "a.example.", "www", "10.0.0.1")
	w.await(time.Minute, "the members know each other", func() bool {
		return w.leader() != nil && len(w.leader().member.Peers()) == 3
	})
	return all
}

// TestFollow has one server read and all serve, within a moment of a change.
func TestFollow(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		for i := range 5 {
			w.set("b.example.", "www", fmt.Sprintf("10.1.0.%d", i))
			w.all(1500*time.Millisecond, "b.example.", "www", fmt.Sprintf("10.1.0.%d", i))
		}
		w.set("b.example.", "www", "")
		w.all(2*time.Second, "b.example.", "www", "")
		if len(w.reads) != 1 {
			t.Errorf("AWS was read by %v", w.reads)
		}
		for _, n := range w.nodes {
			s := n.member.Standing()
			if s.Behind > 0 || s.Err != nil || len(s.Failed) > 0 || s.Leader == "" || !s.Address.IsValid() {
				t.Errorf("%s: %+v", n.name, s)
			}
		}
	})
}

// TestFirstCommit begins an empty store with what its first leader serves.
func TestFirstCommit(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		n := w.make("m1")
		n.keeper.Adopt(0, adoptedFrom(w.list("saved")))
		clear(w.aws) // AWS has nothing any more
		n.start()
		w.await(5*time.Second, "it leads", func() bool { return w.leader() == n })
		v, _ := n.member.Adopted()
		if v.Commit.Cause != ledger.Leader || len(v.Parts) != 3 {
			t.Errorf("version %d, cause %s, has %d parts", v.Number(), v.Commit.Cause, len(v.Parts))
		}
		if got := n.serves("a.example.", "www"); got != "10.0.0.1" {
			t.Errorf("it serves %q", got)
		}
	})
}

func adoptedFrom(parts []zonesource.Part) []zonesource.Adopted {
	var all []zonesource.Adopted
	for _, p := range parts {
		all = append(all, zonesource.Adopted{Key: p.Key, Part: p})
	}
	return all
}

// TestLeaderGone cuts who leads off: it leads no more when its lease is over, another one does
// within 15 seconds, and what the first one still has counts for nothing.
func TestLeaderGone(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		first := w.leader()
		first.side.cut.Store(true)
		w.set("a.example.", "www", "10.2.0.1")
		w.await(15*time.Second, "another one leads", func() bool { return w.leader() != nil && w.leader() != first })
		w.all(3*time.Second, "a.example.", "www", "10.2.0.1")
		if first.member.Term() != nil {
			t.Errorf("%s still leads", first.name)
		}
		if got := first.serves("a.example.", "www"); got != "10.0.0.1" {
			t.Errorf("%s serves %q that it could not commit", first.name, got)
		}
		w.await(time.Minute, "it says that it is behind", func() bool { return first.member.Standing().Behind > 0 })
		first.side.cut.Store(false)
		w.all(10*time.Second, "a.example.", "www", "10.2.0.1")
		if s := first.member.Standing(); s.Leads || s.Epoch < 2 {
			t.Errorf("%s: %+v", first.name, s)
		}
	})
}

// TestStepDown has another server lead within 2 seconds: asked to, and when who leads ends.
func TestStepDown(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		first := w.leader()
		err := first.member.StepDown(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		w.await(2*time.Second, "another one leads", func() bool { return w.leader() != nil && w.leader() != first })
		err = first.member.StepDown(context.Background())
		if !errors.Is(err, ErrNotLeader) {
			t.Errorf("who doesn't lead steps down: %v", err)
		}
		second := w.leader()
		w.await(5*time.Second, "it knows whom to wake", func() bool { return len(second.member.Peers()) == 3 })
		_ = second.end()
		w.await(2*time.Second, "a third one leads", func() bool { return w.leader() != nil && w.leader() != second })
	})
}

// TestStepDownBesideTheDead has a server be away that others still count, and the lease go to and fro between the two
// that are left, within 2 seconds each time.
func TestStepDownBesideTheDead(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		dead := w.leader()
		dead.side.cut.Store(true)
		w.await(30*time.Second, "another one leads", func() bool { return w.leader() != nil && w.leader() != dead })
		for range 4 {
			was := w.leader()
			err := was.member.StepDown(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			w.await(2*time.Second, "another one leads", func() bool {
				is := w.leader()
				return is != nil && is != dead && is != was
			})
		}
	})
}

// TestAlone has the only server step down, and lead again.
func TestAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		n := w.join("m1")
		w.await(5*time.Second, "it leads", func() bool { return w.leader() == n })
		err := n.member.StepDown(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		w.await(20*time.Second, "it leads again", func() bool { return w.leader() == n })
	})
}

// forget has a server be none of those that are looked at.
func (w *world) forget(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.nodes, name)
}

// drop removes objects that begin with a path.
func (w *world) drop(path string) {
	for _, name := range w.store.names(path) {
		w.store.change(name, nil)
	}
}

// TestPartDamaged has a page be damaged: a server that starts serves all other zones, says so, and
// has the part when who leads has written it anew.
func TestPartDamaged(t *testing.T) {
	for _, how := range []string{"gone", "damaged"} {
		t.Run(how, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				first := w.join("m1")
				w.all(20*time.Second, "a.example.", "www", "10.0.0.1")
				v, _ := first.member.Adopted()
				ref := v.Parts["route53/zone/ZA"]
				w.past = false // of the damaged version
				if how == "gone" {
					w.store.change(ref.List, nil)
				} else {
					w.store.change(ref.List, []byte("nonsense"))
				}
				second := w.join("m2")
				w.await(10*time.Second, "it serves the rest",
					func() bool { return second.serves("b.example.", "www") == "10.0.0.2" })
				if second.serves("a.example.", "www") != "" || len(second.member.Standing().Failed) != 1 {
					t.Errorf("of the damaged part: %+v", second.member.Standing())
				}
				w.await(90*time.Second, "the part is whole again",
					func() bool { return second.serves("a.example.", "www") == "10.0.0.1" })
				w.await(time.Minute, "nothing fails", func() bool { return len(second.member.Standing().Failed) == 0 })
			})
		})
	}
}

// TestNewerFormat has the store hold what a later program wrote: it isn't followed, what was there
// is served, and who can't read it doesn't lead.
func TestNewerFormat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.join("m1")
		w.all(20*time.Second, "a.example.", "www", "10.0.0.1")
		second := w.join("m2")
		w.all(20*time.Second, "a.example.", "www", "10.0.0.1")
		_ = n.end()
		keys, err := ledger.NewKeys("inside53 ledger", w.keys)
		if err != nil {
			t.Fatal(err)
		}
		body := []byte(`{"format":99,"version":500,"epoch":50,"node":"later/1"}` + "\n")
		name := fmt.Sprintf("commit/%020d-%s", 500, tagOf(body))
		w.store.change(name, body)
		head, err := json.Marshal(ledger.Head{Fleet: "s3://b/p", Version: 500, Epoch: 50, Leader: "later/1", Commit: name})
		if err != nil {
			t.Fatal(err)
		}
		w.store.change("head", keys.Seal(head))
		time.Sleep(2 * time.Minute)
		s := second.member.Standing()
		if s.Leads || s.Behind == 0 || !errors.Is(s.Err, ledger.ErrNewer) {
			t.Errorf("%+v", s)
		}
		if got := second.serves("a.example.", "www"); got != "10.0.0.1" {
			t.Errorf("it serves %q", got)
		}
		w.endAll()
	})
}

// TestAges has a member know how old what it serves is, with a clock of its own.
func TestAges(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		time.Sleep(time.Minute)
		for _, n := range w.nodes {
			age := time.Since(n.keeper.Brief().Sources["route53"].Oldest)
			if age < time.Second || age > 10*time.Second {
				t.Errorf("%s: what is read each second is %v old", n.name, age)
			}
		}
		for _, n := range w.nodes {
			n.side.cut.Store(true)
		}
		time.Sleep(time.Minute)
		for _, n := range w.nodes {
			age := time.Since(n.keeper.Brief().Sources["route53"].Oldest)
			if age < time.Minute-10*time.Second || age > time.Minute+10*time.Second {
				t.Errorf("%s: what is not read any more is %v old", n.name, age)
			}
		}
	})
}

// TestKeysRollOver changes the key of a fleet without a gap.
func TestKeysRollOver(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		old, fresh := []byte("the old secret of all"), []byte("the new secret of all")
		for i, keys := range [][][]byte{{old}, {old, fresh}, {fresh, old}, {fresh}} {
			w.keys = keys
			for _, name := range []string{"m1", "m2"} {
				if n := w.nodes[name]; n != nil {
					_ = n.end()
				}
				w.join(name)
				w.set("a.example.", "www", fmt.Sprintf("10.4.%d.%s", i, name[1:]))
				w.all(30*time.Second, "a.example.", "www", fmt.Sprintf("10.4.%d.%s", i, name[1:]))
			}
		}
		for _, n := range w.nodes {
			if s := n.member.Standing(); len(s.Alarms) > 0 {
				t.Errorf("%s: %v", n.name, s.Alarms)
			}
		}
	})
}

// TestStranger has a server with another key change nothing, though it can write the bucket.
func TestStranger(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		good := w.keys
		w.keys = [][]byte{[]byte("a secret of nobody's")}
		stranger := w.make("m9")
		stranger.keeper.Adopt(0, adoptedFrom(w.list("stranger")))
		stranger.start()
		w.keys = good
		w.forget("m9")
		time.Sleep(time.Minute)
		leader := w.leader()
		if leader == nil {
			t.Fatal("nobody leads")
		}
		leader.side.cut.Store(true) // and the stranger is a candidate like others
		w.await(40*time.Second, "one of ours leads", func() bool { return w.leader() != nil && w.leader() != leader })
		leader.side.cut.Store(false)
		w.set("a.example.", "www", "10.5.0.1")
		w.all(30*time.Second, "a.example.", "www", "10.5.0.1")
		if stranger.member.Term() != nil {
			t.Error("the stranger leads")
		}
		_ = stranger.end()
	})
}

// TestOtherAccount refuses a fleet that reads another account.
func TestOtherAccount(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		n := w.join("m1")
		w.all(20*time.Second, "a.example.", "www", "10.0.0.1")
		other := w.make("m2")
		other.config = "c-2"
		other.member.o.SameAccount = func(config string) bool { return strings.HasSuffix(config, "-2") }
		other.start()
		err := <-other.ended
		other.ended <- err
		if !errors.Is(err, ErrOtherAccount) || n.member.Standing().Leader != "m1" {
			t.Errorf("it ends with %v", err)
		}
	})
}

// TestOtherConfiguration has a server with another configuration lead only when nobody with that
// of the newest version does.
func TestOtherConfiguration(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		first := w.join("m1")
		w.all(20*time.Second, "a.example.", "www", "10.0.0.1")
		other, second := w.make("m2"), w.make("m3")
		other.config = "c-2"
		other.start()
		second.start()
		w.await(time.Minute, "the members know each other", func() bool { return len(first.member.Peers()) == 3 })
		if !other.member.Differs(other.config) || first.member.Agree() {
			t.Error("it doesn't say so")
		}
		for range 3 {
			_ = w.leader().member.StepDown(context.Background())
			w.await(20*time.Second, "one leads", func() bool { return w.leader() != nil })
			if w.leader() == other {
				t.Fatal("the other configuration leads")
			}
		}
		first.side.cut.Store(true)
		second.side.cut.Store(true)
		took := w.await(time.Minute, "it leads after all", func() bool { return w.leader() == other })
		if took < leaseFor+lostPause-renewEvery {
			t.Errorf("it led after %v", took)
		}
	})
}
