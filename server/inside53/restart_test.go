package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var (
	restarts       = flag.Int("restarts", 1, "planned restarts of each kind under load")
	restartLookups = flag.Int("lookups", 3000, "look-ups of each restart")
)

const lookupsPerSecond = 1000

// load asks at a steady rate and counts what is lost: an answer that doesn't come, or isn't
// the right one. Nothing is asked twice.
type load struct {
	server   string
	query    []byte
	flows    []*flow
	waiting  sync.WaitGroup
	answered atomic.Int64
	mu       sync.Mutex
	lost     []string
}

// flow is a client with a port of its own, which a balancer keeps at one server.
type flow struct {
	mu   sync.Mutex
	conn net.Conn
}

// startLoad asks for ns.lab.example: from 64 ports again and again, from new ports, and by TCP.
func startLoad(t *testing.T, server string) *load {
	t.Helper()
	query, err := new(dns.Msg).SetQuestion("ns.lab.example.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	l := &load{server: server, query: query}
	for range 64 {
		conn, err := net.Dial("udp", server)
		if err != nil {
			t.Fatal(err)
		}
		l.flows = append(l.flows, &flow{conn: conn})
	}
	t.Cleanup(func() {
		for _, f := range l.flows {
			_ = f.conn.Close()
		}
	})
	return l
}

// run asks n times.
func (l *load) run(n int) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := 0; i < n; i++ {
		if i%(lookupsPerSecond/100) == 0 {
			<-tick.C
		}
		l.waiting.Go(func() { l.look(i) })
	}
	l.waiting.Wait()
}

func (l *load) look(i int) {
	var err error
	switch {
	case i%20 == 0:
		err = l.ask("tcp", nil)
	case i%2 == 0:
		err = l.ask("udp", nil)
	default:
		f := l.flows[i/2%len(l.flows)]
		f.mu.Lock()
		err = l.ask("udp", f.conn)
		f.mu.Unlock()
	}
	if err != nil {
		l.mu.Lock()
		l.lost = append(l.lost, fmt.Sprintf("%d: %v", i, err))
		l.mu.Unlock()
		return
	}
	l.answered.Add(1)
}

// ask asks once, by a connection of its own where conn is nil.
func (l *load) ask(network string, conn net.Conn) error {
	var err error
	if conn == nil {
		conn, err = net.Dial(network, l.server)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
	}
	err = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if err != nil {
		return err
	}
	id := uint16(rand.Uint32())
	query := append([]byte{0, byte(len(l.query))}, l.query...)
	binary.BigEndian.PutUint16(query[2:], id)
	if network == "udp" {
		query = query[2:]
	}
	_, err = conn.Write(query)
	if err != nil {
		return err
	}
	answer := make([]byte, 600)
	if network == "tcp" {
		_, err = io.ReadFull(conn, answer[:2])
		if err != nil {
			return err
		}
		answer = answer[:binary.BigEndian.Uint16(answer)]
		_, err = io.ReadFull(conn, answer)
	} else {
		var n int
		n, err = conn.Read(answer)
		answer = answer[:n]
	}
	if err != nil {
		return err
	}
	reply := new(dns.Msg)
	err = reply.Unpack(answer)
	if err != nil {
		return err
	}
	if reply.Id != id || len(reply.Answer) != 1 {
		return errors.New("answer " + dns.RcodeToString[reply.Rcode])
	}
	return nil
}

// check reports what was lost of n.
func (l *load) check(t *testing.T, n int) {
	t.Helper()
	if got := l.answered.Load(); got != int64(n) || len(l.lost) > 0 {
		t.Errorf("%d of %d answered; lost: %v", got, n, l.lost[:min(len(l.lost), 10)])
	}
}

// underLoad has restart happen while queries come, and nothing may be lost.
func underLoad(t *testing.T, server string, restart func()) {
	t.Helper()
	for range *restarts {
		l := startLoad(t, server)
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.run(*restartLookups)
		}()
		time.Sleep(time.Duration(*restartLookups) * time.Second / lookupsPerSecond / 3)
		restart()
		<-done
		l.check(t, *restartLookups)
	}
}

// fixedLab is the configuration of lab with fixed ports, of which the first is for DNS.
func fixedLab(t *testing.T, drain string) (path, server string) {
	t.Helper()
	path = lab(t, drain)
	text := strings.ReplaceAll(fileConfig, "DRAIN", drain)
	server = freeAddress(t)
	text = strings.Replace(text, `"127.0.0.1:0"`, `"`+server+`"`, 1)
	text = strings.Replace(text, "admin: 127.0.0.1:0", "admin: "+freeAddress(t), 1)
	text += "transfers: [{ view: all, clients: [127.0.0.9/32] }]\nstate_dir: state\n" // which locks the directory
	replace(t, path, text)
	return path, server
}

// TestRestartBeside starts a process beside the one that serves: it goes on with its sockets
// and its state directory, and the old one ends by itself.
func TestRestartBeside(t *testing.T) {
	path, server := fixedLab(t, "1s")
	old := spawn(t, "serve", "--config", path)
	old.ready(t)
	underLoad(t, server, func() {
		next := spawn(t, "serve", "--config", path)
		next.ready(t)
		if code := old.wait(t); code != exitDone {
			t.Errorf("the old process ended with %d: %s", code, old.stderr)
		}
		old = next
	})
	old.signal(t, syscall.SIGTERM)
	if code := old.wait(t); code != exitDone {
		t.Errorf("it ended with %d: %s", code, old.stderr)
	}
}

// TestRestartTerminated is the same where the old process was told to end before.
func TestRestartTerminated(t *testing.T) {
	path, server := fixedLab(t, "1h")
	old := spawn(t, "serve", "--config", path)
	old.ready(t)
	underLoad(t, server, func() {
		old.signal(t, syscall.SIGTERM)
		next := spawn(t, "serve", "--config", path)
		next.ready(t)
		if code := old.wait(t); code != exitDone {
			t.Errorf("the old process ended with %d: %s", code, old.stderr)
		}
		old = next
	})
}

// TestRestartActivated has somebody else hold the sockets, as systemd does: what comes while
// nobody serves waits in them.
func TestRestartActivated(t *testing.T) {
	path, server := fixedLab(t, "200ms")
	files := passedSockets(t, server, 2)
	start := func() *process { return spawnPassed(t, files, "serve", "--config", path) }
	old := start()
	old.ready(t)
	underLoad(t, server, func() {
		old.signal(t, syscall.SIGTERM)
		if code := old.wait(t); code != exitDone {
			t.Errorf("the old process ended with %d: %s", code, old.stderr)
		}
		old = start()
		old.ready(t)
	})
}

// passedSockets binds an address as inside53.socket does: so many sockets for UDP, one for TCP.
func passedSockets(t *testing.T, addr string, udp int) []*os.File {
	t.Helper()
	var files []*os.File
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		controlled := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, soReusePort, 1)
		})
		return errors.Join(controlled, err)
	}}
	for range udp {
		conn, err := config.ListenPacket(t.Context(), "udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		f, err := conn.(*net.UDPConn).File()
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close() // the file is a duplicate
		files = append(files, f)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close() // the file is a duplicate
	files = append(files, f)
	t.Cleanup(func() {
		for _, f := range files {
			_ = f.Close()
		}
	})
	return files
}

// soReusePort is SO_REUSEPORT, which package syscall doesn't have everywhere.
const soReusePort = 15

// spawnPassed starts the program with descriptors as systemd passes them (sd_listen_fds(3)).
func spawnPassed(t *testing.T, files []*os.File, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	passing := filepath.Join(t.TempDir(), "passing")
	script := fmt.Sprintf("#!/bin/sh\nLISTEN_FDS=%d LISTEN_PID=$$ exec '%s' \"$@\"\n", len(files), self)
	err = os.WriteFile(passing, []byte(script), 0o700)
	if err != nil {
		t.Fatal(err)
	}
	return spawnWith(t, func(c *exec.Cmd) { c.ExtraFiles = files }, passing, args...)
}
