//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// workload is one of those in the package comment.
type workload string

const (
	auth  workload = "AUTH"
	cache workload = "CACHE"
	miss  workload = "MISS"
	tcp   workload = "TCP"
	bulk  workload = "LOAD"
)

var workloads = []workload{auth, cache, miss, tcp, bulk}

// forwards reports whether servers ask the upstream in w, and have no zone.
func (w workload) forwards() bool { return w == cache || w == miss }

// site is where a server runs.
type site struct {
	work     workload
	dir      string // empty; the server's own
	port     int    // on 127.0.0.1, UDP and TCP
	zoneFile string // of dataset.Zone
	upstream int    // port on 127.0.0.1, when work forwards
	admin    int    // port of the admin server on 127.0.0.1; 0 is none
	health   int    // and those of health and metrics
	metrics  int
}

// put writes a file of the server and returns its path.
func (s site) put(name, format string, args ...any) (string, error) {
	path := filepath.Join(s.dir, name)
	return path, os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o644)
}

// peer is another server.
type peer struct {
	name    string
	program string
	install string // the command that brings it
	works   []workload
	version string // the flag that prints its version
	argv    func(s site, program string) ([]string, error)
}

// peers are the servers that inside53 is compared with.
var peers = []peer{
	{"Knot", "knotd", "apt-get install knot", []workload{auth, tcp, bulk}, "--version", knot},
	{"NSD", "nsd", "apt-get install nsd", []workload{auth, tcp, bulk}, "-v", nsd},
	{"Unbound", "unbound", "apt-get install unbound", []workload{cache, miss, bulk}, "-V", unbound},
	{"dnsdist", "dnsdist", "apt-get install dnsdist", []workload{cache, miss}, "--version", dnsdist},
	{"CoreDNS", "coredns", "go install github.com/coredns/coredns@latest", workloads, "-version", coreDNS},
}

func knot(s site, program string) ([]string, error) {
	path, err := s.put("knot.conf", `server:
    rundir: "%[1]s"
    listen: 127.0.0.1@%[2]d
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    identity: ""
    version: ""
database:
    storage: "%[1]s/db"
zone:
  - domain: bench.internal.
    file: "%[3]s"
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
`, s.dir, s.port, s.zoneFile)
	return []string{program, "-c", path}, err
}

func nsd(s site, program string) ([]string, error) {
	path, err := s.put("nsd.conf", `server:
  ip-address: 127.0.0.1@%[2]d
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  pidfile: ""
  xfrdfile: "%[1]s/xfrd"
  zonelistfile: "%[1]s/zonelist"
  xfrdir: "%[1]s"
  zonesdir: "%[1]s"
  minimal-responses: yes
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  log-only-syslog: no
  logfile: "%[1]s/log"
  tcp-count: 200
remote-control:
  control-enable: no
zone:
  name: bench.internal
  zonefile: "%[3]s"
`, s.dir, s.port, s.zoneFile)
	return []string{program, "-d", "-c", path}, err
}

func unbound(s site, program string) ([]string, error) {
	data := fmt.Sprintf(
		"auth-zone:\n  name: \"bench.internal\"\n  zonefile: %q\n  for-downstream: yes\n  for-upstream: no\n", s.zoneFile)
	if s.work.forwards() {
		data = fmt.Sprintf("forward-zone:\n  name: \".\"\n  forward-addr: 127.0.0.1@%d\n", s.upstream)
	}
	path, err := s.put("unbound.conf", `server:
  interface: 127.0.0.1
  port: %[2]d
  num-threads: 1
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "%[1]s"
  pidfile: ""
  use-syslog: no
  logfile: "%[1]s/log"
  module-config: "iterator"
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  minimal-responses: yes
  msg-cache-size: 128m
  rrset-cache-size: 256m
  outgoing-range: 4096
  num-queries-per-thread: 4096
  so-rcvbuf: 4m
  incoming-num-tcp: 200
remote-control:
  control-enable: no
%[3]s`, s.dir, s.port, data)
	return []string{program, "-d", "-c", path}, err
}

func dnsdist(s site, program string) ([]string, error) {
	path, err := s.put("dnsdist.conf", `setLocal("127.0.0.1:%d")
setACL("127.0.0.0/8")
newServer({address="127.0.0.1:%d", healthCheckMode="up", sockets=4})
pc = newPacketCache(500000, {maxTTL=86400})
getPool(""):setCache(pc)
setMaxUDPOutstanding(20000)
setSecurityPollSuffix("")
`, s.port, s.upstream)
	return []string{program, "--supervised", "--disable-syslog", "-C", path}, err
}

func coreDNS(s site, program string) ([]string, error) {
	origin, data := "bench.internal", fmt.Sprintf("file %s {\n reload 0\n }", s.zoneFile)
	if s.work.forwards() {
		origin = "."
		data = fmt.Sprintf(
			"cache {\n success 500000 3600\n denial 10000 60\n }\n forward . 127.0.0.1:%d {\n max_concurrent 10000\n }",
			s.upstream)
	}
	path, err := s.put("Corefile", "%s:%d {\n bind 127.0.0.1\n %s\n}\n", origin, s.port, data)
	return []string{program, "-conf", path}, err
}
