//go:build judge

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// nsupdate makes one update and returns what nsupdate prints: nothing when it was made.
func nsupdate(t *testing.T, server, lines string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "nsupdate", "-y", "hmac-sha256:ops:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	c.Stdin = strings.NewReader(fmt.Sprintf("server %s %s\nzone judge.example.\n%s\nsend\n", host, port, strings.ReplaceAll(lines, "; ", "\n")))
	out, err := c.CombinedOutput()
	if err != nil && c.ProcessState == nil {
		t.Fatalf("nsupdate: %v (make deps)", err)
	}
	return string(out)
}

// TestJudgeUpdates makes updates in a Route 53 that isn't ours, moto. At
// AWS_ENDPOINT_URL, when it is set, nothing is written, and this is no test.
func TestJudgeUpdates(t *testing.T) {
	if os.Getenv("AWS_ENDPOINT_URL") != "" {
		return
	}
	moto(t)
	var zones struct{ HostedZones []struct{ Id, Name string } }
	awsCLI(t, &zones, "list-hosted-zones")
	at := slices.IndexFunc(zones.HostedZones, func(z struct{ Id, Name string }) bool { return z.Name == "judge.example." })
	id := zones.HostedZones[at].Id
	r := begin(t, "serve", "--config", write(t, `
listen: { dns: ["127.0.0.1:0"] }
admin: 127.0.0.1:0
state_dir: state
drain: 0s
route53: { requests_per_second: 20, refresh: 1h }
views: [{ name: all, clients: [127.0.0.0/8], vpcs: ["*"] }]
keys: [{ name: ops, secret: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE= }]
updates: [{ zone: judge.example, visibility: public, keys: [ops] }]
`))
	server := fields(t, r.line(t))["dns"]
	for _, tt := range []struct {
		lines, fault     string // fault is in what nsupdate prints
		name, kind, want string // values as listed, sorted
	}{
		{"add new.judge.example. 60 A 10.0.0.1", "", "new.judge.example.", "A", "10.0.0.1"},
		{"add new.judge.example. 60 A 10.0.0.2", "", "new.judge.example.", "A", "10.0.0.1 10.0.0.2"},
		{"delete new.judge.example. A 10.0.0.1", "", "new.judge.example.", "A", "10.0.0.2"},
		{"delete new.judge.example. A; add new.judge.example. 30 A 10.0.0.3", "", "new.judge.example.", "A", "10.0.0.3"},
		{"prereq yxrrset new.judge.example. A 10.0.0.3; add p.judge.example. 30 TXT \"a b\"", "", "p.judge.example.", "TXT", `"a b"`},
		{"prereq nxdomain new.judge.example.; add q.judge.example. 30 TXT no", "YXDOMAIN", "q.judge.example.", "TXT", ""},
		{"prereq yxdomain none.judge.example.; add q.judge.example. 30 TXT no", "NXDOMAIN", "q.judge.example.", "TXT", ""},
		{"add host-1.judge.example. 60 A 10.0.0.9", "", "host-1.judge.example.", "A", "10.0.0.9 192.0.2.1 198.51.100.1"},
		{"delete host-2.judge.example.", "", "host-2.judge.example.", "A", ""},
		{"add alias.judge.example. 60 A 10.0.0.9", "", "alias.judge.example.", "A", ""}, // a CNAME is there
		{"add *.star.judge.example. 60 MX 5 mail.judge.example.", "", `\052.star.judge.example.`, "MX", "5 mail.judge.example."},
	} {
		got := ""
		eventually(t, "the zone is there", func() bool {
			got = nsupdate(t, server, tt.lines)
			return !strings.Contains(got, "SERVFAIL")
		})
		if tt.fault == "" && got != "" || !strings.Contains(got, tt.fault) {
			t.Errorf("%s: nsupdate prints %q, want %q", tt.lines, got, tt.fault)
		}
		var listing struct{ ResourceRecordSets []recordSet }
		awsCLI(t, &listing, "list-resource-record-sets", "--hosted-zone-id", id)
		var values []string
		for _, set := range listing.ResourceRecordSets {
			for _, v := range set.ResourceRecords {
				if set.Name == tt.name && set.Type == tt.kind {
					values = append(values, v.Value)
				}
			}
		}
		slices.Sort(values)
		if is := strings.Join(values, " "); is != tt.want {
			t.Errorf("%s: Route 53 lists %q, want %q", tt.lines, is, tt.want)
		}
	}
}
