//go:build clients

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// realMaster is a name server that people use as a master: its zone is changed by updates.
type realMaster struct{ addr string }

const masterZone = `$ORIGIN example.net.
@ 60 IN SOA ns.example.net. h.example.net. 1 3600 1 7200 60
@ 60 IN NS ns.example.org.
`

const namedMaster = `options {
	directory "DIR"; pid-file none; session-keyfile none; managed-keys-directory "DIR"; lock-file none;
	listen-on port PORT { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; dnssec-validation no;
	empty-zones-enable no; allow-transfer { any; }; notify-delay 0; notify-rate 1000; startup-notify-rate 1000;
};
controls { };
zone "example.net" {
	type primary; file "zone.db"; allow-update { 127.0.0.1; }; notify explicit;
	also-notify { 127.0.0.1 port FOLLOWER; };
};
`

const knotMaster = `server:
    listen: 127.0.0.1@PORT
    rundir: DIR
database:
    storage: DIR
log:
  - target: stderr
    any: info
remote:
  - id: follower
    address: 127.0.0.1@FOLLOWER
acl:
  - id: all
    address: 127.0.0.1
    action: [transfer, update]
template:
  - id: default
    storage: DIR
zone:
  - domain: example.net
    file: zone.db
    notify: follower
    acl: all
`

// startMaster runs a name server until the test ends. follower is the port of who is notified.
func startMaster(t *testing.T, follower, config string, words ...string) *realMaster {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	values := strings.NewReplacer("DIR", dir, "PORT", port, "FOLLOWER", follower)
	for name, text := range map[string]string{"master.conf": values.Replace(config), "zone.db": masterZone} {
		err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
		if err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), words[0], append(words[1:], filepath.Join(dir, "master.conf"))...)
	log := new(lines)
	c.Stdout, c.Stderr = log, log
	err := c.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait() // it was killed
		if t.Failed() {
			t.Logf("%s says\n%s", words[0], log.String()[max(0, len(log.String())-3000):])
		}
	})
	m := &realMaster{"127.0.0.1:" + port}
	eventually(t, words[0]+" answers", func() bool {
		_, err := dns.Exchange(new(dns.Msg).SetQuestion(followZone, dns.TypeSOA), m.addr)
		return err == nil
	})
	return m
}

func (m *realMaster) address() string { return m.addr }

func (m *realMaster) set(t *testing.T, name string, rrtype uint16, records ...dns.RR) {
	t.Helper()
	u := new(dns.Msg).SetUpdate(followZone)
	u.RemoveRRset([]dns.RR{&dns.RFC3597{Hdr: dns.RR_Header{Name: name, Rrtype: rrtype}}})
	u.Insert(records)
	reply, _, err := (&dns.Client{Net: "tcp", Timeout: 5 * time.Second}).Exchange(u, m.addr)
	if err != nil || reply.Rcode != dns.RcodeSuccess {
		t.Fatalf("changing %s at the master: %v, %v", name, reply, err)
	}
}

func (m *realMaster) has(t *testing.T) []string {
	t.Helper()
	messages, err := new(dns.Transfer).In(new(dns.Msg).SetAxfr(followZone), m.addr)
	if err != nil {
		t.Fatal(err)
	}
	var all []dns.RR
	for e := range messages {
		if e.Error != nil {
			t.Fatal(e.Error)
		}
		all = append(all, e.RR...)
	}
	return textsOf(all)
}

// followed is how many changes a real master makes.
const followed = 1000

// TestClientFollowNamed follows BIND by NOTIFY and IXFR, through kills.
func TestClientFollowNamed(t *testing.T) {
	port := freePort(t)
	m := startMaster(t, port, namedMaster, "named", "-g", "-c")
	byDifferences(t, followThroughKills(t, m, "127.0.0.1:"+port, followed, 12))
}

// byDifferences finds whether changes came as differences. Both masters answer with the whole zone, whatever they are
// asked, where the differences would be longer; that restarts ask for differences is held by TestFollowSurvivesKills.
func byDifferences(t *testing.T, k *killable) {
	t.Helper()
	log := k.log.String()
	whole, differences := strings.Count(log, "by=axfr"), strings.Count(log, "by=ixfr")
	if differences < 10 {
		t.Errorf("%d transfers of the whole zone, %d of differences", whole, differences)
	}
}

// TestClientFollowKnot follows Knot DNS, likewise.
func TestClientFollowKnot(t *testing.T) {
	port := freePort(t)
	m := startMaster(t, port, knotMaster, "knotd", "-c")
	byDifferences(t, followThroughKills(t, m, "127.0.0.1:"+port, followed, 12))
}
