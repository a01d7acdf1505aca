package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inside53/zonesource/recorder"
)

// pastConfig serves the simulated account, with its past.
const pastConfig = `
listen: { dns: ["127.0.0.1:0"] }
admin: 127.0.0.1:0
state_dir: STATE
drain: 0s
aws: { region: eu-west-1 }
route53: { refresh: 200ms, requests_per_second: 1000 }
updates: [{ zone: example.com, visibility: public, keys: [ops.], names: ["owned.example.com"] }]
keys: [{ name: ops., algorithm: hmac-sha256, secret: MDEyMzQ1Njc4OWFiY2RlZg== }]
history: { keep: 48h, max: 64MiB }
`

// TestPast changes a record beside a running server, and asks for what it was: history, its
// JSON, explain, zone diff, record restore, and a server of the past.
func TestPast(t *testing.T) {
	simulate(t)
	ok(t, "record", "add", "example.com", "past", "A", "192.0.2.1", "--public", "--no-wait")
	path := write(t, strings.ReplaceAll(pastConfig, "STATE", filepath.Join(t.TempDir(), "state")))
	r := begin(t, "serve", "--config", path)
	admin := fields(t, r.line(t))["admin"]
	lines := func(args ...string) []recorder.Line {
		code, stdout, _ := command(t, append([]string{"history", "--json", "--admin", admin}, args...)...)
		var all []recorder.Line
		if code == exitDone {
			err := json.Unmarshal([]byte(stdout), &all)
			if err != nil {
				t.Fatal(err)
			}
		}
		return all
	}
	eventually(t, "the first version is there", func() bool { return len(lines()) > 0 })
	time.Sleep(100 * time.Millisecond)
	before := time.Now().UTC().Format(time.RFC3339Nano)
	ok(t, "record", "change", "example.com", "past", "A", "192.0.2.2", "--public", "--no-wait")
	eventually(t, "the change is in the past", func() bool {
		all := lines("past.example.com")
		return len(all) > 0 && len(all[0].After) == 1 && all[0].After[0] == "192.0.2.2"
	})
	last := lines("past.example.com")[0]
	if last.Actor != "Route 53" || last.Cause != "listing" || last.Zone != "example.com." || last.Type != "A" ||
		last.Before[0] != "192.0.2.1" || last.Version == 0 {
		t.Errorf("%+v", last)
	}
	text := ok(t, "history", "past.example.com", "--limit", "1", "--since", "1h", "--admin", admin)
	if !strings.Contains(text, "192.0.2.1") || !strings.Contains(text, "Route 53") {
		t.Error(text)
	}
	text = ok(t, "history", "show", fmt.Sprint(last.Version), "--admin", admin)
	if !strings.Contains(text, "past.example.com.") {
		t.Error(text)
	}
	if text = ok(t, "explain", "past.example.com", "--admin", admin); !strings.Contains(text,
		"this name's A was 192.0.2.1 until ") || !strings.Contains(text, "changed by Route 53 to 192.0.2.2") {
		t.Error(text)
	}
	diff := []string{"zone", "diff", "example.com", "--public", "--at", before, "--config", path}
	code, stdout, _ := command(t, diff...)
	if code != exitFailed || !strings.Contains(stdout, "192.0.2.1") || strings.Count(stdout, "\n") > 4 {
		t.Errorf("%d: %s", code, stdout)
	}
	code, stdout, _ = command(t, append(diff, "--to", "0s")...)
	if code != exitFailed || !strings.Contains(stdout, "192.0.2.2") {
		t.Errorf("%d: %s", code, stdout)
	}
	past := begin(t, "serve", "--config", path, "--as-of", before)
	if got := ask(t, fields(t, past.line(t))["dns"], "past.example.com."); got != "192.0.2.1" {
		t.Errorf("as of %s it was %q", before, got)
	}
	restore := []string{"record", "restore", "example.com", "past", "A", "--public", "--at", before, "--config", path,
		"--no-wait"}
	if text = ok(t, append(restore, "--dry-run")...); !strings.Contains(text, "192.0.2.1") {
		t.Error(text)
	}
	ok(t, restore...)
	eventually(t, "it is put back", func() bool { return lines("past.example.com")[0].After[0] == "192.0.2.1" })
	if text = ok(t, restore...); !strings.Contains(text, "nothing") {
		t.Errorf("nothing is left to do: %s", text)
	}
}

// TestPastOwned asks before it changes what a key of updates owns.
func TestPastOwned(t *testing.T) {
	simulate(t)
	ok(t, "record", "add", "example.com", "owned", "A", "192.0.2.1", "--public", "--no-wait")
	path := write(t, strings.ReplaceAll(pastConfig, "STATE", filepath.Join(t.TempDir(), "state")))
	r := begin(t, "serve", "--config", path)
	admin := fields(t, r.line(t))["admin"]
	eventually(t, "the first version is there", func() bool {
		code, stdout, _ := command(t, "history", "owned.example.com", "--json", "--admin", admin)
		return code == exitDone && strings.Contains(stdout, "192.0.2.1")
	})
	ok(t, "record", "change", "example.com", "owned", "A", "192.0.2.2", "--public", "--no-wait")
	restore := []string{"record", "restore", "example.com", "owned", "--public", "--at", "0s", "--config", path,
		"--no-wait"}
	fails(t, exitUsage, "--yes", restore...)
	ok(t, append(restore, "--yes")...)
	fails(t, exitUsage, "needs --config", "record", "restore", "example.com", "owned", "--public", "--at", "0s")
	fails(t, exitUsage, "no time", "zone", "diff", "example.com", "--public", "--at", "yesterday", "--config", path)
	fails(t, exitFailed, "the past that is kept begins later", "record", "restore", "example.com", "owned", "--public",
		"--at", "30d", "--config", path)
}

// TestHistoryRefused has no server, no version, no time.
func TestHistoryRefused(t *testing.T) {
	fails(t, exitFailed, "is the server running", "history", "--admin", "127.0.0.1:1")
	fails(t, exitUsage, "no version", "history", "show", "x")
	fails(t, exitUsage, "no time", "history", "--since", "soon")
	fails(t, exitUsage, "write a URL", "history", "--admin", "ftp://x")
}
