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
func fenceWorld(t testing.TB) *world {
	t.Helper()
	text, err := os.ReadFile("testdata/fence.scenario")
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

// TestFenceDoesNotAllocate, nor does it where all are left out.
func TestFenceDoesNotAllocate(t *testing.T) {
	w := fenceWorld(t)
	out := make([]byte, 0, 512)
	var never Suspender = noSuspender{t}
	for _, name := range []string{"db.internal.", "only.internal.", "web.internal.", "six.internal."} {
		for _, rrtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeMX} {
			pkt, client := packetFor(t, name, rrtype), netip.MustParseAddrPort("10.0.0.1:53")
			if n := testing.AllocsPerRun(50, func() { w.worker.Serve(pkt, client, UDP, out, never) }); n > 0 {
				t.Errorf("%s %s: %v allocations", name, dns.TypeToString[rrtype], n)
			}
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
