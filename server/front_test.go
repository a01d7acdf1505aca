package server

import (
	"slices"
	"testing"
	"time"

	"inside53/resolver/wire"

	"github.com/miekg/dns"
)

func packed(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func TestConcernsTransfers(t *testing.T) {
	response := new(dns.Msg).SetQuestion("example.com.", dns.TypeSOA)
	response.Response = true
	update := new(dns.Msg).SetUpdate("example.com.")
	soa := packed(t, new(dns.Msg).SetQuestion("example.com.", dns.TypeSOA))
	tests := []struct {
		name string
		pkt  []byte
		want bool
	}{
		{"SOA", soa, true},
		{"SOA of the root", packed(t, new(dns.Msg).SetQuestion(".", dns.TypeSOA)), true},
		{"AXFR", packed(t, new(dns.Msg).SetAxfr("example.com.")), true},
		{"IXFR", packed(t, new(dns.Msg).SetIxfr("example.com.", 1, "a.", "b.")), true},
		{"NOTIFY", packed(t, new(dns.Msg).SetNotify("example.com.")), true},
		{"A", packed(t, new(dns.Msg).SetQuestion("example.com.", dns.TypeA)), false},
		{"a response", packed(t, response), false},
		{"an update", packed(t, update), false},
		{"cut off", soa[:len(soa)-4], false},
		{"nothing", nil, false},
		{"a header", soa[:wire.HeaderSize], false},
	}
	for _, tt := range tests {
		if got := concernsTransfers(tt.pkt); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
	for n := range soa { // no length is too short to be looked at
		concernsTransfers(soa[:n])
	}
}

// FuzzConcernsTransfers: whatever is a question for a zone's transfer to miekg/dns is one.
func FuzzConcernsTransfers(f *testing.F) {
	f.Add(packed(f, new(dns.Msg).SetQuestion("example.com.", dns.TypeSOA)))
	f.Add(packed(f, new(dns.Msg).SetIxfr("example.com.", 1, "a.", "b.")))
	f.Fuzz(func(t *testing.T, pkt []byte) {
		got := concernsTransfers(pkt)
		var m dns.Msg
		err := m.Unpack(pkt)
		if err != nil || m.Response || len(m.Question) != 1 ||
			slices.ContainsFunc(pkt[wire.HeaderSize:], func(c byte) bool { return c >= 0xc0 }) {
			return // a compressed question is nobody's
		}
		want := m.Opcode == dns.OpcodeNotify ||
			m.Opcode == dns.OpcodeQuery &&
				slices.Contains([]uint16{dns.TypeSOA, dns.TypeIXFR, dns.TypeAXFR}, m.Question[0].Qtype)
		if got != want {
			t.Errorf("%x: %t, miekg/dns has %v", pkt, got, m.Question)
		}
	})
}

func TestMayBeSigned(t *testing.T) {
	for _, tt := range []struct {
		what   string
		change func(m *dns.Msg)
		want   bool
	}{
		{"a question alone", func(*dns.Msg) {}, false},
		{"with EDNS", func(m *dns.Msg) { m.SetEdns0(1232, true) }, false},
		{"with a key", func(m *dns.Msg) { m.SetTsig("ops.", dns.HmacSHA256, 300, time.Now().Unix()) }, true},
		{"with both", func(m *dns.Msg) {
			m.SetEdns0(1232, true)
			m.SetTsig("ops.", dns.HmacSHA256, 300, time.Now().Unix())
		}, true},
		{"an answer", func(m *dns.Msg) { m.Response = true; m.SetTsig("ops.", dns.HmacSHA256, 300, 0) }, false},
		{"an update", func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate; m.SetTsig("ops.", dns.HmacSHA256, 300, 0) }, false},
		{"of the root", func(m *dns.Msg) { m.Question[0].Name = "."; m.SetTsig("ops.", dns.HmacSHA256, 300, 0) }, true},
	} {
		m := new(dns.Msg).SetQuestion("www.example.net.", dns.TypeA)
		tt.change(m)
		packet, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if got := mayBeSigned(packet); got != tt.want {
			t.Errorf("%s: %v", tt.what, got)
		}
		for n := range packet {
			mayBeSigned(packet[:n]) // doesn't read beyond
		}
	}
}
