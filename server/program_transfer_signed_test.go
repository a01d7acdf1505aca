package server

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestTransfersLogFewFaults: who only knows the name of a key must not fill the log.
func TestTransfersLogFewFaults(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.transferConfig("127.0.0.1:9"))
	q := asks("127.9.0.1", "example.com SOA")
	conn, err := q.dial(p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	conn.TsigSecret = map[string]string{"dublin.": dhcpSecret}
	for range 200 {
		query := new(dns.Msg).SetQuestion("example.com.", dns.TypeSOA)
		query.SetTsig("dublin.", dns.HmacSHA256, 300, time.Now().Unix())
		_ = conn.SetDeadline(time.Now().Add(answerTime)) // a failure is that of what follows
		err := conn.WriteMsg(query)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := conn.ReadMsg()
		if reply == nil || reply.Rcode != dns.RcodeNotAuth {
			t.Fatalf("the answer is %v, error %v", reply, err)
		}
	}
	lines := strings.Count(p.log.String(), "transfer refused")
	if lines < 1 || lines > 40 {
		t.Errorf("200 bad signatures have %d lines in the log", lines)
	}
	value, ok := p.metric(t, `inside53_transfers_total{kind="soa",result="refused"}`)
	if !ok || value != "200" {
		t.Errorf("refused are %q", value)
	}
}

// TestRefusedTransfersAreSaid: each is counted, and logged with the reason.
func TestRefusedTransfersAreSaid(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.transferConfig("127.0.0.1:9"))
	ready := &follower{p: p, from: "127.0.0.1", key: "dublin.", apex: "catalog.inside53."}
	p.await(t, "the catalog is there", func() bool {
		return ready.exchange(t, ready.sign(new(dns.Msg).SetQuestion(ready.apex, dns.TypeSOA))).Rcode == dns.RcodeSuccess
	})
	for _, tt := range []struct{ from, key, zone, want string }{
		{"127.2.0.1", "", "example.com.", `zone=example.com. kind=axfr key="" reason=key suppressed=0`},
		{"127.4.0.1", "other.", "example.com.", `zone=example.com. kind=axfr key=other. reason=key suppressed=0`},
		{"127.0.0.9", "dublin.", "example.org.", `zone=example.org. kind=axfr key=dublin. reason=view suppressed=0`},
		{"127.2.0.9", "nobody.", "example.com.", `zone=example.com. kind=axfr key=nobody. reason=key suppressed=0`},
	} {
		f := &follower{p: p, from: tt.from, key: tt.key, apex: tt.zone}
		c := &dns.Client{TsigSecret: f.secrets(), Timeout: patience}
		reply, _, _ := c.ExchangeWithConn(f.sign(new(dns.Msg).SetQuestion(tt.zone, dns.TypeAXFR)),
			dialFrom(t, "udp", f.from, p.addr))
		if reply == nil || reply.Rcode != dns.RcodeRefused && reply.Rcode != dns.RcodeNotAuth {
			t.Errorf("%+v: the answer is %v", tt, reply)
		}
		if !strings.Contains(p.log.String(), `msg="transfer refused" client=`+tt.from+" "+tt.want) {
			t.Errorf("no line with client=%s %s", tt.from, tt.want)
		}
	}
	value, ok := p.metric(t, `inside53_transfers_total{kind="axfr",result="refused"}`)
	if !ok || value != "4" {
		t.Errorf("refused are %q", value)
	}
}

// TestRefusedTransfersAreSaidWithoutTransfers: also where there are no transfers.
func TestRefusedTransfersAreSaidWithoutTransfers(t *testing.T) {
	p := newSite(t).ready(t, newCloud(t, nil).config())
	f := &follower{p: p, from: "127.0.0.1", apex: "example.com."}
	for range 3 {
		reply := f.exchange(t, new(dns.Msg).SetQuestion("example.com.", dns.TypeAXFR))
		if reply.Rcode != dns.RcodeRefused {
			t.Errorf("the answer is %v", reply)
		}
	}
	if !strings.Contains(p.log.String(),
		`msg="transfer refused" client=127.0.0.1 zone=example.com. kind=axfr key="" reason=zone suppressed=0`) {
		t.Error("no line says so")
	}
	value, ok := p.metric(t, `inside53_transfers_total{kind="axfr",result="refused"}`)
	if !ok || value != "3" {
		t.Errorf("refused are %q", value)
	}
}
