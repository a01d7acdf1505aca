//go:build judge

package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// judgeCertbot answers two challenges by certbot's plugin and takes one back.
const judgeCertbot = `
import sys, dns.tsig
from certbot_dns_rfc2136._internal.dns_rfc2136 import _RFC2136Client
client = _RFC2136Client(sys.argv[1], int(sys.argv[2]), 'ops.', sys.argv[3], dns.tsig.HMAC_SHA256, 10)
name = '_acme-challenge.judge.example'
client.add_txt_record(name, 'challenge-1', 120)
client.add_txt_record(name, 'challenge-2', 120)
client.del_txt_record(name, 'challenge-1')
print('done')
`

// TestJudgeUpdaters has certbot's plugin and external-dns keep records in a Route 53 that
// isn't ours, moto. At AWS_ENDPOINT_URL, when it is set, nothing is written, and this is no
// test.
func TestJudgeUpdaters(t *testing.T) {
	if os.Getenv("AWS_ENDPOINT_URL") != "" {
		return
	}
	id, server := updatable(t)
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	eventually(t, "the zone can be transferred", func() bool { return transferred(server, "host-1.judge.example. ") })
	output, err := exec.CommandContext(ctx, "/usr/bin/python3", "-c", judgeCertbot, host, port,
		judgeSecret).CombinedOutput()
	if err != nil || string(output) != "done\n" {
		t.Errorf("certbot: %v (make deps): %s", err, output)
	}
	if got := listedValues(t, id, "_acme-challenge.judge.example.", "TXT"); got != `"challenge-2"` {
		t.Errorf("after certbot Route 53 has %q", got)
	}

	program := filepath.Join(t.TempDir(), "externaldns")
	build := exec.CommandContext(ctx, "go", "build", "-C", "../testdata/externaldns", "-o", program, ".")
	build.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	output, err = build.CombinedOutput()
	if err != nil {
		t.Fatalf("building external-dns: %v (make deps gets what it needs)\n%s", err, output)
	}
	const web, other = `{"dnsName":"web.judge.example","recordType":"A","recordTTL":60,"targets":["192.0.2.1"]}`,
		`{"dnsName":"web.judge.example","recordType":"A","recordTTL":60,"targets":["192.0.2.2"]}`
	for _, step := range []struct{ desired, prints, shown, want string }{
		{web, "create 1, update 0, delete 0\n", "web.judge.example. 60 IN A 192.0.2.1", "192.0.2.1"},
		{other, "create 0, update 1, delete 0\n", "web.judge.example. 60 IN A 192.0.2.2", "192.0.2.2"},
		{other, "create 0, update 0, delete 0\n", "", "192.0.2.2"},
		{"", "create 0, update 0, delete 1\n", "", ""},
	} {
		c := exec.CommandContext(ctx, program, "--provider=rfc2136", "--source=fake", "--policy=sync", "--registry=txt",
			"--txt-owner-id=cluster", "--txt-prefix=owner-",
			"--domain-filter=judge.example", "--rfc2136-zone=judge.example", "--rfc2136-host="+host, "--rfc2136-port="+port,
			"--rfc2136-tsig-keyname=ops.", "--rfc2136-tsig-secret="+judgeSecret, "--rfc2136-tsig-secret-alg=hmac-sha256",
			"--rfc2136-tsig-axfr")
		c.Stdin = strings.NewReader("[" + step.desired + "]")
		output, err := c.Output()
		if err != nil || string(output) != step.prints {
			t.Errorf("external-dns, %s: %v, %q; %s", step.desired, err, output, stderrOf(err))
		}
		if got := listedValues(t, id, "web.judge.example.", "A"); got != step.want {
			t.Errorf("%s: Route 53 has %q", step.desired, got)
		}
		eventually(t, "it is transferred", func() bool { return transferred(server, step.shown) })
	}
	if got := listedValues(t, id, "owner-a-web.judge.example.", "TXT"); got != "" {
		t.Errorf("the registry has %q", got)
	}
}

// transferred reports whether the zone can be transferred, and has a record that begins
// so.
func transferred(server, begins string) bool {
	tr := &dns.Transfer{TsigSecret: map[string]string{"ops.": judgeSecret}}
	all, err := tr.In(new(dns.Msg).SetAxfr("judge.example.").SetTsig("ops.", dns.HmacSHA256, 300, time.Now().Unix()),
		server)
	if err != nil {
		return false
	}
	found := false
	for e := range all {
		if e.Error != nil {
			err = e.Error
		}
		found = found || slices.ContainsFunc(e.RR, func(rr dns.RR) bool {
			return strings.HasPrefix(strings.Join(strings.Fields(rr.String()), " "), begins)
		})
	}
	return err == nil && found
}
