package rdata

import (
	"encoding/hex"
	"strings"
	"testing"
)

func TestAppendMasterName(t *testing.T) {
	const origin = "\x07example\x03com\x00"
	long := strings.Repeat("a", 63)
	tests := []struct{ text, want string }{
		{"@", origin},
		{".", "\x00"},
		{"www", "\x03www" + origin},
		{"WWW.Sub", "\x03WWW\x03Sub" + origin},
		{"www.", "\x03www\x00"},
		{`\042`, "\x01*" + origin}, // decimal
		{`a\.b`, "\x03a.b" + origin},
		{`a\.`, "\x02a." + origin},
		{`\@`, "\x01@" + origin},
		{`*`, "\x01*" + origin},
		{`x+y.`, "\x03x+y\x00"},
		{"ü.", "\x02\xc3\xbc\x00"},
		{long + ".", "\x3f" + long + "\x00"},
		{strings.Repeat(long+".", 3) + long[:49], strings.Repeat("\x3f"+long, 3) + "\x31" + long[:49] + origin},
	}
	for _, test := range tests {
		got, err := AppendMasterName([]byte("before"), []byte(test.text), []byte(origin))
		if err != nil || string(got) != "before"+test.want {
			t.Errorf("AppendMasterName(%q) = %q, %v; want %q", test.text, got, err, test.want)
		}
	}
	for text, want := range map[string]string{
		"":                                      "empty name",
		"a..b":                                  "empty label at position 3",
		".a":                                    "empty label at position 1",
		"a b":                                   "byte 0x20 at position 2",
		`\256`:                                  "more than one byte",
		`\08`:                                   "not of three decimal digits",
		long + "a":                              "label longer than 63 bytes",
		strings.Repeat(long+".", 3) + long[:50]: "256 bytes long",
	} {
		got, err := AppendMasterName(nil, []byte(text), []byte(origin))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("AppendMasterName(%q) = %q, %v; want error with %q", text, got, err, want)
		}
	}
}

func TestParseMasterValue(t *testing.T) {
	origin := []byte("\x01o\x02a.\x00")
	tests := []struct{ rrtype, text, want string }{
		{"CNAME", "x", "0178" + "016f02612e00"},
		{"MX", "10 @", "000a" + "016f02612e00"},
		{"NS", "x.", "017800"},
		{"SOA", "@ x. 1 1h 2m 3s 4w", "016f02612e00" + "017800" + "00000001" + "00000e10" + "00000078" + "00000003" +
			"0024ea00"},
		{"TXT", `"a\052b" c`, "03613462" + "0163"},
		{"A", `\# 4 0a000001`, "0a000001"},
		{"TYPE65280", `\# 1 ff`, "ff"},
	}
	for _, test := range tests {
		rrtype, _ := Type(test.rrtype)
		got, err := ParseMasterValue(rrtype, test.text, origin)

		if err != nil || hex.EncodeToString(got) != test.want {
			t.Errorf("ParseMasterValue(%s, %q) = %x, %v; want %s", test.rrtype, test.text, got, err, test.want)
		}
	}
	for _, test := range []struct{ rrtype, text, want string }{
		{"A", "", "no address at position 1"},
		{"A", "1.2.3", "is not an IPv4 address"},
		{"A", `\# 0`, "ends too early"},
		{"A", "1.2.3.4 5", `unexpected "5" at position 9`},
		{"A", "1.2.3.4\n. A 1.2.3.5", "more than one line"},
		{"SOA", "a b 1 2 3 4", "no minimum"},
		{"SOA", "a b 1 2 3", "no expire"},
		{"SRV", "1 2 3", "no target"},
		{"MX", "1", "no mail server"},
		{"NAPTR", `1 2 "a" "b" "c"`, "no replacement"},
		{"CAA", "0 issue", "no value"},
		{"DS", "1 8 2", "no digest"},
		{"TLSA", "3 1 1", "no certificate data"},
		{"SSHFP", "1 1", "SSHFP"},
		{"HTTPS", "1", "no target"},
		{"TXT", strings.Repeat("x ", 40000), "80000 bytes of rdata, more than 65535"},
	} {
		rrtype, _ := Type(test.rrtype)
		got, err := ParseMasterValue(rrtype, test.text, origin)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), " at line") {
			t.Errorf("ParseMasterValue(%s, %.100q) = %x, %v; want error with %q", test.rrtype, test.text, got, err, test.want)
		}
	}
}
