package resolver

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// fenceWorld is the world of the scenario of the fence.
func fenceWorld(t testing.TB) *world { return worldOf(t, "fence") }

// worldOf is the world of a scenario.
func worldOf(t testing.TB, name string) *world {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".scenario")
	if err != nil {
		t.Fatal(err)
	}
	w, _ := newWorld(t, parseBlocks(string(text)))
	return w
}

// packetFor packs a question.
func packetFor(t testing.TB, name string, rrtype uint16) []byte {
	t.Helper()
	var m dns.Msg
	m.SetQuestion(name, rrtype)
	pkt, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return pkt
}

// TestFencedAnswersAreCounted by view, and aren't by explain; the counts outlive a
// publication.
func TestFencedAnswersAreCounted(t *testing.T) {
	w := fenceWorld(t)
	ask := func(name, client string) {
		t.Helper()
		w.worker.Serve(packetFor(t, name, dns.TypeA), netip.AddrPortFrom(netip.MustParseAddr(client), 53), UDP,
			make([]byte, 0, 512), noSuspender{t})
	}
	ask("db.internal.", "10.0.0.1")
	ask("only.internal.", "10.0.0.1")
	ask("only.internal.", "10.1.0.1") // its own
	ask("other.internal.", "10.0.0.1")
	_, err := w.resolver.Explain(t.Context(),
		ExplainRequest{Name: zone.MustName("db.internal."), Type: zone.TypeA, Client: netip.MustParseAddr("10.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	err = w.resolver.Publish(w.snap)
	if err != nil {
		t.Fatal(err)
	}
	ask("db.internal.", "10.1.0.1")
	w.worker.Flush()
	got := w.resolver.Counts().Views
	for view, want := range map[string]uint64{"prod": 2, "staging": 1, "public": 0} {
		if n, there := got[view]; !there || n.Fenced != want {
			t.Errorf("view %s: %d fenced answers, want %d", view, n.Fenced, want)
		}
	}
}

// TestFenceDoesNotAllocate, nor does it where all are left out, nor do health and zones.
func TestFenceDoesNotAllocate(t *testing.T) {
	for _, test := range []struct {
		file, client, names string
		sick                map[string]string
	}{
		{"fence", "10.0.0.1", "db.internal. only.internal. web.internal. six.internal.", nil},
		{"affinity", "10.0.1.1", "web.internal. two.internal. _http._tcp.web.internal. nlb.example.com. " +
			"fs-0a1b.efs.eu-west-1.amazonaws.com. i-2.eu-west-1.compute.internal.", nil},
		{"strict", "10.0.2.1", "web.internal. two.internal. vpce-0a1b-x1y2.s3.eu-west-1.vpce.amazonaws.com.",
			map[string]string{"i-2": "silent"}},
		{"unhealthy", "10.0.1.1", "web.internal. two.internal. _http._tcp.web.internal.", map[string]string{"i-1": "silent"}},
	} {
		w := worldOf(t, test.file)
		w.resolver.PublishSick(test.sick)
		out := make([]byte, 0, 512)
		var never Suspender = noSuspender{t}
		for _, name := range strings.Fields(test.names) {
			for _, rrtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeMX} {
				if strings.HasPrefix(name, "nlb.") && rrtype == dns.TypeMX {
					continue
				}
				pkt, client := packetFor(t, name, rrtype), netip.AddrPortFrom(netip.MustParseAddr(test.client), 53)
				if n := testing.AllocsPerRun(50, func() { w.worker.Serve(pkt, client, UDP, out, never) }); n > 0 {
					t.Errorf("%s: %s %s: %v allocations", test.file, name, dns.TypeToString[rrtype], n)
				}
			}
		}
	}
}

// TestCrossingsAreCounted, by kind, where what comes first is in another zone.
func TestCrossingsAreCounted(t *testing.T) {
	w := worldOf(t, "affinity")
	ask := func(name, client string) {
		t.Helper()
		w.worker.Serve(packetFor(t, name, dns.TypeA), netip.AddrPortFrom(netip.MustParseAddr(client), 53), UDP,
			make([]byte, 0, 512), noSuspender{t})
	}
	ask("web.internal.", "10.0.1.1") // its own zone first
	ask("web.internal.", "10.0.3.1") // none there
	ask("two.internal.", "10.0.1.1")
	ask("fs-0a1b.efs.eu-west-1.amazonaws.com.", "10.0.3.1")
	ask("nlb.example.com.", "10.0.3.1")
	ask("vpce-0a1b-x1y2.s3.eu-west-1.vpce.amazonaws.com.", "10.0.2.1")
	w.worker.Flush()
	want := [zone.ServiceKinds]uint64{zone.InstanceService: 2, zone.FileSystem: 1, zone.NetworkBalancer: 1}
	if got := w.resolver.Counts().Crossed; got != want {
		t.Errorf("crossings are %v, want %v", got, want)
	}
}

// TestOwnZoneComesFirst whichever member the draw begins with.
func TestOwnZoneComesFirst(t *testing.T) {
	w := worldOf(t, "affinity")
	for range 50 {
		answer, _ := w.worker.Serve(packetFor(t, "web.internal.", dns.TypeA), netip.MustParseAddrPort("10.0.2.1:53"), UDP,
			make([]byte, 0, 512), noSuspender{t})
		var m dns.Msg
		err := m.Unpack(answer)
		if err != nil || len(m.Answer) != 3 {
			t.Fatalf("%v in %v", err, m.Answer)
		}
		last := m.Answer[2].(*dns.A).A.String()
		if last != "10.0.1.10" {
			t.Fatalf("%s, of another zone than the client's, isn't the last of %v", last, m.Answer)
		}
	}
}

// TestFenceOfTransfers: a secondary that has what Merger makes of a view's zone answers as
// the view is answered.
func TestFenceOfTransfers(t *testing.T) {
	w := fenceWorld(t)
	live := &zone.Live{}
	for _, view := range w.snap.Views {
		apex := view.Apex(zone.MustName("internal."))
		m := w.resolver.NewMerger(func(Target) zone.RRset { return zone.RRset{} })
		tree := m.Merge(w.snap, live, view, apex, false)
		if tree == nil {
			t.Fatalf("view %s: no zone", view.Name)
		}
		secondary := zone.New(zone.Info{Origin: zone.File}, tree, 0)
		plain := *apex
		plain.Layers, plain.Computed = []zone.Layer{0}, false
		copied := *view
		copied.Apexes = []zone.Apex{plain}
		there := *w.snap
		there.Zones = []*zone.Zone{secondary}
		for _, name := range []string{"db", "only", "twin", "own", "web", "managed", "app", "six", "far.below", "below",
			"other.below", "nobody"} {
			for _, rrtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeMX, dns.TypeHTTPS} {
				full := name + ".internal."
				ours := answerOf(t, w.snap, live, view, full, rrtype)
				theirs := answerOf(t, &there, live, zone.NewView(copied), full, rrtype)
				if ours != theirs {
					t.Errorf("view %s: %s %s is\n%s\nat the secondary\n%s", view.Name, full, dns.TypeToString[rrtype], ours, theirs)
				}
			}
		}
	}
}

// answerOf returns response code and records that a view gets.
func answerOf(t *testing.T, snap *zone.Snapshot, live *zone.Live, view *zone.View, name string, rrtype uint16) string {
	t.Helper()
	x := &exchange{state: &state{snap: snap, live: live}}
	x.q.inspect(packetFor(t, name, rrtype))
	x.a.reset(view, &x.q)
	decide(snap, live, &x.q, &x.a)
	var m dns.Msg
	err := m.Unpack(appendResponse(make([]byte, 0, 65535), &x.q, &x.a, snap, limits{udp: 4096}))
	if err != nil {
		t.Fatal(err)
	}
	return dns.RcodeToString[m.Rcode] + " " + strings.Join(recordTexts(m.Answer, true), ", ")
}
