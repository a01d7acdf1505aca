//go:build clients

package server

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// externalDNSConfig takes updates of example.net, and gives it by AXFR to the same key.
const externalDNSConfig = `
listen: {dns: ["127.0.0.1:0"]}
admin: "127.0.0.1:0"
state_dir: state
drain: 0s
route53: {refresh: 1h, requests_per_second: 1000}
forward: [{zone: ".", upstreams: ["UPSTREAM"]}]
views: [{name: all, clients: [127.0.0.0/8], vpcs: ["*"], addresses: public}]
keys: [{name: ops, secret: ` + transferSecret + `}]
updates: [{zone: Z0731658FW9JB6C8QTRG, keys: [ops]}]
transfers: [{view: all, zones: [example.net.], keys: [ops]}]
`

// externalName is an endpoint of external-dns.
type externalName struct {
	Name    string   `json:"dnsName"`
	Type    string   `json:"recordType"`
	TTL     int      `json:"recordTTL"`
	Targets []string `json:"targets"`
}

// TestClientExternalDNS has external-dns keep records by its provider for RFC 2136 and
// its registry of TXT records: it creates, updates and deletes them, finds by AXFR what
// it has made, and leaves the records of others alone.
func TestClientExternalDNS(t *testing.T) {
	program := filepath.Join(t.TempDir(), "externaldns")
	building, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	build := exec.CommandContext(building, "go", "build", "-C", "testdata/externaldns", "-o", program, ".")
	build.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	if err != nil {
		t.Fatalf("building external-dns: %v (make deps gets what it needs)\n%s", err, output)
	}
	c := newCloud(t, nil)
	s := newSite(t)
	u := &updating{s.ready(t, strings.ReplaceAll(externalDNSConfig, "UPSTREAM", c.dns)), c, s}
	list := &follower{p: u.program, from: "127.0.0.1", key: "ops.", apex: "example.net."}
	// lists waits until the zone, as it is transferred, has a record, or hasn't: it is
	// published five times a second at most.
	lists := func(record string, want bool) {
		t.Helper()
		u.await(t, fmt.Sprintf("the transfer has %q: %v", record, want), func() bool {
			all, err := list.transfer(t, new(dns.Msg).SetAxfr(list.apex))
			is := slices.ContainsFunc(all,
				func(rr dns.RR) bool { return strings.Join(strings.Fields(rr.String()), " ") == record })
			return err == nil && is == want
		})
	}
	// external-dns takes a zone that it can't list for an empty one.
	lists("www.example.net. 300 IN CNAME example.net.", true)
	shown := readmeCommand(t, "external-dns ", "external-dns ", program+" ", "--source=service", "--source=fake",
		"10.0.0.53", "127.0.0.1",
		"--rfc2136-port=53", fmt.Sprint("--rfc2136-port=", u.addr.Port()), "example.com", "example.net", "$SECRET",
		transferSecret)
	count := func() int { return len(c.Records(netZone)) }
	before := count()
	round := func(want string, desired ...externalName) {
		t.Helper()
		text, err := json.Marshal(append([]externalName{}, desired...))
		if err != nil {
			t.Fatal(err)
		}
		var stdout, stderr strings.Builder
		c := exec.CommandContext(t.Context(), "sh", "-c", shown)
		c.Stdin, c.Stdout, c.Stderr = strings.NewReader(string(text)), &stdout, &stderr
		err = c.Run()
		if err != nil || stdout.String() != want+"\n" || strings.Contains(stderr.String(), "level=error") {
			t.Errorf("external-dns: %v, %q, want %q\n%s", err, stdout.String(), want, stderr.String())
		}
	}
	has := func(name, kind, want string) {
		t.Helper()
		if got := u.records(netZone, name+".example.net.", kind); got != want {
			t.Errorf("%s %s: Route 53 has %q, want %q", name, kind, got, want)
		}
	}
	web := externalName{"web.example.net", "A", 60, []string{"192.0.2.1", "192.0.2.2"}}
	six := externalName{"web.example.net", "AAAA", 60, []string{"2001:db8::1"}}
	shop := externalName{"shop.example.net", "CNAME", 120, []string{"web.example.net"}}
	star := externalName{"*.apps.example.net", "A", 60, []string{"192.0.2.3"}}
	// www.example.net is somebody else's.
	www := externalName{"www.example.net", "CNAME", 60, []string{"web.example.net"}}
	others := u.records(netZone, "www.example.net.", "CNAME")

	round("create 4, update 0, delete 0", web, six, shop, star)
	has("web", "A", "60 192.0.2.1 192.0.2.2")
	has("web", "AAAA", "60 2001:db8::1")
	has("shop", "CNAME", "120 web.example.net.")
	has(`\052.apps`, "A", "60 192.0.2.3")
	u.check(t, asks("127.0.0.1", "web.example.net A", "192.0.2.1", "192.0.2.2"))
	if n := count(); n != before+8 {
		t.Errorf("Route 53 has %d record sets more, want 4 and 4 TXT records", n-before)
	}
	lists("web.example.net. 60 IN A 192.0.2.1", true)
	round("create 0, update 0, delete 0", web, six, shop, star, www)

	web.Targets, shop.TTL = []string{"192.0.2.2", "192.0.2.9"}, 300
	round("create 0, update 2, delete 0", web, six, shop, star, www)
	has("web", "A", "60 192.0.2.2 192.0.2.9")
	has("shop", "CNAME", "300 web.example.net.")
	u.check(t, asks("127.0.0.1", "web.example.net A", "192.0.2.2", "192.0.2.9"))
	lists("web.example.net. 60 IN A 192.0.2.9", true)
	round("create 0, update 0, delete 0", web, six, shop, star, www)

	round("create 0, update 0, delete 3", six)
	has("web", "A", "")
	has("web", "AAAA", "60 2001:db8::1")
	lists("web.example.net. 60 IN A 192.0.2.9", false)
	round("create 0, update 0, delete 1")
	if n := count(); n != before {
		t.Errorf("Route 53 has %d record sets more than at first", n-before)
	}
	if got := u.records(netZone, "www.example.net.", "CNAME"); got != others || !strings.Contains(got, ".") {
		t.Errorf("www.example.net was %q, and is %q", others, got)
	}
}
