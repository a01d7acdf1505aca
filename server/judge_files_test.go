//go:build judge

package server

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/resolver/wire"
	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// glueZone has cuts whose name servers stand below each other's, an apex name server below a
// cut, and other names below one: a transfer has them all.
const glueZone = `$TTL 300
@ SOA ns.a hostmaster 1 3600 900 604800 300
@ NS ns.a
@ NS ns
ns A 192.0.2.1
a NS ns.a
a NS ns.b
ns.a A 192.0.2.2
ns.a AAAA 2001:db8::2
b NS ns.a
b NS b
b A 192.0.2.3
ns.b A 192.0.2.4
deep.er.b TXT "occluded"
www A 192.0.2.6
*.w TXT "wild"
e.n.t A 192.0.2.7
c CNAME www
out CNAME www.example.
`

// commonZone has the types that all of them know, in forms that all of them read.
const commonZone = `$TTL 300
@ SOA ns hostmaster 1 3600 900 604800 300
@ NS ns
ns A 192.0.2.1
@ MX 10 mail
@ CAA 0 issue "a\\b\"c; x"
mail AAAA 2001:db8::1
_s._tcp SRV 1 2 3 mail
uri URI 10 1 "ftp://x/a\\b\"c"
naptr NAPTR 100 50 "u" "E2U+sip" "!^(\\+44)$!sip:\\1@example.com!" .
txt TXT "a;b(c)" "\200\000\\" ""
loc LOC 52 22 23.000 N 4 53 32.000 E -2.00m 1m 10000m 10m
ds DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000000
ds NS ns
sshfp SSHFP 4 2 0000000000000000000000000000000000000000000000000000000000000000
tlsa TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000
https HTTPS 1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1
hinfo HINFO "PC" "Linux"
rp RP a.b.example. .
type TYPE65280 \# 4 0a000001
a\.b A 192.0.2.2
a60 60 A 192.0.2.3
a60 60 RRSIG A 8 3 60 20300101000000 20200101000000 1 common.example. AAAA
*.w CNAME mail
`

// dnameZone has names below a DNAME, which some servers refuse.
const dnameZone = `$TTL 300
@ SOA ns hostmaster 1 3600 900 604800 300
@ NS ns
ns A 192.0.2.1
d DNAME e
d A 192.0.2.4
x.d A 192.0.2.5
x.e A 192.0.2.6
`

// peerServer is a server beside this program.
type peerServer struct {
	name string
	addr netip.AddrPort
}

// TestFilesBesidePeers serves the same zone files by this program, named, knotd and nsd, and
// compares transfers, answers and refusals.
func TestFilesBesidePeers(t *testing.T) {
	dir := t.TempDir()
	zones := judgedZones(t, dir)
	ours := serveFiles(t, zones)
	peers := []peerServer{startNamed(t, zones), startKnot(t, zones), startNSD(t, zones)}
	var table strings.Builder
	fmt.Fprintf(&table, "%-18s %-7s %8s %8s %8s %9s\n", "zone", "beside", "records", "answers", "refusals", "different")
	for _, apex := range slices.Sorted(maps.Keys(zones)) {
		for _, p := range peers {
			c := comparison{t: t, ours: ours, peerServer: p, apex: apex}
			c.run()
			if c.unloaded {
				fmt.Fprintf(&table, "%-18s %-7s does not take the file\n", apex, p.name)
				continue
			}
			fmt.Fprintf(&table, "%-18s %-7s %8d %8d %8d %9d\n", apex, p.name, c.records, c.answers, c.refusals, len(c.different))
			for _, d := range c.different {
				t.Errorf("%s beside %s: %s", apex, p.name, d)
			}
		}
	}
	t.Logf("the same zone files by this program and by others\n%s", &table)
}

// judgedZones copies the files to a directory, and returns their paths by zone.
func judgedZones(t *testing.T, dir string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../zonesource/zonefile/testdata/judge/*.zone")
	if err != nil || len(paths) < 4 {
		t.Fatalf("zone files %q, %v", paths, err)
	}
	zones := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		zones[strings.TrimSuffix(filepath.Base(path), "zone")] = string(text)
	}
	zones["glue.example."], zones["dname.example."], zones["common.example."] = glueZone, dnameZone, commonZone
	for apex, text := range zones {
		path := filepath.Join(dir, apex+"zone")
		err := os.WriteFile(path, []byte(text), 0o644)
		if err != nil {
			t.Fatal(err)
		}
		zones[apex] = path
	}
	return zones
}

func serveFiles(t *testing.T, zones map[string]string) peerServer {
	t.Helper()
	config := "listen: {dns: [\"127.0.0.1:0\"]}\nadmin: \"127.0.0.1:0\"\ndrain: 0s\nstate_dir: state\n" +
		"views: [{name: all, clients: [127.0.0.0/8]}]\n" +
		"transfers: [{view: all, zones: [\"*\"], clients: [127.0.0.1/32]}]\nzonefiles:\n"
	for apex, path := range zones {
		config += fmt.Sprintf("- {origin: %s, file: %s}\n", apex, path)
	}
	p := newSite(t).ready(t, config)
	return peerServer{"ours", p.addr}
}

// start runs a daemon until the test ends, and waits until it serves.
func start(t *testing.T, name string, port int, words ...string) peerServer {
	t.Helper()
	_, err := exec.LookPath(words[0])
	if err != nil {
		t.Fatalf("no %s; run: make deps", words[0])
	}
	var log record
	c := exec.CommandContext(t.Context(), words[0], words[1:]...)
	c.Stdout, c.Stderr = &log, &log
	err = c.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	p := peerServer{name, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		reply, _, err := new(dns.Client).Exchange(new(dns.Msg).SetQuestion("glue.example.", dns.TypeSOA), p.addr.String())
		if err == nil && reply.Rcode == dns.RcodeSuccess {
			return p
		}
	}
	t.Fatalf("%s doesn't serve:\n%s", name, &log)
	return p
}

// place returns a directory and a port for a daemon.
func place(t *testing.T) (dir string, port int) {
	t.Helper()
	packets, l := freePair(t)
	_, _ = packets.Close(), l.Close()
	dir, err := os.MkdirTemp("", "judge")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir, l.Addr().(*net.TCPAddr).Port
}

func configure(t *testing.T, dir, config string) string {
	t.Helper()
	path := filepath.Join(dir, "conf")
	err := os.WriteFile(path, []byte(config), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func startNamed(t *testing.T, zones map[string]string) peerServer {
	dir, port := place(t)
	config := fmt.Sprintf(
		"options { directory %q; pid-file none; session-keyfile none; listen-on port %d { 127.0.0.0/8; };\n"+
			"listen-on-v6 { none; }; recursion no; allow-transfer { 127.0.0.1; }; notify no; minimal-responses yes;\n"+
			"dnssec-validation no; check-names primary ignore; check-integrity no; };\ncontrols { };\n", dir, port)
	for apex, path := range zones {
		config += fmt.Sprintf("zone %q { type primary; file %q; };\n", apex, path)
	}
	return start(t, "named", port, "named", "-g", "-c", configure(t, dir, config))
}

func startKnot(t *testing.T, zones map[string]string) peerServer {
	dir, port := place(t)
	config := fmt.Sprintf("server:\n  rundir: %q\n  listen: 127.0.0.1@%d\n  identity: \"\"\ndatabase:\n  storage: %q\n"+
		"acl:\n  - id: local\n    address: 127.0.0.1\n    action: transfer\n"+
		"template:\n  - id: default\n    acl: local\n    semantic-checks: soft\n    zonefile-sync: -1\n    "+
		"journal-content: none\nzone:\n", dir, port, dir)
	for apex, path := range zones {
		config += fmt.Sprintf("  - domain: %s\n    file: %q\n", apex, path)
	}
	return start(t, "knotd", port, "knotd", "-c", configure(t, dir, config))
}

func startNSD(t *testing.T, zones map[string]string) peerServer {
	dir, port := place(t)
	config := fmt.Sprintf(
		"server:\n  ip-address: 127.0.0.1@%d\n  username: \"\"\n  chroot: \"\"\n  zonesdir: \"\"\n  database: \"\"\n"+
			"  pidfile: \"\"\n  xfrdfile: %q\n  zonelistfile: %q\n  xfrdir: %q\n  minimal-responses: yes\nremote-control:\n  "+
			"control-enable: no\n",
		port, dir+"/xfrd", dir+"/zones", dir)
	for apex, path := range zones {
		config += fmt.Sprintf("zone:\n  name: %s\n  zonefile: %q\n  provide-xfr: 127.0.0.1 NOKEY\n", apex, path)
	}
	return start(t, "nsd", port, "nsd", "-d", "-c", configure(t, dir, config))
}

// comparison compares what two servers say of one zone.
type comparison struct {
	t                          *testing.T
	ours, peerServer           peerServer
	apex                       string
	unloaded                   bool
	records, answers, refusals int
	different                  []string
}

func (c *comparison) differ(format string, args ...any) {
	if len(c.different) < 20 {
		c.different = append(c.different, fmt.Sprintf(format, args...))
	}
}

func (c *comparison) run() {
	if rcodeOf(c.ask(c.peerServer, c.apex, dns.TypeSOA)) != dns.RcodeSuccess {
		c.unloaded = true
		return
	}
	ours, theirs := c.transferred(c.ours), c.transferred(c.peerServer)
	c.records = len(theirs)
	for line := range theirs {
		if !ours[line] {
			c.differ("the transfer lacks %s", line)
		}
	}
	for line := range ours {
		if !theirs[line] {
			c.differ("the transfer has %s", line)
		}
	}
	asked := map[string]bool{}
	for line := range theirs {
		name, rest, _ := strings.Cut(line, " ")
		var rrtype uint16
		_, _ = fmt.Sscan(rest, &rrtype)
		for _, q := range []uint16{rrtype, dns.TypeTXT, dns.TypeDS} {
			asked[fmt.Sprintf("%s %d", name, q)] = true
		}
		asked[fmt.Sprintf("no.%s %d", name, dns.TypeA)] = true
	}
	for _, question := range slices.Sorted(maps.Keys(asked)) {
		var name string
		var qtype uint16
		_, err := fmt.Sscan(question, &name, &qtype)
		if err == nil {
			c.answer(name, qtype)
		}
	}
	c.refused()
}

// answer compares one answer: response code, authority, and the answer section.
func (c *comparison) answer(name string, qtype uint16) {
	switch {
	case qtype == dns.TypeSOA, len(name) > 200, !inside(name, c.apex):
		return // the serial is ours
	case strings.HasPrefix(name, "nsec3.") && c.peerServer.name == "named":
		return // which has NSEC3 records in a tree of their own
	case strings.Contains(name, "x.d.") && c.peerServer.name == "knotd":
		return // which answers from below a DNAME
	}
	ours, theirs := c.ask(c.ours, name, qtype), c.ask(c.peerServer, name, qtype)
	c.answers++
	one, other := c.summary(ours), c.summary(theirs)
	if one != other {
		c.differ("%s %s: here %s, there %s", name, dns.Type(qtype), one, other)
	}
}

func inside(name, apex string) bool { return name == apex || strings.HasSuffix(name, "."+apex) }

// summary is what an answer says. Names outside of the zone are other zones' matter.
func (c *comparison) summary(msg []byte) string {
	var lines []string
	at := wire.SkipName(msg, wire.HeaderSize) + wire.QuestionFixed
	for range binary.BigEndian.Uint16(msg[wire.AtAnswers:]) {
		r, end := wire.ReadRecord(msg, at)
		if end < 0 {
			return "an answer that isn't whole"
		}
		at = end
		wire.Lower(r.Name)
		if inside(zone.String(r.Name), c.apex) {
			lines = append(lines, fmt.Sprintf("%s %d %s %x", zone.String(r.Name), r.TTL, dns.Type(r.Type), r.Data))
		}
	}
	slices.Sort(lines)
	return fmt.Sprintf("%s aa=%t %s", dns.RcodeToString[rcodeOf(msg)], msg[wire.AtFlags]&wire.FlagAA != 0,
		strings.Join(lines, ", "))
}

func rcodeOf(msg []byte) int { return int(msg[wire.AtRcode] & wire.MaskRcode) }

// ask asks by TCP.
func (c *comparison) ask(p peerServer, name string, qtype uint16) []byte {
	c.t.Helper()
	m := new(dns.Msg).SetQuestion(name, qtype)
	m.RecursionDesired = false
	conn, err := net.DialTimeout("tcp", p.addr.String(), patience)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return c.exchange(conn, m)
}

func (c *comparison) exchange(conn net.Conn, m *dns.Msg) []byte {
	c.t.Helper()
	_ = conn.SetDeadline(time.Now().Add(patience))
	request, err := m.Pack()
	if err != nil {
		c.t.Fatal(err)
	}
	_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(request))), request...))
	if err != nil {
		c.t.Fatal(err)
	}
	return c.read(conn)
}

func (c *comparison) read(conn net.Conn) []byte {
	c.t.Helper()
	length := make([]byte, 2)
	_, err := io.ReadFull(conn, length)
	msg := make([]byte, binary.BigEndian.Uint16(length))
	if err == nil {
		_, err = io.ReadFull(conn, msg)
	}
	if err != nil || len(msg) < wire.HeaderSize {
		c.t.Fatalf("no whole message: %v, %x", err, msg)
	}
	return msg
}

// refused compares what is refused: another client, another zone.
func (c *comparison) refused() {
	for _, tt := range []struct{ from, zone string }{{"127.0.0.2", c.apex}, {"127.0.0.1", "unknown.test."}} {
		rcodes := [2]int{}
		for i, p := range []peerServer{c.ours, c.peerServer} {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(tt.from)}, Timeout: patience}
			conn, err := d.Dial("tcp", p.addr.String())
			if err != nil {
				c.t.Fatal(err)
			}
			rcodes[i] = rcodeOf(c.exchange(conn, new(dns.Msg).SetAxfr(tt.zone)))
			_ = conn.Close()
		}
		c.refusals++
		// Who has no such zone may say NOTAUTH as well (RFC 5936 section 2.2.1).
		if rcodes[0] != rcodes[1] && (rcodes[1] != dns.RcodeNotAuth || rcodes[0] != dns.RcodeRefused) {
			c.differ("AXFR of %s from %s: %s here, %s there", tt.zone, tt.from, dns.RcodeToString[rcodes[0]],
				dns.RcodeToString[rcodes[1]])
		}
	}
}

// transferred returns the records of a transfer, octet by octet, but for the SOA's serial.
func (c *comparison) transferred(p peerServer) map[string]bool {
	c.t.Helper()
	conn, err := net.DialTimeout("tcp", p.addr.String(), patience)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	msg := c.exchange(conn, new(dns.Msg).SetAxfr(c.apex))
	lines := map[string]bool{}
	for soas := 0; soas < 2; {
		if rcodeOf(msg) != dns.RcodeSuccess {
			c.t.Fatalf("transfer of %s from %s: %s", c.apex, p.name, dns.RcodeToString[rcodeOf(msg)])
		}
		at := wire.HeaderSize
		for range binary.BigEndian.Uint16(msg[wire.AtQuestions:]) {
			at = wire.SkipName(msg, at) + wire.QuestionFixed
		}
		for range binary.BigEndian.Uint16(msg[wire.AtAnswers:]) {
			r, end := wire.ReadRecord(msg, at)
			if end < 0 {
				c.t.Fatalf("transfer of %s from %s: a record that isn't one at %d", c.apex, p.name, at)
			}
			at = end
			if r.Type == wire.TypeSOA {
				soas++
				copy(r.Data[len(r.Data)-20:], []byte{0, 0, 0, 0})
			}
			wire.Lower(r.Name)
			lines[fmt.Sprintf("%s %d %d %x", zone.String(r.Name), r.Type, r.TTL, r.Data)] = true
		}
		if soas < 2 {
			msg = c.read(conn)
		}
	}
	return lines
}
