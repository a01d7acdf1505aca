package resolver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/resolver/forward"
	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// watchedResolver returns a resolver of one zone whose answers are watched.
func watchedResolver(t testing.TB, w Watch) *Resolver {
	t.Helper()
	f, err := forward.New(forward.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := New(f, Options{})
	r.SetWatch(w)
	err = r.Publish(snapshotOf(t, 1, []zone.Forwarder{{Upstreams: []string{"127.0.0.1:1"}}}))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// observed reads what was shown, a line each.
func observed(r *Resolver) (lines []string, lost uint64) {
	lost = r.Observe(func(o *Observed) {
		name, owner := "", ""
		if len(o.Name) > 0 {
			name = zone.String(o.Name)
		}
		if o.UsedType != 0 {
			owner = zone.String(o.Owner)
		}
		lines = append(lines, fmt.Sprintf("%d %s %s %s %s %d %d %s [%s %s %d]", o.Purpose, o.Client, o.Transport, o.View,
			name, o.Type, o.Rcode, o.Result, o.Zone, owner, o.UsedType))
	})
	return lines, lost
}

// TestWatchAll shows each answer once, late ones too, but nobody's probes, and each time only to
// who asks for it.
func TestWatchAll(t *testing.T) {
	r := watchedResolver(t, Watch{All: true, Log: 1})
	w := r.NewWorker()
	late := &lateAnswers{TB: t}
	for _, name := range []string{"A.example.com.", `odd\.name.example.com.`, "www.example.org.", "ready.inside53."} {
		w.Serve(pack(t, func(m *dns.Msg) { m.Question[0].Name = name }), testClient, TCP, make([]byte, 0, 65535), late)
	}
	w.Serve(pack(t, nil)[:12], testClient, UDP, make([]byte, 0, 512), late)
	late.wait.Wait() // the forwarder isn't running: that is said at once
	got, lost := observed(r)
	slices.Sort(got)
	want := []string{
		"3 10.0.0.1 tcp all a.example.com. 1 0 local [ .]",
		`3 10.0.0.1 tcp all odd\.name.example.com. 1 3 nxdomain`,
		"3 10.0.0.1 tcp all www.example.org. 1 2 servfail",
		"3 10.0.0.1 udp all  0 1 formerr",
	}
	if len(got) != len(want) || lost != 0 {
		t.Fatalf("%d lost, shown:\n%s", lost, strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], strings.TrimSuffix(want[i], " [ .]")) {
			t.Errorf("shown is %s\nwant %s", got[i], want[i])
		}
	}
	r.SetWatch(Watch{})
	w.Serve(pack(t, nil), testClient, TCP, make([]byte, 0, 65535), late)
	got, _ = observed(r)
	if len(got) != 0 {
		t.Errorf("shown to nobody: %v", got)
	}
}

// TestWatchSample: the first answers of a turn are shown as they are, and of very many a sample
// that stands for about as many.
func TestWatchSample(t *testing.T) {
	r := watchedResolver(t, Watch{Count: true})
	w := r.NewWorker()
	query, out := pack(t, nil), make([]byte, 0, 65535)
	const all, turns = 500_000, 5
	shown, weight := 0, 0
	count := func(o *Observed) {
		if o.Purpose&ForCount != 0 {
			shown++
			weight += int(o.Weight)
		}
	}
	for range wholePerTurn {
		w.Serve(query, testClient, TCP, out, nil)
	}
	r.Observe(count)
	if shown != wholePerTurn || weight != wholePerTurn {
		t.Errorf("of %d few answers %d are shown, for %d", wholePerTurn, shown, weight)
	}
	shown, weight = 0, 0
	for i := range all {
		w.Serve(query, testClient, TCP, out, nil)
		if i%(all/turns) == 0 {
			lost := r.Observe(count)
			if lost != 0 {
				t.Fatalf("%d lost", lost)
			}
		}
	}
	r.Observe(count)
	if shown > all/400 || weight < all*7/10 || weight > all*13/10 {
		t.Errorf("of %d answers %d are shown, for %d", all, shown, weight)
	}
}

// TestWatchSlow: each slow answer is shown, and stands for itself alone, also where the draw has it.
func TestWatchSlow(t *testing.T) {
	r := watchedResolver(t, Watch{Count: true})
	x := r.exchange()
	x.state, x.finish, x.since = r.state.Load(), func([]byte, Result) {}, time.Now().Add(-SlowAnswer)
	if v := x.q.inspect(pack(t, nil)); v != accepted {
		t.Fatal(v)
	}
	x.a.reset(x.state.snap.Views[0], &x.q)
	const all = 4 * SampleOne
	for i := range uint64(all) {
		x.q.Rand = i << 32
		x.state.watch.show(x)
	}
	weight := 0
	r.Observe(func(o *Observed) { weight += int(o.Weight) })
	if weight != all {
		t.Errorf("%d slow answers count as %d", all, weight)
	}
}

// TestWatchLost counts what comes faster than it is read.
func TestWatchLost(t *testing.T) {
	r := watchedResolver(t, Watch{All: true})
	w := r.NewWorker()
	query, out := pack(t, nil), make([]byte, 0, 65535)
	const more = 77
	for range watchedAnswers + more {
		w.Serve(query, testClient, TCP, out, nil)
	}
	select {
	case <-r.Watched():
	default:
		t.Error("nobody is woken")
	}
	got, lost := observed(r)
	if len(got) != watchedAnswers || lost != more {
		t.Errorf("%d shown, %d lost", len(got), lost)
	}
}

// TestLastUse: what nobody has asked for has no time, what somebody has has one, by its own owner.
func TestLastUse(t *testing.T) {
	r := watchedResolver(t, Watch{Count: true})
	w := r.NewWorker()
	named := pack(t, func(m *dns.Msg) { m.Question[0].Name = "a.example.com." })
	w.Serve(named, testClient, TCP, make([]byte, 0, 65535), nil)
	var uses []Observed
	r.Observe(func(o *Observed) {
		if o.UsedType != 0 {
			kept := *o
			kept.Owner = slices.Clone(o.Owner)
			uses = append(uses, kept)
		}
	})
	var chain []string
	for _, o := range uses {
		chain = append(chain, fmt.Sprintln(zone.String(o.Owner), o.UsedType, o.Further, o.Purpose&ForUse != 0))
	}
	want := []string{"a.example.com. 5 false true\n", "b1.example.com. 5 true true\n", "c.example.com. 1 true true\n"}
	if !slices.Equal(chain, want) {
		t.Fatalf("made of %q, want %q", chain, want)
	}
	z := r.Snapshot().Zones[0]
	last, since, known := r.LastUse(uses[0].Owner, uses[0].UsedType, z.Origin)
	if !known || last.IsZero() || time.Since(last) > time.Hour || time.Since(since) > time.Hour {
		t.Errorf("used %v, since %v, %v", last, since, known)
	}
	last, _, known = r.LastUse(zone.MustName("nobody."+zone.String(z.Apex)), uses[0].UsedType, z.Origin)
	if !known || !last.IsZero() {
		t.Errorf("nobody asked, and it was used %v", last)
	}
	unwatched := New(r.forwarder, Options{})
	_, _, known = unwatched.LastUse(uses[0].Owner, 1, z.Origin)
	if known {
		t.Error("known without anybody who looks")
	}
}

// TestWatchAllocates nothing, whatever is shown.
func TestWatchAllocates(t *testing.T) {
	for _, watch := range []Watch{{}, {Count: true}, {All: true, Log: 1, Count: true, Messages: new(copies)}} {
		r := watchedResolver(t, watch)
		w := r.NewWorker()
		query, out := pack(t, nil), make([]byte, 0, 65535)
		client := netip.AddrPortFrom(testClient.Addr(), 1)
		n := 0
		got := testing.AllocsPerRun(1000, func() {
			w.Serve(query, client, UDP, out, nil)
			w.Flush()
			n++
			if n%500 == 0 {
				r.Observe(func(*Observed) {})
			}
		})
		if got != 0 {
			t.Errorf("%+v: %v allocations an answer", watch, got)
		}
	}
}

// TestMissedMessages has nobody take messages: each is counted, none is brought, and nothing is timed for it.
func TestMissedMessages(t *testing.T) {
	to := &copies{stuck: true}
	r := watchedResolver(t, Watch{Count: true, Messages: to})
	w := r.NewWorker()
	query, out := pack(t, nil), make([]byte, 0, 512)
	serve := func(n int) {
		for range n {
			w.serve(query, testClient, UDP, out, nil)
			if timed := !w.x.since.IsZero(); timed == to.stuck {
				t.Fatalf("timed: %v, stuck: %v", timed, to.stuck)
			}
			w.x.release()
		}
		w.Flush()
	}
	serve(5)
	if to.missed != 10 || to.brought != 0 {
		t.Errorf("missed %d, brought %d", to.missed, to.brought)
	}
	to.stuck = false
	serve(3)
	if to.missed != 10 || to.brought != 6 {
		t.Errorf("missed %d, brought %d", to.missed, to.brought)
	}
}

// copies are whole messages, as whoever sends them on has to copy them.
type copies struct {
	room    [4096]byte
	stuck   bool
	brought int
	missed  uint64
}

func (c *copies) Takes([]byte, netip.AddrPort) bool { return !c.stuck }

func (c *copies) Missed(n uint64) { c.missed += n }

func (c *copies) Question(query []byte, _ netip.AddrPort, _ Transport) {
	c.brought++
	copy(c.room[:], query)
}

func (c *copies) Answer(answer []byte, _ netip.AddrPort, _ Transport, _ time.Duration) {
	c.brought++
	copy(c.room[:], answer)
}

// BenchmarkWatch is an answer of our own, by who watches.
func BenchmarkWatch(b *testing.B) {
	for _, bb := range []struct {
		name  string
		watch Watch
	}{{"nobody", Watch{}}, {"sample", Watch{Count: true}}, {"all", Watch{All: true, Count: true}},
		{"messages", Watch{Count: true, Messages: new(copies)}},
		{"stuck", Watch{Count: true, Messages: &copies{stuck: true}}}} {
		b.Run(bb.name, func(b *testing.B) {
			r := watchedResolver(b, bb.watch)
			w := r.NewWorker()
			query, out := pack(b, nil), make([]byte, 0, 512)
			b.ReportAllocs()
			for i := range b.N {
				w.Serve(query, testClient, UDP, out, nil)
				if i%32 == 0 {
					w.Flush()
				}
				if i%watchedAnswers/2 == 0 {
					r.Observe(func(*Observed) {})
				}
			}
		})
	}
}
