package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestSignedQuestions asks with a key: the answer is signed by it, whether it is local,
// forwarded or too large, and unknown keys are told so (RFC 8945 section 5.2 and 5.3).
func TestSignedQuestions(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	config := strings.ReplaceAll(updateConfig, "REFRESH", "1h")
	config += "forward: [{zone: ., upstreams: [\"" + c.dns + "\"]}]\n"
	u := &updating{s.ready(t, config), c, s}
	large := new(dns.Msg).SetUpdate("example.net.")
	for i := range 28 {
		large.Insert(rr(t, fmt.Sprintf("large.example.net. 60 IN A 10.0.0.%d", i)))
	}
	if reply := ops().send(t, u.addr, large); reply.Rcode != dns.RcodeSuccess {
		t.Fatal(reply)
	}
	other := ops()
	other.secret = dhcpSecret
	stranger := ops()
	stranger.key = "stranger."
	for _, tt := range []struct {
		from      sender
		name      string
		edns      bool
		rcode     int
		answers   int
		truncated bool
		signed    bool
	}{
		{ops(), "pages.example.net.", false, dns.RcodeSuccess, 1, false, true},
		{ops(), "pages.example.net.", true, dns.RcodeSuccess, 1, false, true},
		{ops(), "nothing.example.net.", true, dns.RcodeNameError, 0, false, true},
		{ops(), "www.example.org.", false, dns.RcodeSuccess, 2, false, true},   // forwarded
		{ops(), "large.example.net.", false, dns.RcodeSuccess, 28, true, true}, // fits only unsigned
		{ops(), "large.example.net.", true, dns.RcodeSuccess, 28, false, true},
		{other, "pages.example.net.", false, dns.RcodeNotAuth, 0, false, false},
		{stranger, "pages.example.net.", true, dns.RcodeNotAuth, 0, false, false},
		{sender{}, "large.example.net.", false, dns.RcodeSuccess, 28, false, false},
	} {
		for _, network := range []string{"udp", "tcp"} {
			tt.from.network = network
			q := new(dns.Msg).SetQuestion(tt.name, dns.TypeA)
			if tt.edns {
				q.SetEdns0(1232, false)
			}
			reply := tt.from.send(t, u.addr, q)
			tsig := reply.IsTsig()
			truncated := tt.truncated && network == "udp"
			answers := tt.answers
			if truncated {
				answers = 0
			}
			signed := tsig != nil && tsig.MACSize > 0
			if reply.Rcode != tt.rcode || len(reply.Answer) != answers || reply.Truncated != truncated ||
				signed != tt.signed ||
				(tsig == nil) != (tt.from.key == "") {
				t.Errorf("%s by %s, key %q, EDNS %v: answered\n%v", tt.name, network, tt.from.key, tt.edns, reply)
			}
		}
	}
}
