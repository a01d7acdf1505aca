//go:build clients

package server

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// TestClientSystemdSecurity has systemd score the unit of the service.
func TestClientSystemdSecurity(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=yes",
		filepath.Join(examples, "inside53.service")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m := regexp.MustCompile(`exposure level for inside53\.service: (\d+\.\d+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("no score: %s", out)
	}
	score, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil || score >= 1.3 {
		t.Errorf("the score is %s, %v: %s", m[1], err, out)
	}
}

// TestClientDNSdist has dnsdist read its example.
func TestClientDNSdist(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "dnsdist", "--check-config", "-C",
		filepath.Join(examples, "dnsdist.conf")).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestClientTerraform has hclfmt parse and format the module. No provider was there to say whether its arguments are
// right.
func TestClientTerraform(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(examples, "deploy/terraform/*.tf"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := command(t, "", filepath.Join("..", "bin/tools/hclfmt"), path); got != string(text) {
			t.Errorf("%s is formatted otherwise:\n%s", path, got)
		}
	}
}
