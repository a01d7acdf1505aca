//go:build clients

package export

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"inside53/zonesource/changes"
)

// TestClientNamed: BIND's own tools take what is exported, records of every kind in it.
func TestClientNamed(t *testing.T) {
	_, a := serve(t, checks(t))
	c := changes.New(a, changes.Options{})
	z, sets := makeZone(t.Context(), t, c, "example.com",
		func(z changes.Zone) []changes.RecordSet { return everything(t, z) })
	other, otherSets := makeZone(t.Context(), t, c, "10.in-addr.arpa", func(z changes.Zone) []changes.RecordSet {
		return []changes.RecordSet{parseSet(t, z, "1.0.0 PTR 300 host.example.com.")}
	})
	dir := t.TempDir()
	report, err := BIND(dir, []HostedZone{{z, sets}, {other, otherSets}}, BINDOptions{Region: "eu-west-1", Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	for path, name := range map[string]string{report.Written[0]: "10.in-addr.arpa", report.Written[1]: "example.com"} {
		if !strings.HasPrefix(filepath.Base(path), name) {
			t.Fatalf("%s is written where %s should be", path, name)
		}
		out, err := exec.CommandContext(t.Context(), "named-checkzone", name, path).CombinedOutput()
		if err != nil || !strings.HasSuffix(string(out), "OK\n") {
			t.Errorf("named-checkzone %s: %v\n%s", name, err, out)
		}
	}
	out, err := exec.CommandContext(t.Context(), "named-checkconf", "-z",
		filepath.Join(dir, "named.conf")).CombinedOutput()
	if err != nil || strings.Count(string(out), "loaded serial") != 2 {
		t.Errorf("named-checkconf: %v\n%s", err, out)
	}
}
