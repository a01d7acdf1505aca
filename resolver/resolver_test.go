package resolver

import (
	"net/netip"
	"testing"

	"inside53/resolver/forward"
	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

type noSuspender struct{ t *testing.T }

func (s noSuspender) Suspend() func([]byte, Result) {
	s.t.Fatal("suspended")
	return nil
}

func TestServeAnswersFromAZone(t *testing.T) {
	apex := zone.MustName("example.com.")
	e := zone.NewTree(apex).Edit()
	put := func(name string, rrtype uint16, ttl uint32, rdata ...[]byte) {
		t.Helper()
		s, err := zone.NewRecords(rrtype, ttl, rdata...)
		if err != nil {
			t.Fatal(err)
		}
		err = e.Put(zone.MustName(name), s)
		if err != nil {
			t.Fatal(err)
		}
	}
	put("example.com.", zone.TypeSOA, 900, soaRdata(zone.MustName("ns.example.com."), zone.MustName("host.example.com.")))
	put("www.example.com.", zone.TypeA, 60, []byte{192, 0, 2, 1}, []byte{192, 0, 2, 2})
	put("a.example.com.", zone.TypeCNAME, 60, zone.MustName("www.example.com."))
	z := zone.New(zone.Info{Origin: zone.Public, ID: "Z1"}, e.Commit(), 60)
	snap := &zone.Snapshot{Zones: []*zone.Zone{z}, Inventory: zone.NewInventory(nil, nil), Loaded: true}
	snap.Views = []*zone.View{zone.NewView(zone.View{Name: "rest", Apexes: []zone.Apex{{Name: apex, Layers: []*zone.Zone{z}, Forward: zone.NoForward}}})}
	snap.Inventory.AddView(zone.AddressAuto, nil, nil, nil)
	snap.SetClients(nil, 0, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	f, err := forward.New(forward.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := New(f, Options{})
	err = r.Publish(snap)
	if err != nil {
		t.Fatal(err)
	}
	w := r.NewWorker()
	for _, c := range []struct {
		name  string
		qtype uint16
		rcode int
		n     int
	}{{"www.example.com.", dns.TypeA, 0, 2}, {"A.Example.com.", dns.TypeA, 0, 3}, {"no.example.com.", dns.TypeA, 3, 0}, {"www.example.com.", dns.TypeMX, 0, 0}, {"example.org.", dns.TypeA, 5, 0}} {
		var m dns.Msg
		m.SetQuestion(c.name, c.qtype)
		m.SetEdns0(1232, false)
		pkt, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		out, result := w.Serve(pkt, netip.MustParseAddrPort("127.0.0.1:53"), UDP, make([]byte, 0, 4096), noSuspender{t})
		var got dns.Msg
		err = got.Unpack(out)
		if err != nil {
			t.Fatalf("%s: %v in %x", c.name, err, out)
		}
		if got.Rcode != c.rcode || len(got.Answer) != c.n {
			t.Errorf("%s %d: %s\n%v", c.name, c.qtype, result, &got)
		}
	}
}
