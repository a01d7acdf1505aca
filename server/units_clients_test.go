//go:build clients

package server

import (
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
