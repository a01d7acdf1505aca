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

// updated makes one update by nsupdate or knsupdate, and returns what that prints: nothing
// when it was made.
func updated(t *testing.T, client, server, lines string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		t.Fatal(err)
	}
	lines = strings.ReplaceAll(lines, "; ", "\n")
	if client == "knsupdate" {
		lines = strings.NewReplacer("prereq ", "", "delete ", "update delete ", "add ", "update add ").Replace(lines)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, client, "-y", "hmac-sha256:ops:"+judgeSecret)
	c.Stdin = strings.NewReader(fmt.Sprintf("server %s %s\nzone judge.example.\n%s\nsend\n", host, port, lines))
	out, err := c.CombinedOutput()
	if err != nil && c.ProcessState == nil {
		t.Fatalf("%s: %v (make deps)", client, err)
	}
	return string(out)
}

// updatable starts moto and a server that takes updates of its zone judge.example, and
// returns the id of the zone and the address of the server.
func updatable(t *testing.T) (id, server string) {
	t.Helper()
	moto(t)
	var zones struct{ HostedZones []struct{ Id, Name string } }
	awsCLI(t, &zones, "list-hosted-zones")
	at := slices.IndexFunc(zones.HostedZones, func(z struct{ Id, Name string }) bool { return z.Name == "judge.example." })
	var changed any // moto's SOA records can't be served, nor then the zone transferred
	awsCLI(t, &changed, "change-resource-record-sets", "--hosted-zone-id", zones.HostedZones[at].Id, "--change-batch",
		`{"Changes": [{"Action": "UPSERT", "ResourceRecordSet":
		{"Name": "judge.example", "Type": "SOA", "TTL": 900, "ResourceRecords": [{"Value": "ns.judge.example. host.judge.example. 1 7200 900 1209600 86400"}]}}]}`)
	r := begin(t, "serve", "--config", write(t, `
listen: { dns: ["127.0.0.1:0"] }
admin: 127.0.0.1:0
state_dir: state
drain: 0s
route53: { requests_per_second: 20, refresh: 1h }
views: [{ name: all, clients: [127.0.0.0/8], vpcs: ["*"] }]
keys: [{ name: ops, secret: `+judgeSecret+` }]
updates: [{ zone: judge.example, visibility: public, keys: [ops] }]
transfers: [{ view: all, zones: [judge.example.], keys: [ops] }]
`))
	return zones.HostedZones[at].Id, fields(t, r.line(t))["dns"]
}

const judgeSecret = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// TestJudgeUpdates makes updates in a Route 53 that isn't ours, moto. At
// AWS_ENDPOINT_URL, when it is set, nothing is written, and this is no test.
func TestJudgeUpdates(t *testing.T) {
	if os.Getenv("AWS_ENDPOINT_URL") != "" {
		return
	}
	id, server := updatable(t)
	// A client has names of its own, with itself for CLIENT; each line finds what those
	// before have left. RFC 2136 sections 2.4 and 2.5.
	steps := []struct {
		lines, fault     string // fault is in what the client prints
		name, kind, want string // values as listed, sorted
	}{
		{"add CLIENT.judge.example. 60 A 10.0.0.1", "", "CLIENT.judge.example.", "A", "10.0.0.1"},
		{"add CLIENT.judge.example. 60 A 10.0.0.2", "", "CLIENT.judge.example.", "A", "10.0.0.1 10.0.0.2"},
		{"delete CLIENT.judge.example. A 10.0.0.1", "", "CLIENT.judge.example.", "A", "10.0.0.2"},
		{"delete CLIENT.judge.example. A; add CLIENT.judge.example. 30 A 10.0.0.3", "", "CLIENT.judge.example.", "A",
			"10.0.0.3"},
		{"prereq yxrrset CLIENT.judge.example. A 10.0.0.3; add p.CLIENT.judge.example. 30 TXT \"a b\"", "",
			"p.CLIENT.judge.example.", "TXT", `"a b"`},
		{"prereq yxrrset CLIENT.judge.example. A 10.0.0.4; add q.CLIENT.judge.example. 30 TXT no", "NXRRSET",
			"q.CLIENT.judge.example.", "TXT", ""},
		{"prereq yxrrset CLIENT.judge.example. A; add p.CLIENT.judge.example. 30 TXT c", "", "p.CLIENT.judge.example.", "TXT",
			`"a b" "c"`},
		{"prereq yxrrset CLIENT.judge.example. MX; add q.CLIENT.judge.example. 30 TXT no", "NXRRSET",
			"q.CLIENT.judge.example.", "TXT", ""},
		{"prereq nxrrset CLIENT.judge.example. MX; delete p.CLIENT.judge.example. TXT \"a b\"", "", "p.CLIENT.judge.example.",
			"TXT", `"c"`},
		{"prereq nxrrset CLIENT.judge.example. A; add q.CLIENT.judge.example. 30 TXT no", "YXRRSET",
			"q.CLIENT.judge.example.", "TXT", ""},
		{"prereq yxdomain p.CLIENT.judge.example.; delete p.CLIENT.judge.example. TXT", "", "p.CLIENT.judge.example.", "TXT",
			""},
		{"prereq yxdomain p.CLIENT.judge.example.; add q.CLIENT.judge.example. 30 TXT no", "NXDOMAIN",
			"q.CLIENT.judge.example.", "TXT", ""},
		{"prereq nxdomain n.CLIENT.judge.example.; add n.CLIENT.judge.example. 30 TXT yes", "", "n.CLIENT.judge.example.",
			"TXT", `"yes"`},
		{"prereq nxdomain CLIENT.judge.example.; add q.CLIENT.judge.example. 30 TXT no", "YXDOMAIN",
			"q.CLIENT.judge.example.", "TXT", ""},
		{"delete n.CLIENT.judge.example.", "", "n.CLIENT.judge.example.", "TXT", ""},
		{"add host-1.judge.example. 60 A 10.0.0.9", "", "host-1.judge.example.", "A", "10.0.0.9 192.0.2.1 198.51.100.1"},
		{"delete host-2.judge.example.", "", "host-2.judge.example.", "A", ""},
		{"add alias.judge.example. 60 A 10.0.0.9", "", "alias.judge.example.", "A", ""}, // a CNAME is there
		{"add *.star.CLIENT.judge.example. 60 MX 5 mail.judge.example.", "", `\052.star.CLIENT.judge.example.`, "MX",
			"5 mail.judge.example."},
	}
	for _, client := range []string{"nsupdate", "knsupdate"} {
		for _, tt := range steps {
			for _, text := range []*string{&tt.lines, &tt.name} {
				*text = strings.ReplaceAll(*text, "CLIENT", client)
			}
			got := ""
			eventually(t, "the zone is there", func() bool {
				got = updated(t, client, server, tt.lines)
				return !strings.Contains(got, "SERVFAIL")
			})
			bad := strings.Contains(got, "failed") || strings.Contains(got, "error")
			if tt.fault == "" && bad || !strings.Contains(got, tt.fault) {
				t.Errorf("%s: %s prints %q, want %q", tt.lines, client, got, tt.fault)
			}
			if is := listedValues(t, id, tt.name, tt.kind); is != tt.want {
				t.Errorf("%s: Route 53 lists %q, want %q", tt.lines, is, tt.want)
			}
		}
	}
}

// listedValues are the values of a record set as Route 53 lists them, sorted; "" for none.
func listedValues(t *testing.T, id, name, kind string) string {
	t.Helper()
	var listing struct{ ResourceRecordSets []recordSet }
	awsCLI(t, &listing, "list-resource-record-sets", "--hosted-zone-id", id)
	var values []string
	for _, set := range listing.ResourceRecordSets {
		for _, v := range set.ResourceRecords {
			if set.Name == name && set.Type == kind {
				values = append(values, v.Value)
			}
		}
	}
	slices.Sort(values)
	return strings.Join(values, " ")
}
