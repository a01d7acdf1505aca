package resolver

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
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
	version             uint8
	ecs, name, asked    string
	labels              int
	signed              bool
}

func factsOf(q *Query) facts {
	return facts{q.ID, q.RD, q.AD, q.CD, q.Type, q.Class, q.EDNS, q.DO, q.KeepAlive, q.UDPSize, q.version,
		q.ECS.String(), string(q.Name()), string(q.asked[:q.askedLen]), q.Labels.Count, q.signature != 0}
}

// oracleFacts are those that miekg/dns finds.
func oracleFacts(t testing.TB, m *dns.Msg) facts {
	t.Helper()
	if len(m.Question) != 1 || len(m.Answer) > 0 || len(m.Ns) > 1 || len(m.Extra) > 2 {
		t.Fatalf("miekg/dns finds other records: %v", m)
	}
	asked := m.Question[0]
	f := facts{id: m.Id, rd: m.RecursionDesired, ad: m.AuthenticatedData, cd: m.CheckingDisabled, rrtype: asked.Qtype,
		class: asked.Qclass,
		size:  512, ecs: netip.Prefix{}.String(), asked: string(question(asked.Name, asked.Qtype)), signed: m.IsTsig() != nil,
		labels: dns.CountLabel(asked.Name)}
	f.asked = f.asked[:len(f.asked)-2] + string([]byte{byte(asked.Qclass >> 8), byte(asked.Qclass)})
	f.name = string(question(dns.CanonicalName(asked.Name), 0))
	f.name = f.name[:len(f.name)-4]
	opt := m.IsEdns0()
	if opt == nil {
		return f
	}
	f.edns, f.do, f.size, f.version = true, opt.Do(), max(512, opt.UDPSize()), opt.Version()
	for _, o := range opt.Option {
		switch o := o.(type) {
		case *dns.EDNS0_TCP_KEEPALIVE:
			f.keepAlive = true
		case *dns.EDNS0_SUBNET:
			f.ecs = netip.Prefix{}.String()
			if addr, _ := netip.AddrFromSlice(o.Address); o.Family > 0 {
				if o.Family == 1 {
					addr = addr.Unmap()
				}
				f.ecs = netip.PrefixFrom(addr, int(o.SourceNetmask)).String()
			}
		}
	}
	return f
}

// compareParsers: what the door accepts, miekg/dns accepts with equal facts.
func compareParsers(t testing.TB, pkt []byte) (accepts bool) {
	t.Helper()
	if len(pkt) < wire.HeaderSize || pkt[2]&0xf8 != 0 {
		return false
	}
	var q Query
	if q.inspect(pkt) != accepted || !q.parseOptions(pkt) {
		return false
	}
	var m dns.Msg
	err := m.Unpack(withLocalOptions(pkt))
	if err != nil {
		t.Fatalf("miekg/dns: %v: % x", err, pkt)
	}
	if want := oracleFacts(t, &m); factsOf(&q) != want {
		t.Fatalf("% x\nthe door  %+v\nmiekg/dns %+v", pkt, factsOf(&q), want)
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
		t.Errorf("only %d packets were accepted", n)
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
