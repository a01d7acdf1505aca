package forward

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"testing"

	"inside53/resolver/wire"

	"github.com/miekg/dns"
)

// newMirror is an upstream that costs next to nothing: it turns a query into an
// answer with one A RR in place.
func newMirror(t testing.TB) string {
	t.Helper()
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			m := buf[:n-wire.OPTSize]
			m[2], m[3], m[7], m[11] = 0x81, 0x80, 1, 0
			m = append(m, 0xC0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1)
			_, err = pc.WriteToUDPAddrPort(m, from)
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { pc.Close(); <-ended })
	return pc.LocalAddr().String()
}

func BenchmarkCached(b *testing.B) {
	for _, entries := range []int{1, 1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(entries), func(b *testing.B) {
			f, err := New(Options{})
			if err != nil {
				b.Fatal(err)
			}
			g := newGroup(b, f, "192.0.2.1")
			// As with real packets, the question itself is in the CPU's cache.
			q := question(b, "0123456789abcdef.example.com.", dns.TypeA)
			number := func(i int) {
				binary.BigEndian.PutUint64(q.Name[9:], uint64(i))
				hex.Encode(q.Name[1:17], q.Name[9:17])
			}
			for i := range entries {
				number(i)
				e := newEntry(&contents{name: q.Name, body: make([]byte, 32), answers: make([]RR, 1)})
				e.key, e.TTL, e.Stored = key{group: g.id, typ: q.Type}, 300, 1000
				f.cache.add(f.cache.hash(g.id, q), e)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				number(i * 7919 % entries)
				found := f.Cached(g, q, 1000)
				if found.State != Fresh {
					b.Fatal("miss")
				}
			}
		})
	}
}

func BenchmarkMiss(b *testing.B) {
	for _, parallel := range []int{1, 64} {
		b.Run(fmt.Sprint(parallel), func(b *testing.B) {
			addr := newMirror(b)
			f, _ := newRunning(b, Options{})
			g := newGroup(b, f, addr)
			q := question(b, "0123456789abcdef.example.com.", dns.TypeA)
			var number [8]byte
			tokens := make(chan struct{}, parallel)
			done := func(_ *Message, err error) {
				if err != nil {
					b.Error(err)
				}
				<-tokens
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				binary.BigEndian.PutUint64(number[:], uint64(i))
				hex.Encode(q.Name[1:17], number[:])
				tokens <- struct{}{}
				err := f.Ask(g, q, stranger, done)
				if err != nil {
					b.Fatal(err)
				}
			}
			for range parallel {
				tokens <- struct{}{}
			}
		})
	}
}

func BenchmarkAdmit(b *testing.B) {
	q := question(b, "www.example.com.", dns.TypeA)
	m := says(b, 0, []string{
		"www.example.com. 300 IN CNAME web.example.net.", "web.example.net. 60 IN A 192.0.2.1",
		"web.example.net. 60 IN A 192.0.2.2",
	}, nil)(
		new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA), false)
	m.SetEdns0(1232, false)
	packet, err := m.Pack()
	if err != nil {
		b.Fatal(err)
	}
	var w walker
	b.ReportAllocs()
	for b.Loop() {
		_, v := w.read(packet, q, 0)
		if v != isAnswer {
			b.Fatal(v)
		}
	}
}
