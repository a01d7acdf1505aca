package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// watch returns what a tail shows of what work has answered: how it came, name, type, response code, result.
func (p *program) watch(t *testing.T, lines int, work func()) []string {
	t.Helper()
	scanner, end := p.tail(t, "")
	defer end()
	work()
	var out []string
	for range lines {
		if !scanner.Scan() {
			t.Fatalf("the tail has ended: %v", scanner.Err())
		}
		var l struct{ View, Transport, Name, Type, Rcode, Result string }
		unmarshal(t, scanner.Text(), &l)
		out = append(out, strings.Join([]string{l.View, l.Transport, l.Name, l.Type, l.Rcode, l.Result}, " "))
	}
	slices.Sort(out)
	return out
}

// sameLines fails where a tail has shown something else, each once.
func sameLines(t *testing.T, got, want []string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("shown are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestTailShowsTransfers: transfers, refused ones and signed questions are seen as others are, each once.
func TestTailShowsTransfers(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.transferConfig("127.0.0.1:9"))
	f := &follower{p: p, from: "127.0.0.1", key: "dublin.", apex: "example.com."}
	p.await(t, "the zone is there", func() bool {
		return f.exchange(t, f.sign(new(dns.Msg).SetQuestion(f.apex, dns.TypeSOA))).Rcode == dns.RcodeSuccess
	})
	stranger := &follower{p: p, from: "127.0.0.9", apex: "example.com."}
	before := p.counter(t, `inside53_rcode_queries_total{rcode="NOTAUTH"}`)
	got := p.watch(t, 5, func() {
		f.axfr(t)
		f.exchange(t, f.sign(new(dns.Msg).SetQuestion("example.com.", dns.TypeSOA)))
		f.exchange(t, f.sign(new(dns.Msg).SetQuestion("git.example.com.", dns.TypeA)))
		stranger.exchange(t, new(dns.Msg).SetQuestion("example.com.", dns.TypeAXFR))
		bad := new(dns.Msg).SetQuestion("git.example.com.", dns.TypeA)
		bad.SetTsig("dublin.", dns.HmacSHA256, 300, time.Now().Unix())
		_, _, _ = (&dns.Client{TsigSecret: map[string]string{"dublin.": dhcpSecret}, Timeout: patience}).ExchangeWithConn(bad,
			dialFrom(t, "udp", f.from, p.addr)) // its answer isn't signed
	})
	sameLines(t, got, []string{
		"outside tcp example.com. AXFR NOERROR local", "outside udp example.com. SOA NOERROR local",
		"outside udp git.example.com. A NXDOMAIN nxdomain", " udp example.com. AXFR REFUSED refused",
		"outside udp git.example.com. A NOTAUTH refused",
	})
	if n := p.counter(t, `inside53_rcode_queries_total{rcode="NOTAUTH"}`); n != before+1 {
		t.Errorf("%d wrong signatures are counted by their response code", n-before)
	}
}

// TestTailShowsUpdates: updates are seen, made and refused ones.
func TestTailShowsUpdates(t *testing.T) {
	u := newUpdating(t, "1h", nil)
	got := u.watch(t, 3, func() {
		ops().send(t, u.addr, added(t, "example.net.", "seen.example.net. 60 IN A 10.0.0.9"))
		over := ops()
		over.network = "tcp"
		over.send(t, u.addr, added(t, "example.com.", "no.example.com. 60 IN A 10.0.0.9"))
		sender{}.send(t, u.addr, added(t, "example.net.", "unsigned.example.net. 60 IN A 10.0.0.9"))
	})
	sameLines(t, got, []string{
		"all udp example.net. SOA NOERROR local", "all tcp example.com. SOA REFUSED refused",
		"all udp example.net. SOA REFUSED refused",
	})
}

// counter returns the value of a counter, 0 where there is none yet.
func (p *program) counter(t *testing.T, name string) int {
	t.Helper()
	text, _ := p.metric(t, name)
	n := 0
	_, _ = fmt.Sscan(text, &n) // there is none
	return n
}
