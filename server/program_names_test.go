package server

import (
	"strings"
	"testing"
)

// TestProgramServesOddNames serves zone files of names that DNS takes and people seldom
// write: a part of a reverse zone (RFC 2317), an apex with an asterisk, which is a wildcard
// of the zone above and of nothing in its own (RFC 4592), and a dot inside a label.
func TestProgramServesOddNames(t *testing.T) {
	s := newSite(t)
	const head = "$TTL 300\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
	s.write(t, "reverse.zone", head+"1 PTR one.example.\n")
	s.write(t, "asterisk.zone", head+"@ TXT apex\nhost TXT host\n*.deep TXT wild\n")
	s.write(t, "dot.zone", head+"@ TXT dot\n")
	p := s.ready(t, strings.ReplaceAll(`
listen: {dns: ["127.0.0.1:0"]}
admin: "127.0.0.1:0"
drain: 0s
state_dir: state
views: [{name: all, clients: [127.0.0.0/8]}]
zonefiles:
- {origin: 0/25.2.0.192.in-addr.arpa, file: reverse.zone}
- {origin: "*.w.example", file: asterisk.zone}
- {origin: 'a\.b.example', file: dot.zone}
`, "\t", "  "))
	for _, q := range []question{
		asks("127.0.0.1", "1.0/25.2.0.192.in-addr.arpa PTR", "one.example."),
		asks("127.0.0.1", "*.w.example TXT", `"apex"`),
		asks("127.0.0.1", "host.*.w.example TXT", `"host"`),
		asks("127.0.0.1", "other.*.w.example TXT", "NXDOMAIN"),
		asks("127.0.0.1", "x.deep.*.w.example TXT", `"wild"`),
		asks("127.0.0.1", "other.w.example TXT", "REFUSED 20"),
		asks("127.0.0.1", `a\.b.example TXT`, `"dot"`),
	} {
		p.check(t, q)
	}
}
