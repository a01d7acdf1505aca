package transfer

import (
	"log/slog"
	"net/netip"
	"testing"

	"inside53/resolver"
	"inside53/resolver/zone"
	"inside53/server/tsig"

	"github.com/miekg/dns"
)

// TestCommittedSOA has a server that doesn't lead say serials of views that aren't the client's, and of a catalog, at
// once and by itself: nobody may lead. What isn't committed, or that it hasn't, is handed on; so is a transfer.
func TestCommittedSOA(t *testing.T) {
	snap, called := crowd(t, 2, 3, 4)
	snap.Zones[2].Unavailable = "it has never been read"
	r := resolver.New(nil, resolver.Options{})
	err := r.Publish(snap)
	if err != nil {
		t.Fatal(err)
	}
	catalog := zone.MustName("catalog.example.")
	f := &fakeFleet{now: fleetNow, committed: Serials{
		key("v1", "z0.example."): 17, key("v0", "z1.example."): 18, key("v1", "z2.example."): 19,
		key("v1", "gone.example."): 20, key("", "catalog.example."): 21,
	}}
	server := New(Options{
		Resolver: r, Fleet: f, Count: func(string, string) {}, Log: slog.New(slog.DiscardHandler), StateDir: t.TempDir(),
	})
	server.SetPolicy(&Policy{Keys: tsig.Keyring{}, Entries: []*Entry{{
		View: called[1], Zones: func(string) bool { return true }, Catalog: catalog,
		Clients: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	}}})
	for name, tt := range map[string]struct {
		apex   string
		qtype  uint16
		handed bool
		serial uint32 // 0: it is handed on, or back
	}{
		"of another view":   {"z0.example.", dns.TypeSOA, false, 17},
		"catalog":           {"catalog.example.", dns.TypeSOA, false, 21},
		"not committed":     {"z1.example.", dns.TypeSOA, false, 0},
		"never read":        {"z2.example.", dns.TypeSOA, false, 0},
		"not there":         {"gone.example.", dns.TypeSOA, false, 0},
		"transfer":          {"z0.example.", dns.TypeIXFR, false, 0},
		"handed on already": {"z0.example.", dns.TypeSOA, true, 0},
	} {
		question := new(dns.Msg).SetQuestion(tt.apex, tt.qtype)
		packet, err := question.Pack()
		if err != nil {
			t.Fatal(err)
		}
		relayed := false
		answer, _, accepted := server.Serve(Received{
			Packet: packet, Client: netip.MustParseAddrPort("192.0.2.1:4711"), Transport: resolver.UDP, Handed: tt.handed,
			Out: make([]byte, 0, 512),
			Late: func() func([]byte, resolver.Result) {
				relayed = true
				return func([]byte, resolver.Result) {}
			},
		})
		var m dns.Msg
		serial := uint32(0)
		if len(answer) > 0 {
			err = m.Unpack(answer)
			if err == nil && m.Authoritative && len(m.Answer) == 1 && m.Answer[0].Header().Name == tt.apex {
				serial = m.Answer[0].(*dns.SOA).Serial
			}
		}
		if !accepted || err != nil || serial != tt.serial || relayed != (tt.serial == 0 && !tt.handed) {
			t.Errorf("%s: serial %d, handed on: %v, %v\n%v", name, serial, relayed, err, &m)
		}
	}
}
