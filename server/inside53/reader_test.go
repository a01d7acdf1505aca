package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"inside53/resolver/freeport"
)

// TestProcessOutlivesItsReaders has nobody read what the server prints and logs, from
// before its first line on. It serves, says that the log is lost, and ends as it should.
func TestProcessOutlivesItsReaders(t *testing.T) {
	dns, admin := freeAddress(t), freeAddress(t)
	text := strings.ReplaceAll(fileConfig, "DRAIN", "0s") + "log: { sample_queries: 1 }\n"
	text = strings.Replace(text, `["127.0.0.1:0"]`, `["`+dns+`"]`, 1)
	path := lab(t, "0s")
	replace(t, path, strings.Replace(text, "admin: 127.0.0.1:0", "admin: "+admin, 1))

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = reader.Close() // nobody reads
	cmd := exec.CommandContext(t.Context(), self, "serve", "--config", path)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), asProgram+"=1"), writer, writer
	err = cmd.Start()
	_ = writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	body := func() string {
		select {
		case err := <-ended:
			t.Fatalf("it ended with %v", err)
		default:
		}
		_, text := adminPage(t, admin, "/readyz")
		return text
	}
	eventually(t, "ready, and said to have lost its log", func() bool {
		got := strings.Join(strings.Fields(body()), "")
		return strings.Contains(got, `"ready":true`) && strings.Contains(got, `"degraded":["log"]`)
	})
	for range 100 { // each is a line of the log
		if got := ask(t, dns, "ns.lab.example."); got != "10.0.0.1" {
			t.Fatalf("the address is %q", got)
		}
	}
	_, report := adminPage(t, admin, "/report")
	if !strings.Contains(report, "the log can't be written") {
		t.Errorf("/report does not say that the log is lost: %s", report)
	}
	_, metrics := adminPage(t, admin, "/metrics")
	if !strings.Contains(metrics, "\ninside53_log_writable 0\n") {
		t.Error("no metric says that the log is lost")
	}
	err = cmd.Process.Signal(syscall.SIGTERM)
	if err != nil {
		t.Fatal(err)
	}
	err = <-ended
	if err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// freeAddress returns an address of loopback that nobody has bound.
func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := freeport.Find()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// adminPage returns a page of an admin address; the status is 0 while nobody answers.
func adminPage(t *testing.T, admin, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+admin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
