package rdata

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestValues takes values to rdata and back: want is the rdata in hexadecimal,
// listed the text that comes back if it is not the text that went in.
func TestValues(t *testing.T) {
	const (
		example = "076578616d706c6503636f6d00"         // example.com.
		mail    = "046d61696c" + example               // mail.example.com.
		xmpp    = "0b786d70702d736572766572" + example // xmpp-server.example.com.
	)
	tests := []struct{ rrtype, value, want, listed string }{
		{"A", "192.0.2.1", "c0000201", ""},
		{"A", " 192.0.2.1 ", "c0000201", "192.0.2.1"},
		{"A", `\# 4 c0000201`, "c0000201", "192.0.2.1"},
		{"AAAA", "2001:0db8:85a3:0:0:8a2e:0370:7334", "20010db885a3000000008a2e03707334", "2001:db8:85a3::8a2e:370:7334"},
		{"AAAA", "::ffff:192.0.2.1", "00000000000000000000ffffc0000201", ""},
		{"AAAA", "::", "00000000000000000000000000000000", ""},
		{"CNAME", "mail.example.com", mail, "mail.example.com."},
		{"CNAME", "mail.example.com.", mail, ""},
		{"CNAME", "Mail.example.com.", "044d61696c" + example, ""}, // case as listed
		{"CNAME", `\052.a\056b.\374.`, "012a03612e6201fc00", ""},
		{"CNAME", `*.a\.b.`, "012a03612e6200", `\052.a\056b.`},
		{"NS", "ns-1.example.com", "046e732d31" + example, "ns-1.example.com."},
		{"PTR", ".", "00", ""},
		{"PTR", "0/25.2.0.192.in-addr.arpa.", "04302f3235013201300331393207696e2d61646472046172706100",
			`0\05725.2.0.192.in-addr.arpa.`},
		{"DNAME", "example.com.", example, ""},
		{"MX", "10 mail.example.com", "000a" + mail, "10 mail.example.com."},
		{"MX", "0\t.", "000000", "0 ."},
		{"SRV", "1 10 5269 xmpp-server.example.com.", "0001000a1495" + xmpp, ""},
		{"SRV", "0 0 0 .", "00000000000000", ""},
		{"SOA", "ns-2048.awsdns-64.net. hostmaster.awsdns.com. 1 7200 900 1209600 86400",
			"076e732d32303438" + "09617773646e732d3634036e657400" + "0a686f73746d6173746572" + "06617773646e7303636f6d00" +
				"00000001" + "00001c20" + "00000384" + "00127500" + "00015180", ""},
		{"SOA", `ns.example.com. john\056doe.example.com. 4294967295 0 0 0 0`,
			"026e73" + example + "086a6f686e2e646f65" + example + "ffffffff" + strings.Repeat("00", 16), ""},
		{"TXT", `"Sample Text"`, "0b53616d706c652054657874", ""},
		{"TXT", `"a" "b"`, "01610162", ""},
		{"TXT", `"a""b"`, "01610162", `"a" "b"`},
		{"TXT", `"a" 	 "b" `, "01610162", `"a" "b"`},
		{"TXT", `""`, "00", ""},
		{"TXT", `"" ""`, "0000", ""},
		{"TXT", `"say \"hi\""`, "08736179202268692" + "2", ""},
		{"TXT", `"back\\slash"`, "0a6261636b5c736c617368", ""},
		{"TXT", `"ex\344mple.com"`, "0b6578e46d706c652e636f6d", ""},
		{"TXT", `"\052\101\042"`, "032a4122", `"*A\""`}, // octal, not decimal
		{"TXT", `"v=DKIM1; k=rsa"`, "0e763d444b494d313b206b3d727361", ""},
		{"TXT", `"v=DKIM1\; k=rsa"`, "0e763d444b494d313b206b3d727361", `"v=DKIM1; k=rsa"`},
		{"TXT", `"tab\011nul\000"`, "08746162096e756c00", ""},
		{"TXT", "\"ü\"", "02c3bc", `"\303\274"`},
		{"TXT", "unquoted", "08756e71756f746564", `"unquoted"`},
		{"TXT", `\#0`, "022330", `"#0"`},
		{"TXT", `a\"b\040c`, "05612262" + "2063", `"a\"b c"`},
		{"SPF", `"v=spf1 ip4:192.168.0.1/16 -all"`, "1e763d73706631206970343a3139322e3136382e302e312f3136202d616c6c", ""},
		{"CAA", `0 issue "ca.example.net; account=123456"`,
			"00056973737565" + hex.EncodeToString([]byte("ca.example.net; account=123456")), ""},
		{"CAA", `0 issue ";"`, "000569737375653b", ""},
		{"CAA", `128 iodef mailto:a@b`, "8005696f646566" + hex.EncodeToString([]byte("mailto:a@b")),
			`128 iodef "mailto:a@b"`},
		{"CAA", `0 issue ""`, "00056973737565", ""},
		{"CAA", `128 example-text-tag "1"`, "80106578616d706c652d746578742d746167" + "31", ""},
		{"NAPTR", `100 50 "u" "E2U+sip" "!^(\\+441632960083)$!sip:\\1@example.com!" .`,
			"00640032" + "0175" + "074532552b736970" + "27" +
				hex.EncodeToString([]byte(`!^(\+441632960083)$!sip:\1@example.com!`)) + "00", ""},
		{"NAPTR", `10 100 "S" "SIP+D2U" "" _sip._udp.example.com`,
			"000a0064" + "0153" + "075349502b443255" + "00" + "045f736970045f756470" + example,
			`10 100 "S" "SIP+D2U" "" _sip._udp.example.com.`},
		{"DS", "123 4 5 1234567890ABCDEF1234567890ABCDEF", "007b04051234567890abcdef1234567890abcdef", ""},
		{"DS", "123 4 5 1234567890abcdef 1234567890ABCDEF", "007b04051234567890abcdef1234567890abcdef",
			"123 4 5 1234567890ABCDEF1234567890ABCDEF"},
		{"SSHFP", "1 1 09F6A01D2175742B257C6B98B7C72C44C4040683", "010109f6a01d2175742b257c6b98b7c72c44c4040683", ""},
		{"TLSA", "3 1 1 0B9FA5A59EED715C26C1020C711B4F6EC42D58B0015E14337A39DAD301C5AFC3",
			"0301010b9fa5a59eed715c26c1020c711b4f6ec42d58b0015e14337a39dad301c5afc3", ""},
		{"HTTPS", `1 . alpn="h2,h3"`, "000100" + "0001" + "0006" + "026832026833", ""},
		{"HTTPS", `1 . alpn=h2,h3 port=8443`, "000100" + "0001" + "0006" + "026832026833" + "00030002" + "20fb",
			`1 . alpn="h2,h3" port="8443"`},
		{"HTTPS", `0 svc.example.com`, "000003737663" + example, "0 svc.example.com."},
		{"SVCB", `16 foo.example.org. alpn="f\\\\oo\\,bar,h2"`,
			"001003666f6f076578616d706c65036f726700" + "0001000c" + "08665c6f6f2c626172" + "026832",
			`16 foo.example.org. alpn="f\\\134oo\\\054bar,h2"`},
		{"SVCB", `1 foo.example.com. ipv6hint="2001:db8::1" ipv4hint="192.0.2.1"`,
			"000103666f6f" + example + "00040004c0000201" + "0006001020010db8000000000000000000000001",
			`1 foo.example.com. ipv4hint="192.0.2.1" ipv6hint="2001:db8::1"`},
		{"SVCB", `1 foo.example.com. key667="hello\322qoo"`, "000103666f6f" + example + "029b0009" + "68656c6c6fd2716f6f",
			""},
		{"LOC", "51 30 12.748 N 0 7 39.611 W 0.00m 0.00m 0.00m 0.00m", "00000000" + "8b0d2c8c" + "7ff8fca5" + "00989680",
			"51 30 12.748 N 00 07 39.611 W 0m 0.00m 0.00m 0.00m"},
		{"HINFO", `"a\052b" "c"`, "03612a620163", `"a*b" "c"`},
		{"TYPE65280", `\# 4 0A000001`, "0a000001", `\# 4 0a000001`},
		{"TYPE65280", `\# 0`, "", ""},
		{"TYPE65280", `\# 3 0a 0000`, "0a0000", `\# 3 0a0000`},
	}
	for _, test := range tests {
		rrtype, ok := Type(test.rrtype)
		if !ok {
			t.Fatalf("no type %s", test.rrtype)
		}
		got, err := ParseValue(rrtype, test.value)
		if err != nil || hex.EncodeToString(got) != test.want {
			t.Errorf("ParseValue(%s, %q) = %x, %v; want %s", test.rrtype, test.value, got, err, test.want)
			continue
		}
		want := test.listed
		if want == "" {
			want = test.value
		}
		text, err := FormatValue(rrtype, got)
		if err != nil || text != want {
			t.Errorf("FormatValue(%s, %x) = %q, %v; want %q", test.rrtype, got, text, err, want)
		}
	}
}

// TestValuesAgainstLibrary takes values without escapes, which mean the same
// in both notations, through the library's master file parser.
func TestValuesAgainstLibrary(t *testing.T) {
	for _, test := range []struct{ rrtype, value string }{
		{"A", "10.1.2.3"}, {"AAAA", "fe80::1"}, {"CNAME", "a.b."}, {"NS", "a.b."}, {"PTR", "a.b."}, {"DNAME", "a.b."},
		{"MX", "5 a.b."}, {"SRV", "1 2 3 a.b."}, {"SOA", "a. b. 1 2 3 4 5"}, {"TXT", `"a b" "c;d"`}, {"SPF", `"a"`},
		{"CAA", `0 issue "x.y; z=1"`}, {"NAPTR", `1 2 "u" "v" "!a!b!" c.`}, {"NAPTR", `1 2 "" "" "\"\\" c.`},
		{"DS", "1 8 2 00ff"}, {"SSHFP", "4 2 00ff"}, {"TLSA", "3 0 1 00ff"},
	} {
		rr, err := dns.NewRR(". 0 IN " + test.rrtype + " " + test.value)
		if err != nil {
			t.Fatal(err)
		}
		want, err := packRecord(rr)
		if err != nil {
			t.Fatal(err)
		}
		rrtype, _ := Type(test.rrtype)
		got, err := ParseValue(rrtype, test.value)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("ParseValue(%s, %q) = %x, %v; want %x", test.rrtype, test.value, got, err, want)
		}
	}
}

// packRecord returns the uncompressed rdata of a record of the root.
func packRecord(rr dns.RR) ([]byte, error) {
	const rrOverhead = 1 + 2 + 2 + 4 + 2 // owner, type, class, TTL and length
	buffer := make([]byte, rrOverhead+maxRdata)
	end, err := dns.PackRR(rr, buffer, 0, nil, false)
	if err != nil {
		return nil, err
	}
	return buffer[rrOverhead:end:end], nil
}

// TestTextBytes takes each byte, as escape, through each kind of string.
func TestTextBytes(t *testing.T) {
	for c := range 256 {
		escape := fmt.Sprintf(`\%03o`, c)
		for _, test := range []struct{ rrtype, value, want string }{
			{"TXT", `"x` + escape + `"`, "\x02x" + string([]byte{byte(c)})},
			{"SPF", `"` + escape + `0" "` + escape + `"`, "\x02" + string([]byte{byte(c)}) + "0\x01" + string([]byte{byte(c)})},
			{"CAA", `0 t "` + escape + `"`, "\x00\x01t" + string([]byte{byte(c)})},
			{"NAPTR", `1 2 "` + escape + `" "" "` + escape + `1" .`,
				"\x00\x01\x00\x02\x01" + string([]byte{byte(c)}) + "\x00\x02" + string([]byte{byte(c)}) + "1\x00"},
			{"CNAME", escape + "x.", "\x02" + string([]byte{byte(c)}) + "x\x00"},
			{"SVCB", `1 . key667="` + escape + `"`, "\x00\x01\x00\x02\x9b\x00\x01" + string([]byte{byte(c)})},
			{"SVCB", "1 x" + escape + ".", "\x00\x01\x02x" + string([]byte{byte(c)}) + "\x00"},
			{"HINFO", `"` + escape + `" "x"`, "\x01" + string([]byte{byte(c)}) + "\x01x"},
		} {
			rrtype, _ := Type(test.rrtype)
			got, err := ParseValue(rrtype, test.value)
			if err != nil || string(got) != test.want {
				t.Errorf("ParseValue(%s, %q) = %q, %v; want %q", test.rrtype, test.value, got, err, test.want)
				continue
			}
			text, err := FormatValue(rrtype, got)
			if err != nil {
				t.Errorf("FormatValue(%s, %q): %v", test.rrtype, got, err)
				continue
			}
			again, err := ParseValue(rrtype, text)
			if err != nil || !bytes.Equal(again, got) {
				t.Errorf("%s %q -> %q -> %q, %v", test.rrtype, got, text, again, err)
			}
		}
	}
}

func TestLongText(t *testing.T) {
	whole := `"` + strings.Repeat("a", 255) + `"`
	got, err := ParseValue(dns.TypeTXT, whole+" "+whole)
	if err != nil || len(got) != 512 {
		t.Errorf("two strings of 255: %d bytes, %v", len(got), err)
	}
	escaped := `"` + strings.Repeat(`\000`, 255) + `"`
	got, err = ParseValue(dns.TypeTXT, escaped)
	if err != nil || !bytes.Equal(got, append([]byte{255}, make([]byte, 255)...)) {
		t.Errorf("255 escapes: %x, %v", got, err)
	}
	value := strings.TrimSpace(strings.Repeat(whole+" ", 256))
	_, err = ParseValue(dns.TypeTXT, value)
	if err == nil || !strings.Contains(err.Error(), "65536 bytes of rdata, more than 65535") {
		t.Errorf("256 strings of 255: %v", err)
	}
	_, err = ParseValue(dns.TypeCAA, `0 issue `+whole[:255]+strings.Repeat("b", 1000)+`"`)
	if err != nil {
		t.Errorf("a CAA value has no length: %v", err)
	}
}

func TestValueErrors(t *testing.T) {
	tests := []struct{ rrtype, value, want string }{
		{"A", "", "no address at position 1"},
		{"A", "192.0.2.256", `"192.0.2.256" is not an IPv4 address at position 1`},
		{"A", "::1", "is not an IPv4 address"},
		{"A", `"192.0.2.1"`, "is not an IPv4 address"},
		{"A", "192.0.2.1 192.0.2.2", `unexpected "192.0.2.2" at position 11`},
		{"A", `\# 3 0a0000`, "ends too early"},
		{"A", `\# 5 0a00000000`, "1 bytes too many"},
		{"AAAA", "192.0.2.1", "is not an IPv6 address"},
		{"AAAA", "fe80::1%eth0", "is not an IPv6 address"},
		{"CNAME", "", "no name at position 1"},
		{"CNAME", "a..b", `empty label at position 3, in a name that starts at position 1`},
		{"CNAME", "a b", `unexpected "b" at position 3`},
		{"CNAME", `"a.b"`, "name in quotation marks"},
		{"MX", "mail.example.com", `preference "mail.example.com" is not a number from 0 to 65535 at position 1`},
		{"MX", "10", "no mail server at position 3"},
		{"MX", "65536 a.", `preference "65536" is not a number from 0 to 65535`},
		{"MX", "-1 a.", `preference "-1" is not a number`},
		{"SRV", "1 2 a.", `port "a." is not a number`},
		{"SOA", "a. b. 1 2 3 4", "no minimum"},
		{"TXT", "", "no string"},
		{"TXT", `"a`, "string without closing quotation mark at position 1"},
		{"TXT", `"a\"`, "string without closing quotation mark"},
		{"TXT", `v=spf1 -all`, "several strings of which not all are in quotation marks at position 8"},
		{"TXT", `"a" b`, "several strings of which not all are in quotation marks at position 5"},
		{"TXT", `a"b"`, "quotation mark inside string at position 2"},
		{"TXT", `"` + strings.Repeat("a", 256) + `"`, "string of 256 bytes, more than 255, at position 2"},
		{"TXT", strings.Repeat("x", 300), strings.Repeat("x", 200) + `"...: string of 300 bytes`},
		{"TXT", `"a\400"`, `escape "\\400" is more than one byte at position 3`},
		{"TXT", `"a\9"`, `escape "\\9" is not of three octal digits at position 3`},
		{"TXT", `"a\188"`, `escape "\\188" is not of three octal digits`},
		{"TXT", `a\`, "backslash at the end"},
		{"CAA", "0 issue", "no value"},
		{"CAA", "256 issue x", "flags"},
		{"CAA", `0 "" x`, "tag in quotation marks"},
		{"CAA", `0 issue "a" "b"`, `unexpected "\"b\""`},
		{"NAPTR", `1 2 "u" "v" "r"`, "no replacement"},
		{"DS", "123 4 5 xyz", `digest "xyz" is not hexadecimal`},
		{"DS", "123 4 5", "no digest"},
		{"TLSA", "3 1 1 abc", "is not hexadecimal"},
		{"HTTPS", "", "no priority at position 1"},
		{"HTTPS", "x .", `priority "x" is not a number from 0 to 65535`},
		{"HTTPS", "1 . port=x", "port"},
		{"HTTPS", "1 . alpn=h2 ; port=1", `parameter: ";" is not a key at position 13`},
		{"HTTPS", "1 .\n. 0 IN A 192.0.2.1", "empty label at position 1"},
		{"HTTPS", `1 . alpn="h2`, "without closing quotation mark"},
		{"HINFO", "", "no CPU"},
		{"TYPE65280", `\#0 0`, `\# LENGTH HEX`},
		{"TYPE65280", `\#`, "no length"},
		{"TYPE65280", "x", `\# LENGTH HEX`},
		{"TYPE65280", `\# 2 00`, "1 bytes of data where the length says 2"},
		{"TYPE65280", `\# x 00`, `length "x" is not a number`},
		{"TYPE65280", `\# 1 0g`, "is not hexadecimal"},
	}
	for _, test := range tests {
		rrtype, _ := Type(test.rrtype)
		got, err := ParseValue(rrtype, test.value)
		prefix := fmt.Sprintf("%s value %s: ", test.rrtype, excerpt(test.value))
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), prefix) {
			t.Errorf("ParseValue(%s, %q) = %x, %v; want error with %q", test.rrtype, test.value, got, err, test.want)
		}
	}
}

func TestFormatValueErrors(t *testing.T) {
	tests := []struct{ rrtype, rdata, want string }{
		{"A", "\x01", "rdata of type A: ends too early"},
		{"A", "\x01\x02\x03\x04\x05", "1 bytes too many"},
		{"AAAA", "\x01\x02\x03\x04", "ends too early"},
		{"CNAME", "", "ends too early"},
		{"CNAME", "\x03ab", "ends too early"},
		{"CNAME", "\xc0\x00", "name with label of type 0xc0"},
		{"CNAME", strings.Repeat("\x01a", 128) + "\x00", "name of 257 bytes, more than 255"},
		{"MX", "\x00", "ends too early"},
		{"TXT", "", "ends too early"},
		{"TXT", "\x02a", "ends too early"},
		{"CAA", "\x00\x00x", "empty tag"},
		{"CAA", "\x00", "ends too early"},
		{"NAPTR", "\x00\x00\x00\x00\x05a", "ends too early"},
		{"SOA", "\x00\x00\x00", "ends too early"},
		{"DS", "\x00\x00\x00\x00", "ends too early"},
		{"HTTPS", "\x00", "rdata of type HTTPS: "},
		{"TYPE65280", strings.Repeat("a", 65536), "65536 bytes, more than 65535"},
	}
	for _, test := range tests {
		rrtype, _ := Type(test.rrtype)
		got, err := FormatValue(rrtype, []byte(test.rdata))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("FormatValue(%s, %q) = %q, %v; want error with %q", test.rrtype, test.rdata, got, err, test.want)
		}
	}
}

func TestType(t *testing.T) {
	for text, want := range map[string]uint16{
		"A": 1, "a": 1, "TXT": 16, "HTTPS": 65, "CAA": 257, "SPF": 99, "TYPE1": 1, "type65280": 65280, "TYPE0": 0,
	} {
		got, ok := Type(text)
		if !ok || got != want {
			t.Errorf("Type(%q) = %d, %t; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "X", "TYPE", "TYPE65536", "TYPE-1", "TYPE+1", "TYPE01", "None", "Reserved", "IN"} {
		got, ok := Type(text)
		if ok {
			t.Errorf("Type(%q) = %d", text, got)
		}
	}
	for number, want := range map[uint16]string{1: "A", 257: "CAA", 65280: "TYPE65280", 0: "TYPE0", 65535: "TYPE65535"} {
		if got := TypeText(number); got != want {
			t.Errorf("TypeText(%d) = %q; want %q", number, got, want)
		}
	}
	for number := range 1 << 16 {
		got, ok := Type(TypeText(uint16(number)))
		if !ok || got != uint16(number) {
			t.Fatalf("Type(TypeText(%d)) = %d, %t", number, got, ok)
		}
	}
}

var route53Types = []string{
	"A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "SSHFP", "SVCB", "TLSA",
	"TXT",
}

func FuzzParseValue(f *testing.F) {
	for _, seed := range []string{
		"192.0.2.1", "::1", "example.com", `\052.x.`, "10 a.b", "1 2 3 a.", `"a" "b\""`, `"\000\377"`, `0 issue "x"`,
		`1 2 "u" "v" "w" .`, "1 2 3 abcd", "1 2 abcd", "a. b. 1 2 3 4 5", `1 . alpn="h2" key7="\001"`, `\# 2 0001`,
	} {
		for i := range route53Types {
			f.Add(uint8(i), seed)
		}
	}
	f.Fuzz(func(t *testing.T, pick uint8, value string) {
		rrtype, _ := Type(route53Types[int(pick)%len(route53Types)])
		packed, err := ParseValue(rrtype, value)
		if err != nil {
			return
		}
		text, err := FormatValue(rrtype, packed)
		if err != nil {
			t.Fatalf("%q -> %x: %v", value, packed, err)
		}
		again, err := ParseValue(rrtype, text)
		if err != nil || !bytes.Equal(again, packed) {
			t.Fatalf("%q -> %x -> %q -> %x, %v", value, packed, text, again, err)
		}
		second, err := FormatValue(rrtype, again)
		if err != nil || second != text {
			t.Fatalf("%q, then %q, %v", text, second, err)
		}
		if rrtype == dns.TypeSVCB || rrtype == dns.TypeHTTPS {
			return // the library knows no mapped addresses
		}
		// What we pack, the library has to unpack.
		header := dns.RR_Header{Name: ".", Rrtype: rrtype, Class: dns.ClassINET, Rdlength: uint16(len(packed))}
		_, end, err := dns.UnpackRRWithHeader(header, packed, 0)
		if err != nil || end != len(packed) {
			t.Fatalf("%q -> %x: the library stops at %d: %v", value, packed, end, err)
		}
	})
}

func FuzzFormatValue(f *testing.F) {
	f.Add(uint16(1), []byte{1, 2, 3, 4})
	f.Add(uint16(16), []byte("\x02ab\x00"))
	f.Add(uint16(64), []byte("\x00\x01\x00\x00\x01\x00\x03\x02h2"))
	f.Add(uint16(29), []byte("\x00\x12\x16\x13\x8b\x0d\x2c\x8c\x7f\xf8\xfc\xa5\x00\x98\x96\x80"))
	f.Add(uint16(65280), []byte("x"))
	for rrtype := range dns.TypeToRR {
		f.Add(rrtype, []byte("\x00\x01\x00\x00\x00\x00"))
	}
	f.Fuzz(func(t *testing.T, rrtype uint16, packed []byte) {
		text, err := FormatValue(rrtype, packed)
		if err != nil {
			return
		}
		again, err := ParseValue(rrtype, text)
		if err != nil || !bytes.Equal(again, packed) {
			t.Fatalf("%s %x -> %q -> %x, %v", TypeText(rrtype), packed, text, again, err)
		}
	})
}

func TestRoute53TypesAreTypes(t *testing.T) {
	for _, text := range route53Types {
		rrtype, ok := Type(text)
		if !ok || TypeText(rrtype) != text {
			t.Errorf("Type(%s) = %d, %t", text, rrtype, ok)
		}
	}
	if !slices.IsSorted(route53Types) {
		t.Error("types out of order")
	}
}
