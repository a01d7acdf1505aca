package fleet

import (
	"testing"
	"time"

	"inside53/zonesource"
	"inside53/zonesource/ledger"
)

// remembering is a keeper whose mark outlives it.
type remembering struct {
	*zonesource.Keeper
	left *[]byte
}

// Mark implements [Keeper].
func (k remembering) Mark(mark []byte) { *k.left = mark }

// Marked implements [Keeper].
func (k remembering) Marked() []byte { return *k.left }

// restarts makes servers that begin with what the process before them has saved.
type restarts struct {
	w     *world
	began time.Time
	marks map[string]*[]byte
	saved map[string][]zonesource.Part
}

func newRestarts(w *world) *restarts {
	return &restarts{w, time.Now(), map[string]*[]byte{}, map[string][]zonesource.Part{}}
}

// join starts a server.
func (r *restarts) join(name string) *node {
	r.w.t.Helper()
	n := r.w.make(name)
	if r.marks[name] == nil {
		r.marks[name] = new([]byte)
	}
	n.keeper.Adopt(0, adoptedFrom(r.saved[name]))
	n.member.o.Keeper = remembering{n.keeper, r.marks[name]}
	n.member.o.Uptime = func() time.Duration { return time.Hour + time.Since(r.began) }
	n.member.boot = "a start of the machine"
	n.start()
	return n
}

// end ends a server.
func (r *restarts) end(n *node) {
	_ = n.end()
	r.saved[n.name] = n.keeper.Served()
}

// TestAllStartedAgain has all servers of a fleet be started again, with an empty bucket, and with a head that was set
// back: nobody goes back behind what it has saved, and the one that has the newest repairs, whoever was there first.
func TestAllStartedAgain(t *testing.T) {
	for name, damage := range map[string]func(w *world, old []byte){
		"the bucket emptied": func(w *world, _ []byte) { w.drop("") },
		"head set back":      func(w *world, old []byte) { w.store.change("head", old) },
		"head of version 0": func(w *world, _ []byte) {
			w.drop("")
			_, err := w.peek().NewWriter(ledger.WriterOptions{Node: "somebody/1"}).Open(w.t.Context())
			if err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) { allStartedAgain(t, w, damage) })
		})
	}
}

func allStartedAgain(t *testing.T, w *world, damage func(w *world, old []byte)) {
	r := newRestarts(w)
	all := []*node{r.join("m1"), r.join("m2"), r.join("m3")}
	w.all(20*time.Second, "a.example.", ticks, w.tick())
	old := w.store.object("head")
	behind := w.followers()[0]
	r.end(behind)
	address := ""
	for range 5 {
		address = w.tick()
		w.all(10*time.Second, "a.example.", ticks, address)
	}
	known := w.leader().member.Standing().Version
	for _, n := range all {
		if n != behind {
			n.kill() // who ends would offer the lease
			r.end(n)
		}
	}
	damage(w, old)
	r.join(behind.name)
	time.Sleep(15 * time.Second)
	for _, n := range all {
		if n != behind {
			r.join(n.name)
		}
	}
	w.await(3*time.Minute, "the store is repaired", func() bool {
		for _, n := range w.servers() {
			if n.name != behind.name && n.serves("a.example.", ticks) != address {
				t.Fatalf("%s goes back to %q", n.name, n.serves("a.example.", ticks))
			}
		}
		return w.leader() != nil && w.alike()
	})
	if got := w.repairedTicks(); got != address {
		t.Errorf("it is repaired with %q, though %q was served", got, address)
	}
	if v := w.leader().member.Standing().Version; v <= known {
		t.Errorf("version %d after %d", v, known)
	}
}

// TestHadCounts believes what an earlier process has left, while it is of the same fleet, start of the machine, and
// hour.
func TestHadCounts(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		r := newRestarts(w)
		n := r.join("m1")
		w.all(20*time.Second, "a.example.", "www", "10.0.0.1")
		r.end(n)
		is := n.member.Standing().Version
		for name, tt := range map[string]struct {
			change func(m *Member)
			want   uint64
		}{
			"as it was":                    {func(*Member) {}, is},
			"another fleet":                {func(m *Member) { m.o.Fleet = "s3://other/p" }, 0},
			"another start of the machine": {func(m *Member) { m.boot = "the next" }, 0},
			"no system says which":         {func(m *Member) { m.boot = "" }, 0},
			"two hours later": {func(m *Member) {
				uptime := m.o.Uptime
				m.o.Uptime = func() time.Duration { return uptime() + 2*time.Hour }
			}, 0},
		} {
			m := &Member{o: n.member.o, boot: n.member.boot}
			tt.change(m)
			if got := m.readHad().Version; got != tt.want || is == 0 {
				t.Errorf("%s: version %d, not %d", name, got, tt.want)
			}
		}
	})
}
