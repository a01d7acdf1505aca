package zonefile

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"inside53/resolver/zone"
)

var tightParenthesis = regexp.MustCompile(`[^ \n][()]|[()][^ \n]`)

// FuzzLoad holds the reader against the library's zone parser: what both accept, both find
// the same records in. What BIND reads and the library doesn't is held by judge-files.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"a A 192.0.2.1\nb 60 IN AAAA 2001:db8::1\n\tTXT \"x y\" z\n",
		"a MX 10 b\n@ CNAME c.\nd SRV 1 2 3 @\n*.e PTR \\042.x\n",
		"a TXT ( \"a\" ; c\n \"b\" )\n$ORIGIN b\nc IN 1h NS d\n",
		"$TTL 1d\n\\@ CAA 0 issue \"x;y\"\na DS 1 8 2 00ff\n",
		"a HTTPS 1 . alpn=\"h2,h3\" port=443\nb TYPE65280 \\# 2 00ff\n",
		"a A \\# 4 c0000201\na\\.b NAPTR 1 2 \"\" \"\" \"\" .\nc SPF x\n",
		"a TXT \"\\200\" \\\"x \"\"\nb TXT a\"b\"c\nA A 192.0.2.1\r\n",
		" TXT\"\"",
		" TYPE70 \\#0 0",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "$GENERATE") || strings.Contains(text, "$generate") ||
			strings.Contains(strings.ToUpper(text), "$INCLUDE") {
			return // the library gives generated records a TTL of its own, and no files here
		}
		if tightParenthesis.MatchString(text) {
			return // the library takes a(b for one word
		}
		text = head3 + text
		apex := zone.MustName("example.com")
		l := newLoader(context.Background(), apex)
		err := newReader(l, strings.NewReader(text), int64(len(text)), "zone", apex, 0).read()
		if err != nil || !l.flush() || len(l.faults) > 0 {
			return
		}
		want, err := libraryRecords(text)
		if err != nil {
			return
		}
		got := map[string][]string{}
		for name, node := range l.edit.Commit().All {
			for set := range node.RRsets {
				key := fmt.Sprintf("%q %d", name, set.Type)
				for data := range set.Rdata() {
					got[key] = append(got[key], fmt.Sprintf("%d %x", set.TTL(), data))
				}
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%q: got %v, want %v", text, got, want)
		}
		for key, set := range want {
			slices.Sort(set)
			slices.Sort(got[key])
			if !slices.Equal(got[key], set) {
				t.Fatalf("%q: %s: got %q, want %q", text, key, got[key], set)
			}
		}
	})
}

// libraryRecords returns what the library finds, as sets with one TTL each.
func libraryRecords(text string) (map[string][]string, error) {
	ttls := map[string]uint32{}
	data := map[string][][]byte{}
	parser := dns.NewZoneParser(strings.NewReader(text), "example.com.", "")
	buffer := make([]byte, 1<<17)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		end, err := dns.PackRR(rr, buffer, 0, nil, false)
		if err != nil {
			return nil, err
		}
		owner, err := dns.PackDomainName(rr.Header().Name, make([]byte, 256), 0, nil, false)
		if err != nil {
			return nil, err
		}
		name := slices.Clone(buffer[:owner])
		zone.Lower(name)
		if !zone.IsSubdomain(name, zone.MustName("example.com")) {
			continue
		}
		key := fmt.Sprintf("%q %d", name, rr.Header().Rrtype)
		packed := slices.Clone(buffer[owner+10 : end])
		if slices.ContainsFunc(data[key], func(other []byte) bool { return bytes.Equal(other, packed) }) {
			ttls[key] = min(ttls[key], rr.Header().Ttl)
			continue
		}
		if len(data[key]) == 0 {
			ttls[key] = rr.Header().Ttl
		}
		ttls[key] = min(ttls[key], rr.Header().Ttl)
		data[key] = append(data[key], packed)
	}
	sets := map[string][]string{}
	for key, set := range data {
		for _, packed := range set {
			sets[key] = append(sets[key], fmt.Sprintf("%d %x", ttls[key], packed))
		}
	}
	return sets, parser.Err()
}
