package resolver

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"inside53/resolver/wire"

	"github.com/miekg/dns"
)

// TestSpoiledPackets throws 200,000 spoiled packets at the server: it stays alive,
// answers right between them, and grows no bigger.
func TestSpoiledPackets(t *testing.T) {
	w := newTextWorld(t, offlineWorld)
	rng := rand.New(rand.NewPCG(8906, 53))
	seeds := seedPackets(t)
	probe := pack(t, func(m *dns.Msg) { m.Question[0].Name = "cn.example.com." })
	*w.worker.random = *rand.NewPCG(1, 1)
	want, _ := w.answerTo(probe, UDP)
	if want[7] != 3 {
		t.Fatalf("%d records of the probe", want[7])
	}
	before := heap()
	answered := 0
	for i := range 200_000 {
		pkt := mutate(rng, seeds)
		tr := Transport(i % 2)
		out, result := w.answerTo(pkt, tr)
		if (out == nil) != (result == Dropped) {
			t.Fatalf("%s with %d octets: % x", result, len(out), pkt)
		}
		if out != nil {
			answered++
			checkAnswer(t, pkt, out, tr)
		}
		if i%1000 == 0 {
			*w.worker.random = *rand.NewPCG(1, 1)
			got, _ := w.answerTo(probe, UDP)
			if !bytes.Equal(got, want) {
				t.Fatalf("after %d packets the probe is answered\n% x\nwas\n% x", i, got, want)
			}
		}
	}
	if answered < 100_000 {
		t.Errorf("only %d packets got as far as an answer: they are spoiled too much", answered)
	}
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("%d octets more in use", grown)
	}
}

// heap returns the octets in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// seedPackets are queries of all kinds.
func seedPackets(t testing.TB) [][]byte {
	t.Helper()
	var seeds [][]byte
	for _, name := range []string{"www.example.com.", "CN.Example.com.", "a.wild.example.com.", "x.dn.example.com.",
		"x.cut.example.com.", "no.example.com.",
		"alias.example.com.", "multi.example.com.", "bad.example.com.", "f.example.com.", "localhost.",
		"9.0.0.10.in-addr.arpa.", ".", "id.server.", strings.Repeat("a.", wire.MaxLabels),
		strings.Repeat(strings.Repeat("b", wire.MaxLabel)+".", 3)} {
		for _, rrtype := range []uint16{dns.TypeA, dns.TypeHTTPS, dns.TypeANY, dns.TypePTR} {
			seeds = append(seeds,
				pack(t, func(m *dns.Msg) { m.SetQuestion(name, rrtype); m.Extra = nil }),
				pack(t, func(m *dns.Msg) { m.SetQuestion(name, rrtype) }),
				pack(t, func(m *dns.Msg) {
					m.SetQuestion(name, rrtype)
					m.IsEdns0().SetDo()
					m.IsEdns0().Option = []dns.EDNS0{
						&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}, &dns.EDNS0_NSID{Code: dns.EDNS0NSID},
						&dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE}, &dns.EDNS0_PADDING{Padding: make([]byte, 7)},
						&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: []byte{192, 0, 2, 0}},
					}
				}))
		}
	}
	seeds = append(seeds, pack(t, func(m *dns.Msg) {
		m.Question[0].Qclass = dns.ClassCHAOS
		m.Question[0].Name = "id.server."
	}),
		pack(t, func(m *dns.Msg) { m.SetUpdate("example.com.") }), pack(t, func(m *dns.Msg) { m.SetNotify("example.com.") }),
		pack(t, func(m *dns.Msg) { m.SetIxfr("example.com.", 1, "a.", "b.") }),
		pack(t, func(m *dns.Msg) {
			m.Extra = append(m.Extra, &dns.TSIG{Hdr: dns.RR_Header{Name: "key.", Rrtype: dns.TypeTSIG, Class: dns.ClassANY},
				Algorithm: dns.HmacSHA256, MACSize: 4, MAC: "01020304"})
		}),
		pack(t, func(m *dns.Msg) {
			m.Extra = append(m.Extra, &dns.SIG{
				RRSIG: dns.RRSIG{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSIG, Class: dns.ClassANY}, SignerName: "key.",
					Signature: "AAAA"}})
		}))
	return seeds
}

// mutate spoils a packet in one to four ways.
func mutate(rng *rand.Rand, seeds [][]byte) []byte {
	pkt := bytes.Clone(seeds[rng.IntN(len(seeds))])
	for range 1 + rng.IntN(4) {
		if len(pkt) == 0 {
			return pkt
		}
		at := rng.IntN(len(pkt))
		switch rng.IntN(8) {
		case 0, 1:
			pkt[at] = byte(rng.Uint32())
		case 2:
			pkt[at] ^= 1 << rng.IntN(8)
		case 3:
			pkt = pkt[:at]
		case 4:
			other := seeds[rng.IntN(len(seeds))]
			pkt = append(pkt[:at:at], other[rng.IntN(len(other)):]...)
		case 5:
			pkt = append(pkt[:at:at], append([]byte{0xc0, byte(rng.IntN(64))}, pkt[at:]...)...)
		case 6:
			if len(pkt) >= wire.HeaderSize {
				binary.BigEndian.PutUint16(pkt[4+2*rng.IntN(4):], uint16(rng.IntN(4)))
			}
		default:
			pkt = append(pkt, make([]byte, rng.IntN(40))...)
		}
	}
	return pkt
}
