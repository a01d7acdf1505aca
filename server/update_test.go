package server

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
)

const (
	netZone    = "Z0731658FW9JB6C8QTRG" // example.net
	opsSecret  = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	dhcpSecret = "ZGhjcGRoY3BkaGNwZGhjcGRoY3BkaGNwZGhjcGRoY3A="
)

// updateConfig takes updates of example.net, and of some names of the private
// example.com.
const updateConfig = `
listen: {dns: ["127.0.0.1:0"]}
admin: "127.0.0.1:0"
state_dir: state
drain: 0s
log: {level: info}
route53: {refresh: REFRESH, requests_per_second: 1000}
views: [{name: all, clients: [127.0.0.0/8], vpcs: ["*"]}]
keys:
- {name: ops, secret: ` + opsSecret + `}
- {name: dhcp, algorithm: hmac-sha512, secret: ` + dhcpSecret + `}
updates:
- {zone: Z0731658FW9JB6C8QTRG, keys: [ops], soa_mname: ns.inside.example}
- {zone: example.com, visibility: private, keys: [dhcp], names: ["*.dyn.example.com", one.example.com], types: [A, TXT]}
- {zone: example.com, visibility: public, keys: [ops], clients: [192.0.2.0/24]}
`

// updating is a program that takes updates, on its simulator.
type updating struct {
	*program
	cloud *cloud
	site  *site
}

// newUpdating starts a program that reads its zones so seldom that tests decide when.
func newUpdating(t *testing.T, refresh string, change func(*awssim.Options)) *updating {
	t.Helper()
	return newUpdatingWithin(t, 1000, refresh, change)
}

// newUpdatingWithin is newUpdating with so many requests a second.
func newUpdatingWithin(t *testing.T, perSecond int, refresh string, change func(*awssim.Options)) *updating {
	t.Helper()
	c := newCloud(t, change)
	s := newSite(t)
	budget := fmt.Sprintf("requests_per_second: %d", perSecond)
	return &updating{s.ready(t, strings.NewReplacer("REFRESH", refresh, "requests_per_second: 1000",
		budget).Replace(updateConfig)), c, s}
}

// records are the values of a record set in the simulator, with their TTL; "" when
// there is none.
func (u *updating) records(zone, name, kind string) string {
	for _, r := range u.cloud.Records(zone) {
		if r.Name != name || r.Type != kind {
			continue
		}
		values := []string{fmt.Sprint(*r.TTL)}
		for _, v := range r.ResourceRecords {
			values = append(values, v.Value)
		}
		slices.Sort(values[1:])
		return strings.Join(values, " ")
	}
	return ""
}

// sender sends updates.
type sender struct {
	key, algorithm, secret string
	network                string
	at                     time.Time // of the signature; zero is now
}

func ops() sender { return sender{key: "ops.", algorithm: dns.HmacSHA256, secret: opsSecret} }

// send exchanges a message with a program.
func (s sender) send(t *testing.T, to netip.AddrPort, m *dns.Msg) *dns.Msg {
	t.Helper()
	c := dns.Client{Net: s.network, Timeout: patience}
	if s.key != "" {
		at := s.at
		if at.IsZero() {
			at = time.Now()
		}
		m.SetTsig(s.key, s.algorithm, 300, at.Unix())
		c.TsigSecret = map[string]string{s.key: s.secret}
	}
	reply, _, err := c.Exchange(m, to.String())
	if reply == nil {
		t.Fatalf("%v for\n%v", err, m)
	}
	if err != nil && reply.Rcode != dns.RcodeNotAuth {
		t.Errorf("answer %v: %v", reply, err)
	}
	return reply
}

// rr parses records.
func rr(t *testing.T, texts ...string) []dns.RR {
	t.Helper()
	var out []dns.RR
	for _, text := range texts {
		r, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// added is an update that adds records.
func added(t *testing.T, zone string, texts ...string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg).SetUpdate(zone)
	m.Insert(rr(t, texts...))
	return m
}

func TestUpdateIsServedAtOnce(t *testing.T) {
	u := newUpdating(t, "1h", nil)
	for _, network := range []string{"udp", "tcp"} {
		s := ops()
		s.network = network
		name := network + ".example.net"
		reply := s.send(t, u.addr, added(t, "example.net.", name+". 60 IN A 10.1.2.3", name+". 60 IN A 10.1.2.4"))
		if reply.Rcode != dns.RcodeSuccess || reply.IsTsig() == nil {
			t.Errorf("by %s: %v", network, reply)
		}
		u.check(t, asks("127.0.0.1", name+" A", "10.1.2.3", "10.1.2.4"))
		if got := u.records(netZone, name+".", "A"); got != "60 10.1.2.3 10.1.2.4" {
			t.Errorf("by %s the simulator has %q", network, got)
		}
	}
	if !strings.Contains(u.log.String(),
		`msg="update accepted" zone=example.net. zone_id=`+netZone+
			` key=ops. client=127.0.0.1 what="add tcp.example.net. 60 A 10.1.2.3; `+
			`add tcp.example.net. 60 A 10.1.2.4" change=C`) {
		t.Error("no audit line")
	}
	_, text := u.get(t, "GET", "/metrics")
	if !strings.Contains(text, `inside53_updates_total{result="noerror"} 2`) {
		t.Error("no metric")
	}
}

// TestUpdateNeverFallsBack changes a record again and again while its zone is listed
// all the time: from the acknowledgement on there is no older answer.
func TestUpdateNeverFallsBack(t *testing.T) {
	u := newUpdating(t, "100ms", func(o *awssim.Options) { o.SyncDelay = 50 * time.Millisecond })
	for i := range 40 {
		m := new(dns.Msg).SetUpdate("example.net.")
		m.RemoveRRset(rr(t, "turn.example.net. 0 IN A 0.0.0.0"))
		m.Insert(rr(t, fmt.Sprintf("turn.example.net. 60 IN A 10.9.0.%d", i)))
		reply := ops().send(t, u.addr, m)
		if reply.Rcode != dns.RcodeSuccess {
			t.Fatalf("change %d: %v", i, reply)
		}
		for range 20 {
			u.check(t, asks("127.0.0.1", "turn.example.net A", fmt.Sprintf("10.9.0.%d", i)))
			time.Sleep(time.Millisecond)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}

// TestUpdateReload turns updates on, changes a key, and turns them off.
func TestUpdateReload(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	full := strings.ReplaceAll(updateConfig, "REFRESH", "1h")
	bare, _, _ := strings.Cut(full, "keys:")
	p := s.ready(t, bare)
	u := &updating{p, c, s}
	n := 0
	try := func(from sender) int {
		n++
		return from.send(t, u.addr, added(t, "example.net.", fmt.Sprintf("r%d.example.net. 60 IN A 10.0.0.1", n))).Rcode
	}
	if code := try(sender{}); code != dns.RcodeRefused {
		t.Errorf("off: answered %s", dns.RcodeToString[code])
	}
	u.check(t, asks("127.0.0.1", "example.net SOA",
		"ns-77.awsdns-09.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"))
	p.configure(t, s, full)
	p.await(t, "updates are on", func() bool { return strings.Contains(p.log.String(), "configuration reloaded") })
	if code := try(ops()); code != dns.RcodeSuccess {
		t.Errorf("on: answered %s", dns.RcodeToString[code])
	}
	u.check(t, asks("127.0.0.1", "example.net SOA",
		"ns.inside.example. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"))
	s.write(t, "ops.key", "key \"ops\" {\n\talgorithm hmac-sha256;\n\tsecret \""+dhcpSecret+"\";\n};\n")
	p.configure(t, s, strings.ReplaceAll(full, "secret: "+opsSecret, "secret_file: ops.key"))
	p.await(t, "the key is another one", func() bool {
		return try(sender{key: "ops.", algorithm: dns.HmacSHA256, secret: dhcpSecret}) == dns.RcodeSuccess
	})
	p.configure(t, s, strings.ReplaceAll(full, "secret: "+opsSecret, "secret_file: no.key"))
	p.await(t, "a key that isn't there is said",
		func() bool { return strings.Contains(p.log.String(), "reading the secret of key ops.") })
	if code := try(sender{key: "ops.", algorithm: dns.HmacSHA256, secret: dhcpSecret}); code != dns.RcodeSuccess {
		t.Errorf("the old configuration doesn't stay: %s", dns.RcodeToString[code])
	}
	p.configure(t, s, bare)
	p.await(t, "updates are off", func() bool {
		return try(sender{}) == dns.RcodeRefused && strings.Count(p.log.String(), "configuration reloaded") == 3
	})
}
