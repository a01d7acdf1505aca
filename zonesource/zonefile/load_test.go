package zonefile

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"inside53/resolver/zone"
	"inside53/zonesource/rdata"
)

// write puts files, by name, into a new directory and returns the path of the
// first of the names.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err != nil {
			t.Fatal(err)
		}
		err = os.WriteFile(path, []byte(text), 0o644)
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// records lists a tree as "OWNER TTL TYPE VALUE" in the form of Route 53, sorted.
func records(t testing.TB, tree *zone.Tree) []string {
	t.Helper()
	var lines []string
	for name, node := range tree.All {
		for set := range node.RRsets {
			for data := range set.Rdata() {
				value, err := rdata.FormatValue(set.Type, data)
				if err != nil {
					t.Fatal(err)
				}
				lines = append(lines, fmt.Sprintf("%s %d %s %s", rdata.FormatName(name), set.TTL(), rdata.TypeText(set.Type),
					value))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

const head3 = `$TTL 300
@ IN SOA ns hostmaster 1 2 3 4 5
@ IN NS ns
`

// apexRecords is what head3 gives in example.com.
var apexRecords = []string{
	"example.com. 300 NS ns.example.com.",
	"example.com. 300 SOA ns.example.com. hostmaster.example.com. 1 2 3 4 5",
}

func TestLoad(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  []string // apexRecords aside
		found []string // problems
	}{
		{
			name: "forms of a record",
			files: map[string]string{"zone": head3 + `
a A 192.0.2.1
b 60 A 192.0.2.1
c IN A 192.0.2.1
d 60 IN A 192.0.2.1
e IN 1h30m A 192.0.2.1
f in a 192.0.2.1
g CLASS1 TYPE1 \# 4 c0000201
	60 TXT x
h.example.com. A 192.0.2.1	; a comment
*.i A 192.0.2.1
J A 192.0.2.1
k A ( 192.0.2.1 ) ; "
` + "l\tA\t192.0.2.1\r\n" + `A A 192.0.2.1
m ( A
  192.0.2.1 ; and (
)
n A 192.0.2.1`},
			want: []string{
				"a.example.com. 300 A 192.0.2.1", "b.example.com. 60 A 192.0.2.1", "c.example.com. 300 A 192.0.2.1",
				"d.example.com. 60 A 192.0.2.1", "e.example.com. 5400 A 192.0.2.1", "f.example.com. 300 A 192.0.2.1",
				"g.example.com. 300 A 192.0.2.1", `g.example.com. 60 TXT "x"`, "h.example.com. 300 A 192.0.2.1",
				`\052.i.example.com. 300 A 192.0.2.1`, "j.example.com. 300 A 192.0.2.1", "k.example.com. 300 A 192.0.2.1",
				"l.example.com. 300 A 192.0.2.1", "m.example.com. 300 A 192.0.2.1", "n.example.com. 300 A 192.0.2.1",
			},
		},
		{
			name: "types",
			files: map[string]string{"zone": head3 + `
@ A 192.0.2.1
@ AAAA 2001:db8::1
@ MX 10 Mail
@ MX 20 .
_s._tcp SRV 1 2 3 host.example.net.
c CNAME @
p PTR host
d DNAME example.net.
s CAA 0 issue "ca.example.net; x=1"
s NAPTR 1 2 "u" "v" "!a!\\b!" .
s DS 1 8 2 00 ff
s SSHFP 1 1 00ff
s TLSA 3 1 1 00ff
s HTTPS 1 . alpn="h2,h3" port=443
s SPF "v=spf1 -all"
s TYPE65280 \# 2 0001
s LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
s HINFO PC "Linux 6"
`},
			want: []string{
				"example.com. 300 A 192.0.2.1", "example.com. 300 AAAA 2001:db8::1", "example.com. 300 MX 10 Mail.example.com.",
				"example.com. 300 MX 20 .", "_s._tcp.example.com. 300 SRV 1 2 3 host.example.net.",
				"c.example.com. 300 CNAME example.com.",
				"p.example.com. 300 PTR host.example.com.", "d.example.com. 300 DNAME example.net.",
				`s.example.com. 300 CAA 0 issue "ca.example.net; x=1"`,
				`s.example.com. 300 NAPTR 1 2 "u" "v" "!a!\\b!" .`, "s.example.com. 300 DS 1 8 2 00FF",
				"s.example.com. 300 SSHFP 1 1 00FF",
				"s.example.com. 300 TLSA 3 1 1 00FF", `s.example.com. 300 HTTPS 1 . alpn="h2,h3" port="443"`,
				`s.example.com. 300 SPF "v=spf1 -all"`,
				`s.example.com. 300 TYPE65280 \# 2 0001`,
				"s.example.com. 300 LOC 52 22 23.000 N 04 53 32.000 E -2m 0.00m 10000m 10m",
				`s.example.com. 300 HINFO "PC" "Linux 6"`,
			},
		},
		{
			name: "text",
			files: map[string]string{"zone": head3 + `
a TXT "one string; not (a comment)" two "th\"ree"
b TXT ( "a"
        "b" ) ; "c"
c TXT "\052\\\101\200" \042\ x
d TXT "a""b"
e TXT ""
f TXT "` + strings.Repeat("x", 255) + `"
`},
			want: []string{
				`a.example.com. 300 TXT "one string; not (a comment)" "two" "th\"ree"`, `b.example.com. 300 TXT "a" "b"`,
				`c.example.com. 300 TXT "4\\e\310" "* x"`, `d.example.com. 300 TXT "a" "b"`, `e.example.com. 300 TXT ""`,
				`f.example.com. 300 TXT "` + strings.Repeat("x", 255) + `"`,
			},
			found: []string{`c.example.com. TXT zone:8: \052 is read as dig does, in decimal: "4"; AWS's \052 is *`},
		},
		{
			name: "escaped names",
			files: map[string]string{"zone": head3 + `
\042 A 192.0.2.1
\052 A 192.0.2.1
a\.b A 192.0.2.1
\@ CNAME \$\;\(x
a\ b CNAME \200.
$ORIGIN \$x
@ A 192.0.2.1
`},
			want: []string{
				`\052.example.com. 300 A 192.0.2.1`, `4.example.com. 300 A 192.0.2.1`, `a\056b.example.com. 300 A 192.0.2.1`,
				`\100.example.com. 300 CNAME \044\073\050x.example.com.`, `a\040b.example.com. 300 CNAME \310.`,
				`\044x.example.com. 300 A 192.0.2.1`,
			},
			found: []string{`4.example.com. A zone:6: \052 is read as dig does, in decimal: "4"; AWS's \052 is *`},
		},
		{
			name: "origin, TTL and include",
			files: map[string]string{
				"zone": head3 + `
$ORIGIN sub
a A 192.0.2.1
$INCLUDE parts/one other.example.com. ; a comment
 TXT "still a.sub"
$ORIGIN example.com.
$include "parts/two"
z A 192.0.2.9
`,
				"parts/one": "b A 192.0.2.2\n$ORIGIN deep\n$TTL 2h\n$INCLUDE three\n",
				"parts/two": "c 7 A 192.0.2.3",
				// relative to parts/one
				"parts/three": "@ A 192.0.2.4\n",
			},
			want: []string{
				"a.sub.example.com. 300 A 192.0.2.1", "b.other.example.com. 300 A 192.0.2.2",
				"deep.other.example.com. 7200 A 192.0.2.4",
				`a.sub.example.com. 7200 TXT "still a.sub"`, "c.example.com. 7 A 192.0.2.3", "z.example.com. 7200 A 192.0.2.9",
			},
		},
		{
			name: "generate",
			files: map[string]string{"zone": head3 + `
$GENERATE 1-3 host$ A 192.0.2.$
$GENERATE 0-4/2 ${10,3}.x 60 CNAME a${0,4,x}-${250,0,X}-${1,0,o}
$GENERATE 5-5 $ TXT "$ and \$ $$ ${0}"
$GENERATE 18-18 ${0,3,n}.${0,0,N} PTR host$
`},
			want: []string{
				"host1.example.com. 300 A 192.0.2.1", "host2.example.com. 300 A 192.0.2.2", "host3.example.com. 300 A 192.0.2.3",
				"010.x.example.com. 60 CNAME a0000-FA-1.example.com.", "012.x.example.com. 60 CNAME a0002-FC-3.example.com.",
				"014.x.example.com. 60 CNAME a0004-FE-5.example.com.",
				`5.example.com. 300 TXT "5" "and" "$" "$" "5"`,
				"2.1.2.1.example.com. 300 PTR host18.example.com.",
			},
		},
		{
			name: "sets",
			files: map[string]string{"zone": head3 + `
a 100 A 192.0.2.1
a 100 A 192.0.2.2
a 100 A 192.0.2.1
a 100 TXT x
a 50 A 192.0.2.3
b 10 A 192.0.2.1
b 20 A 192.0.2.2
@ IN SOA ns hostmaster 1 2 3 4 5 ; again, as in the output of dig
www.example.net. A 192.0.2.1
c CNAME a
c RRSIG CNAME 8 3 300 20300101000000 20200101000000 1 example.com. AAAA
d DNAME a
x.d A 192.0.2.1
y.x.d A 192.0.2.1
`},
			want: []string{
				"a.example.com. 50 A 192.0.2.1", "a.example.com. 50 A 192.0.2.2", "a.example.com. 50 A 192.0.2.3",
				`a.example.com. 100 TXT "x"`,
				"b.example.com. 10 A 192.0.2.1", "b.example.com. 10 A 192.0.2.2", "c.example.com. 300 CNAME a.example.com.",
				"c.example.com. 300 RRSIG CNAME 8 3 300 20300101000000 20200101000000 1 example.com. AAAA",
				"d.example.com. 300 DNAME a.example.com.", "x.d.example.com. 300 A 192.0.2.1", "y.x.d.example.com. 300 A 192.0.2.1",
			},
			found: []string{
				"a.example.com. A zone:9: TTLs differ inside the RRset, the least of them, 50, holds for all (RFC 2181 5.2)",
				"b.example.com. A zone:10: TTLs differ inside the RRset, the least of them, 10, holds for all (RFC 2181 5.2)",
				"www.example.net. A zone:13: out of the zone, ignored",
				"x.d.example.com. DNAME zone:16: hidden below the DNAME record of d.example.com. (RFC 6672 2.4)",
				"y.x.d.example.com. DNAME zone:16: hidden below the DNAME record of d.example.com. (RFC 6672 2.4)",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, test.files)
			content, err := Load(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "zone"))
			if err != nil {
				t.Fatal(err)
			}
			want := append(slices.Clone(apexRecords), test.want...)
			slices.Sort(want)
			got := records(t, content.Tree)
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			var found []string
			for _, p := range content.Problems {
				if p.Zone != "example.com." {
					t.Errorf("problem in zone %q", p.Zone)
				}
				found = append(found, p.Name+" "+p.Type+" "+strings.ReplaceAll(p.Reason, dir+"/", ""))
			}
			slices.Sort(found)
			if !slices.Equal(found, test.found) {
				t.Errorf("problems\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(test.found, "\n"))
			}
			if len(content.Files) != len(test.files) || content.Files[0] != filepath.Join(dir, "zone") {
				t.Errorf("files %q", content.Files)
			}
		})
	}
}

// TestLargeSets reads RRsets around the greatest that a message can carry.
func TestLargeSets(t *testing.T) {
	var text strings.Builder
	text.WriteString(head3)
	for i := range 4000 {
		fmt.Fprintf(&text, "a A 10.0.%d.%d\n", i/256, i%256)
		if i%1000 == 0 {
			text.WriteString("b A 10.0.0.0\n") // the set comes in several pieces
		}
	}
	text.WriteString(strings.Repeat("c A 10.0.0.1\n", 20000)) // one record
	dir := write(t, map[string]string{"zone": text.String()})
	content, err := Load(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	for owner, want := range map[string]uint16{"a.example.com": 4000, "b.example.com": 1, "c.example.com": 1} {
		got := content.Tree.Lookup(zone.MustName(owner)).RRset(zone.TypeA).Count
		if got != want {
			t.Errorf("%s has %d records, want %d", owner, got, want)
		}
	}
	for i := range 100 {
		fmt.Fprintf(&text, "a A 10.1.%d.%d\n", i/256, i%256)
	}
	dir = write(t, map[string]string{"zone": text.String()})
	_, err = Load(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "zone"))
	if !errors.Is(err, zone.ErrTooLarge) || !strings.Contains(err.Error(), "A records of a.example.com.") {
		t.Error(err)
	}
}

// TestEveryTextByte takes each byte, escaped and where it may be raw, through a
// string and through an owner.
func TestEveryTextByte(t *testing.T) {
	var text strings.Builder
	text.WriteString(head3)
	for c := range 256 {
		fmt.Fprintf(&text, "e%d TXT \"\\%03d\" \\%03d\n", c, c, c)
		fmt.Fprintf(&text, "\\%03d.n%d TXT x\n", c, c)
		if c != '\n' && c != '"' && c != '\\' {
			fmt.Fprintf(&text, "r%d TXT \"%s\"\n", c, []byte{byte(c)})
		}
	}
	dir := write(t, map[string]string{"zone": text.String()})
	content, err := Load(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	for c := range 256 {
		got := content.Tree.Lookup(zone.MustName(fmt.Sprintf("e%d.example.com", c))).RRset(zone.TypeTXT).First()
		if want := []byte{1, byte(c), 1, byte(c)}; !slices.Equal(got, want) {
			t.Errorf("escaped 0x%02x: %x", c, got)
		}
		got = content.Tree.Lookup(zone.MustName(fmt.Sprintf("r%d.example.com", c))).RRset(zone.TypeTXT).First()
		if want := []byte{1, byte(c)}; c != '\n' && c != '"' && c != '\\' && !slices.Equal(got, want) {
			t.Errorf("raw 0x%02x: %x", c, got)
		}
		owner := append([]byte{1, byte(c)}, zone.MustName(fmt.Sprintf("n%d.example.com", c))...)
		zone.Lower(owner)
		if !content.Tree.Lookup(owner).RRset(zone.TypeTXT).Exists() {
			t.Errorf("owner with 0x%02x (%s) is missing", c, hex.EncodeToString(owner))
		}
	}
}
