package main

import (
	"strings"
	"testing"
)

// TestOctalNames: names of zone and record are read and printed as AWS writes them.
func TestOctalNames(t *testing.T) {
	simulate(t)
	ok(t, "zone", "create", `a\057b\344.example`)
	got := ok(t, "zone", "get", `a\057b\344.example.`)
	if !strings.Contains(got, `name        a/b\344.example.`+"\n") {
		t.Errorf("it is %s", got)
	}
	ok(t, "zone", "get", `a/b\344.example`)
	ok(t, "zone", "delete", `A/B\344.EXAMPLE`, "--yes")
	ok(t, "record", "add", "example.net", `\052.o`, "A", "192.0.2.1")
	if at := records(t, "*.o.example.net."); at != "300 A 192.0.2.1" {
		t.Errorf("*.o has %q", at)
	}
	fails(t, exitFailed, "*.o.example.net. A is there already", "record", "add", "example.net", "*.o", "A", "192.0.2.1")
	ok(t, "record", "add", "example.net", `x\056y`, "CNAME", `\052.o.example.net`)
	if at := records(t, `x\056y.example.net.`); at != `300 CNAME \052.o.example.net.` {
		t.Errorf(`x\056y has %q`, at)
	}
	ok(t, "record", "delete", "example.net", `x\056y.example.net`, "CNAME")
	fails(t, exitUsage, `escape "\\228" is not of three octal digits`, "record", "add", "example.net", `\228`, "A",
		"192.0.2.1")
	fails(t, exitFailed, `escape "\\228" is not of three octal digits`, "zone", "get", `\228.example`)
}

// TestOctalHint: explain reads names as dig does, and says so where an escape looks like
// one of AWS.
func TestOctalHint(t *testing.T) {
	tests := []struct {
		name, want string
	}{
		{`\052.example.com`, `hint: \052 is read as dig does, in decimal: "4"; AWS's \052 is *` + "\n"},
		{`a\057b.example.com`, `hint: \057 is read as dig does, in decimal: "9"; AWS's \057 is /` + "\n"},
		{`\042.example.com`, ""},  // decimal for *
		{`\344.example.com`, ""},  // no byte
		{`\\052.example.com`, ""}, // a backslash, then digits
		{`*.example.com`, ""},
		{`\0`, ""},
	}
	for _, test := range tests {
		got := octalHint(test.name)
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
