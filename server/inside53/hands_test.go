package main

import (
	"encoding/json"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"inside53/server/admin"
)

// TestHands looks at a running server, and has it forget and read.
func TestHands(t *testing.T) {
	simulate(t)
	path := write(t, strings.ReplaceAll(pastConfig, "STATE", filepath.Join(t.TempDir(), "state")))
	ready := fields(t, begin(t, "serve", "--config", path).line(t))
	at := []string{"--admin", ready["admin"]}
	on := func(args ...string) []string { return append(args, at...) }

	text := ok(t, on("status")...)
	for _, want := range []string{`(?m)^version +inside53`, `(?m)^ready +yes$`, `(?m)^started +20.* ago\)$`,
		`(?m)^queries +\d+\.\d a second`, `(?m)^cache +not asked$`, `(?m)^SOURCE +AGE +ERROR$`, `(?m)^route53 +\d`} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("status has nothing like %s:\n%s", want, text)
		}
	}
	var status admin.Status
	err := json.Unmarshal([]byte(ok(t, on("status", "--json")...)), &status)
	if err != nil || !status.Ready {
		t.Errorf("%+v, %v", status, err)
	}

	same(t, "flush", ok(t, on("flush", "www.example.org", "--tree")...), "0 answers forgotten\n")
	text = ok(t, on("refresh", "EXAMPLE.com")...)
	if !strings.HasPrefix(text, "READ NOW\nroute53 zone/Z") {
		t.Errorf("refresh: %s", text)
	}
	if text = ok(t, on("refresh")...); !strings.Contains(text, "route53 catalog/\n") {
		t.Errorf("refresh of all: %s", text)
	}
	fails(t, exitFailed, "404", on("refresh", "nowhere.example")...)
	fails(t, exitFailed, "404", on("accept", "example.com")...) // nothing of it is held back
	fails(t, exitUsage, "a..b", on("flush", "a..b")...)

	for range 3 {
		ask(t, ready["dns"], "nothing.example.com.")
	}
	counted := regexp.MustCompile(
		`(?m)^NXDOMAIN +COUNT +A SECOND\nnothing\.example\.com\. +3 +\d+\.\d\nsince 20`)
	eventually(t, "it is counted", func() bool {
		text = ok(t, on("top", "--by", "nxdomain", "--limit", "5")...)
		return counted.MatchString(text)
	})
	fails(t, exitUsage, "there are name, client", on("top", "--by", "colour")...)
}

// TestTail shows queries as they come, for a while.
func TestTail(t *testing.T) {
	simulate(t)
	path := write(t, strings.ReplaceAll(pastConfig, "STATE", filepath.Join(t.TempDir(), "state")))
	ready := fields(t, begin(t, "serve", "--config", path).line(t))
	tail := begin(t, "tail", "--admin", ready["admin"], "--name", "example.com", "--rcode", "nxdomain", "--client",
		"127.0.0.0/8")
	asJSON := begin(t, "tail", "--admin", ready["admin"], "--json")
	line := ""
	eventually(t, "a query is shown", func() bool {
		ask(t, ready["dns"], "nothing.example.com.")
		ask(t, ready["dns"], "example.com.")
		select {
		case line = <-tail.lines:
			return true
		default:
			return false
		}
	})
	want := `^\d\d:\d\d:\d\d\.\d{3}  127\.0\.0\.1 +\S+ +udp  nothing\.example\.com\. A  NXDOMAIN  nxdomain  [\d.e+-]+ ms$`
	if !regexp.MustCompile(want).MatchString(line) {
		t.Errorf("the line is %q", line)
	}
	var one struct{ Name, Rcode string }
	err := json.Unmarshal([]byte(asJSON.line(t)), &one)
	if err != nil || !strings.HasSuffix(one.Name, "example.com.") {
		t.Errorf("%+v, %v", one, err)
	}
	same(t, "for a moment", ok(t, "tail", "--admin", ready["admin"], "--for", "10ms", "--name", "x.example"), "")
	fails(t, exitFailed, "rcode", "tail", "--admin", ready["admin"], "--rcode", "nonsense")
	fails(t, exitUsage, "negative", "tail", "--for", "-1s")
}

// TestHandsWithoutServer: each command fails where nobody serves.
func TestHandsWithoutServer(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	err = closed.Close()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"status"}, {"accept", "a.example"}, {"flush", "a.example"}, {"refresh"}, {"top"}, {"tail"},
	} {
		fails(t, exitFailed, "is the server running", append(args, "--admin", nobody)...)
		fails(t, exitUsage, "--admin", append(args, "--admin", "http://")...)
	}
}

// TestZoneUsage says of record sets when they were asked for, and of the others that they never
// were.
func TestZoneUsage(t *testing.T) {
	simulate(t)
	path := write(t, strings.ReplaceAll(pastConfig, "STATE", filepath.Join(t.TempDir(), "state")))
	ready := fields(t, begin(t, "serve", "--config", path).line(t))
	ask(t, ready["dns"], "mail.example.com.")
	get := func(args ...string) string {
		return ok(t, append([]string{"zone", "get", "example.com", "--usage", "--admin", ready["admin"]}, args...)...)
	}
	eventually(t, "it is known who asked", func() bool {
		return regexp.MustCompile(`(?m)^mail\.example\.com\. +A +Z\w+ +20\S+ +1 +127\.0\.0\.1$`).MatchString(get())
	})
	text := get("ntp.example.com")
	if strings.Count(text, "\n") != 2 || !strings.Contains(text, "never since 20") {
		t.Errorf("of a name that nobody asked for: %s", text)
	}
	same(t, "of no name", get("nothing.example.com"), "no such record set is served\n")
	var all []admin.Usage
	err := json.Unmarshal([]byte(get("--json")), &all)
	if err != nil || len(all) < 10 {
		t.Errorf("%d, %v", len(all), err)
	}
	fails(t, exitUsage, "example.com is the name of 2 hosted zones", "zone", "get", "example.com", "www")
}
