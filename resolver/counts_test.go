package resolver

import (
	"net/netip"
	"testing"
	"time"

	"inside53/resolver/wire"
	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// TestCounts: each answer counts once by type and by response code, and in its view where it
// has one; the server's own probes and explain count nowhere.
func TestCounts(t *testing.T) {
	w := fenceWorld(t)
	serve := func(pkt []byte, client string) {
		t.Helper()
		w.worker.Serve(pkt, netip.AddrPortFrom(netip.MustParseAddr(client), 53), UDP, make([]byte, 0, 512), noSuspender{t})
	}
	serve(packetFor(t, "db.internal.", dns.TypeA), "10.0.0.1")
	serve(packetFor(t, "nothing.example.com.", dns.TypeAAAA), "10.0.0.1")
	serve(packetFor(t, "db.internal.", dns.TypeLOC), "10.1.0.1")
	serve(packetFor(t, "db.internal.", dns.TypeA), "192.0.2.77") // may not ask
	cut := packetFor(t, "db.internal.", dns.TypeHTTPS)
	serve(cut[:len(cut)-3], "10.0.0.1")
	serve(packetFor(t, "0123.health.inside53.invalid.", dns.TypeTXT), "10.0.0.1")
	_, err := w.resolver.Explain(t.Context(),
		ExplainRequest{Name: zone.MustName("db.internal."), Type: zone.TypeA, Client: netip.MustParseAddr("10.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}

	w.worker.Flush()
	got := w.resolver.Counts()
	for typ, want := range map[uint16]uint64{dns.TypeA: 2, dns.TypeAAAA: 1, 0: 2, dns.TypeTXT: 0, dns.TypeHTTPS: 0} {
		if n := got.Types[typ]; n != want {
			t.Errorf("type %d: %d, want %d", typ, n, want)
		}
	}
	for rcode, want := range map[int]uint64{
		wire.RcodeNoError: 2, wire.RcodeNXDomain: 1, wire.RcodeRefused: 1, wire.RcodeFormErr: 1,
	} {
		if n := got.Rcodes[rcode]; n != want {
			t.Errorf("response code %d: %d, want %d", rcode, n, want)
		}
	}
	for view, want := range map[string]uint64{"prod": 3, "staging": 1} {
		if n := got.Views[view].Queries; n != want {
			t.Errorf("view %s: %d, want %d", view, n, want)
		}
	}
}

// TestTypeIndex: the types with a count of their own have one each, and all others share one.
func TestTypeIndex(t *testing.T) {
	seen := map[int]bool{}
	for _, typ := range countedTypes {
		i := typeIndex(typ)
		if seen[i] || i >= len(countedTypes) || countedTypes[i] != typ {
			t.Errorf("type %d counts at %d", typ, i)
		}
		seen[i] = true
	}
	if len(seen) != 20 || typeIndex(0) != 20 || typeIndex(65535) != 20 {
		t.Errorf("%d types, others count at %d", len(seen), typeIndex(65535))
	}
}

// TestLateCounts: an answer that waited for an upstream says how long.
func TestLateCounts(t *testing.T) {
	w := fenceWorld(t)
	x := w.resolver.exchange()
	x.a.Result, x.q.Transport, x.since = Forwarded, TCP, time.Now().Add(-30*time.Millisecond)
	x.countLate()
	late := w.resolver.Counts().Late
	if n := late[TCP][Forwarded].Total(); n != 1 || late[TCP][Forwarded].Sum < 30*time.Millisecond {
		t.Errorf("counted %+v", late[TCP][Forwarded])
	}
}
