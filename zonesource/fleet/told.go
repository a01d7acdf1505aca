package fleet

import (
	"context"
	"maps"
	"net/netip"
	"sync"
	"time"

	"inside53/zonesource/recorder"
)

const (
	wakeTime  = 2 * time.Second // until a member answers NOTIFY
	wakeAgain = time.Second     // after one that wasn't answered
)

// told is which member has answered the NOTIFY of which version.
type told struct {
	mu      sync.Mutex
	wake    chan struct{}
	changed chan struct{} // closed at the next answer
	version uint64
	members map[string]*listener
}

// listener is a member that is told.
type listener struct {
	address netip.AddrPort
	has     uint64        // the version of the last NOTIFY that it has answered
	asked   bool          // one is under way
	rest    time.Duration // uptime until which it isn't asked again
}

func (t *told) init() {
	t.wake, t.changed, t.members = make(chan struct{}, 1), make(chan struct{}), map[string]*listener{}
}

// news notes a version to be told.
func (t *told) news(version uint64) {
	t.mu.Lock()
	t.version = version
	t.mu.Unlock()
	signal(t.wake)
}

// meet notes who is to be told: all members but this one.
func (t *told) meet(peers []Peer, own string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	is := map[string]*listener{}
	for _, p := range peers {
		if p.Name == own || !p.Address.IsValid() {
			continue
		}
		l := t.members[p.Name]
		if l == nil || l.address != p.Address {
			l = &listener{address: p.Address, has: p.Version}
		}
		is[p.Name] = l
	}
	t.members = is
	signal(t.wake)
}

// due are those that are to be told now.
func (t *told) due(now time.Duration) (all []*listener, version uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.members {
		if !l.asked && l.has < t.version && now >= l.rest {
			l.asked = true
			all = append(all, l)
		}
	}
	return all, t.version
}

// answered notes what has become of a NOTIFY.
func (t *told) answered(l *listener, version uint64, yes bool, now time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l.asked = false
	if !yes {
		l.rest = now + wakeAgain
		return
	}
	l.has = max(l.has, version)
	close(t.changed)
	t.changed = make(chan struct{})
	signal(t.wake)
}

// late are the names of members that haven't answered the NOTIFY of a version.
func (t *told) late(version uint64) (names []string, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, l := range t.members {
		if l.has < version {
			names = append(names, name)
		}
	}
	return names, t.changed
}

// tell sends NOTIFY to members that may not have the newest version, until ctx ends.
func (t *Term) tell(ctx context.Context) error {
	m := t.m
	t.told.meet(m.Peers(), m.o.Name)
	t.told.news(t.Version().Number())
	var sent sync.WaitGroup
	defer sent.Wait()
	for {
		all, version := t.told.due(m.o.Uptime())
		for _, l := range all {
			sent.Go(func() {
				limited, stop := context.WithTimeout(ctx, wakeTime)
				defer stop()
				yes := m.o.Wake != nil && m.o.Wake(limited, l.address)
				t.told.answered(l, version, yes, m.o.Uptime())
			})
		}
		err := m.pause(ctx, wakeAgain, t.told.wake)
		if err != nil {
			return err
		}
	}
}

// AwaitMembers returns when all members have answered the NOTIFY of a version, or ctx ends, or
// the time of a poll has gone by, with the names of those that have not.
func (t *Term) AwaitMembers(ctx context.Context, version uint64) []string {
	ctx, stop := context.WithTimeout(ctx, t.m.o.Poll)
	defer stop()
	for {
		late, changed := t.told.late(version)
		if len(late) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return late
		}
	}
}

// A part that a member can't read is written anew at once, and again after a minute, after two, and so on up to an hour
// while one still can't: what has another reason than the store isn't mended by that.
const (
	rewriteAgain  = time.Minute
	rewriteSeldom = time.Hour
)

// rewriting is when a part was written anew last, and for how long not again.
type rewriting struct{ last, pause time.Duration }

// rewriteFailed has the parts written anew that a member can't read.
func (t *Term) rewriteFailed() {
	now := t.m.o.Uptime()
	failing := map[string]string{} // a member by part
	for _, p := range t.m.Peers() {
		for text := range p.Failed {
			failing[text] = p.Name
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.rewritten, func(text string, _ rewriting) bool { return failing[text] == "" })
	for text, member := range failing {
		ref := t.Version().Parts[text]
		was, before := t.rewritten[text]
		if ref.List == "" || !recorder.IsKept(text) || before && now < was.last+was.pause {
			continue
		}
		t.rewritten[text] = rewriting{now, min(max(2*was.pause, rewriteAgain), rewriteSeldom)}
		t.m.o.Log.Warn("part written anew, as a member can't serve it", "part", text, "member", member)
		t.recorder.Load().Rewrite(recorder.ParseKey(text))
	}
}
