package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"inside53/resolver"

	"github.com/google/go-cmp/cmp"
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

// TestHintsOf: nothing is said to help that doesn't. Records of a file are not for zone get, and to whom nothing is
// answered no zone would be.
func TestHintsOf(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"name":"lab.example.","visibility":"file"},{"name":"both.example.","visibility":"file"},
			{"name":"both.example.","visibility":"private"},{"name":"internal.","visibility":"tags"}]`)
	}))
	defer server.Close()
	at := " --admin " + server.URL
	absent := resolver.Explanation{View: "rest", Rcode: "NXDOMAIN"}
	for _, test := range []struct {
		name string
		of   resolver.Explanation
		want []string
	}{
		{"a.lab.example", absent, []string{"hint: the nearest zone is lab.example."}},
		{"web.internal", absent, []string{"hint: the nearest zone is internal."}},
		{"a.both.example", absent, []string{
			"hint: the nearest zone is both.example.; its records: inside53 zone get both.example",
			"hint: it is read again at once by: inside53 refresh both.example" + at,
		}},
		{"a.both.example", resolver.Explanation{Rcode: "REFUSED"}, nil},
		{"a.both.example", resolver.Explanation{View: "rest", Rcode: "SERVFAIL", Steps: []resolver.Step{
			{Step: "a.both.example. A", Why: "the first data aren't complete yet: SERVFAIL but for zone files"},
		}}, []string{"hint: what can't be read, and what helps: inside53 status" + at}},
	} {
		q := explainQuestion{name: test.name, admin: server.URL}
		if diff := cmp.Diff(test.want, q.hints(t.Context(), &test.of)); diff != "" {
			t.Errorf("%s, %s: %s", test.name, test.of.Rcode, diff)
		}
	}
}
