package server

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"inside53/server/admin"

	"github.com/miekg/dns"
)

const transferSecret = "c2VjcmV0IG9mIHRoaXJ0eS10d28gb2N0ZXRzISEhISE="

// transferConfig is the demo data with secondaries: one of each of two views by key, one of
// the third by address.
const transferConfig = demoConfig + `
keys:
  - { name: dublin., secret: "` + transferSecret + `" }
  - { name: virginia., algorithm: hmac-sha512, secret: "` + transferSecret + `" }
  - { name: named., secret: "` + transferSecret + `" }
  - { name: knotd., secret: "` + transferSecret + `" }
  - { name: nsd., secret: "` + transferSecret + `" }
  - { name: other., secret: "` + transferSecret + `" }
transfers:
  - { view: dublin, keys: [dublin., named., knotd., nsd.], notify: [NOTIFY], catalog: catalog.inside53. }
  - { view: virginia, zones: [example.com.], keys: [virginia.], clients: [127.2.0.0/16] }
  - { view: outside, clients: [127.3.0.0/16], catalog: outside.inside53., journal: JOURNAL }
`

func (c *cloud) transferConfig(notify string) string {
	return strings.NewReplacer("UPSTREAM", c.dns, "MAXAGE", "1h", "NOTIFY", `"`+notify+`"`, "JOURNAL",
		"2KiB").Replace(transferConfig)
}

// TestProgramTransfers takes whole zones, and looks at them with a client's eyes.
func TestProgramTransfers(t *testing.T) {
	c := newCloud(t, nil)
	secondary := newAudience(t, 1)
	p := newSite(t).ready(t, c.transferConfig(secondary.addr))
	f := &follower{p: p, from: "127.0.0.1", key: "dublin.", apex: "example.com."}
	p.await(t, "the zone is there", func() bool {
		return f.exchange(t, f.sign(new(dns.Msg).SetQuestion(f.apex, dns.TypeSOA))).Rcode == dns.RcodeSuccess
	})
	f.axfr(t)
	// What is fixed, hidden, merged, translated; names at and below a cut.
	want := []string{
		"reports.example.com. 60 IN A 10.0.20.16",                               // the highest weight
		"app.example.com. 30 IN A 10.0.2.40",                                    // the primary
		"cdn.example.com. 60 IN A 203.0.113.40",                                 // the view's region
		"cache.example.com. 60 IN A 10.0.2.60",                                  // the view's region
		"shop.example.com. 60 IN CNAME shop-eu.example.net.",                    // the view's continent
		"portal.example.com. 60 IN A 203.0.113.61",                              // the default location
		"ntp.example.com. 60 IN A 203.0.113.50",                                 // up to eight
		"ntp.example.com. 60 IN A 203.0.113.51",                                 //
		"bastion.example.com. 30 IN A 10.0.1.10",                                // translated
		"git.example.com. 300 IN A 10.0.2.40",                                   // of the private zone
		"mail.example.com. 30 IN A 10.0.1.25",                                   // of the public zone
		"*.apps.example.com. 300 IN A 203.0.113.80",                             // a wildcard
		"lab.example.com. 172800 IN NS ns1.lab.example.com.",                    // a cut
		"ns1.lab.example.com. 300 IN A 203.0.113.53",                            // and its glue
		"example.com. 172800 IN NS ns-0.awsdns-00.com.",                         // of the upper layer
		"example.com. 3600 IN MX 10 mail.example.com.",                          // of the lower one
		"www.example.com. 60 IN A 10.0.2.21",                                    // not the alias below
		"db.example.com. 60 IN CNAME db-1.example.com.",                         //
		"api.example.com. 300 IN HTTPS 1 . alpn=\"h2,h3\"",                      //
		"_ldap._tcp.example.com. 300 IN SRV 0 100 389 ldap-1.corp.example.com.", //
	}
	have := f.lines()
	for _, line := range want {
		if !slices.Contains(have, line) {
			t.Errorf("no %s", line)
		}
	}
	for _, line := range []string{"example.com. 172800 IN NS ns-312.awsdns-39.com.",
		"reports.example.com. 60 IN A 10.0.20.15"} {
		if slices.Contains(have, line) {
			t.Errorf("there is %s", line)
		}
	}
	// External aliases, by way of the forwarder.
	if !slices.ContainsFunc(have, func(l string) bool { return strings.HasPrefix(l, "intranet.example.com. 60 IN A ") }) ||
		!slices.ContainsFunc(have, func(l string) bool { return strings.HasPrefix(l, "example.com. 60 IN A ") }) {
		t.Error("no records of the aliases to load balancers")
	}
	if t.Failed() {
		t.Logf("the zone:\n%s", strings.Join(have, "\n"))
	}
	f.asked(t, dublin)
	f.ixfr(t)
	if f.by != "none" {
		t.Errorf("IXFR of the serial that is: %s", f.by)
	}

	// One serial for all.
	p.await(t, "the secondary is told", func() bool { return secondary.heard(f.apex) == f.soa.Serial })
	answer := p.ask(t, asks(dublin, "example.com SOA"))
	negative := p.ask(t, asks(dublin, "nothing.example.com A", "NXDOMAIN"))
	for _, rr := range []dns.RR{answer.Answer[0], negative.Ns[0]} {
		if soa := rr.(*dns.SOA); soa.Serial != f.soa.Serial {
			t.Errorf("%v, transferred is %d", soa, f.soa.Serial)
		}
	}
	if soa := p.ask(t, asks(dublin, "example.com SOA")).Answer[0].(*dns.SOA); f.serial(t) != soa.Serial {
		t.Errorf("the serial by key is %d, without %d", f.serial(t), soa.Serial)
	}
	// Nothing of this is for a view that isn't asked for.
	var info admin.Transfers
	p.into(t, "/transfers", &info)
	zones := map[string]int{}
	for _, z := range info.Zones {
		zones[z.View]++
		if z.View == "dublin" && z.Zone == f.apex &&
			(z.Records != len(f.has)+1 || z.Serial != f.soa.Serial || len(z.Findings) < 5) {
			t.Errorf("reported as %+v", z)
		}
	}
	if zones["virginia"] != 1 || zones["dublin"] < 3 || zones["outside"] < 2 {
		t.Errorf("zones by view %v", zones)
	}
	value, ok := p.metric(t, `inside53_transfers_total{kind="axfr",result="ok"}`)
	if !ok || value != "1" {
		t.Errorf("transfers counted: %q", value)
	}
}

// TestProgramTransferGrants asks for zones with and without the right to.
func TestProgramTransferGrants(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.transferConfig(newAudience(t, 0).addr))
	ready := &follower{p: p, from: "127.0.0.1", key: "dublin.", apex: "catalog.inside53."}
	p.await(t, "the catalog is there", func() bool {
		return ready.exchange(t, ready.sign(new(dns.Msg).SetQuestion(ready.apex, dns.TypeSOA))).Rcode == dns.RcodeSuccess
	})
	tests := []struct {
		from, key, apex string
		want            string // error of the transfer
	}{
		{"127.0.0.1", "dublin.", "example.com.", ""},
		{"127.3.0.9", "dublin.", "example.net.", ""},
		{"127.0.0.1", "dublin.", "catalog.inside53.", ""},
		{"127.0.0.1", "dublin.", "outside.inside53.", "dns: bad authentication"},
		{"127.0.0.1", "dublin.", "example.org.", "dns: bad authentication"},
		{"127.0.0.1", "other.", "example.com.", "bad xfr rcode: 5"},
		{"127.0.0.1", "virginia.", "example.com.", "bad xfr rcode: 5"},
		{"127.2.0.1", "virginia.", "example.com.", ""},
		{"127.2.0.1", "virginia.", "example.net.", "bad xfr rcode: 5"},
		{"127.2.0.1", "", "example.com.", "bad xfr rcode: 5"},
		{"127.3.0.1", "", "example.com.", ""},
		{"127.3.0.1", "", "outside.inside53.", ""},
		{"127.3.0.1", "", "catalog.inside53.", "bad xfr rcode: 9"},
		{"127.0.0.1", "", "example.com.", "bad xfr rcode: 5"},
		{"127.4.0.1", "", "example.com.", "bad xfr rcode: 5"},
	}
	serials := map[string]uint32{}
	for _, tt := range tests {
		f := &follower{p: p, from: tt.from, key: tt.key, apex: tt.apex}
		all, err := f.transfer(t, new(dns.Msg).SetAxfr(tt.apex))
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			serials[tt.from+tt.key+tt.apex] = all[0].(*dns.SOA).Serial
		}
		if !strings.HasSuffix(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%s of %s from %s: %q, want %q", tt.key, tt.apex, tt.from, got, tt.want)
		}
	}
	bad := &follower{p: p, from: "127.0.0.1", key: "dublin.", apex: "example.com."}
	m := bad.sign(new(dns.Msg).SetAxfr(bad.apex))
	wire, _, err := dns.TsigGenerate(m, "b3RoZXI=", "", false)
	if err != nil {
		t.Fatal(err)
	}
	conn := dialFrom(t, "udp", bad.from, p.addr)
	_, err = conn.Conn.Write(wire)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1232)
	n, err := conn.Conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	err = m.Unpack(buf[:n])
	if err != nil || m.Rcode != dns.RcodeNotAuth || m.IsTsig() == nil || m.IsTsig().Error != dns.RcodeBadSig {
		t.Errorf("a bad signature: %v, %v", m, err)
	}
	catalog := &follower{p: p, from: "127.0.0.1", key: "dublin.", apex: "catalog.inside53."}
	catalog.axfr(t)
	lines := strings.Join(catalog.lines(), "\n")
	for _, want := range []string{"version.catalog.inside53. 0 IN TXT \"2\"", "PTR example.com.", "PTR example.net.",
		"PTR internal.", "catalog.inside53. 0 IN NS invalid."} {
		if !strings.Contains(lines, want) {
			t.Errorf("no %s in the catalog\n%s", want, lines)
		}
	}
}

// TestProgramTransferChanges follows many changes by IXFR, and across a restart.
func TestProgramTransferChanges(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	secondary := newAudience(t, 0)
	config := c.transferConfig(secondary.addr)
	p := s.ready(t, config)
	f := &follower{p: p, from: "127.0.0.1", key: "dublin.", apex: "example.com."}
	small := &follower{p: p, from: "127.3.0.1", apex: "example.com."}
	p.await(t, "the zone is there", func() bool {
		return f.exchange(t, f.sign(new(dns.Msg).SetQuestion(f.apex, dns.TypeSOA))).Rcode == dns.RcodeSuccess
	})
	f.axfr(t)
	small.axfr(t)
	random := rand.New(rand.NewPCG(53, 1995))
	there := map[int]string{}
	for round := range 12 {
		zone := []string{publicZone, privateZone}[round%2]
		for range 5 {
			i := random.IntN(40)*2 + round%2
			name := fmt.Sprintf("r%d.example.com", i)
			if old, ok := there[i]; ok && random.IntN(3) == 0 {
				c.change(t, zone, fmt.Sprintf("DELETE %s TXT %s", name, old))
				delete(there, i)
				continue
			}
			there[i] = fmt.Sprintf(`"%d"`, random.IntN(1000))
			c.change(t, zone, fmt.Sprintf("UPSERT %s TXT %s", name, there[i]))
		}
		mark := fmt.Sprintf(`"%d"`, round)
		c.change(t, zone, "UPSERT mark.example.com TXT "+mark)
		if zone == privateZone { // else the upper layer's hides it
			c.change(t, publicZone, "UPSERT mark.example.com TXT "+mark)
		} else if round > 0 {
			c.change(t, privateZone, "UPSERT mark.example.com TXT "+mark)
		}
		line := "mark.example.com. 60 IN TXT " + mark
		by := map[string]bool{}
		p.await(t, "the changes are transferred", func() bool {
			f.ixfr(t)
			by[f.by] = true
			return slices.Contains(f.lines(), line)
		})
		if by["axfr"] || !by["ixfr"] {
			t.Fatalf("round %d came by %v", round, by)
		}
		whole := &follower{p: p, from: f.from, key: f.key, apex: f.apex}
		whole.axfr(t)
		if whole.soa.Serial == f.soa.Serial && !slices.Equal(whole.lines(), f.lines()) {
			t.Fatalf("round %d: by IXFR\n%s\nby AXFR\n%s", round, strings.Join(f.lines(), "\n"),
				strings.Join(whole.lines(), "\n"))
		}
	}
	p.await(t, "the secondary is told", func() bool { return secondary.heard(f.apex) == f.serial(t) })

	// By UDP: what fits.
	f.ixfr(t)
	before := f.soa
	c.change(t, privateZone, `UPSERT udp.example.com TXT "1"`)
	p.await(t, "one more change", func() bool { return f.serial(t) != before.Serial })
	reply := f.exchange(t, f.sign(new(dns.Msg).SetIxfr(f.apex, before.Serial, before.Ns, before.Mbox)))
	if len(reply.Answer) < 5 {
		t.Errorf("IXFR by UDP: %v", reply)
	}
	f.apply(t, reply.Answer)
	reply = f.exchange(t, f.sign(new(dns.Msg).SetIxfr(f.apex, 1, before.Ns, before.Mbox)))
	if len(reply.Answer) != 1 || reply.Answer[0].(*dns.SOA).Serial != f.soa.Serial {
		t.Errorf("IXFR by UDP from long ago: %v", reply)
	}
	// A small journal doesn't reach back.
	small.ixfr(t)
	if small.by != "axfr" {
		t.Errorf("IXFR out of a journal of 2 KiB: %s", small.by)
	}

	// After a restart the serials go on, and IXFR does where nothing was missed.
	f.ixfr(t)
	was := f.soa.Serial
	p.end(t)
	p = s.ready(t, config)
	f.p = p
	p.await(t, "the zone is there again", func() bool {
		return f.exchange(t, f.sign(new(dns.Msg).SetQuestion(f.apex, dns.TypeSOA))).Rcode == dns.RcodeSuccess
	})
	f.ixfr(t)
	if f.by == "axfr" || f.soa.Serial < was {
		t.Errorf("after a restart by %s, serial %d after %d", f.by, f.soa.Serial, was)
	}
	f.soa = before
	f.has = map[string]bool{}
	all, err := f.transfer(t, new(dns.Msg).SetIxfr(f.apex, before.Serial, before.Ns, before.Mbox))
	if err != nil || len(all) < 5 || all[1].Header().Rrtype != dns.TypeSOA {
		t.Errorf("IXFR out of the saved journal: %v, %v", all, err)
	}
}
