package resolver

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"inside53/resolver/wire"

	"github.com/miekg/dns"
)

// facts is what the parsers have to agree on.
type facts struct {
	id                  uint16
	rd, ad, cd          bool
	rrtype, class       uint16
	edns, do, keepAlive bool
	size                uint16
	ecs, name, asked    string
	labels              int
}

func factsOf(q *Query) facts {
	return facts{q.ID, q.RD, q.AD, q.CD, q.Type, q.Class, q.EDNS, q.DO, q.KeepAlive, q.UDPSize,
		q.ECS.String(), string(q.Name()), string(q.asked[:q.askedLen]), q.Labels.Count}
}

// compareParsers: what the strict parser accepts, miekg/dns accepts with equal facts.
func compareParsers(t testing.TB, pkt []byte) (strict bool) {
	t.Helper()
	if len(pkt) < wire.HeaderSize || pkt[2]&0xf8 != 0 {
		return false
	}
	var q, l Query
	q.reset()
	v := q.parseStrict(pkt)
	if v == unsure {
		return false
	}
	if lenient := l.parseLenient(pkt); v != lenient {
		t.Fatalf("the strict parser says %d, the lenient one %d: % x", v, lenient, pkt)
	}
	if factsOf(&q) != factsOf(&l) {
		t.Fatalf("% x\nstrict  %+v\nlenient %+v", pkt, factsOf(&q), factsOf(&l))
	}
	var m dns.Msg
	err := m.Unpack(pkt)
	if err != nil || len(m.Question) != 1 {
		t.Fatalf("miekg/dns: %v: % x", err, pkt)
	}
	asked := m.Question[0]
	opt := m.IsEdns0()
	if asked.Qtype != q.Type || asked.Qclass != q.Class || dns.CanonicalName(asked.Name) != textName(q.Name()) || (opt != nil) != q.EDNS {
		t.Fatalf("% x\n%+v\nmiekg/dns: %v", pkt, factsOf(&q), &m)
	}
	if opt != nil && (opt.Do() != q.DO || max(512, opt.UDPSize()) != q.UDPSize || (opt.Version() != 0) != (v == badVers)) {
		t.Fatalf("% x\n%+v\nmiekg/dns: %v", pkt, factsOf(&q), opt)
	}
	return true
}

func FuzzParse(f *testing.F) {
	for _, pkt := range seedPackets(f) {
		f.Add(pkt)
	}
	f.Fuzz(func(t *testing.T, pkt []byte) { compareParsers(t, pkt) })
}

// TestParsersAgree: the same for 200,000 spoiled packets.
func TestParsersAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(1035, 53))
	seeds := seedPackets(t)
	n := 0
	for range 200_000 {
		if compareParsers(t, mutate(rng, seeds)) {
			n++
		}
	}
	if n < 10_000 {
		t.Errorf("only %d packets got through the strict parser", n)
	}
}

// FuzzServe: any packet; no panic, and if an answer comes it is a right one.
func FuzzServe(f *testing.F) {
	for _, pkt := range seedPackets(f) {
		f.Add(pkt, true)
		f.Add(pkt, false)
	}
	w := newTextWorld(f, offlineWorld)
	f.Fuzz(func(t *testing.T, pkt []byte, tcp bool) {
		tr := UDP
		if tcp {
			tr = TCP
		}
		kept := bytes.Clone(pkt)
		out, result := w.worker.Serve(pkt, testClient, tr, make([]byte, 0, 65535), noSuspender{t})
		if (out == nil) != (result == Dropped) {
			t.Fatalf("%s with %d octets", result, len(out))
		}
		if !bytes.Equal(pkt, kept) {
			t.Fatal("the packet was written to")
		}
		if out != nil {
			checkAnswer(t, pkt, out, tr)
		}
	})
}
