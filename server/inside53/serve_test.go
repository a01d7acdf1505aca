package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// fileConfig serves one zone file, without AWS.
const fileConfig = `
listen: { dns: ["127.0.0.1:0"] }
admin: 127.0.0.1:0
drain: DRAIN
zonefiles: [{ origin: lab.example, file: lab.zone }]
views: [{ name: all, clients: [127.0.0.0/8] }]
`

func labFile(address string) string {
	return "@ 60 IN SOA ns a 1 2 3 4 5\n@ 60 IN NS ns\nns 60 IN A " + address + "\n"
}

// serving starts the server on a zone file and returns it, its line and its
// configuration.
func serving(t *testing.T, drain string) (*running, map[string]string, string) {
	t.Helper()
	path := write(t, strings.ReplaceAll(fileConfig, "DRAIN", drain))
	replace(t, filepath.Join(filepath.Dir(path), "lab.zone"), labFile("10.0.0.1"))
	r := begin(t, "serve", "--config", path)
	return r, fields(t, r.line(t)), path
}

// replace writes a file.
func replace(t *testing.T, path, text string) {
	t.Helper()
	err := os.WriteFile(path, []byte(text), 0o600)
	if err != nil {
		t.Fatal(err)
	}
}

// ask asks for the address of name; "" is none.
func ask(t *testing.T, server, name string) string {
	t.Helper()
	client := &dns.Client{Timeout: 5 * time.Second}
	reply, _, err := client.ExchangeContext(t.Context(), new(dns.Msg).SetQuestion(name, dns.TypeA), server)
	if err != nil {
		t.Fatal(err)
	}
	if len(reply.Answer) == 0 {
		return ""
	}
	return reply.Answer[0].(*dns.A).A.String()
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// send sends a signal to this process, which the server of the test takes.
func send(t *testing.T, signal syscall.Signal) {
	t.Helper()
	err := syscall.Kill(os.Getpid(), signal)
	if err != nil {
		t.Fatal(err)
	}
}

func TestServe(t *testing.T) {
	r, ready, path := serving(t, "0s")
	if got := ask(t, ready["dns"], "ns.lab.example."); got != "10.0.0.1" {
		t.Errorf("the address is %q", got)
	}
	// A new zone by reload; the one from before stays.
	replace(t, filepath.Join(filepath.Dir(path), "new.zone"), labFile("10.0.0.2"))
	text := strings.ReplaceAll(fileConfig, "DRAIN", "0s")
	replace(t, path, strings.ReplaceAll(text, "file: lab.zone }",
		"file: lab.zone }, { origin: new.example, file: new.zone }"))
	send(t, syscall.SIGHUP)
	eventually(t, "the new zone answers", func() bool { return ask(t, ready["dns"], "ns.new.example.") == "10.0.0.2" })
	if got := ask(t, ready["dns"], "ns.lab.example."); got != "10.0.0.1" {
		t.Errorf("after the reload the address is %q", got)
	}
	// A configuration with a fault changes nothing.
	replace(t, path, "zonefile: []\n")
	send(t, syscall.SIGHUP)
	replace(t, filepath.Join(filepath.Dir(path), "new.zone"), labFile("10.0.0.3"))
	eventually(t, "the zone files are still read",
		func() bool { return ask(t, ready["dns"], "ns.new.example.") == "10.0.0.3" })
	if code := r.end(t); code != exitDone {
		t.Errorf("it ended with %d: %s", code, r.errs)
	}
	if !strings.Contains(r.errs.String(), `unknown key; did you mean \"zonefiles\"?`) {
		t.Errorf("the log does not name the fault: %s", r.errs)
	}
}

func TestServeDrains(t *testing.T) {
	r, ready, _ := serving(t, "2s")
	url := "http://" + ready["admin"] + "/readyz"
	status := func() int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0
		}
		_ = response.Body.Close() // its status is what counts
		return response.StatusCode
	}
	eventually(t, "ready", func() bool { return status() == http.StatusOK })
	send(t, syscall.SIGTERM)
	eventually(t, "unready", func() bool { return status() == http.StatusServiceUnavailable })
	if got := ask(t, ready["dns"], "ns.lab.example."); got != "10.0.0.1" {
		t.Errorf("while it drains the address is %q", got)
	}
	select {
	case code := <-r.code:
		r.code <- code
		if code != exitDone {
			t.Errorf("it ended with %d: %s", code, r.errs)
		}
	case <-time.After(20 * time.Second):
		t.Error("it does not end after the drain")
	}
}

func TestServeFaults(t *testing.T) {
	code, stdout, stderr := command(t, "serve", "--config", write(t, "listen: {dns: []}\n"))
	if code != exitFailed || stdout != "" || !strings.Contains(stderr, ":1: listen.dns: is empty;") {
		t.Errorf("code %d, output %q, errors %q", code, stdout, stderr)
	}
}
