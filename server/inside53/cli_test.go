package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"inside53/examples"
	"inside53/zonesource/awssim"
)

// simulate makes the environment of the test one of a simulator with the demo data.
func simulate(t *testing.T) *awssim.Sim {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Data: examples.Demo(), Reads: awssim.Unlimited(), Changes: awssim.Unlimited(),
		Inventory: awssim.Unlimited()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	for key, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_REGION":                "eu-west-1",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_PROFILE": "",
	} {
		t.Setenv(key, value)
	}
	return sim
}

// changeIDs are the ids of changes, which differ from test to test.
var changeIDs = regexp.MustCompile(`C[A-Z2-7]{19}`)

// ok runs a command line that has to do its work, and returns what it prints.
func ok(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := command(t, args...)
	if code != exitDone || stderr != "" {
		t.Fatalf("%q: code %d, errors %q, output %q", args, code, stderr, stdout)
	}
	return changeIDs.ReplaceAllString(stdout, "CHANGE")
}

// fails runs a command line that has to end with a code and an error.
func fails(t *testing.T, want int, text string, args ...string) {
	t.Helper()
	code, stdout, stderr := command(t, args...)
	if code != want || !strings.Contains(stderr, text) {
		t.Errorf("%q: code %d, errors %q, want %d with %q; output %q", args, code, stderr, want, text, stdout)
	}
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

func TestConfirm(t *testing.T) {
	for answer, want := range map[string]error{"y\n": nil, "YES": nil, " yes \n": nil, "\n": errUnconfirmed,
		"": errUnconfirmed, "no\n": errUnconfirmed, "yesterday\n": errUnconfirmed} {
		var out bytes.Buffer
		err := console{in: strings.NewReader(answer), out: &out, asks: true}.confirm("Do it?")
		if !errors.Is(err, want) || out.String() != "Do it? [y/N] " {
			t.Errorf("%q: %v, asked %q", answer, err, out.String())
		}
	}
	var asked usage
	err := console{in: strings.NewReader("y\n")}.confirm("Do it?")
	if !errors.As(err, &asked) {
		t.Errorf("without a terminal: %v", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil || isTerminal(null) || isTerminal(&bytes.Buffer{}) || null.Close() != nil {
		t.Errorf("%s is a terminal, %v", os.DevNull, err)
	}
}

func TestZoneLs(t *testing.T) {
	simulate(t)
	same(t, "private zones", ok(t, "zone", "ls", "--private"),
		`ID                    NAME              VISIBILITY  RECORDS  COMMENT
Z0925517GM5LX3V7NHDK  10.in-addr.arpa.  private     7        reverse of both VPCs
Z1009382KD7YH2M4ZSLC  example.com.      private     16       names inside the VPCs
`)
	var zones []struct{ ID, Name string }
	err := json.Unmarshal([]byte(ok(t, "zone", "ls", "--public", "--json")), &zones)
	if err != nil || len(zones) != 2 || zones[1].ID != "Z0731658FW9JB6C8QTRG" || zones[1].Name != "example.net." {
		t.Errorf("%+v, %v", zones, err)
	}
}

func TestAmbiguousZone(t *testing.T) {
	simulate(t)
	const want = `inside53: example.com is the name of 2 hosted zones; say which one, by --public, --private, --vpc or its id:
  Z1009382KD7YH2M4ZSLC  private  vpc-0a1b2c3d4e5f60718 (eu-west-1)  vpc-0b7c1d2e3f4a59687 (us-east-1)  "names inside the VPCs"
  Z0484276PQ3RN1T5XWVB  public  "public names"
`
	for _, args := range [][]string{
		{"zone", "get", "example.com"}, {"zone", "delete", "example.com", "--yes"},
		{"record", "add", "example.com", "x", "A", "192.0.2.1"},
		{"record", "delete", "example.com", "www", "A"}, {"record", "import", "example.com", "none"},
	} {
		fails(t, exitUsage, want, args...)
	}
	fails(t, exitFailed, "no such hosted zone: nowhere.example", "zone", "get", "nowhere.example")
	fails(t, exitUsage, "--private and --public exclude each other", "zone", "get", "example.com", "--private", "--public")
	fails(t, exitUsage, `account "x" is not among aws.accounts`, "zone", "ls", "--account", "x")
	fails(t, exitUsage, "no command; there are create, delete, diff, get, ls", "zone")
	fails(t, exitUsage, "no command; there are add, change, delete, import, ls, promote, ramp, restore", "record")
	fails(t, exitUsage, `unknown command "lst"; there are add, change, delete, import, ls, promote`, "record", "lst")
	ok(t, "zone", "list")
}

func TestZoneGet(t *testing.T) {
	simulate(t)
	got := ok(t, "zone", "get", "example.com", "--vpc", "vpc-0b7c1d2e3f4a59687")
	for _, want := range []string{
		"id          Z1009382KD7YH2M4ZSLC\n", "visibility  private\n", "vpc         vpc-0a1b2c3d4e5f60718 (eu-west-1)\n",
		"\nNAME ", "ROUTING", `  routing="LATENCY" region="eu-west-1" identifier="dublin"`,
		"alias internal-intranet-904512377.eu-west-1.elb.amazonaws.com. (Z32O12XQLTSW2)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("output lacks %q:\n%s", want, got)
		}
	}
	var all struct {
		Zone    struct{ ID string }
		Records []struct{ Name, Type string }
	}
	err := json.Unmarshal([]byte(ok(t, "zone", "get", "Z1009382KD7YH2M4ZSLC", "--json")), &all)
	if err != nil || all.Zone.ID != "Z1009382KD7YH2M4ZSLC" || len(all.Records) != 16 || all.Records[0].Type != "NS" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestZoneCreateAndDelete(t *testing.T) {
	sim := simulate(t)
	got := ok(t, "zone", "create", "new.example", "--private", "--vpc", "vpc-1", "--comment", "mine")
	if !strings.HasPrefix(got, "created private zone new.example. (Z") {
		t.Errorf("created %q", got)
	}
	got = ok(t, "zone", "get", "new.example")
	if !strings.Contains(got, "vpc         vpc-1 (eu-west-1)\n") || !strings.Contains(got, "comment     mine\n") {
		t.Errorf("it is %s", got)
	}
	fails(t, exitUsage, "a private zone needs --private and --vpc", "zone", "create", "new.example", "--private")
	ok(t, "record", "add", "new.example", "www", "A", "192.0.2.1")
	fails(t, exitFailed, "has 1 record sets besides its SOA and NS; --purge deletes them first", "zone", "delete",
		"new.example", "--yes")
	fails(t, exitUsage, "nothing was changed: there is no terminal to ask on; --yes says yes", "zone", "delete",
		"new.example", "--purge")
	ok(t, "zone", "create", "gone.example")
	ok(t, "record", "add", "gone.example", "www", "A", "192.0.2.1")
	var gone outcome
	err := json.Unmarshal([]byte(ok(t, "zone", "delete", "gone.example", "--purge", "--yes", "--json")), &gone)
	if err != nil || gone.Zone.Name != "gone.example." || gone.Status != "INSYNC" || len(gone.Changes) != 2 {
		t.Errorf("as JSON: %+v, %v", gone, err)
	}
	got = ok(t, "zone", "delete", "new.example", "--purge", "--yes")
	if !strings.Contains(got, "- delete  www.new.example.  300  A  192.0.2.1\n") ||
		!strings.Contains(got, "deleted private zone new.example. (Z") {
		t.Errorf("deleted: %s", got)
	}
	fails(t, exitFailed, "no such hosted zone", "zone", "get", "new.example")
	if sim.Calls()["GetChange"] == 0 {
		t.Error("nobody waited")
	}
}

func TestZoneDiff(t *testing.T) {
	simulate(t)
	code, stdout, stderr := command(t, "zone", "diff", "example.com")
	if code != exitFailed || !strings.Contains(stdout, "- change  www.example.com.") ||
		!strings.Contains(stderr, "there are differences: 46 to create, 1 to change, 13 to delete") {
		t.Errorf("code %d, errors %q, output\n%s", code, stderr, stdout)
	}
	dir := t.TempDir()
	config := write(t, "route53: {zones: [Z1009382KD7YH2M4ZSLC]}\n")
	ok(t, "export", "bind", "--config", config, "--dir", dir)
	file := filepath.Join(dir, "example.com.Z1009382KD7YH2M4ZSLC.zone")
	same(t, "a zone and its export", ok(t, "zone", "diff", "example.com", file, "--private"),
		"nothing to do; 14 as wanted already, 0 others stay\n")
	ok(t, "record", "add", "example.com", "one-more", "A", "192.0.2.1", "--private")
	code, stdout, _ = command(t, "zone", "diff", "example.com", file, "--private", "--json")
	var batch struct{ Changes []struct{ Action string } }
	err := json.Unmarshal([]byte(stdout), &batch)
	if code != exitFailed || err != nil || len(batch.Changes) != 1 || batch.Changes[0].Action != "DELETE" {
		t.Errorf("code %d, %v, %s", code, err, stdout)
	}
	fails(t, exitUsage, "have different names", "zone", "diff", "example.net", "Z1009382KD7YH2M4ZSLC")
	fails(t, exitUsage, "both are the same zone", "zone", "diff", "example.net", "Z0731658FW9JB6C8QTRG")
	fails(t, exitUndecided, "example.net. is there as public zone", "zone", "diff", "example.net")
	fails(t, exitUndecided, "no such hosted zone", "zone", "diff", "nowhere.example")
	fails(t, exitUndecided, "and no file of that name", "zone", "diff", "example.net", "nothing")
}

// TestZoneCreateTwice: a second zone of a name needs a yes, and a reference makes one zone
// however often the command runs.
func TestZoneCreateTwice(t *testing.T) {
	simulate(t)
	const asks = "nothing was changed: there is no terminal to ask on"
	fails(t, exitUsage, asks, "zone", "create", "example.net")
	fails(t, exitUsage, asks, "zone", "create", "EXAMPLE.net", "--private", "--vpc", "vpc-1")
	ok(t, "zone", "create", "example.net", "--private", "--vpc", "vpc-1", "--yes")
	first := ok(t, "zone", "create", "new.example", "--reference", "one")
	again := ok(t, "zone", "create", "new.example", "--reference", "one")
	same(t, "the second run", strings.Replace(again, "there is already, of that reference, the", "created", 1), first)
	fails(t, exitUsage, asks, "zone", "create", "new.example", "--reference", "two")
	fails(t, exitFailed, `the reference "one" made a zone of another name`, "zone", "create", "other.example",
		"--reference", "one")
	fails(t, exitFailed, "which is not as asked for", "zone", "create", "new.example", "--reference", "one", "--private",
		"--vpc", "vpc-1")
}

func TestExportJSON(t *testing.T) {
	simulate(t)
	dir := filepath.Join(t.TempDir(), "data")
	config := write(t, "route53:\nec2: { regions: [eu-west-1, us-east-1] }\n")
	same(t, "first", ok(t, "export", "json", "--config", config, "--dir", dir), "33 files in "+dir+"\n")
	var e exported
	err := json.Unmarshal([]byte(ok(t, "export", "json", "--config", config, "--dir", dir, "--json")), &e)
	if err != nil || e.Dir != dir || len(e.Written) != 33 || e.Written[0] >= e.Written[32] || e.Problems == nil {
		t.Errorf("as JSON: %+v, %v", e, err)
	}
	_, err = awssim.New(awssim.Options{Data: os.DirFS(dir)})
	if err != nil {
		t.Error(err)
	}
	fails(t, exitFailed, "neither route53 nor ec2", "export", "json", "--config",
		write(t, "zonefiles: [{origin: a, file: a}]\n"), "--dir", dir)
}

func TestExportBIND(t *testing.T) {
	simulate(t)
	dir := t.TempDir()
	got := ok(t, "export", "bind", "--config", write(t, "route53:\n"), "--dir", dir, "--region", "us-east-1")
	if !strings.HasSuffix(got, "4 zones: 5 files written, 0 unchanged in "+dir+"\n") ||
		!strings.Contains(got, "cdn.example.com. A: latency: virginia stands in\n") {
		t.Errorf("output\n%s", got)
	}
	var e exported
	err := json.Unmarshal([]byte(ok(t, "export", "bind", "--config", write(t, "route53:\n"), "--dir", dir, "--region",
		"eu-west-1", "--json")), &e)
	if err != nil || e.Zones != 4 || len(e.Written) != 2 || e.Unchanged != 3 || len(e.Problems) == 0 ||
		e.Problems[0].Reason == "" {
		t.Errorf("as JSON: %+v, %v", e, err)
	}
	fails(t, exitFailed, "no section route53", "export", "bind", "--config", write(t, "ec2:\n"), "--dir", dir)
}
