package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// running is a command line that goes on.
type running struct {
	lines chan string // of its output; closed at its end
	stop  context.CancelFunc
	code  chan int
	errs  *strings.Builder // once it has ended
}

// begin runs a command line in the background and ends it with the test.
func begin(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	r := &running{lines: make(chan string, 1000), stop: cancel, code: make(chan int, 1), errs: new(strings.Builder)}
	read := make(chan struct{})
	go func() {
		code := run(ctx, args, in, r.errs)
		_ = in.Close() // ends the reader below
		<-read
		r.code <- code
	}()
	go func() {
		defer close(read)
		defer close(r.lines)
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			select {
			case r.lines <- scanner.Text():
			default: // nobody reads that much
			}
		}
	}()
	t.Cleanup(func() { r.end(t) })
	return r
}

// line returns the next line of output.
func (r *running) line(t *testing.T) string {
	t.Helper()
	select {
	case line, ok := <-r.lines:
		if !ok {
			t.Fatalf("it ended with %d: %s", r.end(t), r.errs)
		}
		return line
	case <-time.After(30 * time.Second):
		t.Fatal("no line of output in 30s")
		return ""
	}
}

// end ends it and returns its exit code.
func (r *running) end(t *testing.T) int {
	t.Helper()
	r.stop()
	select {
	case code := <-r.code:
		r.code <- code // for the next who asks
		return code
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
		return -1
	}
}

// fields returns the values of a line like "ready dns=1 admin=2".
func fields(t *testing.T, line string) map[string]string {
	t.Helper()
	values := make(map[string]string)
	for i, word := range strings.Fields(line) {
		name, value, ok := strings.Cut(word, "=")
		if i == 0 && word != "ready" || i > 0 && !ok {
			t.Fatalf("the line is %q", line)
		}
		values[name] = value
	}
	return values
}

// tour reads the commands and answers that the demo prints, and the command that makes
// a health check fail.
func tour(t *testing.T, r *running) (answers map[string][]string, fail string) {
	t.Helper()
	answers = make(map[string][]string)
	var command string
	for {
		line := r.line(t)
		answer, indented := strings.CutPrefix(line, "  ")
		switch {
		case strings.HasPrefix(line, "dig "):
			command = line
			answers[command] = nil
		case indented:
			answers[command] = append(answers[command], answer)
		case strings.HasPrefix(line, "curl "):
			fail = line
		case strings.HasPrefix(line, "The configuration is "):
			return answers, fail
		}
	}
}

// short asks what a printed dig command asks and returns what dig +short prints.
func short(t *testing.T, command string) []string {
	t.Helper()
	words := strings.Fields(command)
	if len(words) < 6 || words[0] != "dig" || words[2] != "-p" {
		t.Fatalf("the command is %q", command)
	}
	server := net.JoinHostPort(strings.TrimPrefix(words[1], "@"), words[3])
	words = words[4:]
	client := &dns.Client{Timeout: 5 * time.Second}
	if words[0] == "-b" {
		client.Dialer = &net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(words[1]), 0))}
		words = words[2:]
	}
	if words[0] != "+short" {
		t.Fatalf("the command is %q", command)
	}
	kind := dns.TypeA
	if len(words) > 2 {
		kind = dns.StringToType[words[2]]
	}
	query := new(dns.Msg).SetQuestion(dns.Fqdn(words[1]), kind).SetEdns0(1232, false)
	reply, _, err := client.ExchangeContext(t.Context(), query, server)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	if reply.Rcode != dns.RcodeSuccess {
		t.Errorf("%s: %s", command, dns.RcodeToString[reply.Rcode])
	}
	var lines []string
	for _, rr := range reply.Answer {
		lines = append(lines, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	return lines
}

// poison sets variables that would keep the SDK from the simulator.
func poison(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_ROUTE_53": "http://127.0.0.1:1", "AWS_PROFILE": "none",
		"AWS_REGION":        "xx-none-1",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "", "AWS_CONFIG_FILE": "/none",
		"AWS_SHARED_CREDENTIALS_FILE": "/none",
	} {
		t.Setenv(name, value)
	}
}

func TestDemo(t *testing.T) {
	poison(t)
	t.Setenv("TMPDIR", t.TempDir())
	r := begin(t, "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	ready := fields(t, r.line(t))
	if ready["dns"] == "" || ready["admin"] == "" || strings.HasSuffix(ready["dns"], ":0") {
		t.Errorf("ready with %v", ready)
	}
	answers, fail := tour(t, r)
	if len(answers) != len(demoQuestions()) {
		t.Errorf("%d commands of %d", len(answers), len(demoQuestions()))
	}
	for command, want := range answers {
		got := short(t, command)
		slices.Sort(got)
		slices.Sort(want)
		// dig prints bytes of text beyond ASCII in decimal, and so does the library.
		if !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", command, got, want)
		}
	}
	failOver(t, fail, ready["dns"])
	if code := r.end(t); code != exitDone {
		t.Errorf("it ended with %d", code)
	}
	for line := range strings.Lines(r.errs.String()) {
		if !strings.Contains(line, "health check changed") {
			t.Errorf("it says %s", line)
		}
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

// failOver does what the printed curl command does and waits for the secondary to answer.
func failOver(t *testing.T, command, dnsAddr string) {
	t.Helper()
	m := regexp.MustCompile(`^curl -X PUT (http://\S+) -d '(.*)'$`).FindStringSubmatch(command)
	if m == nil {
		t.Fatalf("the command is %q", command)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, m[1], strings.NewReader(m[2]))
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // the status says it
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", command, response.Status)
	}
	host, port, err := net.SplitHostPort(dnsAddr)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"10.1.1.30"}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		got := short(t, fmt.Sprintf("dig @%s -p %s +short app.example.com", host, port))
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("app.example.com is %q, want %q", got, want)
		}
	}
}

func TestDemoFaults(t *testing.T) {
	poison(t)
	t.Setenv("TMPDIR", t.TempDir())
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	code, stdout, stderr := command(t, "demo", "--listen", taken.Addr().String(), "--admin", "127.0.0.1:0")
	if code != exitFailed || stdout != "" || !strings.Contains(stderr, taken.Addr().String()) {
		t.Errorf("code %d, output %q, errors %q", code, stdout, stderr)
	}
	code, stdout, stderr = command(t, "demo", "--listen", "127.0.0.1:0", "--admin", "192.0.2.1:80")
	if code != exitFailed || stdout != "" || !strings.Contains(stderr, "admin: 192.0.2.1:80 is not loopback") {
		t.Errorf("code %d, output %q, errors %q", code, stdout, stderr)
	}
}

func TestDemoTour(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:53":       "\ndig @127.0.0.1 -p 53 -b 127.0.0.3 +short bastion.example.com\n",
		"127.0.0.1:53":     "\ndig @127.0.0.1 -p 53 -b 127.0.0.3 +short bastion.example.com\n",
		"192.0.2.1:53":     "\ndig @192.0.2.1 -p 53 +short bastion.example.com\n",
		"[2001:db8::1]:53": "\ndig @2001:db8::1 -p 53 +short bastion.example.com\n",
	} {
		text := string((&demoTour{program: "bin/inside53"}).text(netip.MustParseAddrPort(addr), "127.0.0.1:8053"))
		if !strings.Contains(text, want) {
			t.Errorf("%s: no %q in\n%s", addr, want, text)
		}
		if !strings.Contains(text, "\nbin/inside53 explain app.example.com --admin http://127.0.0.1:8053 --diff public\n") {
			t.Errorf("%s: no explain in\n%s", addr, text)
		}
		if strings.Contains(text, "\nbin/inside53 explain bastion.example.com --client 127.0.0.3 --admin "+
			"http://127.0.0.1:8053   # or so") != (strings.HasPrefix(addr, "127.") || strings.HasPrefix(addr, "0.")) {
			t.Errorf("%s: for macOS there is\n%s", addr, text)
		}
		local := strings.HasPrefix(addr, "127.") || strings.HasPrefix(addr, "0.")
		if strings.Contains(text, " -b ") != local {
			t.Errorf("%s: clients are\n%s", addr, text)
		}
	}
}
