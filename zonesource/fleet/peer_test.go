package fleet

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestMembersRead has servers that don't lead know all members without reading what each says each minute, and read
// it when somebody asks.
func TestMembersRead(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		all := trio(w)
		time.Sleep(2 * time.Minute)
		var reads atomic.Int64
		count := func(name string) error {
			if strings.HasPrefix(name, memberPath) {
				reads.Add(1)
			}
			return nil
		}
		var other *node
		for _, n := range all {
			if n != w.leader() {
				other = n
			}
		}
		other.side.get.Store(&count)
		time.Sleep(20 * time.Minute)
		if n := reads.Load(); n == 0 || n > 6 {
			t.Errorf("in 20 minutes it has read %d objects of 2 members", n)
		}
		if n := len(other.member.Peers()); n != 3 {
			t.Errorf("it knows %d members", n)
		}
		w.set("a.example.", "www", "10.6.0.1")
		w.all(5*time.Second, "a.example.", "www", "10.6.0.1")
		time.Sleep(memberEvery + 5*time.Second) // each has said so
		version := w.leader().member.Standing().Version
		for _, p := range other.member.ReadPeers(context.Background()) {
			if p.Version != version {
				t.Errorf("asked, it says of %s version %d, not %d", p.Name, p.Version, version)
			}
		}
	})
}

// TestMemberUnread has a member that can't be read stay one, and nobody agree with it meanwhile.
func TestMemberUnread(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		leader := w.join("m1")
		w.all(20*time.Second, "a.example.", "www", "10.0.0.1")
		w.await(time.Minute, "it agrees with itself", leader.member.Agree)
		other := w.make("m2")
		other.config = "c-2"
		other.start()
		w.await(time.Minute, "it is known", func() bool { return len(leader.member.Peers()) == 2 })
		refuse := func(name string) error {
			if name == objectOf("m2") {
				return errAway
			}
			return nil
		}
		leader.side.get.Store(&refuse)
		for range 180 {
			time.Sleep(time.Second)
			if len(leader.member.Peers()) != 2 {
				t.Fatal("a member that can't be read is none")
			}
			if leader.member.Agree() {
				t.Fatal("it agrees with a member that it can't read")
			}
		}
		third := w.make("m3")
		third.config = "c-2"
		third.start()
		refuseAll := func(name string) error {
			if strings.HasPrefix(name, memberPath) {
				return errAway
			}
			return nil
		}
		leader.side.get.Store(&refuseAll)
		_ = other.end()
		for range 240 { // the member known is forgotten, the newcomer was never read
			time.Sleep(time.Second)
			if leader.member.Agree() {
				t.Fatal("it agrees with a member that it never read")
			}
		}
	})
}

// TestNobodyMet has a server that has seen no member agree with nobody.
func TestNobodyMet(t *testing.T) {
	if newWorld(t).make("m1").member.Agree() {
		t.Error("it agrees with members that it doesn't know")
	}
}

// TestLeaderBeforeItsLease has a member that reads a head before the lease of who wrote it: it names who leads now, and
// where that is.
func TestLeaderBeforeItsLease(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		trio(w)
		first := w.leader()
		refuse := func(name string) error {
			if name == leaseName {
				return errAway
			}
			return nil
		}
		others := slices.DeleteFunc(w.servers(), func(n *node) bool { return n == first })
		blind := others[0]
		blind.side.get.Store(&refuse)
		err := first.member.StepDown(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.await(time.Minute, "another leads, and its commit is adopted", func() bool {
			l := w.leader()
			return l != nil && l != first && blind.member.Standing().Version >= l.member.Term().Version().Number()
		})
		l, s := w.leader(), blind.member.Standing()
		if s.Leader != l.name || s.Epoch != l.member.Term().Epoch() {
			t.Errorf("%s leads in epoch %d; said: %q, %d", l.name, l.member.Term().Epoch(), s.Leader, s.Epoch)
		}
		w.await(2*time.Second, "where it leads is known", func() bool {
			return blind.member.Standing().Address.Addr() == addressOf(l.name)
		})
	})
}

// TestLeaderAtAnotherAddress has a member start again at another address, which a calm follower reads nothing of, and
// then lead: the follower never says that it leads at the old address, and knows the new one at once, also while
// the lease can't be read.
func TestLeaderAtAnotherAddress(t *testing.T) {
	for _, isBlind := range []bool{false, true} {
		inBubble(t, func(t *testing.T, w *world) {
			trio(w)
			first := w.leader()
			others := slices.DeleteFunc(w.servers(), func(n *node) bool { return n == first })
			moved, follower := others[0], others[1]
			time.Sleep(2 * time.Minute) // it is known
			_ = moved.end()
			moved = w.make(moved.name)
			moved.port = 5353
			moved.start()
			time.Sleep(2 * time.Minute)
			refuse := func(name string) error {
				if name == leaseName {
					return errAway
				}
				return nil
			}
			if isBlind {
				follower.side.get.Store(&refuse)
			}
			follower.member.mu.Lock()
			follower.member.unfit = follower.member.o.Uptime() + time.Hour // it leaves the lease to the other one
			follower.member.mu.Unlock()
			err := first.member.StepDown(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.await(time.Minute, "it leads, and a follower has adopted its commit", func() bool {
				s := follower.member.Standing()
				if s.Leader == moved.name && s.Address.IsValid() && s.Address.Port() != moved.port {
					t.Fatalf("it is said to lead at %v", s.Address)
				}
				term := moved.member.Term()
				return term != nil && s.Version >= term.Version().Number()
			})
			w.await(2*time.Second, "where it leads is known", func() bool {
				return follower.member.Standing().Address == netip.AddrPortFrom(addressOf(moved.name), moved.port)
			})
		})
	}
}

// TestBehindAfterTheLease has the store be away: a member isn't behind, and so reads nothing by itself, while who led
// when it was there may still lead, and is so at once then.
func TestBehindAfterTheLease(t *testing.T) {
	for _, poll := range []time.Duration{100 * time.Millisecond, 5 * time.Second} {
		inBubble(t, func(t *testing.T, w *world) {
			w.poll = poll
			w.join("m1")
			other := w.join("m2")
			w.all(20*time.Second, "a.example.", "www", "10.0.0.1")
			time.Sleep(time.Minute)
			other.side.cut.Store(true)
			after := w.await(time.Minute, "it is behind", func() bool { return other.member.Standing().Behind > 0 })
			floor := max(leaseFor, 3*poll)
			if after < floor-poll || after > floor+time.Second {
				t.Errorf("with a poll of %v it is behind after %v", poll, after)
			}
		})
	}
}
