//go:build clients

package server

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"inside53/zonesource/awssim"
)

// command runs a program and returns what it prints.
func command(t *testing.T, stdin string, words ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	c.Stdin = strings.NewReader(stdin)
	out, err := c.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		t.Fatalf("%s has not ended within %v; until then it said %q", words[0], 4*patience, out)
	case err != nil && c.ProcessState == nil:
		t.Fatalf("%s: %v", words[0], err) // not there
	}
	return string(out)
}

// updateScript is one update as nsupdate and knsupdate take it.
type updateScript struct {
	section string // of RFC 2136
	lines   string // separated by "; "
	want    string // response code
	name    string // what then is looked at
	kind    string
	records string // as the simulator has them, "" for none
}

// updateScripts go through RFC 2136 section 2.4 and 2.5, each with what those before have
// left.
var updateScripts = []updateScript{
	{"2.5.1 add", "add a.up.example.net. 300 A 10.0.0.1; add a.up.example.net. 300 A 10.0.0.2; add a.up.example.net. 60 " +
		"TXT \"some text\"", "NOERROR", "a.up.example.net.", "A", "300 10.0.0.1 10.0.0.2"},
	{"2.5.1 add to others", "add a.up.example.net. 300 A 10.0.0.3", "NOERROR", "a.up.example.net.", "A",
		"300 10.0.0.1 10.0.0.2 10.0.0.3"},
	{"2.5.1 add, another TTL", "add a.up.example.net. 120 A 10.0.0.3", "NOERROR", "a.up.example.net.", "A",
		"120 10.0.0.1 10.0.0.2 10.0.0.3"},
	{"2.5.1 add types", "add t.up.example.net. 60 MX 10 mail.example.net.; add t.up.example.net. 60 SRV 1 2 443 " +
		"a.up.example.net.; add t.up.example.net. 60 CAA 0 issue \"ca.example\"", "NOERROR", "t.up.example.net.", "SRV",
		"60 1 2 443 a.up.example.net."},
	{"2.5.1 add a CNAME", "add c.up.example.net. 60 CNAME a.up.example.net.", "NOERROR", "c.up.example.net.", "CNAME",
		"60 a.up.example.net."},
	{"3.4.2.2 beside a CNAME", "add c.up.example.net. 60 A 10.0.0.1", "NOERROR", "c.up.example.net.", "A", ""},
	{"3.4.2.2 a CNAME beside", "add a.up.example.net. 60 CNAME c.up.example.net.", "NOERROR", "a.up.example.net.", "CNAME",
		""},
	{"2.4.1 RRset exists", "prereq yxrrset a.up.example.net. A; add p1.up.example.net. 60 A 10.0.0.1", "NOERROR",
		"p1.up.example.net.", "A", "60 10.0.0.1"},
	{"2.4.1 RRset exists, it doesn't", "prereq yxrrset a.up.example.net. AAAA; add p2.up.example.net. 60 A 10.0.0.1",
		"NXRRSET", "p2.up.example.net.", "A", ""},
	{"2.4.2 RRset exists, values", "prereq yxrrset a.up.example.net. A 10.0.0.2; prereq yxrrset a.up.example.net. A " +
		"10.0.0.1; prereq yxrrset a.up.example.net. A 10.0.0.3; add p3.up.example.net. 60 A 10.0.0.1", "NOERROR",
		"p3.up.example.net.", "A", "60 10.0.0.1"},
	{"2.4.2 RRset exists, other values",
		"prereq yxrrset a.up.example.net. A 10.0.0.2; add p4.up.example.net. 60 A 10.0.0.1", "NXRRSET", "p4.up.example.net.",
		"A", ""},
	{"2.4.3 RRset does not exist", "prereq nxrrset a.up.example.net. AAAA; add p5.up.example.net. 60 A 10.0.0.1",
		"NOERROR", "p5.up.example.net.", "A", "60 10.0.0.1"},
	{"2.4.3 RRset does not exist, it does", "prereq nxrrset a.up.example.net. TXT; add p6.up.example.net. 60 A 10.0.0.1",
		"YXRRSET", "p6.up.example.net.", "A", ""},
	{"2.4.4 name is in use", "prereq yxdomain a.up.example.net.; add p7.up.example.net. 60 A 10.0.0.1", "NOERROR",
		"p7.up.example.net.", "A", "60 10.0.0.1"},
	{"2.4.4 name is in use, it isn't", "prereq yxdomain up.example.net.; add p8.up.example.net. 60 A 10.0.0.1", "NXDOMAIN",
		"p8.up.example.net.", "A", ""},
	{"2.4.5 name is not in use", "prereq nxdomain p9.up.example.net.; add p9.up.example.net. 60 A 10.0.0.1", "NOERROR",
		"p9.up.example.net.", "A", "60 10.0.0.1"},
	{"2.4.5 name is not in use, it is", "prereq nxdomain p9.up.example.net.; add p10.up.example.net. 60 A 10.0.0.1",
		"YXDOMAIN", "p10.up.example.net.", "A", ""},
	{"2.5.4 delete a record", "delete a.up.example.net. A 10.0.0.2", "NOERROR", "a.up.example.net.", "A",
		"120 10.0.0.1 10.0.0.3"},
	{"2.5.2 delete an RRset", "delete a.up.example.net. TXT", "NOERROR", "a.up.example.net.", "TXT", ""},
	{"2.5.2 delete what isn't there", "delete a.up.example.net. MX", "NOERROR", "a.up.example.net.", "A",
		"120 10.0.0.1 10.0.0.3"},
	{"replace", "delete a.up.example.net. A; add a.up.example.net. 60 A 10.0.0.9", "NOERROR", "a.up.example.net.", "A",
		"60 10.0.0.9"},
	{"2.5.3 delete a name", "delete t.up.example.net.", "NOERROR", "t.up.example.net.", "MX", ""},
	{"the SOA of the apex", "add example.net. 60 SOA ns.example.net. host.example.net. 2147480000 1 1 1 1", "NOERROR",
		"example.net.", "NS",
		"172800 ns-1217.awsdns-24.org. ns-1702.awsdns-20.co.uk. ns-604.awsdns-11.net. ns-77.awsdns-09.com."},
	{"the last NS of the apex", "delete example.net. NS; delete example.net. NS ns-1217.awsdns-24.org.; delete " +
		"example.net. NS ns-1702.awsdns-20.co.uk.; delete example.net. NS ns-604.awsdns-11.net.; delete example.net. NS " +
		"ns-77.awsdns-09.com.", "NOERROR", "example.net.", "NS", "172800 ns-77.awsdns-09.com."},
	{"a wildcard", "add *.w.example.net. 60 A 10.0.0.1", "NOERROR", `\052.w.example.net.`, "A", "60 10.0.0.1"},
	{"a policy", "add weighted.up.example.net. 60 A 10.0.0.1", "REFUSED", "", "", ""},
	{"not in the zone", "add x.example.org. 60 A 10.0.0.1", "NOTZONE", "", "", ""},
}

// run makes an update by a client and holds what comes of it against what should.
func (u *updating) run(t *testing.T, client string, s updateScript, words ...string) {
	t.Helper()
	lines := strings.ReplaceAll(s.lines, "; ", "\n")
	if client == "knsupdate" {
		lines = strings.NewReplacer("prereq ", "", "delete ", "update delete ", "add ", "update add ").Replace(lines)
	}
	text := fmt.Sprintf("server %s %d\nzone example.net.\n%s\nsend\n", u.addr.Addr(), u.addr.Port(), lines)
	got := command(t, text, append([]string{client, "-y", "hmac-sha256:ops:" + opsSecret}, words...)...)
	bad := strings.Contains(got, "failed") || strings.Contains(got, "error")
	if s.want == "NOERROR" && bad || s.want != "NOERROR" && !strings.Contains(got, s.want) {
		t.Errorf("%s by %s, want %s:\n%s\n%s", s.section, client, s.want, text, got)
	}
	if s.name == "" {
		return
	}
	if is := u.records(netZone, s.name, s.kind); is != s.records {
		t.Errorf("%s by %s: Route 53 has %q, want %q", s.section, client, is, s.records)
	}
	dig := command(t, "", "dig", "@"+u.addr.Addr().String(), "-p", fmt.Sprint(u.addr.Port()), "+short",
		strings.ReplaceAll(s.name, `\052`, "any"), s.kind)
	values := strings.Fields(s.records)
	for _, v := range values[min(1, len(values)):] {
		if !strings.Contains(dig, v) {
			t.Errorf("%s by %s: dig prints %q, want %q", s.section, client, dig, s.records)
		}
	}
	if s.records == "" && strings.Contains(dig, "10.0.0") && s.name != "c.up.example.net." {
		t.Errorf("%s by %s: dig prints %q", s.section, client, dig)
	}
}

// TestClientUpdates makes the updates of RFC 2136 by nsupdate and knsupdate, over UDP
// and TCP. What they do is in Route 53 and in dig at once.
func TestClientUpdates(t *testing.T) {
	for _, client := range []string{"nsupdate", "knsupdate"} {
		for _, transport := range []string{"", "-v"} {
			u := newUpdating(t, "1h", nil)
			ttl, weight := int64(60), int64(1)
			_, err := u.cloud.Change(netZone, awssim.Change{Action: "CREATE", RecordSet: awssim.RecordSet{
				Name: "weighted.up.example.net.", Type: "A", SetIdentifier: "x", Weight: &weight, TTL: &ttl,
				ResourceRecords: []awssim.ResourceRecord{{Value: "10.0.0.7"}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range updateScripts {
				if transport == "" {
					u.run(t, client, s)
				} else {
					u.run(t, client, s, transport)
				}
			}
			u.end(t)
		}
	}
}

// TestClientUpdateKeys has clients use keys that don't fit.
func TestClientUpdateKeys(t *testing.T) {
	u := newUpdating(t, "1h", nil)
	text := fmt.Sprintf("server %s %d\nzone example.net.\nadd x.example.net. 60 A 10.0.0.1\nsend\n", u.addr.Addr(),
		u.addr.Port())
	for _, tt := range []struct {
		key, want string
	}{
		{"", "REFUSED"},
		{"hmac-sha256:ops:" + dhcpSecret, "BADSIG"},
		{"hmac-sha512:ops:" + opsSecret, "BADKEY"},
		{"hmac-sha256:nobody:" + opsSecret, "BADKEY"},
		{"hmac-sha512:dhcp:" + dhcpSecret, "REFUSED"},
	} {
		words := []string{"nsupdate"}
		if tt.key != "" {
			words = append(words, "-y", tt.key)
		}
		got := command(t, text, words...)
		if !strings.Contains(got, tt.want) {
			t.Errorf("key %q: nsupdate prints %q, want %s", tt.key, got, tt.want)
		}
	}
	if got := u.records(netZone, "x.example.net.", "A"); got != "" {
		t.Errorf("Route 53 has %q", got)
	}
	dig := command(t, "", "dig", "@"+u.addr.Addr().String(), "-p", fmt.Sprint(u.addr.Port()), "+short", "example.net",
		"SOA")
	if !strings.HasPrefix(dig, "ns.inside.example. awsdns-hostmaster.amazon.com. ") {
		t.Errorf("the SOA record is %q", dig)
	}
}

// TestClientFindsZone has nsupdate ask for the zone itself, and updates of two zones in
// one run.
func TestClientFindsZone(t *testing.T) {
	u := newUpdating(t, "1h", nil)
	text := fmt.Sprintf(
		"server %s %d\nadd deep.below.found.example.net. 60 A 10.0.0.1\nsend\nadd found.example.net. 60 A 10.0.0.2\nsend\n",
		u.addr.Addr(), u.addr.Port())
	got := command(t, text, "nsupdate", "-y", "hmac-sha256:ops:"+opsSecret)
	if got != "" || u.records(netZone, "deep.below.found.example.net.", "A") != "60 10.0.0.1" ||
		u.records(netZone, "found.example.net.", "A") != "60 10.0.0.2" {
		t.Errorf("nsupdate prints %q", got)
	}
}

// certbot is what certbot's plugin for RFC 2136 does around a challenge, by its own
// code: questions for the SOA record that are signed, then updates.
const certbot = `
import sys, dns.tsig
from certbot_dns_rfc2136._internal.dns_rfc2136 import _RFC2136Client
server, port, secret, step = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
client = _RFC2136Client(server, port, 'ops.', secret, dns.tsig.HMAC_SHA256, 10)
name = '_acme-challenge.www.example.net'
if step == 'perform':
    client.add_txt_record(name, 'challenge-1', 120)
    client.add_txt_record(name, 'challenge-2', 120)
else:
    client.del_txt_record(name, 'challenge-1')
print('done')
`

// TestClientCertbot answers a challenge and cleans up by certbot's dns-rfc2136 plugin.
func TestClientCertbot(t *testing.T) {
	u := newUpdating(t, "1h", nil)
	const name = "_acme-challenge.www.example.net."
	for _, tt := range []struct{ step, want string }{{"perform", `120 "challenge-1" "challenge-2"`},
		{"cleanup", `120 "challenge-2"`}} {
		// Debian's packages are for the system's Python, whatever else is installed.
		got := command(t, "", "/usr/bin/python3", "-c", certbot, u.addr.Addr().String(), fmt.Sprint(u.addr.Port()), opsSecret,
			tt.step)
		if got != "done\n" {
			t.Errorf("certbot's plugin, %s: %s", tt.step, got)
		}
		if is := u.records(netZone, name, "TXT"); is != tt.want {
			t.Errorf("%s: Route 53 has %q, want %q", tt.step, is, tt.want)
		}
	}
}
