package main

import (
	"bytes"
	"io/fs"
	"os"
	"strings"
	"testing"

	"inside53/examples"
	"inside53/zonesource/awssim"
)

// TestExportHostsHosted: a hosts file has absolute names in hosted zones as DNS has them, also
// where the configuration doesn't name the zones, and none in others.
func TestExportHostsHosted(t *testing.T) {
	sim := simulate(t)
	replaceInVirginia(t, sim, `"web-us"`, `"shop.example.com,www.google.com."`)
	const ec2 = "ec2: { regions: [us-east-1], names: [\"{tag:Name}\"] }\n"
	const left = `"shop.example.com": ends in com., which nobody means relatively, and is in no zone of ours`
	for _, test := range []struct {
		section string
		listed  int
		has     bool
	}{
		{"route53:\n", 1, true},
		{"route53: { zones: [example.com] }\n", 0, true},
		{"route53: { zones: [example.net] }\n", 0, false},
		{"route53: { zones: [Z0123456789NOTHERE] }\n", 1, false},
		{"", 0, false},
	} {
		before := sim.Calls()["ListHostedZones"]
		code, stdout, stderr := command(t, "export", "hosts", "--config", write(t, test.section+ec2), "--region",
			"us-east-1")
		if has := strings.Contains(stdout, "shop.example.com shop"); code != exitDone || has != test.has ||
			strings.Contains(stderr, left) == test.has || strings.Contains(stdout, "google") {
			t.Errorf("%q: code %d, output\n%s\nerrors\n%s", test.section, code, stdout, stderr)
		}
		if got := sim.Calls()["ListHostedZones"] - before; got != test.listed {
			t.Errorf("%q: the hosted zones are listed %d times, want %d", test.section, got, test.listed)
		}
	}
	deny(t, os.Getenv("AWS_ENDPOINT_URL"), "ListHostedZones")
	code, stdout, stderr := command(t, "export", "hosts", "--config", write(t, "route53:\n"+ec2), "--region", "us-east-1")
	if code != exitDone || strings.Contains(stdout, "shop") || !strings.Contains(stderr, left) ||
		!strings.Contains(stderr, "! route53: absolute names in hosted zones are left out: ") ||
		!strings.Contains(stderr, "route53:ListHostedZones") {
		t.Errorf("denied: code %d, output\n%s\nerrors\n%s", code, stdout, stderr)
	}
}

// replaceInVirginia replaces a text in the list of the demo's instances in Virginia.
func replaceInVirginia(t *testing.T, sim *awssim.Sim, old, text string) {
	t.Helper()
	const list = "us-east-1/describe-instances.json"
	data, err := fs.ReadFile(examples.Demo(), list)
	if err != nil {
		t.Fatal(err)
	}
	err = sim.Replace(list, bytes.ReplaceAll(data, []byte(old), []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
}
