package server

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestHouseMakefile keeps the check of a change and the Makefile together.
func TestHouseMakefile(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	targets := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):.*## \S`).FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
	}
	for _, want := range []string{
		"help", "deps", "build", "run", "test", "lint", "race", "fuzz", "bench", "bench-peers", "cover", "vuln",
		"attack", "chaos", "test-fleet",
		"test-clients", "judge",
		"fresh", "dist",
	} {
		if !targets[want] {
			t.Errorf("make has no %s, or no description of it", want)
		}
	}
	check, err := os.ReadFile("../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	used := regexp.MustCompile(`(?m)^(?:step|nice -n 19) make (.*)$`).FindAllStringSubmatch(string(check), -1)
	if len(used) < 8 {
		t.Errorf("the check runs %q", used)
	}
	for _, m := range used {
		for target := range strings.FieldsSeq(m[1]) {
			if strings.HasPrefix(target, ">") {
				break
			}
			if !targets[target] && !strings.Contains(target, "=") {
				t.Errorf("the check runs make %s, which is not there", target)
			}
		}
	}
}
