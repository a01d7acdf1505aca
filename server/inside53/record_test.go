package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"inside53/zonesource/awssim"
	"inside53/zonesource/changes"
)

// records prints the record sets of one name of example.net as zone get does.
func records(t *testing.T, name string) string {
	t.Helper()
	var found []string
	for line := range strings.Lines(ok(t, "zone", "get", "example.net")) {
		f := strings.Fields(line)
		if len(f) > 0 && f[0] == name {
			found = append(found, strings.Join(f[1:], " "))
		}
	}
	return strings.Join(found, "\n")
}

func TestRecords(t *testing.T) {
	simulate(t)
	const done = "INSYNC (CHANGE)\n"
	steps := []struct {
		args string // blanks separate, _ stands for one
		out  string // "" is done
		name string
		want string // records at the name afterwards
	}{
		{"add example.net a A 192.0.2.1 192.0.2.2", "", "a.example.net.", "300 A 192.0.2.1, 192.0.2.2"},
		{"change example.net a A 192.0.2.3 --ttl 60", "", "a.example.net.", "60 A 192.0.2.3"},
		{"change example.net a A 192.0.2.3", "nothing to do\n", "a.example.net.", "60 A 192.0.2.3"},
		{"change example.net a.example.net A --ttl 61", "", "a.example.net.", "61 A 192.0.2.3"},
		{"change example.net a A 192.0.2.3 192.0.2.4", "", "a.example.net.", "61 A 192.0.2.3, 192.0.2.4"},
		{"delete example.net A.Example.NET. a 192.0.2.3", "", "a.example.net.", "61 A 192.0.2.4"},
		{"delete example.net a A 192.0.2.4", "", "a.example.net.", ""},
		{"add example.net t TXT v=spf1_-all --no-wait", "PENDING (CHANGE)\n", "t.example.net.", `300 TXT "v=spf1 -all"`},
		{`change example.net t TXT a"b\c`, "", "t.example.net.", `300 TXT "a\"b\\c"`},
		{`change example.net t TXT "a"_"\303\251"`, "", "t.example.net.", `300 TXT "a" "\303\251"`},
		{"delete example.net t TXT", "", "t.example.net.", ""},
		{"add example.net m MX 10_mail.example.com --ttl 0", "", "m.example.net.", "0 MX 10 mail.example.com."},
		{"add example.net *.w CNAME m.example.net", "", "*.w.example.net.", "300 CNAME m.example.net."},
		{"add example.net g A 192.0.2.1 --set-id blue --weight 10", "", "g.example.net.",
			`300 A 192.0.2.1 routing="WEIGHTED" weight=10 identifier="blue"`},
		{"add example.net g A 192.0.2.2 --set-id green --weight 0 --ttl 300", "", "g.example.net.",
			"300 A 192.0.2.1 routing=\"WEIGHTED\" weight=10 identifier=\"blue\"\n300 A 192.0.2.2 " +
				"routing=\"WEIGHTED\" weight=0 identifier=\"green\""},
		{"change example.net g A --set-id green --weight 20", "", "g.example.net.",
			"300 A 192.0.2.1 routing=\"WEIGHTED\" weight=10 identifier=\"blue\"\n300 A 192.0.2.2 " +
				"routing=\"WEIGHTED\" weight=20 identifier=\"green\""},
		{"delete example.net g A --set-id blue", "", "g.example.net.",
			`300 A 192.0.2.2 routing="WEIGHTED" weight=20 identifier="green"`},
		{"change example.net g A --set-id green --geo continent:eu", "", "g.example.net.",
			`300 A 192.0.2.2 routing="GEOLOCATION" continentCode="EU" identifier="green"`},
		{"change example.net g A --set-id green --geo us-wa", "", "g.example.net.",
			`300 A 192.0.2.2 routing="GEOLOCATION" countryCode="US" subdivisionCode="WA" identifier="green"`},
		{"change example.net g A --set-id green --geo *", "", "g.example.net.",
			`300 A 192.0.2.2 routing="GEOLOCATION" countryCode="*" identifier="green"`},
		{"change example.net g A --set-id green --failover primary", "", "g.example.net.",
			`300 A 192.0.2.2 routing="FAILOVER" failover="PRIMARY" identifier="green"`},
		{"change example.net g A --set-id green --region eu-west-1", "", "g.example.net.",
			`300 A 192.0.2.2 routing="LATENCY" region="eu-west-1" identifier="green"`},
		{"change example.net g A --set-id green --region eu-west-1 --bias -5", "", "g.example.net.",
			`300 A 192.0.2.2 routing="GEOPROXIMITY" region="eu-west-1" bias=-5 identifier="green"`},
		{"change example.net g A --set-id green --bias 5", "", "g.example.net.",
			`300 A 192.0.2.2 routing="GEOPROXIMITY" region="eu-west-1" bias=5 identifier="green"`},
		{"change example.net g A --set-id green --cidr c/office", "", "g.example.net.",
			`300 A 192.0.2.2 routing="CIDR" collectionId="c" locationName="office" identifier="green"`},
		{"change example.net g A --set-id green --multivalue --health-check 0b6f8a1e-2c47-4d0e-9a51-7d3c5e8f1a20", "",
			"g.example.net.",
			`300 A 192.0.2.2 routing="MULTIVALUE" healthCheckId="0b6f8a1e-2c47-4d0e-9a51-7d3c5e8f1a20" identifier="green"`},
		{"delete example.net g A --set-id green", "", "g.example.net.", ""},
		{"add example.net l A --alias g2 --evaluate-target-health --dry-run --json", "skip", "l.example.net.", ""},
		{"add example.net g2 A 192.0.2.9", "", "g2.example.net.", "300 A 192.0.2.9"},
		{"add example.net l A --alias g2 --evaluate-target-health", "", "l.example.net.",
			"- A alias g2.example.net. (Z0731658FW9JB6C8QTRG) with its health"},
		{"change example.net l A --evaluate-target-health=false", "", "l.example.net.",
			"- A alias g2.example.net. (Z0731658FW9JB6C8QTRG)"},
		{"change example.net l A --alias lb.elb.amazonaws.com --alias-zone ZLB", "", "l.example.net.",
			"- A alias lb.elb.amazonaws.com. (ZLB)"},
		{"change example.net l A 192.0.2.7", "", "l.example.net.", "300 A 192.0.2.7"},
	}
	for _, s := range steps {
		args := strings.Fields("record " + s.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "_", " ")
		}
		if s.args == "delete example.net A.Example.NET. a 192.0.2.3" {
			args[4] = "A" // types in any case too
		}
		got := ok(t, args...)
		if s.out != "skip" {
			got = got[strings.LastIndex(strings.TrimSuffix(got, "\n"), "\n")+1:] // above it are the steps
		}
		want := s.out
		if want == "" {
			want = done
		}
		if want != "skip" && got != want {
			t.Errorf("%s prints %q, want %q", s.args, got, want)
		}
		if at := records(t, s.name); at != s.want {
			t.Errorf("%s leaves\n%s\nwant\n%s", s.args, at, s.want)
		}
	}
}

func TestRecordsRefused(t *testing.T) {
	simulate(t)
	tests := []struct {
		code int
		args string
		want string
	}{
		{exitUsage, "add example.net a A 192.0.2", `A value "192.0.2"`},
		{exitUsage, "add example.net a B 192.0.2.1", `records of type "B" are not known to Route 53`},
		{exitUsage, "add example.net a", "too few or too many arguments: inside53 record add ZONE NAME"},
		{exitUsage, "add example.net a A", "no value, and no --alias"},
		{exitUsage, "add example.net a.example.com. A 192.0.2.1", "a.example.com. is not in public zone example.net."},
		{exitUsage, "add example.net a..b A 192.0.2.1", "empty label"},
		{exitUsage, "add example.net a A 192.0.2.1 --ttl -1", "--ttl -1 is not from 0"},
		{exitUsage, "add example.net a A 192.0.2.1 --weight 1", "a routing policy needs --set-id"},
		{exitUsage, "add example.net a A 192.0.2.1 --set-id s", "--set-id needs a routing policy"},
		{exitUsage, "add example.net a A 192.0.2.1 --set-id s --weight 256", "--weight 256 is not from 0 to 255"},
		{exitUsage, "add example.net a A 192.0.2.1 --set-id s --weight 1 --failover PRIMARY",
			"--failover and --weight exclude each other"},
		{exitUsage, "add example.net a A 192.0.2.1 --set-id s --failover third", "--failover third is neither"},
		{exitUsage, "add example.net a A 192.0.2.1 --set-id s --bias 1", "--bias needs --region"},
		{exitUsage, "add example.net a A 192.0.2.1 --set-id s --bias 100 --region eu-west-1",
			"--bias 100 is not from -99 to 99"},
		{exitUsage, "add example.net a A 192.0.2.1 --set-id s --cidr c", "--cidr c is not of the form COLLECTION/LOCATION"},
		{exitUsage, "add example.net a A 192.0.2.1 --set-id s --geo continent:XX", "--geo continent:XX is no place"},
		{exitUsage, "add example.net a A 192.0.2.1 --set-id s --geo USA", "--geo USA is no place"},
		{exitUsage, "add example.net a A 192.0.2.1 --alias b", "a record set has values or is an --alias, not both"},
		{exitUsage, "add example.net a A 192.0.2.1 --alias-zone Z", "--alias-zone and --evaluate-target-health need --alias"},
		{exitUsage, "add example.net a A --alias b.example.com.",
			"--alias: b.example.com. is not in public zone example.net."},
		{exitFailed, "add example.net a A --alias nothing", "AWS refused the changes in public zone example.net."},
		{exitFailed, "change example.net a A 192.0.2.1", "no such record set: a.example.net. A"},
		{exitFailed, "delete example.net a A", "no such record set: a.example.net. A"},
		{exitFailed, "add example.net @ NS ns1.example.com",
			"example.net. NS is there already; change it with: inside53 record change"},
		{exitUsage, "delete example.com api A --public",
			`api.example.com. A is a group; say which member by --set-id: "blue", "green"`},
		{exitFailed, "delete example.com api A --public --set-id red",
			`api.example.com. A has no member "red"; there are "blue", "green"`},
		{exitFailed, "delete example.com app A --public --set-id primary 192.0.2.77",
			"app.example.com. A has no value 192.0.2.77"},
	}
	for _, test := range tests {
		fails(t, test.code, test.want, strings.Fields("record "+test.args)...)
	}
}

// TestConflict: what somebody else changed between reading and writing is not
// overwritten, and throttling is not seen.
func TestConflict(t *testing.T) {
	sim := simulate(t)
	err := sim.AddFaults(awssim.Fault{Operation: "ChangeResourceRecordSets", Fault: "prior-request", Count: 2},
		awssim.Fault{Operation: "ListResourceRecordSets", Fault: "throttle", Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "after waiting", ok(t, "record", "add", "example.net", "x", "A", "192.0.2.1"),
		"+ create  x.example.net.  300  A  192.0.2.1\nINSYNC (CHANGE)\n")
	same(t, "a change", ok(t, "record", "change", "example.net", "x", "A", "192.0.2.2", "--ttl", "60"),
		"- change  x.example.net.  300  A  192.0.2.1\n+         x.example.net.  60   A  192.0.2.2\nINSYNC (CHANGE)\n")
}

func TestDryRun(t *testing.T) {
	sim := simulate(t)
	got := ok(t, "record", "add", "example.net", "x", "A", "192.0.2.1", "--dry-run")
	if !strings.HasPrefix(got,
		"+ create  x.example.net.  300  A  192.0.2.1\nbatch 1 of 1: 1 changes, 1 records, 9 characters\n{\n") ||
		!strings.HasSuffix(got, "}\ndry run\n") || sim.Calls()["ChangeResourceRecordSets"] != 0 {
		t.Errorf("output %s, calls %v", got, sim.Calls())
	}
	var done struct {
		Status  string
		Batches []struct{ Changes []struct{ Action string } }
	}
	err := json.Unmarshal([]byte(ok(t, "record", "change", "example.com", "vpn", "A", "192.0.2.1", "--public", "--dry-run",
		"--json")), &done)
	if err != nil || done.Status != "dry run" || len(done.Batches) != 1 || len(done.Batches[0].Changes) != 2 ||
		done.Batches[0].Changes[0].Action != "DELETE" {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestRecordImport(t *testing.T) {
	sim := simulate(t)
	path := filepath.Join(t.TempDir(), "zone")
	file := func(text string) {
		t.Helper()
		err := os.WriteFile(path, []byte(text), 0o600)
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(t, "zone", "create", "new.example")
	file(`$TTL 60
@ SOA ns host 1 2 3 4 5
@ NS ns.example.
www A 192.0.2.1
api A 192.0.2.2 ; AWS routing="WEIGHTED" weight=10 identifier="blue"
apex 86400 AWS ALIAS A www $self false
old HINFO a b
`)
	const plan = `+ create  apex.new.example.  -   A  alias www.new.example. (ZONE)
+ create  api.new.example.   60  A  192.0.2.2  routing="WEIGHTED" weight=10 identifier="blue"
+ create  www.new.example.   60  A  192.0.2.1
! left alone: new.example. 60 NS ns.example.: the SOA and NS records of the apex are Route 53's own; they stay as they are
! left alone: new.example. 60 SOA ns.new.example. host.new.example. 1 2 3 4 5: the SOA and NS records of the apex are Route 53's own; they stay as they are
3 to create; 0 as wanted already, 0 others stay
`
	var zones []changes.Zone
	err := json.Unmarshal([]byte(ok(t, "zone", "ls", "--json")), &zones)
	if err != nil {
		t.Fatal(err)
	}
	id := ""
	for _, z := range zones {
		if z.Name == "new.example." {
			id = z.ID
		}
	}
	code, stdout, stderr := command(t, "record", "import", "new.example", path)
	note := "! " + path + ":7: old.new.example. HINFO: left out: Route 53 has no records of this type\n"
	squeeze := func(text string) string {
		var lines []string
		for line := range strings.Lines(strings.ReplaceAll(text, id, "ZONE")) {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		return strings.Join(lines, "\n")
	}
	if code != exitUsage || squeeze(stdout) != squeeze(note+plan) || !strings.Contains(stderr, "--yes says yes") ||
		sim.Calls()["ChangeResourceRecordSets"] != 0 {
		t.Errorf("code %d, errors %q, output\n%s\nwant\n%s", code, stderr, stdout, note+plan)
	}
	got := ok(t, "record", "import", "new.example", path, "--yes")
	same(t, "import", squeeze(got), squeeze(note+plan+"INSYNC (CHANGE)\n"))
	file("$TTL 61\nwww A 192.0.2.1\nmail MX 10 www\n")
	got = ok(t, "record", "import", "new.example", path, "--yes", "--delete")
	want := `- delete apex.new.example. - A alias www.new.example. (ZONE)
- delete api.new.example. 60 A 192.0.2.2 routing="WEIGHTED" weight=10 identifier="blue"
+ create mail.new.example. 61 MX 10 www.new.example.
- change www.new.example. 60 A 192.0.2.1
+ www.new.example. 61 A 192.0.2.1
1 to create, 1 to change, 2 to delete; 0 as wanted already, 0 others stay
INSYNC (CHANGE)
`
	same(t, "second import", squeeze(got), squeeze(want))
	same(t, "third import", ok(t, "record", "import", "new.example", path),
		"nothing to do; 2 as wanted already, 0 others stay\n")
	file("www A 192.0.2\n")
	fails(t, exitFailed, "zone:1: ", "record", "import", "new.example", path)
	fails(t, exitFailed, "no such file", "record", "import", "new.example", path+"x")
}

// TestMoveZone: a zone, exported and imported into an empty one of its name, has no
// difference to it.
func TestMoveZone(t *testing.T) {
	simulate(t)
	dir := t.TempDir()
	ok(t, "export", "bind", "--config", write(t, "route53: {visibility: [public]}\n"), "--dir", dir)
	var made changes.Zone
	err := json.Unmarshal([]byte(ok(t, "zone", "create", "example.com", "--json", "--yes")), &made)
	if err != nil {
		t.Fatal(err)
	}
	fails(t, exitUsage, "example.com is the name of 2 hosted zones", "record", "import", "example.com", dir, "--public")
	got := ok(t, "record", "import", made.ID, filepath.Join(dir, "example.com.Z0484276PQ3RN1T5XWVB.zone"), "--yes")
	if !strings.Contains(got, "\n47 to create; 0 as wanted already, 0 others stay\nINSYNC (CHANGE)\n") {
		t.Errorf("import: %s", got)
	}
	same(t, "the two", ok(t, "zone", "diff", made.ID, "Z0484276PQ3RN1T5XWVB"),
		"nothing to do; 47 as wanted already, 0 others stay\n")
}

// TestImpossibleImport: what Route 53 never takes is known before anything is done.
func TestImpossibleImport(t *testing.T) {
	sim := simulate(t)
	path := filepath.Join(t.TempDir(), "zone")
	err := os.WriteFile(path, []byte("$TTL 60\n@ CNAME www\nwww A 192.0.2.1\nwww CNAME other\nsub SOA a b 1 2 3 4 5\n"+
		"@ DS 1 8 2 00\n*.w NS ns\nfine A 192.0.2.1\nlong TXT "+strings.Repeat(`"`+strings.Repeat("x", 250)+`" `, 17)+"\n"),
		0o600)
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := command(t, "record", "import", "example.net", path, "--yes")
	want := "inside53: nothing was changed: Route 53 never takes 6 record sets of the file\n" +
		"  PATH:2: example.net. CNAME: no CNAME record can be at the apex; an alias can\n" +
		"  PATH:6: example.net. DS: a DS record belongs into the parent zone, not at the apex\n" +
		"  PATH:9: long.example.net. TXT: a value of 4300 characters; the most is 4000\n" +
		"  PATH:5: sub.example.net. SOA: an SOA record can be at the apex alone\n" +
		"  PATH:7: *.w.example.net. NS: NS records can't be wildcards\n" +
		"  PATH:4: www.example.net. CNAME: no CNAME record can be beside other records of its name\n"
	if code != exitFailed || strings.ReplaceAll(stderr, path, "PATH") != want || stdout != "" {
		t.Errorf("code %d, output %q, errors\n%s\nwant\n%s", code, stdout, stderr, want)
	}
	if sim.Calls()["ChangeResourceRecordSets"] != 0 {
		t.Error("something was sent")
	}
}

// TestHalfImport: where a later batch is refused, it is said of each record set whether it
// was made.
func TestHalfImport(t *testing.T) {
	simulate(t)
	path := filepath.Join(t.TempDir(), "zone")
	var text strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&text, "n%04d 60 A 192.0.2.1\n", i)
	}
	text.WriteString(`n1500 60 AAAA 2001:db8::1 ; AWS routing="WEIGHTED" weight=1 identifier="w" healthCheckId="none"` +
		"\n")
	err := os.WriteFile(path, []byte(text.String()), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := command(t, "record", "import", "example.net", path, "--yes")
	states := map[string]string{}
	for line := range strings.Lines(stdout) {
		f := strings.Fields(strings.Replace(line, "not sent", "not-sent", 1))
		if len(f) >= 4 && f[0] != "+" && f[1] == "create" {
			states[strings.Join(f[2:], " ")] = f[0]
		}
	}
	made := len(regexp.MustCompile(`(?m)^n\d{4}\.`).FindAllString(ok(t, "zone", "get", "example.net"), -1))
	if len(states) != 2501 || states["n0000.example.net. A"] != "made" || states["n0999.example.net. A"] != "made" ||
		states["n1500.example.net. AAAA w"] != "refused" || states["n1000.example.net. A"] != "refused" ||
		states["n2400.example.net. A"] != "not-sent" {
		t.Errorf("%d states, output %s", len(states), stdout[max(0, len(stdout)-2000):])
	}
	if code != exitFailed || made != 1000 || !strings.Contains(stderr, "batch 2 of 3: ") ||
		!strings.Contains(stderr,
			"\nrecord sets: 1000 made, 1000 refused, 501 not sent; each of them is listed on standard output\n") {
		t.Errorf("code %d, %d made, errors %s", code, made, stderr)
	}
}

// TestRecordDoubts: what is allowed and most likely not meant is said.
func TestRecordDoubts(t *testing.T) {
	simulate(t)
	for _, test := range []struct{ args, want string }{
		{"add example.net www.other.com A 192.0.2.1",
			"! www.other.com is read as www.other.com.example.net., below the zone, and looks like a name of another domain\n"},
		{"add example.net c CNAME web",
			"! c.example.net. CNAME: the target web. has a single label: is web.example.net. meant?\n"},
		{"add example.net d CNAME x.example.net.example.net",
			"! d.example.net. CNAME: the target x.example.net.example.net. ends in the name of the zone twice"},
		{"add example.net www.example.net.example.net A 192.0.2.1",
			"! www.example.net.example.net. A: the name ends in the name of the zone twice"},
		{"add example.net a.b.example.net A 192.0.2.1", "+ create"},
		{"add example.net _sip._tcp SRV 1_2_3_host.example.net", "+ create"},
		{"change example.net www.other.com A 192.0.2.2", "- change"},
	} {
		args := strings.Fields("record " + test.args)
		for i := range args[5:] {
			args[5+i] = strings.ReplaceAll(args[5+i], "_", " ")
		}
		if got := ok(t, args...); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s prints %q, want %q", test.args, got, test.want)
		}
	}
	var done outcome
	err := json.Unmarshal([]byte(ok(t, "record", "add", "example.net", "j", "CNAME", "web", "--json")), &done)
	if err != nil || len(done.Warnings) != 1 {
		t.Errorf("%+v, %v", done, err)
	}
}
