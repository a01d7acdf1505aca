package main

import (
	"strings"
	"testing"
)

func TestNearestZone(t *testing.T) {
	zones := []string{"example.com.", "sub.example.com.", "corp.example.", "10.in-addr.arpa.", "internal."}
	for name, want := range map[string]string{
		"www.example.com": "example.com.", "a.sub.example.com.": "sub.example.com.", "www.exmaple.com": "example.com.",
		"WWW.EXAMPL.COM": "example.com.", "db.corp.exampel": "corp.example.", "www.example.org": "", "web.intern": "",
		"web.interna": "internal.", "nothing": "", "a.b.sub.exmple.com": "sub.example.com.",
	} {
		if got := nearestZone(name, zones); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for pair, want := range map[string]int{"/": 0, "a/": 1, "abc/abc": 0, "abc/acb": 1, "kitten/sitting": 3} {
		a, b, _ := strings.Cut(pair, "/")
		if got := distance(a, b); got != want {
			t.Errorf("%s: %d, want %d", pair, got, want)
		}
	}
}

// TestExplainHints: what was most likely meant stands below the explanation.
func TestExplainHints(t *testing.T) {
	poison(t)
	t.Setenv("TMPDIR", t.TempDir())
	r := begin(t, "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	admin := "http://" + fields(t, r.line(t))["admin"]
	tour(t, r)
	for words, want := range map[string]string{
		"explain 10.0.1.10": "hint: 10.0.1.10 is an address; its name is asked for by: inside53 explain " +
			"10.1.0.10.in-addr.arpa. PTR --admin " + admin,
		"explain 2001:db8::1 --client 127.0.0.2": ".0.8.b.d.0.1.0.0.2.ip6.arpa. PTR --client 127.0.0.2 --admin " + admin,
		"explain nothing.example.com": "hint: the nearest zone is example.com.; its records: inside53 zone get " +
			"example.com",
		"explain www.exmaple.net":  "hint: the nearest zone is example.net.",
		`explain \052.example.com`: `hint: \052 is read as dig does, in decimal: "4"; AWS's \052 is *`,
	} {
		code, stdout, stderr := command(t, append(strings.Fields(words), "--admin", admin)...)
		if code != exitDone || stderr != "" || !strings.Contains(stdout, want) {
			t.Errorf("%s: code %d, errors %q, output\n%s\nwithout %s", words, code, stderr, stdout, want)
		}
	}
	code, stdout, _ := command(t, "explain", "www.example.com", "--admin", admin, "--depth", "1")
	if code != exitDone || strings.Contains(stdout, "hint:") || !strings.Contains(stdout, " more)\n") ||
		strings.Contains(stdout, "  closest") {
		t.Errorf("folded it is\n%s", stdout)
	}
	code, _, stderr := command(t, "explain", "www.example.com", "--depth", "-1")
	if code != exitUsage || !strings.Contains(stderr, "--depth -1") {
		t.Errorf("code %d, %s", code, stderr)
	}
}
