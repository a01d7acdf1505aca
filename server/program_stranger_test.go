package server

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestStrangersAreRefused: whatever a client sends that may neither ask nor is named
// anywhere, it is refused without a look at its signature, and the name of a key alone
// opens nothing where an address is asked for too.
func TestStrangersAreRefused(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.transferConfig("127.0.0.1:9")+"allow: [127.0.0.1/32, 127.1.0.0/16]\n")
	for _, tt := range []struct {
		name string
		m    *dns.Msg
		key  string
	}{
		{"a question", new(dns.Msg).SetQuestion("example.com.", dns.TypeA), ""},
		{"SOA", new(dns.Msg).SetQuestion("example.com.", dns.TypeSOA), ""},
		{"AXFR", new(dns.Msg).SetAxfr("example.com."), ""},
		{"IXFR", new(dns.Msg).SetIxfr("example.com.", 1, "a.", "b."), ""},
		{"NOTIFY", new(dns.Msg).SetNotify("example.com."), ""},
		{"UPDATE", new(dns.Msg).SetUpdate("example.com."), ""},
		{"a signed question", new(dns.Msg).SetQuestion("example.com.", dns.TypeA), "dublin."},
		{"SOA signed by a key that nobody knows", new(dns.Msg).SetQuestion("example.com.", dns.TypeSOA), "nobody."},
		{"SOA signed by a key of other addresses", new(dns.Msg).SetQuestion("example.com.", dns.TypeSOA), "virginia."},
		{"a signed UPDATE", new(dns.Msg).SetUpdate("example.com."), "dublin."},
	} {
		for _, network := range []string{"udp", "tcp"} {
			q := asks("127.9.0.1", "example.com SOA")
			q.tcp = network == "tcp"
			conn, err := q.dial(p.addr)
			if err != nil {
				t.Fatal(err)
			}
			m := tt.m.Copy()
			m.SetEdns0(1232, false)
			if tt.key != "" {
				conn.TsigSecret = map[string]string{tt.key: dhcpSecret}
				m.SetTsig(tt.key, dns.HmacSHA256, 300, time.Now().Unix())
			}
			_ = conn.SetDeadline(time.Now().Add(answerTime)) // a failure is that of what follows
			err = conn.WriteMsg(m)
			if err != nil {
				t.Fatal(err)
			}
			reply, err := conn.ReadMsg()
			_ = conn.Close()
			if reply == nil || err != nil {
				t.Fatalf("%s by %s: %v, error %v", tt.name, network, reply, err)
			}
			if reply.Rcode != dns.RcodeRefused || reply.IsTsig() != nil ||
				extendedErrorOf(reply) != int(dns.ExtendedErrorCodeProhibited) {
				t.Errorf("%s by %s: %v", tt.name, network, reply)
			}
		}
	}
}

// TestUpdatesOfOtherAddressesAreSaid: an update from an address that nothing is granted to is
// refused, and the log says so, however many there are in few lines.
func TestUpdatesOfOtherAddressesAreSaid(t *testing.T) {
	config := newCloud(t, nil).config() + "keys: [{name: ops., secret: " + opsSecret + "}]\n" +
		"updates: [{zone: " + productZone + ", keys: [ops.], clients: [192.0.2.0/24]}]\n"
	p := newSite(t).ready(t, config)
	conn, err := asks(dublin, "example.net SOA").dial(p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	conn.TsigSecret = map[string]string{"nobody.": opsSecret}
	for range 50 {
		m := new(dns.Msg).SetUpdate("example.net.")
		m.SetTsig("nobody.", dns.HmacSHA256, 300, time.Now().Unix())
		_ = conn.SetDeadline(time.Now().Add(answerTime)) // a failure is that of what follows
		err = conn.WriteMsg(m)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := conn.ReadMsg()
		if reply == nil || reply.Rcode != dns.RcodeRefused {
			t.Fatalf("the answer is %v, error %v", reply, err)
		}
	}
	lines := strings.Count(p.log.String(),
		`msg="update refused" client=`+dublin+` result=REFUSED why="nothing is granted to this address"`)
	if lines < 1 || lines > 30 {
		t.Errorf("50 updates have %d lines in the log", lines)
	}
}

// extendedErrorOf returns the extended error of an answer, -1 where it has none.
func extendedErrorOf(m *dns.Msg) int {
	opt := m.IsEdns0()
	if opt == nil {
		return -1
	}
	for _, o := range opt.Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			return int(e.InfoCode)
		}
	}
	return -1
}
