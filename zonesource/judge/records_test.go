//go:build judge

package judge

import (
	"fmt"
	"strings"
)

// record is a record set without a policy: as it is written to Route 53, and as dig shows it.
type record struct {
	name   string // as the API has it, without the zone; "" is the apex
	dig    string // as dig has it, where that is different
	kind   string
	ttl    int64
	values []string
	shown  []string // as dig shows the values, where that is different
}

// escapes are names of every kind of byte. Route 53 writes escapes in octal, dig in
// decimal, or as a backslash and the byte. AWS lists names in lower case and with each odd
// byte escaped; moto lists them as they were written, so both are here.
var escapes = []record{
	{name: `\052.wild`, dig: `*.wild`},
	{name: `*.written`},
	{name: `literal.\052.inside`, dig: `literal.*.inside`},
	{name: `at\100sign`, dig: `at\@sign`},
	{name: `dot\056ted`, dig: `dot\.ted`},
	{name: `a\056b\056c.d`, dig: `a\.b\.c.d`},
	{name: `slash\05726`, dig: `slash/26`},
	{name: `hash\043`, dig: `hash#`},
	{name: `exclaim\041`, dig: `exclaim!`},
	{name: `space\040in`, dig: `space\032in`},
	{name: `back\134slash`, dig: `back\\slash`},
	{name: `quo\042te`, dig: `quo\"te`},
	{name: `semi\073colon`, dig: `semi\;colon`},
	{name: `open\050close\051`, dig: `open\(close\)`},
	{name: `dollar\044`, dig: `dollar\$`},
	{name: `plus\053equals\075`, dig: `plus+equals=`},
	{name: `control\001`, dig: `control\001`},
	{name: `tab\011`, dig: `tab\009`},
	{name: `delete\177`, dig: `delete\127`},
	{name: `utf\303\251`, dig: `utf\195\169`},
	{name: `high\377`, dig: `high\255`},
	{name: `\060\061`, dig: `01`}, // octal for letters that need none
	{name: `\101bc`, dig: `abc`},  // octal for a capital: names have no case
	{name: `_under_score`},
	{name: `-dashes-`},
	{name: `Mixed.CASE`, dig: `mixed.case`},
	{name: `xn--caf-dma`},
	{name: `0.1.2.3.4.5.6.7.8.9`},
	{name: long("l", 63)},
	{name: strings.Join([]string{long("m", 63), long("n", 63), long("o", 63)}, ".")},
}

// everyType is all the types that Route 53 has, in every form of their values.
var everyType = []record{
	{name: "a", kind: "A", values: []string{"203.0.113.1"}},
	{name: "a-many", kind: "A", values: addresses("198.51.100.%d", 60)},
	{name: "ttl-zero", kind: "A", ttl: -1, values: []string{"203.0.113.2"}},
	{name: "ttl-most", kind: "A", ttl: 2147483647, values: []string{"203.0.113.3"}},
	{name: "aaaa", kind: "AAAA", values: []string{"2001:db8::1", "2001:0DB8:0:0:0:0:0:2"},
		shown: []string{"2001:db8::1", "2001:db8::2"}},
	{name: "caa", kind: "CAA", values: []string{`0 issue "ca.example.net"`, `128 iodef "mailto:ca@example.net"`,
		`0 issuewild ";"`}},
	{name: "cname", kind: "CNAME", values: []string{"Target.Example.NET."}},
	{name: "cname-bare", kind: "CNAME", values: []string{"bare.example.net"}, shown: []string{"bare.example.net."}},
	{name: "cname-escaped", kind: "CNAME", values: []string{`a\100b\056c.example.net.`},
		shown: []string{`a\@b\.c.example.net.`}},
	{name: "child", kind: "DS", values: []string{"12345 13 2 " + long("0A", 32)}},
	{name: "child", kind: "NS", values: []string{"ns1.example.net.", "ns2.example.net."}},
	{name: "https", kind: "HTTPS",
		values: []string{`1 . alpn="h2,h3" ipv4hint=203.0.113.4,203.0.113.5 ipv6hint=2001:db8::4`},
		shown:  []string{`1 . alpn="h2,h3" ipv4hint=203.0.113.4,203.0.113.5 ipv6hint=2001:db8::4`}},
	{name: "https-alias", kind: "HTTPS", values: []string{"0 pool.example.net."}},
	{name: "", kind: "MX", values: []string{"10 mail.example.net.", "20 mail2.example.net."}},
	{name: "mx-null", kind: "MX", values: []string{"0 ."}},
	{name: "naptr", kind: "NAPTR", values: []string{
		`100 50 "u" "E2U+sip" "!^(\\+441632960083)$!sip:\\1@example.com!" .`,
		`100 51 "s" "SIP+D2U" "" _sip._udp.example.net.`,
	}},
	{name: "ptr", kind: "PTR", values: []string{"host.example.net."}},
	{name: "", kind: "SPF", values: []string{`"v=spf1 ip4:192.0.2.0/24 -all"`}},
	{name: "_sip._tcp", kind: "SRV",
		values: []string{"10 60 5060 sip1.example.net.", "10 40 5060 sip2.example.net.", "0 0 0 ."}},
	{name: "sshfp", kind: "SSHFP", values: []string{"4 2 " + long("0f", 32)}, shown: []string{"4 2 " + long("0F", 32)}},
	{name: "_svc.svcb", kind: "SVCB",
		values: []string{`1 svc.example.net. alpn="h2" port=8443`,
			`2 . no-default-alpn alpn="h2" mandatory=alpn key65000="x"`},
		shown: []string{`1 svc.example.net. alpn="h2" port=8443`,
			`2 . mandatory=alpn alpn="h2" no-default-alpn key65000="x"`}},
	{name: "_443._tcp", kind: "TLSA", values: []string{"3 1 1 " + long("aB", 32)},
		shown: []string{"3 1 1 " + long("AB", 32)}},
	{name: "txt", kind: "TXT", values: []string{`"one string"`, `"two" "strings"`, `""`}},
	{name: "txt-case", kind: "TXT", values: []string{`"Case Is KEPT"`}},
	{name: "txt-quotes", kind: "TXT",
		values: []string{`"a \"quoted\" word"`, `"a back\\slash"`, `"semi;colon"`, `"hash # at @ dollar $ (paren)"`}},
	{name: "txt-octal", kind: "TXT",
		values: []string{`"\052"`, `"caf\303\251"`, `"tab\011"`, `"\042\134"`, `"nul\000 high\377"`},
		shown:  []string{`"*"`, `"caf\195\169"`, `"tab\009"`, `"\"\\"`, `"nul\000 high\255"`}},
	{name: "txt-255", kind: "TXT", values: []string{`"` + long("x", 255) + `"`}},
	{name: "txt-300", kind: "TXT", values: []string{`"` + long("x", 255) + `" "` + long("y", 45) + `"`}},
	{name: "txt-4000", kind: "TXT", values: []string{strings.TrimSpace(long(`"`+long("z", 247)+`" `, 16))}},
	{name: "txt-escaped-255", kind: "TXT", values: []string{`"` + long(`\377`, 255) + `"`},
		shown: []string{`"` + long(`\255`, 255) + `"`}},
	{name: "txt-xml", kind: "TXT", values: []string{`"<a href='x'>&amp;</a>"`}},
}

// alike are record sets of a zone as it mostly is.
func alike(n int) []record {
	var out []record
	for i := range n {
		r := record{name: fmt.Sprintf("host-%03d", i)}
		switch i % 5 {
		case 0, 1:
			r.kind, r.values = "A", []string{fmt.Sprintf("198.51.100.%d", i%250)}
		case 2:
			r.kind, r.values = "AAAA", []string{fmt.Sprintf("2001:db8::%x", i+1)}
		case 3:
			r.kind, r.values = "CNAME", []string{fmt.Sprintf("host-%03d.elsewhere.example.", i)}
		case 4:
			r.kind, r.values = "TXT", []string{fmt.Sprintf(`"number %d"`, i)}
		}
		out = append(out, r)
	}
	return out
}

// company is every record of the public zone that has no policy and is no alias.
func company() []record {
	all := append(append([]record(nil), everyType...), alike(700)...)
	for i, r := range escapes {
		r.kind, r.values = "A", []string{fmt.Sprintf("203.0.113.%d", 100+i)}
		all = append(all, r)
	}
	for i := range all {
		r := &all[i]
		if r.dig == "" {
			r.dig = r.name
		}
		if r.shown == nil {
			r.shown = r.values
		}
		switch r.ttl {
		case 0:
			r.ttl = 300
		case -1:
			r.ttl = 0
		}
	}
	return all
}

func addresses(format string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(format, i+1)
	}
	return out
}

// below is a name below another.
func below(name, zone string) string {
	if name == "" {
		return zone
	}
	return name + "." + zone
}
