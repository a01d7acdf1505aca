package main

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestRestartGivenUp has a successor go away after it has got all it asked for: the server
// goes on, has its state directory again, and can be succeeded after that.
func TestRestartGivenUp(t *testing.T) {
	path, server := fixedLab(t, "0s")
	old := spawn(t, "serve", "--config", path)
	old.ready(t)
	underLoad(t, server, func() {
		conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Net: "unixpacket", Name: "@inside53 " + server})
		if err != nil {
			t.Fatal(err)
		}
		say := func(word, last string) {
			_, err := conn.Write([]byte(word))
			if err != nil {
				t.Fatal(err)
			}
			for got := ""; got != last; {
				b := make([]byte, 100)
				n, err := conn.Read(b) // without room for descriptors the kernel closes them
				if err != nil {
					t.Fatalf("waiting for %q: %v", last, err)
				}
				got = string(b[:n])
			}
		}
		say("hello 1", "end")
		say("release", "released")
		_ = conn.Close() // that is the test
		time.Sleep(200 * time.Millisecond)
	})
	underLoad(t, server, func() {
		next := spawn(t, "serve", "--config", path)
		next.ready(t)
		if code := old.wait(t); code != exitDone || !strings.Contains(old.stderr.String(), "starting over") {
			t.Errorf("the old process ended with %d: %s", code, old.stderr)
		}
	})
}

// TestRestartFaulty starts a process beside the one that serves whose zone file is at fault:
// it ends, and the other goes on.
func TestRestartFaulty(t *testing.T) {
	path, server := fixedLab(t, "0s")
	old := spawn(t, "serve", "--config", path)
	old.ready(t)
	replace(t, filepath.Join(filepath.Dir(path), "lab.zone"), labFile("10.0.0"))
	next := spawn(t, "serve", "--config", path)
	code := next.wait(t)
	if code != exitFailed || !strings.Contains(next.stderr.String(), "the process that serves goes on") {
		t.Errorf("it ended with %d: %s", code, next.stderr)
	}
	if got := ask(t, server, "ns.lab.example."); got != "10.0.0.1" {
		t.Errorf("the address is %q", got)
	}
	old.signal(t, syscall.SIGTERM)
	if code := old.wait(t); code != exitDone {
		t.Errorf("it ended with %d: %s", code, old.stderr)
	}
}

// TestServePassed has sockets passed that the configuration has no use for, or that are not
// enough.
func TestServePassed(t *testing.T) {
	path, server := fixedLab(t, "0s")
	other := netip.MustParseAddrPort(freeAddress(t)).String()
	right, wrong := passedSockets(t, server, 1), passedSockets(t, other, 1)
	for _, tt := range []struct {
		files []*os.File
		want  string
	}{
		{append(right[:2:2], wrong...), "nothing in the configuration listens on tcp " + other + ", udp " + other},
		{right[:1], "none of TCP (systemd: ListenStream)"},
		{right[1:], "none of UDP (systemd: ListenDatagram)"},
	} {
		p := spawnPassed(t, tt.files, "serve", "--config", path)
		if code := p.wait(t); code != exitFailed || !strings.Contains(p.stderr.String(), tt.want) {
			t.Errorf("code %d, want %q: %s", code, tt.want, p.stderr)
		}
	}
}

// TestRestartBalanced restarts two servers in turns behind a balancer that keeps each client
// port at one of them, and asks them by DNS whether they are ready.
func TestRestartBalanced(t *testing.T) {
	var servers [2]*process
	var paths, addresses [2]string
	for i := range servers {
		paths[i], addresses[i] = fixedLab(t, "700ms")
		servers[i] = spawn(t, "serve", "--config", paths[i])
		servers[i].ready(t)
	}
	b := startBalancer(t, addresses[:])
	turn := 0
	underLoad(t, b.address, func() {
		i := turn % len(servers)
		turn++
		servers[i].signal(t, syscall.SIGTERM)
		if code := servers[i].wait(t); code != exitDone {
			t.Errorf("it ended with %d: %s", code, servers[i].stderr)
		}
		if b.isUp(i) {
			t.Error("the health check saw no drain")
		}
		servers[i] = spawn(t, "serve", "--config", paths[i])
		servers[i].ready(t)
		eventually(t, "the server is up again", func() bool { return b.isUp(i) })
	})
}

// isReady asks a server as dnsdist does: ready.inside53. TXT.
func isReady(server string) bool {
	client := &dns.Client{Timeout: 500 * time.Millisecond}
	reply, _, err := client.Exchange(new(dns.Msg).SetQuestion("ready.inside53.", dns.TypeTXT), server)
	return err == nil && reply.Rcode == dns.RcodeSuccess
}
