package forward

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestBudgetRate: in synthetic time no second has more than nine eighths of the rate, and
// in the long run all of it is there.
func TestBudgetRate(t *testing.T) {
	var b budget
	b.rate.Store(80)
	var sent []time.Duration
	for now := time.Duration(0); now < 10*time.Second; now += time.Millisecond {
		if b.spend(now) {
			sent = append(sent, now)
		}
	}
	for i, at := range sent {
		if most := 90 + 1; i >= most && at-sent[i-most] <= time.Second {
			t.Fatalf("%d packets in the second that ends at %s", most+1, at)
		}
	}
	if len(sent) < 790 || len(sent) > 820 {
		t.Errorf("%d packets in 10 s", len(sent))
	}
	var unbounded budget
	for range 1000 {
		if !unbounded.spend(0) {
			t.Fatal("a packet was refused without a bound")
		}
	}
}

// TestBudgetTurns: clients have their turns, each with its oldest; who has gone has none.
func TestBudgetTurns(t *testing.T) {
	var b budget
	b.rate.Store(1)
	var now time.Duration
	for b.spend(now) {
	}
	of := map[*flight]string{}
	push := func(from, n int) *flight {
		fl := &flight{first: waiter{asker: client(from)}, queued: &queued{}}
		of[fl] = fmt.Sprintf("%d.%d", from, n)
		b.push(fl, now)
		return fl
	}
	for n := range 4 {
		push(1, n)
	}
	gone := push(3, 0)
	push(2, 0)
	push(2, 1)
	b.cancel(gone)
	b.cancel(gone)
	var order []string
	for range 20 {
		now += time.Second
		fl := b.pop(now)
		if fl != nil {
			order = append(order, of[fl])
		}
	}
	if got, want := strings.Join(order, " "), "1.0 2.0 1.1 2.1 1.2 1.3"; got != want {
		t.Errorf("order %s, want %s", got, want)
	}
	if b.first != nil || b.last != nil || len(b.lines) != 0 {
		t.Errorf("lines are left: %d", len(b.lines))
	}
}

// counted is an upstream that answers, and notes when it is sent something.
type counted struct {
	*fakeUpstream
	at []time.Time
}

func newCounted(t *testing.T) *counted {
	t.Helper()
	return &counted{fakeUpstream: newFake(t, echoA, nil)}
}

// Asked is told when a packet is sent: on a busy machine what is sent at many moments is read at one.
func (c *counted) Asked([]byte, netip.AddrPort, Protocol) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = append(c.at, time.Now())
}

func (c *counted) Answered([]byte, netip.AddrPort, Protocol, time.Duration) {}

// most returns the most packets of a second.
func (c *counted) most() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	best, from := 0, 0
	for i, at := range c.at {
		for at.Sub(c.at[from]) >= time.Second {
			from++
		}
		best = max(best, i-from+1)
	}
	return best
}

// TestBudgetIsKept: one client asks for more fresh names than the upstream may get, others
// for few. They are answered at once, and the upstream counts no packet too many.
func TestBudgetIsKept(t *testing.T) {
	const rate = 160
	up := newCounted(t)
	f, _ := newRunning(t, Options{})
	f.SetMessages(up)
	f.SetPackets(map[string]int{up.addr: rate})
	g := newGroup(t, f, up.addr)
	const lasts = 2500 * time.Millisecond
	end := time.Now().Add(lasts)
	var wg sync.WaitGroup
	wg.Go(func() {
		pour(lasts, 1000, func(i int) {
			err := f.Ask(g, question(t, fmt.Sprintf("n%d.flood.example.", i), 1), client(0), func(*Message, error) {})
			if err != nil {
				t.Errorf("the flood: %v", err)
			}
		})
	})
	for n := range 4 {
		wg.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				began := time.Now()
				o := wait(t, askAs(t, f, g, client(1+n), fmt.Sprintf("n%d.client%d.example.", i, n)))
				if took := time.Since(began); o.err != nil || took > time.Second {
					t.Errorf("client %d, question %d: %v after %s", n, i, o.err, took)
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	if n := up.most(); n > rate*9/8+10 {
		t.Errorf("%d packets in one second, %d are allowed", n, rate*9/8)
	}
	s := f.Stats()
	if s.Upstreams[0].Waits == 0 || !s.Upstreams[0].Up {
		t.Errorf("%+v", s.Upstreams[0])
	}
}

// TestWorkingSetFitsBudget: 10,000 clients with 5,000 queries a second for a working set
// lose none, with the budget of Amazon's resolver kept in the packets that are sent.
func TestWorkingSetFitsBudget(t *testing.T) {
	const names, lasts, perSecond = 1200, 3, 5000
	up := newCounted(t)
	f, clock := newRunning(t, Options{})
	f.SetMessages(up)
	f.SetPackets(map[string]int{up.addr: AmazonPackets})
	g := newGroup(t, f, up.addr)
	questions := make([]*Question, names)
	for i := range questions {
		questions[i] = question(t, fmt.Sprintf("n%d.zone%d.example.", i, i%97), dns.TypeA)
	}
	var asked, answered, lost atomic.Int64
	began := time.Now()
	for i := 0; i < perSecond*lasts; i++ {
		if ahead := time.Duration(i)*time.Second/perSecond - time.Since(began); ahead > 0 {
			time.Sleep(ahead)
		}
		q := questions[(i*7919)%names]
		if f.Cached(g, q, clock.unix.Load()).State == Fresh {
			continue
		}
		asked.Add(1)
		err := f.Ask(g, q, client(i%10_000), func(m *Message, err error) {
			if err != nil {
				lost.Add(1)
			}
			answered.Add(1)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	until(t, "all are answered", func() bool { return answered.Load() == asked.Load() })
	if lost.Load() > 0 {
		t.Errorf("%d of %d were lost", lost.Load(), asked.Load())
	}
	n := up.most()
	t.Logf("%d waited for an upstream, which got %d packets, %d in a second", asked.Load(), up.asked.Load(), n)
	if n > AmazonPackets*9/8+10 || up.asked.Load() != names {
		t.Errorf("%d packets, %d in one second", up.asked.Load(), n)
	}
}

// TestPacketsUsedUp: a question that never got a packet is told why, and nothing is
// concluded from it: neither of the name nor of the upstream.
func TestPacketsUsedUp(t *testing.T) {
	up := newFake(t, echoA, nil)
	var lines bytes.Buffer
	f, clock := newRunning(t, Options{Budget: 300 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&lines, nil))})
	f.SetPackets(map[string]int{up.addr: 1})
	g := newGroup(t, f, up.addr)
	if o := resolve(t, f, g, question(t, "first.example.", 1)); o.err != nil {
		t.Fatal(o.err)
	}
	q := question(t, "second.example.", 1)
	for range 2 {
		if o := resolve(t, f, g, q); !errors.Is(o.err, ErrPackets) || o.m != nil {
			t.Errorf("outcome %+v", o)
		}
	}
	if found := f.Cached(g, q, clock.unix.Load()); found.State != Miss {
		t.Errorf("cached: %+v", found.Message)
	}
	s := f.Stats()
	if s.Packets != 2 || s.Upstreams[0].Waits != 2 || !s.Upstreams[0].Up || s.Upstreams[0].Timeouts != 0 {
		t.Errorf("%+v", s)
	}
	if n := strings.Count(lines.String(), "packets of an upstream are used up"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, lines.String())
	}
	f.SetPackets(nil)
	if o := resolve(t, f, g, q); o.err != nil {
		t.Errorf("without a bound: %v", o.err)
	}
}

// TestStaleBeforeWaiting: what is known from before is told at once where there is no
// packet left.
func TestStaleBeforeWaiting(t *testing.T) {
	up := newFake(t, echoA, nil)
	f, clock := newRunning(t, Options{Budget: 500 * time.Millisecond, StaleAfter: 400 * time.Millisecond})
	g := newGroup(t, f, up.addr)
	q := question(t, "www.example.", 1)
	before := resolve(t, f, g, q).m
	clock.advance(400 * time.Second)
	f.SetPackets(map[string]int{up.addr: 1})
	resolve(t, f, g, question(t, "other.example.", 1))
	began := time.Now()
	o := resolve(t, f, g, q)
	if took := time.Since(began); !errors.Is(o.err, ErrStale) || o.m != before || took > 200*time.Millisecond {
		t.Errorf("outcome %+v after %s", o, took)
	}
	until(t, "the refresh ends", func() bool { return f.Stats().InFlight == 0 })
	if found := f.Cached(g, q, clock.unix.Load()); found.State != Stale {
		t.Errorf("state %d: the upstream wasn't asked, and nothing is known of it", found.State)
	}
	if n := f.Stats().Packets; n != 0 {
		t.Errorf("%d questions ended for lack of packets", n)
	}
}

func TestAmazonHasABudget(t *testing.T) {
	f, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	f.SetPackets(map[string]int{"192.0.2.1:53": 50})
	for text, want := range map[string]int64{
		"169.254.169.253": 900, "fd00:ec2::253": 900, "192.0.2.1": 50, "192.0.2.2": 0, "fd00:ec2::254": 0,
	} {
		g := newGroup(t, f, text)
		if got := g.upstreams[0].budget.rate.Load(); got != want {
			t.Errorf("%s gets %d packets a second, want %d", text, got, want)
		}
	}
	f.SetPackets(map[string]int{"169.254.169.253:53": 0})
	if got := newGroup(t, f, "169.254.169.253").upstreams[0].budget.rate.Load(); got != 0 {
		t.Errorf("without a bound: %d", got)
	}
}
