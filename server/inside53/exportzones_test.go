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
		{"route53: { zones: [example.com] }\n", 1, true}, // whether it has that name too
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

// TestExportHostsCollides: a name that a hosted zone has too is told: hosts files come before DNS. Who has no name in a
// hosted zone makes no call for it.
func TestExportHostsCollides(t *testing.T) {
	sim := simulate(t)
	const ec2 = "ec2: { regions: [us-east-1], names: [\"{tag:Name}\"] }\n"
	records := func() int { return sim.Calls()["ListResourceRecordSets"] }
	code, _, stderr := command(t, "export", "hosts", "--config", write(t, "route53:\n"+ec2), "--region", "us-east-1")
	if code != exitDone || records() != 0 || strings.Contains(stderr, "is a name of instances") {
		t.Errorf("code %d, errors %q, %d calls", code, stderr, records())
	}
	replaceInVirginia(t, sim, `"web-us"`, `"WWW.example.com,new.example.com,mail.example.com."`)
	for _, section := range []string{"route53:\n", "route53: { zones: [example.com] }\n"} {
		before := records()
		code, _, stderr = command(t, "export", "hosts", "--config", write(t, section+ec2), "--region", "us-east-1")
		for _, want := range []string{"! example.com. www.example.com.: is a name of instances, and has records in the " +
			"private zone", "! example.com. www.example.com.: is a name of instances, and has records in the public zone"} {
			if code != exitDone || !strings.Contains(stderr, want) || strings.Contains(stderr, "new.example.com") {
				t.Errorf("%q: code %d, errors %q", section, code, stderr)
			}
		}
		if made := records() - before; made > 6 {
			t.Errorf("%q: %d calls", section, made)
		}
	}
	deny(t, os.Getenv("AWS_ENDPOINT_URL"), "ListResourceRecordSets")
	code, stdout, stderr := command(t, "export", "hosts", "--config", write(t, "route53:\n"+ec2), "--region", "us-east-1")
	if code != exitDone || !strings.Contains(stdout, "www.example.com") ||
		!strings.Contains(stderr, "! route53: whether hosted zones have the same names isn't known: ") {
		t.Errorf("denied: code %d, errors %q", code, stderr)
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
