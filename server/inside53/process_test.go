package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"inside53/server/house"
)

// asProgram, when set, makes the binary of the tests the program itself.
const asProgram = "INSIDE53_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(house.Loopback(m).Run())
}

// process is the program in a process of its own: for signals and exit codes.
type process struct {
	cmd    *exec.Cmd
	stdout *bytes.Buffer // once it has ended
	stderr *lines
	line   chan string // the first line of output
	ended  chan error
}

// lines is what is written, to be read at any time.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// opening takes what is written and passes the first line on.
type opening struct {
	text bytes.Buffer
	line chan string
	seen bool
}

func (f *opening) Write(p []byte) (int, error) {
	f.text.Write(p)
	line, _, whole := strings.Cut(f.text.String(), "\n")
	if whole && !f.seen {
		f.seen = true
		f.line <- line
	}
	return len(p), nil
}

// spawn starts the program.
func spawn(t *testing.T, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return spawnOf(t, self, args...)
}

// spawnOf starts the program by way of another that becomes it.
func spawnOf(t *testing.T, self string, args ...string) *process {
	t.Helper()
	return spawnWith(t, func(*exec.Cmd) {}, self, args...)
}

// spawnWith starts the program by way of another, with more than usual.
func spawnWith(t *testing.T, more func(*exec.Cmd), self string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	out := &opening{line: make(chan string, 1)}
	p := &process{cmd: exec.CommandContext(ctx, self, args...), stdout: &out.text, stderr: new(lines),
		line: out.line, ended: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), asProgram+"=1", "AWS_ENDPOINT_URL=http://127.0.0.1:1",
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_PROFILE=")
	p.cmd.Stdout, p.cmd.Stderr = out, p.stderr
	more(p.cmd)
	err := p.cmd.Start()
	if err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() {
		cancel()
		p.wait(t)
		if t.Failed() {
			t.Logf("what process %d said:\n%s", p.cmd.Process.Pid, p.stderr)
		}
	})
	return p
}

// ready waits for the line that it is ready.
func (p *process) ready(t *testing.T) map[string]string {
	t.Helper()
	select {
	case line := <-p.line:
		return fields(t, line)
	case err := <-p.ended:
		p.ended <- err
		t.Fatalf("it ended with %v: %s", err, p.stderr)
	case <-time.After(time.Minute):
		t.Fatal("it does not get ready")
	}
	return nil
}

// wait waits for the end and returns the exit code, or minus the signal that ended it.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case err := <-p.ended:
		p.ended <- err
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		status := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
		if status.Signaled() {
			return -int(status.Signal())
		}
		return status.ExitStatus()
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
		return 0
	}
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	err := p.cmd.Process.Signal(s)
	if err != nil {
		t.Fatal(err)
	}
}

// lab writes a configuration of one zone file, and returns its path.
func lab(t *testing.T, drain string) string {
	t.Helper()
	path := write(t, strings.ReplaceAll(fileConfig, "DRAIN", drain))
	replace(t, filepath.Join(filepath.Dir(path), "lab.zone"), labFile("10.0.0.1"))
	return path
}

func TestProcessTerminates(t *testing.T) {
	for _, s := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		p := spawn(t, "serve", "--config", lab(t, "200ms"))
		ready := p.ready(t)
		if got := ask(t, ready["dns"], "ns.lab.example."); got != "10.0.0.1" {
			t.Errorf("the address is %q", got)
		}
		p.signal(t, s)
		if code := p.wait(t); code != exitDone {
			t.Errorf("%s ends it with %d: %s", s, code, p.stderr)
		}
		if !strings.Contains(p.stderr.String(), "draining") || strings.Count(p.stdout.String(), "\n") != 1 {
			t.Errorf("%s: output %q, errors %q", s, p.stdout, p.stderr)
		}
	}
}

// TestProcessSecondSignal ends at once what would drain for long.
func TestProcessSecondSignal(t *testing.T) {
	p := spawn(t, "serve", "--config", lab(t, "1h"))
	ready := p.ready(t)
	p.signal(t, syscall.SIGTERM)
	eventually(t, "it drains", func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+ready["admin"]+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close() // its status is what counts
		return response.StatusCode == http.StatusServiceUnavailable
	})
	if got := ask(t, ready["dns"], "ns.lab.example."); got != "10.0.0.1" {
		t.Errorf("while it drains the address is %q", got)
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != -int(syscall.SIGTERM) {
		t.Errorf("the second signal ends it with %d: %s", code, p.stderr)
	}
}

// TestProcessHangup loads the configuration again, in a burst too.
func TestProcessHangup(t *testing.T) {
	path := lab(t, "0s")
	p := spawn(t, "serve", "--config", path)
	ready := p.ready(t)
	replace(t, filepath.Join(filepath.Dir(path), "new.zone"), labFile("10.0.0.2"))
	text := strings.ReplaceAll(fileConfig, "DRAIN", "0s")
	for range 5 {
		p.signal(t, syscall.SIGHUP)
	}
	replace(t, path, strings.ReplaceAll(text, "file: lab.zone }",
		"file: lab.zone }, { origin: new.example, file: new.zone }"))
	p.signal(t, syscall.SIGHUP)
	eventually(t, "the new zone answers", func() bool { return ask(t, ready["dns"], "ns.new.example.") == "10.0.0.2" })
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != exitDone {
		t.Errorf("it ended with %d: %s", code, p.stderr)
	}
}

// TestProcessStuckLog has nobody read the log, of every query: all are answered, and the
// process ends.
func TestProcessStuckLog(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "log")
	err := syscall.Mkfifo(pipe, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0) // who starts waits for a reader
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	silent := filepath.Join(dir, "silent")
	err = os.WriteFile(silent, []byte("#!/bin/sh\nexec '"+self+"' \"$@\" 2>'"+pipe+"'\n"), 0o700)
	if err != nil {
		t.Fatal(err)
	}
	path := lab(t, "0s")
	replace(t, path, strings.ReplaceAll(fileConfig, "DRAIN", "0s")+"log: { sample_queries: 1 }\n")
	p := spawnOf(t, silent, "serve", "--config", path)
	ready := p.ready(t)
	for range 1500 { // several times what a pipe holds
		if got := ask(t, ready["dns"], "ns.lab.example."); got != "10.0.0.1" {
			t.Fatalf("the address is %q", got)
		}
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != exitDone {
		t.Errorf("it ended with %d", code)
	}
}

// TestProcessFewFiles has clients hold as many connections as they can where few files may be
// open: what else needs one has it.
func TestProcessFewFiles(t *testing.T) {
	limited := filepath.Join(t.TempDir(), "limited")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(limited, []byte("#!/bin/sh\nulimit -n 128\nexec '"+self+"' \"$@\"\n"), 0o700)
	if err != nil {
		t.Fatal(err)
	}
	path := lab(t, "0s")
	replace(t, path, strings.ReplaceAll(fileConfig, "DRAIN", "0s")+"tcp: { per_client: 1000, idle: 1m }\n")
	p := spawnOf(t, limited, "serve", "--config", path)
	ready := p.ready(t)
	for range 200 { // more than the files
		c, err := net.Dial("tcp", ready["dns"])
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	eventually(t, "it is ready with all connections taken", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+ready["admin"]+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		_ = response.Body.Close() // its status is what counts
		return response.StatusCode == http.StatusOK
	})
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != exitDone || !strings.Contains(p.stderr.String(), "too few open files are allowed") {
		t.Errorf("code %d: %s", code, p.stderr)
	}
}

// TestProcessCannotStart has the program end at once, and say what to do.
func TestProcessCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	address := taken.Addr().String()
	free := "listen: {dns: ['127.0.0.1:0']}\nadmin: ''\n"
	file := write(t, "")
	for _, tt := range []struct {
		what, path string
		want       []string
	}{
		{"dns taken", write(t, "listen: {dns: ['"+address+"']}\nadmin: ''\nzonefiles: [{origin: a, file: a}]\n"),
			[]string{"listening on tcp " + address, "in use", "another process"}},
		{"admin taken", write(t, "listen: {dns: ['127.0.0.1:0']}\nadmin: "+address+"\nzonefiles: [{origin: a, file: a}]\n"),
			[]string{"binding admin: listen tcp " + address, "in use"}},
		{"health taken", write(t, free+"health: "+address+"\nzonefiles: [{origin: a, file: a}]\n"),
			[]string{"binding health: listen tcp " + address, "in use"}},
		{"address of nobody", write(t, "listen: {dns: ['192.0.2.1:0']}\nadmin: ''\nzonefiles: [{origin: a, file: a}]\n"),
			[]string{"192.0.2.1", "no interface"}},
		{"configuration missing", file + "x", []string{"reading the configuration: open " + file + "x: no such file"}},
	} {
		p := spawn(t, "serve", "--config", tt.path)
		code := p.wait(t)
		lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
		last := lines[len(lines)-1]
		if code != exitFailed || !strings.HasPrefix(last, "inside53: ") {
			t.Errorf("%s: code %d, errors %q", tt.what, code, p.stderr)
		}
		for _, want := range tt.want {
			if !strings.Contains(last, want) {
				t.Errorf("%s: the error does not say %q: %s", tt.what, want, last)
			}
		}
	}
}
