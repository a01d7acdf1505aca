package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExplainDemo asks a running demo.
func TestExplainDemo(t *testing.T) {
	poison(t)
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // is nobody's business here
	r := begin(t, "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	admin := fields(t, r.line(t))["admin"]
	tour(t, r)
	for _, test := range []struct {
		args []string
		want []string // lines, in this order, others between them
	}{
		{[]string{"www.example.com"}, []string{
			"www.example.com. A for 127.0.0.1: NOERROR aa rd ra", "  www.example.com. 60 IN A 10.0.1.21",
			"view dublin: 127.0.0.1 is in 0.0.0.0/0, ...",
			"  layer private zone Z1009382KD7YH2M4ZSLC: owns A: decides",
			"  layer public zone Z0484276PQ3RN1T5XWVB: owns A, AAAA: hidden by a layer above",
		}},
		{[]string{"example.com", "mx", "--client", "127.0.0.2"}, []string{
			"example.com. MX for 127.0.0.2: NOERROR aa rd ra", "view virginia: 127.0.0.2 is in 127.0.0.2/32, ...",
			"  layer private zone Z1009382KD7YH2M4ZSLC: owns ...", "  layer public zone Z0484276PQ3RN1T5XWVB: owns ...",
		}},
		{[]string{"nothing.example.com"},
			[]string{"nothing.example.com. A for 127.0.0.1: NXDOMAIN aa rd ra",
				"nothing.example.com. A: NXDOMAIN: no layer has the name"}},
		{[]string{"bastion.example.com", "--diff", "public"}, []string{
			"bastion.example.com. A for 127.0.0.1: NOERROR aa rd ra", "from outside, by Route 53",
			"bastion.example.com. A for a client outside: NOERROR aa ...", "the difference",
			"only here: bastion.example.com. ...", "only outside: bastion.example.com. ...",
			"because: both have the same records, but addresses are translated here: 203.0.113.10 becomes 10.0.1.10: ...",
		}},
	} {
		code, stdout, stderr := command(t, append([]string{"explain", "--admin", "http://" + admin}, test.args...)...)
		if code != exitDone || stderr != "" {
			t.Errorf("%q: code %d, errors %q", test.args, code, stderr)
		}
		rest := strings.Split(stdout, "\n")
		for _, want := range test.want {
			at := 0
			for at < len(rest) && rest[at] != want &&
				!(strings.HasSuffix(want, "...") && strings.HasPrefix(rest[at], strings.TrimSuffix(want, "..."))) {
				at++
			}
			if at == len(rest) {
				t.Fatalf("%q: no %q in its place in\n%s", test.args, want, stdout)
			}
			rest = rest[at+1:]
		}
	}
	code, _, stderr := command(t, "explain", "bastion.example.com", "--client", "127.0.0.2", "--subnet", "10.1.0.0/16",
		"--admin", admin)
	if code != exitFailed || !strings.Contains(stderr,
		"subnet: that of client 127.0.0.2 isn't believed, it is not in ecs.trust") {
		t.Errorf("--subnet: code %d, errors %q", code, stderr)
	}
	code, stdout, stderr := command(t, "explain", "bastion.example.com", "--json", "--admin", admin)
	var e struct {
		View, Rcode string
		Answer      []string
		Steps       []struct{ Step, Why string }
	}
	err := json.Unmarshal([]byte(stdout), &e)
	if code != exitDone || stderr != "" || err != nil || e.View != "dublin" || e.Rcode != "NOERROR" ||
		len(e.Answer) != 1 || len(e.Steps) < 3 || e.Steps[0].Step == "" || e.Steps[0].Why == "" {
		t.Errorf("--json: code %d, errors %q, %v, %+v", code, stderr, err, e)
	}
}

func TestExplainUsage(t *testing.T) {
	const few = "too few or too many arguments: inside53 explain NAME [TYPE] [--client IP [--subnet PREFIX]] " +
		"[--depth N] [--admin URL] [--json] [--diff public]"
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, few},
		{[]string{"a", "b", "c"}, few},
		{[]string{"a..b"}, `name "a..b": not a domain name`},
		{[]string{"x", "WHAT"}, `type "WHAT": not a type of records, like A or TYPE65`},
		{[]string{"x", "--client", "me"}, `--client "me": not an address`},
		{[]string{"x", "--subnet", "10.1.2.3/24"}, `--subnet "10.1.2.3/24": not a prefix like 10.1.2.0/24`},
		{[]string{"x", "--diff", "private"}, `--diff "private": there is only public`},
		{[]string{"x", "--admin", "ftp://x"}, `--admin "ftp://x": write a URL like http://127.0.0.1:8053`},
		{[]string{"x", "--admin", ":8053:"}, `--admin "http://:8053:": write a URL like http://127.0.0.1:8053`},
	} {
		code, stdout, stderr := command(t, append([]string{"explain"}, test.args...)...)
		want := "inside53: " + test.want + "\nRun 'inside53 explain --help' for usage.\n"
		if code != exitUsage || stdout != "" || stderr != want {
			t.Errorf("%q: code %d, output %q, errors %q, want %q", test.args, code, stdout, stderr, want)
		}
	}
}

func TestExplainFailures(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	err = closed.Close()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("name") {
		case "conflict":
			http.Error(w, "no view from outside", http.StatusConflict)
		case "cut":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
		case "mute": // as the TCP port of listen.dns is to HTTP
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, "<html>")
		}
	}))
	defer server.Close()
	for _, test := range []struct{ admin, name, want string }{
		{nobody, "x", "asking http://" + nobody + ": dial tcp " + nobody +
			": connect: connection refused; is the server running, and is that its admin address? (--admin)"},
		{server.URL, "conflict", "asking " + server.URL + ": 409 Conflict: no view from outside"},
		{server.URL, "mute", "asking " + server.URL + ": EOF; is that the server's admin address? (--admin)"},
		{server.URL, "cut", "reading the answer of " + server.URL + ": unexpected EOF"},
		{server.URL + "/", "html", "reading the answer of " + server.URL +
			"/: invalid character '<' looking for beginning of value"},
	} {
		code, stdout, stderr := command(t, "explain", test.name, "--admin", test.admin)
		if code != exitFailed || stdout != "" || stderr != "inside53: "+test.want+"\n" {
			t.Errorf("%s: code %d, output %q, errors %q, want %q", test.name, code, stdout, stderr, test.want)
		}
	}
}

// TestExplainBoxes: box characters are for terminals of UTF-8.
func TestExplainBoxes(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	t.Setenv("LC_ALL", "en_US.UTF-8")
	if terminalOf(file, os.Getenv).boxes || terminalOf(new(strings.Builder), os.Getenv).boxes {
		t.Error("a file is no terminal")
	}
	got := map[string]bool{}
	for _, locale := range []string{"LC_ALL=C LANG=en_US.UTF-8", "LC_CTYPE=en_US.utf8", "LANG=C.UTF-8",
		"LANG=de_DE.ISO-8859-1", ""} {
		env := map[string]string{}
		for _, pair := range strings.Fields(locale) {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = value
		}
		got[locale] = isUTF8(func(name string) string { return env[name] })
	}
	want := map[string]bool{"LC_ALL=C LANG=en_US.UTF-8": false, "LC_CTYPE=en_US.utf8": true, "LANG=C.UTF-8": true,
		"LANG=de_DE.ISO-8859-1": false, "": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("UTF-8 (-want +got)\n%s", diff)
	}
}
