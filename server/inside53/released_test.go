//go:build !fleettest

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestReleased looks at the octets of the program, which this test is, too: the switch that makes its clock wrong isn't
// among them.
func TestReleased(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	has := func(words ...string) bool { // they are joined here alone
		return bytes.Contains(program, []byte(strings.Join(words, "_")))
	}
	if has("INSIDE53", "CLOCK") {
		t.Error("a variable of the environment makes its clock wrong")
	}
	if !has("inside53", "handed", "on", "total") {
		t.Error("it isn't the program")
	}
}
