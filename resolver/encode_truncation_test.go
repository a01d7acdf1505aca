package resolver

import (
	"fmt"
	"strings"
	"testing"

	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// TestTruncation: what doesn't fit is left out, and TC says so.
func TestTruncation(t *testing.T) {
	var text strings.Builder
	text.WriteString(
		"zone file example.com. id=Z1\n    @ 900 IN SOA a. b. 1 2 3 4 5\n    cn 60 IN CNAME many.example.com.\n")
	for i := range 40 {
		fmt.Fprintf(&text, "    many 60 IN A 192.0.2.%d\n", i)
	}
	for i := range 1500 {
		fmt.Fprintf(&text, "    huge 60 IN TXT \"%026d\"\n", i)
	}
	for i := range 900 {
		fmt.Fprintf(&text, "    cut 60 IN NS ns%d.cut.example.com.\n", i)
	}
	for i := range 20 {
		fmt.Fprintf(&text, "    ns%d.cut 60 IN A 192.0.2.%d\n", 880+i, i)
	}
	for i := range 30 {
		fmt.Fprintf(&text,
			"    glue 60 IN NS ns%d.glue.example.com.\n    ns%d.glue 60 IN A 192.0.2.%d\n    ns%d.glue 60 IN AAAA "+
				"2001:db8::%d\n", i, i, i, i, i)
	}
	text.WriteString("view all clients=10.0.0.0/8\n    example.com. layers=Z1\nallow 10.0.0.0/8\n")
	w := newTextWorld(t, text.String())
	for _, test := range []struct {
		name    string
		rrtype  uint16
		edns    uint16
		tr      Transport
		tc      bool
		records int
	}{
		{"many", dns.TypeA, 0, UDP, true, 0},
		{"many", dns.TypeA, 512, UDP, true, 0},
		{"many", dns.TypeA, 691, UDP, false, 40},
		{"many", dns.TypeA, 690, UDP, true, 0},
		{"many", dns.TypeA, 65535, UDP, false, 40},
		{"many", dns.TypeA, 0, TCP, false, 40},
		{"cn", dns.TypeA, 718, UDP, true, 0},
		{"cn", dns.TypeA, 719, UDP, false, 41},
		{"huge", dns.TypeTXT, 65535, UDP, true, 0},
		{"huge", dns.TypeTXT, 0, TCP, false, 1500},
		{"x.cut", dns.TypeA, 4096, UDP, true, 0},
		{"x.cut", dns.TypeA, 4096, TCP, false, 920}, // names beyond offset 16383 can't be pointed at
		{"x.glue", dns.TypeA, 4096, UDP, true, 0},
		{"x.glue", dns.TypeA, 4096, TCP, false, 30 + maxItems - 1}, // all there is room for, and no TC
	} {
		pkt := pack(t, func(m *dns.Msg) {
			m.SetQuestion(test.name+".example.com.", test.rrtype)
			m.Extra = nil
			if test.edns > 0 {
				m.SetEdns0(test.edns, false)
			}
		})
		s := w.serve(test.name, pkt, testClient, test.tr)
		checkAnswer(t, pkt, s.packet, test.tr)
		var m dns.Msg
		err := m.Unpack(s.packet)
		if err != nil {
			t.Fatal(err)
		}
		s.compare(&m)
		records := len(m.Answer) + len(m.Ns) + len(m.Extra)
		if m.IsEdns0() != nil {
			records--
		}
		if m.Truncated != test.tc || records != test.records {
			t.Errorf("%s %s edns %d: TC %v, %d records in %d octets; want %v, %d", test.name, test.tr, test.edns, m.Truncated,
				records, len(s.packet), test.tc, test.records)
		}
	}
}

// TestDefaultsOfClients: what the transport says is what counts, not the packet.
func TestDefaultsOfClients(t *testing.T) {
	w := newTextWorld(t, offlineWorld)
	small := make([]byte, 0, 512)
	out, _ := w.worker.Serve(pack(t, nil), testClient, UDP, small, noSuspender{t})
	if &out[0] != &small[:1][0] {
		t.Error("the answer isn't in the buffer given")
	}
	before := w.resolver.Snapshot()
	err := w.resolver.Publish(&zone.Snapshot{Forwarders: []zone.Forwarder{{Upstreams: []string{"no address"}}},
		Inventory: zone.NewInventory(nil, nil)})
	if err == nil || w.resolver.Snapshot() != before {
		t.Errorf("a forwarder that can't be: %v", err)
	}
	err = w.resolver.Publish(&zone.Snapshot{})
	if err == nil || w.resolver.Snapshot() != before {
		t.Errorf("a snapshot without inventory: %v", err)
	}
}
