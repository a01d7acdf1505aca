//go:build clients

package server

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"inside53/resolver/freeport"

	"github.com/miekg/dns"
)

// secondaryServer is a server that people use as a secondary.
type secondaryServer struct {
	name string
	port string
	log  *record
}

// freeUDPPort returns a port that nobody has at the moment.
func freeUDPPort(t *testing.T) string {
	t.Helper()
	port, err := freeport.Find()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

// run runs a daemon in the foreground until the test ends.
func (s *secondaryServer) run(t *testing.T, words ...string) {
	t.Helper()
	s.log = new(record)
	c := exec.CommandContext(t.Context(), words[0], words[1:]...)
	c.Stdout, c.Stderr = s.log, s.log
	err := c.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		kill := time.AfterFunc(5*time.Second, func() { _ = c.Process.Kill() })
		_ = c.Wait()
		kill.Stop()
		if t.Failed() {
			lines := strings.SplitAfter(s.log.String(), "\n")
			t.Logf("%s says\n%s", s.name, strings.Join(lines[max(0, len(lines)-40):], ""))
		}
	})
}

// write makes the directory of a daemon and its configuration.
func (s *secondaryServer) write(t *testing.T, config string, values ...string) (path string) {
	t.Helper()
	dir := t.TempDir()
	config = strings.NewReplacer(append(values, "DIR", dir, "PORT", s.port, "SECRET", transferSecret)...).Replace(config)
	path = filepath.Join(dir, "secondary.conf")
	err := os.WriteFile(path, []byte(config), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

const namedConfig = `options {
	directory "DIR"; pid-file none; session-keyfile none; managed-keys-directory "DIR"; lock-file none;
	listen-on port PORT { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; empty-zones-enable no; notify no; allow-transfer { any; };
	serial-query-rate 500; transfers-in 100; transfers-per-ns 100; min-refresh-time 1; min-retry-time 1;
	catalog-zones { zone "catalog.inside53" default-primaries { 127.0.0.1 port PRIMARY key "named."; } in-memory yes min-update-interval 1; };
};
controls { };
key "dublin." { algorithm hmac-sha256; secret "SECRET"; };
key "named." { algorithm hmac-sha256; secret "SECRET"; };
zone "catalog.inside53" { type secondary; primaries { 127.0.0.1 port PRIMARY key "named."; }; file "catalog.db"; };
`

const knotConfig = `server:
    listen: 127.0.0.1@PORT
    rundir: DIR
database:
    storage: DIR
log:
  - target: stderr
    any: info
key:
  - id: dublin.
    algorithm: hmac-sha256
    secret: SECRET
  - id: knotd.
    algorithm: hmac-sha256
    secret: SECRET
remote:
  - id: inside53
    address: 127.0.0.1@PRIMARY
    key: knotd.
acl:
  - id: told
    address: 127.0.0.1
    key: dublin.
    action: notify
  - id: all
    address: 127.0.0.1
    action: transfer
template:
  - id: default
    storage: DIR
  - id: member
    storage: DIR
    master: inside53
    acl: [told, all]
zone:
  - domain: catalog.inside53.
    master: inside53
    acl: [told, all]
    catalog-role: interpret
    catalog-template: member
`

const nsdConfig = `server:
    server-count: 1
    ip-address: 127.0.0.1@PORT
    username: ""
    zonesdir: "DIR"
    database: ""
    pidfile: "DIR/nsd.pid"
    xfrdfile: "DIR/xfrd.state"
    xfrdir: "DIR"
    zonelistfile: "DIR/zone.list"
    verbosity: 2
remote-control:
    control-enable: no
key:
    name: "dublin."
    algorithm: hmac-sha256
    secret: "SECRET"
key:
    name: "nsd."
    algorithm: hmac-sha256
    secret: "SECRET"
pattern:
    name: "member"
    zonefile: "%s.zone"
    request-xfr: 127.0.0.1@PRIMARY nsd.
    allow-notify: 127.0.0.1 dublin.
    provide-xfr: 127.0.0.1 NOKEY
ZONES`

// content returns the records of a zone at a secondary; nil when it hasn't got it.
func (s *secondaryServer) content(t *testing.T, apex string) []string {
	t.Helper()
	tr := &dns.Transfer{DialTimeout: patience, ReadTimeout: patience}
	messages, err := tr.In(new(dns.Msg).SetAxfr(apex), "127.0.0.1:"+s.port)
	if err != nil {
		return nil
	}
	var lines []string
	for e := range messages {
		if e.Error != nil {
			err = e.Error
			continue
		}
		for _, rr := range e.RR {
			lines = append(lines, strings.Join(strings.Fields(rr.String()), " "))
		}
	}
	if err != nil {
		return nil
	}
	slices.Sort(lines)
	return slices.Compact(lines) // the SOA record is there twice
}

// whole returns the records of a zone at the primary.
func (f *follower) contents(t *testing.T) []string {
	t.Helper()
	f.axfr(t)
	return f.content()
}

// content is what was transferred last, a record a line, in order.
func (f *follower) content() []string {
	lines := append(f.lines(), strings.Join(strings.Fields(f.soa.String()), " "))
	slices.Sort(lines)
	return lines
}

// countLines counts the lines that have all words.
func countLines(text string, words ...string) int {
	n := 0
	for line := range strings.Lines(text) {
		has := true
		for _, w := range words {
			has = has && strings.Contains(line, w)
		}
		if has {
			n++
		}
	}
	return n
}

// secondaryZones are the zones that change; the other members of the catalog are there too.
var secondaryZones = []string{"example.com.", "example.net."}

// TestClientSecondaries has BIND, Knot and NSD follow a thousand changes.
func TestClientSecondaries(t *testing.T) {
	c := newCloud(t, nil)
	bind, knot, nsd := &secondaryServer{name: "named", port: freeUDPPort(t)},
		&secondaryServer{name: "knotd", port: freeUDPPort(t)}, &secondaryServer{name: "nsd", port: freeUDPPort(t)}
	all := []*secondaryServer{bind, knot, nsd}
	s := newSite(t)
	s.write(t, "late.zone", "@ 60 IN SOA ns. h. 1 7200 900 1209600 60\n@ IN NS ns.late.example.\nns IN A 10.0.0.53\n")
	config := strings.NewReplacer("UPSTREAM", c.dns, "MAXAGE", "1h", "JOURNAL", "2KiB",
		"NOTIFY", fmt.Sprintf("%q, %q, %q", "127.0.0.1:"+bind.port, "127.0.0.1:"+knot.port, "127.0.0.1:"+nsd.port)).Replace(
		transferConfig) + "log: { level: debug }\n"
	p := s.ready(t, config)
	primary := fmt.Sprint(p.addr.Port())
	f := &follower{p: p, from: "127.0.0.1", key: "dublin.", apex: "catalog.inside53."}
	p.await(t, "the catalog is there", func() bool {
		return f.exchange(t, f.sign(new(dns.Msg).SetQuestion(f.apex, dns.TypeSOA))).Rcode == dns.RcodeSuccess
	})
	bind.run(t, "named", "-g", "-n", "1", "-c", bind.write(t, namedConfig, "PRIMARY", primary))
	knot.run(t, "knotd", "-c", knot.write(t, knotConfig, "PRIMARY", primary))
	var zones bytes.Buffer
	for _, apex := range secondaryZones {
		fmt.Fprintf(&zones, "zone:\n    name: %q\n    include-pattern: member\n", apex)
	}
	nsd.run(t, "nsd", "-d", "-c", nsd.write(t, nsdConfig, "PRIMARY", primary, "ZONES", zones.String()))

	same := func(s *secondaryServer, apex string) bool {
		want := (&follower{p: p, from: "127.0.0.1", key: "dublin.", apex: apex}).contents(t)
		return slices.Equal(s.content(t, apex), want)
	}
	quiet := func(when string) {
		t.Helper()
		for _, s := range all {
			for _, apex := range secondaryZones {
				p.await(t, fmt.Sprintf("%s has %s as we have, %s", s.name, apex, when), func() bool { return same(s, apex) })
			}
		}
	}
	quiet("at first")

	random := rand.New(rand.NewPCG(53, 1996))
	there := map[string]string{} // value by zone, name and type
	const changes, burst = 1000, 25
	// By what the secondaries were answered is in our log: each signs with a key of its own.
	start := len(p.log.String())
	for n := 0; n < changes; n += burst {
		for range burst {
			randomChange(t, c, random, there)
		}
		mark := fmt.Sprintf("%q", fmt.Sprint(n))
		for _, id := range []string{publicZone, privateZone, productZone} {
			apex := map[string]string{productZone: "example.net"}[id]
			c.change(t, id, fmt.Sprintf("UPSERT mark-%s.%s TXT %s", strings.ToLower(id), cmp.Or(apex, "example.com"), mark))
		}
		p.await(t, "the changes are published", func() bool {
			text := ""
			for _, apex := range secondaryZones {
				text += strings.Join((&follower{p: p, from: "127.0.0.1", key: "dublin.", apex: apex}).contents(t), "\n") + "\n"
			}
			return strings.Count(text, "TXT "+mark+"\n") == 3
		})
		p.await(t, "the secondaries have come", func() bool {
			serials := true
			for _, apex := range secondaryZones {
				want := (&follower{p: p, from: "127.0.0.1", key: "dublin.", apex: apex}).serial(t)
				for _, s := range all {
					serials = serials && serialOf(s, apex) == want
				}
			}
			return serials
		})
		quiet(fmt.Sprintf("after %d changes", n+burst))
	}
	log := p.log.String()[start:]
	for _, s := range all {
		key := " key=" + s.name + "."
		if n := countLines(log, key, "asked=ixfr", "outcome=ok"); n < changes/burst {
			t.Errorf("%s came only %d times for an IXFR", s.name, n)
		}
		if n := countLines(log, key, "outcome=whole"); n > 0 {
			t.Errorf("%s got the whole zone for %d IXFRs", s.name, n)
		}
		if n := countLines(log, key, "asked=axfr"); n > countLines(s.log.String(), "update failed, restarting transfer") {
			// NSD 4.6 takes the first of two updates in one of its reloads for failed.
			t.Errorf("%s came %d times for an AXFR", s.name, n)
		}
	}

	// The catalog brings zones and takes them away.
	p.configure(t, s, config+"zonefiles: [{ origin: late.example., file: late.zone }]\n")
	for _, s := range []*secondaryServer{bind, knot} {
		p.await(t, s.name+" has the zone that is new",
			func() bool { return len(s.content(t, "late.example.")) > 2 && same(s, "late.example.") })
	}
	p.configure(t, s, config)
	for _, s := range []*secondaryServer{bind, knot} {
		p.await(t, s.name+" hasn't the zone that is gone", func() bool { return s.content(t, "late.example.") == nil })
	}
	quiet("at the end")
}

// serialOf asks a secondary for its serial; 0 when it has none.
func serialOf(s *secondaryServer, apex string) uint32 {
	reply, _, err := new(dns.Client).Exchange(new(dns.Msg).SetQuestion(apex, dns.TypeSOA), "127.0.0.1:"+s.port)
	if err != nil || len(reply.Answer) != 1 {
		return 0
	}
	return reply.Answer[0].(*dns.SOA).Serial
}

// randomChange makes one change of Route 53 that changes what is transferred or hides it.
func randomChange(t *testing.T, c *cloud, random *rand.Rand, there map[string]string) {
	t.Helper()
	zones := []struct{ id, apex string }{{publicZone, "example.com"}, {privateZone, "example.com"},
		{productZone, "example.net"}}
	z := zones[random.IntN(len(zones))]
	types := []string{"A", "TXT", "MX", "CNAME", "NS", "AAAA"}
	n := random.IntN(60)
	kind := types[n%len(types)]
	name := fmt.Sprintf("r%d.%s", n, z.apex)
	switch n % 10 {
	case 3:
		name = fmt.Sprintf("a.b.r%d.%s", n, z.apex)
	case 7:
		name = fmt.Sprintf("*.r%d.%s", n, z.apex)
	}
	if kind == "NS" && name[0] == '*' {
		kind = "A"
	}
	key := z.id + " " + name + " " + kind
	old, is := there[key]
	if is && random.IntN(3) == 0 {
		c.change(t, z.id, fmt.Sprintf("DELETE %s %s %s", name, kind, old))
		delete(there, key)
		return
	}
	value := map[string]string{
		"A":     fmt.Sprintf("10.7.%d.%d", random.IntN(256), random.IntN(256)),
		"AAAA":  fmt.Sprintf("fd00::%x", random.IntN(65536)),
		"TXT":   fmt.Sprintf(`"%d" "a \"b\" \\ \351"`, random.IntN(1000)),
		"MX":    fmt.Sprintf("%d mail.example.com.", random.IntN(100)),
		"CNAME": fmt.Sprintf("r%d.example.net.", random.IntN(60)), "NS": fmt.Sprintf("ns%d.example.org.", random.IntN(100)),
	}[kind]
	c.change(t, z.id, fmt.Sprintf("UPSERT %s %s %s", name, kind, value))
	there[key] = value
}
