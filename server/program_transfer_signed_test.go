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
	lines := strings.Count(p.log.String(), "a signature that isn't good")
	if lines < 1 || lines > 40 {
		t.Errorf("200 bad signatures have %d lines in the log", lines)
	}
}
