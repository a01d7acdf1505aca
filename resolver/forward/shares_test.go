package forward

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// client returns the asker number n, with an address of its own.
func client(n int) Asker {
	return Asker{Addr: netip.AddrFrom4([4]byte{10, 9, byte(n >> 8), byte(n)})}
}

// askAs asks as a client and returns where the outcome will be.
func askAs(t testing.TB, f *Forwarder, g *Group, from Asker, name string) <-chan outcome {
	t.Helper()
	c := make(chan outcome, 2)
	err := f.Ask(g, question(t, name, dns.TypeA), from, func(m *Message, err error) { c <- outcome{m, err} })
	if err != nil {
		t.Fatalf("asking for %s: %v", name, err)
	}
	return c
}

// wantWaiting fails the test if one of those was told already.
func wantWaiting(t testing.TB, all ...<-chan outcome) {
	t.Helper()
	for i, c := range all {
		if len(c) > 0 {
			t.Errorf("number %d was told %v", i, (<-c).err)
		}
	}
}

// wantEnd fails the test unless c is told err, and no message.
func wantEnd(t testing.TB, c <-chan outcome, err error) {
	t.Helper()
	o := wait(t, c)
	if !errors.Is(o.err, err) || o.m != nil {
		t.Errorf("outcome %+v, want %v", o, err)
	}
}

func TestClientLosesItsOwnOldest(t *testing.T) {
	up := newFake(t, silent, nil)
	f, _ := newRunning(t, Options{PerClient: 3})
	g := newGroup(t, f, up.addr)
	other := askAs(t, f, g, client(2), "other.example.")
	var own []<-chan outcome
	for i := range 5 {
		own = append(own, askAs(t, f, g, client(1), fmt.Sprintf("n%d.example.", i)))
	}
	wantEnd(t, own[0], ErrClient)
	wantEnd(t, own[1], ErrClient)
	wantWaiting(t, own[2], own[3], own[4], other)
	if s := f.Stats(); s.Client != 2 || s.InFlight != 4 {
		t.Errorf("%d lost by clients, %d in flight", s.Client, s.InFlight)
	}
}

// TestNetworkIsOneClient: all of a /64 of IPv6 share.
func TestNetworkIsOneClient(t *testing.T) {
	up := newFake(t, silent, nil)
	f, _ := newRunning(t, Options{PerClient: 1})
	g := newGroup(t, f, up.addr)
	from := func(text string) Asker { return Asker{Addr: netip.MustParseAddr(text)} }
	first := askAs(t, f, g, from("2001:db8::1"), "a.example.")
	beside := askAs(t, f, g, from("2001:db8:0:1::1"), "b.example.")
	mapped := askAs(t, f, g, from("::ffff:10.0.0.1"), "c.example.")
	askAs(t, f, g, from("2001:db8::2"), "d.example.")
	wantEnd(t, first, ErrClient)
	askAs(t, f, g, from("10.0.0.1"), "e.example.")
	wantEnd(t, mapped, ErrClient)
	askAs(t, f, g, from("10.0.0.2"), "f.example.")
	wantWaiting(t, beside)
}

// TestMostLosesItsOldest: when all places are taken, whoever comes next gets one.
func TestMostLosesItsOldest(t *testing.T) {
	tests := []struct {
		name    string
		options Options
		same    bool // all ask the same
	}{
		{"flights", Options{InFlight: 8}, false},
		{"waiters", Options{Waiters: 6}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			up := newFake(t, silent, nil)
			f, _ := newRunning(t, tt.options)
			g := newGroup(t, f, up.addr)
			name := func(i int) string {
				if tt.same {
					return "same.example."
				}
				return fmt.Sprintf("n%d.zone%d.example.", i, i)
			}
			first := askAs(t, f, g, client(1), name(0))
			var most []<-chan outcome
			for i := range 5 { // with the first, all places of a group
				most = append(most, askAs(t, f, g, client(2), name(1+i)))
			}
			next := askAs(t, f, g, client(3), name(6))
			wantEnd(t, most[0], ErrFull)
			wantWaiting(t, first, next, most[1], most[4])
			if s := f.Stats(); s.Full != 1 || s.Waiting != 6 {
				t.Errorf("%d turned away, %d wait", s.Full, s.Waiting)
			}
		})
	}
}

func TestGroupLeavesRoom(t *testing.T) {
	dead, alive := newFake(t, silent, nil), newFake(t, echoA, nil)
	f, _ := newRunning(t, Options{InFlight: 8})
	g, other := newGroup(t, f, dead.addr), newGroup(t, f, alive.addr)
	for i := range 20 {
		askAs(t, f, g, client(i), fmt.Sprintf("n%d.zone%d.", i, i))
	}
	if n := f.Stats().InFlight; n != 6 {
		t.Errorf("%d in flight, want three quarters", n)
	}
	if o := resolve(t, f, other, question(t, "a.example.", 1)); o.err != nil {
		t.Errorf("another group: %v", o.err)
	}
	if n := f.Stats().InFlight; n != 6 {
		t.Errorf("the other group cost this one a place: %d in flight", n)
	}
}

// TestZoneHasAShare: many clients that ask for names of one dead zone leave room.
func TestZoneHasAShare(t *testing.T) {
	up := newFake(t, silent, nil)
	f, _ := newRunning(t, Options{InFlight: 8})
	g := newGroup(t, f, up.addr)
	other := askAs(t, f, g, client(99), "www.example.net.")
	var all []<-chan outcome
	for i := range 6 {
		all = append(all, askAs(t, f, g, client(i), fmt.Sprintf("n%d.dead.example.com.", i)))
	}
	wantEnd(t, all[0], ErrCut)
	wantEnd(t, all[1], ErrCut)
	wantWaiting(t, all[2], all[5], other)
	if s := f.Stats(); s.Cut != 2 || s.InFlight != 5 {
		t.Errorf("%d lost by zones, %d in flight", s.Cut, s.InFlight)
	}
}

// TestOthersKeepTheFlight: a flight whose first waiter had to go goes on for the others.
func TestOthersKeepTheFlight(t *testing.T) {
	release := make(chan struct{})
	up := newFake(t, func(q *dns.Msg, tcp bool) *dns.Msg { <-release; return echoA(q, tcp) }, nil)
	f, _ := newRunning(t, Options{
		PerClient: 1, RetryMin: 5 * time.Second, RetryMax: 5 * time.Second, Budget: 20 * time.Second,
	})
	g := newGroup(t, f, up.addr)
	first := askAs(t, f, g, client(1), "www.example.com.")
	second := askAs(t, f, g, client(2), "www.example.com.")
	third := askAs(t, f, g, client(1), "other.example.com.")
	wantEnd(t, first, ErrClient)
	close(release)
	for _, c := range []<-chan outcome{second, third} {
		if o := wait(t, c); o.err != nil || o.m.Answers != 1 {
			t.Errorf("outcome %+v", o)
		}
	}
}

// TestStaleForWhomThereIsNoRoom: what is known is better than an error.
func TestStaleForWhomThereIsNoRoom(t *testing.T) {
	up := newFake(t, echoA, nil)
	f, clock := newRunning(t, Options{PerClient: 1, StaleAfter: 4 * time.Second})
	g := newGroup(t, f, up.addr)
	before := resolve(t, f, g, question(t, "www.example.com.", dns.TypeA)).m
	clock.advance(400 * time.Second)
	up.set(silent)
	first := askAs(t, f, g, client(1), "www.example.com.")
	askAs(t, f, g, client(1), "other.example.com.")
	if o := wait(t, first); !errors.Is(o.err, ErrStale) || o.m != before {
		t.Errorf("outcome %+v", o)
	}
}

// TestRepeatedQuery: a client that sends its query again waits once.
func TestRepeatedQuery(t *testing.T) {
	release := make(chan struct{})
	up := newFake(t, func(q *dns.Msg, tcp bool) *dns.Msg { <-release; return echoA(q, tcp) }, nil)
	f, _ := newRunning(t, Options{RetryMin: 5 * time.Second, RetryMax: 5 * time.Second, Budget: 20 * time.Second})
	g := newGroup(t, f, up.addr)
	q := question(t, "www.example.com.", dns.TypeA)
	var told atomic.Int64
	done := func(*Message, error) { told.Add(1) }
	from := func(port, id int) Asker { return Asker{stranger.Addr, uint16(port), true, uint64(id)} }
	unique := 2 * fewWaiters
	for round := range 3 {
		for i := range unique {
			err := f.Ask(g, q, from(1000+i/2, i%2), done)
			if round == 0 && err != nil || round > 0 && !errors.Is(err, ErrRepeated) {
				t.Errorf("round %d, query %d: %v", round, i, err)
			}
		}
	}
	byTCP := from(1000, 0)
	byTCP.Repeats = false
	for range 2 {
		err := f.Ask(g, q, byTCP, done)
		if err != nil {
			t.Errorf("by TCP: %v", err)
		}
	}
	if n := f.Stats().Waiting; n != int64(unique)+2 {
		t.Errorf("%d wait", n)
	}
	close(release)
	until(t, "all are told", func() bool { return told.Load() == int64(unique)+2 })
}

// TestSharesCount: whatever comes and goes, the counts are those of what is there, and who
// has to go is the oldest of whoever holds most.
func TestSharesCount(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 3))
	var s shares
	s.init(Options{InFlight: 40, Waiters: 60, PerClient: 15})
	groups := []*Group{{id: 1, clients: ladder{which: ofGroup}}, {id: 2, clients: ladder{which: ofGroup}}}
	live := map[*flight]bool{}
	var order []*waiter
	for step := range 20_000 {
		w := &waiter{done: func(*Message, error) {}, asker: client(random.IntN(4) * random.IntN(4))}
		var out gone
		switch fl := anyOf(random, live); {
		case fl == nil || random.IntN(3) > 0:
			fl = &flight{group: groups[random.IntN(2)]}
			fl.query = appendQuery(nil, question(t, fmt.Sprintf("n.zone%d.", random.IntN(5)), 1))
			live[fl] = true
			s.begin(fl, w, &out)
			order = append(order, w)
		case random.IntN(4) == 0:
			s.release(fl)
			delete(live, fl)
		default:
			s.join(fl, w, &out)
			order = append(order, w)
		}
		for _, fl := range out.flights {
			if s.isDeserted(fl) {
				s.release(fl)
				delete(live, fl)
			}
		}
		checkShares(t, &s, live, groups, order)
		if t.Failed() {
			t.Fatalf("in step %d", step)
		}
	}
	for fl := range live {
		s.release(fl)
	}
	if len(s.holders) != 0 || len(s.cuts) != 0 || s.waiting != 0 || s.flights != 0 || s.all.top != 0 {
		t.Errorf("left: %d holders, %d cuts, %d waiters, %d flights", len(s.holders), len(s.cuts), s.waiting, s.flights)
	}
}

func anyOf(random *rand.Rand, live map[*flight]bool) *flight {
	n := random.IntN(len(live) + 1)
	for fl := range live {
		if n == 0 {
			return fl
		}
		n--
	}
	return nil
}

// checkShares compares the counts with a walk over all that is there.
func checkShares(t *testing.T, s *shares, live map[*flight]bool, groups []*Group, order []*waiter) {
	t.Helper()
	waiting, flights := 0, 0
	perHolder, perCut, perGroup := map[holderKey]int{}, map[uint64]int{}, map[*Group]int{}
	for fl := range live {
		flights++
		perCut[s.cutKey(fl)]++
		perGroup[fl.group]++
		for w := fl.waiters; w != nil; w = w.next {
			waiting++
			perHolder[w.holder.key]++
		}
	}
	most, mostOf := 0, map[uint32]int{}
	for key, n := range perHolder {
		most, mostOf[key.group] = max(most, n), max(mostOf[key.group], n)
		if h := s.holders[key]; h == nil || h.count != n || n > s.limits.PerClient {
			t.Errorf("holder %v has %d: %+v", key, n, h)
		}
	}
	for key, n := range perCut {
		if c := s.cuts[key]; c == nil || c.count != n || n > s.perCut {
			t.Errorf("cut %x has %d: %+v", key, n, c)
		}
	}
	if s.waiting != waiting || s.flights != flights || flights > s.limits.InFlight || waiting > s.limits.Waiters ||
		len(s.holders) != len(perHolder) || len(s.cuts) != len(perCut) || s.all.top != most {
		t.Errorf("%d wait in %d flights; counted %d in %d, at most %d: %d",
			waiting, flights, s.waiting, s.flights, most, s.all.top)
	}
	for _, g := range groups {
		if g.held != perGroup[g] || g.clients.top != mostOf[g.id] || g.held > s.perGroup {
			t.Errorf("group %d has %d flights, %d of one client; want %d, %d",
				g.id, g.held, g.clients.top, perGroup[g], mostOf[g.id])
		}
	}
	seen := map[*holder]bool{}
	for _, w := range order {
		if w.holder != nil && !seen[w.holder] {
			seen[w.holder] = true
			if w.holder.oldest != w {
				t.Errorf("the oldest of %v isn't its first to go", w.holder.key)
			}
		}
	}
}

func TestCutName(t *testing.T) {
	for name, want := range map[string]string{
		".": ".", "com.": "com.", "example.com.": "example.com.", "a.b.c.example.com.": "example.com.",
		"www.example.co.uk.": "example.co.uk.", "co.uk.": "co.uk.", "x.y.example.de.": "example.de.",
		"4.3.2.10.in-addr.arpa.": "2.10.in-addr.arpa.", "10.in-addr.arpa.": "10.in-addr.arpa.",
		strings.Repeat("1.", 24) + "8.b.d.0.1.0.0.2.ip6.arpa.": "8.b.d.0.1.0.0.2.ip6.arpa.",
	} {
		got := nameText(cutName(question(t, name, 1).Name))
		if got != want {
			t.Errorf("%s is in %s, want %s", name, got, want)
		}
	}
}

// pour calls ask so many times a second, with their numbers, for a time.
func pour(lasts time.Duration, perSecond int, ask func(i int)) {
	began, n := time.Now(), 0
	for took := time.Duration(0); took < lasts; took = time.Since(began) {
		for due := int(took.Seconds() * float64(perSecond)); n < due; n++ {
			ask(n)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestFloodOfDeadNames: one client asks for names that nobody answers, as fast as it can,
// while others ask for theirs. They lose nothing, and no name costs more than two packets.
func TestFloodOfDeadNames(t *testing.T) {
	const flood, others, lasts = 3000, 5, 2 * time.Second
	var mu sync.Mutex
	packets := map[string]int{}
	up := newFake(t, func(q *dns.Msg, tcp bool) *dns.Msg {
		name := q.Question[0].Name
		if !strings.HasSuffix(name, ".dead.example.") {
			return echoA(q, tcp)
		}
		mu.Lock()
		packets[name]++
		mu.Unlock()
		return nil
	}, nil)
	f, _ := newRunning(t, Options{InFlight: 1024, PerClient: 512, RetryMin: time.Second, RetryMax: 2 * time.Second})
	g := newGroup(t, f, up.addr)
	end := time.Now().Add(lasts)
	var wg sync.WaitGroup
	wg.Go(func() {
		pour(lasts, flood, func(i int) {
			err := f.Ask(g, question(t, fmt.Sprintf("n%d.dead.example.", i), 1), client(0), func(*Message, error) {})
			if err != nil {
				t.Errorf("the flood: %v", err)
			}
		})
	})
	var lost, answered atomic.Int64
	for n := range others {
		wg.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				name := fmt.Sprintf("n%d.client%d.example.", i, n)
				if o := wait(t, askAs(t, f, g, client(1+n), name)); o.err != nil {
					lost.Add(1)
					t.Errorf("%s: %v", name, o.err)
				}
				answered.Add(1)
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	s := f.Stats()
	mu.Lock()
	defer mu.Unlock()
	t.Logf("others: %d answered, %d lost; flood: %d names, %d ended for its share",
		answered.Load(), lost.Load(), len(packets), s.Client)
	if s.Client == 0 || s.Full != 0 || answered.Load() < 100 {
		t.Errorf("%+v", s)
	}
	for name, n := range packets {
		if n > 2 {
			t.Errorf("%s cost %d packets", name, n)
		}
	}
}

// TestCrowdIsAskedTwice: of many names that nobody answers none costs a third packet, as
// that of a client that waits for few does.
func TestCrowdIsAskedTwice(t *testing.T) {
	up := newFake(t, silent, nil)
	f, _ := newRunning(t, Options{
		PerClient: 40, RetryMin: 10 * time.Millisecond, RetryMax: 20 * time.Millisecond, Budget: time.Second,
	})
	g := newGroup(t, f, up.addr)
	var crowd []<-chan outcome
	for i := range 20 {
		crowd = append(crowd, askAs(t, f, g, client(1), fmt.Sprintf("n%d.example.", i)))
	}
	for _, c := range crowd {
		wait(t, c)
	}
	if n := up.asked.Load(); n != 40 {
		t.Errorf("20 names cost %d packets", n)
	}
	wait(t, askAs(t, f, g, client(2), "alone.example."))
	if n := up.asked.Load(); n != 40+1+maxRounds {
		t.Errorf("one name cost %d packets", n-40)
	}
}
