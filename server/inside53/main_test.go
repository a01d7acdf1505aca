package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"inside53/server/config"
)

// command runs a command line to its end.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(context.Background(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// write puts text into a file of a new directory.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "inside53.yaml")
	err := os.WriteFile(path, []byte(text), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUsage(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{nil, "inside53: no command; there are COMMANDS\nRun 'inside53 --help' for usage.\n"},
		{[]string{"serv"}, "inside53: unknown command \"serv\" for \"inside53\"\n\nDid you mean this?\n\tserve\n\nRun " +
			"'inside53 --help' for usage.\n"},
		{[]string{"serve"}, "inside53: --config is missing\nRun 'inside53 serve --help' for usage.\n"},
		{[]string{"demo", "--listen", "53"}, "inside53: invalid argument \"53\" for \"--listen\" flag: write an address " +
			"and port like 127.0.0.1:5300\nRun 'inside53 demo --help' for usage.\n"},
		{[]string{"check"}, "inside53: --config is missing\nRun 'inside53 check --help' for usage.\n"},
		{[]string{"awssim", "--data", "x"}, "inside53: --listen is missing\nRun 'inside53 awssim --help' for usage.\n"},
		{[]string{"awssim"}, "inside53: --data and --listen are missing\nRun 'inside53 awssim --help' for usage.\n"},
		{[]string{"zone", "get"}, "inside53: too few or too many arguments: inside53 zone get ZONE [NAME] [TYPE] " +
			"[--public | --private] [--vpc ID] [--usage [--admin URL]] [--json]\n" +
			"Run 'inside53 zone get --help' for usage.\n"},
		{[]string{"record", "add", "a", "b", "A", "192.0.2.1", "--ttl", "5m"},
			"inside53: --ttl \"5m\" is no whole number\nRun 'inside53 record add --help' for usage.\n"},
		{
			[]string{"record", "add", "a", "b", "A", "192.0.2.1", "--ttl", "99999999999999999999"},
			"inside53: --ttl \"99999999999999999999\" is too large\nRun 'inside53 record add --help' for usage.\n",
		},
		{
			[]string{"record", "add", "a", "b", "A", "192.0.2.1", "--multivalue=some"},
			"inside53: --multivalue \"some\" is neither true nor false\nRun 'inside53 record add --help' for usage.\n",
		},
		{
			[]string{"record", "add", "a", "b", "A", "--weight", "1", "--geo", "DE", "--bias", "1"},
			"inside53: --bias and --geo exclude each other\nRun 'inside53 record add --help' for usage.\n",
		},
		{
			[]string{"zone", "get", "a", "--public", "--vpc", "vpc-a"},
			"inside53: --public and --vpc exclude each other\nRun 'inside53 zone get --help' for usage.\n",
		},
		{
			[]string{"record", "add", "a", "b"},
			"inside53: too few or too many arguments: USELINE\nRun 'inside53 record add --help' for usage.\n",
		},
		{[]string{"check", "--confg", "x"}, "inside53: unknown flag: --confg\nRun 'inside53 check --help' for usage.\n"},
		{[]string{"version", "now"},
			"inside53: unknown command \"now\" for \"inside53 version\"\nRun 'inside53 version --help' for usage.\n"},
	}
	for _, test := range tests {
		code, stdout, stderr := command(t, test.args...)
		want := strings.ReplaceAll(test.want, "USELINE", addLine(t))
		want = strings.ReplaceAll(want, "COMMANDS", "accept, awssim, check, completion, demo, explain, export, fleet, "+
			"flush, follow, "+
			"history, ready, record, refresh, serve, status, tail, top, version, zone")
		if code != exitUsage || stdout != "" || stderr != want {
			t.Errorf("%q: code %d, output %q, errors %q; want %q", test.args, code, stdout, stderr, want)
		}
	}
}

// addLine returns the line of usage of record add.
func addLine(t *testing.T) string {
	t.Helper()
	add, _, err := newRoot(io.Discard, io.Discard).Find([]string{"record", "add"})
	if err != nil {
		t.Fatal(err)
	}
	return add.UseLine()
}

func TestHelp(t *testing.T) {
	for _, sub := range []string{"", "awssim", "check", "demo", "explain", "export hosts", "export bind", "export json",
		"record ls", "record ramp", "record promote", "record add", "record change", "record delete", "record import",
		"serve",
		"version",
		"zone ls", "zone get", "zone create", "zone delete", "zone diff"} {
		args := strings.Fields(sub + " --help")
		code, stdout, stderr := command(t, args...)
		if code != exitDone || stderr != "" || !strings.Contains(stdout, strings.TrimSpace("Usage:\n  inside53 "+sub)) {
			t.Errorf("%q: code %d, output %q, errors %q", args, code, stdout, stderr)
		}
	}
}

func TestVersion(t *testing.T) {
	code, stdout, stderr := command(t, "version")
	if code != exitDone || stderr != "" || !strings.HasPrefix(stdout, "inside53 ") ||
		!strings.Contains(stdout, runtime.Version()) {
		t.Errorf("code %d, output %q, errors %q", code, stdout, stderr)
	}
	code, stdout, _ = command(t, "version", "--json")
	var b build
	err := json.Unmarshal([]byte(stdout), &b)
	if code != exitDone || err != nil || b.Go != runtime.Version() || b.Commit == "" || b.Version == "" {
		t.Errorf("code %d, %v, %+v", code, err, b)
	}
}

func TestThisBuild(t *testing.T) {
	info := &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"},
		{Key: "vcs.modified", Value: "true"}}}
	info.Main.Version = "v1.2.3"
	tests := []struct {
		linked, linkedCommit string
		info                 *debug.BuildInfo
		version, commit      string
	}{
		{"v2", "def", info, "v2", "def"},
		{"v2", "", info, "v2", "abc (modified)"},
		{"", "", info, "v1.2.3", "abc (modified)"},
		{"", "", nil, "unknown", "unknown"},
		{"", "def", nil, "unknown", "def"},
	}
	for _, test := range tests {
		b := thisBuild(test.linked, test.linkedCommit, test.info)
		if b.Version != test.version || b.Commit != test.commit {
			t.Errorf("%+v gives %+v", test, b)
		}
	}
}

func TestCheck(t *testing.T) {
	path := write(t, `
listen: {dns: ["0.0.0.0:53", "[::]:53"]}
health: 0.0.0.0:8054
state_dir: state
allow: [private, vpcs, 192.0.2.0/24]
aws: {region: eu-west-1, accounts: [{name: data, role_arn: "arn:aws:iam::123456789012:role/x"}]}
route53: {zones: [example.com, Z123], visibility: [private]}
ec2:
health_checks: {probe_targets: [private, 192.0.2.0/24]}
zonefiles: [{origin: lab.example, file: lab.zone}]
views:
- {name: prod, clients: [10.0.0.0/16], vpcs: [vpc-0a1b]}
- {name: data, clients: [10.1.0.0/16], vpcs: [vpc-0c1d]}
- {name: vpn, clients: [10.99.0.0/16], addresses: public}
forward:
- {zone: ., upstreams: [169.254.169.253]}
- {zone: ., upstreams: [10.1.0.10], views: [data]}
- {zone: corp.example, upstreams: [tls://10.9.0.3], views: [prod], layer: true}
`)
	dir := filepath.Dir(path)
	err := os.WriteFile(filepath.Join(dir, "lab.zone"),
		[]byte("@ 60 IN SOA a b 1 2 3 4 5\n@ 60 IN NS ns\nns 60 IN A 10.0.0.1\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := command(t, "check", "--config", path)
	want := `configuration  ` + path + ` is right
dns            0.0.0.0:53, [::]:53, UDP and TCP
admin          127.0.0.1:8053
health         0.0.0.0:8054
metrics        off
allow          private addresses, the VPCs, 192.0.2.0/24
state          ` + dir + `/state
accounts       that of the credentials, data
route53        private zones Z123, example.com., overlay, every 1m0s
ec2            eu-west-1, names in internal., every 30s
health checks  both, every 1m0s, probes of private, 192.0.2.0/24, 100 at a time
zone file      lab.example. from ` + dir + `/lab.zone, views *
view           prod: clients 10.0.0.0/16, VPCs vpc-0a1b, addresses auto
view           data: clients 10.1.0.0/16, VPCs vpc-0c1d, addresses auto
view           vpn: clients 10.99.0.0/16, VPCs none, addresses public
forward        . to 169.254.169.253:53, views *
forward        . to 10.1.0.10:53, views data
forward        corp.example. to tls://10.9.0.3:853, views prod, below our zone
warning: view prod has no forwarder of its own: 169.254.169.253 answers for the VPC that inside53 runs in; unless that is vpc-0a1b, add a forward entry with views: [prod] and a resolver of that VPC (an inbound endpoint of Route 53 Resolver, say)
`
	if code != exitDone || stderr != "" || stdout != want {
		t.Errorf("code %d, errors %q, output\n%s\nwant\n%s", code, stderr, stdout, want)
	}
}

// TestCheckReadsKeys: what serve would not start with, check doesn't call right.
func TestCheckReadsKeys(t *testing.T) {
	path := write(t, "forward: [{zone: ., upstreams: [10.0.0.2]}]\nkeys: [{name: ops., secret_file: ops.key}]\n")
	code, stdout, stderr := command(t, "check", "--config", path)
	if code != exitFailed || stdout != "" ||
		!strings.HasPrefix(stderr, "inside53: reading the secret of key ops.: open "+filepath.Dir(path)) {
		t.Errorf("code %d, output %q, errors %q", code, stdout, stderr)
	}
}

func TestCheckWarnings(t *testing.T) {
	const perVPC = "each VPC of the region of AWS_REGION or the instance is a view"
	const noRoot = `no forward entry for "."`
	tests := []struct {
		config string
		want   []string // beginnings
	}{
		{"allow: [private]\n", []string{"none of route53, ec2, zonefiles and forward"}},
		{"route53:\n", []string{noRoot}},
		{"allow: [private, 0.0.0.0/0]\nforward: [{zone: ., upstreams: [10.0.0.2]}]\n",
			[]string{"allow has 0.0.0.0/0: whoever reaches the port"}},
		{"zonefiles: [{origin: a, file: a}]\n", nil},
		{"zonefiles: [{origin: a, file: a}]\nkeys: [{name: k, secret: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}]\n" +
			"transfers: [{clients: [10.0.0.0/8], keys: [k]}, {keys: [k]}]\n",
			[]string{"transfers[1] has keys and no clients: "}},
		{"zonefiles: [{origin: a, file: a}]\nquery_log: {rcodes: [SERVFAIL]}\n", []string{"query_log.sample is 0"}},
		{"zonefiles: [{origin: a, file: a}]\nquery_log: {sample: 1, rcodes: [SERVFAIL]}\n", nil},
		{"ec2:\nforward: [{zone: ., upstreams: [169.254.169.253]}]\n", []string{perVPC}},
		{"ec2:\nforward: [{zone: ., upstreams: ['fd00:ec2::253']}]\n", []string{perVPC}},
		{"ec2:\nforward: [{zone: ., upstreams: [10.0.0.2]}]\n", nil},
		{"ec2:\nforward: [{zone: a, upstreams: [169.254.169.253]}]\n", []string{noRoot}},
		{"views: [{name: a, clients: [10.0.0.0/16], vpcs: [vpc-0a1b]}]\nforward: [{zone: ., upstreams: [169.254.169.253]}]\n",
			nil},
	}
	for _, test := range tests {
		config, err := loadConfig(write(t, test.config))
		if err != nil {
			t.Fatal(err)
		}
		got := warnings(config)
		if len(got) != len(test.want) {
			t.Errorf("%s warns %q, want %q", test.config, got, test.want)
			continue
		}
		for i, w := range test.want {
			if !strings.HasPrefix(got[i], w) {
				t.Errorf("%s warns %q, want %q", test.config, got[i], w)
			}
		}
	}
}

func TestCheckFaults(t *testing.T) {
	path := write(t, "udp_size: 1\ndrian: 1s\nroute53:\n")
	code, stdout, stderr := command(t, "check", "-c", path)
	want := "inside53: the configuration has 2 faults\n" + path + ":1: udp_size: 1 is out of bounds; write 512 to 4096\n" +
		path + ":2: drian: unknown key; did you mean \"drain\"?\n"
	if code != exitFailed || stdout != "" || stderr != want {
		t.Errorf("code %d, output %q, errors %q", code, stdout, stderr)
	}
	path = write(t, "zonefiles: [{origin: a, file: a.zone}, {origin: b, file: b.zone}]\n")
	err := os.WriteFile(filepath.Join(filepath.Dir(path), "b.zone"),
		[]byte("@ 60 IN SOA a b 1 2 3 4 5\n@ 60 IN A 10.0.0\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	code, _, stderr = command(t, "check", "-c", path)
	if code != exitFailed || !strings.Contains(stderr, "a.zone: no such file") || !strings.Contains(stderr, "b.zone:2: ") {
		t.Errorf("code %d, errors %q", code, stderr)
	}
	code, _, stderr = command(t, "check", "-c", path+"x")
	if code != exitFailed || stderr != "inside53: reading the configuration: open "+path+"x: no such file or directory\n" {
		t.Errorf("code %d, errors %q", code, stderr)
	}
}

// TestCheckStrict: 0 is right, 1 is warned, 2 is failed, a faulty file too.
func TestCheckStrict(t *testing.T) {
	right := write(t, "forward: [{zone: ., upstreams: [10.0.0.2]}]\n")
	ok(t, "check", "--strict", "--config", right)
	warned := write(t, "forward: [{zone: ., upstreams: [10.0.0.2]}]\nallow: [0.0.0.0/0]\n")
	ok(t, "check", "--config", warned)
	fails(t, 1, "there are 1 warnings", "check", "--strict", "--config", warned)
	fails(t, 1, "there are 1 warnings", "check", "--strict", "--json", "--config", warned)
	faulty := write(t, "udp_size: 1\n")
	fails(t, 1, "udp_size: 1 is out of bounds", "check", "--config", faulty)
	fails(t, 2, "udp_size: 1 is out of bounds", "check", "--strict", "--config", faulty)
	fails(t, 2, "no such file", "check", "--strict", "--config", faulty+"x")
	fails(t, 2, "no such file", "check", "--strict", "--config", write(t, "zonefiles: [{origin: a, file: none}]\n"))
}

// TestCheckFaultsJSON: programs get the faults of a faulty file as such.
func TestCheckFaultsJSON(t *testing.T) {
	faults := func(path string) []config.Fault {
		t.Helper()
		code, stdout, stderr := command(t, "check", "--json", "-c", path)
		var r checkReport
		err := json.Unmarshal([]byte(stdout), &r)
		if code != exitFailed || stderr == "" || err != nil || r.Configuration != path || r.Warnings == nil {
			t.Fatalf("code %d, errors %q, %v, output %s", code, stderr, err, stdout)
		}
		return r.Faults
	}
	path := write(t, "udp_size: 1\ndrian: 1s\nroute53:\n")
	want := []config.Fault{
		{File: path, Line: 1, Key: "udp_size", Text: "1 is out of bounds; write 512 to 4096"},
		{File: path, Line: 2, Key: "drian", Text: `unknown key; did you mean "drain"?`},
	}
	if diff := cmp.Diff(want, faults(path)); diff != "" {
		t.Error(diff)
	}
	path = write(t, "udp_size: 1\n")
	if diff := cmp.Diff(want[:1], faults(path), cmpopts.IgnoreFields(config.Fault{}, "File")); diff != "" {
		t.Error(diff)
	}
	path = write(t, "zonefiles: [{origin: b, file: b.zone}]\nkeys: [{name: ops., secret_file: ops.key}]\n")
	zone := filepath.Join(filepath.Dir(path), "b.zone")
	err := os.WriteFile(zone, []byte("@ 60 IN SOA a b 1 2 3 4 5\n@ 60 IN A 10.0.0\n@ 60 IN B\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	got := faults(path)
	if len(got) != 3 || got[0].Key != "keys" || got[0].File != path || got[1].File != zone || got[1].Line != 2 ||
		got[2].Line != 3 ||
		got[2].Key != "zonefiles" {
		t.Errorf("%+v", got)
	}
	got = faults(path + "x")
	if len(got) != 1 || got[0].File != path+"x" || !strings.HasPrefix(got[0].Text, "reading the configuration: open ") {
		t.Errorf("%+v", got)
	}
}

// TestCheckSays: transfers, secondary zones and keys are in what check prints.
func TestCheckSays(t *testing.T) {
	got := ok(t, "check", "--config", write(t, `
forward: [{zone: ., upstreams: [10.0.0.2]}]
keys:
  - {name: ops., secret: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}
  - {name: idle., secret: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}
transfers: [{zones: [a.example], keys: [ops.], clients: [10.0.0.9/32], notify: ["10.0.0.9"]}]
secondary: [{zone: plant.example, primaries: ["10.9.0.5"]}]
`))
	for _, want := range []string{
		"\ntransfers      a.example. of view rest, keys ops., clients 10.0.0.9/32, notify 10.0.0.9:53\n",
		"\nsecondary      plant.example. from 10.9.0.5:53, key none, views *\n",
		"\nkey            ops., hmac-sha256, secret in the configuration\n",
		"\nwarning: key idle. is used by none of updates, transfers, secondary and follow\n",
		"\nwarning: transfers[0].zones: nobody has a zone a.example.: transfers of it are refused\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("output lacks %q:\n%s", want, got)
		}
	}
}

// TestExampleChecks: the full example passes its own check.
func TestExampleChecks(t *testing.T) {
	got := ok(t, "check", "--config", "../../examples/inside53.yaml")
	if !strings.HasPrefix(got, "configuration  ../../examples/inside53.yaml is right\n") ||
		!strings.Contains(got, "warning: key ops. has the secret of the example") {
		t.Errorf("output %s", got)
	}
}
