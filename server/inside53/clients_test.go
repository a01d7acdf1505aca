//go:build clients

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Tests with the programs that people use. `make test-clients` runs them; `make deps`
// installs the programs.

// program runs a program and returns what it prints.
func program(t *testing.T, stdin string, words ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	c.Stdin = strings.NewReader(stdin)
	out, err := c.CombinedOutput()
	if err != nil && c.ProcessState == nil {
		t.Fatalf("%s: %v", words[0], err) // not there
	}
	return string(out)
}

// sorted returns the lines of a text, in order; none of an empty one.
func sorted(text string) []string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), func(l string) bool { return l == "" })
	slices.Sort(lines)
	return lines
}

// TestClientDemo runs the commands that the demo prints, as a person would.
func TestClientDemo(t *testing.T) {
	poison(t)
	r := begin(t, "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	dns := fields(t, r.line(t))["dns"]
	host, port, err := net.SplitHostPort(dns)
	if err != nil {
		t.Fatal(err)
	}
	answers, _ := tour(t, r)
	for command, want := range answers {
		slices.Sort(want)
		for _, transport := range []string{"", " +tcp", " +noedns", " +nocookie", " +bufsize=4096 +dnssec"} {
			got := sorted(program(t, "", "sh", "-c", command+transport))
			if !slices.Equal(got, want) {
				t.Errorf("%s%s\n got %q\nwant %q", command, transport, got, want)
			}
		}
	}
	got := program(t, "", "kdig", "@"+host, "-p", port, "+short", "+edns=0", "bastion.example.com", "A")
	if got != "10.0.1.10\n" {
		t.Errorf("kdig prints %q", got)
	}
	got = program(t, "", "kdig", "@"+host, "-p", port, "+short", "+tcp", "+keepopen", "bastion.example.com", "A",
		"mail.example.com", "SSHFP")
	if !strings.HasPrefix(got, "10.0.1.10\n") ||
		!strings.Contains(strings.ToLower(got), "4 2 9dd4a7f1c0e85b36d2478f1e6a93b05c7d1f4e82a6c9503b7e18d4f29a0c6b53") {
		t.Errorf("kdig prints %q on one connection", got)
	}
	got = program(t, fmt.Sprintf("server %s %s\nzone example.com\nupdate add x.example.com 60 A 192.0.2.1\nsend\n", host,
		port), "nsupdate", "-v")
	if !strings.Contains(got, "REFUSED") {
		t.Errorf("an update without any configured: nsupdate prints %q", got)
	}
}

// labZone has each thing that an authoritative server has to get right.
const labZone = `$ORIGIN lab.example.
$TTL 300
@          IN SOA   ns hostmaster 7 7200 900 1209600 60
           IN NS    ns
           IN MX    10 mail
ns         IN A     10.0.0.2
           IN AAAA  fd00::2
mail       IN A     10.0.0.3
www        IN CNAME printer
chain      IN CNAME www
gone       IN CNAME nothing
away       IN CNAME www.example.net.
printer    IN A     10.0.40.10
           IN A     10.0.40.11
           IN TXT   "two" "strings" "\"quoted\" \\ and \195\169"
*.dev      IN A     10.0.40.20
           IN MX    20 mail
a.dev      IN TXT   "hides the wildcard"
x.ent.dev  IN A     10.0.40.21
sub        IN NS    ns.sub
           IN NS    ns.elsewhere.example.
ns.sub     IN A     10.0.50.1
old        IN DNAME new
host.new   IN A     10.0.60.1
_sip._tcp  IN SRV   1 2 5060 mail
caa        IN CAA   0 issue "ca.example"
svc        IN HTTPS 1 . alpn=h2 ipv4hint=10.0.0.9
unknown    IN TYPE65280 \# 4 0A000001
`

// labQueries are asked of both servers.
func labQueries() []string {
	return strings.Split(strings.TrimSpace(`
lab.example SOA
lab.example NS
lab.example MX
lab.example TXT
ns.lab.example A
ns.lab.example AAAA
NS.Lab.Example A
www.lab.example A
www.lab.example CNAME
www.lab.example TXT
chain.lab.example A
chain.lab.example AAAA
gone.lab.example A
printer.lab.example A
printer.lab.example TXT
printer.lab.example MX
nothing.lab.example A
deep.nothing.lab.example A
dev.lab.example A
b.dev.lab.example A
b.c.dev.lab.example MX
b.dev.lab.example TXT
a.dev.lab.example A
a.dev.lab.example TXT
b.a.dev.lab.example A
ent.dev.lab.example A
y.ent.dev.lab.example A
*.dev.lab.example A
x.ent.dev.lab.example A
sub.lab.example A
sub.lab.example NS
sub.lab.example DS
host.sub.lab.example A
ns.sub.lab.example A
host.old.lab.example A
other.old.lab.example A
old.lab.example DNAME
old.lab.example A
_sip._tcp.lab.example SRV
_tcp.lab.example SRV
caa.lab.example CAA
svc.lab.example TYPE65
svc.lab.example A
unknown.lab.example TYPE65280
`), "\n")
}

// freePort returns a port that was free.
func freePort(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// startNamed serves the zone file in dir with BIND and returns its port.
func startNamed(t *testing.T, dir string) string {
	t.Helper()
	port := freePort(t)
	config := fmt.Sprintf(`options {
	directory %q; pid-file none; session-keyfile none; managed-keys-directory %q;
	listen-on port %s { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; minimal-responses yes; dnssec-validation no;
};
controls { };
zone "lab.example" { type primary; file "lab.zone"; check-names ignore; };
`, dir, dir, port)
	path := filepath.Join(dir, "named.conf")
	replace(t, path, config)
	var log bytes.Buffer
	c := exec.CommandContext(t.Context(), "named", "-g", "-n", "1", "-c", path)
	c.Stdout, c.Stderr = &log, &log
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 5 * time.Second
	err := c.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // it holds nothing that is kept
		_ = c.Wait()
		if t.Failed() {
			t.Logf("named says\n%s", log.String())
		}
	})
	eventually(t, "named answers", func() bool {
		return strings.Contains(program(t, "", "dig", "@127.0.0.1", "-p", port, "+tries=1", "+time=1", "lab.example", "SOA"),
			"status: NOERROR")
	})
	return port
}

// message is what two servers have to agree on: code, flags, answer and authority,
// without order.
func message(t *testing.T, port, query string) []string {
	t.Helper()
	words := append(strings.Fields("dig @127.0.0.1 -p "+port+
		" +norecurse +noall +comments +answer +authority +unknownformat"), strings.Fields(query)...)
	var lines []string
	for line := range strings.Lines(program(t, "", words...)) {
		line = strings.Join(strings.Fields(line), " ")
		switch {
		case strings.HasPrefix(line, ";; ->>HEADER<<-"):
			_, status, _ := strings.Cut(line, "status: ")
			status, _, _ = strings.Cut(status, ",")
			lines = append(lines, "1 "+status)
		case strings.HasPrefix(line, ";; flags: "):
			flags, _, _ := strings.Cut(strings.TrimPrefix(line, ";; flags: "), ";")
			// RA says whether a forwarder is there, which is not about the zone.
			lines = append(lines, "2 "+strings.ReplaceAll(flags, " ra", ""))
		case strings.HasPrefix(line, ";; ANSWER"), strings.HasPrefix(line, ";; AUTHORITY"):
			lines = append(lines, "section")
		case line != "" && line[0] != ';':
			owner, rest, _ := strings.Cut(line, " ") // in the letters of the question, or of the zone
			lines = append(lines, strings.ToLower(owner)+" "+rest)
		}
	}
	slices.Sort(lines)
	return lines
}

// TestClientNamed serves one zone file with BIND and with us, and compares.
func TestClientNamed(t *testing.T) {
	dir := t.TempDir()
	replace(t, filepath.Join(dir, "lab.zone"), labZone)
	named := startNamed(t, dir)
	path := filepath.Join(dir, "inside53.yaml")
	replace(t, path, strings.ReplaceAll(fileConfig, "DRAIN", "0s"))
	r := begin(t, "serve", "--config", path)
	_, ours, err := net.SplitHostPort(fields(t, r.line(t))["dns"])
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range labQueries() {
		want, got := message(t, named, query), message(t, ours, query)
		if len(want) < 3 || !slices.Equal(got, want) {
			t.Errorf("%s\nours\n  %s\nnamed's\n  %s", query, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
	}
}
