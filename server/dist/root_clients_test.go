//go:build clients

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"inside53/resolver/freeport"

	"github.com/miekg/dns"
)

// top is the top of the module, seen from here.
const top = "../.."

// tools is where `make deps` puts what these tests need.
func tools(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(top, "bin/tools", name))
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat(path)
	if err != nil {
		t.Fatalf("%v; run: make deps", err)
	}
	return path
}

// needsRoot skips where nobody may change roots and owners.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root installs")
	}
}

// command runs a program for at most two minutes and returns what it printed.
func command(t *testing.T, words ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
	return string(out), err
}

// must is command that has to succeed.
func must(t *testing.T, words ...string) string {
	t.Helper()
	out, err := command(t, words...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return out
}

// writeFile writes a file of a root, with the directories above it.
func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(path, []byte(text), mode)
	if err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exists reports whether a path is there.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// makeRelease makes a release of this host's platform, of the module in a directory.
func makeRelease(t *testing.T, module, version string) string {
	t.Helper()
	out, nfpm, cyclonedx := t.TempDir(), tools(t, "nfpm"), tools(t, "cyclonedx-gomod")
	t.Run("making "+version, func(t *testing.T) { // which comes back from the module
		t.Chdir(module)
		t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
		var log bytes.Buffer
		err := run(t.Context(), []string{"-version", version, "-commit", "0123456789", "-out", out,
			"-only", "linux/" + runtime.GOARCH, "-nfpm", nfpm, "-cyclonedx", cyclonedx}, &log)
		if err != nil {
			t.Fatalf("%v\n%s", err, &log)
		}
	})
	return out
}

// one is the only file of a directory that a pattern matches.
func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found[0]
}

// labConfig serves a zone file, without AWS.
const labConfig = `listen: { dns: ["ADDR"] }
admin: 127.0.0.1:8053
state_dir: /var/lib/inside53
drain: 200ms
zonefiles: [{ origin: lab.example, file: lab.zone }]
views: [{ name: all, clients: [127.0.0.0/8], vpcs: [] }]
`

const labZone = `$TTL 60
@ IN SOA ns.lab.example. admin.lab.example. 1 60 60 60 60
@ IN NS ns.lab.example.
ns IN A 10.0.0.1
`

// server is the program in a root.
type server struct {
	cmd   *exec.Cmd
	errs  bytes.Buffer
	ready chan string
	ended chan error
}

// serve starts the program of a root as a user, with sockets passed as systemd does.
func serve(t *testing.T, root string, uid uint32, sockets []*os.File) *server {
	t.Helper()
	s := &server{ready: make(chan string, 1), ended: make(chan error, 1)}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	// The number of the process is known to it alone: a shell, which becomes it, says it.
	s.cmd = exec.CommandContext(ctx, "sh", "-c", fmt.Sprintf(
		"LISTEN_FDS=%d LISTEN_PID=$$ exec chroot --userspec=%d:%d '%s' /usr/bin/inside53 serve --config "+
			"/etc/inside53/inside53.yaml", len(sockets), uid, uid, root))
	s.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_DISABLED=true"}
	s.cmd.ExtraFiles = sockets
	s.cmd.Stderr = &s.errs
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	err = s.cmd.Start()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n') // "" when it ends before
		s.ready <- line
		s.ended <- s.cmd.Wait()
	}()
	t.Cleanup(func() {
		cancel()
		<-s.ended
	})
	return s
}

// waitReady waits for the line that it is ready.
func (s *server) waitReady(t *testing.T) {
	t.Helper()
	line := <-s.ready
	if !strings.HasPrefix(line, "ready ") {
		t.Fatalf("it printed %q: %s", line, &s.errs)
	}
}

// end ends it by SIGTERM.
func (s *server) end(t *testing.T) {
	t.Helper()
	err := s.cmd.Process.Signal(syscall.SIGTERM)
	if err != nil {
		t.Fatal(err)
	}
	err = <-s.ended
	s.ended <- err // for the end of the test
	if err != nil {
		t.Errorf("it ended with %v: %s", err, &s.errs)
	}
}

// ask asks a server for the address of the lab, once.
func ask(ctx context.Context, addr string) error {
	query := new(dns.Msg).SetQuestion("ns.lab.example.", dns.TypeA)
	client := &dns.Client{Timeout: 20 * time.Second}
	reply, _, err := client.ExchangeContext(ctx, query, addr)
	if err != nil {
		return err
	}
	if len(reply.Answer) != 1 || !strings.HasSuffix(reply.Answer[0].String(), "\t10.0.0.1") {
		return fmt.Errorf("the answer is %v", reply)
	}
	return nil
}

// passedSockets are a socket of UDP and one of TCP on one free port of loopback.
func passedSockets(t *testing.T) (files []*os.File, addr string) {
	t.Helper()
	conn, listener, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	udp, err := conn.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Close(), listener.Close() // the files are duplicates
	t.Cleanup(func() { _, _ = udp.Close(), tcp.Close() })
	return []*os.File{udp, tcp}, listener.Addr().String()
}
