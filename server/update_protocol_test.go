package server

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestUpdateSignatures goes through RFC 8945 section 5.2: which requests are taken, and
// how the others are answered.
func TestUpdateSignatures(t *testing.T) {
	u := newUpdating(t, "1h", nil)
	good := ops()
	for i, tt := range []struct {
		what   string
		from   sender
		rcode  int
		fault  int
		signed bool
	}{
		{"hmac-sha256", good, dns.RcodeSuccess, 0, true},
		{"in other letters", sender{key: "OPS.", algorithm: "HMAC-sha256.", secret: opsSecret}, dns.RcodeSuccess, 0, true},
		{"a clock that is 4 minutes off",
			sender{key: "ops.", algorithm: dns.HmacSHA256, secret: opsSecret, at: time.Now().Add(-4 * time.Minute)},
			dns.RcodeSuccess, 0, true},
		{"without", sender{}, dns.RcodeRefused, 0, false},
		{"unknown key", sender{key: "nobody.", algorithm: dns.HmacSHA256, secret: opsSecret}, dns.RcodeNotAuth,
			dns.RcodeBadKey, false},
		{"another algorithm", sender{key: "ops.", algorithm: dns.HmacSHA512, secret: opsSecret}, dns.RcodeNotAuth,
			dns.RcodeBadKey, false},
		{"weak algorithm", sender{key: "ops.", algorithm: dns.HmacSHA1, secret: opsSecret}, dns.RcodeNotAuth, dns.RcodeBadKey,
			false},
		{"another secret", sender{key: "ops.", algorithm: dns.HmacSHA256, secret: dhcpSecret}, dns.RcodeNotAuth,
			dns.RcodeBadSig, false},
		{"a clock that is slow", sender{key: "ops.", algorithm: dns.HmacSHA256, secret: opsSecret,
			at: time.Now().Add(-10 * time.Minute)}, dns.RcodeNotAuth, dns.RcodeBadTime, true},
		{"a clock that is fast", sender{key: "ops.", algorithm: dns.HmacSHA256, secret: opsSecret,
			at: time.Now().Add(10 * time.Minute)}, dns.RcodeNotAuth, dns.RcodeBadTime, true},
	} {
		name := fmt.Sprintf("n%d.example.net.", i)
		m := added(t, "example.net.", name+" 60 IN A 10.1.2.3")
		reply := tt.from.send(t, u.addr, m)
		if reply.Rcode != tt.rcode {
			t.Errorf("%s: answered %s, want %s", tt.what, dns.RcodeToString[reply.Rcode], dns.RcodeToString[tt.rcode])
		}
		if made := u.records(netZone, name, "A") != ""; made != (tt.rcode == dns.RcodeSuccess) {
			t.Errorf("%s: made is %v", tt.what, made)
		}
		tsig := reply.IsTsig()
		if tt.from.key == "" {
			if tsig != nil {
				t.Errorf("%s: answer with %v", tt.what, tsig)
			}
			continue
		}
		if tsig == nil || int(tsig.Error) != tt.fault || (tsig.MACSize > 0) != tt.signed {
			t.Errorf("%s: answered with %v", tt.what, tsig)
			continue
		}
		if off := time.Now().Unix() - int64(tsig.TimeSigned); (tt.fault == dns.RcodeBadKey || tt.fault == dns.RcodeBadSig) &&
			(off < 0 || off > 300) {
			t.Errorf("%s: answered with a time that is %d s off; clients would speak of clocks", tt.what, off)
		}
		if tt.fault == dns.RcodeBadTime {
			now, err := hex.DecodeString(tsig.OtherData)
			if err != nil || len(now) != 6 || int64(tsig.TimeSigned) != tt.from.at.Unix() {
				t.Errorf("%s: answered with %v", tt.what, tsig)
			}
		}
	}
	_, text := u.get(t, "GET", "/metrics")
	for _, want := range []string{`{result="noerror"} 3`, `{result="badkey"} 3`, `{result="badsig"} 1`,
		`{result="badtime"} 2`, `{result="refused"} 1`} {
		if !strings.Contains(text, "inside53_updates_total"+want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
}

// raw sends bytes by UDP and returns the answer.
func raw(t *testing.T, u *updating, packet []byte) *dns.Msg {
	t.Helper()
	return rawFrom(t, u, "127.0.0.1", packet)
}

func rawFrom(t *testing.T, u *updating, from string, packet []byte) *dns.Msg {
	t.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}).Dial("udp", u.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, err = c.Write(packet)
	if err != nil {
		t.Fatal(err)
	}
	err = c.SetReadDeadline(time.Now().Add(patience))
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	reply := new(dns.Msg)
	err = reply.Unpack(buf[:n])
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// signed is a message as it goes over the wire.
func signed(t *testing.T, m *dns.Msg) []byte {
	t.Helper()
	m.SetTsig("ops.", dns.HmacSHA256, 300, time.Now().Unix())
	packet, _, err := dns.TsigGenerate(m, opsSecret, "", false)
	if err != nil {
		t.Fatal(err)
	}
	return packet
}

// TestUpdateForm sends what is no update (RFC 2136 section 3.1, RFC 8945 section 5.1).
func TestUpdateForm(t *testing.T) {
	u := newUpdating(t, "1h", nil)
	change := func(f func(m *dns.Msg)) []byte {
		m := added(t, "example.net.", "x.example.net. 60 IN A 10.1.2.3")
		f(m)
		return signed(t, m)
	}
	cut := change(func(*dns.Msg) {})
	unsigned, err := added(t, "example.net.", "x.example.net. 60 IN A 10.1.2.3").Pack()
	if err != nil {
		t.Fatal(err)
	}
	tampered := append([]byte(nil), cut...)
	tampered[len("xxxxxxxxxxxx")+3] ^= 0x20 // a letter of the zone
	tsig := &dns.TSIG{Hdr: dns.RR_Header{Name: "ops.", Rrtype: dns.TypeTSIG, Class: dns.ClassANY},
		Algorithm: dns.HmacSHA256, Fudge: 300, TimeSigned: 1}
	for _, tt := range []struct {
		what   string
		packet []byte
		rcode  int
	}{
		{"no zone", change(func(m *dns.Msg) { m.Question = nil }), dns.RcodeFormatError},
		{"two zones", change(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }), dns.RcodeFormatError},
		{"no SOA", change(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeA }), dns.RcodeFormatError},
		{"another class", change(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), dns.RcodeNotAuth},
		{"a zone of nobody", change(func(m *dns.Msg) { m.Question[0].Name = "example.info." }), dns.RcodeNotAuth},
		{"a name below a zone", change(func(m *dns.Msg) { m.Question[0].Name = "x.example.net." }), dns.RcodeNotAuth},
		{"header alone", cut[:12], dns.RcodeFormatError},
		{"no signature", unsigned, dns.RcodeRefused},
		{"cut", cut[:40], dns.RcodeFormatError},
		{"tampered with", tampered, dns.RcodeNotAuth},
		{"TSIG in the wrong place", change(func(m *dns.Msg) { m.Extra = append(m.Extra, tsig) }), dns.RcodeFormatError},
		{"TSIG among the changes", change(func(m *dns.Msg) { m.Ns = append(m.Ns, tsig) }), dns.RcodeFormatError},
		{"as it should be", cut, dns.RcodeSuccess},
	} {
		reply := raw(t, u, tt.packet)
		if reply.Rcode != tt.rcode || !reply.Response || reply.Opcode != dns.OpcodeUpdate {
			t.Errorf("%s: answered\n%v", tt.what, reply)
		}
	}
}

// TestUpdatePolicy holds updates against what the configuration grants.
func TestUpdatePolicy(t *testing.T) {
	u := newUpdating(t, "1h", nil)
	dhcp := sender{key: "dhcp.", algorithm: dns.HmacSHA512, secret: dhcpSecret}
	for _, tt := range []struct {
		what  string
		from  sender
		zone  string
		add   string
		rcode int
		text  string
	}{
		{"all of a zone", ops(), "example.net.", "a.b.c.example.net. 60 IN TXT x", dns.RcodeSuccess, ""},
		{"by a key of another zone", dhcp, "example.net.", "a.example.net. 60 IN A 10.0.0.1", dns.RcodeRefused,
			"the key may not change that zone"},
		{"below a name", dhcp, "example.com.", "h.dyn.example.com. 60 IN A 10.0.0.1", dns.RcodeSuccess, ""},
		{"far below a name, in capitals", dhcp, "EXAMPLE.com.", "A.H.DYN.example.com. 60 IN A 10.0.0.1", dns.RcodeSuccess,
			""},
		{"one name", dhcp, "example.com.", "one.example.com. 60 IN TXT x", dns.RcodeSuccess, ""},
		{"the name itself", dhcp, "example.com.", "dyn.example.com. 60 IN A 10.0.0.1", dns.RcodeRefused,
			"the key may not change dyn.example.com. A"},
		{"below one name", dhcp, "example.com.", "b.one.example.com. 60 IN A 10.0.0.1", dns.RcodeRefused,
			"the key may not change b.one.example.com. A"},
		{"a name that ends alike", dhcp, "example.com.", "h.xdyn.example.com. 60 IN A 10.0.0.1", dns.RcodeRefused,
			"the key may not change h.xdyn.example.com. A"},
		{"another type", dhcp, "example.com.", "h.dyn.example.com. 60 IN AAAA fd00::1", dns.RcodeRefused,
			"the key may not change h.dyn.example.com. AAAA"},
		{"from another address", ops(), "example.com.", "h.example.com. 60 IN A 10.0.0.1", dns.RcodeRefused,
			"updates may not come from this address"},
		{"no such zone", ops(), "example.info.", "h.example.info. 60 IN A 10.0.0.1", dns.RcodeNotAuth,
			"no zone of that name takes updates"},
		{"a type that Route 53 has not", ops(), "example.net.", "x.example.net. 60 IN TYPE65280 \\# 1 00", dns.RcodeRefused,
			"Route 53 has no records of type TYPE65280"},
	} {
		m := added(t, tt.zone, tt.add)
		m.SetEdns0(1232, false)
		reply := tt.from.send(t, u.addr, m)
		var text string
		for _, o := range reply.IsEdns0().Option {
			text += o.(*dns.EDNS0_EDE).ExtraText
		}
		if reply.Rcode != tt.rcode || text != tt.text {
			t.Errorf("%s: answered %s %q, want %s %q", tt.what, dns.RcodeToString[reply.Rcode], text,
				dns.RcodeToString[tt.rcode], tt.text)
		}
	}
	for _, why := range []string{"the key may not change that zone", "Route 53 has no records of type TYPE65280"} {
		if log := u.log.String(); !strings.Contains(log, "update refused") || !strings.Contains(log, why) {
			t.Errorf("the log doesn't say %q:\n%s", why, log)
		}
	}
	// The whole of a name is of all types.
	m := new(dns.Msg).SetUpdate("example.com.")
	m.RemoveName(rr(t, "h.dyn.example.com. 0 IN A 10.0.0.1"))
	reply := dhcp.send(t, u.addr, m)
	if reply.Rcode != dns.RcodeRefused {
		t.Errorf("a name of all types: answered %v", reply)
	}
	if got := u.records(privateZone, "h.dyn.example.com.", "A"); got != "60 10.0.0.1" {
		t.Errorf("the private zone has %q", got)
	}
	if got := u.records(publicZone, "h.dyn.example.com.", "A"); got != "" {
		t.Errorf("the public zone of that name has %q", got)
	}
}

// TestUpdateAgain sends one request again and again: while it is under way and after.
// It is made once, and each is answered alike, though its own changes stand against
// its prerequisites.
func TestUpdateAgain(t *testing.T) {
	u := newUpdating(t, "1h", nil)
	m := added(t, "example.net.", "once.example.net. 60 IN A 10.1.2.3")
	m.NameNotUsed(rr(t, "once.example.net. 0 IN A 0.0.0.0"))
	packet := signed(t, m)
	codes := make(chan int)
	for range 8 {
		go func() { codes <- raw(t, u, packet).Rcode }()
	}
	for range 8 {
		if code := <-codes; code != dns.RcodeSuccess {
			t.Errorf("answered %s", dns.RcodeToString[code])
		}
	}
	if reply := raw(t, u, packet); reply.Rcode != dns.RcodeSuccess || reply.IsTsig() == nil {
		t.Errorf("afterwards answered %v", reply)
	}
	if reply := rawFrom(t, u, "127.0.0.2", packet); reply.Rcode != dns.RcodeSuccess {
		t.Errorf("from another address answered %v", reply)
	}
	if n := u.cloud.Calls()["ChangeResourceRecordSets"]; n != 1 {
		t.Errorf("%d batches were sent", n)
	}
	other := added(t, "example.net.", "once.example.net. 60 IN A 10.1.2.4")
	other.NameNotUsed(rr(t, "once.example.net. 0 IN A 0.0.0.0"))
	if reply := raw(t, u, signed(t, other)); reply.Rcode != dns.RcodeYXDomain {
		t.Errorf("another one is answered %v", reply)
	}
}

// TestUpdateReplay: who has seen an update can't have it made once more after it was
// undone, from whatever address.
func TestUpdateReplay(t *testing.T) {
	u := newUpdating(t, "1h", nil)
	packet := signed(t, added(t, "example.net.", "once.example.net. 60 IN A 10.1.2.3"))
	undo := new(dns.Msg).SetUpdate("example.net.")
	undo.RemoveName(rr(t, "once.example.net. 0 IN A 0.0.0.0"))
	for _, p := range [][]byte{packet, signed(t, undo)} {
		if reply := raw(t, u, p); reply.Rcode != dns.RcodeSuccess {
			t.Fatalf("answered %v", reply)
		}
	}
	for _, from := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
		rawFrom(t, u, from, packet)
		packet[0]++ // the id is not signed (RFC 8945 section 4.3.2)
		if got := u.records(netZone, "once.example.net.", "A"); got != "" {
			t.Errorf("from %s: Route 53 has %q", from, got)
		}
	}
	// What is remembered is remembered for as long as a signature is good, whatever its
	// sender says of its clock.
	late := added(t, "example.net.", "late.example.net. 60 IN A 10.1.2.3")
	late.SetTsig("ops.", dns.HmacSHA256, 65535, time.Now().Add(-20*time.Minute).Unix())
	packet, _, err := dns.TsigGenerate(late, opsSecret, "", false)
	if err != nil {
		t.Fatal(err)
	}
	reply := raw(t, u, packet)
	if tsig := reply.IsTsig(); reply.Rcode != dns.RcodeNotAuth || tsig == nil || tsig.Error != dns.RcodeBadTime {
		t.Errorf("an old one is answered %v", reply)
	}
}

// TestUpdateTruncatedSignature shortens the MAC (RFC 8945 section 5.2.2.1 and 5.2.4).
func TestUpdateTruncatedSignature(t *testing.T) {
	u := newUpdating(t, "1h", nil)
	for _, tt := range []struct {
		octets int
		wrong  bool
		rcode  int
		fault  uint16
		signed bool
	}{
		{32, false, dns.RcodeSuccess, 0, true},
		{31, false, dns.RcodeNotAuth, dns.RcodeBadTrunc, true},
		{16, false, dns.RcodeNotAuth, dns.RcodeBadTrunc, true},
		{16, true, dns.RcodeNotAuth, dns.RcodeBadSig, false},
		{15, false, dns.RcodeFormatError, 0, false},
		{0, false, dns.RcodeFormatError, 0, false},
	} {
		name := fmt.Sprintf("t%d.example.net.", tt.octets)
		m := added(t, "example.net.", name+" 60 IN A 10.1.2.3")
		whole := new(dns.Msg)
		err := whole.Unpack(signed(t, m))
		if err != nil {
			t.Fatal(err)
		}
		tsig := whole.IsTsig()
		tsig.MAC, tsig.MACSize = tsig.MAC[:2*tt.octets], uint16(tt.octets)
		if tt.wrong {
			tsig.MAC = strings.Repeat("ab", tt.octets)
		}
		packet, err := whole.Pack()
		if err != nil {
			t.Fatal(err)
		}
		reply := raw(t, u, packet)
		is := reply.IsTsig()
		if reply.Rcode != tt.rcode || tt.rcode != dns.RcodeFormatError &&
			(is == nil || is.Error != tt.fault || (is.MACSize > 0) != tt.signed) {
			t.Errorf("%d octets: answered %v", tt.octets, reply)
		}
		if made := u.records(netZone, name, "A") != ""; made != (tt.rcode == dns.RcodeSuccess) {
			t.Errorf("%d octets: made is %v", tt.octets, made)
		}
	}
}

// TestUpdateTampered changes each bit of updates that are signed: none of them is made but
// those that differ in the id, which no signature covers, or in the case of the names of
// key and algorithm, which is none.
func TestUpdateTampered(t *testing.T) {
	u := newUpdating(t, "1h", nil)
	c, err := net.Dial("udp", u.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	good := func(name string) {
		t.Helper()
		reply := raw(t, u, signed(t, added(t, "example.net.", name+".example.net. 60 IN A 10.1.2.3")))
		if reply.Rcode != dns.RcodeSuccess {
			t.Errorf("a good one is answered %v", reply)
		}
	}
	const key, algorithm = "\x03ops\x00", "\x0bhmac-sha256\x00"
	want := map[string]bool{}
	for at, size := 0, 1; at < size; at++ {
		for bit := range 8 {
			name := fmt.Sprintf("f%03d-%d.example.net.", at, bit)
			packet := signed(t, added(t, "example.net.", name+" 60 IN A 10.1.2.3"))
			size = len(packet)
			within := func(name string) bool {
				begin := bytes.LastIndex(packet, []byte(name))
				return at >= begin && at < begin+len(name) && packet[at] >= 'a'
			}
			if at < 2 || bit == 5 && (within(key) || within(algorithm)) {
				want[name] = true
			}
			packet[at] ^= 1 << bit
			_, err := c.Write(packet)
			if err != nil {
				t.Fatal(err)
			}
		}
		if at%8 == 0 {
			good(fmt.Sprint("good", at)) // so that what waits stays little
		}
	}
	good("end0")
	good("end1") // whatever came before was handled
	for _, r := range u.cloud.Records(netZone) {
		is := len(r.Name) == len("f000-0.example.net.") && r.Name[0] == 'f'
		if is && !want[r.Name] {
			t.Errorf("%s was made", r.Name)
		}
		delete(want, r.Name)
	}
	if len(want) > 0 {
		t.Errorf("not made: %v", want)
	}
}
