package transfer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"inside53/resolver"
	"inside53/resolver/history"
	"inside53/resolver/zone"
	"inside53/server/tsig"

	"github.com/miekg/dns"
)

// fakeFleet is a fleet of a test, as one server sees it.
type fakeFleet struct {
	mu        sync.Mutex
	term      uint64
	committed Serials
	claimed   Serials
	version   uint64
	away      bool
	late      bool
	awaited   int
	now       time.Time
	answers   [][]byte // of who leads
	end       error    // behind them
	asked     [][]byte
}

func (f *fakeFleet) set(change func(*fakeFleet)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fakeFleet) Term() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.term
}

func (f *fakeFleet) Committed() Serials {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.committed
}

func (f *fakeFleet) Claimed() Serials {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.claimed
}

func (f *fakeFleet) Commit(_ context.Context, s Serials) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return 0, errors.New("away")
	}
	next := maps.Clone(f.committed)
	if next == nil {
		next = Serials{}
	}
	for name, serial := range s {
		was, known := next[name]
		if known && !history.After(serial, was) {
			return 0, errors.New("a serial that isn't greater")
		}
		next[name] = serial
	}
	f.committed = next
	f.version++
	return f.version, nil
}

func (f *fakeFleet) Await(context.Context, uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.awaited++
	return f.late
}

func (f *fakeFleet) Now() time.Time { return f.now }

func (f *fakeFleet) Open(_ context.Context, packet []byte, _ netip.AddrPort, _ bool) (Answers, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, packet)
	if len(f.answers) == 0 {
		return nil, errors.New("nobody leads")
	}
	return &fakeAnswers{slices.Clone(f.answers), f.end}, nil
}

// fakeAnswers are those of a leader.
type fakeAnswers struct {
	left [][]byte
	end  error
}

func (a *fakeAnswers) Next() ([]byte, error) {
	if len(a.left) == 0 {
		return nil, a.end
	}
	m := a.left[0]
	a.left = a.left[1:]
	return m, nil
}

func (a *fakeAnswers) Await() error { return nil }
func (a *fakeAnswers) Close()       {}

var fleetNow = time.Unix(1_800_000_000, 0)

// newFleetStage is newStage for a member of a fleet.
func newFleetStage(t testing.TB, views ...string) (*stage, *fakeFleet) {
	s, f := newStage(t, views...), &fakeFleet{now: fleetNow}
	s.p.fleet, s.p.announcer = f, newAnnouncer(f, func(*Policy, *publishedZone) {})
	return s, f
}

// told is the serial that queries are answered with.
func (s *stage) told(view, apex string) uint32 {
	_, live := s.resolver.State()
	serial := live.Serials[view][string(zone.MustName(apex))]
	if serial == nil {
		return 0
	}
	return serial.Load()
}

func key(view, apex string) Name { return Name{view, string(zone.MustName(apex))} }

// TestFleetSerials has a server follow, lead, and follow again: it tells what is committed, no
// less than anybody has told, and no version before its serial is.
func TestFleetSerials(t *testing.T) {
	snap, called := crowd(t, 2, 3, 4)
	s, f := newFleetStage(t, called...)
	z0, ahead := key("v0", "z0.example."), uint32(fleetNow.Unix())+500
	f.committed = Serials{z0: 17, key("v1", "z1.example."): ahead}
	f.claimed = Serials{key("v0", "z2.example."): ahead + 7, key("v0", "other.example."): 9}
	s.show(snap)
	if s.told("v0", "z0.example.") != 17 || s.told("v1", "z1.example.") != ahead || len(s.p.zones) != 0 {
		t.Errorf("follows: %d, %d, %d zones", s.told("v0", "z0.example."), s.told("v1", "z1.example."), len(s.p.zones))
	}
	entry := s.policy.Entries[0]
	f.term, f.away = 1, true
	err := s.p.publish(t.Context(), false)
	z, complete := s.p.zone(entry, []byte(z0.Apex))
	if err == nil || z != nil || complete || s.told("v0", "z0.example.") != 17 {
		t.Errorf("told before it is committed: %v, %v %v", err, z, complete)
	}
	f.away = false
	err = s.p.publish(t.Context(), false)
	z, _ = s.p.zone(entry, []byte(z0.Apex))
	if err != nil || z == nil || s.told("v0", "z0.example.") != uint32(fleetNow.Unix()) ||
		s.told("v1", "z1.example.") != ahead+1 || s.told("v0", "z2.example.") != ahead+8 ||
		f.committed[key("v0", "other.example.")] != 10 || len(f.committed) != 7 {
		t.Fatalf("leads: %v, %v", err, f.committed)
	}
	if _, _, ok := z.Since(17); ok {
		t.Error("differences from a serial of another leader")
	}
	f.away = true
	s.change(0, edited(t, snap.Zones[0].Tree, "h1.z0.example.", 1))
	if v := z.Version(); v.Serial != uint32(fleetNow.Unix()) {
		t.Errorf("a version that nobody has committed: %d", v.Serial)
	}
	f.away = false
	_ = s.p.publish(t.Context(), false)
	if v := z.Version(); v.Serial != uint32(fleetNow.Unix())+1 || f.committed[z0] != v.Serial {
		t.Errorf("then %d, committed %d", v.Serial, f.committed[z0])
	}
	f.claimed = Serials{z0: ahead}
	_ = s.p.publish(t.Context(), false)
	if s.told("v0", "z0.example.") != ahead+1 {
		t.Errorf("a newcomer had told %d, now %d", ahead, s.told("v0", "z0.example."))
	}
	f.term = 3
	if z, complete := s.p.zone(entry, []byte(z0.Apex)); z != nil || complete {
		t.Error("zones of an earlier term")
	}
	f.term, f.committed = 0, Serials{z0: ahead + 40}
	_ = s.p.publish(t.Context(), false)
	if s.told("v0", "z0.example.") != ahead+40 || s.told("v1", "z1.example.") != 0 {
		t.Errorf("follows again: %d, %d", s.told("v0", "z0.example."), s.told("v1", "z1.example."))
	}
}

// TestClaims has a server join that ran alone: what it has told is fenced until its fleet has
// greater serials.
func TestClaims(t *testing.T) {
	snap, called := crowd(t, 1, 2, 4)
	alone := newStage(t, called...)
	alone.policy.Entries[0].Catalog = zone.MustName("catalog.example.")
	alone.show(snap)
	alone.p.save()
	told := uint32(0)
	for _, z := range alone.p.zones {
		told = max(told, z.serial.Load())
	}
	f := &fakeFleet{now: fleetNow}
	server := New(Options{Resolver: resolver.New(nil, resolver.Options{}), Fleet: f, Log: slog.New(slog.DiscardHandler)})
	server.publisher.dir = alone.p.dir
	server.publisher.histories = newHistories(alone.p.dir, slog.New(slog.DiscardHandler))
	server.publisher.claim()
	z0, z1, catalog := key("v0", "z0.example."), key("v0", "z1.example."), key("", "catalog.example.")
	if claims := server.Claims(); len(claims) != 3 || claims[z0] == 0 || claims[catalog] == 0 {
		t.Fatalf("claims %v", claims)
	}
	f.committed = Serials{z0: told + 1, z1: 5}
	server.publisher.decides()
	if server.Fenced("v0", []byte(z0.Apex)) || !server.Fenced("v0", []byte(z1.Apex)) {
		t.Errorf("claims %v of %v", server.Claims(), f.committed)
	}
	f.committed = Serials{z0: told + 1, z1: alone.told("v0", "z1.example."), catalog: told + 1}
	server.publisher.decides()
	if !server.Fenced("v0", []byte(z1.Apex)) {
		t.Error("the fleet has the serial that was told, and another content under it")
	}
	f.committed = Serials{z0: told + 1, z1: told + 1, catalog: told + 1}
	server.publisher.decides()
	if len(server.Claims()) != 0 {
		t.Errorf("claims %v of %v", server.Claims(), f.committed)
	}
	server.publisher.histories = newHistories(alone.p.dir, slog.New(slog.DiscardHandler))
	server.publisher.claim()
	if len(server.Claims()) != 0 {
		t.Error("claimed again")
	}
}

// TestAnnounced notifies when all servers have the serials, and once more where one hadn't.
func TestAnnounced(t *testing.T) {
	for _, late := range []bool{false, true} {
		f, notified := &fakeFleet{late: late}, make(chan string, 8)
		a := newAnnouncer(f, func(_ *Policy, z *publishedZone) { notified <- string(z.apex) })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = a.run(ctx)
		}()
		a.note(&Policy{}, []*publishedZone{{apex: []byte("a")}}, 7)
		times := 1
		if late {
			times = 2
		}
		for range times {
			<-notified
		}
		stop()
		<-ended
		if len(notified) != 0 || f.awaited != times {
			t.Errorf("late %v: notified %d times more, awaited %d times", late, len(notified), f.awaited)
		}
	}
}

// streamed is the Stream of a test.
type streamed struct {
	messages [][]byte
	ended    chan resolver.Result
}

func (s *streamed) Send(m []byte) error {
	s.messages = append(s.messages, slices.Clone(m))
	return nil
}
func (s *streamed) End(r resolver.Result) { s.ended <- r }
func (s *streamed) Finish(m []byte, r resolver.Result) {
	s.messages = append(s.messages, slices.Clone(m))
	s.ended <- r
}

// TestRelayed hands on what another server has, and its answer back as it is. A transfer that
// breaks off there breaks off here.
func TestRelayed(t *testing.T) {
	snap, called := crowd(t, 1, 1, 4)
	r := resolver.New(nil, resolver.Options{})
	err := r.Publish(snap)
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeFleet{now: fleetNow}
	server := New(Options{
		Resolver: r, Fleet: f, Count: func(string, string) {}, Log: slog.New(slog.DiscardHandler), StateDir: t.TempDir(),
		Primary: func([]byte, netip.Addr) bool { return true },
	})
	clients := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	server.SetPolicy(&Policy{Keys: tsig.Keyring{}, Entries: []*Entry{
		{View: called[0], Zones: func(n string) bool { return n == "z0.example." }, Clients: clients},
	}})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Run(ctx)
	}()
	defer func() { stop(); <-ended }()
	ask := func(question *dns.Msg, handed bool) (*streamed, resolver.Result) {
		packet, err := question.Pack()
		if err != nil {
			t.Fatal(err)
		}
		s := &streamed{ended: make(chan resolver.Result, 1)}
		m := Received{
			Packet: packet, Client: netip.MustParseAddrPort("192.0.2.1:4711"), Transport: resolver.TCP, Handed: handed,
			Out: make([]byte, 0, 65535), Late: func() func([]byte, resolver.Result) { return s.Finish },
		}
		if question.Question[0].Qtype == dns.TypeAXFR {
			m.Stream = func() Stream { return s }
		}
		_, result, accepted := server.Serve(m)
		if !accepted {
			t.Fatal("not accepted")
		}
		if result == resolver.Dropped {
			return s, result
		}
		return s, <-s.ended
	}
	axfr := new(dns.Msg).SetAxfr("z0.example.")
	notify := new(dns.Msg).SetNotify("from.example.")
	soa := answerWith(t, axfr, "z0.example. 60 IN SOA . . 1 2 3 4 5")
	a := answerWith(t, axfr, "a.z0.example. 60 IN A 10.0.0.1")
	refused := answerWith(t, axfr)
	refused[3] |= dns.RcodeRefused
	for name, tt := range map[string]struct {
		question *dns.Msg
		answers  [][]byte
		end      error
		handed   bool
		want     resolver.Result
		messages int
	}{
		"whole":          {axfr, [][]byte{soa, a, soa}, io.EOF, false, resolver.Local, 3},
		"broken":         {axfr, [][]byte{soa, a}, io.EOF, false, resolver.Dropped, 2},
		"reset":          {axfr, [][]byte{soa, a, soa}, errors.New("reset"), false, resolver.Dropped, 3},
		"refused":        {axfr, [][]byte{refused}, io.EOF, false, resolver.Refused, 1},
		"nobody leads":   {axfr, nil, nil, false, resolver.ServFail, 1},
		"handed on":      {axfr, [][]byte{soa}, io.EOF, true, resolver.Dropped, 0},
		"notify":         {notify, [][]byte{answerWith(t, notify)}, io.EOF, false, resolver.Local, 1},
		"notify, nobody": {notify, nil, nil, false, resolver.ServFail, 1},
	} {
		f.set(func(f *fakeFleet) { f.answers, f.end, f.asked = tt.answers, tt.end, nil })
		s, got := ask(tt.question, tt.handed)
		asked := 1
		if tt.handed {
			asked = 0
		}
		if got != tt.want || len(s.messages) != tt.messages || len(f.asked) != asked {
			t.Errorf("%s: ended %v after %d messages, the leader was asked %d times", name, got, len(s.messages), len(f.asked))
		}
	}
}

// answerWith is an answer to a question.
func answerWith(t *testing.T, question *dns.Msg, records ...string) []byte {
	t.Helper()
	m := new(dns.Msg).SetReply(question)
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packet
}
