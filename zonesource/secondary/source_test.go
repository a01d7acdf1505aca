package secondary

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"inside53/resolver/freeport"
	"inside53/resolver/zone"
	"inside53/zonesource"

	"github.com/miekg/dns"
)

const patience = 30 * time.Second

// primary is a server with one zone; silent, it answers nothing.
type primary struct {
	t      *testing.T
	addr   netip.AddrPort
	mu     sync.Mutex
	zone   []dns.RR
	silent bool
	rcode  int
	asked  []uint16
}

func newPrimary(t *testing.T) *primary {
	t.Helper()
	p := &primary{t: t}
	packets, l, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	p.addr = netip.MustParseAddrPort(l.Addr().String())
	done := make(chan error, 2)
	servers := []*dns.Server{{Listener: l, Handler: p}, {PacketConn: packets, Handler: p}}
	for _, s := range servers {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { done <- s.ActivateAndServe() }()
		<-started
	}
	t.Cleanup(func() {
		for _, s := range servers {
			_ = s.Shutdown()
		}
		<-done
		<-done
	})
	return p
}

func (p *primary) set(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.zone = parse(p.t, text)
}

// behave says what becomes of questions from now on.
func (p *primary) behave(rcode int, silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rcode, p.silent = rcode, silent
}

func (p *primary) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, m.Question[0].Qtype)
	if p.silent {
		_ = w.Close()
		return
	}
	reply := new(dns.Msg).SetRcode(m, p.rcode)
	reply.Authoritative = true
	if p.rcode == dns.RcodeSuccess {
		switch m.Question[0].Qtype {
		case dns.TypeSOA:
			reply.Answer = p.zone[:1]
		default:
			reply.Answer = p.zone
		}
	}
	_ = w.WriteMsg(reply)
}

// watched runs a source and keeps what it delivers.
type watched struct {
	mu    sync.Mutex
	parts []zonesource.Part
}

func (w *watched) deliver(p zonesource.Part) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parts = append(w.parts, p)
}

func (w *watched) await(t *testing.T, what string, is func(p zonesource.Part) bool) zonesource.Part {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		w.mu.Lock()
		for i, p := range w.parts {
			if is(p) {
				w.parts = w.parts[i+1:]
				w.mu.Unlock()
				return p
			}
		}
		w.mu.Unlock()
	}
	t.Fatalf("never came about: %s", what)
	return zonesource.Part{}
}

func run(t *testing.T, c Config) (*Source, *watched) {
	t.Helper()
	c.Apex = apex
	s, err := New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, w.deliver) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	return s, w
}

func good(p zonesource.Part) bool { return p.Zone != nil && p.Zone.Unavailable == "" }

// TestLife takes a zone from its first transfer to its expiry and back.
func TestLife(t *testing.T) {
	p := newPrimary(t)
	p.set("SOA:1, a.z.example. 60 A 10.0.0.1, SOA:1")
	p.behave(dns.RcodeRefused, false)
	s, w := run(t, Config{Primaries: []netip.AddrPort{p.addr}, Timeout: time.Second})
	first := w.await(t, "unavailable at first",
		func(p zonesource.Part) bool { return p.Zone != nil && p.Zone.Unavailable != "" })
	if first.Key.Name != "z.example." || first.Zone.Origin != zone.File {
		t.Errorf("the part is %+v", first)
	}
	refused := w.await(t, "a failed check", func(p zonesource.Part) bool { return p.Err != nil })
	if !strings.Contains(refused.Err.Error(), "REFUSED") || !strings.Contains(refused.Err.Error(), p.addr.String()) {
		t.Errorf("the error is %v", refused.Err)
	}
	p.mu.Lock()
	p.rcode = dns.RcodeSuccess
	p.mu.Unlock()
	if s.Notify(p.addr.Addr(), "") != "" || s.Notify(netip.MustParseAddr("127.0.0.9"), "") != "client" {
		t.Error("NOTIFY of the primary alone is taken")
	}
	part := w.await(t, "transferred", good)
	if len(content(t, part.Zone.Tree)) != 2 {
		t.Errorf("transferred %v", content(t, part.Zone.Tree))
	}
	// By the refresh time of a second.
	p.set("SOA:2, SOA:1, a.z.example. 60 A 10.0.0.1, SOA:2, b.z.example. 60 A 10.0.0.2, SOA:2")
	part = w.await(t, "transferred again", func(p zonesource.Part) bool {
		return good(p) && p.Zone.Tree.Lookup(zone.MustName("b.z.example.")).Exists()
	})
	if part.Zone.Tree.Lookup(zone.MustName("a.z.example.")).Exists() {
		t.Error("what was removed is there")
	}
	// Differences that don't fit have the whole asked for.
	p.set("SOA:4, SOA:3, SOA:4, c.z.example. 60 A 10.0.0.2, SOA:4")
	w.await(t, "an error", func(p zonesource.Part) bool { return p.Err != nil })
	p.mu.Lock()
	asked := p.asked
	p.silent = true
	p.mu.Unlock()
	if asked[len(asked)-1] != dns.TypeAXFR {
		t.Errorf("asked last for %s", dns.Type(asked[len(asked)-1]))
	}
	w.await(t, "expired", func(p zonesource.Part) bool {
		return p.Zone != nil && strings.HasPrefix(p.Zone.Unavailable, "expired")
	})
	p.set("SOA:5, d.z.example. 60 A 10.0.0.1, SOA:5")
	p.mu.Lock()
	p.silent = false
	p.mu.Unlock()
	w.await(t, "back again", func(p zonesource.Part) bool {
		return good(p) && p.Zone.Tree.Lookup(zone.MustName("d.z.example.")).Exists()
	})
}

// TestSecondPrimary asks the next primary where one doesn't answer or is behind.
func TestSecondPrimary(t *testing.T) {
	dead, live := newPrimary(t), newPrimary(t)
	dead.behave(dns.RcodeSuccess, true)
	live.set("SOA:5, a.z.example. 60 A 10.0.0.1, SOA:5")
	_, w := run(t, Config{Primaries: []netip.AddrPort{dead.addr, live.addr}, Timeout: 500 * time.Millisecond})
	w.await(t, "transferred", good)
	dead.set("SOA:3, old.z.example. 60 A 10.0.0.1, SOA:3")
	dead.mu.Lock()
	dead.silent, dead.asked = false, nil
	dead.mu.Unlock()
	live.set("SOA:6, SOA:5, SOA:6, b.z.example. 60 A 10.0.0.1, SOA:6")
	part := w.await(t, "the newer one", func(p zonesource.Part) bool {
		return good(p) && p.Zone.Tree.Lookup(zone.MustName("b.z.example.")).Exists()
	})
	if part.Zone.Tree.Lookup(zone.MustName("old.z.example.")).Exists() {
		t.Error("the zone of a primary that is behind was taken")
	}
}

// TestSaved begins with what was saved. What has expired meanwhile is no zone: whatever the
// primary has is taken, also with a serial that is less (RFC 1034 section 4.3.5).
func TestSaved(t *testing.T) {
	before, err := apply(nil, apex, records(t, "SOA:5, a.z.example. 60 A 10.0.0.1, SOA:5"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		age     time.Duration
		primary string
		want    string
	}{
		{0, "SOA:6, SOA:5, SOA:6, b.z.example. 60 A 10.0.0.2, SOA:6", "a.z.example. b.z.example."},
		{time.Hour, "SOA:6, b.z.example. 60 A 10.0.0.2, SOA:6", "b.z.example."},
		{time.Hour, "SOA:5, b.z.example. 60 A 10.0.0.2, SOA:5", "b.z.example."},
		{time.Hour, "SOA:3, b.z.example. 60 A 10.0.0.2, SOA:3", "b.z.example."},
	} {
		p := newPrimary(t)
		p.set(tt.primary)
		saved := &zonesource.Part{Listed: time.Now().Add(-tt.age),
			Zone: zone.New(zone.Info{Origin: zone.File}, before.tree, 0)}
		_, w := run(t, Config{Primaries: []netip.AddrPort{p.addr}, Saved: func() *zonesource.Part { return saved }})
		if tt.age > 0 {
			w.await(t, "expired", func(p zonesource.Part) bool { return p.Zone != nil && p.Zone.Unavailable != "" })
		}
		part := w.await(t, "the zone of "+tt.primary, good)
		var names []string
		for name := range part.Zone.Tree.All {
			if len(name) > len(apex) {
				names = append(names, zone.String(name))
			}
		}
		slices.Sort(names) // the tree has an order of its own in each process
		if strings.Join(names, " ") != tt.want {
			t.Errorf("%s after %s: it has %q, want %s", tt.primary, tt.age, names, tt.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []Config{{Primaries: []netip.AddrPort{{}}}, {Apex: apex}} {
		_, err := New(c, slog.New(slog.DiscardHandler))
		if err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// TestManyNotifies: who sends NOTIFY in the name of a primary doesn't have it asked without end.
func TestManyNotifies(t *testing.T) {
	p := newPrimary(t)
	p.set("SOA:1, a.z.example. 60 A 10.0.0.1, SOA:1")
	s, w := run(t, Config{Primaries: []netip.AddrPort{p.addr}})
	w.await(t, "the zone", good)
	began := time.Now()
	for time.Since(began) < time.Second {
		s.Notify(p.addr.Addr(), "")
		time.Sleep(time.Millisecond)
	}
	p.mu.Lock()
	asked := len(p.asked)
	p.mu.Unlock()
	// The first check was for the transfer: SOA and AXFR. Each later one is an SOA.
	most := 2 + 2 + int(time.Since(began)/notifiedPause)
	if asked < 4 || asked > most {
		t.Errorf("the primary was asked %d times in %s, want 4 to %d", asked, time.Since(began), most)
	}
}
